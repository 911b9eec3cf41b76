"""Experiments of one model, which differ in few fields."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any, TypeVar

from spikeconsol.lab.experiment import Experiment

__all__ = ["columns", "family"]

Run = TypeVar("Run", bound=Callable[..., Any])


def family(prefix: str, **shared: Any) -> Callable[..., Experiment]:
    """Return what makes the experiments of one model, ``make(name, summary, conditions)``.

    Conditions are a function of the parameters, or the same for all parameters. A function may name
    the experiment, ``make(conditions, summary)``. A `run` says by its
    annotation what class of parameters it takes, and by `columns` what the table shows of it; what
    is given by name counts more.

    Parameters
    ----------
    prefix : str
        What the names begin with, for example ``"capacity/"``.
    **shared
        Fields of `Experiment`, which an experiment may replace. `seeds` may be their number, from
        100 on, and `demo` the settings of that preset, to which an experiment adds its own;
        `formerly` is what names began with in earlier versions.

    Examples
    --------
    >>> from spikeconsol.parameters import Parameters
    >>> @columns("x")
    ... def run(parameters: Parameters, condition, seeds): ...
    >>> make = family("toy/", run=run, demo={"cells": 9})
    >>> make("size", "against size", [], demo={"seeds": 2}).presets
    {'demo': {'cells': 9, 'seeds': 2}}
    """

    def make(name: Any, summary: str, conditions: Any = None, **fields: Any) -> Experiment:
        if conditions is None:
            name, conditions = name.__name__.replace("_", "-"), name
        demo = {**shared.get("demo", {}), **fields.get("demo", {})}
        said = {**_said(shared.get("run")), **shared, **_said(fields.get("run")), **fields}
        given = {"presets": {"demo": demo} if demo else {}, **said}
        given.pop("demo", None)
        if isinstance(given.get("seeds"), int):
            given["seeds"] = (100, given["seeds"])
        if "formerly" in given:
            given["formerly"] += name
        return Experiment(
            name=f"{prefix}{name}",
            summary=summary,
            conditions=conditions if callable(conditions) else lambda parameters: conditions,
            **given,
        )

    return make


def columns(*names: str) -> Callable[[Run], Run]:
    """Say at a `run` which of its variables the printed table shows: `Experiment.columns`."""

    def say(run: Run) -> Run:
        run.columns = names  # type: ignore[attr-defined]
        return run

    return say


def _said(run: Any) -> dict[str, Any]:
    """Return the fields of an experiment that its `run` says."""
    if run is None:
        return {}
    first, hints = next(iter(inspect.signature(run).parameters), ""), typing.get_type_hints(run)
    said = {"parameters": hints[first]} if first in hints else {}
    return said | ({"columns": run.columns} if hasattr(run, "columns") else {})
