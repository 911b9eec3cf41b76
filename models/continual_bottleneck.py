"""Five tasks of two classes one after another, each image seen once, the task known at test.

Layers that follow an information-bottleneck signal forget: what they learn for a new task
overwrites what readouts of old tasks rely on. Damping the synapses that have seen many
coincidences of presynaptic and postsynaptic activity prevents it, by a trace that every synapse
can keep for itself. It is no way to learn task after task: a linear readout on pixels and a wide
frozen layer, in `continual_memory`, do better without any. Here beside the trace: squared
gradients, the same damping for all synapses (a lower learning rate), narrow hidden layers that
never learn, and all tasks at once (a bound, not a control). The strength of damping was chosen on
held-out training images.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Seeds, family
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spikeconsol.data import Split

Setup = dict[str, Any]
TASKS, CLASSES = 5, 2


@dataclass(frozen=True)
class RateProtocol(Parameters):
    """Rate network on split MNIST; window signals for whole windows."""

    task: str = parameter("mnist", choices=("mnist", "digits"), doc="data set")
    hidden: tuple[int, ...] = parameter((128, 64), at_least=1, doc="units of the hidden layers")
    gamma: float = parameter(2.0, at_least=0, doc="weight of the prediction term")
    widths: tuple[float, ...] = parameter((0.25, 0.1, 1.0), above=0, doc="kernel widths")
    window: int = parameter(32, at_least=2, doc="samples in the window")
    learning_rate: float = parameter(1e-3, above=0, doc="of the hidden layers")
    readout_learning_rate: float = parameter(3e-3, above=0, doc="of the readouts")
    coincidence_damping: float = parameter(100.0, at_least=0, doc="lambda, coincidence trace")
    fisher_damping: float = parameter(300.0, at_least=0, doc="lambda, squared gradients")
    uniform_damping: float = parameter(100.0, at_least=0, doc="lambda, all synapses alike")
    passes: int = parameter(1, at_least=1, doc="times every sample of a task is seen")
    train: int = parameter(0, at_least=0, doc="training samples used; 0 for all")
    validate: bool = parameter(False, doc="test on the last sixth of the training images")

    def data(self, seed: int) -> Split:
        """Return the images; those of MNIST are always the same."""
        from spikeconsol import data

        return data.load_task(self.task, seed).first(self.train, validate=self.validate)

    def damping(self, importance: str) -> float:
        """Return the strength of damping for a measure of importance."""
        return 0.0 if importance == "none" else getattr(self, f"{importance}_damping")


@dataclass(frozen=True)
class RateDigits(
    RateProtocol,
    hidden=(64, 16),
    widths=(0.5, 0.1, 1.0),
    window=8,
    readout_learning_rate=1e-2,
    passes=3,
):
    """Rate network on split 8 x 8 digits."""

    task: str = parameter("digits", choices=("digits",), doc="data set")


@dataclass(frozen=True)
class SpikingDigits(
    RateProtocol,
    widths=(0.5, 0.1, 1.0),
    readout_learning_rate=0.03,
    coincidence_damping=30.0,
    passes=3,
):
    """Spiking network with one memory cell per class on split 8 x 8 digits."""

    task: str = parameter("digits", choices=("digits",), doc="data set")
    hidden: tuple[int, ...] = parameter((32,), at_least=1, doc="cells of the hidden layers")
    code_weight: float = parameter(2.0, at_least=0, doc="weight of the code term")
    surprise_gate: bool = parameter(True, doc="learn less where the readout is right")
    learning_rate: float = parameter(0.01, above=0, doc="of hidden cells, in initial weights")
    fisher_damping: float = parameter(30.0, at_least=0, doc="lambda, squared changes")
    count_variance: float = parameter(
        0.1, above=0, doc="added to the variance of spike counts in layer normalisation"
    )


@dataclass(frozen=True)
class SpikingMnist(
    SpikingDigits,
    hidden=(100,),
    widths=(0.25, 0.1, 1.0),
    readout_learning_rate=0.01,
    coincidence_damping=300.0,
    fisher_damping=300.0,
    uniform_damping=1000.0,
    count_variance=1.0,
    passes=1,
):
    """Spiking network with one memory cell per class on split MNIST."""

    task: str = parameter("mnist", choices=("mnist",), doc="data set")


def conditions(level: str) -> tuple[Condition, ...]:
    """Return all kinds of damping, and the two ends between which they lie."""
    return (
        Condition("none", level, "undamped", {"importance": "none"}),
        Condition("uniform", level, "uniform damping", {"importance": "uniform"}),
        Condition("fisher", level, "squared gradients", {"importance": "fisher"}),
        Condition("coincidence", level, "coincidence trace", {"importance": "coincidence"}),
        Condition("frozen", level, "frozen random layers", {"frozen": True}),
        Condition("interleaved", level, "all tasks at once", {"interleaved": True}),
    )


def learn_in_rates(parameters: RateProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train a rate network task after task, testing all tasks after each."""
    from spikeconsol.bottleneck import Adam, BottleneckClassifier, Objective, Window

    net = BottleneckClassifier(
        parameters.hidden,
        objective=Objective(parameters.gamma, parameters.widths),
        memory=Window(parameters.window),
        optimiser=Adam(
            learning_rate=parameters.learning_rate,
            readout_learning_rate=parameters.readout_learning_rate,
            update_every=parameters.window,
        ),
    )
    return _course(net, parameters, condition.setup, seeds)


