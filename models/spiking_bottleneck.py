"""Layers of spiking cells that learn from a working memory, without back-propagation.

The rule of the rate networks in Brian2: Poisson input, leaky integrate-and-fire cells, spike
counts as codes, eligibility traces at synapses and a modulatory signal at the end of each sample.
The signal comes from a window of samples, from one mean code per class, or from the readout of a
recurrent network of rate cells or of spiking cells, a liquid. Controls: frozen hidden cells, a
memory that is told random labels, a fixed random signal per class, reservoirs whose recurrent cells
are silent. Accuracies are those of held-out samples; settings were chosen with seeds 0 to 9 or,
for images, on the last 10,000 training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Seeds, columns, family
from spikeconsol.models.bottleneck import ACCURACY, Layers, Setup
from spikeconsol.parameters import parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier
    from spikeconsol.data import Split


SPIKES = {"long_name": "spikes per cell and sample", "units": "1"}


@dataclass(frozen=True)
class Training(Layers, hidden=(10,), gamma=10.0, widths=(0.5, 0.25, 2.0), epochs=3, train=600):  # type: ignore[call-arg]
    """The same in spikes, and how weights change; the defaults are those for XOR."""

    task: str = parameter("xor", choices=("linear", "xor", "digits", "mnist"), doc="data set")
    learning_rate: float = parameter(0.02, above=0, doc="of hidden layers, in initial weights")
    surprise_gate: bool = parameter(True, doc="learn less where the readout is right")
    readout_learning_rate: float = parameter(0.03, above=0, doc="of the readout")
    memory_rate: float = parameter(0.2, above=0, at_most=1, doc="rate of the class means")
    code_weight: float = parameter(0.0, at_least=0, doc="weight of the code term")
    rehearsed: int = parameter(
        16000, at_least=100, doc="random samples on which reservoirs are trained beforehand"
    )
    test: int = parameter(0, at_least=0, doc="test samples used; 0 for all")
    receptive_fields: int = parameter(10, at_least=0, doc="tuned input cells per feature")
    feature_range: tuple[float, ...] = parameter((-0.2, 1.2), doc="first and last tuning centre")
    sample_time: float = parameter("50 ms", above=0, doc="time a sample is shown")
    peak_rate: float = parameter("150 Hz", above=0, doc="largest input rate")
    count_variance: float = parameter(
        0.1, above=0, doc="added to the variance of spike counts in layer normalisation"
    )

    def settings(self) -> Setup:
        """Return these parameters as the classifier's."""
        from spikeconsol.bottleneck import Descent, InputCode, Objective, SpikingLayer

        return super().settings() | {
            "objective": Objective(self.gamma, self.widths, code_weight=self.code_weight),
            "optimiser": Descent(
                learning_rate=self.learning_rate,
                readout_learning_rate=self.readout_learning_rate,
                final_rate=0.05,
            ),
            "input_code": InputCode(self.receptive_fields, self.feature_range),
            "layer": SpikingLayer(
                sample_time=self.sample_time,
                peak_rate=self.peak_rate,
                count_variance=self.count_variance,
            ),
        }

    def data(self, seed: int) -> Split:
        """Return the samples of a seed; those of images are always the same."""
        from spikeconsol import data

        split = data.load_task(self.task, seed, train=self.train or 900, test=300)
        return split.first(self.train, self.test, validate=self.validate)


@dataclass(frozen=True)
class Linear(  # type: ignore[call-arg]
    Training,
    hidden=(4,),
    widths=(0.5, 0.25, 1.0),
    memory_rate=0.5,
    train=900,
    feature_range=(-1.2, 1.2),
):
    """Points on two sides of a line."""

    task: str = parameter("linear", choices=("linear",), doc="data set")


@dataclass(frozen=True)
class Digits(  # type: ignore[call-arg]
    Training,
    hidden=(32,),
    gamma=2.0,
    widths=(0.5, 0.1, 1.0),
    learning_rate=0.01,
    surprise_gate=False,
    memory_rate=0.02,
    epochs=5,
    train=0,
    receptive_fields=0,
    sample_time="100 ms",
):
    """8 x 8 images of digits."""

    task: str = parameter("digits", choices=("digits",), doc="data set")


@dataclass(frozen=True)
class Mnist(  # type: ignore[call-arg]
    Digits,
    hidden=(100,),
    widths=(0.25, 0.1, 1.0),
    readout_learning_rate=0.02,
    code_weight=2.0,
    epochs=1,
    sample_time="50 ms",
    peak_rate="100 Hz",
):
    """28 x 28 images of digits, each seen once."""

    task: str = parameter("mnist", choices=("mnist",), doc="data set")


@dataclass(frozen=True)
class WideMnist(  # type: ignore[call-arg]
    Mnist,
    hidden=(400,),
    learning_rate=0.03,
    surprise_gate=True,
    readout_learning_rate=0.005,
    count_variance=1.0,
):
    """MNIST with more cells; the readout's rate falls as their number grows."""


