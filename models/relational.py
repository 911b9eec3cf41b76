"""Tasks in which layers must remember: n-back and contiguity, with every control of the memory.

Layers never learn of a class. In n-back a bit says whether a sample is of the same class as the one
shown `lag` samples before; in contiguity nothing is said, but the stream stays in a class for a
while. Accuracy is that of a logistic readout fitted afterwards to the finished top codes. All
conditions start from the same weights and see the same stream, and differ in the memory only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Seeds, family
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.memory import PastCodes
    from spikeconsol.data import Split


#: Length of the stream of test samples along which memories are compared.
PROBE = 1000


@dataclass(frozen=True)
class Relations(Parameters):
    """Images, the network and its reservoir; the defaults are those for the digits."""

    images: str = parameter("digits", choices=("digits", "mnist", "fashion-mnist"), doc="data set")
    hidden: tuple[int, ...] = parameter((32, 8), at_least=2, doc="units of the hidden layers")
    presentations: int = parameter(15_000, at_least=200, doc="samples in the stream")
    learning_rate: float = parameter(2e-3, above=0, doc="of Adam, at the beginning")
    update_every: int = parameter(16, at_least=1, doc="samples between changes of weights")
    cells: int = parameter(400, at_least=1, doc="cells of the reservoirs")
    rehearsed: int = parameter(
        6000, at_least=200, doc="random codes to which the readout of a reservoir is fitted"
    )

    def data(self, seed: int) -> Split:
        """Return the samples of a seed; those of larger images are always the same."""
        from spikeconsol import data

        return data.load_task(self.images, seed)


@dataclass(frozen=True)
class NBack(Relations):
    """A sample is compared with the one some samples before."""

    lag: int = parameter(4, at_least=1, doc="samples between those that are compared")


@dataclass(frozen=True)
class NBackImages(NBack, hidden=(64, 16), presentations=60_000, update_every=32, cells=800):
    """The same with 28 x 28 images, each presented about once."""

    images: str = parameter("mnist", choices=("mnist", "fashion-mnist"), doc="data set")


@dataclass(frozen=True)
class Contiguity(Relations, rehearsed=8000):
    """Samples stay in a class and then change; nothing says when."""

    stay: int = parameter(8, at_least=1, doc="samples in a class before it changes")


@dataclass(frozen=True)
class ContiguityImages(
    Contiguity, hidden=(64, 16), presentations=60_000, update_every=32, cells=800
):
    """The same with 28 x 28 images, each presented about once."""

    images: str = parameter("mnist", choices=("mnist", "fashion-mnist"), doc="data set")


NBACK = (
    ("exact", "exact memory"),
    ("reservoir", "reservoir"),
    ("frozen", "frozen layers"),
    ("silenced", "reservoir silenced"),
    ("constant", "state constant"),
    ("shuffled", "state of another moment"),
    ("late", "state one sample late"),
    ("permuted", "relations permuted"),
    ("input-function", "function of the input"),
    ("previous", "previous sample"),
    ("trace", "one leaky trace"),
)
CONTIGUITY = (
    ("exact", "two traces"),
    ("reservoir", "reservoir"),
    ("frozen", "frozen layers"),
    ("silenced", "reservoir silenced"),
    ("constant", "traces constant"),
    ("constant-reservoir", "reservoir constant"),
    ("shuffled", "traces of another moment"),
    ("shuffled-reservoir", "reservoir of another moment"),
    ("late", "traces 16 samples late"),
    ("late-reservoir", "reservoir 16 samples late"),
    ("destroyed", "two traces, order destroyed"),
    ("destroyed-reservoir", "reservoir, order destroyed"),
)
#: Episodes whose beginnings are told.
SLOTS = (("slots-1", "1 episode"), ("slots-2", "2 episodes"), ("slots-4", "4 episodes"))
#: Conditions with images of 28 x 28 pixels.
FEW = ("exact", "reservoir", "frozen", "silenced", "destroyed", "destroyed-reservoir")


def nback_memory(name: str, parameters: NBack, lag: int, cells: int) -> PastCodes:
    """Return the memory of a condition of n-back."""
    from spikeconsol.bottleneck import memory

    exact = memory.Lag()
    reservoir = memory.CodeReservoir(cells=cells, samples=parameters.rehearsed)
    return {
        "exact": exact,
        "frozen": exact,
        "reservoir": reservoir,
        "silenced": memory.Silenced(reservoir),
        "constant": memory.Constant(reservoir),
        "shuffled": memory.Shuffled(reservoir),
        "late": memory.Late(reservoir),
        "permuted": memory.PermutedBits(reservoir),
        "input-function": memory.InputFunction(),
        "previous": memory.Lag(1),
        "trace": memory.Traces(recent=None, stages=0),
    }[name]


def contiguity_memory(name: str, parameters: Contiguity) -> PastCodes:
    """Return the memory of a condition of contiguity."""
    from spikeconsol.bottleneck import memory

    traces = memory.Traces()
    reservoir = memory.CodeReservoir(
        parameters.cells, gain=0.7, leak=0.2, samples=parameters.rehearsed, of=traces
    )
    if name.startswith("slots"):
        return memory.Slots(int(name.rpartition("-")[2]))
    what, _, whose = name.partition("-")
    kept = reservoir if whose or name in ("reservoir", "silenced") else traces
    spoilt: dict[str, PastCodes] = {
        "silenced": memory.Silenced(reservoir),
        "constant": memory.Constant(kept),
        "shuffled": memory.Shuffled(kept),
        "late": memory.Late(kept, 16),
    }
    return spoilt.get(what, kept)


def learn_nback(parameters: NBack, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network by n-back and judge its codes and its memories."""
    from spikeconsol.bottleneck.memory import CodeReservoir, Lag, recall_quality
    from spikeconsol.data import nback_stream

    (seed,) = seeds
    lag = condition.setup.get("lag", parameters.lag)
    cells = condition.setup.get("cells", parameters.cells)
    memory = nback_memory(condition.setup["memory"], parameters, lag, cells)
    split = parameters.data(seed)
    stream = nback_stream(split.y, lag, parameters.presentations, seed)
    probe = nback_stream(split.y_test, lag, PROBE, seed)
    result = _judged(parameters, condition, memory, Lag(), lag, split, stream, probe, seed)
    if isinstance(memory, CodeReservoir):
        quality = recall_quality(memory, parameters.hidden[-1], lag, seed)
        result["random_recall"] = (
            "seed",
            [quality],
            {"long_name": "R2 of recalled random codes, top layer", "units": "1"},
        )
    return result


