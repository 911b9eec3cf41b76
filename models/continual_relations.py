"""Memory cells with relations instead of labels: digits, two classes after two others.

Nothing says what a sample is. A bit of n-back says whether it is of the class of the one shown some
samples before, and bonds the cells that took the two. At the end the bonded cells are read out as
groups, which are scored by the best assignment to classes on test images. Pairs of classes come one
after another without boundaries, so that relations between classes of different tasks are never
told except at a task's beginning. Settings were chosen with seeds 0 to 2; `TUNED` holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Experiment, Seeds
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeconsol.data import Split


#: Plasticity and novelty threshold: thresholds from 2 to 4, fixed rates from 0.02 to 1.
TUNED: dict[str, tuple[str, str | float, float]] = {
    "use-novelty": ("1/use, novelty", "use", 3.0),
    "use-arrival": ("1/use, first come", "use", 0.0),
    "fixed-novelty": ("fixed rate, novelty", 0.05, 3.5),
    "fixed-arrival": ("fixed rate, first come", 0.7, 0.0),
    "never-novelty": ("cells that never move", 0.0, 3.5),
}
#: Learning rates of linear readouts that are told the labels, from decades with threes between.
READOUTS = {"pixels": 1e-7, "frozen": 1e-8}


@dataclass(frozen=True)
class RelationStream(Parameters):
    """A stream of scikit-learn's digits with bits of n-back, and the cells."""

    presentations: int = parameter(2000, at_least=100, doc="samples of every pair of classes")
    lag: int = parameter(4, at_least=1, doc="samples between those that are compared")
    cells: int = parameter(150, at_least=11, doc="memory cells, in one pool")

    def stream(self, split: Split, seed: int, *, mixed: bool) -> tuple[NDArray, NDArray]:
        """Return rows of the training images, and the bits; all classes at once where mixed."""
        from spikeconsol.data import nback_stream

        if mixed:
            return nback_stream(split.y, self.lag, 5 * self.presentations, seed)
        index, match = [], []
        for task, task_seed in enumerate(np.random.SeedSequence(seed).generate_state(5)):
            rows = np.flatnonzero(split.y // 2 == task)
            drawn, bits = nback_stream(split.y[rows], self.lag, self.presentations, task_seed)
            index.append(rows[drawn])
            match.append(bits)
        return np.concatenate(index), np.concatenate(match)


def conditions(parameters: RelationStream) -> Sequence[Condition]:
    """Return the two by two, with controls of relations, of order and of cells."""
    ours: dict[str, Any] = {"cells": "use-novelty"}
    return (
        *(Condition(name, "rate", label, {"cells": name}) for name, (label, *_) in TUNED.items()),
        Condition("mixed", "rate", "all classes at once", {**ours, "mixed": True}),
        Condition("told", "rate", "cells told their classes", {**ours, "read": "classes"}),
        Condition("permuted-bits", "rate", "bits permuted", {**ours, "permuted": True}),
        Condition("k-means", "rate", "no bits, k-means of cells", {**ours, "read": "places"}),
        Condition("layers", "rate", "layers taught by the bits", {}),
        Condition("layers-mixed", "rate", "layers, all classes at once", {"mixed": True}),
        Condition("pixels", "rate", "told the labels, linear on pixels", {"readout": "pixels"}),
        Condition("frozen", "rate", "told the labels, frozen 2048", {"readout": "frozen"}),
    )


def learn(parameters: RelationStream, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Show the stream and score, on test images, the groups of the codes or a readout's answers."""
    from spikeconsol.data import digits_task

    (seed,) = seeds
    setup: dict[str, Any] = condition.setup
    split = digits_task(seed)
    index, match = parameters.stream(split, seed, mixed=setup.get("mixed", False))
    if setup.get("permuted"):
        match = np.random.default_rng(seed).permutation(match)
    stream = split.X[index], match
    if "readout" in setup:
        answers = _of_readout(setup["readout"], split, index, seed)
        accuracy = float(np.mean(answers == split.y_test))
    elif "cells" in setup:
        group = _of_cells(parameters, setup, split, stream, split.y[index], seed)
        accuracy = assigned(group, split.y_test)
    else:
        accuracy = assigned(_of_layers(parameters, split, stream, seed), split.y_test)
    return xr.Dataset(
        {
            "accuracy": (
                "seed",
                [100 * accuracy],
                {"long_name": "accuracy; of groups, under the best assignment", "units": "%"},
            )
        },
        coords={"seed": [seed]},
    )


def _of_cells(
    parameters: RelationStream,
    setup: dict[str, Any],
    split: Split,
    stream: tuple[NDArray, NDArray],
    classes: NDArray,
    seed: int,
) -> NDArray:
    """Group of each test image: that of the nearest cell."""
    from sklearn.cluster import KMeans

    from spikeconsol.bottleneck import RelationalMemory

    _, plasticity, novelty = TUNED[setup["cells"]]
    memory = RelationalMemory(parameters.cells, plasticity, novelty, lag=parameters.lag)
    memory.fit(*stream)
    taken = memory.memory_.recruited_[0]
    read = setup.get("read", "bonds")
    if read == "bonds":
        groups = memory.groups(10)
    elif read == "places":
        centres = memory.memory_.centres_[0, :taken]
        groups = KMeans(10, n_init=10, random_state=seed).fit_predict(centres)
    else:  # the class that each cell has been used for most
        counts = np.zeros((taken, 10))
        np.add.at(counts, (memory.memory_.used_, classes), 1)
        groups = counts.argmax(axis=1)
    return groups[memory.nearest(split.X_test)]


def _of_layers(
    parameters: RelationStream, split: Split, stream: tuple[NDArray, NDArray], seed: int
) -> NDArray:
    """Group of each test image: k-means of the top codes of layers with an exact memory."""
    from sklearn.cluster import KMeans

    from spikeconsol.bottleneck import RelationalBottleneck
    from spikeconsol.bottleneck.memory import Lag

    net = RelationalBottleneck((32, 8), memory=Lag(), lag=parameters.lag, random_state=seed)
    net.fit(*stream)
    groups = KMeans(10, n_init=10, random_state=seed).fit(net.transform(split.X))
    return groups.predict(net.transform(split.X_test))


def _of_readout(features: str, split: Split, index: NDArray, seed: int) -> NDArray:
    """Class of each test image: that of a linear readout, told the label of every sample."""
    from sklearn.linear_model import SGDClassifier

    from spikeconsol.bottleneck.opponents import OnFeatures, RandomFeatures

    readout = SGDClassifier(
        loss="log_loss",
        alpha=0,
        learning_rate="constant",
        eta0=READOUTS[features],
        shuffle=False,
        random_state=seed,
    )
    learner = OnFeatures(
        readout, None if features == "pixels" else RandomFeatures(2048, random_state=seed)
    )
    learner.partial_fit(split.X[index], split.y[index], classes=np.arange(10))
    return learner.predict(split.X_test)


def assigned(group: NDArray, y: NDArray) -> float:
    """Accuracy of groups under the best one-to-one assignment to classes."""
    from scipy.optimize import linear_sum_assignment
    from sklearn.metrics.cluster import contingency_matrix

    table = contingency_matrix(y, group)
    return float(table[linear_sum_assignment(table, maximize=True)].sum() / len(y))


EXPERIMENTS = (
    Experiment(
        name="continual-memory/relations",
        summary="Memory cells told of relations instead of labels, two digits after two others",
        parameters=RelationStream,
        conditions=conditions,
        run=learn,
        columns=("accuracy",),
        seeds=(100, 5),
        presets={"demo": {"presentations": 1000, "seeds": 2}},
        figures=("continual_memory",),
    ),
)
