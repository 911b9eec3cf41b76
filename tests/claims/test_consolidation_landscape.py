"""Fisher information and weights, free-phase curvature, lesions and the source program's protocol.

Reference values are means and 95 % confidence intervals of an independent program.
"""

import numpy as np
import pytest

from spikeconsol.lab import Condition
from spikeconsol.models import curvature_landscape as model
from spikeconsol.models import curvature_protocols as protocols
from spikeconsol.models.curvature_landscape import FisherWeights, Lesion
from spikeconsol.models.curvature_protocols import AuthorsProtocol, FreePhase
from spikeconsol.statistics import confidence_interval, mean_and_interval

FIVE, TEN = tuple(range(100, 105)), tuple(range(100, 110))


def agrees(values, mean, half):
    own, own_half = mean_and_interval(np.asarray(values, float))
    return abs(own - mean) <= half + own_half


def fisher(system, f):
    return model.run_fisher_weights(FisherWeights(), Condition("claim", setup=(f, system)), FIVE)


@pytest.mark.parametrize(
    ("f", "weight", "size", "centred_weight", "centred_size"),
    [
        (0.02, (0.975, 0.001), (0.977, 0.001), (0.974, 0.002), (0.977, 0.001)),
        (0.05, (0.945, 0.003), (0.853, 0.005), (0.939, 0.003), (0.857, 0.005)),
        (0.1, (0.900, 0.005), (0.327, 0.006), (0.878, 0.006), (0.327, 0.007)),
        (0.2, (0.813, 0.009), (0.093, 0.006), (0.724, 0.012), (0.081, 0.007)),
        (0.5, (0.570, 0.013), (-0.076, 0.005), (0.076, 0.008), (-0.934, 0.001)),
    ],
)
def test_correlation_of_curvature_and_weight(f, weight, size, centred_weight, centred_size):
    found = fisher("clamped", f)
    assert agrees(found.pearson_weight, *weight)
    assert agrees(found.pearson_size, *size)
    assert agrees(found.centred_weight, *centred_weight)
    assert agrees(found.centred_size, *centred_size)


@pytest.mark.parametrize(
    ("f", "weight", "agreement"),
    [(0.05, (0.790, 0.078), (0.855, 0.073)), (0.1, (0.863, 0.014), (0.961, 0.014))],
)
def test_sampled_curvature_follows_the_stored_patterns(f, weight, agreement):
    found = fisher("sampled", f)
    assert agrees(found.pearson_weight, *weight)
    assert agrees(found.agreement, *agreement)


def test_curvature_marks_large_weights_only_in_sparse_codes():
    """Over all states: F grows with the signed weight for sparse units, not for dense or -1/+1."""
    sparse, dense, spin = (
        fisher(system, f) for system, f in (("binary", 0.17), ("binary", 0.5), ("spin", 0.5))
    )
    assert sparse.pearson_weight.min() > 0.6
    for failing in (dense, spin):
        assert abs(float(failing.pearson_weight.mean())) < 0.3
        # The largest weights, of either sign, have the lowest information.
        assert failing.pearson_size.mean() + confidence_interval(failing.pearson_size) < -0.2


@pytest.mark.parametrize(
    ("name", "mean", "half"),
    [
        ("instant", 59.6, 0.5),
        ("leaky-0.005", 42.7, 1.8),
        ("leaky-0.1", 3.8, 0.9),
        ("weight-threshold", 49.9, 2.5),
        ("weight-bayes", 20.2, 1.1),
        ("weight-exp", 15.9, 2.1),
        ("mask-5%", 13.1, 1.0),
        ("curvature-gate", 59.8, 0.3),
    ],
)
def test_protocol_of_the_source_program(name, mean, half):
    """Patterns of 60 that stay fixed points, with threshold dynamics and exact cues."""
    p = AuthorsProtocol()
    condition = next(c for c in protocols.authors_conditions(p) if c.name == name)
    assert agrees(protocols.run_authors(p, condition, TEN).recalled_all, mean, half)


@pytest.mark.parametrize(
    ("kind", "mean", "half"),
    [
        (10, 7.2, 2.2),
        pytest.param(300, 20.8, 4.5, marks=pytest.mark.slow),
        ("history", 38.4, 3.2),
        (0, 4.0, 0.0),
        ("instant", 38.0, 6.3),
    ],
)
def test_free_activity_is_a_poor_estimator_of_curvature(kind, mean, half):
    found = protocols.run_free_phase(FreePhase(), Condition("claim", setup=kind), FIVE)
    assert agrees(found.p90_blank, mean, half)


def test_stiff_synapses_carry_the_memory():
    """Losing 10 % of the synapses: the stiffest cost most, the loosest nothing."""
    p = Lesion(fractions=(0.0, 0.1))

    def after(kind, order):
        return model.run_lesion(p, Condition("claim", setup=(kind, order)), FIVE)

    top, bottom = after("delete", "fisher-top"), after("delete", "fisher-bottom")
    chance = after("delete", "random")
    assert top.recalled_at_10.max() < 0.5
    assert chance.recalled_at_10.min() > 0.8
    assert bottom.recalled_at_10.min() > 0.95
    assert top.energy_at_10.max() < chance.energy_at_10.min() < bottom.energy_at_10.min()
    assert (
        after("disturb", "fisher-top").recalled_at_10.mean()
        < after("disturb", "random").recalled_at_10.mean()
    )