WINDOW = Condition("window", "spiking", "exact window", {})
PROTOTYPES = Condition("prototypes", "spiking", "prototypes", {"memory": "prototypes"})
FROZEN = Condition("frozen", "spiking", "frozen cells", {"signal": "frozen"})
PERMUTED = Condition("permuted", "spiking", "permuted labels", {"signal": "permuted"})
PER_CLASS = Condition("per-class", "spiking", "fixed vector per class", {"signal": "per_class"})
RATE = tuple(
    Condition(condition.name, "rate", condition.label, condition.setup)
    for condition in (WINDOW, PROTOTYPES, FROZEN, PERMUTED)
)


def _spoilt(name: str, label: str, memory: str) -> list[Condition]:
    """A living reservoir of which the readout sees another state."""
    seen = {"constant": "constant", "shuffled": "shuffled", "late": "one sample late"}
    return [
        Condition(
            f"{name}-{held}",
            "spiking",
            f"{label}, state {words}",
            {"memory": memory, "memory__held": held},
        )
        for held, words in seen.items()
    ]


MEMORIES = (
    WINDOW,
    PROTOTYPES,
    Condition("class-means", "spiking", "class means", {"memory": "class_means"}),
    Condition("reservoir", "spiking", "rate reservoir", {"memory": "reservoir"}),
    Condition("silenced", "spiking", "rate reservoir silenced", {"memory": "silenced"}),
    *_spoilt("reservoir", "rate reservoir", "reservoir"),
    Condition("liquid", "spiking", "spiking reservoir", {"memory": "spiking_reservoir"}),
    Condition(
        "liquid-silenced", "spiking", "spiking reservoir silenced", {"memory": "spiking_silenced"}
    ),
    *_spoilt("liquid", "spiking reservoir", "spiking_reservoir"),
    PER_CLASS,
    PERMUTED,
    FROZEN,
)
#: The exact window keeps the paper's objective, without a code term.
EXACT: Setup = {"memory": "window", "objective__code_weight": 0.0}
GATED: Setup = {
    "memory": "prototypes",
    "signal__surprise_gate": True,
    "optimiser__learning_rate": 0.03,
}
IMAGES = (
    PROTOTYPES,
    Condition("window", "spiking", "exact window", EXACT),
    Condition("gate", "spiking", "prototypes, surprise gate", GATED),
    Condition("frozen", "spiking", "frozen cells", FROZEN.setup | PROTOTYPES.setup),
    Condition("permuted", "spiking", "permuted labels", PERMUTED.setup | PROTOTYPES.setup),
)
WIDE_IMAGES = (
    PROTOTYPES,
    Condition("frozen", "spiking", "frozen cells", FROZEN.setup | PROTOTYPES.setup),
)


