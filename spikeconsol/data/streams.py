"""Streams of samples in which classes are known only by how samples follow one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks

__all__ = ["nback_stream", "stay_stream"]


def nback_stream(
    y: ArrayLike, lag: int, length: int, seed: int, *, match_probability: float = 0.5
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw samples whose class is often that of some samples before.

    Parameters
    ----------
    y : array_like, shape (n,)
        Classes of the samples to draw from, at least two.
    lag : int
        Number of samples between those that are compared, at least 1.
    length : int
        Samples in the stream.
    seed : int
    match_probability : float
        How often the class is that of `lag` samples before; otherwise it is another one.

    Returns
    -------
    index : ndarray of int, shape (length,)
        Rows of the samples, drawn with replacement within the classes.
    match : ndarray of float, shape (length,)
        1 where the class is that of `lag` samples before, else 0 (also for the first ones).

    Examples
    --------
    >>> index, match = nback_stream([0, 0, 1, 1], lag=2, length=6, seed=0)
    >>> index.shape, match.shape
    ((6,), (6,))
    """
    classes, members = _members(y)
    lag = checks.whole("lag", lag, at_least=1)
    length = checks.whole("length", length, at_least=1)
    checks.number("match_probability", match_probability, at_least=0, at_most=1)
    rng = np.random.default_rng(checks.seed("seed", seed))
    label = rng.integers(classes, size=length)
    same = rng.random(length) < match_probability
    # Another class: that of the sample before, moved on by 1 to classes - 1.
    steps = np.where(same, 0, rng.integers(1, classes, size=length))
    for t in range(lag, length):
        label[t] = (label[t - lag] + steps[t]) % classes
    same[:lag] = False
    return _draw(label, members, rng), same.astype(float)


def stay_stream(y: ArrayLike, stay: int, length: int, seed: int) -> NDArray[np.int64]:
    """Draw samples that stay in a class for a while and then change to another.

    Parameters
    ----------
    y : array_like, shape (n,)
        Classes of the samples to draw from, at least two.
    stay : int
        Samples in a class before it changes, at least 1.
    length : int
        Samples in the stream.
    seed : int

    Returns
    -------
    ndarray of int, shape (length,)
        Rows of the samples, drawn with replacement within the classes.
    """
    classes, members = _members(y)
    stay = checks.whole("stay", stay, at_least=1)
    length = checks.whole("length", length, at_least=1)
    rng = np.random.default_rng(checks.seed("seed", seed))
    steps = rng.integers(1, classes, size=-(-length // stay))
    label = np.repeat(np.cumsum(steps) % classes, stay)[:length]
    return _draw(label, members, rng)


def _members(y: ArrayLike) -> tuple[int, list[NDArray[np.int64]]]:
    """Return the number of classes and the rows of each."""
    y = np.asarray(y)
    if y.ndim != 1:
        raise ValueError(f"y: got shape {y.shape}; allowed: (n,)")
    classes, encoded = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y: got {len(classes)} class; allowed: two or more")
    return len(classes), [np.flatnonzero(encoded == k) for k in range(len(classes))]


def _draw(
    label: NDArray[np.int64], members: list[NDArray[np.int64]], rng: np.random.Generator
) -> NDArray[np.int64]:
    sizes = np.array([len(rows) for rows in members])
    chosen = (rng.random(len(label)) * sizes[label]).astype(np.int64)
    return np.array([members[k][i] for k, i in zip(label, chosen, strict=True)], np.int64)
