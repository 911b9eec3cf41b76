"""Binary patterns to store and the damaged cues that recall them."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks

__all__ = [
    "binarised_digits",
    "check_patterns",
    "correlated_patterns",
    "corrupt",
    "sparse_patterns",
]


def active_units(n: int, coding_level: float) -> int:
    """Number of active units k = round(f N) of a pattern, refused where it is 0 or N.

    Raises
    ------
    ValueError
        If the coding level is outside (0, 1) or leaves no active or no silent unit.
    """
    n = checks.whole("n", n, at_least=2)
    coding_level = checks.number("coding_level", coding_level, above=0, below=1)
    k = round(coding_level * n)
    if not 0 < k < n:
        raise ValueError(
            f"coding_level: got {coding_level!r} for n={n}, that is {k} active units; "
            f"allowed: 1 to {n - 1} active units"
        )
    return k


def sparse_patterns(
    count: int,
    n: int,
    *,
    coding_level: float,
    seed: int | np.random.SeedSequence,
    sizes: str | tuple[int, int] | None = None,
    usage: float = 0.0,
) -> NDArray[np.bool_]:
    """Draw random patterns, by default with ``round(coding_level * n)`` active units each.

    Parameters
    ----------
    count : int
        Number of patterns P.
    n : int
        Number of units N.
    coding_level : float
        Fraction f of active units, between 0 and 1.
    seed : int or numpy.random.SeedSequence
        Seed of the draw.
    sizes : "binomial" or (int, int), optional
        Numbers of active units that differ from pattern to pattern: Binomial(N, f), at least 1, or
        uniform from the first to the second, both included; their mean must be f N.
    usage : float, optional
        Standard deviation of the logarithm of how readily a unit is drawn: with 0 all units are
        used alike, with 0.5 some several times as often as others.

    Returns
    -------
    ndarray of bool, shape (P, N)

    Raises
    ------
    ValueError
        If the coding level is outside (0, 1) or leaves no active unit, or if sizes or usage are
        none of the above.
    """
    count, n = checks.whole("count", count, at_least=1), checks.whole("n", n, at_least=2)
    k = active_units(n, coding_level)
    usage = checks.number("usage", usage, at_least=0, at_most=3)
    rng = np.random.default_rng(checks.seed("seed", seed))
    if sizes is None and usage == 0:
        patterns = np.zeros((count, n), bool)
        winners = np.argpartition(rng.random((count, n)), k - 1, axis=1)[:, :k]
        np.put_along_axis(patterns, winners, True, axis=1)
        return patterns
    readiness = np.exp(usage * rng.standard_normal(n))
    active = np.full(count, k) if sizes is None else _sizes(sizes, count, n, coding_level, rng)
    # The k smallest of exponential waiting times: drawn one by one, by readiness, without return.
    waiting = rng.exponential(size=(count, n)) / readiness
    return np.argsort(np.argsort(waiting, axis=1), axis=1) < active[:, None]


def _sizes(
    sizes: str | tuple[int, int],
    count: int,
    n: int,
    coding_level: float,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Numbers of active units of all patterns."""
    if isinstance(sizes, str) and sizes == "binomial":
        return np.clip(rng.binomial(n, coding_level, count), 1, n - 1)
    allowed = f"'binomial', or (low, high) below {n}"
    try:
        low, high = (checks.whole("sizes", size, at_least=1, at_most=n - 1) for size in sizes)
    except (TypeError, ValueError):
        raise checks.wrong("sizes", sizes, allowed) from None
    if low > high:
        raise checks.wrong("sizes", sizes, allowed)
    mean = (low + high) / 2
    if abs(mean - coding_level * n) > 0.5:
        raise ValueError(
            f"sizes: got {sizes!r}, {mean:g} active units on average; allowed: "
            f"{coding_level * n:g}, as of a coding level of {coding_level:g}"
        )
    return rng.integers(low, high + 1, count)


def correlated_patterns(
    count: int,
    n: int,
    *,
    coding_level: float,
    correlation: float,
    prototypes: int = 10,
    seed: int | np.random.SeedSequence,
) -> NDArray[np.bool_]:
    """Draw patterns that share active units with one of a few prototypes.

    Each pattern takes Binomial(k, `correlation`) of its k active units from a randomly chosen
    prototype and the others from the remaining units.

    Parameters
    ----------
    count, n, coding_level, seed
        As for `sparse_patterns`.
    correlation : float
        Expected fraction of active units taken from the prototype, between 0 and 1.
    prototypes : int, optional
        Number of prototypes, themselves random patterns of the same coding level.

    Returns
    -------
    ndarray of bool, shape (P, N)
    """
    checks.number("correlation", correlation, at_least=0, at_most=1)
    count, n = checks.whole("count", count, at_least=1), checks.whole("n", n, at_least=2)
    prototypes = checks.whole("prototypes", prototypes, at_least=1)
    k = active_units(n, coding_level)
    rng = np.random.default_rng(checks.seed("seed", seed))
    bases = sparse_patterns(prototypes, n, coding_level=coding_level, seed=int(rng.integers(2**31)))
    patterns = np.zeros((count, n), bool)
    for pattern in patterns:
        base = bases[rng.integers(prototypes)]
        shared = rng.binomial(k, correlation)
        if k - shared > n - k:  # not enough silent units to fill up from
            shared = k - (n - k)
        pattern[rng.choice(np.flatnonzero(base), shared, replace=False)] = True
        pattern[rng.choice(np.flatnonzero(~base), k - shared, replace=False)] = True
    return patterns


