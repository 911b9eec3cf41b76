r"""Boltzmann distribution of a network of two-valued units: its energy, its states, samples of it.

.. math:: E(u) = -\tfrac12 \sum_{i \ne j} w_{ij} u_i u_j + \sum_i \theta_i u_i, \qquad
          p(u) \propto e^{-E(u)/T} .

What the two values of a unit are is its *code*: `BINARY` is {0, 1}, `SPIN` is {-1, +1} and
``centred(f)`` is {-f, 1 - f}, the code in which the covariance rule is a plain Hebbian product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logsumexp

from spikeconsol import checks

__all__ = [
    "BINARY",
    "SPIN",
    "centred",
    "effective_sample_size",
    "enumerated",
    "gibbs",
    "log_partition",
    "pattern_energy",
]

Code = tuple[float, float]  # value of a silent unit, value of an active unit

BINARY: Code = (0.0, 1.0)
SPIN: Code = (-1.0, 1.0)

LARGEST_ENUMERATION = 14


def centred(coding_level: float) -> Code:
    """Code {-f, 1 - f}: zero mean for units that are active with probability f."""
    coding_level = checks.number("coding_level", coding_level, above=0, below=1)
    return (-coding_level, 1.0 - coding_level)


def pattern_energy(
    patterns: ArrayLike, weights: ArrayLike, *, thresholds: ArrayLike = 0.0, code: Code = BINARY
) -> NDArray[np.float64]:
    """Energy E of binary patterns in the network.

    Parameters
    ----------
    patterns : array_like of bool, shape (P, N)
    weights : array_like, shape (N, N)
        Symmetric; the diagonal is ignored.
    thresholds : array_like, shape (N,) or scalar, optional
    code : tuple of float, optional
        Values of a silent and of an active unit.

    Returns
    -------
    ndarray, shape (P,)

    Raises
    ------
    ValueError
        If patterns and weights do not belong to one network, or the weights are not symmetric.
    """
    weights, thresholds = _checked(weights, thresholds)
    values = values_of(checks.array("patterns", patterns, ndim=2, binary=True), code)
    if values.shape[1] != len(weights):
        raise ValueError(f"patterns: got {values.shape[1]} units; allowed: {len(weights)}")
    return -0.5 * np.einsum("pi,pi->p", values @ weights, values) + values @ thresholds


def enumerated(
    weights: ArrayLike, thresholds: ArrayLike, temperature: float, code: Code
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All states of a small network and the logarithm of their unnormalised probability.

    Returns
    -------
    values : ndarray, shape (2**N, N)
        Values of the units in every state.
    log_weight : ndarray, shape (2**N,)
        -E / T.

    Raises
    ------
    ValueError
        If there are more than 14 units.
    """
    weights, thresholds = _checked(weights, thresholds)
    check_temperature(temperature)
    n = len(weights)
    if n > LARGEST_ENUMERATION:
        raise ValueError(
            f"weights: got {n} units; allowed: at most {LARGEST_ENUMERATION} for the sum over all "
            "states; use `sampled`"
        )
    states = (np.arange(2**n)[:, None] >> np.arange(n)) % 2 == 1
    energy = pattern_energy(states, weights, thresholds=thresholds, code=code)
    return values_of(states, code), -energy / temperature


def log_partition(
    weights: ArrayLike, *, thresholds: ArrayLike, temperature: float = 1.0, code: Code = BINARY
) -> float:
    """Logarithm of the partition function of a network of at most 14 units."""
    return float(logsumexp(enumerated(weights, thresholds, temperature, code)[1]))


