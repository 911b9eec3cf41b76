"""MNIST with the exact rule, its extensions and its controls: held-out training images only.

The test images were looked at once, by `spikeconsol run bottleneck/mnist`; these tests use the
last sixth of the training images in their place.
"""

import os

import numpy as np
import pytest

from spikeconsol.data import images
from spikeconsol.models import bottleneck as model

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get(images.FOLDER_VARIABLE), reason="SPIKECONSOL_DATA is not set"
    ),
]
CONDITIONS = {condition.name: condition for condition in model.IMAGES}


def accuracy(name, epochs=3):
    pytest.importorskip("numba", reason="the compiled loop makes these runs short")
    parameters = model.Images(epochs=epochs, validate=True)
    return float(model.learn(parameters, CONDITIONS[name], (100,)).accuracy[0])


@pytest.fixture(scope="module")
def exact():
    return accuracy("exact")


def test_the_exact_rule_passes_the_published_accuracy(exact):
    assert exact >= 0.922


def test_frozen_layers_and_permuted_labels_stay_far_behind(exact):
    assert accuracy("frozen") <= 0.80
    assert accuracy("permuted") <= 0.75


def test_the_released_program_is_behind_the_exact_rule(exact):
    assert accuracy("diag-release") <= exact - 0.01


@pytest.mark.parametrize("name", ["gated-window", "gated-prototypes"])
def test_code_term_and_gate_close_most_of_the_gap_to_back_propagation(name, exact):
    assert accuracy(name) >= 0.96


def test_changing_weights_after_every_sample_is_as_good():
    parameters = model.Images(validate=True)
    setup = CONDITIONS["online-exact"].setup | {"epochs": 2}
    condition = model.Condition("online-exact", "rate", setup=setup)
    found = model.learn(parameters, condition, (100,))
    assert np.all(found.accuracy >= 0.90)
