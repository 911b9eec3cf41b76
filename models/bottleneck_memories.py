"""Which memories can supply the signal by which layers learn, and what they hold.

Learning as in `bottleneck`, with the exact window replaced by prototypes, class means or a
recurrent network; how much of past samples and of the exact signal each memory holds; and what
the published training of a reservoir comes to once its readout no longer changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns, family
from spikeconsol.models.bottleneck import LEARNED, Seeds, Setup, Training, Xor, learn
from spikeconsol.parameters import Parameters, parameter

#: Two units on top make the code binary, so that the layers below must solve XOR: a fixed vector
#: per class rarely does, random features do not. The class enters every signal, so that success
#: shows a right signal, not that a memory of samples is needed.
MEMORY_TASKS: dict[str, Training] = {
    "xor": Xor(hidden=(10, 2)),
    "digits": Training(),
}
MEMORIES: tuple[tuple[str, str, Setup], ...] = (
    ("window", "exact window", {}),
    ("prototypes", "prototypes", {"memory": "prototypes"}),
    ("class-means", "class means", {"memory": "class_means"}),
    ("reservoir", "reservoir, ridge", {"memory": "reservoir"}),
    ("reservoir-lms", "reservoir, LMS", {"memory": "reservoir", "training": "lms"}),
    (
        "reservoir-hebb",
        "reservoir, rewarded Hebb",
        {"memory": "reservoir", "training": "reward_hebb"},
    ),
    ("constant", "reservoir, state constant", {"memory": "reservoir", "held": "constant"}),
    ("shuffled", "reservoir, state shuffled", {"memory": "reservoir", "held": "shuffled"}),
    ("late", "reservoir, one sample late", {"memory": "reservoir", "held": "late"}),
    ("silenced", "silenced, ridge", {"memory": "silenced"}),
    ("silenced-lms", "silenced, LMS", {"memory": "silenced", "training": "lms"}),
    ("per-class", "fixed vector per class", {"signal": "per_class"}),
    ("permuted", "permuted labels", {"signal": "permuted"}),
    ("frozen", "frozen layers", {"signal": "frozen"}),
)


@dataclass(frozen=True)
class MemoryProtocol(Parameters):
    """Networks that differ in their memory only."""

    tasks: tuple[str, ...] = parameter(("xor", "digits"), choices=("xor", "digits"), doc="tasks")
    epochs: int = parameter(10, at_least=1, doc="passes through the training samples")
    cells: int = parameter(300, at_least=10, doc="cells of the reservoirs")
    time_constant: float = parameter(
        5.0, above=0, doc="of these cells, in samples: slow enough for a window of 16"
    )
    rehearsed: int = parameter(
        24000, at_least=100, doc="random samples on which reservoirs are trained beforehand"
    )
    block: int = parameter(50, at_least=2, doc="samples between new random class structures")
    regularisation: float = parameter(100.0, above=0, doc="ridge penalty of their readouts")
    surprise_gate: bool = parameter(
        False, doc="scale the signals of all memories by the readout's surprise"
    )


def memories(parameters: MemoryProtocol) -> Sequence[Condition]:
    """Every memory and its controls, on XOR and on digits; neither needs one."""
    return [
        Condition(f"{task}-{name}", "rate", f"{task}: {label}", setup | {"task": task})
        for task in parameters.tasks
        for name, label, setup in MEMORIES
    ]


@columns(*LEARNED)
def compare_memories(parameters: MemoryProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network with one memory."""
    setup = condition.setup | {"signal__surprise_gate": parameters.surprise_gate}
    training = MEMORY_TASKS[setup.pop("task")].replace(epochs=parameters.epochs)
    readout = setup.pop("training", "ridge")
    if setup.get("memory") in ("reservoir", "silenced"):
        silenced = setup["memory"] == "silenced"
        setup["memory"] = _reservoir(readout, parameters, training.window, silenced).replace(
            held=setup.pop("held", "present")
        )
    trained = Condition(condition.name, condition.level, condition.label, setup)
    return learn(training, trained, seeds)


def _reservoir(readout: str, parameters: MemoryProtocol, window: int, silenced: bool) -> Any:
    from spikeconsol.bottleneck import Reservoir

    online: Setup = {
        "lms": {"learning_rate": 5e-4},
        "reward_hebb": {"learning_rate": 2e-3, "output_noise": 0.5},
    }.get(readout, {})
    return Reservoir(
        window=window,
        silenced=silenced,
        cells=parameters.cells,
        time_constant=parameters.time_constant,
        samples=parameters.rehearsed,
        block=parameters.block,
        regularisation=parameters.regularisation,
        training=readout,
        **online,
    )


