"""Whether large synapses change relatively less says nothing about the gate."""

import functools

import numpy as np
import pytest

from spikeconsol.models import synaptic_change as model
from spikeconsol.models.synaptic_change import BOUNDED, SIGNED, Days

CONDITIONS = {condition.stem: condition for condition in model.conditions(Days())}
PROTOCOL = Days(stored=400, days=3)


@functools.cache
def found(stem, seeds=(100,)):
    runs = [model.run(PROTOCOL, CONDITIONS[stem], (seed,)) for seed in seeds]
    return {name: np.array([float(run[name][0]) for run in runs]) for name in model.NAMES}


def test_a_change_that_knows_nothing_of_size_falls_with_it_once_divided():
    rng = np.random.default_rng(0)
    before = rng.lognormal(size=5000)
    seen = np.ones(5000, bool)
    additive = model.change(before, before + 0.01 * rng.normal(size=5000), seen, 0)
    assert additive["relative"] < -0.4
    assert additive["control"] == pytest.approx(additive["relative"], abs=0.05)
    proportional = model.change(before, before * (1 + 0.01 * rng.normal(size=5000)), seen, 0)
    assert abs(proportional["relative"]) < 0.05
    assert proportional["absolute"] > 0.5


def test_sizes_tell_one_mode_from_two():
    rng = np.random.default_rng(0)
    seen = np.ones(4000, bool)
    one = rng.lognormal(sigma=0.9355, size=4000)
    two = np.exp(np.concatenate([rng.normal(-3, 0.3, 2000), rng.normal(0, 0.3, 2000)]))
    assert model.sizes(one, one, seen)["sd_log"] == pytest.approx(0.9355, abs=0.03)
    assert model.sizes(one, one, seen)["bimodality"] == pytest.approx(1 / 3, abs=0.05)
    assert model.sizes(two, two, seen)["bimodality"] > 5 / 9
    shrunk = np.where(two > 0.2, two, 0.1 * two)
    kept = model.sizes(two, shrunk, seen)
    assert (kept["small_keep"], kept["large_keep"]) == (0, 1)


def test_signed_and_unsigned_rules_are_watched_alike():
    looks = model.watched(PROTOCOL.replace(stored=20, days=2), CONDITIONS["rate-signed-leaky"], 100)
    assert looks.shape == (3, 200 * 199 // 2)
    assert (looks < 0).any()
    assert set(CONDITIONS) == {
        *(f"rate-{name}" for name in BOUNDED | SIGNED),
        *(f"spiking-{name}" for name in BOUNDED),
    }


def test_hard_bounds_show_the_relation_as_the_gate_does():
    """So that the relation is no evidence for the gate; soft bounds, a leak, do not show it."""
    gate, bounds, leak = (
        found(f"rate-{name}") for name in ("curvature-gate", "hard-bounds", "soft-bounds")
    )
    assert gate["relative"].max() < -0.1
    assert bounds["relative"].max() < -0.1
    assert (bounds["relative"] < gate["relative"] + 0.05).all()
    assert abs(leak["relative"]).max() < 0.05
    # What dividing by the size brings alone is nearly all of it.
    assert abs(gate["relative"] - gate["control"]).max() < 0.15
