"""Frozen parameter classes that refuse unknown and impossible values.

A parameter class is a frozen dataclass whose fields carry their unit and their allowed range::

    @dataclass(frozen=True)
    class Membrane(Parameters):
        time_constant: float = parameter("10 ms", above=0, doc="membrane time constant")
        cells: int = parameter(200, at_least=1, doc="number of cells")

    @dataclass(frozen=True)
    class Slow(Membrane, time_constant="50 ms"):  # the same parameters, another default
        pass

    Membrane(time_constant="10 ms")        # text with a unit
    Membrane(time_constant=10 * ms)        # a Brian2 quantity
    Membrane().with_settings({"cells": "400"})

Values with a unit are kept as plain floats in SI units, so that saved parameters and compiled
networks can be read without importing Brian2.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import hashlib
import json
import typing
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

from spikeconsol.values import (
    UNITS,
    ParameterError,
    checked,
    in_si,
    parsed,
    shown,
    to_si,
    unit_of,
)

__all__ = ["Declared", "ParameterError", "Parameters", "in_si", "parameter"]


def parameter(
    default: Any = dataclasses.MISSING,
    *,
    doc: str,
    unit: str | None = None,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """Declare one field of a `Parameters` class.

    Parameters
    ----------
    default : object, optional
        Default value; a field without one is required.
    doc : str
        One line that says what the value is.
    unit : {"1", "second", "hertz", "volt", "amp", "siemens", "farad", "ohm", "metre"}, optional
        Dimension of the value; that of the default, where this is text with a unit. Anything but
        ``"1"`` must be given with its unit.
    above, at_least, below, at_most : float, optional
        Allowed range, in SI units. For tuples it holds for every element.
    choices : tuple, optional
        The only allowed values.
    """
    if unit is None:
        unit = unit_of(default) if choices is None else "1"
    if unit not in UNITS:
        raise ValueError(f"unit: got {unit!r}; allowed: {', '.join(UNITS)}")
    if unit != "1" and isinstance(default, str):
        default = to_si(default, unit, "default")
    if not isinstance(doc, str):
        raise ParameterError(f"doc: got {shown(doc)}; allowed: text")
    if not isinstance(choices, tuple | None):
        raise ParameterError(f"choices: got {shown(choices)}; allowed: a tuple")
    bounds = {"above": above, "at_least": at_least, "below": below, "at_most": at_most}
    for name, bound in bounds.items():
        if bound is not None and not (isinstance(bound, int | float) and bound == bound):
            raise ParameterError(f"{name}: got {shown(bound)}; allowed: a number")
    metadata = {"doc": doc, "unit": unit, **bounds, "choices": choices}
    if isinstance(default, Parameters):
        # Frozen, hence safe to share between instances.
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class Declared:
    """What dataclasses with declared fields can do: `Parameters`, and objects that also act.

    Keywords of a class statement are other defaults of inherited fields.

    Raises
    ------
    ParameterError
        If a value has the wrong type, the wrong dimension or lies outside its range, or if a class
        gives a default to a field that it has not inherited.
    """

    #: Names of earlier versions, or of groups of them, and what is there now.
    _formerly: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls, **defaults: Any) -> None:
        super().__init_subclass__()
        for name, value in defaults.items():
            inherited = {field.name: field for field in _fields(cls)}
            if name not in inherited:
                raise ParameterError(unknown_name(name, list(inherited), cls.__name__))
            setattr(cls, name, parameter(value, **inherited[name].metadata))
            cls.__annotations__[name] = _hints(cls.__mro__[1])[name]

    def __post_init__(self) -> None:
        hints = _hints(type(self))
        for field in _fields(self):
            value = checked(getattr(self, field.name), hints[field.name], field)
            object.__setattr__(self, field.name, value)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises
        ------
        ParameterError
            If a field does not exist (with the nearest names) or its value is not allowed.
        """
        names = [field.name for field in _fields(self)]
        for name in changes:
            if name not in names:
                raise ParameterError(unknown_name(name, names, type(self).__name__))
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]

    def with_settings(self, settings: Mapping[str, Any]) -> Self:
        """Return a copy with settings such as ``{"rule.protection_time": "150"}`` applied.

        Names are dotted paths into nested parameter classes; text is read according to the
        type and unit of its field.

        Raises
        ------
        ParameterError
            If a name does not exist (with the nearest names) or its value is not allowed.
        """
        known = self.flat()
        nested: dict[str, dict[str, Any]] = {}
        changes: dict[str, Any] = {}
        for name, value in settings.items():
            if name not in known:
                raise ParameterError(
                    self._moved(name) or unknown_name(name, list(known), type(self).__name__)
                )
            head, _, rest = name.partition(".")
            if rest:
                nested.setdefault(head, {})[rest] = value
            else:
                field = next(field for field in _fields(self) if field.name == head)
                hint = _hints(type(self))[head]
                # A number typed without its unit is refused: 10 could be seconds or milliseconds.
                if field.metadata.get("unit", "1") == "1":
                    value = parsed(value, hint, name)
                elif isinstance(value, str) and typing.get_origin(hint) is tuple:
                    value = tuple(part for part in value.split(",") if part.strip())
                changes[head] = value
        for head, inner in nested.items():
            changes[head] = getattr(self, head).with_settings(inner)
        return self.replace(**changes) if changes else self

    def _moved(self, name: str) -> str:
        """Say what is there in place of a name of earlier versions; nothing for any other."""
        owner: Any = self
        for part in name.split("."):
            if not isinstance(owner, Declared):
                break
            if part in owner._formerly:
                return f"{name}: a name of an earlier version; now: {owner._formerly[part]}"
            owner = getattr(owner, part, None)
        return ""

    def flat(self) -> dict[str, Any]:
        """Return all values under dotted names, nested classes opened."""
        values: dict[str, Any] = {}
        for field in _fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Declared):
                values |= {f"{field.name}.{name}": inner for name, inner in value.flat().items()}
            else:
                values[field.name] = value
        return values

    @classmethod
    def fields(cls) -> dict[str, Mapping[str, Any]]:
        """Return what was declared of each value (doc, unit, range) under its dotted name."""
        hints = _hints(cls)
        declared: dict[str, Mapping[str, Any]] = {}
        for field in _fields(cls):
            hint = hints[field.name]
            if isinstance(hint, type) and issubclass(hint, Declared):
                inner = hint.fields()
                declared |= {f"{field.name}.{name}": inner[name] for name in inner}
            else:
                declared[field.name] = field.metadata
        return declared

    def fingerprint(self) -> str:
        """Return a short, stable hash of the class and all its values."""
        text = json.dumps([type(self).__qualname__, self.flat()], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Parameters(Declared):
    """Base class of all parameter classes; checks every field when it is made.

    Raises
    ------
    ParameterError
        If a value has the wrong type, the wrong dimension or lies outside its range.
    """


def _fields(owner: Any) -> tuple[dataclasses.Field[Any], ...]:
    return dataclasses.fields(owner) if dataclasses.is_dataclass(owner) else ()


#: Types of a class's fields; asked for at every point of a sweep, and slow to work out.
_hints: Callable[[type], dict[str, Any]] = functools.cache(typing.get_type_hints)


def unknown_name(name: str, names: list[str], owner: str) -> str:
    """Say that a name does not exist, and which are near."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or sorted(names)[:6]
    shown = name if name.isprintable() else repr(name)
    return f"{shown}: unknown name in {owner}; nearest: {', '.join(near)}"
