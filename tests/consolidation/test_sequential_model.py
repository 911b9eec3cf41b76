"""What the model of sequential storage keeps of a run for its figure."""

import numpy as np

from spikeconsol.models import sequential_memory
from spikeconsol.models.sequential_memory import Protocol


def test_the_example_is_a_synapse_that_one_pattern_strengthens():
    protocol = Protocol(stored=20, tested=10, spiking_protection_time=10)
    gate = next(
        c for c in sequential_memory.conditions(protocol) if c.stem == "spiking-curvature-gate"
    )
    found = sequential_memory.run(protocol, gate, (100,))
    shown = found.presentation.values
    np.testing.assert_array_equal(shown, np.arange(-10, 12))
    for course in (found.example_weight.values, found.example_trace.values):
        change = np.diff(course)
        assert shown[1:][np.argmax(change)] == 0  # the pattern in which both cells are active
        assert change.max() > 3 * np.sort(change)[-2]
    assert found.example_pattern.shape == found.example_cue.shape == (4, protocol.units)
    inside = found.example_pattern.values.any(axis=0)  # few other cells fire while these are shown
    assert inside[found.store_cell.values].mean() > 0.9
    assert found.store_time.max() < 4 * found.slot_store
    assert found.recall_time.max() < 4 * found.slot_recall