@dataclass(frozen=True)
class Stream(Parameters):
    """A stream of samples, a layer of random codes, and a reservoir that follows them."""

    units: int = parameter(10, at_least=2, doc="units of the layer")
    window: int = parameter(10, at_least=2, doc="samples in the window of the exact signal")
    cells: int = parameter(500, at_least=10, doc="cells of the reservoir")


@dataclass(frozen=True)
class CapacityProtocol(Stream):
    """A stream of XOR samples, and what a memory is asked of it."""

    samples: int = parameter(2600, at_least=100, doc="samples in the stream")
    lags: int = parameter(20, at_least=1, doc="longest lag of the recall curve")
    rehearsed: int = parameter(4000, at_least=100, doc="samples of training beforehand")


CAPACITIES: tuple[tuple[str, str, Setup], ...] = (
    ("window", "exact window", {}),
    ("prototypes", "prototypes", {}),
    ("class-means", "class means", {}),
    ("reservoir", "reservoir, gated by the label", {"input_gains": (0.5, 0.5, 0.5)}),
    ("ungated", "reservoir, not gated", {"input_gains": (0.5, 0.5, 0.5), "gated": False}),
    ("rehearsed", "reservoir as used for learning", {}),
    ("fast", "reservoir, fast cells", {"time_constant": 0.25}),
    ("saturated", "reservoir, strong input", {"input_scale": 10.0}),
    ("silenced", "reservoir silenced", {}),
)


def reservoir_capacity(parameters: CapacityProtocol) -> Sequence[Condition]:
    """Every memory, and reservoirs whose constants are changed one at a time."""
    return [Condition(name, "rate", label, setup) for name, label, setup in CAPACITIES]


@columns("readout_r2", "own_cosine", "memoryless_r2", "total_recall")
def measure_capacity(
    parameters: CapacityProtocol, condition: Condition, seeds: Seeds
) -> xr.Dataset:
    """Measure what one memory holds of a stream that it has not been trained on."""
    from spikeconsol.bottleneck import (
        ClassMeans,
        Objective,
        Place,
        Prototypes,
        Reservoir,
        Window,
    )
    from spikeconsol.bottleneck.capacity import memory_capacity
    from spikeconsol.bottleneck.hsic import layer_norm
    from spikeconsol.data import xor_task

    (seed,) = seeds
    rng = np.random.default_rng(seed)
    objective = Objective(gamma=10.0, widths=(0.3, 0.25, 2.0))
    stream = xor_task(seed, train=parameters.samples)
    weights = rng.standard_normal((2, parameters.units)) / np.sqrt(2)
    codes, _ = layer_norm(np.maximum(stream.X @ weights, 0))
    place = Place(2, parameters.units, 2, objective, rng=rng)
    memory: Any
    if condition.name == "window":
        memory = Window(parameters.window)
    elif condition.name in ("prototypes", "class-means"):
        memory = Prototypes() if condition.name == "prototypes" else ClassMeans()
    else:
        memory = Reservoir(
            cells=parameters.cells,
            samples=parameters.rehearsed,
            window=parameters.window,
            silenced=condition.name == "silenced",
            **condition.setup,
        )
    found = memory_capacity(
        memory.begin(place),
        stream.X,
        stream.y,
        codes,
        objective=objective,
        window=parameters.window,
        lags=parameters.lags,
    )
    scores = {
        "readout_r2": (found.readout_r2, "R2 of exact signal, readout fitted to the stream"),
        "own_cosine": (found.signal_cosine, "cosine of the memory's own signal"),
        "own_r2": (found.signal_r2, "R2 of the memory's own signal"),
        "memoryless_r2": (found.memoryless_r2, "R2 from the current sample"),
        "memoryless_gated_r2": (found.memoryless_gated_r2, "the same, one readout per class"),
        "total_recall": (float(found.lag_r2.clip(0).sum()), "R2 of past codes, summed over lags"),
    }
    result = xr.Dataset(
        {
            name: ("seed", [value], {"long_name": meaning, "units": "1"})
            for name, (value, meaning) in scores.items()
        },
        coords={"seed": list(seeds), "lag": np.arange(1, parameters.lags + 1)},
    )
    result["recall"] = (
        ("seed", "lag"),
        [found.lag_r2],
        {"long_name": "R2 of the code shown that many samples before", "units": "1"},
    )
    return result


@dataclass(frozen=True)
class ReleaseProtocol(Stream, cells=2000):
    """The published training of the reservoir, and what it is tested on."""

    images: str = parameter("mnist", choices=("mnist", "digits"), doc="network inputs")
    samples: int = parameter(100, at_least=20, doc="images in the training stream")
    epochs: int = parameter(10, at_least=1, doc="passes through the stream")


