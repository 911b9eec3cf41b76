"""How capacity is measured: by phase, and of networks without spikes."""

from types import SimpleNamespace

import numpy as np

from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import SpikingParameters
from spikeconsol.lab import Condition
from spikeconsol.models.sequential_memory import Protocol
from spikeconsol.models.spiking_capacity import COLUMNS, GATE, Trial, by_phase, run

PARAMETERS = SpikingParameters().with_settings({"phases.volleys": 2})


def recalled(cells, times, volleys):
    slot = PARAMETERS.phases.recall + PARAMETERS.phases.pause
    recording = Recording(
        np.array(cells), np.array(times), np.zeros(len(volleys), int), np.array(volleys),
        np.array([0.0, slot]), 2 * slot, 3,
    )  # fmt: skip
    return by_phase(SimpleNamespace(recording=recording, parameters=PARAMETERS), 0.005)


def test_spikes_count_before_volleys_of_the_read_out_and_once_for_each():
    end = PARAMETERS.phases.recall
    volleys = [end - 0.06, end - 0.04, end - 0.02]
    early = PARAMETERS.phases.recall - PARAMETERS.phases.read_out - 0.01
    before = [v - 0.003 for v in volleys]
    after = [v + 0.003 for v in volleys]
    # Cell 0 fires before all, cell 1 after all, cell 2 three times before the same one.
    cells = [0, 0, 0, 1, 1, 1, 2, 2, 2]
    times = [*before, *after, before[0], before[0] + 0.001, before[0] + 0.002]
    found = recalled(cells, times, [early, *volleys])
    np.testing.assert_array_equal(found, [[True, False, False], [False] * 3])


def test_with_too_few_volleys_nothing_is_recalled():
    end = PARAMETERS.phases.recall
    assert not recalled([0], [end - 0.021], [end - 0.02]).any()


def test_batch_covariance_has_every_column_of_the_table():
    condition = Condition("covariance", "rate", "batch covariance", Trial(GATE))
    found = run(Protocol(units=60, stored=40, tested=40), condition, (1,))
    assert set(COLUMNS) <= set(found)
    assert 0 < found.kept[0] == found.p90[0] <= 40
    assert np.isnan(found.active[0])
