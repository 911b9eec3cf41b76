"""A cell: one result file, from what it is made and how it is made.

A cell is plain data, so that it can be sent to any process. The same function computes the cells
of a run, of a sweep and of a rerun.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shlex
import sys
import time
import traceback
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import xarray as xr

from spikeconsol.lab import results
from spikeconsol.lab.catalogue import code_version, find_experiment, source_hash
from spikeconsol.lab.experiment import Experiment
from spikeconsol.parameters import Parameters

__all__ = [
    "Cell",
    "attempt",
    "cells_of",
    "command_line",
    "compute",
    "discard_parts",
    "join",
    "one_thread",
    "parts",
    "state",
]


@dataclass(frozen=True)
class Cell:
    """One condition of one experiment with its parameters and seeds, and the file it goes to.

    Parameters
    ----------
    experiment : str
        Full name of the experiment.
    source : str
        Path of the user's own file that has the experiment; empty for installed models.
    values : str
        Parameters under dotted names, in SI units, as JSON (`results.canonical`).
    condition : str
        File stem of the condition.
    seeds : tuple of int
    path : pathlib.Path
        The result file.
    sweep : str, optional
        Where it stands in a sweep, as JSON: the design and the swept values.
    command : str, optional
        Command line that asked for it, written into the file.
    code : str, optional
        `code_version` of the experiment; a process that has other code refuses to compute it.
    """

    experiment: str
    source: str
    values: str
    condition: str
    seeds: tuple[int, ...]
    path: Path
    sweep: str = ""
    command: str = ""
    code: str = ""

    @property
    def error_path(self) -> Path:
        """File that keeps the traceback of a failed computation."""
        return self.path.with_suffix(".error.txt")

    @property
    def title(self) -> str:
        """What the cell is called while it is computed."""
        place = json.loads(self.sweep)["over"] if self.sweep else {}
        seeds = f"seed {self.seeds[0]}" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"
        return ", ".join(
            [*(f"{key}={value}" for key, value in place.items()), self.condition, seeds]
        )

    def open(self) -> tuple[Experiment, Parameters]:
        """Find the experiment and make its parameters.

        Raises
        ------
        ResultError
            If this process has other code than the cell asks for.
        """
        opened = _kept_open if self.code else _open
        return opened(self.source, self.experiment, self.values, self.code)


def _open(source: str, name: str, values: str, code: str) -> tuple[Experiment, Parameters]:
    experiment = find_experiment(name, source, code)
    if code and (own := code_version(name, source)) != code:
        raise results.ResultError(
            f"{name}: this process has the code {own}, {code} is asked for; "
            "start the workers again, or the sweep if its code has changed meanwhile"
        )
    return experiment, experiment.parameters().with_settings(json.loads(values))


#: The same, kept: what one version of the code makes of a cell is always the same.
_kept_open = functools.lru_cache(maxsize=64)(_open)


def cells_of(
    experiment: Experiment,
    source: str,
    parameters: Parameters,
    seeds: tuple[int, ...],
    level: str,
    folder: Path,
    *,
    sweep: str = "",
) -> list[Cell]:
    """Make the cells of an experiment: one for each condition, all in one folder.

    Raises
    ------
    ValueError
        If the experiment has no condition of that level.
    """
    code = code_version(experiment.name, source)
    conditions = experiment.conditions(parameters)
    chosen = [condition for condition in conditions if level in ("", condition.level)]
    if not chosen:
        levels = sorted({condition.level for condition in conditions if condition.level})
        raise ValueError(
            f"level: got {level!r}; allowed in {experiment.name}: {', '.join(levels) or 'none'}"
        )
    return [
        Cell(
            experiment=experiment.name,
            source=source,
            values=results.canonical(parameters.flat()),
            condition=condition.stem,
            seeds=seeds,
            path=folder / f"{condition.stem}.nc",
            sweep=sweep,
            command=command_line(),
            code=code,
        )
        for condition in chosen
    ]


def command_line() -> str:
    """Return the command line of this process, as it would be typed."""
    return shlex.join(["spikeconsol", *sys.argv[1:]])


def compute(cell: Cell) -> xr.Dataset:
    """Run a cell and return its result with all that is needed to run it again.

    Raises
    ------
    ValueError
        If the experiment's result lacks the dimension ``seed`` or one of its columns.
    """
    experiment, parameters = cell.open()
    condition = experiment.condition(cell.condition, parameters)
    started = datetime.now(UTC).isoformat(timespec="seconds")
    start = time.perf_counter()
    dataset = experiment.run(parameters, condition, cell.seeds)
    seconds = time.perf_counter() - start
    _check_result(dataset, experiment, cell)
    return dataset.assign_coords(seed=("seed", list(cell.seeds))).assign_attrs(
        {
            "experiment": cell.experiment,
            "source": cell.source,
            "condition": cell.condition,
            "name": condition.name,
            "level": condition.level,
            "label": condition.label or condition.name,
            "parameters": cell.values,
            "units": {
                name: field["unit"] for name, field in experiment.parameters.fields().items()
            },
            "columns": list(experiment.columns),
            "sweep": cell.sweep,
            "seeds": list(cell.seeds),
            "command": cell.command,
            "code": cell.code or code_version(cell.experiment, cell.source),
            "seconds": seconds,
            "started": started,
            **({"source_hash": source_hash(cell.source, loaded=True)} if cell.source else {}),
            **_compiler_flags(),
            **results.provenance(),
        }
    )


def attempt(cell: Cell, keep: bool = False) -> str:
    """Compute and save a cell; return "" or, where it failed, one line that says why.

    The traceback of a failure is kept beside the place of the result. With `keep`, a finished
    file that has meanwhile appeared in its place (made by another sweep) is left alone.
    """
    one_thread()
    try:
        if keep and state(cell) == "done":
            return ""
        dataset = compute(cell)
        _save(dataset, cell.path)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        with contextlib.suppress(OSError):
            cell.error_path.write_text(traceback.format_exc())
        return text
    cell.error_path.unlink(missing_ok=True)
    return ""


def _save(dataset: xr.Dataset, path: Path) -> None:
    """Save; once more if another sweep, which has just joined the pieces, removed their folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        results.save(dataset, path)
    except results.ResultError:
        if path.parent.exists():
            raise
        path.parent.mkdir(parents=True, exist_ok=True)
        results.save(dataset, path)


