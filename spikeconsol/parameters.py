"""Frozen parameter classes that refuse unknown and impossible values.

A parameter class is a frozen dataclass whose fields carry their unit and their allowed range::

    @dataclass(frozen=True)
    class Membrane(Parameters):
        time_constant: float = parameter(0.01, unit="second", above=0, doc="membrane time constant")
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
import math
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Self

__all__ = ["Declared", "ParameterError", "Parameters", "in_si", "parameter"]

#: SI base-unit exponents (m, kg, s, A, K, mol, cd) of the units that may be written out.
_UNITS: dict[str, tuple[int, ...]] = {
    "1": (0, 0, 0, 0, 0, 0, 0),
    "second": (0, 0, 1, 0, 0, 0, 0),
    "hertz": (0, 0, -1, 0, 0, 0, 0),
    "volt": (2, 1, -3, -1, 0, 0, 0),
    "amp": (0, 0, 0, 1, 0, 0, 0),
    "siemens": (-2, -1, 3, 2, 0, 0, 0),
    "farad": (-2, -1, 4, 2, 0, 0, 0),
    "ohm": (2, 1, -3, -2, 0, 0, 0),
    "metre": (1, 0, 0, 0, 0, 0, 0),
}
#: What precedes a unit's symbol or its name, as in mV and mvolt.
_PREFIXES = {"G": 1e9, "M": 1e6, "k": 1e3, "": 1.0, "c": 1e-2, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_PREFIXES |= {"p": 1e-12}
_SYMBOLS = {"second": "s", "hertz": "Hz", "volt": "V", "amp": "A", "siemens": "S", "farad": "F"}
_SYMBOLS |= {"ohm": "ohm", "metre": "m"}
_ABBREVIATIONS = {
    prefix + name: (unit, scale)
    for unit, symbol in _SYMBOLS.items()
    for name in (symbol, unit)
    for prefix, scale in _PREFIXES.items()
} | {"seconds": ("second", 1.0), "min": ("second", 60.0)}
_EXAMPLES = {
    "second": "a value in seconds, for example '10 ms' or 10*ms",
    "hertz": "a value in hertz, for example '80 Hz' or 80*Hz",
    "volt": "a value in volts, for example '-70 mV' or -70*mV",
    "amp": "a value in amperes, for example '200 pA' or 200*pA",
    "siemens": "a value in siemens, for example '10 nS' or 10*nS",
    "farad": "a value in farads, for example '200 pF' or 200*pF",
    "ohm": "a value in ohms, for example '100 Mohm' or 100*Mohm",
    "metre": "a value in metres, for example '50 um' or 50*um",
}


class ParameterError(ValueError):
    """A value that is not allowed; the message names the field, the value and what is allowed."""


def shown(value: Any) -> str:
    """Write a value on one line, shortened where it is long."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # somebody else's class
        text = f"a {type(value).__name__}"
    text = printable(text)
    return text if len(text) <= 80 else f"{text[:60]} ... ({len(text)} characters)"


def printable(text: str) -> str:
    r"""Write what a terminal would obey, such as the escape character, as ``\x1b``."""
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text
    )


