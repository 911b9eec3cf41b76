"""The spiking memory against plain Brian2 and against a loop in C.

All contenders store the same patterns with the same rule. Their time is the CPU time of the time
loop, compared per event: a spike of a cell at each of its 2 (N - 1) connections in the full matrix,
whether a contender stores the full or the half matrix.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import PYTHON, Row, interleaved, patterns_of, process, row
from spikeconsol.consolidation import SpikingMemory, SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.statistics import dice, mean_and_interval

#: Patterns that are stored at each size.
SIZES = {200: 100, 400: 60, 1000: 20, 2000: 8, 4000: 3}
OURS, PLAIN, LAZY = "spikeconsol", "Brian2 standalone", "loop in C"
MEMORY = "peak memory per ordered pair"
OUR_PROGRAM, PLAIN_PROGRAM = ([PYTHON, "-m", f"benchmarks.{name}"] for name in ("ours", "plain"))

ONE_PATTERN = """
from spikeconsol.consolidation import SpikingMemory
from spikeconsol.consolidation.rules import BoundedCurvatureGate
from spikeconsol.data import sparse_patterns

memory = SpikingMemory(200, rule=BoundedCurvatureGate(), seed=1)
patterns = sparse_patterns(1, 200, coding_level=0.05, seed=1)
memory.store(patterns)
memory.recall(patterns)
"""
#: The same without what the process needed to get there; overrides the times of the process.
AGAIN = """
import json, os, time

def times():
    return sum(os.times()[:4]), time.perf_counter()

before, repeats = times(), 50
for _ in range(repeats):
    memory.store(patterns)
    memory.recall(patterns)
