"""n-back in spikes: hidden layers and their working memory are spiking cells.

Layers learn from one bit, whether a sample is of the same class as the one shown `lag` samples
before. What they compare with must be remembered: by a liquid with a fixed readout, by slots that
keep spike counts as they are, or by controls that are right in all but one thing. Accuracy is that
of a logistic readout of the top code of single samples.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Seeds, family
from spikeconsol.models.relational import of_lag, of_seed
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.memory import PastCodes
    from spikeconsol.data import Split


#: Length of the stream of test samples along which memories are compared.
PROBE = 1000


@dataclass(frozen=True)
class SpikingNBack(Parameters):
    """Images, the network and its liquid; the defaults are those for the digits."""

    images: str = parameter("digits", choices=("digits", "mnist"), doc="data set")
    hidden: tuple[int, ...] = parameter((32, 8), at_least=2, doc="cells of the hidden layers")
    presentations: int = parameter(15_000, at_least=200, doc="samples in the stream")
    test: int = parameter(0, at_least=0, doc="test images used; 0 for all")
    lag: int = parameter(4, at_least=1, doc="samples between those that are compared")
    learning_rate: float = parameter(0.01, above=0, doc="in units of the initial weights")
    cells: int = parameter(400, at_least=2, doc="cells of a liquid")
    recurrence: str = parameter(
        "orthogonal", choices=("orthogonal", "shift", "dale"), doc="of liquids, unless named"
    )
    gain: float = parameter(0.8, at_least=0, doc="of the recurrence")
    homeostasis_rate: float = parameter(
        0.01, at_least=0, doc="of the gain of the liquid's input; 0 to leave it as it is"
    )
    rehearsed: int = parameter(
        8000, at_least=200, doc="random codes to which the readout of a liquid is fitted"
    )

    def data(self, seed: int) -> Split:
        """Return the samples of a seed; of MNIST, random ones of its training images."""
        from spikeconsol import data

        if self.images == "digits":
            return data.digits_task(seed)
        split = data.load_images()
        end = self.test or len(split.X_test)
        rows = np.random.default_rng(seed).permutation(len(split.X))[: self.presentations]
        return data.Split(split.X[rows], split.y[rows], split.X_test[:end], split.y_test[:end])


@dataclass(frozen=True)
class SpikingNBackImages(SpikingNBack, hidden=(64, 16), presentations=20_000, cells=800):
    """The same with random MNIST images, in a wider network with larger liquids."""

    images: str = parameter("mnist", choices=("mnist",), doc="data set")
    test: int = parameter(2000, at_least=0, doc="test images used; 0 for all")


CONDITIONS = (
    ("exact", "exact memory"),
    ("liquid", "liquid"),
    ("shift", "liquid, shift"),
    ("dale", "liquid, excitatory and inhibitory"),
    ("continuous", "liquid without a clock"),
    ("frozen", "frozen layers"),
    ("silenced", "liquid silenced"),
    ("constant", "liquid constant"),
    ("shuffled", "liquid of another moment"),
    ("late", "liquid one sample late"),
    ("permuted", "relations permuted"),
)


def memory_of(name: str, parameters: SpikingNBack, cells: int) -> PastCodes:
    """Return the memory of a condition."""
    from spikeconsol.bottleneck import memory

    liquid = memory.GatedLiquid(
        cells=cells,
        recurrence=parameters.recurrence,
        gain=parameters.gain,
        homeostasis_rate=parameters.homeostasis_rate,
        samples=parameters.rehearsed,
    )
    return {
        "exact": memory.Lag(),
        "frozen": memory.Lag(),
        "liquid": liquid,
        "shift": liquid.replace(recurrence="shift"),
        "dale": liquid.replace(recurrence="dale"),
        "continuous": memory.ContinuousLiquid(
            cells=cells, homeostasis_rate=parameters.homeostasis_rate, samples=parameters.rehearsed
        ),
        "silenced": memory.Silenced(liquid),
        "constant": memory.Constant(liquid),
        "shuffled": memory.Shuffled(liquid),
        "late": memory.Late(liquid),
        "permuted": memory.PermutedBits(liquid),
    }[name]


def network(parameters: SpikingNBack, condition: Condition, seed: int) -> Any:
    """Return the network of a condition, before it has learned."""
    from spikeconsol.bottleneck import SpikingRelationalBottleneck

    name = condition.setup["memory"]
    return SpikingRelationalBottleneck(
        parameters.hidden,
        memory=memory_of(name, parameters, condition.setup.get("cells", parameters.cells)),
        lag=condition.setup.get("lag", parameters.lag),
        learning_rate=0.0 if name == "frozen" else parameters.learning_rate,
        random_state=seed,
    )


def learn(parameters: SpikingNBack, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network, test its codes and compare its memories with the exact one."""
    from spikeconsol.data import nback_stream

    (seed,) = seeds
    split = parameters.data(seed)
    net = network(parameters, condition, seed)
    index, match = nback_stream(split.y, net.lag, parameters.presentations, seed)
    net.fit(split.X[index], match).fit_readout(split.X, split.y)
    layers = len(parameters.hidden)
    cosine, recall, random_recall = (np.full(layers, np.nan) for _ in range(3))
    if condition.setup["memory"] != "frozen":
        index, match = nback_stream(split.y_test, net.lag, PROBE, seed)
        cosine, recall = net.fidelity(split.X_test[index], match)
    if net.liquids_:
        random_recall = np.array([liquid.recall for liquid in net.liquids_])
    scores = {
        "accuracy": (net.score(split.X_test, split.y_test), "test accuracy of a readout"),
        "top_cosine": (cosine[-1], "cosine to exact, top layer"),
        "top_recall": (random_recall[-1], "R2 of recalled random codes, top layer"),
    }
    by_layer = {
        "cosine": (cosine, "cosine of the signal to that of the exact memory"),
        "recall": (recall, "R2 of the recalled codes in use"),
        "random_recall": (random_recall, "R2 of recalled random codes"),
    }
    return of_seed(seed, scores, by_layer)


#: Sizes of the liquid and lags of the capacity table.
CELLS, LAGS = (25, 100, 400), (1, 2, 4)


def capacity_conditions(parameters: SpikingNBack) -> Sequence[Condition]:
    """Liquids of several sizes at several lags."""
    found = []
    for lag in LAGS:
        for cells in CELLS:
            setup = {"memory": "liquid", "cells": cells}
            found.append(of_lag(lag, f"{cells:03}", f"{cells} cells", setup, "spiking"))
    return found


def named(only: Collection[str] = dict(CONDITIONS)) -> list[Condition]:
    """Return the conditions of these names."""
    return [
        Condition(name, "spiking", label, {"memory": name})
        for name, label in CONDITIONS
        if name in only
    ]


_experiment = family(
    "bottleneck/spiking-",
    run=learn,
    columns=("accuracy", "top_cosine", "top_recall"),
    seeds=3,
    demo={"presentations": 1000, "cells": 100, "rehearsed": 1000, "seeds": 1},
)
EXPERIMENTS = (
    _experiment(
        "nback",
        "n-back in spikes: a gated liquid as the memory that learning needs, all controls",
        named(),
        figures=("spiking_relational",),
    ),
    _experiment(
        "nback-mnist",
        "n-back in spikes with MNIST images, 784-64-16",
        named(("exact", "liquid", "shift", "frozen", "silenced", "permuted")),
        parameters=SpikingNBackImages,
        seeds=1,
    ),
    _experiment(
        "nback-capacity",
        "n-back in spikes against the size of the liquid and the lag",
        capacity_conditions,
    ),
)
