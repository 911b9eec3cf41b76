"""Run all benchmarks, or some: ``python -m benchmarks [--quick] [NAME ...]``.

Prints the tables of docs/speed.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys

from benchmarks.common import ROOT, save, tables
from benchmarks.figure import draw

#: Modules with a function ``run(quick) -> list of rows``.
NAMES = (
    "storage",
    "spiking",
    "always_on",
    "hopfield",
    "bottleneck",
    "spiking_bottleneck",
    "metaplasticity",
    "laboratory",
)
#: Those that need what the project's environment does not have: run by name only.
BY_NAME = ("peers", "continual")


def main() -> None:
    known = (*NAMES, *BY_NAME)
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="fewer sizes and repeats")
    options = parser.parse_args()
    for name in options.names:
        if name not in known:
            parser.error(f"NAME: got {name!r}; allowed: {', '.join(known)}")
    rows = []
    for name in options.names or NAMES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").run(options.quick)
    history = save(rows, quick=options.quick)
    print(tables(rows))
    for written in (history, *draw(rows, ROOT / "docs/images/speed")):
        print(f"written: {written.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
