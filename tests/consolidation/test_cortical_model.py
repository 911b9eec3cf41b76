"""The stream of assemblies: what is drawn, what is measured, and one small run."""

import numpy as np
import pytest

from spikeconsol.brian.backend import default_target
from spikeconsol.brian.recording import Recording
from spikeconsol.models import cortical_memory, cortical_stability
from spikeconsol.models.cortical_memory import Stream
from spikeconsol.parameters import ParameterError
from spikeconsol.statistics import dice

SMALL = Stream(cells=60, active=18, stored=4, tested=3, never_stored=2, lifetime="5 s", quiet="1 s")


def recording(cells, times, n=3, end=100.0):
    none = np.zeros(0)
    return Recording(np.array(cells), np.array(times), none, none, np.zeros(1), end, n)


def test_only_the_stream_has_controls_and_the_others_say_so():
    Stream().with_settings({"controls": "none"})
    with pytest.raises(
        ParameterError, match=r"controls: .* now: a parameter of cortical-memory/st"
    ):
        cortical_memory.Protocol().with_settings({"controls": "none"})


def test_cues_are_damaged_and_the_stored_ones_come_first():
    patterns, cued, cues = cortical_memory.draw(SMALL, 5)
    assert patterns.shape == (4, 60)
    np.testing.assert_array_equal(cued[:3], patterns[1:])
    assert len(cued) == len(cues) == 5
    np.testing.assert_array_equal((cues & cued).sum(axis=1), 11)  # of 18 cells, 40% deleted
    np.testing.assert_array_equal((cues & ~cued).sum(axis=1), 2)  # and 10% spurious ones
    assert dice(cues, cued).max() < 0.75
    again = cortical_memory.draw(SMALL, 5)
    assert all(np.array_equal(a, b) for a, b in zip((patterns, cued, cues), again, strict=True))
    assert not np.array_equal(cortical_memory.draw(SMALL, 6)[0], patterns)


def test_intervals_of_a_clock_and_of_chance():
    clock = recording(np.zeros(50, int), np.arange(50) * 1.0)
    assert cortical_memory.variation(clock) == pytest.approx(0, abs=1e-9)
    rng = np.random.default_rng(0)
    chance = recording(np.repeat([0, 1], 2000), np.cumsum(rng.exponential(size=4000)))
    assert cortical_memory.variation(chance) == pytest.approx(1, abs=0.06)
    assert np.isnan(cortical_memory.variation(recording([0, 1], [0.0, 1.0])))


def test_kept_and_chance_are_told_apart():
    agreement = np.array([0.5, 0.85, 0.95, 0.1, 0.3])  # three stored, the oldest first; two not
    found = cortical_memory.measures(SMALL, 0, agreement, 0.7)
    assert found["kept"][1] == [2.0]
    assert found["kept_90"][1] == [1.0]
    assert found["p90"][1] == [2.0]
    assert found["never_stored"][1] == [0.3]
    np.testing.assert_array_equal(found["dice_by_age"][1], [[0.95, 0.85, 0.5]])


def test_more_tested_than_stored_is_refused():
    with pytest.raises(ParameterError, match="tested: got 5; allowed: a whole number <= 4"):
        SMALL.replace(tested=5)


def test_a_small_stream_is_run_and_watched():
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    protocol = SMALL.with_settings({"network.wiring.probability": 0.9})
    (gate, *_) = cortical_memory.stream(protocol)
    found = cortical_memory.run(protocol, gate, (1,))
    assert found.sizes["seed"] == 1
    assert found.sizes["age"] == 3
    assert found.sizes["shown"] == 4  # all: 1.6 lifetimes are longer
    assert float(found.driven[0]) > 20
    assert 0 <= float(found.never_stored[0]) <= 1
    assert found.example_weight[0] > 0.5
    assert found.example_pattern.shape == (3, 60)
    for phase in ("store", "recall"):
        end = 3 * float(found[f"slot_{phase}"])
        assert found[f"{phase}_time"].values.min() >= 0
        assert found[f"{phase}_time"].values.max() < end
        assert found[f"{phase}_cell"].values.max() < 60


def test_a_rest_is_followed_and_cues_that_last_change_what_comes():
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    small = {name: getattr(SMALL, name) for name in ("cells", "active", "never_stored")}
    protocol = cortical_stability.Rest(**small, stored=4, tested=4, quiet="1 s", parts=2)
    protocol = protocol.with_settings({"network.wiring.probability": 0.9})
    conditions = cortical_stability.rests(protocol)
    alone, cued = (cortical_stability.rest(protocol, one, (1,)) for one in conditions[:2])
    for found in (alone, cued):
        assert found.dice.shape == (1, 3, 4)
        assert found.reactivations.shape == (1, 2, 4 + SMALL.never_stored)
    np.testing.assert_array_equal(alone.weight[0, 0], cued.weight[0, 0])  # before the first rest
    assert not np.array_equal(alone.weight[0, -1], cued.weight[0, -1])


def test_reactivations_are_bins_in_which_a_share_of_an_assembly_fires():
    patterns = np.arange(8) // 4 == np.arange(2)[:, None]
    times = np.array([0.01, 0.02, 0.06, 0.07, 0.16, 0.17, 0.33, 0.36])
    cells = np.array([0, 1, 2, 3, 0, 2, 4, 5])
    protocol = cortical_stability.Rest(together=0.5)
    found = cortical_stability.reactivations(recording(cells, times, 8, 0.4), patterns, protocol)
    # Two bins in a row are one episode; cells 4 and 5 fire in different bins.
    np.testing.assert_array_equal(found, [2, 0])
