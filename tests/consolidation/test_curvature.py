"""Fisher information against finite differences, against itself and against closed forms."""

import numpy as np
import pytest

from spikeconsol.consolidation import curvature
from spikeconsol.data import patterns

CODES = [curvature.BINARY, curvature.SPIN, curvature.centred(0.2)]


def model(n=7, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(0, 0.6, (n, n))
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0)
    return weights, rng.normal(0, 0.5, n)


def moved(weights, pair, shift):
    weights = weights.copy()
    weights[pair] += shift
    weights[pair[::-1]] += shift
    return weights


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("temperature", [0.7, 1.0])
def test_exact_is_the_second_derivative_of_the_log_partition_function(code, temperature):
    weights, thresholds = model()
    setting = {"thresholds": thresholds, "temperature": temperature, "code": code}
    diagonal = curvature.exact(weights, **setting)
    full = curvature.exact(weights, full=True, **setting)
    pairs = list(zip(*np.triu_indices(len(weights), 1), strict=True))

    def log_z(*moves):
        w = weights
        for pair, shift in moves:
            w = moved(w, pair, shift)
        return curvature.log_partition(w, **setting)

    h = 1e-2
    for index in (0, 5, 20):
        pair = pairs[index]
        # Fourth-order central differences.
        steps = np.array([log_z((pair, k * h)) for k in (-2, -1, 0, 1, 2)])
        second = steps @ np.array([-1, 16, -30, 16, -1]) / (12 * h**2)
        assert diagonal[pair] == pytest.approx(second, rel=1e-6, abs=1e-8)
        assert full[index, index] == pytest.approx(diagonal[pair], rel=1e-12)
    for a, b in ((0, 3), (2, 20)):

        def mixed(d, a=a, b=b):
            signs = [(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)]
            moves = ((s, (pairs[a], i * d), (pairs[b], j * d)) for i, j, s in signs)
            return sum(s * log_z(first, second) for s, first, second in moves) / (4 * d**2)

        extrapolated = (4 * mixed(h / 2) - mixed(h)) / 3
        assert full[a, b] == pytest.approx(extrapolated, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("code", CODES)
def test_divergence_is_quadratic_with_the_fisher_information(code):
    weights, thresholds = model(seed=1)
    fisher = curvature.exact(weights, thresholds=thresholds, code=code)
    shifts = np.array([-1e-3, 1e-3])
    for pair in ((0, 1), (2, 5)):
        slices = curvature.divergence(weights, pair, shifts, thresholds=thresholds, code=code)
        assert slices.mean() == pytest.approx(fisher[pair] * 1e-6 / 2, rel=1e-5)  # d^3 cancels
    # And it is the divergence: compare with the sum over states of p log(p / q).
    states = (np.arange(2**7)[:, None] >> np.arange(7)) % 2 == 1

    def log_p(w):
        minus_energy = -curvature.pattern_energy(states, w, thresholds=thresholds, code=code)
        return minus_energy - curvature.log_partition(w, thresholds=thresholds, code=code)

    p, q = log_p(weights), log_p(moved(weights, (1, 4), 0.8))
    slice_ = curvature.divergence(weights, (1, 4), 0.8, thresholds=thresholds, code=code)
    assert slice_[0] == pytest.approx(np.exp(p) @ (p - q), rel=1e-10)


def balanced_patterns(seed=3, n=12, per_unit=4, count=24):
    """Random patterns in which every unit is active equally often (r_i = f)."""
    rng = np.random.default_rng(seed)
    states = np.zeros((count, n), bool)
    for unit in states.T:
        unit[rng.choice(count, per_unit, replace=False)] = True
    return states, per_unit / count


@pytest.mark.parametrize("per_unit", [2, 4, 12])
def test_from_weights_is_exact_where_every_unit_has_the_coding_level(per_unit):
    states, f = balanced_patterns(per_unit=per_unit)
    covariance = (states - f).T @ (states - f) / len(states)
    np.fill_diagonal(covariance, 0)
    off = ~np.eye(len(covariance), dtype=bool)
    for code in (curvature.BINARY, curvature.SPIN, curvature.centred(f)):
        clamped = curvature.clamped(states, code=code)
        formula = curvature.from_weights(covariance, coding_level=f, code=code)
        np.testing.assert_allclose(formula[off], clamped[off], rtol=1e-10, atol=1e-14)
    centred = curvature.from_weights(covariance, coding_level=f, code=curvature.centred(f))
    closed = f**2 * (1 - f) ** 2 + (1 - 2 * f) ** 2 * covariance - covariance**2
    np.testing.assert_allclose(centred, closed, atol=1e-15)
    p = covariance + f**2
    binary = curvature.from_weights(covariance, coding_level=f)
    np.testing.assert_allclose(binary, p * (1 - p), atol=1e-15)


def test_spin_information_is_one_minus_the_squared_correlation():
    correlations = np.linspace(-0.9, 0.9, 7)
    fisher = curvature.from_weights(correlations / 4, coding_level=0.5, code=curvature.SPIN)
    np.testing.assert_allclose(fisher, 1 - correlations**2, atol=1e-14)


def test_sampling_agrees_with_enumeration():
    weights, thresholds = model(n=8, seed=4)
    truth = curvature.exact(weights, thresholds=thresholds)
    estimate = curvature.sampled(
        weights, thresholds=thresholds, chains=200, burn_in=20, sweeps=300, seed=0
    )
    np.testing.assert_allclose(estimate, truth, atol=0.01)  # 5 standard errors
    full = curvature.exact(weights, thresholds=thresholds, full=True)
    estimate = curvature.sampled(
        weights, thresholds=thresholds, chains=200, burn_in=20, sweeps=300, seed=1, full=True
    )
    np.testing.assert_allclose(estimate, full, atol=0.01)


def test_chains_that_stay_where_they_started_are_reported():
    stored = patterns.sparse_patterns(4, 40, coding_level=0.1, seed=0)
    weights = (stored - 0.1).T @ (stored - 0.1)
    with pytest.warns(RuntimeWarning, match="effective sample size"):
        curvature.sampled(weights, thresholds=0.5, temperature=0.01, start=stored, chains=8, seed=0)


def test_effective_sample_size_of_correlated_and_independent_chains():
    rng = np.random.default_rng(0)
    white = rng.normal(size=(500, 20))
    assert curvature.effective_sample_size(white) == pytest.approx(10_000, rel=0.15)
    slow = np.empty_like(white)
    slow[0] = white[0]
    for t in range(1, 500):
        slow[t] = 0.8 * slow[t - 1] + 0.6 * white[t]
    # An autoregressive chain is worth (1 - r) / (1 + r) of its length.
    assert curvature.effective_sample_size(slow) == pytest.approx(10_000 / 9, rel=0.25)
    apart = white + 100 * np.arange(20)
    assert curvature.effective_sample_size(apart) < 60


def test_trace_is_the_recursion_a_synapse_runs():
    states = patterns.sparse_patterns(30, 10, coding_level=0.3, seed=5).astype(float)
    start = np.full((10, 10), 0.02)
    p = start.copy()
    for s in states:
        p += 0.1 * (np.outer(s, s) - p)
    fisher = curvature.traced(states, rate=0.1, start=start)
    expected = p * (1 - p)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(fisher, expected, rtol=1e-12)


def test_slow_trace_of_repeated_patterns_approaches_the_clamped_information():
    states = patterns.sparse_patterns(20, 30, coding_level=0.2, seed=6)
    fisher = curvature.traced(np.tile(states, (200, 1)), rate=0.002)
    np.testing.assert_allclose(fisher, curvature.clamped(states), atol=0.01)


def test_spike_counts_with_background_trace_only_true_coincidences():
    states = patterns.sparse_patterns(40, 60, coding_level=0.1, seed=7)
    counts = np.random.default_rng(7).poisson(np.where(states, 40, 2))
    activity = curvature.activity_from_spikes(counts, expected=40, floor=0.3)
    assert (activity[~states] == 0).all()
    # The threshold line passes through the mean count of an active unit.
    assert activity[states].mean() == pytest.approx(1, abs=0.05)
    noisy, clean = curvature.traced(activity, rate=0.03), curvature.traced(states, rate=0.03)
    off = np.triu_indices(60, 1)
    assert np.corrcoef(noisy[off], clean[off])[0, 1] > 0.95
    raw = curvature.traced(curvature.activity_from_spikes(counts, expected=40), rate=0.03)
    assert raw[off][clean[off] == 0].max() > 0  # without the floor, background leaves traces


def test_energy_of_a_state():
    weights = np.array([[9.0, 1, 2], [1, 9, 3], [2, 3, 9]])  # the diagonal must not count
    energy = curvature.pattern_energy([[1, 1, 0], [1, 1, 1]], weights, thresholds=[0.1, 0.2, 0.3])
    np.testing.assert_allclose(energy, [-1 + 0.3, -6 + 0.6])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: curvature.exact(np.zeros((15, 15)), thresholds=0), "weights: got 15 units"),
        (lambda: curvature.exact(np.zeros((3, 2)), thresholds=0), "weights: got shape"),
        (lambda: curvature.exact([[0, 1], [0, 0]], thresholds=0), "asymmetric"),
        (lambda: curvature.exact(np.zeros((2, 2)), thresholds=[1, 2, 3]), "thresholds: got shape"),
        (
            lambda: curvature.exact(np.zeros((2, 2)), thresholds=0, temperature=0),
            "temperature: got",
        ),
        (lambda: curvature.traced([[0, 1]], rate=2), "rate: got 2"),
        (lambda: curvature.clamped(np.zeros((0, 3))), "patterns: got shape"),
        (lambda: curvature.centred(1.5), "coding_level: got 1.5"),
        (lambda: curvature.activity_from_spikes([1], expected=0), "expected: got 0"),
        (
            lambda: curvature.gibbs(np.zeros((2, 2)), thresholds=0, chains=0, seed=0),
            "chains: got 0",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
