"""Memory cells task after task: claims and controls, on held-out training images only.

The test images were looked at by `spikeconsol run continual-memory/...`; these tests use the last
sixth of the training images in their place, and fewer images to learn from.
"""

import os

import numpy as np
import pytest

from spikeconsol.brian import backend
from spikeconsol.data import images
from spikeconsol.models import continual_memory as model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(images.FOLDER_VARIABLE), reason="SPIKECONSOL_DATA is not set"
    ),
]


def found(parameters, conditions, name, variable="final", run=model.learn, seed=100):
    condition = next(c for c in conditions(parameters) if c.name == name)
    return float(run(parameters, condition, (seed,))[variable][0])


def test_domains_are_remembered_by_cells_that_move_less_the_more_they_are_used():
    domain = model.Stream(train=20000, tested=5000, validate=True)
    final = {
        name: found(domain, model.main_conditions, name)
        for name in (
            "use-novelty",
            "use-arrival",
            "fixed-novelty",
            "fixed-arrival",
            "never-novelty",
            "pixels",
            "frozen",
            "replay",
        )
    }
    assert final["use-novelty"] >= 92
    assert found(domain, model.main_conditions, "use-novelty", "lost") <= 4
    assert final["use-novelty"] > final["use-arrival"]
    for control in ("fixed-novelty", "fixed-arrival", "never-novelty", "pixels", "frozen"):
        assert final["use-novelty"] >= final[control] + 5, control
    assert final["use-novelty"] >= final["replay"] + 2


def test_permuted_pixels():
    permuted = model.Permuted(train=20000, tested=5000, validate=True)
    final = {
        name: found(permuted, model.main_conditions, name)
        for name in ("use-novelty", "fixed-novelty", "fixed-arrival", "pixels")
    }
    assert final["use-novelty"] >= 79
    for control in ("fixed-novelty", "fixed-arrival", "pixels"):
        assert final["use-novelty"] >= final[control] + 3, control


def test_the_gate_hardly_matters_where_classes_share_no_cells():
    classes = model.Classes(train=20000, tested=5000, validate=True)
    used, fixed = (
        found(classes, model.main_conditions, name) for name in ("use-arrival", "fixed-arrival")
    )
    assert abs(used - fixed) < 1.5


def test_a_full_pool_needs_protection_that_ends():
    """Every other way loses the old or cannot take in the new; a shuffled trace is none."""
    pool = model.Pool(tested=5000, validate=True)

    def accuracy(name, variable="recent"):
        return found(pool, model.pool_conditions, name, variable, run=model.fill)

    gate = accuracy("gate")
    for control in ("shuffled", "random", "least-used", "none"):
        assert gate >= accuracy(control) + 10, control
    assert gate > accuracy("oldest")  # tuned first in, first out is close behind
    assert abs(gate - accuracy("weakest")) < 6  # what decides is the trace, not the threshold
    assert accuracy("gate", "newest") >= accuracy("least-used", "newest") + 15


@pytest.mark.skipif(backend.default_target() != "standalone", reason="needs a C++ compiler")
def test_domains_in_spikes():
    spikes = model.SpikingStream(train=5000, tested=1000, validate=True)
    used, fixed, never = (
        found(spikes, model.memory_conditions, name)
        for name in ("use-novelty", "fixed-novelty", "never-novelty")
    )
    assert used >= 87
    assert used >= fixed + 5
    assert used >= never + 5


def test_tuned_values_are_complete():
    for make in (model.Table, model.PermutedTable, model.ClassTable, model.TaskTable):
        names = [condition.name for condition in model.table_conditions(make())]
        assert len(names) == len(set(names)) == 15
    assert np.all([name in model.TUNED for name in ("pool", "spiking")])
