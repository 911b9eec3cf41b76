"""What a user of the spiking memory waits for: builds, starts, the whole protocol; its capacity."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import PYTHON, Row, interleaved, process, row
from spikeconsol.consolidation import SpikingMemory, SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.statistics import dice, mean_and_interval

OURS, PLAIN = "spikeconsol", "Brian2 standalone"
OUR_PROGRAM, PLAIN_PROGRAM = ([PYTHON, "-m", f"benchmarks.{name}"] for name in ("ours", "plain"))

PROTOCOL = """
from spikeconsol.consolidation import SpikingMemory
from spikeconsol.consolidation.rules import BoundedCurvatureGate
from spikeconsol.data import sparse_patterns

memory = SpikingMemory({n}, rule=BoundedCurvatureGate(), seed=1)
patterns = sparse_patterns({stored}, {n}, coding_level=0.05, seed=1)
memory.store(patterns)
memory.recall(patterns[-{recalled}:])
"""
ONE_PATTERN = PROTOCOL.format(n=200, stored=1, recalled=1)
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
    """Time builds and starts; the whole protocol; measure the capacity."""
    repeats = 2 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        rows = _builds(Path(folder), repeats)
    rows += _starts(repeats + 2)
    rows += _whole(200, 700, 240, repeats)
    if not quick:
        rows += _whole(10_000, 3, 3, repeats)
        rows += _capacity(seeds=range(100, 105))
    return rows


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
    process([*OUR_PROGRAM, n, 1, 1])  # compiles
    protocol = PROTOCOL.format(n=n, stored=stored, recalled=recalled)
    whole = [process([PYTHON, "-c", protocol]) for _ in range(repeats)]
    runs = [process([*OUR_PROGRAM, n, stored, recalled]) for _ in range(repeats)]
    what = f"{stored} stored, {recalled} recalled"
    rows = [
        row(what, OURS, f"{name}, everything with Python", [r[key] for r in whole], "s", N=n)
        for name, key in (("CPU", "cpu"), ("wall clock", "wall"))
    ]
    quantities = {
        "CPU, fixed cost of a run": "fixed",
        "CPU, store": "loop",
        "CPU, recall": "recall",
        "wall clock, store": "store wall",
        "wall clock, recall": "recall wall",
        "wall clock, fixed cost of a run": "fixed wall",
    }
    rows += [
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