def parameter(
    default: Any = dataclasses.MISSING,
    *,
    doc: str,
    unit: str = "1",
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
    unit : {"1", "second", "hertz", "volt", "amp", "siemens", "farad", "ohm", "metre"}
        Dimension of the value. Anything but ``"1"`` must be given with its unit.
    above, at_least, below, at_most : float, optional
        Allowed range, in SI units. For tuples it holds for every element.
    choices : tuple, optional
        The only allowed values.
    """
    if unit not in _UNITS:
        raise ValueError(f"unit: got {unit!r}; allowed: {', '.join(_UNITS)}")
    if unit != "1" and isinstance(default, str):
        default = _to_si(default, unit, "default")
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
            value = _checked(getattr(self, field.name), hints[field.name], field)
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
                raise ParameterError(unknown_name(name, list(known), type(self).__name__))
            head, _, rest = name.partition(".")
            if rest:
                nested.setdefault(head, {})[rest] = value
            else:
                field = next(field for field in _fields(self) if field.name == head)
                hint = _hints(type(self))[head]
                # A number typed without its unit is refused: 10 could be seconds or milliseconds.
                if field.metadata.get("unit", "1") == "1":
                    value = _parsed(value, hint, name)
                elif isinstance(value, str) and typing.get_origin(hint) is tuple:
                    value = tuple(part for part in value.split(",") if part.strip())
                changes[head] = value
        for head, inner in nested.items():
            changes[head] = getattr(self, head).with_settings(inner)
        return self.replace(**changes) if changes else self

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


def _checked(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    """Convert one value to its field's type and check its range."""
    rule = field.metadata
    unit = rule.get("unit", "1")
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    hint = next(option for option in options if option is not type(None))
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and issubclass(origin, Parameters):
        if not isinstance(value, origin):
            raise ParameterError(f"{field.name}: got {shown(value)}; allowed: a {origin.__name__}")
        return value
    if origin is tuple:
        if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
            raise ParameterError(f"{field.name}: got {shown(value)}; allowed: a sequence of values")
        kind = typing.get_args(hint)[0]
        elements = tuple(_scalar(element, kind, unit, field.name) for element in value)
    else:
        value = _scalar(value, origin, unit, field.name)
        elements = (value,)
    for element in elements:
        infinite = isinstance(element, float) and math.isinf(element)
        if infinite and field.default not in (math.inf, -math.inf):
            raise ParameterError(f"{field.name}: got {element}; allowed: a finite number")
        if not _in_range(element, rule):
            raise ParameterError(f"{field.name}: got {shown(element)}; allowed: {_allowed(rule)}")
    return elements if origin is tuple else value


def _scalar(value: Any, kind: type, unit: str, name: str) -> Any:
    if unit != "1":
        return _to_si(value, unit, name)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isnan(value):
            raise ParameterError(f"{name}: got nan; allowed: a number")
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if kind is int and isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ParameterError(f"{name}: got {shown(value)}; allowed: a whole number below 2**63")
    if kind is int and isinstance(value, bool):
        raise ParameterError(f"{name}: got {shown(value)}; allowed: a whole number")
    if isinstance(value, kind):
        return value
    wanted = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    raise ParameterError(
        f"{name}: got {shown(value)}; allowed: {wanted.get(kind, f'a {kind.__name__}')}"
    )


def _to_si(value: Any, unit: str, name: str) -> float:
    """Read text with a unit, a Brian2 quantity, or a number that is in SI units already."""
    allowed = _EXAMPLES[unit]
    dimension = getattr(value, "dim", None)
    if dimension is not None:  # a Brian2 quantity, recognised without importing Brian2
        if tuple(getattr(dimension, "_dims", ())) != _UNITS[unit]:
            raise ParameterError(f"{name}: got {value!s}; allowed: {allowed}")
        return float(value)
    if isinstance(value, str):
        match = re.fullmatch(r"\s*([-+0-9.eE]+)\s*\*?\s*([A-Za-z]+)\s*", value)
        found = _ABBREVIATIONS.get(match[2]) if match else None
        if match is None or found is None or found[0] != unit:
            raise ParameterError(f"{name}: got {shown(value)}; allowed: {allowed}")
        try:
            return float(match[1]) * found[1]
        except ValueError:
            raise ParameterError(f"{name}: got {shown(value)}; allowed: {allowed}") from None
    if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value):
        return float(value)
    raise ParameterError(f"{name}: got {shown(value)}; allowed: {allowed}")


def in_si(value: Any, name: str) -> tuple[float, str]:
    """Return a value in SI units, and the text of its unit for Brian2.

    Parameters
    ----------
    value : float, str or Quantity
        A number, text with a unit or a Brian2 quantity of any dimension.
    name : str
        Name of the value, for errors.

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if not isinstance(name, str):
        raise ParameterError(f"name: got {shown(name)}; allowed: text")
    dimension = getattr(value, "dim", None)
    if dimension is not None:
        exponents = tuple(getattr(dimension, "_dims", ()))
        bases = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela")
        powers = [f"{base}**{power}" for base, power in zip(bases, exponents, strict=True) if power]
        return float(value), "*".join(powers) or "1"
    if isinstance(value, str):
        match = re.fullmatch(r"[^A-Za-z]*[0-9.][eE]?[-+0-9]*\s*\*?\s*([A-Za-z]+)\s*", value)
        unit, _ = _ABBREVIATIONS.get(match[1] if match else "", ("", 1.0))
        if not unit:
            raise ParameterError(f"{name}: got {shown(value)}; allowed: a number with its unit")
        return _to_si(value, unit, name), unit
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value), "1"
    raise ParameterError(f"{name}: got {shown(value)}; allowed: a number with its unit")


def _parsed(value: Any, hint: Any, name: str) -> Any:
    """Turn the text of a command-line setting into a value for `_checked`."""
    if not isinstance(value, str):
        return value
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value.lower() == "none" and type(None) in options:
        return None
    hint = next(option for option in options if option is not type(None))
    if typing.get_origin(hint) is tuple:
        kind = typing.get_args(hint)[0]
        return tuple(_parsed(part, kind, name) for part in value.split(",") if part.strip())
    if hint is bool:
        if value.lower() not in ("true", "false"):
            raise ParameterError(f"{name}: got {shown(value)}; allowed: true or false")
        return value.lower() == "true"
    if hint in (int, float):
        try:
            number = int(value) if hint is int else float(value)
            # Digits beyond all numbers are no way to say infinity.
            return value if number == math.inf and "inf" not in value.lower() else number
        except ValueError:
            return value  # text with a unit, or wrong: `_checked` decides and words the error
    return value


def _in_range(value: Any, rule: Mapping[str, Any]) -> bool:
    if rule.get("choices") is not None and value not in rule["choices"]:
        return False
    return (
        (rule.get("above") is None or value > rule["above"])
        and (rule.get("at_least") is None or value >= rule["at_least"])
        and (rule.get("below") is None or value < rule["below"])
        and (rule.get("at_most") is None or value <= rule["at_most"])
    )


def _allowed(rule: Mapping[str, Any]) -> str:
    if rule.get("choices") is not None:
        return "one of " + ", ".join(map(str, rule["choices"]))
    signs = {"above": ">", "at_least": ">=", "below": "<", "at_most": "<="}
    unit = "" if rule.get("unit", "1") == "1" else f" {rule['unit']}"
    return " and ".join(
        f"{sign} {rule[key]:g}{unit}" for key, sign in signs.items() if rule.get(key) is not None
    )
