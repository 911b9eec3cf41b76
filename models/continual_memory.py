"""Task after task without being told: memory cells that move less the more they have been used.

Four streams of MNIST tasks (task, domain, class, permuted), each image seen once, scored by one
function. Memory cells are compared two by two, rate one over use against a fixed rate, recruitment
by novelty against order of arrival, and with cells that never move; then with what a hostile
reader would put beside them: a linear readout on pixels, frozen features, least squares over all
samples, replay, and a layered network with every known protection. Full pools come in streams so
long that old cells must give way. Settings were chosen with seeds 0 to 9 on the last 10,000
training images, for every learner and control alike; `TUNED` holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Experiment, Seeds
from spikeconsol.parameters import Parameters, parameter

if TYPE_CHECKING:
    from spikeconsol.data import Split, TaskStream

Setup = dict[str, Any]

#: What is the same for most streams.
TUNED_ALIKE: dict[str, Any] = {
    "use": 50.0, "fixed": (0.1, 50.0), "first-come": 0.1, "never": 80.0,
    "replay": 3e-4, "least-squares": 1e-3, "none": 1e-3, "uniform": 1e2, "coincidence": 3e2,
    "first": 1e-4, "backprop": 1e-4, "mas": 1e2,
}  # fmt: skip
#: Chosen on held-out training images: novelty thresholds (of cells with rate 1/use, fixed, 0),
#: the fixed rates (with and without novelty), and the one constant of every opponent.
TUNED: dict[str, dict[str, Any]] = {
    "domain": TUNED_ALIKE | {
        "use": 70.0, "fixed": (0.2, 15.0), "first-come": 0.2, "never": 100.0,
        "pixels": 3e-5, "frozen": 3e-6, "fisher": 1e3, "backprop": 3e-6,
        "ewc": 3e4, "si": 3e3,
    },
    "permuted": TUNED_ALIKE | {
        "use": 70.0, "fixed": (0.03, 70.0), "first-come": 0.2,
        "pixels": 3e-3, "frozen": 3e-4, "replay": 3e-3, "none": 3e-4, "uniform": 3.0,
        "coincidence": 1e2, "fisher": 3e3, "backprop": 3e-4, "first": 1e-3, "ewc": 3e1,
        "si": 1e2, "mas": 1.0, "never": 80.0,
    },
    "class": TUNED_ALIKE | {
        "pixels": 1e-7, "frozen": 3e-9, "replay": 3e-3, "least-squares": 3e-3, "uniform": 3e1,
        "fisher": 3e3, "first": 3e-8, "backprop": 1e-5, "ewc": 3e3, "si": 3e2, "mas": 3e1,
    },
    "task": TUNED_ALIKE | {
        "pixels": 1e-2, "frozen": 3e-3, "replay": 1e-3, "least-squares": 1e-2, "none": 3e-5,
        "uniform": 1e1, "coincidence": 1e1, "fisher": 3e1, "first": 3e-4, "backprop": 3e-4,
        "ewc": 1e2, "si": 1e3, "mas": 3.0,
    },
    "spiking": {"use": 90.0, "fixed": (0.1, 90.0), "first-come": 0.2, "never": 110.0},
    "pool": {
        "gate": {"novelty": 80.0, "protection": 500.0},
        "shuffled": {"novelty": 100.0, "protection": 500.0},
        "weakest": {"novelty": 90.0, "protection": 400.0},
        "least_used": {"novelty": 90.0}, "least_recent": {"novelty": 100.0},
        "oldest": {"novelty": 100.0}, "random": {"novelty": 100.0}, "none": {"novelty": 70.0},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Stream(Parameters):
    """A stream of tasks from MNIST."""

    scenario: str = parameter(
        "domain", choices=("domain", "permuted", "class", "task"), doc="what a task and a label are"
    )
    tasks: int = parameter(10, at_least=2, doc="tasks of the permuted stream")
    cells: int = parameter(100, at_least=1, doc="memory cells of every class")
    train: int = parameter(0, at_least=0, doc="training images used; 0 for all")
    tested: int = parameter(0, at_least=0, doc="test images used; 0 for all")
    validate: bool = parameter(False, doc="test on the last sixth of the training images")

    def split(self) -> Split:
        """Return the images."""
        from spikeconsol.data import load_images

        return load_images().first(self.train, self.tested, validate=self.validate)

    def stream(self, split: Split, seed: int) -> TaskStream:
        """Return the tasks, in an order within tasks that the seed draws."""
        from spikeconsol.data import task_stream

        return task_stream(split.X, split.y, self.scenario, tasks=self.tasks, seed=seed)


@dataclass(frozen=True)
class Permuted(Stream, cells=200):
    """Ten tasks with the pixels in ten orders."""

    scenario: str = parameter("permuted", choices=("permuted",), doc="what a task and a label are")


@dataclass(frozen=True)
class Classes(Stream):
    """Pairs of classes one after another, told apart from all others."""

    scenario: str = parameter("class", choices=("class",), doc="what a task and a label are")


@dataclass(frozen=True)
class KnownTasks(Stream):
    """Pairs of classes one after another, and at test it is known which pair it is."""

    scenario: str = parameter("task", choices=("task",), doc="what a task and a label are")


@dataclass(frozen=True)
class Table(Stream, train=20000):
    """Every opponent, on 20,000 images (permuted: 40,000)."""


@dataclass(frozen=True)
class PermutedTable(Permuted, train=40000):
    """Every opponent on permuted pixels."""


@dataclass(frozen=True)
class ClassTable(Classes, train=20000):
    """Every opponent on classes one after another."""


@dataclass(frozen=True)
class TaskTable(KnownTasks, train=20000):
    """Every opponent where the task is known."""


@dataclass(frozen=True)
class Tuning(Stream, train=20000, tested=5000, validate=True):
    """Every opponent with its constant around the one that was chosen."""


@dataclass(frozen=True)
class Pool(Stream, tasks=50, cells=30):
    """Fifty permuted tasks for pools that hold a few."""

    scenario: str = parameter("permuted", choices=("permuted",), doc="what a task and a label are")


@dataclass(frozen=True)
class SpikingStream(Stream, train=10000, tested=2000):
    """Domains in spikes."""

    scenario: str = parameter("domain", choices=("domain",), doc="what a task and a label are")


def memory_conditions(parameters: Stream) -> tuple[Condition, ...]:
    """Return the two by two of plasticity and recruitment, and cells that never move."""
    level = "spiking" if isinstance(parameters, SpikingStream) else "rate"
    tuned = TUNED["spiking" if level == "spiking" else parameters.scenario]
    novel, fixed, alone = tuned["use"], tuned["fixed"], tuned["first-come"]

    def cells(name: str, label: str, plasticity: str | float, novelty: float) -> Condition:
        setup = {"learner": "memory", "plasticity": plasticity, "novelty": novelty}
        return Condition(name, level, label, setup)

    return (
        cells("use-novelty", "1/use, novelty", "use", novel),
        cells("use-arrival", "1/use, first come", "use", 0.0),
        cells("fixed-novelty", "fixed rate, novelty", *fixed),
        cells("fixed-arrival", "fixed rate, first come", alone, 0.0),
        cells("never-novelty", "cells that never move", 0.0, tuned["never"]),
    )


def _opponent(name: str, label: str, tuned: Setup, **setup: Any) -> Condition:
    value = tuned[setup.get("like", name)]
    return Condition(name, "rate", label, {"learner": name, "value": value, **setup})


def beside(parameters: Stream) -> tuple[Condition, ...]:
    """Return the simplest opponents, which no result may come without."""
    tuned = TUNED[parameters.scenario]
    return (
        _opponent("pixels", "linear on pixels", tuned),
        _opponent("frozen", "frozen 2048", tuned),
        _opponent("replay", "replay of 200", tuned),
    )


def main_conditions(parameters: Stream) -> tuple[Condition, ...]:
    """Return memory cells, and the simplest opponents beside them."""
    return (*memory_conditions(parameters), *beside(parameters))


NETWORKS = (
    ("none", "HSIC, undamped, rate tuned"),
    ("uniform", "HSIC, uniform damping"),
    ("coincidence", "HSIC, coincidence trace"),
    ("fisher", "HSIC, squared changes"),
    ("backprop", "back-propagation, rate tuned"),
    ("first", "back-propagation, frozen after the first task"),
    ("ewc", "EWC"),
    ("si", "SI"),
    ("mas", "MAS"),
)


def table_conditions(parameters: Stream) -> tuple[Condition, ...]:
    """Return every opponent, and memory cells."""
    tuned = TUNED[parameters.scenario]
    return (
        memory_conditions(parameters)[0],
        *beside(parameters),
        _opponent("frozen-narrow", "frozen 128", tuned, like="frozen", width=128),
        _opponent("least-squares", "least squares on frozen 2048", tuned),
        *(_opponent(name, label, tuned) for name, label in NETWORKS),
    )


#: Steps of half a decade around what was chosen: an optimum at their edge is not one.
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)


def tuning_conditions(parameters: Stream) -> tuple[Condition, ...]:
    """Return every opponent with five constants."""
    chosen = {one.name: one for one in (*beside(parameters), *table_conditions(parameters)[5:])}
    return tuple(
        Condition(
            f"{name}-{factor:g}",
            "rate",
            f"{one.label}, {one.setup['value'] * factor:.2g}",
            one.setup | {"value": one.setup["value"] * factor},
        )
        for name, one in chosen.items()
        for factor in FACTORS
    )


def pool_conditions(parameters: Pool) -> tuple[Condition, ...]:
    """Return all ways for old cells to give way."""
    labels = {
        "gate": "gate, finite protection",
        "shuffled": "gate, shuffled",
        "weakest": "weakest use trace",
        "least_used": "least used",
        "least_recent": "least recently used",
        "oldest": "first in, first out",
        "random": "random",
        "none": "none gives way",
    }
    return tuple(
        Condition(
            name.replace("_", "-"),
            "rate",
            label,
            {"learner": "memory", "plasticity": "use", "replacement": name, **TUNED["pool"][name]},
        )
        for name, label in labels.items()
    )


def make_learner(setup: Setup, parameters: Stream, seed: int) -> Any:
    """Make the learner of a condition."""
    from sklearn.linear_model import SGDClassifier

    from spikeconsol.bottleneck import opponents
    from spikeconsol.bottleneck.memory_classifier import MemoryClassifier

    kind: str = setup["learner"]
    value: Any = setup.get("value")
    known = parameters.scenario == "task"
    if kind == "memory":
        options = {key: value for key, value in setup.items() if key != "learner"}
        if not isinstance(parameters, SpikingStream):
            return MemoryClassifier(parameters.cells, random_state=seed, **options)
        from spikeconsol.bottleneck.spiking_memory_classifier import SpikingMemoryClassifier

        return SpikingMemoryClassifier(parameters.cells, random_state=seed, **options)
    if kind in ("pixels", "frozen", "frozen-narrow", "least-squares"):
        readout: Any = SGDClassifier(
            loss="log_loss", alpha=0, learning_rate="constant", eta0=value, random_state=seed
        )
        if kind == "least-squares":
            readout = opponents.AccumulatedLeastSquares(value)
        elif known:
            readout = opponents.OneReadoutPerTask(readout)
        width = setup.get("width", 2048)
        features = None if kind == "pixels" else opponents.RandomFeatures(width, random_state=seed)
        return opponents.OnFeatures(readout, features)
    if kind in ("none", "uniform", "coincidence", "fisher"):
        from spikeconsol.bottleneck import Adam, BottleneckClassifier, Objective, Protection, Window

        return BottleneckClassifier(
            (128, 64),
            objective=Objective(2.0, (0.25, 0.1, 1.0)),
            memory=Window(32),
            optimiser=Adam(value if kind == "none" else 1e-3, 3e-3, update_every=32),
            protection=Protection(kind, 0.0 if kind == "none" else value, known),
            random_state=seed,
        )
    settings: Setup = {"separate_tasks": known, "random_state": seed}
    if kind in opponents.PENALTIES:
        return opponents.ProtectedNetwork(protection=kind, strength=value, **settings)
    if kind == "replay":
        settings["replay"] = 200
    elif kind == "first":
        settings["protection"] = "first"
    return opponents.ProtectedNetwork(learning_rate=value, **settings)


def learn(parameters: Stream, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Show the stream to a learner; accuracies after every task, and what was lost."""
    from spikeconsol.data import accuracy_course, course_summary

    (seed,) = seeds
    split = parameters.split()
    stream = parameters.stream(split, seed)
    learner = make_learner(condition.setup, parameters, seed)
    course = accuracy_course(learner, stream, split.X_test, split.y_test)
    found = course_summary(course)
    numbers = np.arange(1, len(stream) + 1)
    return xr.Dataset(
        {
            "final": _percent(found["final"], "accuracy at the end"),
            "lost": _percent(found["lost"], "accuracy lost since"),
            "learned": _percent(found["learned"], "accuracy right after a task"),
            "course": (
                ("seed", "after", "task"),
                [100 * course],
                {"long_name": "accuracy", "units": "%"},
            ),
        },
        coords={"seed": [seed], "after": numbers, "task": numbers},
    )


