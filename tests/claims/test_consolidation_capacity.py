"""Capacities of sequential storage: reference values, limits, and where curvature must fail.

Reference values are means and 95 % confidence intervals over 5 or 10 seeds of an independent
program. A value agrees if the two intervals, widened by the step of the coarser P90 grid, overlap.
"""

import numpy as np
import pytest

from spikeconsol.consolidation.rules import CurvatureGate, HardBounds, SmoothCurvatureGate
from spikeconsol.lab import Condition
from spikeconsol.models import curvature_capacity as model
from spikeconsol.models import curvature_extensions as extensions
from spikeconsol.models.curvature_capacity import Protocol, Trial, instant_capacity
from spikeconsol.statistics import mean_and_interval

TEN, FIVE = tuple(range(100, 110)), tuple(range(100, 105))
#: Fewer seeds give wider intervals in a third of the time; the slow tests have them all.
THREE = FIVE[:3]


def measured(rule, protocol, seeds):
    return model.run(protocol, Condition("claim", setup=Trial(rule, protocol)), seeds)


def agrees(values, mean, half, step=5):
    own, own_half = mean_and_interval(np.asarray(values, float))
    return abs(own - mean) <= half + own_half + step


def claimed(name):
    return next(c.setup.rule for c in model.rules(Protocol()) if c.name == name)


# P90 from a blank start, P90 and patterns recalled in the steady state: N = 200, f = 0.05.
MAIN = {
    "leaky-0.3": ((5.0, 0.0), (5.0, 1.69), (7.4, 0.69)),
    "curvature-gate": ((138.5, 2.41), (116.0, 5.28), (110.8, 3.47)),
}
MAIN_SLOW = {
    "weight-threshold": ((137.0, 4.52), (0.0, 0.0), (0.0, 0.0)),
    "covariance": ((120.0, 6.08), (0.0, 0.0), (0.8, 0.74)),
    "leaky-0.01": ((67.0, 3.02), (61.0, 4.4), (61.6, 1.85)),
    "spike-gated-0.07": ((76.0, 4.06), (66.0, 6.26), (69.7, 2.08)),
    "weight-bayes": ((16.0, 1.51), (15.0, 0.0), (15.9, 0.79)),
    "weight-exp": ((69.0, 6.49), (41.5, 6.75), (55.8, 2.69)),
    "damping-30": ((97.0, 3.46), (0.0, 0.0), (40.1, 2.73)),
    "precision": ((120.0, 6.08), (0.0, 0.0), (0.8, 0.74)),
    "elastic-30": ((31.5, 3.39), (5.5, 4.28), (3.3, 0.83)),
    "mask-5%": ((23.5, 1.73), (0.5, 1.13), (4.2, 0.45)),
    "mask-all": ((135.0, 4.77), (0.0, 0.0), (0.0, 0.0)),
    "smooth-gate": ((121.5, 2.41), (120.5, 2.03), (111.1, 1.77)),
    "shuffled-gate": ((26.0, 3.29), (16.5, 2.94), (23.2, 2.4)),
    "rate-gate": ((27.5, 3.04), (1.5, 2.41), (28.2, 2.02)),
}


@pytest.mark.parametrize(
    ("name", "seeds"),
    [
        *((name, THREE) for name in MAIN),
        *(pytest.param(name, TEN, marks=pytest.mark.slow) for name in MAIN | MAIN_SLOW),
    ],
    ids=lambda value: value if isinstance(value, str) else len(value),
)
def test_main_table(name, seeds):
    blank, steady, kept = (MAIN | MAIN_SLOW)[name]
    found = measured(claimed(name), Protocol(), seeds)
    assert agrees(found.p90_blank, *blank)
    assert agrees(found.p90_steady, *steady)
    assert agrees(found.recalled_steady, *kept, step=1)


@pytest.mark.parametrize(
    ("name", "mean", "half", "seeds"),
    [
        ("covariance", 120.0, 6.08, TEN),
        ("willshaw", 124.0, 2.82, TEN),
        ("pseudo_inverse", 119.5, 2.03, THREE),
        pytest.param("pseudo_inverse", 119.5, 2.03, TEN, marks=pytest.mark.slow),
        pytest.param("storkey", 133.0, 2.4, TEN, marks=pytest.mark.slow),
    ],
)
def test_batch_limits(name, mean, half, seeds):
    found = measured(name, Protocol(), seeds)
    assert agrees(found.p90_blank, mean, half)
    assert np.isnan(found.p90_steady).all()


