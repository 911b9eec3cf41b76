"""Run all benchmarks: ``python -m benchmarks [--quick] [NAME ...]``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import subprocess

from benchmarks.common import PYTHON, ROOT, save, table
from benchmarks.figure import draw

NAMES = ("spiking", "hopfield", "bottleneck", "metaplasticity", "laboratory")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [name for name in NAMES if importlib.util.find_spec(f"benchmarks.{name}")]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    options = parser.parse_args()
    for name in options.names:
        if name not in known:
            parser.error(f"NAME: got {name!r}; allowed: {', '.join(known)}")
    rows = []
    for name in options.names or known:
        if "def run(" in (path := ROOT / "benchmarks" / f"{name}.py").read_text():
            rows += importlib.import_module(f"benchmarks.{name}").run(options.quick)
        else:  # a script with tables of its own
            print(f"\n{path.relative_to(ROOT)}\n", flush=True)
            subprocess.run([PYTHON, path], cwd=ROOT, check=True)
    if rows:
        history = save(rows, quick=options.quick)
        print(table(rows))
        for written in (history, *draw(rows, ROOT / "docs/images/speed")):
            print(f"written: {written.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
