r"""How many patterns a memory holds: measured, and what theory allows.

Measures take a `Course`: networks side by side (one per seed) that store a stream of patterns
while their weights are kept every few patterns. Two protocols matter. In the *blank* one the
weights start at zero; in the *steady-state* one the same rule has first stored a background of
patterns that are never tested, so that the memory is full from the start. A rule that never
forgets can do well in the first and recalls nothing in the second.

Theory gives, per unit, the finite-coding-level mean field of the covariance rule, Gardner's bound
over all weights, and the limit of sparse coding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, ndtr, ndtri

from spikeconsol import checks
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.statistics import dice

__all__ = [
    "Course",
    "gardner_capacity",
    "information_per_synapse",
    "mean_field_capacity",
    "sparse_limit",
]


@dataclass(frozen=True)
class Course:
    """A stream of patterns and the weights at every load along it, for S seeds side by side.

    Make one with `Course.stored` (patterns seen one after another) or `Course.at_once` (a batch
    rule that sees all patterns of a load together).

    Attributes
    ----------
    network : HopfieldNetwork
        The S networks that recall.
    patterns, cues : ndarray of bool, shape (S, P, N)
        What was stored, in order, and what recall starts from.
    every : int
        Loads are multiples of this number of patterns.
    weights_at : callable
        Weights (S, N, N) at the given loads, one load per seed, shape (S,).
    threshold : float, optional
        Recall with this fixed threshold instead of k winners.
    criterion : float
        Smallest Dice coefficient that counts as recalled.
    """

    network: HopfieldNetwork
    patterns: NDArray[np.bool_]
    cues: NDArray[np.bool_]
    every: int
    weights_at: Callable[[NDArray[np.intp]], NDArray]
    threshold: float | None = None
    criterion: float = 0.9

    @classmethod
    def stored(
        cls,
        network: HopfieldNetwork,
        patterns: NDArray[np.bool_],
        cues: NDArray[np.bool_],
        *,
        every: int,
        background: NDArray[np.bool_] | None = None,
        threshold: float | None = None,
    ) -> Course:
        """Store `background` and then `patterns`, keeping the weights every `every` patterns.

        Parameters
        ----------
        network : HopfieldNetwork
            S networks side by side.
        patterns, cues : ndarray of bool, shape (S, P, N)
        every : int
        background : ndarray of bool, shape (S, B, N), optional
            What is stored before, and never tested.
        threshold : float, optional
            As of a `Course`.
        """
        if background is not None:
            network.store(background)
        _check_every(every, patterns)
        kept = np.empty((patterns.shape[1] // every + 1, *network.weights.shape), np.float32)
        kept[0] = network.weights
        for index in range(1, len(kept)):
            network.store(patterns[:, (index - 1) * every : index * every])
            kept[index] = network.weights
        seeds = np.arange(patterns.shape[0])
        return cls(
            network, patterns, cues, every, lambda loads: kept[loads // every, seeds], threshold
        )

    @classmethod
    def at_once(
        cls,
        network: HopfieldNetwork,
        batch: Callable[[NDArray[np.bool_]], NDArray],
        patterns: NDArray[np.bool_],
        cues: NDArray[np.bool_],
        *,
        every: int,
        threshold: float | None = None,
    ) -> Course:
        """Learn the first patterns of every load together.

        Parameters
        ----------
        network : HopfieldNetwork
            S networks that recall.
        batch : callable
            From patterns, shape (P, N), to weights, shape (N, N); see `batch_rules`.
        patterns, cues : ndarray of bool, shape (S, P, N)
        every, threshold
            As of a `Course`.
        """
        _check_every(every, patterns)

        def weights_at(loads: NDArray[np.intp]) -> NDArray:
            return np.stack([batch(p[:load]) for p, load in zip(patterns, loads, strict=True)])

        return cls(network, patterns, cues, every, weights_at, threshold)

    @property
    def loads(self) -> NDArray[np.intp]:
        """All loads above zero for which there are weights."""
        return np.arange(self.every, self.patterns.shape[1] + 1, self.every)

    def recall(self, load: int | NDArray[np.intp], *, first: int = 0) -> NDArray[np.bool_]:
        """Recalled states, shape (S, load - first, N), of the patterns stored by this load.

        With one load per seed the second axis is as long as the largest asks for.
        """
        loads = np.broadcast_to(load, self.patterns.shape[0])
        self.network.weights = self.weights_at(loads)
        return self.network.recall(
            self.cues[:, first : loads.max()],
            active=self.patterns[:, first : loads.max()].sum(axis=2),
            threshold=self.threshold,
        )

    def recalled(self, load: int | NDArray[np.intp], *, first: int = 0) -> NDArray[np.bool_]:
        """Which patterns, from number `first`, are recalled at this load; shape (S, load - first).

        With one load per seed, patterns a seed has not yet stored count as not recalled.
        """
        states = self.recall(load, first=first)
        stop = first + states.shape[1]
        success = dice(states, self.patterns[:, first:stop]) >= self.criterion
        not_yet = np.arange(first, stop) >= np.broadcast_to(load, len(success))[:, None]
        return success & ~not_yet

    def p90(self, fraction: float = 0.9) -> NDArray[np.float64]:
        """Largest load of which 90 % is recalled, by bisection, shape (S,).

        The recalled fraction need not fall monotonically with load; `curve` shows all of it.
        """
        low = np.zeros(self.patterns.shape[0], int)
        high = np.full_like(low, len(self.loads) + 1)
        while ((high - low) > 1).any():
            middle = np.maximum((low + high) // 2, 1)
            load = middle * self.every
            good = self.recalled(load).sum(axis=1) >= fraction * load - 1e-9
            undecided = (high - low) > 1
            low = np.where(undecided & good, middle, low)
            high = np.where(undecided & ~good, middle, high)
        return (low * self.every).astype(float)

    def curve(self, loads: Sequence[int] | NDArray[np.intp] | None = None) -> NDArray[np.float64]:
        """Recalled fraction of the patterns stored so far, shape (S, loads)."""
        chosen = self.loads if loads is None else np.asarray(loads)
        return np.stack([self.recalled(int(load)).mean(axis=1) for load in chosen], axis=1)

    def by_age(self, load: int | None = None) -> NDArray[np.bool_]:
        """Which patterns are recalled at the end, the newest first, shape (S, P)."""
        return self.recalled(int(self.loads[-1]) if load is None else load)[:, ::-1]

    def newest(self, count: int, loads: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float64]:
        """Recalled fraction of the `count` newest patterns, averaged over loads, shape (S,)."""
        found = [self.recalled(int(load), first=load - count).mean(axis=1) for load in loads]
        return np.mean(found, axis=0)


def information_per_synapse(
    patterns: NDArray[np.bool_], recalled: NDArray[np.bool_], cues: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Information that recall adds to the cue, in bits per symmetric synapse.

    Every unit is a noisy channel from the stored to the recalled state; what the cue already
    says about the stored pattern, by the same measure, is subtracted.

    Parameters
    ----------
    patterns, recalled, cues : ndarray of bool, shape (..., P, N)
        Stored patterns, states after recall and states before it.

    Returns
    -------
    ndarray of float, shape (...)
        P N (I(stored; recalled) - I(stored; cue)) / (N (N - 1) / 2).

    Raises
    ------
    ValueError
        If the three differ in shape, or have fewer than two units.
    """
    patterns, recalled, cues = (
        checks.array(name, value, binary=True)
        for name, value in (("patterns", patterns), ("recalled", recalled), ("cues", cues))
    )
    if patterns.ndim < 2 or not patterns.shape == recalled.shape == cues.shape:
        raise ValueError(
            f"patterns, recalled, cues: got shapes {patterns.shape}, {recalled.shape}, "
            f"{cues.shape}; allowed: three times the same, (..., patterns, units)"
        )
    if not patterns.size or patterns.shape[-1] < 2:
        raise ValueError(f"patterns: got shape {patterns.shape}; allowed: two units or more")
    n = patterns.shape[-1]
    gain = _channel_information(patterns, recalled) - _channel_information(patterns, cues)
    return 2 * patterns.shape[-2] * gain / (n - 1)