def learn_in_spikes(parameters: SpikingDigits, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Train a spiking network task after task, testing all tasks after each."""
    from spikeconsol.bottleneck import (
        Descent,
        FromMemory,
        Objective,
        SpikingBottleneckClassifier,
        SpikingLayer,
    )

    net = SpikingBottleneckClassifier(
        parameters.hidden,
        objective=Objective(
            parameters.gamma, parameters.widths, code_weight=parameters.code_weight
        ),
        memory="prototypes",
        signal=FromMemory(surprise_gate=parameters.surprise_gate),
        optimiser=Descent(
            learning_rate=parameters.learning_rate,
            readout_learning_rate=parameters.readout_learning_rate,
        ),
        layer=SpikingLayer(count_variance=parameters.count_variance),
    )
    return _course(net, parameters, condition.setup, seeds)


def _course(net: Any, parameters: RateProtocol, setup: Setup, seeds: Seeds) -> xr.Dataset:
    """Show all tasks in turn (or at once); accuracies after each, and what was forgotten."""
    from spikeconsol.bottleneck import Protection

    (seed,) = seeds
    split = parameters.data(seed)
    importance = setup.get("importance", "none")
    protection = Protection(importance, parameters.damping(importance), separate_tasks=True)
    net.set_params(protection=protection, random_state=seed)
    if setup.get("frozen"):
        net.set_params(signal="frozen")
    trained = [np.flatnonzero(split.y // CLASSES == task) for task in range(TASKS)]
    tested = [np.flatnonzero(split.y_test // CLASSES == task) for task in range(TASKS)]
    found = np.full((TASKS, TASKS), np.nan)
    rng = np.random.default_rng(seed)

    def learn(rows: NDArray[np.intp]) -> None:
        rows = np.concatenate([rng.permutation(rows) for _ in range(parameters.passes)])
        net.partial_fit(split.X[rows], split.y[rows], classes=np.unique(split.y))

    def test(task: int) -> float:
        return net.score_task(split.X_test[tested[task]], split.y_test[tested[task]])

    if setup.get("interleaved"):
        learn(np.arange(len(split.y)))
        found[:] = [test(task) for task in range(TASKS)]
    else:
        for now, rows in enumerate(trained):
            learn(rows)
            found[now, : now + 1] = [test(task) for task in range(now + 1)]
    after = np.diagonal(found)

    def percent(value: float, name: str) -> Any:
        return ("seed", [100 * value], {"long_name": name, "units": "%"})

    return xr.Dataset(
        {
            "final": percent(found[-1].mean(), "accuracy at the end"),
            "worst": percent(found[-1].min(), "worst task at the end"),
            "learned": percent(after.mean(), "accuracy right after a task"),
            "forgotten": percent((after - found[-1])[:-1].mean(), "accuracy lost since"),
            "course": (
                ("seed", "after", "task"),
                [100 * found],
                {"long_name": "accuracy", "units": "%"},
            ),
        },
        coords={"seed": [seed], "after": np.arange(1, TASKS + 1), "task": np.arange(1, TASKS + 1)},
    )


_shared: dict[str, Any] = {
    "columns": ("final", "worst", "learned", "forgotten"),
    "demo": {"train": 1000, "seeds": 2},
}
_rates = family("continual-bottleneck/rate-", run=learn_in_rates, **_shared)
_spikes = family("continual-bottleneck/spiking-", run=learn_in_spikes, seeds=3, **_shared)
RATE, SPIKING = conditions("rate"), conditions("spiking")
EXPERIMENTS = (
    _rates(
        "mnist", "Split MNIST in rates, with and without damping", RATE, parameters=RateProtocol
    ),
    _rates("digits", "Split 8 x 8 digits in rates", RATE, parameters=RateDigits),
    _spikes("digits", "Split 8 x 8 digits in spikes", SPIKING, parameters=SpikingDigits),
    _spikes("mnist", "Split MNIST in spikes", SPIKING, parameters=SpikingMnist),
)
