"""What a value may be: its type, its unit and its range, in SI units and in one line of refusal.

Used by `spikeconsol.parameters`, whose fields say what they allow.
"""

from __future__ import annotations

import dataclasses
import math
import operator
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypedDict

__all__ = ["UNITS", "Bounds", "ParameterError", "bounds_text", "checked", "in_range", "in_si"]
__all__ += ["parsed", "printable", "shown", "to_si", "unit_of"]

#: SI base-unit exponents (m, kg, s, A, K, mol, cd) of the units that may be written out.
UNITS: dict[str, tuple[int, ...]] = {
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
#: A number with its unit.
_QUANTITY = r"\s*([-+0-9.eE]+)\s*\*?\s*([A-Za-z]+)\s*"
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


def checked(value: Any, hint: Any, field: dataclasses.Field[Any]) -> Any:
    """Convert one value to its field's type and check its range."""
    rule = field.metadata
    unit = rule.get("unit", "1")
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and type(None) in options:
        return None
    hint = next(option for option in options if option is not type(None))
    origin = typing.get_origin(hint) or hint
    if isinstance(origin, type) and dataclasses.is_dataclass(origin):
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
        if not in_range(element, rule):
            raise ParameterError(f"{field.name}: got {shown(element)}; allowed: {_allowed(rule)}")
    return elements if origin is tuple else value


def _scalar(value: Any, kind: type, unit: str, name: str) -> Any:
    if unit != "1":
        return to_si(value, unit, name)
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


def to_si(value: Any, unit: str, name: str) -> float:
    """Read text with a unit, a Brian2 quantity, or a number that is in SI units already."""
    allowed = _EXAMPLES[unit]
    dimension = getattr(value, "dim", None)
    if dimension is not None:  # a Brian2 quantity, recognised without importing Brian2
        if tuple(getattr(dimension, "_dims", ())) != UNITS[unit]:
            raise ParameterError(f"{name}: got {value!s}; allowed: {allowed}")
        return float(value)
    if isinstance(value, str):
        match = re.fullmatch(_QUANTITY, value)
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
    name = printable(name)
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
        return to_si(value, unit, name), unit
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value), "1"
    raise ParameterError(f"{name}: got {shown(value)}; allowed: a number with its unit")


def unit_of(value: Any) -> str:
    """Return the unit of text such as ``"10 ms"``, or of several; ``"1"`` where there is none."""
    first = value[0] if isinstance(value, tuple) and value else value
    match = re.fullmatch(_QUANTITY, first) if isinstance(first, str) else None
    return _ABBREVIATIONS.get(match[2], ("1", 1.0))[0] if match else "1"


def parsed(value: Any, hint: Any, name: str) -> Any:
    """Turn the text of a command-line setting into a value for `checked`."""
    if not isinstance(value, str):
        return value
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value.lower() == "none" and type(None) in options:
        return None
    hint = next(option for option in options if option is not type(None))
    if typing.get_origin(hint) is tuple:
        kind = typing.get_args(hint)[0]
        return tuple(parsed(part, kind, name) for part in value.split(",") if part.strip())
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
            return value  # text with a unit, or wrong: `checked` decides and words the error
    return value


class Bounds(TypedDict, total=False):
    """Ends of a range, where it has them."""

    above: float | None
    at_least: float | None
    below: float | None
    at_most: float | None


#: Ends of a range: the word for it, its sign, and whether a value is on its right side.
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "above": (">", operator.gt),
    "at_least": (">=", operator.ge),
    "below": ("<", operator.lt),
    "at_most": ("<=", operator.le),
}


def in_range(value: Any, rule: Mapping[str, Any]) -> bool:
    """Whether a value is among the choices and within the bounds of a rule."""
    if rule.get("choices") is not None and value not in rule["choices"]:
        return False
    return all(
        rule.get(name) is None or inside(value, rule[name]) for name, (_, inside) in _BOUNDS.items()
    )


def bounds_text(rule: Mapping[str, Any], unit: str = "") -> str:
    """Say what the bounds of a rule allow, for example ``> 0 and <= 1``."""
    return " and ".join(
        f"{sign} {rule[name]:g}{unit}"
        for name, (sign, _) in _BOUNDS.items()
        if rule.get(name) is not None
    )


def _allowed(rule: Mapping[str, Any]) -> str:
    if rule.get("choices") is not None:
        return "one of " + ", ".join(map(str, rule["choices"]))
    return bounds_text(rule, "" if rule.get("unit", "1") == "1" else f" {rule['unit']}")
