"""The layered network that learns one sample at a time, in plain NumPy.

This is the reference: `spikeconsol.bottleneck.kernels` runs the same loop compiled, on the same
arrays, and must give the same numbers. Layers learn at the same time, each from its own
modulatory signal; only the linear readout sees the class directly (a delta rule).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import VARIANTS, layer_norm, layer_norm_gradient
from spikeconsol.bottleneck.memory import Memory
from spikeconsol.parameters import Parameters, parameter

__all__ = ["CONTROLS", "SIGNALS", "Network", "Rule", "softmax"]

#: Signals that do not come from the memory; ``permuted`` does, with random labels.
CONTROLS = ("frozen", "permuted", "random", "per_class", "hebb", "backprop")
SIGNALS = VARIANTS + CONTROLS

#: Moment decay rates and regulariser of Adam, as in the paper's programs.
ADAM = (0.9, 0.99, 1e-8)
#: Added to the moments: inputs that stay zero would let them decay into slow denormal numbers.
FLOORS = (1e-20, 1e-24)
#: Memory of the running mean square by which the signals of plain gradient descent are divided.
POWER_DECAY = 0.99
#: Membrane time step over time constant, steps per sample and steps read out, leaky units.
LEAK, STEPS, READ_STEPS = 0.2, 20, 10

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Rule(Parameters):
    """How the network learns; see `BottleneckClassifier` for the choices."""

    signal: str = parameter("exact", choices=SIGNALS, doc="source of the modulatory signal")
    surprise_gate: bool = parameter(False, doc="multiply signals by 1 - p(correct class)")
    activation: str = parameter("relu", choices=("relu", "tanh"), doc="activation of hidden units")
    neuron: str = parameter("instant", choices=("instant", "leaky"), doc="dynamics of hidden units")
    optimizer: str = parameter("adam", choices=("adam", "sgd"), doc="weight update")
    learning_rate: float = parameter(1e-3, above=0, doc="of the hidden layers")
    readout_learning_rate: float = parameter(1e-3, above=0, doc="of the readout")
    update_every: int = parameter(1, at_least=1, doc="samples accumulated before weights change")

    @property
    def steps(self) -> int:
        """Integration steps per sample."""
        return STEPS if self.neuron == "leaky" else 1

    @property
    def leak(self) -> float:
        """Fraction of the way to its input that a membrane moves in a step."""
        return LEAK if self.neuron == "leaky" else 1.0


class Network:
    """Weights, optimiser state, membranes and memories of a layered network.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden layers, classes.
    rule : Rule
    memories : sequence of Memory
        One per hidden layer; empty for signals that need none.
    rng : numpy.random.Generator
        Draws the weights, normal with variance 1/fan-in. The last row of each weight matrix is
        the bias, 0 at first; so is the readout.
    dtype : data-type
    """

    def __init__(
        self,
        sizes: Sequence[int],
        rule: Rule,
        memories: Sequence[Memory],
        rng: np.random.Generator,
        dtype: np.dtype,
    ) -> None:
        self.rule = rule
        self.memories = tuple(memories)
        hidden = sizes[1:-1]
        self.weights = tuple(np.zeros((m + 1, n), dtype) for m, n in itertools.pairwise(sizes))
        for weights in self.weights[:-1]:
            fan_in = len(weights) - 1
            weights[:-1] = rng.standard_normal(weights[:-1].shape) / np.sqrt(fan_in)
        self.class_vectors = tuple(
            rng.standard_normal((sizes[-1], units)).astype(dtype) for units in hidden
        )
        self.gradients = tuple(np.zeros_like(weights) for weights in self.weights)
        self.first_moments = tuple(np.zeros_like(weights) for weights in self.weights)
        self.second_moments = tuple(np.zeros_like(weights) for weights in self.weights)
        self.membranes = tuple(np.zeros(units, dtype) for units in hidden)
        self.power = np.zeros(len(hidden), dtype)
        self.counters = np.zeros(2, np.int64)  # updates done, samples accumulated since

    def state(self) -> dict[str, NDArray]:
        """Live arrays of the network and its memories, by name."""
        arrays: dict[str, NDArray] = {"power": self.power, "counters": self.counters}
        for name in (
            "weights",
            "gradients",
            "first_moments",
            "second_moments",
            "membranes",
            "class_vectors",
        ):
            arrays |= {f"{name}.{i}": array for i, array in enumerate(getattr(self, name))}
        for i, memory in enumerate(self.memories):
            arrays |= {f"memory.{i}.{name}": array for name, array in memory.state().items()}
        return arrays

    def codes(self, X: Array) -> list[Array]:
        """Codes of all hidden layers for a batch, each of shape (n, units), from rest."""
        if self.rule.neuron == "instant":
            codes = []
            for weights in self.weights[:-1]:
                X, _ = self._activate(_affine(X, weights))
                codes.append(X)
            return codes
        membranes = [np.zeros((len(X), w.shape[1]), X.dtype) for w in self.weights[:-1]]
        totals = [np.zeros_like(u) for u in membranes]
        for step in range(STEPS):
            below = X
            for u, weights, total in zip(membranes, self.weights[:-1], totals, strict=True):
                u += X.dtype.type(LEAK) * (_affine(below, weights) - u)
                below, _ = self._activate(u)
                if step >= STEPS - READ_STEPS:
                    total += below / READ_STEPS
        return totals

    def logits(self, X: Array) -> Array:
        """Output of the readout for a batch, shape (n, classes)."""
        return _affine(self.codes(X)[-1], self.weights[-1])

    def learn(
        self,
        X: Array,
        labels: NDArray[np.int64],
        memory_labels: NDArray[np.int64],
        noise: Array,
        schedule: Array,
    ) -> None:
        """Learn from samples in the order given.

        Parameters
        ----------
        X : ndarray, shape (n, inputs)
        labels, memory_labels : ndarray of int, shape (n,)
            Classes for the readout, and those shown to the memories.
        noise : ndarray, shape (n, total hidden units)
            Signals of the ``random`` control; (0, 0) otherwise.
        schedule : ndarray, shape (n,)
            Factor on the learning rates.
        """
        for i in range(len(X)):
            for step in range(self.rule.steps):
                self._learn_step(X[i], labels[i], memory_labels[i], noise[i : i + 1], step == 0)
                self.counters[1] += 1
                if self.counters[1] == self.rule.update_every:
                    self._update_weights(schedule[i])

    def _learn_step(
        self, x: Array, label: int, memory_label: int, noise: Array, first: bool
    ) -> None:
        real = x.dtype.type
        leak = real(self.rule.leak)
        below, z, deviations = x, [], []
        for u, weights in zip(self.membranes, self.weights[:-1], strict=True):
            u += leak * (_affine(below, weights) - u)
            below, deviation = self._activate(u)
            z.append(below)
            deviations.append(deviation)
        p = softmax(_affine(z[-1], self.weights[-1]))
        error = p.copy()
        error[label] -= 1
        self.gradients[-1][:-1] += np.outer(z[-1], error)
        self.gradients[-1][-1] += error
        if self.rule.signal == "frozen":
            return
        for memory, code in zip(self.memories, z, strict=bool(self.memories)):
            if first:
                memory.push(x, memory_label, code)
            else:
                memory.revise(code)  # type: ignore[attr-defined]
        gate = leak * (1 - p[label]) if self.rule.surprise_gate else leak
        start = sum(map(len, self.membranes))
        above = self.weights[-1][:-1] @ error  # only back-propagation uses this
        for layer in reversed(range(len(z))):
            units = len(z[layer])
            start -= units
            signal = self.rule.signal
            if signal == "backprop":
                xi = above
            elif signal == "random":
                xi = noise[0, start : start + units]
            elif signal == "per_class":
                xi = self.class_vectors[layer][label]
            elif signal == "hebb":
                xi = -np.ones(units, x.dtype)
            else:
                xi = self.memories[layer].signal()
            du = gate * self._to_membrane(xi, z[layer], deviations[layer], self.membranes[layer])
            if signal == "backprop":
                above = self.weights[layer][:-1] @ du
            if self.rule.optimizer == "sgd":
                du = self._normalised(du, layer)
            below = z[layer - 1] if layer else x
            self.gradients[layer][:-1] += np.outer(below, du)
            self.gradients[layer][-1] += du

    def _activate(self, u: Array) -> tuple[Array, Array]:
        """Codes of membranes, and the deviation that layer normalisation divided by."""
        if self.rule.activation == "tanh":
            return np.tanh(u), np.ones_like(u[..., :1])
        return layer_norm(np.maximum(u, 0))

    def _to_membrane(self, xi: Array, z: Array, deviation: Array, u: Array) -> Array:
        """Modulatory signal at the codes, carried to the membranes of the same layer."""
        if self.rule.activation == "tanh":
            return xi * (1 - z**2)
        # A constant signal vanishes under layer normalisation, so plain Hebb skips it.
        dh = xi if self.rule.signal == "hebb" else layer_norm_gradient(xi, z, deviation)
        return dh * (u > 0)

    def _normalised(self, du: Array, layer: int) -> Array:
        square = np.mean(du**2)
        if self.power[layer] > 0:
            square = POWER_DECAY * self.power[layer] + (1 - POWER_DECAY) * square
        self.power[layer] = square
        return du / np.sqrt(self.power[layer]) if square > 0 else du

    def _update_weights(self, factor: float) -> None:
        self.counters[0] += 1
        for layer, weights in enumerate(self.weights):
            is_readout = layer == len(self.weights) - 1
            if self.rule.signal == "frozen" and not is_readout:
                continue
            rate = self.rule.readout_learning_rate if is_readout else self.rule.learning_rate
            gradient = self.gradients[layer] / self.counters[1]
            if self.rule.optimizer == "sgd":
                weights -= weights.dtype.type(rate * factor) * gradient
            else:
                self._adam_step(layer, gradient, rate * factor)
            self.gradients[layer][...] = 0
        self.counters[1] = 0

    def _adam_step(self, layer: int, gradient: Array, rate: float) -> None:
        b1, b2, epsilon = ADAM
        m, v = self.first_moments[layer], self.second_moments[layer]
        m *= b1
        m += (1 - b1) * gradient + FLOORS[0]
        v *= b2
        v += (1 - b2) * gradient**2 + FLOORS[1]
        updates = int(self.counters[0])
        mean = m / (1 - b1**updates)
        self.weights[layer][...] -= rate * mean / (np.sqrt(v / (1 - b2**updates)) + epsilon)


def _affine(x: Array, weights: Array) -> Array:
    return x @ weights[:-1] + weights[-1]


def softmax(logits: Array) -> Array:
    """Probabilities over the last axis."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)
