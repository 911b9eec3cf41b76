"""Memory cells told of relations, not labels: the claim and its controls, on tuning seeds."""

import pytest

from spikeconsol.models import continual_relations as model

pytestmark = pytest.mark.slow


def test_bits_of_nback_do_what_labels_would_where_cells_keep_what_they_stand_for():
    parameters = model.RelationStream()
    accuracy = {
        condition.name: sum(
            float(model.learn(parameters, condition, (seed,)).accuracy[0]) for seed in (3, 4)
        )
        / 2
        for condition in model.conditions(parameters)
    }
    ours = accuracy["use-novelty"]
    assert ours >= 95
    assert ours >= accuracy["told"] - 1.5  # what labels of all samples would give
    assert abs(ours - accuracy["mixed"]) < 3  # nothing lost by the order of classes
    assert ours > max(accuracy["fixed-novelty"], accuracy["never-novelty"])
    for control in ("use-arrival", "fixed-arrival", "permuted-bits", "k-means", "layers"):
        assert ours >= accuracy[control] + 15, control
