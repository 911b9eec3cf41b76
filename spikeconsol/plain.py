"""Settings as plain data, for files: an object by its class and constants, and back again."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

import numpy as np

from spikeconsol.parameters import Declared, ParameterError
from spikeconsol.values import shown

__all__ = ["described", "remade", "remade_as_saved"]

_PACKAGE = __name__.partition(".")[0]


def described(value: Any) -> Any:
    """Return a setting as plain data: an object by its class and constants."""
    if hasattr(value, "described"):
        return value.described()
    if isinstance(value, Declared):
        names = [field.name for field in _fields(value)]
        return {
            "class": f"{type(value).__module__}:{type(value).__qualname__}",
            "constants": {name: described(getattr(value, name)) for name in names},
        }
    if isinstance(value, np.random.RandomState):
        return None  # the generator drawn from it is stored instead
    return json.loads(json.dumps(value, default=lambda number: number.item()))


def remade(value: Any, name: str) -> Any:
    """Return the setting that plain data describe.

    Raises
    ------
    ParameterError
        If it is an object of a class of the user's own, which must be given.
    """
    if isinstance(value, list):
        return tuple(value)
    if not isinstance(value, dict):
        return value
    module, _, kind = value["class"].partition(":")
    if module.partition(".")[0] != _PACKAGE:
        raise ParameterError(
            f"{name}: got nothing; allowed: the {kind} that was saved, as load(path, {name}=...)"
        )
    constants = {key: remade(inner, f"{name}.{key}") for key, inner in value["constants"].items()}
    made = getattr(importlib.import_module(module), kind, None)
    if not (isinstance(made, type) and issubclass(made, Declared)):  # a file calls nothing else
        raise ParameterError(f"{name}: got {kind}; allowed: a class of settings")
    return made(**constants)


def remade_as_saved(value: Any, name: str, given: Any) -> Any:
    """Return the setting that plain data describe, or the one that is given in its place.

    Raises
    ------
    ParameterError
        If the given one is another, or if none is given and it is of a class of the user's own.
    """
    if given is None:
        return remade(value, name)
    if described(given) != value:
        raise ParameterError(f"{name}: got {shown(given)}; allowed: {name} as saved")
    return given


def _fields(value: Declared) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(value) if dataclasses.is_dataclass(value) else ()
