"""Compute a saved result again and compare."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from rich.console import Console

from spikeconsol.lab import results
from spikeconsol.lab.cells import Cell
from spikeconsol.lab.runner import in_this_process, run_cells

__all__ = ["cell_of", "differences", "rerun"]


def cell_of(path: Path) -> Cell:
    """Return the cell that a result file was made from.

    Raises
    ------
    ResultError
        If the file cannot be used or does not say how it was made.
    """
    found = results.read_attributes(path)
    try:
        return Cell(
            experiment=found["experiment"],
            source=found["source"],
            values=found["parameters"],
            condition=found["condition"],
            seeds=tuple(json.loads(found["seeds"])),
            path=path,
            sweep=found["sweep"],
            command=found["command"],
        )
    except (KeyError, ValueError) as error:
        raise results.ResultError(f"{path}: does not say how it was made ({error})") from error


def rerun(path: Path, console: Console) -> tuple[list[str], list[str]]:
    """Compute a result again, in a temporary folder.

    Returns
    -------
    differences : list of str
        One line for each variable whose numbers differ; run times (``seconds...``) may.
    notes : list of str
        What differs in code, versions or machine.

    Raises
    ------
    ResultError
        If the file cannot be used or the computation fails.
    """
    cell = cell_of(path)
    with tempfile.TemporaryDirectory() as folder:
        again = replace(cell, path=Path(folder) / path.name)
        outcome = run_cells([again], in_this_process, resume=False, console=console)
        for reason in outcome.failed.values():
            raise results.ResultError(f"{path}: cannot be computed again: {reason}")
        new = results.load(again.path)
    old = results.load(path)
    notes = [
        f"{name}: {old.attrs.get(name)} then, {new.attrs[name]} now"
        for name in ("code", "revision", "versions", "python", "platform", "cpu")
        if old.attrs.get(name) != new.attrs[name]
    ]
    return differences(old, new), notes


def differences(old: xr.Dataset, new: xr.Dataset) -> list[str]:
    """Compare two results bit for bit, run times apart; one line for each difference."""
    found = []
    for name in sorted({*old.variables, *new.variables}, key=str):
        if str(name).startswith("seconds"):
            continue
        if name not in old.variables or name not in new.variables:
            found.append(f"{name}: only in the {'new' if name not in old.variables else 'old'} one")
            continue
        one, other = old.variables[name], new.variables[name]
        if one.dims != other.dims or one.shape != other.shape or one.dtype != other.dtype:
            found.append(f"{name}: {one.sizes} of {one.dtype}, now {other.sizes} of {other.dtype}")
        elif not one.identical(other):
            found.append(f"{name}: {_distance(one.values, other.values)}")
    return found


def _distance(one: np.ndarray, other: np.ndarray) -> str:
    if one.dtype.kind not in "biuf":
        return "other values"
    change = np.abs(one.astype(float) - other.astype(float))
    return f"{np.sum(one != other)} of {one.size} values, by {np.nanmax(change, initial=0):.3g}"
