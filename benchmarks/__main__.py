"""Run all benchmarks: ``python -m benchmarks [--quick] [NAME ...]``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util

from benchmarks.common import save, table

NAMES = ("spiking", "hopfield", "bottleneck", "metaplasticity")


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
        rows += importlib.import_module(f"benchmarks.{name}").run(options.quick)
    path = save(rows, quick=options.quick)
    print(table(rows))
    print(f"\n{path}")


if __name__ == "__main__":
    main()
