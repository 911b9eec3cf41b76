"""Storage and recall of the spiking memory against a loop in C, Brian2 and an earlier version.

All contenders store the same patterns with the same rule in the same cells. Their time is the CPU
time of the time loop: building, starting and ending are taken off and told apart.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import PYTHON, ROOT, Row, interleaved, patterns_of, process, row

#: Patterns stored and recalled with twentieths of all cells active, and rounds.
DENSE = {200: (400, 100, 9), 1000: (20, 10, 3), 4000: (4, 4, 3)}
#: Patterns stored with ten cells active.
SPARSE = {1000: 60, 2000: 40, 4000: 30, 8000: 20}
OURS, FIRST, PLAIN, LAZY = (
    "spikeconsol",
    "version of 24 November",
    "Brian2 standalone",
    "loop in C",
)
#: Last version that visited every pair of cells, and every synapse of a cell that fired.
FIRST_COMMIT = "4e613b1"
OUR_PROGRAM, PLAIN_PROGRAM = ([PYTHON, "-m", f"benchmarks.{name}"] for name in ("ours", "plain"))
MEMORY = "peak memory per ordered pair"

Contender = Callable[[], dict[str, float]]


def run(quick: bool) -> list[Row]:
    """Time storage and recall, interleaved; memory and time against the number of cells."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        earlier = first_version(folder / "first")
        for n in (200, 1000) if quick else DENSE:
            print(f"  N = {n} ...", file=sys.stderr, flush=True)
            rows += _dense(n, folder, earlier)
        rows += _marginal_memory(rows)
        if not quick:
            rows += _growth(folder)
    return rows


def first_version(folder: Path) -> Path | None:
    """Unpack the earlier version from the repository's history, if it is there."""
    command = ["git", "archive", FIRST_COMMIT, "benchmarks", "spikeconsol", "pyproject.toml"]
    archive = subprocess.run(command, cwd=ROOT, capture_output=True)
    if archive.returncode:
        print(f"no history with {FIRST_COMMIT}: {FIRST} is not compared", file=sys.stderr)
        return None
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
        files.extractall(folder, filter="data")
    return folder


def patterns_file(n: int, count: int, folder: Path, active: int | None = None) -> Path:
    """Write patterns, a byte for each cell."""
    file = folder / f"patterns-{n}-{count}-{active}"
    patterns_of(n, count, active).astype(np.uint8).tofile(file)
    return file


def loop_in_c(n: int, count: int, folder: Path, active: int | None = None) -> Contender:
    """Compile the loop."""
    input_file, binary = patterns_file(n, count, folder, active), folder / "lazy"
    source = Path(__file__).with_name("lazy.c")
    options = ["-O3", "-ffast-math", "-march=native"]
    subprocess.run(["gcc", *options, source, "-lm", "-o", binary], check=True)
    return lambda: process([binary, n, count, input_file])


def plain_brian2(n: int, count: int, folder: Path) -> Contender:
    """Compile the program of plain Brian2."""
    plain = folder / f"plain-{n}"
    process([*PLAIN_PROGRAM, "standalone", n, count, plain])

    def run() -> dict[str, float]:
        measured = process([plain / "main"], cwd=plain)
        measured["fixed"] = measured["cpu"] - measured["loop"]
        spikes = next((plain / "results").glob("_array_spikemonitor_N_*"))
        return measured | {"spikes": int(np.fromfile(spikes, np.int32)[0])}

    return run


def by_pattern(
    results: Mapping[str, Sequence[Mapping[str, float]]], count: int, n: int
) -> list[Row]:
    """Milliseconds that each contender stores a pattern in, and how many times ours is as fast."""
    times = {
        name: 1e3 / count * np.array([r["loop"] for r in runs]) for name, runs in results.items()
    }
    rows = [row("storage", name, "CPU of a pattern", own, "ms", N=n) for name, own in times.items()]
    rows += [
        row("storage", OURS, f"faster than {name}", own / times[OURS], "times", N=n)
        for name, own in times.items()
        if name != OURS
    ]
    return rows


def _dense(n: int, folder: Path, earlier: Path | None) -> list[Row]:
    """All contenders at one size."""
    stored, recalled, rounds = DENSE[n]
    words = [*OUR_PROGRAM, n, stored, recalled]
    contenders: dict[str, Contender] = {OURS: lambda: process(words)}
    process([*OUR_PROGRAM, n, 1, 1])  # compiles
    if earlier is not None:
        process([*OUR_PROGRAM, n, 1, 1], earlier, PYTHONPATH=earlier)
        contenders[FIRST] = lambda: process(words, earlier, PYTHONPATH=earlier)
    if n == 1000:
        contenders[PLAIN] = plain_brian2(n, stored, folder)
    contenders[LAZY] = loop_in_c(n, stored, folder)
    results = interleaved(contenders, rounds)
    rows = by_pattern(results, stored, n)
    ours = np.array([r["recall"] for r in results[OURS]])
    rows.append(row("recall", OURS, "CPU of a pattern", 1e3 / recalled * ours, "ms", N=n))
    if earlier is not None:
        then = np.array([r["recall"] for r in results[FIRST]])
        rows.append(row("recall", FIRST, "CPU of a pattern", 1e3 / recalled * then, "ms", N=n))
        rows.append(row("recall", OURS, f"faster than {FIRST}", then / ours, "times", N=n))
    for name in (OURS, FIRST, PLAIN):
        fixed = [r["fixed"] for r in results.get(name, ())]
        memory = [r["bytes"] / n**2 for r in results.get(name, ())]
        if fixed:
            rows.append(row("storage", name, "start and end of a run", fixed, "s", N=n))
        if memory and n >= 1000:
            rows.append(row("storage", name, MEMORY, memory, "bytes", N=n))
    return rows


def _marginal_memory(rows: Sequence[Row]) -> list[Row]:
    """Memory that every further ordered pair takes, from one size to the next."""
    found = []
    for name in (OURS, FIRST):
        own = [e for e in rows if e["contender"] == name and e["quantity"] == MEMORY]
        pairs = np.array([float(e["N"]) ** 2 for e in own])  # type: ignore[arg-type]
        slopes = np.diff(pairs * [float(e["value"]) for e in own]) / np.diff(pairs)  # type: ignore[arg-type]
        for entry, slope in zip(own[1:], slopes, strict=True):
            what = "peak memory per further ordered pair"
            found.append(row("storage", name, what, [slope], "bytes", N=entry["N"]))
    return found


def _growth(folder: Path) -> list[Row]:
    """Time of a pattern of ten active cells against the number of cells, and its exponent."""
    rows = []
    loops: dict[str, list[np.ndarray]] = {OURS: [], LAZY: []}
    for n, count in SPARSE.items():
        print(f"  N = {n}, 10 active ...", file=sys.stderr, flush=True)
        process([*OUR_PROGRAM, n, 1, 0, 10])  # compiles
        results = interleaved(
            {
                OURS: lambda n=n, count=count: process([*OUR_PROGRAM, n, count, 0, 10]),
                LAZY: loop_in_c(n, count, folder, active=10),
            },
            3,
        )
        for name, runs in results.items():
            times = 1e3 / count * np.array([r["loop"] for r in runs])
            loops[name].append(times)
            rows.append(row("storage, k = 10", name, "CPU of a pattern", times, "ms", N=n))
    for name, times in loops.items():
        slopes = np.polyfit(np.log(list(SPARSE)), np.log(times), 1)[0]
        what = "exponent of the time in N"
        rows.append(row("storage, k = 10", name, what, slopes, "1", task="all sizes"))
    return rows