def learn_contiguity(parameters: Contiguity, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network by nothing but the order of samples."""
    from spikeconsol.bottleneck.memory import Recent, Traces
    from spikeconsol.data import stay_stream

    (seed,) = seeds
    split = parameters.data(seed)
    stay = condition.setup.get("stay", parameters.stay)
    index = stay_stream(split.y, stay, parameters.presentations, seed)
    probe = stay_stream(split.y_test, stay, PROBE, seed)
    if condition.name.startswith("destroyed"):
        index = np.random.default_rng(seed).permutation(index)
    exact: Any = Traces()
    if "window" in condition.setup:
        memory: Any = Recent(condition.setup["window"], near=stay / 2)
        exact = memory
    else:
        memory = contiguity_memory(condition.setup["memory"], parameters)
    told: Any = (None, None)
    if memory.recalls == "slots":
        exact = memory
        told = [
            np.append(False, np.diff(labels) == 0)
            for labels in (split.y[index], split.y_test[probe])
        ]
    return _judged(
        parameters, condition, memory, exact, 1, split, (index, told[0]), (probe, told[1]), seed
    )


def _judged(
    parameters: Relations,
    condition: Condition,
    memory: PastCodes,
    exact: PastCodes,
    lag: int,
    split: Split,
    stream: tuple[Any, Any],
    probe: tuple[Any, Any],
    seed: int,
) -> xr.Dataset:
    """Train, then test the readout and compare the memories with exact ones."""
    from spikeconsol.bottleneck import RelationalBottleneck

    net = RelationalBottleneck(
        parameters.hidden,
        memory=memory,
        lag=lag,
        learning_rate=0.0 if condition.name == "frozen" else parameters.learning_rate,
        update_every=parameters.update_every,
        random_state=seed,
    )
    net.fit(split.X[stream[0]], stream[1]).fit_readout(split.X, split.y)
    cosine, recall = net.fidelity(split.X_test[probe[0]], probe[1], exact)
    columns = {
        "accuracy": (net.score(split.X_test, split.y_test), "test accuracy of a readout"),
        "top_cosine": (cosine[-1], "cosine to exact, top layer"),
    }
    by_layer = {
        "cosine": (cosine, "cosine of the signal to that of the exact memory"),
        "recall": (recall, "R2 of the recalled codes in use"),
    }
    return of_seed(seed, columns, by_layer)


def of_seed(
    seed: int, columns: Mapping[str, tuple[Any, str]], by_layer: Mapping[str, tuple[Any, str]]
) -> xr.Dataset:
    """Return what was found for a seed, each with its meaning; arrays are by layer."""
    return xr.Dataset(
        {
            name: (dims, [value], {"long_name": meaning, "units": "1"})
            for dims, found in ((("seed",), columns), (("seed", "layer"), by_layer))
            for name, (value, meaning) in found.items()
        },
        coords={"seed": [seed]},
    )


def _named(
    conditions: Sequence[tuple[str, str]], only: tuple[str, ...] | None = None
) -> list[Condition]:
    return [
        Condition(name, "rate", label, {"memory": name})
        for name, label in conditions
        if only is None or name in only
    ]


#: Sizes of the reservoir and lags of the capacity table.
CELLS, LAGS = (5, 25, 100, 200, 400), (1, 2, 4, 8, 16)
#: Windows and stays of the table of the exact contiguity signal.
WINDOWS, STAYS = (2, 4, 8, 12, 16, 24, 32, 48), (4, 8, 16)


def capacity_conditions(parameters: NBack) -> Sequence[Condition]:
    """Reservoirs of several sizes and the exact memory, at several lags."""
    found = []
    for lag in LAGS:
        for cells in CELLS:
            setup = {"memory": "reservoir", "cells": cells}
            found.append(of_lag(lag, f"{cells:03}", f"{cells} cells", setup))
        found.append(of_lag(lag, "exact", "exact memory", {"memory": "exact"}))
    return found


def of_lag(lag: int, name: str, label: str, setup: Any, level: str = "rate") -> Condition:
    """Return a condition of the tables of capacity."""
    return Condition(f"lag-{lag:02}-{name}", level, f"lag {lag}, {label}", setup | {"lag": lag})


def window_conditions(parameters: Contiguity) -> Sequence[Condition]:
    """Windows of several lengths, in streams that stay for several times."""
    return [
        Condition(
            f"stay-{stay:02}-window-{window:02}",
            "rate",
            f"stays {stay}, window {window}",
            {"stay": stay, "window": window},
        )
        for stay in STAYS
        for window in WINDOWS
    ]


DEMO = {"presentations": 4000, "cells": 200, "rehearsed": 2000, "seeds": 1}
_experiment = family("bottleneck/", columns=("accuracy", "top_cosine"), seeds=3, demo=DEMO)
_nback = partial(_experiment, run=learn_nback)
_contiguity = partial(_experiment, run=learn_contiguity)
FIGURE = ("bottleneck_relational",)
EXPERIMENTS = (
    _nback(
        "nback",
        "Digits learned from a bit, same class as 4 samples before, which needs a memory",
        _named(NBACK),
        seeds=5,
        figures=FIGURE,
    ),
    _nback(
        "nback-capacity",
        "n-back against the size of the reservoir and the lag",
        capacity_conditions,
        presets={"demo": {"presentations": 1500, "rehearsed": 600, "seeds": 1}},
        figures=FIGURE,
    ),
    _nback(
        "nback-mnist",
        "MNIST learned from the bit of n-back, 784-64-16, one pass",
        _named(NBACK[:8]),
        parameters=NBackImages,
    ),
    _contiguity(
        "contiguity",
        "Digits learned from nothing but their order in time, which needs a memory",
        _named((*CONTIGUITY, *SLOTS)),
        seeds=5,
        figures=FIGURE,
    ),
    _contiguity(
        "contiguity-window",
        "Contiguity against the length of the window and the stay in a class",
        window_conditions,
        columns=("accuracy",),
        presets={"demo": {"presentations": 1500, "seeds": 1}},
    ),
    _contiguity(
        "contiguity-mnist",
        "MNIST learned from nothing but the order in time, 784-64-16, one pass",
        _named(CONTIGUITY, FEW),
        parameters=ContiguityImages,
    ),
)