def gibbs(
    weights: ArrayLike,
    *,
    thresholds: ArrayLike,
    temperature: float = 1.0,
    code: Code = BINARY,
    start: ArrayLike | None = None,
    chains: int = 300,
    burn_in: int = 10,
    sweeps: int = 30,
    seed: int | np.random.SeedSequence,
) -> NDArray[np.bool_]:
    """Sample states by Gibbs sweeps, all chains side by side.

    Parameters
    ----------
    weights, thresholds, temperature, code
        The model, as for `exact`, of any size.
    start : array_like of bool, shape (P, N), optional
        States the chains start in, taken in turn, for example the stored patterns; random
        states when left out.
    chains, burn_in, sweeps : int
        Number of chains, sweeps dropped and sweeps kept. A sweep visits every unit once.
    seed : int or numpy.random.SeedSequence
        Seed of the sampler.

    Returns
    -------
    ndarray of bool, shape (sweeps, chains, N)

    Raises
    ------
    ValueError
        If a setting is impossible, or `start` holds no states of N units.
    """
    weights, thresholds = _checked(weights, thresholds)
    check_temperature(temperature)
    for name, count, least in (
        ("chains", chains, 1),
        ("burn_in", burn_in, 0),
        ("sweeps", sweeps, 1),
    ):
        checks.whole(name, count, at_least=least, at_most=10**8)
    n = len(weights)
    checks.memory(f"sweeps: {sweeps} of {chains} chains", 1.0 * sweeps * chains * n)
    rng = np.random.default_rng(checks.seed("seed", seed))
    if start is None:
        state = rng.random((chains, n)) < 0.5
    else:
        start = checks.array("start", start, ndim=2, binary=True)
        if not len(start) or start.shape[1] != n:
            raise ValueError(f"start: got shape {start.shape}; allowed: (states, {n} units)")
        state = np.resize(start, (chains, n))
    silent, active = checked_code(code)
    values = values_of(state, code).T.copy()  # (N, chains): a unit's chains lie side by side
    kept = np.empty((sweeps, chains, n), bool)
    step = (active - silent) / temperature
    for sweep in range(burn_in + sweeps):
        uniform = rng.random((n, chains))
        for unit in range(n):
            field = weights[unit] @ values - thresholds[unit]
            values[unit] = np.where(uniform[unit] < expit(step * field), active, silent)
        if sweep >= burn_in:
            kept[sweep - burn_in] = active == values.T
    return kept


def effective_sample_size(series: ArrayLike) -> float:
    """Number of independent samples that chains of correlated ones are worth.

    Between-chain differences count against the sample, so chains that stay where they
    started are not mistaken for a large sample.

    Parameters
    ----------
    series : array_like, shape (samples, chains)
        A scalar function of the state, such as its energy.

    Returns
    -------
    float

    References
    ----------
    A. Gelman et al., Bayesian Data Analysis, 3rd ed., section 11.5; truncated at the first
    negative pair of autocorrelations (C. Geyer, Statistical Science 7, 473, 1992).
    """
    series = checks.array("series", series, ndim=2).astype(float)
    if not series.size:
        raise ValueError(f"series: got shape {series.shape}; allowed: (samples, chains), not none")
    n, chains = series.shape
    deviation = series - series.mean(axis=0)
    within = (deviation**2).sum(axis=0).mean() / max(n - 1, 1)
    between = series.mean(axis=0).var(ddof=1) if chains > 1 else 0.0
    total = within * (n - 1) / n + between
    if total == 0:
        return 1.0
    # Autocovariance of all chains at once, padded so that it does not wrap around.
    spectrum = np.abs(np.fft.rfft(deviation, 2 * n, axis=0)) ** 2
    autocovariance = np.fft.irfft(spectrum, axis=0)[:n].mean(axis=1) / n
    correlation = 1 - (within - autocovariance) / total
    pairs = correlation[1 : n - 1 : 2] + correlation[2:n:2]
    first_negative = np.argmax(pairs < 0) if (pairs < 0).any() else len(pairs)
    return n * chains / max(1 + 2 * pairs[:first_negative].sum(), 1.0)


def values_of(states: NDArray[np.bool_], code: Code) -> NDArray[np.float64]:
    """Values of units that are silent or active."""
    silent, active = checked_code(code)
    return np.where(states, active, silent)


def checked_code(code: Code) -> Code:
    """Return the two values of a code, or say what is wrong with them."""
    values = checks.array("code", code)
    if values.shape != (2,):
        raise ValueError(f"code: got shape {values.shape}; allowed: (silent, active), two values")
    return float(values[0]), float(values[1])


def _checked(
    weights: ArrayLike, thresholds: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights without their diagonal and thresholds, one per unit."""
    weights = checks.array("weights", weights).astype(float)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"weights: got shape {weights.shape}; allowed: (units, units)")
    if not np.allclose(weights, weights.T):
        raise ValueError("weights: got an asymmetric matrix; allowed: symmetric, it has an energy")
    np.fill_diagonal(weights, 0)
    thresholds = checks.array("thresholds", thresholds).astype(float)
    if thresholds.shape not in ((), (len(weights),)):
        raise ValueError(f"thresholds: got shape {thresholds.shape}; allowed: ({len(weights)},)")
    return weights, np.broadcast_to(thresholds, len(weights))


def check_temperature(temperature: float) -> None:
    """Refuse an impossible temperature."""
    checks.number("temperature", temperature, above=0)