RELEASED: Setup = {
    # The mask keeps 90 % of the connections, whose variance is scaled for 10 %: with the factor
    # of 1.2 the spectral radius is 3.6 instead of 1.2.
    "gain": 3.6,
    "connection_probability": 0.9,
    "time_constant": 0.25,
    "steps": 20,
    "input_scale": 1.0,
    "input_gains": (1.0, 1.0, 1.0),
    "feedback": 1.0,
    "gated": False,
    "direct": False,
    "training": "lms",
    "learning_rate": 5e-4,
}


def release_reservoir(parameters: ReleaseProtocol) -> Sequence[Condition]:
    """The published reservoir, and the same without its recurrent cells' saturation."""
    return [
        Condition("published", "rate", "as published", RELEASED),
        Condition(
            "scaled-input",
            "rate",
            "radius 0.9, scaled input",
            RELEASED | {"gain": 0.9, "input_scale": 0.05, "feedback": 0.0},
        ),
    ]


@columns("same_sample", "same_sample_last", "frozen_known", "frozen_unknown", "saturated")
def freeze_release(parameters: ReleaseProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train the readout as published; then freeze it and show known and unknown samples.

    Errors are normalised by the variance of the signal: 1 is what a constant would reach.
    """
    from spikeconsol import data
    from spikeconsol.bottleneck import Objective, Place, Reservoir

    (seed,) = seeds
    rng = np.random.default_rng(seed)
    split = data.load_task(parameters.images, seed)
    chosen = rng.permutation(len(split.X))[: 2 * parameters.samples]
    X = (split.X[chosen].astype(float) - 0.5) / 0.5
    y, Z = split.y[chosen], rng.random((len(chosen), parameters.units))
    objective = Objective(gamma=2.0, widths=(0.5, 0.5, 0.5))
    place = Place(X.shape[1], parameters.units, 10, objective, rng=rng)
    constants = Reservoir(cells=parameters.cells, window=parameters.window, **condition.setup)
    reservoir = constants.begin(place)
    teacher = reservoir.teacher
    full = parameters.window - 1  # signals count from the first full window

    def show(rows: Any) -> tuple[Any, Any]:
        """Outputs after each sample, and the exact signals."""
        outputs, targets = [], []
        for row in rows:
            reservoir.push(X[row], int(y[row]), Z[row])
            outputs.append(reservoir.signal())
            targets.append(teacher.signal())
        return np.array(outputs)[full:], np.array(targets)[full:]

    known, unknown = np.arange(parameters.samples), np.arange(parameters.samples, len(X))
    after = [_error(*show(known)) for _ in range(parameters.epochs)]
    reservoir.learning = False
    scores = {
        "same_sample": (after[0], "error on a sample just learned, first epoch"),
        "same_sample_last": (after[-1], "the same, last epoch"),
        "frozen_known": (_error(*show(rng.permutation(known))), "frozen, known samples"),
        "frozen_unknown": (_error(*show(unknown)), "frozen, new samples"),
    }
    result = xr.Dataset(
        {
            name: ("seed", [value], {"long_name": meaning, "units": "1"})
            for name, (value, meaning) in scores.items()
        },
        coords={"seed": list(seeds), "epoch": np.arange(1, parameters.epochs + 1)},
    )
    result["error"] = (("seed", "epoch"), [after], {"long_name": "error after learning"})
    saturated = float(np.mean(np.abs(reservoir.features()) > 0.99))
    result["saturated"] = (
        "seed",
        [saturated],
        {"long_name": "cells saturated (|r| > 0.99)", "units": "1"},
    )
    return result


def _error(outputs: Any, targets: Any) -> float:
    """Mean squared error over the variance of the targets."""
    return float(np.mean((outputs - targets) ** 2) / np.mean((targets - targets.mean(axis=0)) ** 2))


_experiment = family("bottleneck/", figures=("bottleneck_memory",))
EXPERIMENTS = (
    _experiment(
        memories,
        "Window, prototypes, class means, reservoirs and a silenced one, on XOR and digits",
        run=compare_memories,
        seeds=10,
        demo={"epochs": 2, "rehearsed": 1000, "cells": 100, "seeds": 1},
    ),
    _experiment(
        reservoir_capacity,
        "What each memory holds: recall by lag, exact signal on unseen samples",
        run=measure_capacity,
        demo={"samples": 600, "cells": 100, "rehearsed": 500, "seeds": 2},
    ),
    _experiment(
        release_reservoir,
        "The published training of the reservoir, tested with a frozen readout",
        run=freeze_release,
        seeds=3,
        demo={"images": "digits", "cells": 200, "epochs": 2, "seeds": 1},
    ),
)
