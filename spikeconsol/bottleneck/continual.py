r"""Learning one task after another with layer-wise HSIC signals and damped synapses.

Every task has a readout of its own, which is fixed once the task is over; at test the task is
known. What can be forgotten are the hidden layers. Against that, synapses are damped by how
important they have been,

.. math:: \Delta w_{ij} \to \frac{\Delta w_{ij}}{1 + \lambda\, \Omega_{ij} / \langle\Omega\rangle}

with one of three measures of importance: the local coincidence trace
:math:`\Omega_{ij} = \sum_t |x_j| [u_i > 0]`, the squared gradient (diagonal Fisher information)
:math:`\sum_t (x_j\, \delta u_i)^2`, or 1 for all (a lower learning rate, the control).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import (
    Objective,
    layer_norm,
    layer_norm_gradient,
    window_signals,
)
from spikeconsol.bottleneck.network import ADAM, FLOORS, softmax
from spikeconsol.parameters import Parameters, parameter
from spikeconsol.statistics import coincidences

__all__ = ["IMPORTANCES", "ContinualNetwork", "ContinualRule"]

IMPORTANCES = ("none", "uniform", "fisher", "coincidence")

Array = NDArray[np.floating]


@dataclass(frozen=True)
class ContinualRule(Parameters):
    """How the network learns and what it protects."""

    objective: Objective = parameter(Objective(), doc="objective of every hidden layer")
    learning_rate: float = parameter(1e-3, at_least=0, doc="of the hidden layers; 0 freezes them")
    readout_learning_rate: float = parameter(1e-3, above=0, doc="of the readouts")
    window: int = parameter(32, at_least=2, doc="samples per window; all of them are learned from")
    importance: str = parameter("none", choices=IMPORTANCES, doc="what damps a synapse")
    damping: float = parameter(0.0, at_least=0, doc="lambda, the strength of damping")


class ContinualNetwork:
    """Layered network with a readout per task.

    Parameters
    ----------
    sizes : tuple of int
        Inputs and hidden layers.
    tasks : int
        Number of readouts.
    classes : int
        Classes of a task.
    rule : ContinualRule
    rng : numpy.random.Generator
        Draws the weights and the order of samples.

    Attributes
    ----------
    weights, biases : list of ndarray
        Of the hidden layers.
    readouts : list of ndarray
        One per task, the last row the bias.
    traces : list of ndarray
        Importance of every synapse over the tasks that are over.
    """

    def __init__(
        self,
        sizes: tuple[int, ...],
        tasks: int,
        classes: int,
        rule: ContinualRule,
        rng: np.random.Generator,
    ) -> None:
        self.rule, self.rng, self.classes = rule, rng, classes
        pairs = list(itertools.pairwise(sizes))
        self.weights = [
            (rng.standard_normal(pair) / np.sqrt(pair[0])).astype(np.float32) for pair in pairs
        ]
        self.biases = [np.zeros(units, np.float32) for units in sizes[1:]]
        self.readouts = [np.zeros((sizes[-1] + 1, classes), np.float32) for _ in range(tasks)]
        self.traces = [np.zeros_like(w) for w in self.weights]
        self._factors = [np.ones_like(w) for w in self.weights]
        self._tasks_over = 0
        # Moments and number of steps of Adam, for every array that learns.
        self._optimisers: dict[int, list] = {
            id(array): [np.zeros_like(array), np.zeros_like(array), 0]
            for array in (*self.weights, *self.biases, *self.readouts)
        }

    def codes(self, X: Array) -> Array:
        """Codes of the last hidden layer, shape (n, d)."""
        for w, b in zip(self.weights, self.biases, strict=True):
            X, _ = layer_norm(np.maximum(X @ w + b, 0))
        return X

    def score(self, X: Array, y: NDArray[np.int64], task: int) -> float:
        """Accuracy on a task, told which it is."""
        readout = self.readouts[task]
        logits = self.codes(X) @ readout[:-1] + readout[-1]
        return float(np.mean(np.argmax(logits, axis=1) == y))

    def learn(self, X: Array, y: NDArray[np.int64], tasks: NDArray[np.int64]) -> None:
        """See every sample once, in random order; then take account of what was important.

        Parameters
        ----------
        X : ndarray of float32, shape (n, inputs)
        y : ndarray of int, shape (n,)
            Class within the task, from 0.
        tasks : ndarray of int, shape (n,)
            Task of every sample: all the same in continual learning, mixed in its bound.
        """
        gained = [np.zeros_like(w) for w in self.weights]
        order = self.rng.permutation(len(X))
        for start in range(0, len(X), self.rule.window):
            rows = order[start : start + self.rule.window]
            if len(rows) > 1:
                self._learn_window(X[rows], y[rows], tasks[rows], gained)
        for trace, gain in zip(self.traces, gained, strict=True):
            trace += gain
        self._tasks_over += 1
        for factor, trace in zip(self._factors, self.traces, strict=True):
            factor[:] = 1 / (1 + self.rule.damping * trace / max(trace.mean(), 1e-30))

    def _learn_window(
        self, X: Array, y: NDArray[np.int64], tasks: NDArray[np.int64], gained: list[Array]
    ) -> None:
        rule = self.rule
        labels = tasks * self.classes + y
        below, layers = X, []
        for w, b in zip(self.weights, self.biases, strict=True):
            u = below @ w + b
            z, deviation = layer_norm(np.maximum(u, 0))
            layers.append((below, u, z, deviation))
            below = z
        self._learn_readouts(below, y, tasks)
        if rule.learning_rate == 0:
            return
        for i, (x, u, z, deviation) in enumerate(layers):
            xi = window_signals(X, labels, z, rule.objective)
            du = layer_norm_gradient(xi, z, deviation) * (u > 0) / np.float32(len(X))
            # Biases would let every code drift; they are fixed once something is protected.
            if not (rule.damping and self._tasks_over):
                self._step(self.biases[i], du.sum(axis=0), rule.learning_rate)
            self._step(self.weights[i], x.T @ du, rule.learning_rate, self._factors[i])
            gained[i] += self._importance(x, u, du * len(X))

    def _importance(self, x: Array, u: Array, du: Array) -> Array:
        if self.rule.importance == "coincidence":
            return coincidences(np.abs(x), u > 0)
        if self.rule.importance == "fisher":
            return coincidences(x**2, du**2)
        return np.ones((x.shape[1], u.shape[1]), x.dtype)

    def _learn_readouts(self, z: Array, y: NDArray[np.int64], tasks: NDArray[np.int64]) -> None:
        z = np.concatenate([z, np.ones((len(z), 1), z.dtype)], axis=1)
        for task in np.unique(tasks):
            mine = tasks == task
            readout = self.readouts[task]
            error = softmax(z[mine] @ readout)
            error[np.arange(len(error)), y[mine]] -= 1
            gradient = z[mine].T @ error / np.float32(len(error))
            self._step(readout, gradient, self.rule.readout_learning_rate)

    def _step(
        self, array: Array, gradient: Array, rate: float, factor: Array | None = None
    ) -> None:
        """Take one step of Adam; the importance of a synapse damps its step."""
        b1, b2, epsilon = ADAM
        state = self._optimisers[id(array)]
        m, v = state[0], state[1]
        state[2] += 1
        m *= b1
        m += (1 - b1) * gradient + FLOORS[0]
        v *= b2
        v += (1 - b2) * gradient**2 + FLOORS[1]
        step = m / (1 - b1 ** state[2]) * rate
        step /= np.sqrt(v / (1 - b2 ** state[2])) + epsilon
        array -= step if factor is None else step * factor
