"""What the spiking bottleneck and its damped synapses must show, on held-out samples."""

import os

import numpy as np
import pytest

from spikeconsol.brian import backend
from spikeconsol.data import images
from spikeconsol.lab import Condition
from spikeconsol.models import continual_bottleneck as continual
from spikeconsol.models import spiking_bottleneck as spiking

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(backend.default_target() != "standalone", reason="needs a C++ compiler"),
]


def accuracy(parameters, condition, seeds=(100, 101, 102)):
    return np.mean([float(spiking.learn(parameters, condition, (s,)).accuracy[0]) for s in seeds])


def test_xor_is_learned_in_spikes_and_not_by_frozen_cells():
    xor = spiking.Training()
    window, frozen = (accuracy(xor, c) for c in (spiking.WINDOW, spiking.FROZEN))
    assert window >= 0.97
    assert frozen <= 0.85


def memory(name):
    return next(c for c in spiking.MEMORIES if c.name == name)


def test_class_means_are_memory_enough_for_xor():
    assert accuracy(spiking.Training(), memory("class-means")) >= 0.97


def test_xor_is_learned_from_the_spikes_of_a_liquid():
    assert accuracy(spiking.Training(), memory("liquid")) >= 0.95


def test_digits_with_32_spiking_cells():
    digits = spiking.Digits()
    window, frozen = (accuracy(digits, c) for c in (spiking.WINDOW, spiking.FROZEN))
    assert window >= 0.90
    assert window - frozen >= 0.1


@pytest.mark.skipif(
    not os.environ.get(images.FOLDER_VARIABLE), reason="SPIKECONSOL_DATA is not set"
)
def test_more_cells_learn_more_of_mnist():
    """10,000 images seen once; the last of the training images stand in for the test images."""
    some = {"train": 10000, "validate": True}
    gate = next(c for c in spiking.IMAGES if c.name == "gate")
    narrow = accuracy(spiking.Mnist(**some), gate, seeds=(100,))
    wide = accuracy(spiking.WideMnist(**some), spiking.PROTOTYPES, seeds=(100,))
    assert narrow >= 0.895
    assert wide >= narrow + 0.005


def course(run, parameters, importance, level, seeds):
    """Accuracy at the end and accuracy lost, means over seeds."""
    condition = Condition(importance, level, "", {"importance": importance})
    found = [run(parameters, condition, (seed,)) for seed in seeds]
    return (np.mean([float(data[name][0]) for data in found]) for name in ("final", "forgotten"))


def test_coincidence_traces_prevent_forgetting_in_rates():
    (_, undamped), (_, damped) = (
        course(continual.learn_in_rates, continual.RateDigits(), kind, "rate", range(100, 105))
        for kind in ("none", "coincidence")
    )
    assert undamped > 5
    assert damped <= 1


def test_coincidence_traces_prevent_forgetting_in_spikes():
    digits = continual.SpikingDigits()
    (undamped_end, undamped), (damped_end, damped) = (
        course(continual.learn_in_spikes, digits, kind, "spiking", range(100, 103))
        for kind in ("none", "coincidence")
    )
    assert damped <= undamped / 5
    assert damped_end > undamped_end