def parts(cell: Cell) -> list[Cell]:
    """Split a cell into the pieces that are computed apart: itself, or one for each seed."""
    experiment, _ = cell.open()
    if experiment.batched or len(cell.seeds) == 1:
        return [cell]
    folder = _parts_folder(cell)
    return [replace(cell, seeds=(seed,), path=folder / f"seed-{seed}.nc") for seed in cell.seeds]


def join(cell: Cell) -> None:
    """Put the finished pieces of a cell together into its result file."""
    try:
        pieces = [results.load(part.path) for part in parts(cell)]
    except results.ResultError:
        if state(cell) == "done":  # another sweep in this folder was faster
            discard_parts(cell)
            return
        raise
    names = [name for name, variable in pieces[0].variables.items() if "seed" in variable.dims]
    seeded = xr.concat(
        [piece[names] for piece in pieces],
        dim="seed",
        data_vars="minimal",
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    joined = seeded.assign({n: v for n, v in pieces[0].data_vars.items() if n not in names})
    results.save(
        joined[list(pieces[0].data_vars)],
        cell.path,
        {
            **pieces[0].attrs,
            "seeds": list(cell.seeds),
            "seconds": sum(piece.attrs["seconds"] for piece in pieces),
        },
    )
    discard_parts(cell)


def discard_parts(cell: Cell) -> None:
    """Remove the pieces of a cell, whatever their seeds."""
    folder = _parts_folder(cell)
    for path in [*folder.glob("seed-*.nc"), *folder.glob("seed-*.error.txt")]:
        path.unlink(missing_ok=True)
    for empty in (folder, folder.parent):
        with contextlib.suppress(OSError):
            empty.rmdir()


def state(cell: Cell) -> str:
    """Say what stands in a cell's place.

    Returns
    -------
    str
        ``"missing"``, ``"done"``, ``"failed"``, or why the file there is not this cell's:
        ``"damaged: ..."``, ``"other ..."``.
    """
    if not cell.path.exists():
        return "failed" if cell.error_path.exists() else "missing"
    try:
        found = results.read_attributes(cell.path)
    except results.ResultError as error:
        return f"damaged: {error}"
    wanted = {
        "experiment": cell.experiment,
        "condition": cell.condition,
        "parameters": cell.values,
        "seeds": list(cell.seeds),
        "code": cell.code or code_version(cell.experiment, cell.source),
    }
    for name, value in wanted.items():
        if str(found.get(name)) != str(value):
            return f"other {name}"
    return "done"


@functools.cache
def one_thread() -> None:
    """Hold numerical libraries to one thread in this process.

    Processes are what runs in parallel here; and sums do not depend on a number of threads.
    """
    import threadpoolctl

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    threadpoolctl.threadpool_limits(1)


def _parts_folder(cell: Cell) -> Path:
    return cell.path.parent / ".parts" / cell.path.stem


def _compiler_flags() -> dict[str, str]:
    """Targets, compiler and flags, where this process has run a network."""
    backend = sys.modules.get("spikeconsol.brian.backend")
    used = {} if backend is None else {"target": backend.targets_used}
    used |= {} if backend is None else {"compiler_flags": backend.standalone.flags_used}
    return {name: "; ".join(sorted(found)) for name, found in used.items() if found}


def _check_result(dataset: Any, experiment: Experiment, cell: Cell) -> None:
    where = f"{experiment.name}, {cell.condition}"
    if not isinstance(dataset, xr.Dataset) or dataset.sizes.get("seed") != len(cell.seeds):
        raise ValueError(
            f"{where}: run must return an xarray.Dataset whose dimension 'seed' has size "
            f"{len(cell.seeds)}"
        )
    for name in experiment.columns:
        if name not in dataset or dataset[name].dims != ("seed",):
            raise ValueError(f"{where}: the result lacks the column {name!r} of dims ('seed',)")
