"""Compute a saved result again and compare."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console

from spikeconsol.lab import results
from spikeconsol.lab.catalogue import source_hash
from spikeconsol.lab.cells import Cell
from spikeconsol.lab.runner import in_this_process, run_cells
from spikeconsol.values import printable

__all__ = ["cell_of", "differences", "rerun", "trusted_source"]


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
    except (KeyError, ValueError, TypeError) as error:
        raise results.ResultError(f"{path}: does not say how it was made ({error})") from error


def trusted_source(path: Path, *, trust: bool, source: Path | None) -> str:
    """Decide which Python file computes a result again.

    Parameters
    ----------
    path : pathlib.Path
        Result file.
    trust : bool
        Run the file that the result names.
    source : pathlib.Path or None
        Run this file in its place.

    Returns
    -------
    str
        Path of the user's own file; empty for installed models.

    Raises
    ------
    ResultError
        If the result names a file and nothing says that it may be run.
    """
    found = results.read_attributes(path)
    named = printable(str(found.get("source", "")))
    if source is not None:
        if not named:
            raise results.ResultError(f"source: got {source}; {path} is of an installed model")
        return str(source.resolve())
    if not named or (trust and Path(named).is_absolute()):
        return str(found.get("source", ""))
    if not Path(named).is_absolute():
        raise results.ResultError(
            f"{path}: names the file {named}, not saying where it lies; give it as --source FILE"
        )
    hashed = found.get("source_hash")
    if not Path(named).is_file():
        state = "it does not exist here"
    elif hashed is None:
        state = "the result does not say what was in it"
    else:
        same = hashed == source_hash(named)
        state = "as it was" if same else "it, or what it imports, has changed since"
    raise results.ResultError(
        f"{path}: would run {named} ({state}); look at it, then give --trust, "
        "or your own file as --source FILE"
    )


def rerun(
    path: Path,
    console: Console,
    *,
    trust: bool = False,
    source: Path | None = None,
    large: bool = False,
) -> tuple[list[str], list[str]]:
    """Compute a result again, in a temporary folder.

    Parameters
    ----------
    path : pathlib.Path
        Result file.
    console : rich.console.Console
    trust, source
        As for `trusted_source`.
    large : bool, optional
        As for `results.load`.

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
    cell = replace(cell_of(path), source=trusted_source(path, trust=trust, source=source))
    old = results.load(path, large=large)
    with tempfile.TemporaryDirectory() as folder:
        again = replace(cell, path=Path(folder) / path.name)
        outcome = run_cells([again], in_this_process, resume=False, console=console)
        for reason in outcome.failed.values():
            raise results.ResultError(f"{path}: cannot be computed again: {reason}")
        new = results.load(again.path, large=large)
    return differences(old, new), _notes(old.attrs, new.attrs)


def _notes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What may explain a difference, a line for each."""
    changes: dict[str, tuple[Any, Any]] = {
        name: (old.get(name, "unknown"), new.get(name, "unknown"))
        for name in (
            *("code", "source_hash", "revision", "python", "platform", "cpu"),
            *("compiler_flags", "target"),
        )
        if name in old or name in new
    }
    before, now = (json.loads(found.get("versions", "{}")) for found in (old, new))
    for name in sorted({*before, *now}):
        changes[name] = (before.get(name, "not installed"), now.get(name, "not installed"))
    return [
        f"{name}: {printable(str(then))} then, {printable(str(later))} now"
        for name, (then, later) in changes.items()
        if then != later
    ]


def differences(old: xr.Dataset, new: xr.Dataset) -> list[str]:
    """Compare two results bit for bit, run times apart; one line for each difference."""
    found = []
    for name in sorted({*old.variables, *new.variables}, key=str):
        if str(name).startswith("seconds"):
            continue
        if name not in old.variables or name not in new.variables:
            which = "new" if name not in old.variables else "old"
            found.append(f"{printable(str(name))}: only in the {which} one")
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
