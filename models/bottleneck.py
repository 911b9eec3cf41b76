"""Layers that learn by themselves: local Hebbian changes under a layer-wise HSIC signal.

A network sees one sample at a time. Each hidden layer lowers HSIC(X, Z) - gamma HSIC(Y, Z) of its
codes Z by a signal that a working memory of recent samples supplies; a linear readout learns
alongside. The exact signal is compared with what the published programs computed, with controls
whose signal is missing or meaningless, and with back-propagation through the same network;
memories of other kinds are in `bottleneck_memories`. Accuracies are those of held-out test samples;
settings were chosen with seeds 0 to 9 or, for images, on the last 10,000 training images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Seeds, family
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck import BottleneckClassifier
    from spikeconsol.data import Split

Setup = dict[str, Any]

#: Samples on which accuracy, HSIC and the signal's cosine are followed while a network learns.
PROBE, WINDOWED, ALIGNED = 2000, 200, 100
ACCURACY = {"long_name": "test accuracy", "units": "1"}


@dataclass(frozen=True)
class Layers(Parameters):
    """A task, the objective of layers and how long they learn; defaults are for the digits."""

    task: str = parameter(
        "digits", choices=("linear", "xor", "digits", "mnist", "fashion-mnist"), doc="data set"
    )
    hidden: tuple[int, ...] = parameter((64, 16), at_least=1, doc="units of the hidden layers")
    window: int = parameter(8, at_least=2, doc="samples in the window")
    gamma: float = parameter(2.0, at_least=0, doc="weight of the prediction term")
    widths: tuple[float, ...] = parameter(
        (0.5, 0.1, 1.0), above=0, doc="kernel widths of inputs, targets and codes"
    )
    epochs: int = parameter(10, at_least=1, doc="passes through the training samples")
    train: int = parameter(0, at_least=0, doc="training samples used; 0 for all")
    validate: bool = parameter(
        False, doc="test on the last sixth of the training images, for choosing settings"
    )

    def settings(self) -> Setup:
        """Return these parameters as the classifier's."""
        from spikeconsol.bottleneck import Objective

        objective = Objective(self.gamma, self.widths)
        return {"hidden": self.hidden, "objective": objective, "epochs": self.epochs}


@dataclass(frozen=True)
class Training(Layers):
    """The same in rates, and how weights change."""

    learning_rate: float = parameter(1e-3, above=0, doc="of hidden layers and readout")
    update_every: int = parameter(1, at_least=1, doc="samples between changes of weights")
    published_scaling: bool = parameter(
        False, doc="divide the inputs of linear and XOR by 255, as the published program does"
    )

    def settings(self) -> Setup:
        """Return these parameters as the classifier's."""
        from spikeconsol.bottleneck import Adam, Window

        return super().settings() | {
            "memory": Window(self.window),
            "optimiser": Adam(
                learning_rate=self.learning_rate,
                readout_learning_rate=self.learning_rate,
                update_every=self.update_every,
            ),
        }

    def data(self, seed: int) -> Split:
        """Return the samples of a seed; those of images are always the same."""
        from spikeconsol import data

        drawn: Setup = {"train": self.train or 900, "test": 1000}
        split = data.load_task(self.task, seed, **drawn, published_scaling=self.published_scaling)
        images = self.task not in ("linear", "xor")
        return split.first(self.train, validate=self.validate) if images else split


@dataclass(frozen=True)
class Linear(
    Training, hidden=(4,), window=16, gamma=10.0, widths=(0.5, 0.25, 1.0), learning_rate=1e-2
):
    """Points on two sides of a line."""

    task: str = parameter("linear", choices=("linear",), doc="data set")


@dataclass(frozen=True)
class Xor(
    Training, hidden=(10, 4), window=16, gamma=10.0, widths=(0.3, 0.25, 2.0), learning_rate=1e-2
):
    """Equal against unequal corners of a square."""

    task: str = parameter("xor", choices=("xor",), doc="data set")


@dataclass(frozen=True)
class LeakyLinear(Linear, learning_rate=1e-4, epochs=25):
    """The line with the units of the paper, and the learning rate and passes of its program."""


@dataclass(frozen=True)
class LeakyXor(Xor, learning_rate=1e-4, epochs=25):
    """XOR with the units of the paper, and the learning rate and passes of its program."""


@dataclass(frozen=True)
class Images(Training, hidden=(128, 64), widths=(0.25, 0.1, 1.0), update_every=32, epochs=10):
    """28 x 28 images; pixels are in 0..1, so the input width is half that for -1..1."""

    task: str = parameter("mnist", choices=("mnist", "fashion-mnist"), doc="data set")


