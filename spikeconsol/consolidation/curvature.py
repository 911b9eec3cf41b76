r"""Curvature of the energy landscape: Fisher information of every synapse.

A network of N two-valued units with energy

.. math:: E(u) = -\tfrac12 \sum_{i \ne j} w_{ij} u_i u_j + \sum_i \theta_i u_i, \qquad
          p(u) \propto e^{-E(u)/T},

has one sufficient statistic per synapse, the coincidence :math:`u_i u_j`. Its Fisher information

.. math:: F_{(ij),(kl)} = \mathrm{Cov}(u_i u_j, u_k u_l) / T^2
          = \partial^2 \log Z / \partial w_{ij} \partial w_{kl}

says how much the network's behaviour changes when the synapses change:
:math:`\mathrm{KL}(p_w \| p_{w + d}) = F_{ij} d^2 / 2 + O(d^3)`. Its diagonal depends on nothing but
the statistics of the two units a synapse joins. With units in {0, 1} it is
:math:`p_{ij} (1 - p_{ij}) / T^2`, where :math:`p_{ij}` is the probability that both are active.

Five routes lead to the diagonal; they differ in where the statistics come from: `exact` (all
states), `sampled` (Gibbs sampling), `clamped` (given patterns), `traced` (a running average, as a
synapse can keep it) and `from_weights` (the covariance rule's weights alone).

The distribution, its energy and its samples are those of `spikeconsol.consolidation.boltzmann`.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from spikeconsol import checks
from spikeconsol.consolidation.boltzmann import (
    BINARY,
    SPIN,
    Code,
    centred,
    check_temperature,
    checked_code,
    effective_sample_size,
    enumerated,
    gibbs,
    log_partition,
    pattern_energy,
    values_of,
)

__all__ = [
    "BINARY",
    "SPIN",
    "activity_from_spikes",
    "centred",
    "clamped",
    "divergence",
    "effective_sample_size",
    "exact",
    "from_weights",
    "gibbs",
    "log_partition",
    "pattern_energy",
    "sampled",
    "traced",
]


def exact(
    weights: ArrayLike,
    *,
    thresholds: ArrayLike,
    temperature: float = 1.0,
    full: bool = False,
    code: Code = BINARY,
) -> NDArray[np.float64]:
    r"""Fisher information from all :math:`2^N` states of a small network.

    Parameters
    ----------
    weights : array_like, shape (N, N)
        Symmetric weights; the diagonal is ignored. N is at most 14.
    thresholds : array_like, shape (N,) or scalar
        Thresholds :math:`\theta`.
    temperature : float, optional
        Temperature T of the Boltzmann distribution, in units of the energy.
    full : bool, optional
        Return the whole matrix over pairs instead of its diagonal.
    code : tuple of float, optional
        Values of a silent and of an active unit.

    Returns
    -------
    ndarray, shape (N, N) or (M, M) with `full`
        Diagonal as a symmetric matrix over units with zeros where i = j, or the matrix over the
        M = N (N - 1) / 2 pairs in the order of ``np.triu_indices(N, 1)``.

    Raises
    ------
    ValueError
        If the network is too large, the weights are not square and symmetric, or the
        temperature is not positive.
    """
    values, log_weight = enumerated(weights, thresholds, temperature, code)
    probability = np.exp(log_weight - logsumexp(log_weight))
    return _fisher(values, probability, temperature, full)


def sampled(
    weights: ArrayLike,
    *,
    thresholds: ArrayLike,
    temperature: float = 1.0,
    full: bool = False,
    code: Code = BINARY,
    seed: int | np.random.SeedSequence,
    **sampler: Any,
) -> NDArray[np.float64]:
    """Fisher information estimated from states the network visits on its own.

    The parameters of the model are those of `exact`, those of the sampler those of `gibbs`:
    `start`, `chains`, `burn_in` and `sweeps` beside the seed.

    Returns
    -------
    ndarray, shape (N, N) or (M, M) with `full`

    Warns
    -----
    RuntimeWarning
        If the effective sample size of the energy is below 100.
    """
    states = gibbs(
        weights, thresholds=thresholds, temperature=temperature, code=code, seed=seed, **sampler
    )
    flat = states.reshape(-1, states.shape[-1])
    energy = pattern_energy(flat, weights, thresholds=thresholds, code=code)
    size = effective_sample_size(energy.reshape(states.shape[:2]))
    if size < 100:
        warnings.warn(
            f"effective sample size of the energy is {size:.0f}; use more sweeps or chains",
            RuntimeWarning,
            stacklevel=2,
        )
    return clamped(flat, temperature=temperature, full=full, code=code)


def clamped(
    patterns: ArrayLike,
    *,
    temperature: float = 1.0,
    full: bool = False,
    code: Code = BINARY,
) -> NDArray[np.float64]:
    """Fisher information with the network held in each of the given patterns equally often.

    Parameters
    ----------
    patterns : array_like of bool, shape (P, N)
        States; for example all stored patterns.
    temperature, full, code
        As for `exact`.

    Returns
    -------
    ndarray, shape (N, N) or (M, M) with `full`

    Raises
    ------
    ValueError
        If there is no pattern, or they are not binary.
    """
    check_temperature(temperature)
    values = values_of(checks.array("patterns", patterns, ndim=2, binary=True), code)
    if values.ndim != 2 or not len(values):
        raise ValueError(f"patterns: got shape {values.shape}; allowed: (patterns >= 1, units)")
    return _fisher(values, np.full(len(values), 1 / len(values)), temperature, full)


def traced(
    activity: ArrayLike, *, rate: float, start: ArrayLike | None = None, temperature: float = 1.0
) -> NDArray[np.float64]:
    r"""Fisher information from a running average of coincidences, one local trace per synapse.

    The trace follows :math:`p \leftarrow p + a (u_i u_j - p)`, one step per row of `activity`, and
    the information is :math:`p (1 - p) / T^2`.

    Parameters
    ----------
    activity : array_like, shape (P, N)
        Activity of the units, 0 to about 1: binary patterns, or `activity_from_spikes`.
    rate : float
        Update a of the trace per pattern, between 0 and 1. It remembers about 1/a patterns.
    start : array_like, shape (N, N), optional
        Trace before the first pattern; zero when left out.
    temperature : float, optional
        Temperature T, in units of the energy.

    Returns
    -------
    ndarray, shape (N, N)
    """
    check_temperature(temperature)
    rate = checks.number("rate", rate, above=0, at_most=1)
    activity = checks.array("activity", activity, ndim=2).astype(float)
    # The recursion unrolled: a pattern shown n patterns ago counts a (1 - a)^n.
    age = np.arange(len(activity))[::-1]
    trace = (activity * (rate * (1 - rate) ** age)[:, None]).T @ activity
    if start is not None:
        start = checks.array("start", start).astype(float)
        if start.shape != trace.shape:
            raise ValueError(f"start: got shape {start.shape}; allowed: {trace.shape}")
        trace += (1 - rate) ** len(activity) * start
    trace = np.clip(trace, 0, 1)  # spike counts may exceed their expectation
    fisher = trace * (1 - trace) / temperature**2
    np.fill_diagonal(fisher, 0)
    return fisher


def from_weights(
    weights: ArrayLike, *, coding_level: float, temperature: float = 1.0, code: Code = BINARY
) -> NDArray[np.float64]:
    r"""Fisher information read off the weights that the covariance rule leaves.

    If :math:`W_{ij} = \langle (s_i - f)(s_j - f) \rangle` and every unit is active with
    probability f, then both units of a synapse are active with probability
    :math:`p_{ij} = W_{ij} + f^2`, and with the marginals this fixes the joint distribution of the
    pair. For {0, 1} units :math:`F = p (1 - p)`; in the centred code

    .. math:: F = f^2 (1 - f)^2 + (1 - 2f)^2 W - W^2.

    Large weights have a large F while f is well below 1/2. At f = 1/2 the linear term is gone, and
    with -1/+1 units, where :math:`F = 1 - C^2`, the largest correlations have the lowest F.

    Parameters
    ----------
    weights : array_like
        Covariances of the {0, 1} activities, any shape.
    coding_level : float
        Probability f that a unit is active.
    temperature, code
        As for `exact`.

    Returns
    -------
    ndarray, shape of `weights`
    """
    check_temperature(temperature)
    silent, active = checked_code(code)
    centred(coding_level)  # refuses an impossible coding level
    both = checks.array("weights", weights).astype(float) + coding_level**2
    one = coding_level - both  # the first unit alone; as often the second alone
    neither = 1 - both - 2 * one
    mean = both * active**2 + 2 * one * active * silent + neither * silent**2
    square = both * active**4 + 2 * one * (active * silent) ** 2 + neither * silent**4
    return (square - mean**2) / temperature**2


def divergence(
    weights: ArrayLike,
    pair: tuple[int, int],
    shifts: ArrayLike,
    *,
    thresholds: ArrayLike,
    temperature: float = 1.0,
    code: Code = BINARY,
) -> NDArray[np.float64]:
    """Kullback-Leibler divergence when one synapse is moved: a slice through the landscape.

    Parameters
    ----------
    weights : array_like, shape (N, N)
        Symmetric weights, N at most 14.
    pair : tuple of int
        The two units whose (symmetric) synapse is moved.
    shifts : array_like, shape (K,)
        Changes d of the weight.
    thresholds, temperature, code
        As for `exact`.

    Returns
    -------
    ndarray, shape (K,)
        KL(p_w || p_{w + d}) in nats; close to F d**2 / 2 for small d.

    Raises
    ------
    ValueError
        As `exact` does, and if `pair` is not two units of the network.
    """
    values, log_weight = enumerated(weights, thresholds, temperature, code)
    both = checks.array("pair", pair, ndim=1)
    if both.shape != (2,):
        raise ValueError(f"pair: got shape {both.shape}; allowed: two units")
    i, j = (checks.whole("pair", one, at_least=0, at_most=values.shape[1] - 1) for one in both)
    coincidence = values[:, i] * values[:, j] / temperature
    shifts = np.atleast_1d(checks.array("shifts", shifts).astype(float))
    # Within an exponential family the divergence follows from log Z and the mean alone.
    log_z = logsumexp(log_weight)
    moved = logsumexp(log_weight[:, None] + shifts * coincidence[:, None], axis=0)
    return moved - log_z - shifts * (np.exp(log_weight - log_z) @ coincidence)


def activity_from_spikes(
    counts: ArrayLike, *, expected: float, floor: float = 0.0
) -> NDArray[np.float64]:
    """Threshold-linear activity, about 1 for an active unit, from spike counts.

    Parameters
    ----------
    counts : array_like, any shape
        Spikes of each unit within one presentation.
    expected : float
        Mean count of an active unit.
    floor : float, optional
        Relative count below which the activity is zero, so that background firing leaves no trace.

    Returns
    -------
    ndarray, shape of `counts`
        max(counts / expected - floor, 0) / (1 - floor).
    """
    expected = checks.number("expected", expected, above=0)
    floor = checks.number("floor", floor, at_least=0, below=1)
    return np.maximum(checks.array("counts", counts) / expected - floor, 0) / (1 - floor)


def _fisher(
    values: NDArray[np.float64], probability: NDArray[np.float64], temperature: float, full: bool
) -> NDArray[np.float64]:
    """Covariance of the coincidences over states of given probability."""
    if checks.truth("full", full):
        first, second = np.triu_indices(values.shape[1], 1)
        coincidence = values[:, first] * values[:, second]
        coincidence -= probability @ coincidence
        return (coincidence * probability[:, None]).T @ coincidence / temperature**2
    mean = (values * probability[:, None]).T @ values
    square = (values**2 * probability[:, None]).T @ values**2
    fisher = (square - mean**2) / temperature**2
    np.fill_diagonal(fisher, 0)
    return fisher
