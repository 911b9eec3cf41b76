"""The spiking memory under background firing, with patterns of varying duration, and at N = 400.

Test seeds from 100 on; constants were chosen on seeds 0 and 1.
"""

import functools

import numpy as np
import pytest

from spikeconsol.models import spiking_capacity
from spikeconsol.models.sequential_memory import Protocol

pytestmark = pytest.mark.slow


@functools.cache
def kept(conditions, name, seeds=(100, 101, 102)):
    condition = next(c for c in conditions(Protocol()) if c.name == name)
    runs = [spiking_capacity.run(Protocol(), condition, (seed,)) for seed in seeds]
    return np.array([float(run.kept[0]) for run in runs])


background = functools.partial(kept, spiking_capacity.background)


def test_correlated_background_costs_recall_and_not_storage():
    """At 4 Hz; in 250 ms a cell has one background spike on average, correlated by 0.1."""
    silent = background("both-00")
    assert background("correlated-10").mean() >= 150
    assert abs(silent - background("correlated-10-storage")).mean() <= 8
    assert (silent - background("correlated-30-recall")).min() > 20


def test_later_facilitation_bears_twice_the_background():
    assert background("late-08").mean() >= 125
    assert (background("late-08") - background("both-08")).min() > 30
    assert abs(background("late-00") - background("both-00")).mean() <= 8


@pytest.mark.parametrize(
    ("name", "seeds", "least"), [("n400-k10", (100,), 480), ("n400-k20", (100, 101), 240)]
)
def test_large_networks_hold_more_and_more_than_hard_bounds(name, seeds, least):
    gate = kept(spiking_capacity.sizes, f"gate-{name}", seeds)
    assert gate.mean() >= least
    if name == "n400-k20":  # paired; the other size is left to the table, for its time
        assert (gate - kept(spiking_capacity.sizes, f"bounds-{name}", seeds)).min() > 50


def test_without_a_clock_patterns_may_be_shown_for_unequal_times():
    """The latch, which needs equal ones, keeps 191.6."""
    equal = kept(spiking_capacity.variants, "continuous", (100, 101))
    unequal = kept(spiking_capacity.variants, "durations-narrow", (100, 101))
    assert equal.mean() >= 172
    assert unequal.mean() >= 165
