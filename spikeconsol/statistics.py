"""Measures of agreement and of uncertainty that all wings share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks

__all__ = ["coincidences", "confidence_interval", "dice", "longest_load", "mean_and_interval"]


def dice(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    r"""Dice coefficient of binary patterns, :math:`2|a \cap b| / (|a| + |b|)`.

    Parameters
    ----------
    a, b : array_like of bool, shape (..., N)
        Patterns; leading dimensions broadcast.

    Returns
    -------
    ndarray of float, shape (...)
        1 for equal patterns, 0 for disjoint ones; two empty patterns count as equal.
    """
    a, b = checks.array("a", a, binary=True), checks.array("b", b, binary=True)
    if not a.ndim or not b.ndim:
        raise ValueError("a, b: got a single number; allowed: patterns, shape (..., N)")
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(f"b: got patterns of {b.shape[-1]} units; allowed: {a.shape[-1]}, as in a")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise ValueError(f"b: got shape {b.shape}; allowed: one that fits {a.shape}") from None
    overlap = np.sum(a & b, axis=-1)
    total = np.sum(a, axis=-1) + np.sum(b, axis=-1)
    return np.where(total == 0, 1.0, 2 * overlap / np.maximum(total, 1))


def longest_load(kept: ArrayLike, fraction: float = 0.9) -> Any:
    """P90: the largest m such that of the newest m patterns at least 90% are recalled.

    Parameters
    ----------
    kept : array_like of bool, shape (..., P)
        Which patterns are recalled, the newest first.
    fraction : float, optional

    Returns
    -------
    int or ndarray of int, shape (...)
        0 where there is no such m.
    """
    kept = checks.array("kept", kept, binary=True)
    fraction = checks.number("fraction", fraction, at_least=0, at_most=1)
    m = np.arange(1, kept.shape[-1] + 1)
    passed = np.cumsum(kept, axis=-1) >= fraction * m - 1e-9
    return np.max(passed * m, axis=-1, initial=0)


def coincidences(pre: ArrayLike, post: ArrayLike) -> NDArray:
    r"""Coincident activity of every pair of units, summed over samples.

    :math:`\Omega_{ji} = \sum_t x_j(t)\, s_i(t)`: all that a synapse needs to see for it is the
    activity on its two sides. Of binary activity it counts how often both were active, the
    sufficient statistic of that synapse in a network with pairwise energy.

    Parameters
    ----------
    pre, post : array_like, shapes (n, M) and (n, N)
        Activity in n samples.

    Returns
    -------
    ndarray, shape (M, N)
    """
    pre, post = checks.array("pre", pre), checks.array("post", post)
    if pre.ndim != 2 or post.ndim != 2 or len(pre) != len(post):
        raise ValueError(f"post: got shape {post.shape}; allowed: (n, N), with n as in {pre.shape}")
    return pre.T @ post.astype(pre.dtype, copy=False)


def confidence_interval(
    values: ArrayLike, *, level: float = 0.95, axis: int = 0
) -> NDArray[np.float64]:
    """Half-width of the Student-t confidence interval of the mean.

    Parameters
    ----------
    values : array_like of float
        Independent repeats along `axis`, for example one value per seed.
    level : float, optional
        Coverage, between 0 and 1.
    axis : int, optional
        Axis of the repeats.

    Returns
    -------
    ndarray of float
        Half-width; NaN where there is a single repeat.
    """
    checks.number("level", level, above=0, below=1)
    values, axis = _repeats(values, axis)
    n = values.shape[axis]
    if n < 2:
        return np.full(np.delete(values.shape, axis), np.nan)
    from scipy.special import stdtrit  # a quarter of the time that a table of results takes

    standard_error = values.std(axis=axis, ddof=1) / np.sqrt(n)
    return stdtrit(n - 1, (1 + level) / 2) * standard_error


def mean_and_interval(values: ArrayLike, *, axis: int = 0) -> tuple[NDArray, NDArray]:
    """Mean and half-width of its 95% confidence interval along `axis`."""
    values, axis = _repeats(values, axis)
    return values.mean(axis=axis), confidence_interval(values, axis=axis)


def _repeats(values: ArrayLike, axis: int) -> tuple[NDArray[np.float64], int]:
    """Values as numbers, where NaN stays NaN, and the axis of at least one repeat."""
    values = checks.array("values", values, finite=False).astype(float, copy=False)
    if not values.ndim:
        raise ValueError("values: got a single number; allowed: an array of repeats")
    axis = checks.whole("axis", axis, at_least=-values.ndim, at_most=values.ndim - 1)
    if not values.shape[axis]:
        raise ValueError(f"values: got shape {values.shape}; allowed: at least one repeat")
    return values, axis