def learn(parameters: Training, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network, following its accuracy; then test it."""
    (seed,) = seeds
    split = parameters.data(seed)
    net = _network(parameters, condition, seed)
    course: list[float] = []
    images = parameters.task == "mnist"

    def follow(net: Any) -> None:
        course.append(net.score(split.X_test, split.y_test))

    # Test images are for the end of the run.
    net.fit(split.X, split.y, on_epoch=None if images else follow)
    accuracy = course[-1] if course else net.score(split.X_test, split.y_test)
    result = xr.Dataset({"accuracy": ("seed", [accuracy], ACCURACY)}, coords={"seed": list(seeds)})
    if course:
        result["epoch"] = np.arange(1, len(course) + 1)
        result["course"] = (("seed", "epoch"), [course], ACCURACY)
    if condition.level == "spiking":
        counts = [layer.mean() for layer in net.spike_counts(split.X_test[:200])]
        result["spikes"] = ("seed", [np.mean(counts)], SPIKES)
    return result


def _network(parameters: Training, condition: Condition, seed: int) -> Any:
    if condition.level == "spiking":
        return spiking_network(parameters, condition.setup, seed)
    from spikeconsol.bottleneck import Adam, BottleneckClassifier

    # Rate layers need more passes; their learning rate is that of the rate experiments.
    rate = 1e-2 if parameters.receptive_fields else 1e-3
    setup = dict(condition.setup)
    memory = memories(parameters)[setup.pop("memory", "window")]
    return BottleneckClassifier(
        parameters.hidden,
        objective=parameters.settings()["objective"],
        memory=memory,
        optimiser=Adam(learning_rate=rate, readout_learning_rate=rate),
        epochs=10,
        random_state=seed,
    ).set_params(**setup)


def spiking_network(
    parameters: Training, setup: Setup, seed: int, **reservoirs: Any
) -> SpikingBottleneckClassifier:
    """Make the classifier that a condition asks for; see `memories` for `reservoirs`."""
    from spikeconsol.bottleneck import SpikingBottleneckClassifier

    setup = dict(setup)
    memory = memories(parameters, **reservoirs)[setup.pop("memory", "window")]
    gate = {"signal__surprise_gate": parameters.surprise_gate}
    return SpikingBottleneckClassifier(
        **parameters.settings(), memory=memory, random_state=seed
    ).set_params(**gate | setup)


def memories(
    parameters: Training, cells: int = 300, rate_time: float = 3.0, spiking_time: float = 2.0
) -> dict[str, Any]:
    """All memories by name; sizes of both kinds of reservoir, times in samples."""
    from spikeconsol.bottleneck import (
        ClassMeans,
        Prototypes,
        Reservoir,
        SpikingReservoir,
        Window,
    )

    # Many class structures: whatever a readout of one sample alone says of the class is chance.
    rehearsal: Setup = {
        "cells": cells,
        "samples": parameters.rehearsed,
        "block": 50,
        "window": parameters.window,
    }
    memory_time = spiking_time * parameters.sample_time
    rates = Reservoir(steps=1, time_constant=rate_time, **rehearsal)
    liquid = SpikingReservoir(synaptic_time=memory_time, trace_time=memory_time, **rehearsal)
    return {
        "window": Window(parameters.window),
        "prototypes": Prototypes(parameters.memory_rate),
        "class_means": ClassMeans(parameters.memory_rate),
        "reservoir": rates,
        "silenced": rates.replace(silenced=True),
        "spiking_reservoir": liquid,
        "spiking_silenced": liquid.replace(silenced=True),
    }


@columns("accuracy")
def show(parameters: Training, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network on XOR; then record everything while it learns from eight samples more."""
    (seed,) = seeds
    split = parameters.data(seed)
    net = spiking_network(parameters, condition.setup, seed).fit(split.X, split.y)
    accuracy = net.score(split.X_test, split.y_test)
    net.set_params(
        optimiser__learning_rate=10 * parameters.learning_rate
    )  # changes that can be seen
    weights, labels = [], split.y_test[:8]
    records = []
    for row in range(len(labels)):
        weights.append(net.weights_[0].copy())
        records.append(net.record(split.X_test[row : row + 1], labels[row : row + 1]))
    weights.append(net.weights_[0].copy())
    onsets = parameters.sample_time * np.arange(len(labels))
    # The synapse that changes most.
    change = np.abs(np.diff(weights, axis=0)).sum(axis=0)
    synapse = np.unravel_index(np.argmax(change), change.shape)

    def joined(times: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate([t + onset for t, onset in zip(times, onsets, strict=True)])

    stop = parameters.sample_time * len(labels)
    seconds = {"long_name": "time", "units": "second", "stop": stop}
    return xr.Dataset(
        {
            "accuracy": ("seed", [accuracy], ACCURACY),
            "input_time": ("input_spike", joined([r.input_times for r in records]), seconds),
            "input_cell": ("input_spike", np.concatenate([r.input_cells for r in records])),
            "hidden_time": ("hidden_spike", joined([r.times[0] for r in records]), seconds),
            "hidden_cell": ("hidden_spike", np.concatenate([r.cells[0] for r in records])),
            "modulator": (("sample", "cell"), np.concatenate([r.modulators[0] for r in records])),
            "label": ("sample", labels),
            "weight": ("boundary", [w[synapse] for w in weights]),
            "synapse": ("end", [int(index) for index in synapse]),
        },
        coords={"seed": list(seeds)},
        attrs={"sample_time": parameters.sample_time},
    )


XOR_DEMO = {"train": 300, "epochs": 1, "seeds": 2}
SMALL = (WINDOW, PROTOTYPES, FROZEN, PERMUTED, *RATE)

experiment = family(
    "bottleneck/spiking-",
    formerly="spiking-bottleneck/",
    run=learn,
    columns=("accuracy", "spikes"),
    figures=("spiking_bottleneck",),
)
_small = partial(experiment, columns=("accuracy",))
_images = partial(experiment, seeds=3, demo={"train": 3000, "test": 1000, "seeds": 1})
EXPERIMENTS = (
    experiment(
        "example",
        "Spikes, modulatory signals and one synapse while a spiking network learns XOR",
        (WINDOW,),
        run=show,
        seeds=1,
        demo={"train": 300, "epochs": 1},
        figures=("spiking_bottleneck_raster",),
    ),
    _small(
        "linear", "Two half-planes, four spiking cells", SMALL, parameters=Linear, demo=XOR_DEMO
    ),
    _small("xor", "XOR, ten spiking cells, beside rates", SMALL, demo=XOR_DEMO),
    _small(
        "digits",
        "8 x 8 digits, 32 spiking cells, beside rates",
        SMALL,
        parameters=Digits,
        demo={"train": 600, "epochs": 1, "seeds": 2},
    ),
    _images("mnist", "MNIST, each image seen once by 100 spiking cells", IMAGES, parameters=Mnist),
    _images(
        "mnist-wide",
        "MNIST, each image seen once by 400 spiking cells",
        WIDE_IMAGES,
        parameters=WideMnist,
    ),
    experiment(
        "memories",
        "XOR in spikes from every memory and control",
        MEMORIES,
        demo={"train": 300, "epochs": 1, "rehearsed": 1000, "seeds": 2},
    ),
)
