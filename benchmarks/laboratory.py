"""The laboratory: what a cell costs beside its computation, and what a second worker brings.

Cells are those of `benchmarks.cells`. CPU times are those of the whole command with its workers;
the speed of two workers is a ratio of wall-clock times, beside what two processes without any
laboratory reach on the same machine at the same time.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import cells
from benchmarks.common import PYTHON, ROOT, Row, cpu_of, interleaved, process, row

TRIVIAL = 100
OURS, PLAIN = "spikeconsol", "two plain processes"


def run(quick: bool) -> list[Row]:
    """Measure the overhead of a cell and the speed of two workers."""
    print("laboratory, overhead of a cell ...", file=sys.stderr, flush=True)
    rows = _overhead(repeats=2 if quick else 3)
    print("laboratory, two workers ...", file=sys.stderr, flush=True)
    return rows + _two_workers(count=10 if quick else 20, repeats=1 if quick else 3)


def _overhead(repeats: int) -> list[Row]:
    """Many trivial cells against one, and against the bare function."""
    contenders = {"one": lambda: _sweep(1, 0, 1), "many": lambda: _sweep(TRIVIAL + 1, 0, 1)}
    found = interleaved(contenders, repeats)
    work = cells.Work()
    bare = min(cpu_of(lambda: cells.run(work, cells.conditions(work)[0], (0,))) for _ in range(100))
    rows, what = [], f"sweep of {TRIVIAL} cells"
    for clock in ("cpu", "wall"):
        one, many = (np.array([r[clock] for r in found[name]]) for name in contenders)
        name = {"cpu": "CPU", "wall": "wall clock"}[clock]
        more = ((many - one) / TRIVIAL - bare) * 1e3
        whole = (many / TRIVIAL - bare) * 1e3
        rows += [
            row(
                f"sweep of {TRIVIAL} cells",
                OURS,
                f"{name} over the bare function",
                more,
                "ms a cell",
            ),
            row(
                f"sweep of {TRIVIAL} cells", OURS, f"{name} with start and end", whole, "ms a cell"
            ),
        ]
    writing = [1e3 * cpu_of(_write) for _ in range(200)]
    return [
        *rows,
        row(what, "xarray", "CPU of writing NetCDF", writing, "ms a cell"),
    ]


def _two_workers(count: int, repeats: int) -> list[Row]:
    """Compute the same cells by one and by two workers, and by plain processes."""
    draws = round(0.5 / min(cpu_of(lambda: _compute(1, 1000)) for _ in range(5)) * 1000)
    contenders: dict[str, Callable[[], dict[str, float]]] = {
        "one worker": lambda: _sweep(count, draws, 1),
        "two workers": lambda: _sweep(count, draws, 2),
        "one process": lambda: _plain(count, draws, 1),
        "two processes": lambda: _plain(count, draws, 2),
    }
    wall = {
        name: np.array([r["wall"] for r in found])
        for name, found in interleaved(contenders, repeats).items()
    }
    what = f"{count} cells of half a second"
    return [
        row(
            what,
            OURS,
            "speed of two against one",
            wall["one worker"] / wall["two workers"],
            "times",
        ),
        row(
            what,
            PLAIN,
            "speed of two against one",
            wall["one process"] / wall["two processes"],
            "times",
        ),
    ]


def _write() -> None:
    """Write what a trivial cell gives, without attributes, to memory."""
    work = cells.Work()
    dataset = cells.run(work, cells.conditions(work)[0], (0,)).assign_coords(seed=("seed", [0]))
    dataset.to_netcdf(engine="h5netcdf")


def _sweep(count: int, draws: int, workers: int) -> dict[str, float]:
    """Run a sweep from the command line."""
    with tempfile.TemporaryDirectory() as folder:
        command = [PYTHON, "-c", "from spikeconsol.lab.cli import main; main()"]
        command += ["sweep", str(Path(cells.__file__)), "--over", f"cell=1:{count}:1"]
        command += ["--set", f"draws={draws}", "--workers", str(workers), "--out", folder]
        started = time.perf_counter()
        measured = process(command)
        return measured | {"wall": time.perf_counter() - started}


def _plain(count: int, draws: int, processes: int) -> dict[str, float]:
    """Compute cells in processes that share nothing."""
    code = f"from benchmarks.laboratory import _compute; _compute({count // processes}, {draws})"
    started = time.perf_counter()
    running = [subprocess.Popen([PYTHON, "-c", code], cwd=ROOT) for _ in range(processes)]
    if max(child.wait() for child in running):
        raise RuntimeError("a plain process failed")
    return {"wall": time.perf_counter() - started}


def _compute(count: int, draws: int) -> None:
    work = cells.Work(draws=draws)
    for seed in range(count):
        cells.run(work, cells.conditions(work)[0], (seed,))
