"""The spiking memory against plain Brian2 and against a dense C loop.

All contenders store the same patterns with the same rule. Their time is the CPU time of the time
loop, compared per event: a spike of a cell at each of its 2 (N - 1) connections in the full matrix,
whether a contender stores the full or the half matrix.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.common import PYTHON, Row, interleaved, patterns_of, process, row
from spikeconsol.consolidation import SpikingMemory, SpikingParameters, bounded
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.statistics import dice, mean_and_interval

#: Patterns that are stored at each size.
SIZES = {200: 100, 400: 60, 1000: 20, 2000: 8, 4000: 3}
OURS, PLAIN, DENSE = "spikeconsol", "Brian2 standalone", "dense C loop"


def run(quick: bool) -> list[Row]:
    """Time all sizes, interleaved; then the whole protocol, a large network and the capacity."""
    rows: list[Row] = []
    sizes = {n: SIZES[n] for n in ((200, 1000) if quick else SIZES)}
    repeats = 2 if quick else 3
    with tempfile.TemporaryDirectory() as folder:
        for n, count in sizes.items():
            print(f"spiking memory, N = {n} ...", file=sys.stderr, flush=True)
            rows += _size(n, count, Path(folder), repeats)
    print("spiking memory, whole protocol ...", file=sys.stderr, flush=True)
    rows += _whole(200, 700, 240, repeats)
    if not quick:
        rows += _whole(10_000, 3, 3, 1)
        rows += _capacity(seeds=range(100, 105))
    if shutil.which("nest") is None:
        print("NEST is not installed: not compared", file=sys.stderr)
    return rows


def _size(n: int, count: int, folder: Path, repeats: int) -> list[Row]:
    """All contenders at one size."""
    input_file, dense, plain = folder / f"patterns-{n}", folder / "dense", folder / f"plain-{n}"
    patterns_of(n, count).astype(np.uint8).tofile(input_file)
    source = Path(__file__).with_name("dense.c")
    options = ["-O3", "-ffast-math", "-march=native"]
    subprocess.run(["gcc", *options, source, "-lm", "-o", dense], check=True)
    built = process([PYTHON, "-m", "benchmarks.plain", "standalone", n, count, plain])["build"]
    ours_built = process([PYTHON, "-m", "benchmarks.ours", n, 1, 0])["build"]

    def plain_run() -> dict[str, float]:
        measured = process([plain / "main"], cwd=plain)
        measured["loop"] = float((plain / "results/last_run_info.txt").read_text().split()[0])
        measured["fixed"] = measured["cpu"] - measured["loop"]
        spikes = next((plain / "results").glob("_array_spikemonitor_N_*"))
        return measured | {"spikes": int(np.fromfile(spikes, np.int32)[0])}

    contenders = {
        OURS: lambda: process([PYTHON, "-m", "benchmarks.ours", n, count, 0]),
        PLAIN: plain_run,
        DENSE: lambda: process([dense, n, count, input_file]),
    }
    if n == 200:  # Brian2's runtime targets, with fewer patterns: they are compared per event
        for target, fewer in {"cython": 10, "numpy": 3}.items():
            command = [PYTHON, "-m", "benchmarks.plain", target, n, fewer]
            contenders[f"Brian2 {target}"] = lambda command=command: process(command)
    results = interleaved(contenders, repeats)
    rows = []
    for name, runs in results.items():
        rate = [2 * r["spikes"] * (n - 1) / r["loop"] for r in runs]
        rows.append(row("storage", name, "events per second", rate, "1/s", N=n))
        if name != OURS:
            ours = [2 * r["spikes"] * (n - 1) / r["loop"] for r in results[OURS]]
            ratio = np.array(ours) / np.array(rate)
            rows.append(row("storage", OURS, f"speed against {name}", ratio, "times", N=n))
        if name in (OURS, PLAIN):
            fixed = [r["fixed"] for r in runs]
            rows.append(row("storage", name, "start and end of a run", fixed, "s", N=n))
        if name in (OURS, PLAIN) and n >= 1000:
            memory = [r["bytes"] / n**2 for r in runs]
            rows.append(row("storage", name, "memory per neuron pair", memory, "bytes", N=n))
    for name, seconds in {OURS: ours_built, PLAIN: built}.items():
        if seconds > 0.5:  # else it was in the cache
            rows.append(row("storage", name, "cold build", [seconds], "s of CPU", N=n))
    return rows


def _whole(n: int, stored: int, recalled: int, repeats: int) -> list[Row]:
    """Time everything as a user sees it, in a new process with a warm cache."""
    process([PYTHON, "-m", "benchmarks.ours", n, 1, 0])
    runs = [process([PYTHON, "-m", "benchmarks.ours", n, stored, recalled]) for _ in range(repeats)]
    what = f"{stored} stored, {recalled} recalled"
    quantities = {
        "CPU, everything with Python": ("cpu", "s"),
        "wall clock, store": ("wall", "s"),
        "wall clock, recall": ("recall wall", "s"),
        "CPU, store": ("loop", "s"),
        "CPU, recall": ("recall", "s"),
        "wall clock, fixed cost of a run": ("fixed wall", "s"),
    }
    rows = [
        row(what, OURS, name, [r[key] for r in runs], unit, N=n)
        for name, (key, unit) in quantities.items()
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
                200, rule=bounded.BoundedCurvatureGate(), seed=seed, parameters=parameters
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