def mean_field_capacity(coding_level: float) -> float:
    r"""Patterns per unit that the covariance rule holds in a large network with k winners.

    At zero temperature the overlap m obeys

    .. math:: m = \Phi(x) - \Phi(y), \quad f \Phi(x) + (1 - f) \Phi(y) = f, \quad
        x - y = m / \sigma, \quad \sigma^2 = \alpha f (1 - f) / (1 - U)^2,

    with :math:`U = [f \phi(x) + (1 - f) \phi(y)] / \sigma`. Given the hit rate
    :math:`\Phi(x)`, everything else follows, so that the load is an explicit function of it and
    the capacity is its maximum.

    Parameters
    ----------
    coding_level : float
        Fraction f of active units.

    Returns
    -------
    float
        Largest load :math:`\alpha = P / N` with overlap above 1/2. It is .138 at f = 1/2.

    References
    ----------
    D. Amit, H. Gutfreund, H. Sompolinsky, Annals of Physics 173, 30 (1987);
    M. Tsodyks, M. Feigel'man, Europhysics Letters 6, 101 (1988).
    """
    from scipy.optimize import minimize_scalar  # slow to import, needed here only

    f = _checked_level(coding_level)

    def load(hits: float) -> float:
        false_alarms = f * (1 - hits) / (1 - f)
        x, y = ndtri(hits), ndtri(false_alarms)
        sigma = (hits - false_alarms) / (x - y)
        susceptibility = (f * _gauss(x) + (1 - f) * _gauss(y)) / sigma
        if susceptibility >= 1:
            return 0.0
        return (sigma * (1 - susceptibility)) ** 2 / (f * (1 - f))

    fewest_hits = 0.5 * (1 - f) + f  # overlap 1/2
    best = minimize_scalar(
        lambda hits: -load(hits), bounds=(fewest_hits, 1 - 1e-12), method="bounded"
    )
    return load(best.x)


