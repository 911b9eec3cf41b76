"""The stored stream in another simulator: ``make bench-peers``, which installs NEST.

NEST lives in an environment of its own, ``.venv-peers``. What differs from the memory's own job is
said in `nest_stdp.py`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.common import ROOT, Row, interleaved, process, row
from benchmarks.storage import (
    LAZY,
    OUR_PROGRAM,
    OURS,
    Contender,
    by_pattern,
    loop_in_c,
    patterns_file,
)

NEST = "NEST"
NEST_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
#: Patterns stored at each size, a twentieth of the cells active.
STORED = {1000: 10, 4000: 3}


def run(quick: bool) -> list[Row]:
    """Time storage here and in NEST."""
    if not NEST_PYTHON.exists():
        raise SystemExit(f"{NEST_PYTHON.parent.parent} has no NEST; make bench-peers installs it")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in (1000,) if quick else STORED:
            print(f"  N = {n} ...", file=sys.stderr, flush=True)
            rows += _size(n, STORED[n], folder)
    return rows


def _size(n: int, count: int, folder: Path) -> list[Row]:
    process([*OUR_PROGRAM, n, 1, 0])  # compiles
    contenders: dict[str, Contender] = {
        OURS: lambda: process([*OUR_PROGRAM, n, count, 0]),
        LAZY: loop_in_c(n, count, folder),
    }
    input_file = patterns_file(n, count, folder)
    program = Path(__file__).with_name("nest_stdp.py")
    contenders[NEST] = lambda: process([NEST_PYTHON, program, n, count, input_file])
    results = interleaved(contenders, 3)
    rows = by_pattern(results, count, n)
    for name, runs in results.items():
        spikes = [r["spikes"] / count for r in runs]
        rows.append(row("storage", name, "spikes of a pattern", spikes, "1", N=n))
        if "bytes of a pair" in runs[0]:
            pairs = [r["bytes of a pair"] for r in runs]
            rows.append(row("storage", name, "memory of an ordered pair", pairs, "bytes", N=n))
    return [entry | {"benchmark": "peers"} for entry in rows]