def corrupt(
    patterns: ArrayLike, *, deleted: float, added: float, seed: int | np.random.SeedSequence
) -> NDArray[np.bool_]:
    """Make cues: silence some active units and switch on some silent ones.

    Parameters
    ----------
    patterns : array_like of bool, shape (P, N)
        Patterns; each may have its own number k of active units.
    deleted, added : float
        Fractions of k: ``round(deleted * k)`` active units are silenced and
        ``round(added * k)`` silent ones are switched on, drawn uniformly.
    seed : int or numpy.random.SeedSequence
        Seed of the draw.

    Returns
    -------
    ndarray of bool, shape (P, N)
    """
    patterns = check_patterns(patterns)
    checks.number("deleted", deleted, at_least=0, at_most=1)
    checks.number("added", added, at_least=0)
    rng = np.random.default_rng(checks.seed("seed", seed))
    active = patterns.sum(axis=1)
    n = patterns.shape[1]
    lost = np.rint(deleted * active).astype(int)
    gained = np.minimum(np.rint(added * active).astype(int), n - active)
    # Rank the active and the silent units of every pattern in random order, each group apart.
    noise = rng.random(patterns.shape)
    rank_active = np.argsort(np.argsort(np.where(patterns, noise, 2.0), axis=1), axis=1)
    rank_silent = np.argsort(np.argsort(np.where(patterns, 2.0, noise), axis=1), axis=1)
    kept = patterns & (rank_active >= lost[:, None])
    return kept | (~patterns & (rank_silent < gained[:, None]))


def binarised_digits(count: int, *, coding_level: float, seed: int) -> NDArray[np.bool_]:
    """Return handwritten digits of 8 x 8 pixels as patterns of 64 units.

    The ``round(64 * coding_level)`` brightest pixels of each image are active; ties between
    equally bright pixels are broken at random. Images come in random order.

    Parameters
    ----------
    count : int
        Number of images, at most 1797.
    coding_level : float
        Fraction of active pixels.
    seed : int
        Seed of order and ties.

    Returns
    -------
    ndarray of bool, shape (P, 64)

    References
    ----------
    Optical recognition of handwritten digits, UCI repository, as shipped with scikit-learn.
    """
    from sklearn.datasets import load_digits

    images = load_digits().data
    count = checks.whole("count", count, at_least=1, at_most=len(images))
    k = active_units(images.shape[1], coding_level)
    rng = np.random.default_rng(checks.seed("seed", seed))
    chosen = images[rng.permutation(len(images))[:count]] + 1e-3 * rng.random((count, 64))
    patterns = np.zeros(chosen.shape, bool)
    np.put_along_axis(patterns, np.argsort(chosen, axis=1)[:, -k:], True, axis=1)
    return patterns


def check_patterns(patterns: ArrayLike, *, n: int | None = None, name: str = "patterns") -> NDArray:
    """Return patterns as a (P, N) array of bool, or say what is wrong with them.

    Raises
    ------
    ValueError
        If there are none, if they are not two-dimensional, not binary, not `n` units wide, if
        values are masked, or if one of them has no active unit.
    """
    checks.instance("name", name, str, "text")
    n = n if n is None else checks.whole("n", n, at_least=1)
    array = checks.array(name, patterns, finite=False)
    if array.ndim != 2 or not array.size:
        raise ValueError(
            f"{name}: got shape {array.shape}; allowed: (patterns, units), at least one of each"
        )
    if n is not None and array.shape[1] != n:
        raise ValueError(f"{name}: got {array.shape[1]} units; allowed: {n}, the network's size")
    array = checks.array(name, array, binary=True)
    empty = np.flatnonzero(~array.any(axis=1))
    if empty.size:
        raise ValueError(
            f"{name}: got no active unit in pattern {empty[0]}; allowed: at least one in each"
        )
    return array


def warn_activity(patterns: NDArray[np.bool_], coding_level: float | None) -> None:
    """Warn where the patterns' activity is far from the coding level that a rule assumes."""
    activity = float(patterns.mean())
    if coding_level is not None and not 0.75 < activity / coding_level < 4 / 3:
        warnings.warn(
            f"patterns have a mean activity of {activity:.3g}, the rule assumes a coding level of "
            f"{coding_level:.3g}",
            stacklevel=3,
        )