@pytest.mark.parametrize("seeds", [THREE, pytest.param(FIVE, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize(
    ("bound", "blank", "steady"),
    [
        (0.25, (62.0, 5.6), (67.0, 9.4)),
        (0.55, (121.0, 9.2), (93.0, 8.3)),
        pytest.param(1.0, (179.0, 5.2), (0.0, 0.0), marks=pytest.mark.slow),
    ],
)
def test_hard_bounds_are_a_strong_control(bound, blank, steady, seeds):
    found = measured(HardBounds(bound=bound), Protocol(), seeds)
    assert agrees(found.p90_blank, *blank)
    assert agrees(found.p90_steady, *steady)


@pytest.mark.parametrize("seeds", [THREE, pytest.param(FIVE, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize(
    ("f", "instant", "blank", "steady"),
    [
        (0.03, (124.0, 16.1), (141.0, 2.8), (127.0, 10.4)),
        pytest.param(0.1, (84.0, 3.5), (86.4, 2.7), (41.2, 3.8), marks=pytest.mark.slow),
        (0.5, (23.2, 5.1), (2.0, 0.0), (0.0, 0.0)),
    ],
)
def test_coding_level(f, instant, blank, steady, seeds):
    """Sparse codes keep up with batch learning; at f = 1/2 the gate recalls next to nothing."""
    every = 5 if f < 0.075 else 2
    protocol = Protocol(coding_level=f, every=every)
    rule = CurvatureGate(coding_level=f, protection_time=round(instant[0]))
    found = measured(rule, protocol, seeds)
    assert agrees(measured("covariance", protocol, seeds).p90_blank, *instant, step=every)
    assert agrees(found.p90_blank, *blank, step=every)
    assert agrees(found.p90_steady, *steady, step=every)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "time", "blank", "steady", "step"),
    [
        (100, 39, (40.0, 1.8), (28.8, 3.8), 2),
        (300, 262, (286.0, 6.8), (266.0, 6.8), 10),
        (400, 424, (460.0, 0.0), (453.3, 18.5), 20),
    ],
)
def test_size_at_ten_active_units(n, time, blank, steady, step):
    protocol = Protocol(
        units=n, coding_level=10 / n, stored=20 * time // 10, background=2 * time, every=step
    )
    rule = CurvatureGate.for_capacity(time, coding_level=10 / n)
    found = measured(rule, protocol, FIVE[:3] if n == 400 else FIVE)
    assert agrees(found.p90_blank, *blank, step=step)
    assert agrees(found.p90_steady, *steady, step=step)


@pytest.mark.parametrize(
    ("n", "f", "seeds", "every"),
    [
        (200, 0.05, FIVE[:1], 10),  # on a coarse grid
        pytest.param(200, 0.05, FIVE, None, marks=pytest.mark.slow),
        pytest.param(200, 0.03, FIVE, None, marks=pytest.mark.slow),
        pytest.param(300, 1 / 30, FIVE, None, marks=pytest.mark.slow),
        pytest.param(400, 0.025, FIVE, None, marks=pytest.mark.slow),
    ],
)
def test_gate_reaches_nine_tenths_of_batch_learning_in_the_steady_state(n, f, seeds, every):
    protocol = model.fitted(Protocol(units=n, coding_level=f))
    protocol = protocol.replace(every=every or protocol.every)
    instant = measured("covariance", protocol, seeds).p90_blank.mean()
    capacity = instant_capacity(protocol)
    gate = SmoothCurvatureGate.for_capacity(capacity, coding_level=f)
    assert measured(gate, protocol, seeds).p90_steady.mean() >= 0.9 * instant


@pytest.mark.slow
@pytest.mark.parametrize("f", [0.05, 0.1])
def test_homeostasis_lifts_the_gate_above_batch_learning_in_the_steady_state(f):
    """Paired over seeds that no choice has seen, after a background of four times the capacity."""
    conditions = {c.name.removeprefix(f"f={f:g}-"): c for c in extensions.homeostasis(Protocol())}

    def steady(rule):
        return measured_condition(conditions[f"{rule}-homeostasis"]).p90_steady.values

    instant = measured_condition(conditions["instant"]).p90_blank.values
    gate, bounds = steady("depression-gate"), steady("hard-bounds")
    mean, half = mean_and_interval(gate / instant)
    assert mean - half > 1.0
    assert bounds.mean() < instant.mean()
    assert steady("shuffled-depression-gate").mean() < bounds.mean()


def measured_condition(condition):
    return model.run(condition.setup.protocol, condition, tuple(range(110, 120)))
