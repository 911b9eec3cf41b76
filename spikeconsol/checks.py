"""Checks of arguments: each error is one line with the name, the value and what is allowed.

Numbers that cannot be - NaN, negative counts, values behind a mask, text - would give numbers that
look as if they could.
"""

from __future__ import annotations

import math
import numbers as kinds
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.parameters import ParameterError
from spikeconsol.values import Bounds, bounds_text, in_range, shown

__all__ = [
    "array",
    "choice",
    "function",
    "instance",
    "memory",
    "number",
    "random_state",
    "seed",
    "sizes",
    "truth",
    "whole",
    "wrong",
]


def wrong(name: str, value: Any, allowed: str) -> ParameterError:
    """Make the error for a value that is not allowed."""
    return ParameterError(f"{name}: got {shown(value)}; allowed: {allowed}")


def whole(name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None) -> int:
    """Return a whole number, or say what is wrong with it; 5.0 counts as one, True does not."""
    allowed = "a whole number" + _bounds(at_least=at_least, at_most=at_most)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, kinds.Real):
        raise wrong(name, value, allowed)
    if not math.isfinite(value) or value != math.floor(value):
        raise wrong(name, value, allowed)
    number: int = math.floor(value)  # type: ignore[assignment]
    low = -(2**63) if at_least is None else at_least
    if not low <= number <= (2**63 - 1 if at_most is None else at_most):
        raise wrong(name, value, allowed)
    return number


def number(name: str, value: Any, *, infinite: bool = False, **bounds: Unpack[Bounds]) -> float:
    """Return a real number in its range, or say what is wrong with it."""
    allowed = ("a number" if infinite else "a finite number") + _bounds(**bounds)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, kinds.Real):
        raise wrong(name, value, allowed)
    try:
        found = float(value)
    except OverflowError:
        raise wrong(name, value, allowed) from None
    if math.isnan(found) or (math.isinf(found) and not infinite):
        raise wrong(name, value, allowed)
    if not in_range(found, bounds):
        raise wrong(name, value, allowed)
    return found


def array(
    name: str,
    value: ArrayLike,
    *,
    ndim: int | None = None,
    finite: bool = True,
    binary: bool = False,
) -> NDArray:
    """Return an array of real numbers, or say what is wrong with it.

    Parameters
    ----------
    name : str
        Name of the argument.
    value : array_like
        No masked array with masked values and no sparse matrix: what they hide would count.
    ndim : int, optional
        Number of dimensions.
    finite : bool, optional
        Refuse NaN and infinite values.
    binary : bool, optional
        Allow 0 and 1 only, and return an array of bool.
    """
    allowed = "an array of 0 and 1" if binary else "an array of numbers"
    if np.ma.is_masked(value):
        raise wrong(name, value, f"{allowed} without masked values")
    if "scipy.sparse" in sys.modules and sys.modules["scipy.sparse"].issparse(value):
        raise wrong(name, value, f"{allowed}, dense (matrix.toarray())")
    try:
        found = np.asarray(value)
    except Exception:
        raise wrong(name, value, f"{allowed}, all rows of one length") from None
    if found.dtype.kind not in "biuf":
        raise wrong(name, value, allowed)
    if ndim is not None and found.ndim != ndim:
        raise ParameterError(f"{name}: got shape {found.shape}; allowed: {ndim} dimensions")
    if binary and found.dtype != bool:
        strange = found[(found != 0) & (found != 1)]
        if strange.size:
            raise ParameterError(f"{name}: got the value {strange[0].item()}; allowed: 0 and 1")
        return found.astype(bool)
    if finite and found.dtype.kind == "f" and not np.isfinite(found).all():
        strange = found[~np.isfinite(found)]
        raise ParameterError(f"{name}: got the value {strange[0].item()}; allowed: finite numbers")
    return found


def seed(name: str, value: Any) -> int | np.random.SeedSequence:
    """Return a seed that gives the same numbers again; None would not."""
    if isinstance(value, np.random.SeedSequence):
        return value
    try:
        return whole(name, value, at_least=0)
    except ValueError:
        raise wrong(name, value, "a whole number >= 0, or a SeedSequence") from None


def random_state(name: str, value: Any) -> None:
    """Check what scikit-learn takes for randomness; None draws other numbers every time."""
    if value is None or isinstance(
        value, np.random.RandomState | np.random.Generator | np.random.SeedSequence
    ):
        return
    try:
        whole(name, value, at_least=0)
    except ValueError:
        raise wrong(name, value, "a whole number >= 0, a RandomState or None") from None


def sizes(name: str, value: Any, *, at_least: int, of: str = "units") -> list[int]:
    """Return the sizes of layers, given as a sequence or as one number."""
    listed = isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)
    try:
        if np.ma.is_masked(value):
            raise ValueError
        found = [
            whole(name, each, at_least=at_least)
            for each in (value if listed and np.ndim(value) else [value])
        ]
    except ValueError:
        found = []
    if not found:
        raise wrong(name, value, f"one or more layers of >= {at_least} {of}")
    return found


def choice(name: str, value: Any, allowed: Collection[str]) -> str:
    """Return one of some words."""
    if not isinstance(value, str) or value not in allowed:
        raise wrong(name, value, ", ".join(allowed))
    return value


def instance(name: str, value: Any, kind: type, wording: str = "") -> Any:
    """Return an object of a class; the class itself is none."""
    if not isinstance(value, kind):
        allowed = wording or f"a {kind.__name__}"
        if isinstance(value, type) and issubclass(value, kind):
            allowed += f", that is {value.__name__}(...) and not the class"
        raise wrong(name, value, allowed)
    return value


def function(name: str, value: Any) -> Callable[..., Any]:
    """Return something that can be called."""
    if not callable(value):
        raise wrong(name, value, "a function")
    return value


def truth(name: str, value: Any) -> bool:
    """Return True or False; 1 and "no" are neither."""
    if not isinstance(value, bool | np.bool_):
        raise wrong(name, value, "True or False")
    return bool(value)


def memory(what: str, needed: float) -> None:
    """Refuse a call that needs more memory than there is.

    Parameters
    ----------
    what : str
        What needs it, with its size, for example ``"store: n = 20000"``.
    needed : float
        Bytes.

    Raises
    ------
    MemoryError
        If they are not available.
    """
    free = _available()
    if free is not None and needed > free:
        raise MemoryError(
            f"{what} needs about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are available"
        )


def _available() -> float | None:
    """Memory that can be had without swapping [bytes]; None where the system does not say."""
    try:
        with open("/proc/meminfo") as lines:
            free = next(1024.0 * int(line.split()[1]) for line in lines if "MemAvailable" in line)
    except (OSError, StopIteration, ValueError, IndexError):
        return None
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            with open(limit) as most, open(used) as now:
                free = min(free, float(most.read()) - float(now.read()))
        except (OSError, ValueError):
            continue
    return free


def _bounds(**bounds: Unpack[Bounds]) -> str:
    found = bounds_text(bounds)
    return f" {found}" if found else ""