def gardner_capacity(coding_level: float) -> float:
    r"""Patterns per unit that the best possible weights hold with zero margin.

    Parameters
    ----------
    coding_level : float
        f.

    Returns
    -------
    float
        2 at f = 1/2, growing as :math:`1 / (f |\ln f|)` for small f.

    References
    ----------
    E. Gardner, Journal of Physics A 21, 257 (1988).
    """
    from scipy.optimize import brentq

    f = _checked_level(coding_level)

    def first(x: float) -> float:
        return x * ndtr(x) + _gauss(x)

    def second(x: float) -> float:
        return (1 + x**2) * ndtr(x) + x * _gauss(x)

    v = brentq(lambda v: f * first(-v) - (1 - f) * first(v), -40, 40)
    return 1 / (f * second(-v) + (1 - f) * second(v))


def sparse_limit(coding_level: float) -> float:
    r"""Capacity of the covariance rule for vanishing coding level, :math:`1 / (2 f |\ln f|)`."""
    f = _checked_level(coding_level)
    return 1 / (2 * f * abs(np.log(f)))


def _channel_information(sent: NDArray[np.bool_], received: NDArray[np.bool_]) -> NDArray:
    """Mutual information of one unit's sent and received state, in bits, over the last two axes."""
    joint = np.stack(
        [(a & b).mean(axis=(-2, -1)) for a in (sent, ~sent) for b in (received, ~received)]
    ).reshape(2, 2, *sent.shape[:-2])
    entropy = entr(joint.sum(0)).sum(0) + entr(joint.sum(1)).sum(0) - entr(joint).sum((0, 1))
    return entropy / np.log(2)


def _gauss(x: float) -> float:
    return np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)


def _checked_level(coding_level: float) -> float:
    return checks.number("coding_level", coding_level, above=0, at_most=0.5)


def _check_every(every: int, patterns: ArrayLike) -> None:
    count = np.shape(patterns)[1]
    if not 1 <= every <= count:
        raise ValueError(f"every: got {every!r}; allowed: 1 to {count}, the number of patterns")
