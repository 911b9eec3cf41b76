"""Layers that learn by themselves: local Hebbian changes under a layer-wise HSIC signal.

A network sees one sample at a time. Each hidden layer lowers HSIC(X, Z) - gamma HSIC(Y, Z) of its
codes Z by a signal that a working memory of recent samples supplies; a linear readout learns
alongside. The exact signal is compared with what the published programs computed, with memories
of other kinds, with controls whose signal is missing or meaningless, and with back-propagation
through the same network. Accuracies are those of held-out test samples; settings were chosen with
seeds 0 to 9 or, for images, on the last 10,000 training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Experiment
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck import BottleneckClassifier
    from spikeconsol.data import Split

Seeds = tuple[int, ...]
Setup = dict[str, Any]

#: Samples on which accuracy, HSIC and the signal's cosine are followed while a network learns.
PROBE, WINDOWED, ALIGNED = 2000, 200, 100
ACCURACY = {"long_name": "test accuracy", "units": "1"}


@dataclass(frozen=True)
class Training(Parameters):
    """A task, the network and how it learns; the defaults are those for the digits."""

    task: str = parameter(
        "digits", choices=("linear", "xor", "digits", "mnist", "fashion-mnist"), doc="data set"
    )
    hidden: tuple[int, ...] = parameter((64, 16), at_least=1, doc="units of the hidden layers")
    window: int = parameter(8, at_least=2, doc="samples in the window")
    gamma: float = parameter(2.0, at_least=0, doc="weight of the prediction term")
    widths: tuple[float, ...] = parameter(
        (0.5, 0.1, 1.0), above=0, doc="kernel widths of inputs, targets and codes"
    )
    learning_rate: float = parameter(1e-3, above=0, doc="of hidden layers and readout")
    update_every: int = parameter(1, at_least=1, doc="samples between changes of weights")
    epochs: int = parameter(10, at_least=1, doc="passes through the training samples")
    train: int = parameter(0, at_least=0, doc="training samples used; 0 for all")
    published_scaling: bool = parameter(
        False, doc="divide the inputs of linear and XOR by 255, as the published program does"
    )
    validate: bool = parameter(
        False, doc="test on the last sixth of the training images, for choosing settings"
    )

    def settings(self) -> Setup:
        """Return these parameters as the classifier's."""
        return {
            "hidden": self.hidden,
            "window": self.window,
            "gamma": self.gamma,
            "widths": self.widths,
            "learning_rate": self.learning_rate,
            "readout_learning_rate": self.learning_rate,
            "update_every": self.update_every,
            "epochs": self.epochs,
        }

    def data(self, seed: int) -> Split:
        """Return the samples of a seed; those of images are always the same."""
        from spikeconsol import data

        if self.task in ("linear", "xor"):
            make = data.linear_task if self.task == "linear" else data.xor_task
            return make(
                seed, train=self.train or 900, test=1000, published_scaling=self.published_scaling
            )
        split = data.digits_task(seed) if self.task == "digits" else data.load_images(self.task)
        if self.validate:
            split = split.validation(len(split.X) // 6)
        end = self.train or len(split.X)
        return split._replace(X=split.X[:end], y=split.y[:end])


@dataclass(frozen=True)
class Linear(Training):
    """Points on two sides of a line."""

    task: str = parameter("linear", choices=("linear",), doc="data set")
    hidden: tuple[int, ...] = parameter((4,), at_least=1, doc="units of the hidden layers")
    window: int = parameter(16, at_least=2, doc="samples in the window")
    gamma: float = parameter(10.0, at_least=0, doc="weight of the prediction term")
    widths: tuple[float, ...] = parameter((0.5, 0.25, 1.0), above=0, doc="kernel widths")
    learning_rate: float = parameter(1e-2, above=0, doc="of hidden layers and readout")


@dataclass(frozen=True)
class Xor(Training):
    """Equal against unequal corners of a square."""

    task: str = parameter("xor", choices=("xor",), doc="data set")
    hidden: tuple[int, ...] = parameter((10, 4), at_least=1, doc="units of the hidden layers")
    window: int = parameter(16, at_least=2, doc="samples in the window")
    gamma: float = parameter(10.0, at_least=0, doc="weight of the prediction term")
    widths: tuple[float, ...] = parameter((0.3, 0.25, 2.0), above=0, doc="kernel widths")
    learning_rate: float = parameter(1e-2, above=0, doc="of hidden layers and readout")


@dataclass(frozen=True)
class Images(Training):
    """28 x 28 images; pixels are in 0..1, so the input width is half that for -1..1."""

    task: str = parameter("mnist", choices=("mnist", "fashion-mnist"), doc="data set")
    hidden: tuple[int, ...] = parameter((128, 64), at_least=1, doc="units of the hidden layers")
    widths: tuple[float, ...] = parameter((0.25, 0.1, 1.0), above=0, doc="kernel widths")
    update_every: int = parameter(32, at_least=1, doc="samples between changes of weights")
    epochs: int = parameter(10, at_least=1, doc="passes through the training samples")


EXACT = Condition("exact", "rate", "exact window", {})
PROTOTYPES = Condition("prototypes", "rate", "prototypes", {"memory": "prototypes"})
RELEASE = Condition("diag-release", "rate", "released program", {"signal": "diag_release"})
FROZEN = Condition("frozen", "rate", "frozen layers", {"signal": "frozen"})
PERMUTED = Condition("permuted", "rate", "permuted labels", {"signal": "permuted"})
PER_CLASS = Condition("per-class", "rate", "fixed vector per class", {"signal": "per_class"})
BACKPROP = Condition("backprop", "rate", "back-propagation", {"signal": "backprop"})
MAIN = (EXACT, PROTOTYPES, RELEASE, FROZEN, PERMUTED, BACKPROP)
SIGNALS = (
    EXACT,
    Condition("row-centred", "rate", "row-centred (2021)", {"signal": "row_centred"}),
    RELEASE,
    Condition("diag-prefix", "rate", "program of the figures", {"signal": "diag_prefix"}),
    Condition("phsic", "rate", "pHSIC, two points", {"signal": "phsic"}),
    Condition("code-term", "rate", "exact + HSIC(Z, Z)", {"code_weight": 2.0, "input_weight": 0.0}),
    Condition("gated", "rate", "exact, surprise gate", {"surprise_gate": True}),
    FROZEN,
    PERMUTED,
    Condition("random", "rate", "random signal", {"signal": "random"}),
    PER_CLASS,
    Condition("hebb", "rate", "plain Hebb", {"signal": "hebb"}),
    BACKPROP,
)
#: Changes of weights after every sample instead of every 32, with half the epochs.
ONLINE: Setup = {
    "update_every": 1,
    "epochs": 5,
    "learning_rate": 1e-4,
    "readout_learning_rate": 3e-4,
}
GATED_PROTOTYPES: Setup = {
    "memory": "prototypes",
    "code_weight": 4.0,
    "surprise_gate": True,
    "widths": (0.25, 0.1, 0.7),
}
GATED_WINDOW: Setup = {
    "window": 32,
    "input_weight": 0.0,
    "code_weight": 2.0,
    "surprise_gate": True,
}
IMAGES = (
    *MAIN,
    Condition("online-exact", "rate", "exact, every sample", ONLINE),
    Condition("online-diag-release", "rate", "released, every sample", RELEASE.setup | ONLINE),
    Condition("gate", "rate", "exact, surprise gate", {"surprise_gate": True}),
    Condition("gated-window", "rate", "exact with code term and gate", GATED_WINDOW),
    Condition("gated-prototypes", "rate", "prototypes with code term and gate", GATED_PROTOTYPES),
    Condition(
        "wide-gated-prototypes",
        "rate",
        "the same, 512 and 256 units",
        GATED_PROTOTYPES | {"hidden": (512, 256)},
    ),
)


def learn(parameters: Training, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network, following accuracy and HSIC; then test it once."""
    (seed,) = seeds
    split = parameters.data(seed)
    net = _network(parameters, condition.setup, seed)
    # Test images are looked at once; small tasks draw new test samples for every seed.
    images = parameters.task in ("mnist", "fashion-mnist")
    X, y = (split.X, split.y) if images else (split.X_test, split.y_test)
    X, y = X[:PROBE], y[:PROBE]
    course, objectives, cosines = [], [], []

    def follow(net: BottleneckClassifier) -> None:
        course.append(net.score(X, y))
        objectives.append(net.layer_objectives(X[:WINDOWED], y[:WINDOWED]))
        cosines.append(net.signal_alignment(X[:ALIGNED], y[:ALIGNED]))

    net.fit(split.X, split.y, on_epoch=follow)
    course_of = "training images" if images else "test samples"
    result = xr.Dataset(
        {
            "accuracy": ("seed", [net.score(split.X_test, split.y_test)], ACCURACY),
            "course": (
                ("seed", "epoch"),
                [course],
                {"long_name": f"accuracy on {course_of}", "units": "1"},
            ),
            "objective": (
                ("seed", "epoch", "layer"),
                [objectives],
                {"long_name": "HSIC(X, Z) - gamma HSIC(Y, Z)", "units": "1"},
            ),
            "cosine": (
                ("seed", "epoch", "layer"),
                [cosines],
                {"long_name": "cosine of the signal to the exact one", "units": "1"},
            ),
            "final_cosine": (
                "seed",
                [np.mean(cosines[-1])],
                {"long_name": "cosine to exact", "units": "1"},
            ),
        },
        coords={"seed": list(seeds), "epoch": np.arange(1, len(course) + 1)},
    )
    if images:
        # What the first units of the first layer listen to.
        fields = net.network_.weights[0][:-1, :20].T.reshape(-1, 28, 28)
        result["receptive_field"] = (("unit", "row", "column"), fields)
    return result


def _network(parameters: Training, setup: Setup, seed: int) -> BottleneckClassifier:
    from spikeconsol.bottleneck import BottleneckClassifier

    return BottleneckClassifier(**(parameters.settings() | {"random_state": seed} | setup))


def compare_signals(parameters: Training, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train as `learn` does; then compare a published signal with the exact one.

    All are judged on the top codes of the same two networks, one with random hidden layers and one
    that learned by the exact signal, in windows of several lengths.
    """
    from spikeconsol.bottleneck.hsic import VARIANTS, cosine, sliding_signals

    result = learn(parameters, condition, seeds)
    variant = condition.setup.get("signal", "")
    if variant not in VARIANTS:
        return result
    split = parameters.data(seeds[0])
    X, labels = split.X_test[:WINDOWED], split.y_test[:WINDOWED]
    cosines = np.empty((2, len(LENGTHS)))
    for row, setup in enumerate(({"signal": "frozen"}, {})):
        net = _network(parameters, setup, seeds[0]).fit(split.X, split.y)
        codes = net.transform(X)
        one_hot = np.eye(len(net.classes_))[np.searchsorted(net.classes_, labels)]
        for column, window in enumerate(LENGTHS):
            constants: Setup = {
                "window": window,
                "gamma": parameters.gamma,
                "widths": parameters.widths,
            }
            exact, other = (
                sliding_signals(X, one_hot, codes, variant=name, **constants)
                for name in ("exact", variant)
            )
            cosines[row, column] = cosine(exact, other).mean()
    result["length"] = list(LENGTHS)
    result["codes"] = ["random", "learned"]
    result["variant_cosine"] = (
        ("seed", "codes", "length"),
        cosines[None],
        {"long_name": "cosine to the exact signal", "units": "1"},
    )
    return result


#: Window lengths of the sweeps, and the factors on the learning rate in the sweep of 2021, which
#: cannot tell the two apart; relative to a window of 8.
LENGTHS = (2, 4, 8, 16, 32, 64)
CONFOUNDED = {2: 0.1, 4: 1.0, 8: 1.0, 16: 5.0, 32: 50.0}


def window_conditions(parameters: Training) -> Sequence[Condition]:
    """Every window length at one learning rate, and at the rates of 2021."""
    plain = [Condition(f"length-{n:02}", "rate", f"window {n}", {"window": n}) for n in LENGTHS]
    # Normalised signals, so that the length does not scale the step by itself.
    confounded = [
        Condition(
            f"confounded-{n:02}",
            "rate",
            f"window {n}, rate x {factor:g}",
            {
                "window": n,
                "optimizer": "sgd",
                "learning_rate": factor * parameters.learning_rate,
            },
        )
        for n, factor in CONFOUNDED.items()
    ]
    return plain + confounded


#: Two units on top make the code binary, so that the layers below must solve XOR: no signal that
#: depends on the class alone can, and neither can random features.
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
    rehearsed: int = parameter(
        12000, at_least=100, doc="random samples on which reservoirs are trained beforehand"
    )
    surprise_gate: bool = parameter(
        True, doc="scale signals by the readout's surprise, which frees networks that are stuck"
    )


def memory_conditions(parameters: MemoryProtocol) -> Sequence[Condition]:
    """Every memory on XOR, which needs one, and on digits, which do not."""
    return [
        Condition(f"{task}-{name}", "rate", f"{task}: {label}", setup | {"task": task})
        for task in parameters.tasks
        for name, label, setup in MEMORIES
    ]


def compare_memories(parameters: MemoryProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train one network with one memory."""
    setup = condition.setup | {"surprise_gate": parameters.surprise_gate}
    training = MEMORY_TASKS[setup.pop("task")].replace(epochs=parameters.epochs)
    readout = setup.pop("training", "ridge")
    if setup.get("memory") in ("reservoir", "silenced"):
        setup["reservoir"] = _reservoir(readout, parameters.cells, parameters.rehearsed)
    trained = Condition(condition.name, condition.level, condition.label, setup)
    return learn(training, trained, seeds)


def _reservoir(readout: str, cells: int, rehearsed: int) -> Any:
    from spikeconsol.bottleneck import ReservoirParameters

    online: Setup = {
        "lms": {"learning_rate": 5e-4},
        "reward_hebb": {"learning_rate": 2e-3, "output_noise": 0.5},
    }.get(readout, {})
    return ReservoirParameters(cells=cells, samples=rehearsed, training=readout, **online)


@dataclass(frozen=True)
class CapacityProtocol(Parameters):
    """A stream of XOR samples and the codes of a random layer."""

    samples: int = parameter(2600, at_least=100, doc="samples in the stream")
    units: int = parameter(10, at_least=2, doc="units of the layer")
    window: int = parameter(10, at_least=2, doc="window of the exact signal")
    lags: int = parameter(20, at_least=1, doc="longest lag of the recall curve")
    cells: int = parameter(500, at_least=10, doc="cells of the reservoirs")
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


def capacity_conditions(parameters: CapacityProtocol) -> Sequence[Condition]:
    """Every memory, and reservoirs whose constants are changed one at a time."""
    return [Condition(name, "rate", label, setup) for name, label, setup in CAPACITIES]


def measure_capacity(
    parameters: CapacityProtocol, condition: Condition, seeds: Seeds
) -> xr.Dataset:
    """Measure what one memory holds of a stream that it has not been trained on."""
    from spikeconsol.bottleneck import (
        ClassMeans,
        Objective,
        Prototypes,
        Reservoir,
        ReservoirParameters,
        Silenced,
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
    sizes = (2, parameters.units, 2)
    memory: Any
    if condition.name == "window":
        memory = Window(parameters.window, *sizes, objective=objective)
    elif condition.name in ("prototypes", "class-means"):
        means = Prototypes if condition.name == "prototypes" else ClassMeans
        memory = means(parameters.units, 2, objective=objective)
    else:
        kind = Silenced if condition.name == "silenced" else Reservoir
        constants = ReservoirParameters(
            cells=parameters.cells, samples=parameters.rehearsed, **condition.setup
        )
        memory = kind.trained(*sizes, parameters.window, objective, constants, rng=rng)
    found = memory_capacity(
        memory,
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
class ReleaseProtocol(Parameters):
    """The published training of the reservoir, and what it is tested on."""

    images: str = parameter("mnist", choices=("mnist", "digits"), doc="network inputs")
    samples: int = parameter(100, at_least=20, doc="images in the training stream")
    epochs: int = parameter(10, at_least=1, doc="passes through the stream")
    cells: int = parameter(2000, at_least=10, doc="cells of the reservoir")
    window: int = parameter(10, at_least=2, doc="samples in the window")
    units: int = parameter(10, at_least=2, doc="units whose random codes are shown")


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


def release_conditions(parameters: ReleaseProtocol) -> Sequence[Condition]:
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


def freeze_release(parameters: ReleaseProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train the readout as published; then freeze it and show known and unknown samples.

    Errors are normalised by the variance of the signal: 1 is what a constant would reach.
    """
    from spikeconsol import data
    from spikeconsol.bottleneck import Objective, Reservoir, ReservoirParameters

    (seed,) = seeds
    rng = np.random.default_rng(seed)
    split = data.digits_task(seed) if parameters.images == "digits" else data.load_images()
    chosen = rng.permutation(len(split.X))[: 2 * parameters.samples]
    X = (split.X[chosen].astype(float) - 0.5) / 0.5
    y, Z = split.y[chosen], rng.random((len(chosen), parameters.units))
    constants = ReservoirParameters(cells=parameters.cells, **condition.setup)
    sizes = (X.shape[1], parameters.units, 10)
    objective = Objective(gamma=2.0, widths=(0.5, 0.5, 0.5))
    reservoir = Reservoir.trained(*sizes, parameters.window, objective, constants, rng=rng)
    teacher = reservoir.teacher
    assert teacher is not None
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


LEARNED = ("accuracy", "final_cosine")
EXPERIMENTS = (
    Experiment(
        name="bottleneck/linear",
        summary="A line between two classes: exact signal, prototypes, controls",
        parameters=Linear,
        conditions=lambda parameters: MAIN,
        run=learn,
        columns=LEARNED,
        seeds=(100, 10),
        presets={"demo": {"epochs": 2, "seeds": 3}},
    ),
    Experiment(
        name="bottleneck/xor",
        summary="XOR by local rules, with every control beside it",
        parameters=Xor,
        conditions=lambda parameters: (*MAIN, PER_CLASS),
        run=learn,
        columns=LEARNED,
        seeds=(100, 10),
        presets={"demo": {"epochs": 4, "seeds": 3}},
        figures=("bottleneck_learning",),
    ),
    Experiment(
        name="bottleneck/digits",
        summary="8 x 8 digits, 64-64-16-10, with every control beside it",
        parameters=Training,
        conditions=lambda parameters: MAIN,
        run=learn,
        columns=LEARNED,
        seeds=(100, 5),
        presets={"demo": {"epochs": 2, "seeds": 2}},
        figures=("bottleneck_learning",),
    ),
    Experiment(
        name="bottleneck/mnist",
        summary="MNIST, 784-128-64-10: the exact rule, its extensions and its controls",
        parameters=Images,
        conditions=lambda parameters: IMAGES,
        run=learn,
        columns=LEARNED,
        seeds=(100, 3),
        presets={"demo": {"epochs": 1, "train": 10000, "seeds": 1}},
        figures=("bottleneck_learning", "bottleneck_fields"),
    ),
    Experiment(
        name="bottleneck/signals",
        summary="The exact signal, what the published programs computed, and meaningless signals",
        parameters=Training,
        conditions=lambda parameters: SIGNALS,
        run=compare_signals,
        columns=LEARNED,
        seeds=(100, 5),
        presets={"demo": {"epochs": 2, "seeds": 2}},
        figures=("bottleneck_signals",),
    ),
    Experiment(
        name="bottleneck/window",
        summary="How long the window must be, apart from and entangled with the learning rate",
        parameters=Training,
        conditions=window_conditions,
        run=learn,
        columns=LEARNED,
        seeds=(100, 5),
        presets={"demo": {"epochs": 2, "seeds": 2}},
        figures=("bottleneck_signals",),
    ),
    Experiment(
        name="bottleneck/memories",
        summary="Window, prototypes, class means, reservoirs and a silenced one, on XOR and digits",
        parameters=MemoryProtocol,
        conditions=memory_conditions,
        run=compare_memories,
        columns=LEARNED,
        seeds=(100, 5),
        presets={"demo": {"epochs": 2, "rehearsed": 1000, "cells": 100, "seeds": 1}},
        figures=("bottleneck_memory",),
    ),
    Experiment(
        name="bottleneck/reservoir-capacity",
        summary="What each memory holds: recall by lag, exact signal on unseen samples",
        parameters=CapacityProtocol,
        conditions=capacity_conditions,
        run=measure_capacity,
        columns=("readout_r2", "own_cosine", "memoryless_r2", "total_recall"),
        seeds=(100, 5),
        presets={"demo": {"samples": 600, "cells": 100, "rehearsed": 500, "seeds": 2}},
        figures=("bottleneck_memory",),
    ),
    Experiment(
        name="bottleneck/release-reservoir",
        summary="The published training of the reservoir, tested with a frozen readout",
        parameters=ReleaseProtocol,
        conditions=release_conditions,
        run=freeze_release,
        columns=("same_sample", "same_sample_last", "frozen_known", "frozen_unknown", "saturated"),
        seeds=(100, 3),
        presets={"demo": {"images": "digits", "cells": 200, "epochs": 2, "seeds": 1}},
        figures=("bottleneck_memory",),
    ),
)
