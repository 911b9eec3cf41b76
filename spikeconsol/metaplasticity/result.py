"""Trained numbers with their rule, and what training and testing return."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol import checks, display, sealed
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.optimiser import OPTIMISERS, Optimiser
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.task import Task

__all__ = ["Evaluation", "Trained", "Training"]


@dataclass(frozen=True, repr=False)
class Evaluation(display.Shown):
    """How R trained runs do on fresh episodes.

    Attributes
    ----------
    error, accuracy : ndarray, shape (episodes, R)
        Per episode, over its scored steps.
    step_error, step_accuracy : ndarray, shape (R, T)
        Mean over episodes, for every step.
    traces : ndarray, shape (R, T, Y), or None for recurrent networks
        Mean magnitude of the traces that acted at each step on the connections of each cell of
        the first layer, labels left out.
    """

    error: NDArray
    accuracy: NDArray
    step_error: NDArray
    step_accuracy: NDArray
    traces: NDArray | None

    def facts(self) -> dict[str, str]:
        episodes, runs = self.error.shape
        return {
            "runs": str(runs),
            "episodes": str(episodes),
            "mean error": f"{self.error.mean():.3g}",
            "mean accuracy": f"{self.accuracy.mean():.3g}",
        }


@dataclass(frozen=True, repr=False)
class Trained(display.Shown):
    """Parameters of R runs, with the task and the rule that they belong to.

    Attributes
    ----------
    task : Task
        Sizes, and the decay of traces where it is given.
    plasticity : Plasticity
        The trace rule, and whether the decay is among the parameters.
    parameters : dict of ndarray, shape (R, ...)
        All parameters of the network by name.

    Raises
    ------
    ValueError
        If a parameter is missing, unknown or of the wrong shape.
    """

    task: Task
    plasticity: Plasticity
    parameters: dict[str, NDArray]

    def __post_init__(self) -> None:
        checks.instance("task", self.task, Task)
        checks.instance("plasticity", self.plasticity, Plasticity)
        checks.instance("parameters", self.parameters, Mapping, "arrays by their names")
        for name, value in self.parameters.items():
            checks.array(f"parameters: {name}", value, finite=False)
        shapes = self.network.shapes
        unknown = [name for name in self.parameters if name not in shapes]
        if unknown:
            raise ValueError(
                f"parameters: got {unknown[0]!r}; allowed: {', '.join(shapes)}, with "
                f"plasticity {self.plasticity.flat()}"
            )
        runs = {np.shape(value)[:1] for value in self.parameters.values()}
        leading = runs.pop() if len(runs) == 1 else ("R",)
        for name, shape in shapes.items():
            wanted = (*leading, *shape)
            if name not in self.parameters or np.shape(self.parameters[name]) != wanted:
                got = np.shape(self.parameters[name]) if name in self.parameters else "none"
                raise ValueError(f"parameters: got {name} of shape {got}; allowed: {wanted}")

    @cached_property
    def network(self) -> Network:
        """The network that these are parameters of."""
        return build(self.task, self.plasticity)

    @property
    def runs(self) -> int:
        """Number of runs R."""
        return len(next(iter(self.parameters.values())))

    def facts(self) -> dict[str, str]:
        return {
            "task": display.settings(self.task),
            "plasticity": display.settings(self.plasticity),
            "runs": str(self.runs),
            "parameters of each": str(sum(values[0].size for values in self.parameters.values())),
        }

    def with_parameters(self, **changes: NDArray) -> Trained:
        """Return the same runs with some parameters, (R, ...), changed: a lesion, for example."""
        return Trained(self.task, self.plasticity, {**self.parameters, **changes})


@dataclass(frozen=True, repr=False)
class Training(Trained):
    """Runs trained on a task, and how they did.

    Attributes
    ----------
    optimiser, gradient, draws, backend, seeds
        What was asked of `spikeconsol.metaplasticity.train`.
    errors, accuracy : ndarray, shape (episodes, R)
        Error per scored step and fraction of right answers, in every episode.
    frozen : int
        Episodes at the end in which nothing was learned: the test.
    test : Evaluation
        The frozen episodes.
    stage : int
        Trainings before this one, whose end was its start.
    """

    optimiser: Optimiser
    gradient: str
    draws: str
    backend: str
    seeds: tuple[int, ...]
    errors: NDArray
    accuracy: NDArray
    frozen: int
    test: Evaluation
    stage: int = 0

    @property
    def errors_as_published(self) -> NDArray:
        """Errors, (episodes, R), divided as in the original program.

        It divided the summed error of the reversal task by 18 steps although 16 are scored.
        """
        return self.errors * self.task.published_scale

    @property
    def test_error(self) -> NDArray:
        """Mean error of each run over the frozen episodes, shape (R,)."""
        return self.test.error.mean(axis=0)

    @property
    def test_accuracy(self) -> NDArray:
        """Mean accuracy of each run over the frozen episodes, shape (R,)."""
        return self.test.accuracy.mean(axis=0)

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Runs whose mean frozen error is below the task's threshold, shape (R,)."""
        return self.test_error < self.task.solved_below

    def facts(self) -> dict[str, str]:
        return super().facts() | {
            "episodes": f"{len(self.errors)}, the last {self.frozen} frozen",
            "optimiser": display.settings(self.optimiser),
            "solved": f"{int(self.solved.sum())} of {self.runs} runs",
            "error after training": f"{self.test_error.mean():.3g} (mean)",
        }

    def to_dataset(self) -> xr.Dataset:
        """Return everything, labelled, with dimension ``seed`` for the runs."""
        unit = "nat" if self.task.loss == "cross-entropy" else "1"
        step = ("seed", "step")
        data: dict[str, Any] = {
            "error": (("seed", "episode"), self.errors.T, "error per scored step", unit),
            "accuracy": (("seed", "episode"), self.accuracy.T, "fraction of right answers", "1"),
            "test_error": ("seed", self.test_error, "error after training", unit),
            "test_accuracy": ("seed", self.test_accuracy, "accuracy after training", "1"),
            "solved": ("seed", self.solved.astype(float), "fraction of runs that solve it", "1"),
            "step_error": (step, self.test.step_error, "error at each step", unit),
            "step_accuracy": (step, self.test.step_accuracy, "accuracy at each step", "1"),
        }
        if self.test.traces is not None:
            data["trace"] = (
                ("seed", "step", "cell"),
                self.test.traces,
                "mean trace magnitude, labels left out",
                "1",
            )
        for name, values in self.parameters.items():
            data[name] = (
                _dimensions(name, values, len(self.task.cells)),
                values,
                f"trained {name}",
                "1",
            )
        return xr.Dataset(
            {
                name: (dims, values, {"long_name": long_name, "units": units})
                for name, (dims, values, long_name, units) in data.items()
            },
            coords={"seed": list(self.seeds)},
            attrs={
                "task": type(self.task).__name__,
                "task_parameters": json.dumps(self.task.flat()),
                "plasticity": json.dumps(self.plasticity.flat()),
                "optimiser": json.dumps(self.optimiser.flat()),
                "optimiser_kind": type(self.optimiser).__name__,
                "stage": self.stage,
                "gradient": self.gradient,
                "draws": self.draws,
                "backend": self.backend,
                "frozen_episodes": self.frozen,
                "label_inputs": self.task.label_inputs,
                "published_scale": self.task.published_scale,
                "solved_below": self.task.solved_below,
            },
        )

    def save(self, path: str | Path) -> None:
        """Write everything to a sealed NetCDF file, readable by `load` and by xarray."""
        sealed.save(self.to_dataset(), path)

    @classmethod
    def load(cls, path: str | Path, *, task: Task | None = None) -> Self:
        """Read what `save` wrote, or a result of the experiments ``meta-hebbian/...``.

        Parameters
        ----------
        path : path
        task : Task, optional
            Needed for a task of one's own whose class has not been imported.

        Raises
        ------
        ValueError
            If the file is missing, damaged or no training, or its task is unknown.
        """
        dataset = sealed.load(path, unsealed=True)  # earlier versions did not seal trainings
        attributes = dataset.attrs
        if "task_parameters" not in attributes or "error" not in dataset:
            raise ValueError(f"path: got {path}, no training; allowed: a file of Training.save")
        if task is None:
            kinds = {kind.__name__: kind for kind in _subclasses(Task)}
            if attributes["task"] not in kinds:
                raise ValueError(
                    f"task: got {attributes['task']} in {path}, which is not known; allowed: "
                    f"{', '.join(sorted(kinds))}, or task= with the task itself"
                )
            task = kinds[attributes["task"]]().with_settings(
                json.loads(attributes["task_parameters"])
            )
        plasticity = Plasticity().with_settings(json.loads(attributes["plasticity"]))
        settings = json.loads(attributes["optimiser"])
        # Files of version 0.1 do not name the optimiser; only one of its two had a clip.
        kind = attributes.get("optimiser_kind", "RMSClip" if "clip" in settings else "Adam")
        names = build(task, plasticity).shapes
        errors, accuracy = dataset["error"].values.T, dataset["accuracy"].values.T
        frozen = int(attributes["frozen_episodes"])
        return cls(
            task,
            plasticity,
            {name: dataset[name].values for name in names},
            OPTIMISERS[kind]().with_settings(settings),
            attributes["gradient"],
            attributes["draws"],
            attributes["backend"],
            tuple(int(seed) for seed in dataset["seed"].values),
            errors,
            accuracy,
            frozen,
            Evaluation(
                errors[-frozen:],
                accuracy[-frozen:],
                dataset["step_error"].values,
                dataset["step_accuracy"].values,
                dataset["trace"].values if "trace" in dataset else None,
            ),
            int(attributes.get("stage", 0)),
        )


def _subclasses(kind: type) -> list[type]:
    """Return all classes below one, at any depth."""
    below: list[type] = kind.__subclasses__()
    return below + [each for child in below for each in _subclasses(child)]


def _dimensions(name: str, values: NDArray, layers: int) -> tuple[str, ...]:
    """Return the dimensions of a parameter; those of layers after the first carry their number."""
    kind = name.rstrip("0123456789")
    number = name[len(kind) :]
    if kind == "V":
        return ("seed", "output", "cell" if layers == 1 else f"cell{layers}")
    if kind in ("c", "d"):
        return ("seed", "output")
    if kind == "U":
        return ("seed", "cell", "channel")
    if kind in ("W", "R"):
        return ("seed", "cell", "channel" if kind == "W" else "unit")  # rows: all gates
    if kind == "logit_gamma" and values.shape[1:] == (1, 1):
        return ("seed", "one_cell", "one_input")
    return ("seed", f"cell{number}", f"input{number}")[: values.ndim]