cpu, wall = ((after - start) / repeats for after, start in zip(times(), before))
print(json.dumps({"cpu": cpu, "wall": wall}))
"""


def run(quick: bool) -> list[Row]:
    """Time all sizes, interleaved; building and starting; the whole protocol; the capacity."""
    sizes = (200, 1000) if quick else tuple(SIZES)
    repeats = 2 if quick else 3
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            print(f"  storage, N = {n} ...", file=sys.stderr, flush=True)
            rows += _size(n, SIZES[n], Path(folder), repeats)
        rows += _marginal_memory(rows)
        print("  builds, starts, whole protocol ...", file=sys.stderr, flush=True)
        rows += _builds(Path(folder), repeats)
    rows += _starts(repeats + 2)
    rows += _whole(200, 700, 240, repeats)
    if not quick:
        rows += _whole(10_000, 3, 3, 1)
        rows += _capacity(seeds=range(100, 105))
    if shutil.which("nest") is None:
        print("NEST is not installed: not compared", file=sys.stderr)
    return rows


def _size(n: int, count: int, folder: Path, repeats: int) -> list[Row]:
    """All contenders at one size."""
    input_file, lazy, plain = folder / f"patterns-{n}", folder / "lazy", folder / f"plain-{n}"
    patterns_of(n, count).astype(np.uint8).tofile(input_file)
    source = Path(__file__).with_name("lazy.c")
    options = ["-O3", "-ffast-math", "-march=native"]
    subprocess.run(["gcc", *options, source, "-lm", "-o", lazy], check=True)
    process([*PLAIN_PROGRAM, "standalone", n, count, plain])  # compiles
    process([*OUR_PROGRAM, n, 1, 0])  # compiles

    def plain_run() -> dict[str, float]:
        measured = process([plain / "main"], cwd=plain)
        measured["fixed"] = measured["cpu"] - measured["loop"]
        spikes = next((plain / "results").glob("_array_spikemonitor_N_*"))
        return measured | {"spikes": int(np.fromfile(spikes, np.int32)[0])}

    contenders = {
        OURS: lambda: process([*OUR_PROGRAM, n, count, 0]),
        PLAIN: plain_run,
        LAZY: lambda: process([lazy, n, count, input_file]),
    }
    if n == 200:  # Brian2's runtime targets, with fewer patterns: they are compared per event
        for target, fewer in {"cython": 10, "numpy": 3}.items():
            command = [*PLAIN_PROGRAM, target, n, fewer]
            contenders[f"Brian2 {target}"] = lambda command=command: process(command)
    results = interleaved(contenders, repeats)
    events = {
        name: np.array([2e-6 * r["spikes"] * (n - 1) / r["loop"] for r in runs])
        for name, runs in results.items()
    }
    rows = []
    for name, rate in events.items():
        rows.append(row("storage", name, "events", rate, "10⁶/s", N=n))
    for name, rate in events.items():
        if name != OURS:
            rows.append(
                row("storage", OURS, f"faster than {name}", events[OURS] / rate, "times", N=n)
            )
    for name in (OURS, PLAIN):
        fixed = [r["fixed"] for r in results[name]]
        rows.append(row("storage", name, "start and end of a run", fixed, "s", N=n))
    for name in (OURS, PLAIN):
        if n >= 1000:
            memory = [r["bytes"] / n**2 for r in results[name]]
            rows.append(row("storage", name, MEMORY, memory, "bytes", N=n))
    return rows


def _marginal_memory(rows: Sequence[Row]) -> list[Row]:
    """Memory that every further ordered pair takes, from one size to the next."""
    found = []
    for name in (OURS, PLAIN):
        own = [e for e in rows if e["contender"] == name and e["quantity"] == MEMORY]
        pairs = np.array([float(e["N"]) ** 2 for e in own])  # type: ignore[arg-type]
        slopes = np.diff(pairs * [float(e["value"]) for e in own]) / np.diff(pairs)  # type: ignore[arg-type]
        for entry, slope in zip(own[1:], slopes, strict=True):
            what = "peak memory per further ordered pair"
            found.append(row("storage", name, what, [slope], "bytes", N=entry["N"]))
    return found


def _builds(folder: Path, repeats: int) -> list[Row]:
    """Time a first run, which compiles, from an empty cache: all processes together."""

    def empty() -> str:
        return tempfile.mkdtemp(dir=folder)

    contenders = {
        OURS: lambda: process([*OUR_PROGRAM, 200, 1, 0], SPIKECONSOL_CACHE=empty()),
        PLAIN: lambda: process([*PLAIN_PROGRAM, "standalone", 200, 1, empty()]),
    }
    return [
        row("first run, which compiles", name, quantity, [r[key] for r in runs], "s")
        for name, runs in interleaved(contenders, repeats).items()
        for key, quantity in (("cpu", "CPU"), ("wall", "wall clock"))
    ]


def _starts(repeats: int) -> list[Row]:
    """Time one pattern stored and recalled by a compiled program: nothing but fixed costs."""
    contenders = {
        "a new process": lambda: process([PYTHON, "-c", ONE_PATTERN]),
        "the same process again": lambda: process([PYTHON, "-c", ONE_PATTERN + AGAIN]),
        "import of NumPy alone": lambda: process([PYTHON, "-c", "import numpy"]),
        "import of NumPy and spikeconsol": lambda: process(
            [PYTHON, "-c", "import numpy, spikeconsol"]
        ),
    }
    process([PYTHON, "-c", ONE_PATTERN])  # compiles
    return [
        row("one pattern stored and recalled", name, quantity, [r[key] for r in runs], "s")
        for name, runs in interleaved(contenders, repeats).items()
        for key, quantity in (("cpu", "CPU"), ("wall", "wall clock"))
    ]


def _whole(n: int, stored: int, recalled: int, repeats: int) -> list[Row]:
    """Time everything as a user sees it, in a new process with a warm cache."""
    process([*OUR_PROGRAM, n, 1, 0])
    runs = [process([*OUR_PROGRAM, n, stored, recalled]) for _ in range(repeats)]
    quantities = {
        "CPU, everything with Python": "cpu",
        "wall clock, everything with Python": "wall",
        "CPU, store": "loop",
        "CPU, recall": "recall",
        "wall clock, store": "store wall",
        "wall clock, recall": "recall wall",
        "wall clock, fixed cost of a run": "fixed wall",
    }
    what = f"{stored} stored, {recalled} recalled"
    rows = [
        row(what, OURS, name, [r[key] for r in runs], "s", N=n) for name, key in quantities.items()
    ]
    if n >= 1000:
        peak = [r["bytes"] / 1e9 for r in runs]
        rows.append(row(what, OURS, "peak memory of the program", peak, "GB", N=n))
    return rows


def _capacity(seeds: range) -> list[Row]:
    """Recall of the newest 240 of 700 patterns, with all savings and with none of them."""
    variants = {
        OURS: SpikingParameters(),
        "full matrix, double precision": SpikingParameters(symmetric=False, precision="double"),
    }
    recalled: dict[str, list[float]] = {name: [] for name in variants}
    for seed in seeds:
        patterns = sparse_patterns(700, 200, coding_level=0.05, seed=seed)
        newest = patterns[-240:]
        cues = corrupt(newest, deleted=0.2, added=0.0, seed=seed)
        for name, parameters in variants.items():
            memory = SpikingMemory(
                200, rule=BoundedCurvatureGate(), seed=seed, parameters=parameters
            )
            memory.store(patterns)
            recalled[name].append(float(np.sum(dice(memory.recall(cues), newest) >= 0.9)))
    rows = [
        row("capacity", name, "patterns recalled of the newest 240", values, "patterns", N=200)
        for name, values in recalled.items()
    ]
    pairs = np.diff(list(recalled.values()), axis=0)[0]
    for entry, values in zip(rows, recalled.values(), strict=True):
        mean, interval = mean_and_interval(values)
        entry |= {"mean": float(mean), "interval": float(interval)}
        mean, interval = mean_and_interval(pairs)
        entry |= {"difference": float(mean), "difference interval": float(interval)}
    return rows
