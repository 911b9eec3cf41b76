"""Experiments of one model, which differ in few fields."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

from spikeconsol.lab.experiment import Experiment

__all__ = ["family"]


def family(prefix: str, **shared: Any) -> Callable[..., Experiment]:
    """Return what makes the experiments of one model, ``make(name, summary, conditions)``.

    Conditions are a function of the parameters, or the same for all parameters. The class of the
    parameters is the one that `run` is annotated to take, unless `parameters` names another.

    Parameters
    ----------
    prefix : str
        What the names begin with, for example ``"capacity/"``.
    **shared
        Fields of `Experiment`, which an experiment may replace. `seeds` may be their number, from
        100 on, and `demo` the settings of that preset, to which an experiment adds its own.

    Examples
    --------
    >>> from spikeconsol.parameters import Parameters
    >>> def run(parameters: Parameters, condition, seeds): ...
    >>> make = family("toy/", run=run, columns=("x",), demo={"cells": 9})
    >>> make("size", "against size", [], demo={"seeds": 2}).presets
    {'demo': {'cells': 9, 'seeds': 2}}
    """

    def make(name: str, summary: str, conditions: Any, **fields: Any) -> Experiment:
        demo = {**shared.get("demo", {}), **fields.get("demo", {})}
        given = {"presets": {"demo": demo} if demo else {}, **shared, **fields}
        given.pop("demo", None)
        if "parameters" not in given:
            given["parameters"] = next(iter(typing.get_type_hints(given["run"]).values()), None)
        if isinstance(given.get("seeds"), int):
            given["seeds"] = (100, given["seeds"])
        return Experiment(
            name=f"{prefix}{name}",
            summary=summary,
            conditions=conditions if callable(conditions) else lambda parameters: conditions,
            **given,
        )

    return make