def fill(parameters: Pool, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Show a long stream to full pools; at the end, accuracy by the age of a task."""
    (seed,) = seeds
    split = parameters.split()
    stream = parameters.stream(split, seed)
    learner = make_learner(condition.setup, parameters, seed)
    for task in stream:
        learner.partial_fit(task.X, task.y, classes=stream.classes)
    tests = stream.held_out(split.X_test, split.y_test)
    by_age = np.array([np.mean(learner.predict(test.X) == test.y) for test in tests])[::-1]
    return xr.Dataset(
        {
            "newest": _percent(by_age[:5].mean(), "accuracy on the last 5 tasks"),
            "recent": _percent(by_age[:20].mean(), "accuracy on the last 20 tasks"),
            "all": _percent(by_age.mean(), "accuracy on all tasks"),
            "replaced": (
                "seed",
                [float(learner.replaced_.sum())],
                {"long_name": "cells that gave way", "units": "1"},
            ),
            "by_age": (("seed", "age"), [100 * by_age], {"long_name": "accuracy", "units": "%"}),
        },
        coords={"seed": [seed], "age": np.arange(len(stream))},
    )


def _percent(value: float, name: str) -> Any:
    return ("seed", [100 * value], {"long_name": name, "units": "%"})


def _experiment(
    name: str, summary: str, parameters: type[Stream], conditions: Any, **options: Any
) -> Experiment:
    return Experiment(
        name=f"continual-memory/{name}",
        summary=summary,
        parameters=parameters,
        conditions=conditions,
        run=options.pop("run", learn),
        columns=options.pop("columns", ("final", "lost", "learned")),
        seeds=options.pop("seeds", (100, 5)),
        presets={"demo": {"train": 3000, "tested": 1000, "seeds": 2, **options.pop("demo", {})}},
        **options,
    )


SHOWN = {"figures": ("continual_memory",)}
EXPERIMENTS = (
    _experiment("domain", "Memory cells, domain after domain", Stream, main_conditions, **SHOWN),
    _experiment(
        "permuted", "Memory cells, pixels in order after order", Permuted, main_conditions, **SHOWN
    ),
    _experiment("class", "Memory cells, classes after classes", Classes, main_conditions),
    _experiment("task", "Memory cells where the task is known", KnownTasks, main_conditions),
    _experiment("table-domain", "Every opponent, domain after domain", Table, table_conditions),
    _experiment(
        "table-permuted", "Every opponent, permuted pixels", PermutedTable, table_conditions
    ),
    _experiment("table-class", "Every opponent, classes", ClassTable, table_conditions),
    _experiment("table-task", "Every opponent, task known", TaskTable, table_conditions),
    _experiment(
        "tuning",
        "Every opponent's constant, on the last training images",
        Tuning,
        tuning_conditions,
        seeds=(0, 1),
    ),
    _experiment(
        "pool",
        "Full pools: which cell gives way to what is new",
        Pool,
        pool_conditions,
        run=fill,
        columns=("newest", "recent", "all", "replaced"),
        demo={"tasks": 10, "cells": 10},
        **SHOWN,
    ),
    _experiment(
        "spiking-domain",
        "Memory cells in spikes, domain after domain",
        SpikingStream,
        memory_conditions,
        demo={"train": 1000, "tested": 200, "seeds": 1},
        **SHOWN,
    ),
)
