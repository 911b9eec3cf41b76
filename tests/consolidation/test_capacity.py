"""Limits against published values, and the measures on memories whose answer is known."""

import numpy as np
import pytest

from spikeconsol.consolidation import HopfieldNetwork, batch, capacity
from spikeconsol.consolidation.capacity import Course
from spikeconsol.consolidation.rules import Covariance, CurvatureGate, Leaky
from spikeconsol.data import corrupt, sparse_patterns

SEEDS = (0, 1)


def stream(count, n=100, coding_level=0.1, first=0):
    return np.stack(
        [sparse_patterns(count, n, coding_level=coding_level, seed=first + s) for s in SEEDS]
    )


def course(rule, patterns, *, every=5, background=None):
    cues = np.stack([corrupt(p, deleted=0.2, added=0.2, seed=9) for p in patterns])
    network = HopfieldNetwork(patterns.shape[2], rule=rule, seed=SEEDS)
    return Course.stored(network, patterns, cues, every=every, background=background)


@pytest.mark.parametrize(
    ("coding_level", "mean_field", "gardner", "limit"),
    [(0.5, 0.138, 2.0, 1.44), (0.2, 0.237, 2.67, 1.55), (0.05, 0.945, 6.08, 3.34)],
)
def test_limits(coding_level, mean_field, gardner, limit):
    assert capacity.mean_field_capacity(coding_level) == pytest.approx(mean_field, abs=1e-3)
    assert capacity.gardner_capacity(coding_level) == pytest.approx(gardner, abs=5e-3)
    assert capacity.sparse_limit(coding_level) == pytest.approx(limit, abs=5e-3)


def test_sparse_coding_approaches_its_limit():
    """Tsodyks and Feigel'man's limit is reached only at astronomically sparse coding."""
    ratio = [capacity.mean_field_capacity(f) / capacity.sparse_limit(f) for f in (1e-2, 1e-5, 1e-8)]
    assert ratio == sorted(ratio)
    assert 0.3 < ratio[0] < ratio[-1] < 1


def test_mean_field_solution_is_the_fixed_point_of_its_equations():
    """Solve the equations by damped iteration at one load below and one above the capacity."""
    from scipy.optimize import brentq
    from scipy.stats import norm

    f = 0.1
    critical = capacity.mean_field_capacity(f)

    def overlap(alpha):
        m, sigma = 1.0, np.sqrt(alpha * f * (1 - f))
        for _ in range(400):

            def excess(threshold, m=m, sigma=sigma):
                x, y = (m * (1 - f) - threshold) / sigma, (-m * f - threshold) / sigma
                return f * norm.cdf(x) + (1 - f) * norm.cdf(y) - f

            threshold = brentq(excess, -20, 20)
            x, y = (m * (1 - f) - threshold) / sigma, (-m * f - threshold) / sigma
            u = (f * norm.pdf(x) + (1 - f) * norm.pdf(y)) / sigma
            new_sigma = np.sqrt(alpha * f * (1 - f)) / max(1 - u, 1e-3)
            m += 0.5 * (norm.cdf(x) - norm.cdf(y) - m)
            sigma += 0.5 * (new_sigma - sigma)
            if m < 0.4:
                break
        return m

    assert overlap(0.97 * critical) > 0.5
    assert overlap(1.05 * critical) < 0.5


def test_additive_storage_equals_batch_learning():
    patterns = stream(60)
    one_by_one = course(Covariance(coding_level=0.1), patterns)
    together = Course.at_once(
        one_by_one.network, batch.covariance, patterns, one_by_one.cues, every=5
    )
    np.testing.assert_allclose(one_by_one.p90(), together.p90(), atol=5)  # ties fall differently
    np.testing.assert_allclose(
        one_by_one.weights_at(np.array([30, 60])),
        together.weights_at(np.array([30, 60])),
        atol=1e-5,
    )


def test_bisection_finds_the_edge_of_the_curve():
    memory = course(CurvatureGate.for_capacity(40, coding_level=0.1), stream(80))
    p90, curve = memory.p90(), memory.curve()
    for value, fractions in zip(p90, curve, strict=True):
        index = int(value) // memory.every - 1
        assert fractions[index] >= 0.9
        assert fractions[index + 1] < 0.9


def test_leaky_memory_recalls_only_the_newest():
    memory = course(Leaky(coding_level=0.1), stream(80))
    by_age = memory.by_age()
    assert by_age[:, :2].all()
    assert not by_age[:, 20:].any()
    assert memory.newest(2, [40, 80]).mean() > memory.newest(20, [40, 80]).mean() > 0
    # The newest 20 at load 80, counted by hand.
    assert memory.newest(20, [80]) == pytest.approx(by_age[:, :20].mean(axis=1))


def test_background_is_stored_first_and_never_tested():
    patterns, background = stream(40), stream(100, first=100)
    memory = course(Covariance(coding_level=0.1), patterns, background=background)
    expected = batch.covariance(background[0]) + batch.covariance(patterns[0, :20])
    np.testing.assert_allclose(memory.weights_at(np.array([20, 20]))[0], expected, atol=1e-5)
    assert memory.p90().max() <= 5  # blackout


def test_loads_may_differ_between_seeds():
    memory = course(Covariance(coding_level=0.1), stream(40))
    both = memory.recalled(np.array([10, 30]))
    assert both.shape == (2, 30)
    assert not both[0, 10:].any()
    assert both[0, :10].mean() >= 0.9


def test_information_of_perfect_and_useless_recall():
    patterns = stream(50, n=200)
    cues = np.zeros_like(patterns)
    f, n = 0.1, 200
    entropy = -f * np.log2(f) - (1 - f) * np.log2(1 - f)
    perfect = capacity.information_per_synapse(patterns, patterns, cues)
    np.testing.assert_allclose(perfect, 50 * n * entropy / (n * (n - 1) / 2))
    np.testing.assert_allclose(
        capacity.information_per_synapse(patterns, cues, cues), 0, atol=1e-12
    )
    # Nothing is gained over a cue that says it all.
    np.testing.assert_allclose(
        capacity.information_per_synapse(patterns, patterns, patterns), 0, atol=1e-12
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="every: got 50"):
        course(Leaky(coding_level=0.1), stream(40), every=50)
    with pytest.raises(ValueError, match=r"coding_level: got 0.7"):
        capacity.mean_field_capacity(0.7)