EXACT = Condition("exact", "rate", "exact window", {})
PROTOTYPES = Condition("prototypes", "rate", "prototypes", {"memory": "prototypes"})
RELEASE = Condition("diag-release", "rate", "released program", {"signal": "diag_release"})
FROZEN = Condition("frozen", "rate", "frozen layers", {"signal": "frozen"})
PERMUTED = Condition("permuted", "rate", "permuted labels", {"signal": "permuted"})
PER_CLASS = Condition("per-class", "rate", "fixed vector per class", {"signal": "per_class"})
BACKPROP = Condition("backprop", "rate", "back-propagation", {"signal": "backprop"})
GATE: Setup = {"signal__surprise_gate": True}
CODE_TERM: Setup = {"objective__code_weight": 2.0, "objective__input_weight": 0.0}
PREFIX = Condition("diag-prefix", "rate", "program of the figures", {"signal": "diag_prefix"})
MAIN = (EXACT, PROTOTYPES, RELEASE, FROZEN, PERMUTED, BACKPROP)
#: Units that integrate for 20 ms a sample and learn at every millisecond.
LEAKY = tuple(
    Condition(c.name, c.level, f"leaky, {c.label}", c.setup | {"layer__neuron": "leaky"})
    for c in (EXACT, RELEASE, PREFIX, FROZEN, PERMUTED)
)
SIGNALS = (
    EXACT,
    Condition("row-centred", "rate", "row-centred (2021)", {"signal": "row_centred"}),
    RELEASE,
    PREFIX,
    Condition("phsic", "rate", "pHSIC, two points", {"signal": "phsic"}),
    Condition("code-term", "rate", "exact + HSIC(Z, Z)", CODE_TERM),
    Condition("gated", "rate", "exact, surprise gate", GATE),
    FROZEN,
    PERMUTED,
    Condition("random", "rate", "random signal", {"signal": "random"}),
    PER_CLASS,
    Condition("hebb", "rate", "plain Hebb", {"signal": "hebb"}),
    BACKPROP,
)
#: Changes of weights after every sample instead of every 32, with half the epochs.
ONLINE: Setup = {
    "epochs": 5,
    "optimiser__update_every": 1,
    "optimiser__learning_rate": 1e-4,
    "optimiser__readout_learning_rate": 3e-4,
}
GATED_PROTOTYPES: Setup = {
    "memory": "prototypes",
    "objective__code_weight": 4.0,
    "objective__widths": (0.25, 0.1, 0.7),
    **GATE,
}
GATED_WINDOW: Setup = {"memory__length": 32, **CODE_TERM, **GATE}
IMAGES = (
    *MAIN,
    Condition("online-exact", "rate", "exact, every sample", ONLINE),
    Condition("online-diag-release", "rate", "released, every sample", RELEASE.setup | ONLINE),
    Condition("gate", "rate", "exact, surprise gate", GATE),
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
    # Test images are for the end of a run; small tasks draw new test samples for every seed.
    images = parameters.task in ("mnist", "fashion-mnist")
    X, y = (split.X, split.y) if images else (split.X_test, split.y_test)
    X, y = X[:PROBE], y[:PROBE]
    window = condition.setup.get("memory__length", parameters.window)
    course, objectives, cosines = [], [], []

    def follow(net: BottleneckClassifier) -> None:
        course.append(net.score(X, y))
        objectives.append(net.layer_objectives(X[:WINDOWED], y[:WINDOWED]))
        cosines.append(net.signal_alignment(X[:ALIGNED], y[:ALIGNED], window=window))

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

    return BottleneckClassifier(**parameters.settings(), random_state=seed).set_params(**setup)


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
    plain = [
        Condition(f"length-{n:02}", "rate", f"window {n}", {"memory__length": n}) for n in LENGTHS
    ]
    # Normalised signals, so that the length does not scale the step by itself.
    confounded = [
        Condition(
            f"confounded-{n:02}",
            "rate",
            f"window {n}, rate x {factor:g}",
            {
                "memory__length": n,
                "optimiser": "sgd",
                "optimiser__learning_rate": factor * parameters.learning_rate,
                "optimiser__readout_learning_rate": parameters.learning_rate,
                "optimiser__update_every": parameters.update_every,
            },
        )
        for n, factor in CONFOUNDED.items()
    ]
    return plain + confounded


LEARNED = ("accuracy", "final_cosine")

_experiment = family(
    "bottleneck/",
    run=learn,
    columns=LEARNED,
    demo={"epochs": 2, "seeds": 2},
)
EXPERIMENTS = (
    _experiment(
        "linear",
        "A line between two classes: exact signal, prototypes, controls",
        MAIN,
        parameters=Linear,
        seeds=10,
        demo={"seeds": 3},
    ),
    _experiment(
        "xor",
        "XOR by local rules, with every control beside it",
        (*MAIN, PER_CLASS),
        parameters=Xor,
        seeds=10,
        demo={"epochs": 4, "seeds": 3},
        figures=("bottleneck_learning",),
    ),
    _experiment(
        "leaky-linear",
        "A line between two classes, leaky units that learn at every millisecond",
        LEAKY,
        parameters=LeakyLinear,
        seeds=10,
    ),
    _experiment(
        "leaky-xor",
        "XOR, leaky units that learn at every millisecond",
        LEAKY,
        parameters=LeakyXor,
        seeds=10,
    ),
    _experiment(
        "digits",
        "8 x 8 digits, 64-64-16-10, with every control beside it",
        MAIN,
        figures=("bottleneck_learning",),
    ),
    _experiment(
        "mnist",
        "MNIST, 784-128-64-10: the exact rule, its extensions and its controls",
        IMAGES,
        parameters=Images,
        seeds=3,
        demo={"epochs": 1, "train": 10000, "seeds": 1},
        figures=("bottleneck_learning", "bottleneck_fields"),
    ),
    _experiment(
        "signals",
        "The exact signal, what the published programs computed, and meaningless signals",
        SIGNALS,
        run=compare_signals,
        figures=("bottleneck_signals",),
    ),
    _experiment(
        "window",
        "How long the window must be, apart from and entangled with the learning rate",
        window_conditions,
        figures=("bottleneck_signals",),
    ),
)
