"""What training and testing return."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.metaplasticity.network import Plasticity
from spikeconsol.metaplasticity.optimiser import Optimiser
from spikeconsol.metaplasticity.tasks import Task

__all__ = ["Evaluation", "Training"]


@dataclass(frozen=True)
class Evaluation:
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


@dataclass(frozen=True)
class Training:
    """Runs trained on a task, and how they did.

    Attributes
    ----------
    task, plasticity, optimiser, gradient, draws, backend, seeds
        What was asked of `spikeconsol.metaplasticity.train`.
    errors, accuracy : ndarray, shape (episodes, R)
        Error per scored step and fraction of right answers, in every episode.
    parameters : dict of ndarray, shape (R, ...)
        Trained parameters by name.
    frozen : int
        Episodes at the end in which nothing was learned: the test.
    test : Evaluation
        The frozen episodes.
    """

    task: Task
    plasticity: Plasticity
    optimiser: Optimiser
    gradient: str
    draws: str
    backend: str
    seeds: tuple[int, ...]
    errors: NDArray
    accuracy: NDArray
    parameters: dict[str, NDArray]
    frozen: int
    test: Evaluation

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

    def to_dataset(self) -> xr.Dataset:
        """Return everything, labelled, with dimension ``seed`` for the runs."""
        unit = {"cross-entropy": "nat", "squared": "1"}[self.task.loss]
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
                "gradient": self.gradient,
                "draws": self.draws,
                "backend": self.backend,
                "frozen_episodes": self.frozen,
                "label_inputs": self.task.label_inputs,
                "published_scale": self.task.published_scale,
                "solved_below": self.task.solved_below,
            },
        )


def _dimensions(name: str, values: NDArray, layers: int) -> tuple[str, ...]:
    """Return the dimensions of a parameter; those of layers after the first carry their number."""
    kind = name.rstrip("0123456789")
    number = name[len(kind) :]
    if kind == "V":
        return ("seed", "output", "cell" if layers == 1 else f"cell{layers}")
    if kind == "c":
        return ("seed", "output")
    if kind == "logit_gamma" and values.shape[1:] == (1, 1):
        return ("seed", "one_cell", "one_input")
    return ("seed", f"cell{number}", f"input{number}")[: values.ndim]
