"""The layered network that learns one sample at a time, in plain NumPy.

This is the reference: `spikeconsol.bottleneck.kernels` runs the same loop compiled, on the same
arrays, and must give the same numbers. Layers learn at the same time, each from its own
modulatory signal; only the linear readout sees the class directly (a delta rule).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import layer_norm, layer_norm_gradient
from spikeconsol.bottleneck.memory import Memory
from spikeconsol.bottleneck.parameters import Adam, Optimiser, Protection, RateLayer
from spikeconsol.bottleneck.signals import Sample, Signal
from spikeconsol.optimise import adam, softmax

__all__ = ["Network"]

#: Decay rates of Adam's running averages, as in the paper's programs.
DECAYS = (0.9, 0.99)
#: Added to the moments: inputs that stay zero would let them decay into slow denormal numbers.
FLOORS = (1e-20, 1e-24)
#: Memory of the running mean square by which the signals of plain gradient descent are divided.
POWER_DECAY = 0.99
#: Membrane time step over time constant, steps per sample and steps read out, leaky units.
LEAK, STEPS, READ_STEPS = 0.2, 20, 10

Array = NDArray[np.floating]
Labels = NDArray[np.int64]


class Network:
    """Weights, optimiser state, membranes and memories of a layered network.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, hidden layers, classes.
    signal : Signal
    memories : sequence of Memory
        One per hidden layer; empty for signals that need none.
    layer : RateLayer
    optimiser : Optimiser
    protection : Protection
    rng : numpy.random.Generator
        Draws the weights, normal with variance 1/fan-in. The last row of each weight matrix is
        the bias, 0 at first; so is the readout.
    dtype : data-type
    """

    def __init__(
        self,
        sizes: Sequence[int],
        signal: Signal,
        memories: Sequence[Memory],
        *,
        layer: RateLayer,
        optimiser: Optimiser,
        protection: Protection,
        rng: np.random.Generator,
        dtype: np.dtype,
    ) -> None:
        self.signal, self.layer = signal, layer
        self.optimiser, self.protection = optimiser, protection
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
        #: What importance has gathered, and the factor on changes that follows; empty if unused.
        self.importance = tuple(
            np.zeros_like(w) for w in self.weights[:-1] if protection.importance != "none"
        )
        protects = protection.importance != "none" or protection.separate_tasks
        self.plasticity = tuple(np.ones_like(w) for w in self.weights if protects)
        self.compared = np.ones(sizes[-1], dtype)  # 1 for the classes of the task at hand

    @property
    def steps(self) -> int:
        """Integration steps per sample."""
        return STEPS if self.layer.neuron == "leaky" else 1

    @property
    def leak(self) -> float:
        """Fraction of the way to its input that a membrane moves in a step."""
        return LEAK if self.layer.neuron == "leaky" else 1.0

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
            "importance",
            "plasticity",
        ):
            arrays |= {f"{name}.{i}": array for i, array in enumerate(getattr(self, name))}
        for i, memory in enumerate(self.memories):
            arrays |= {f"memory.{i}.{name}": array for name, array in memory.state().items()}
        return arrays

    def codes(self, X: Array) -> list[Array]:
        """Codes of all hidden layers for a batch, each of shape (n, units), from rest."""
        if self.layer.neuron == "instant":
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
        self, X: Array, labels: Labels, told: Labels, noise: Array, schedule: Array, weight: Array
    ) -> None:
        """Learn from samples in the order given.

        Parameters
        ----------
        X : ndarray, shape (n, inputs)
        labels, told : ndarray of int, shape (n,)
            Classes for the readout, and those shown to the memories.
        noise : ndarray, shape (n, total hidden units)
            Normal numbers, for signals that ask for them; (n, 0) otherwise.
        schedule : ndarray, shape (n,)
            Factor on the learning rates.
        weight : ndarray, shape (n,)
            Factor on the gradients.
        """
        for i in range(len(X)):
            sample = X[i], labels[i], told[i], noise[i], weight[i]
            for step in range(self.steps):
                self._learn_step(*sample, first=step == 0)
                self.counters[1] += 1
                if self.counters[1] == self.optimiser.update_every:
                    self._update_weights(schedule[i])

    def _learn_step(
        self,
        x: Array,
        label: int,
        memory_label: int,
        noise: Array,
        weight: float,
        *,
        first: bool,
    ) -> None:
        real = x.dtype.type
        leak = real(self.leak)
        below, z, deviations = x, [], []
        for u, weights in zip(self.membranes, self.weights[:-1], strict=True):
            u += leak * (_affine(below, weights) - u)
            below, deviation = self._activate(u)
            z.append(below)
            deviations.append(deviation)
        p = softmax(np.where(self.compared, _affine(z[-1], self.weights[-1]), -np.inf))
        error = p.copy()
        error[label] -= 1
        self._gather(-1, z[-1], error, weight)
        if not self.signal.teaches:
            return
        for memory, code in zip(self.memories, z, strict=bool(self.memories)):
            if first:
                memory.push(x, memory_label, code)
            else:
                memory.revise(code)
        gate = leak * (1 - p[label]) if self.signal.surprise_gate else leak
        start = sum(map(len, self.membranes))
        above = self.weights[-1][:-1] @ error  # only back-propagation uses this
        for layer in reversed(range(len(z))):
            units = len(z[layer])
            start -= units
            sample = Sample(
                int(label),
                z[layer],
                self.memories[layer] if self.memories else None,
                above,
                noise[start : start + units],
                self.class_vectors[layer][label],
            )
            xi = self.signal(sample)
            u = self.membranes[layer]
            du = gate * self._to_membrane(xi, z[layer], deviations[layer], u)
            if layer:
                above = self.weights[layer][:-1] @ du
            if type(self.optimiser) is not Adam:
                du = self._normalised(du, layer)
            below = z[layer - 1] if layer else x
            self._gather(layer, below, du, weight)
            if self.protection.importance == "coincidence":
                self.importance[layer][:-1] += np.outer(np.abs(below), u > 0)
            elif self.protection.importance == "fisher":
                self.importance[layer][:-1] += np.outer(below**2, du**2)

    def _gather(self, layer: int, below: Array, du: Array, weight: float) -> None:
        """Accumulate a gradient."""
        self.gradients[layer][:-1] += np.outer(below, weight * du)
        self.gradients[layer][-1] += weight * du

    def compare_only(self, labels: NDArray[np.int64]) -> None:
        """Let the readout compare only some classes; weights onto the others stay."""
        self.compared[:] = np.isin(np.arange(len(self.compared)), labels)
        self.plasticity[-1][:] = self.compared

    def damp(self) -> None:
        """Take account of what has been important so far."""
        for plasticity, gathered in zip(self.plasticity, self.importance, strict=False):
            plasticity[:-1] = self.protection.plasticity(gathered[:-1])
            # Biases would let every code drift; they are fixed once something is protected.
            plasticity[-1] = float(self.protection.damping == 0)

    def _activate(self, u: Array) -> tuple[Array, Array]:
        """Codes of membranes, and the deviation that layer normalisation divided by."""
        if self.layer.activation == "tanh":
            return np.tanh(u), np.ones_like(u[..., :1])
        return layer_norm(np.maximum(u, 0))

    def _to_membrane(self, xi: Array, z: Array, deviation: Array, u: Array) -> Array:
        """Modulatory signal at the codes, carried to the membranes of the same layer."""
        if self.layer.activation == "tanh":
            return xi * (1 - z**2)
        # A constant signal vanishes under layer normalisation, so plain Hebb skips it.
        dh = xi if not self.signal.carried else layer_norm_gradient(xi, z, deviation)
        return dh * (u > 0)

    def _normalised(self, du: Array, layer: int) -> Array:
        square = np.mean(du**2)
        if self.power[layer] > 0:
            square = POWER_DECAY * self.power[layer] + (1 - POWER_DECAY) * square
        self.power[layer] = square
        return du / np.sqrt(self.power[layer]) if square > 0 else du

    def _update_weights(self, factor: float) -> None:
        self.counters[0] += 1
        optimiser, updates = self.optimiser, int(self.counters[0])
        for layer, weights in enumerate(self.weights):
            is_readout = layer == len(self.weights) - 1
            if not self.signal.teaches and not is_readout:
                continue
            rate = optimiser.readout_learning_rate if is_readout else optimiser.learning_rate
            gradient = self.gradients[layer] / self.counters[1]
            if type(optimiser) is Adam:
                m, v = self.first_moments[layer], self.second_moments[layer]
                step, m[...], v[...] = adam(
                    gradient, m, v, updates, rate * factor, decays=DECAYS, floors=FLOORS
                )
            else:
                step = weights.dtype.type(rate * factor) * gradient
            weights -= step * self.plasticity[layer] if self.plasticity else step
            self.gradients[layer][...] = 0
        self.counters[1] = 0


def _affine(x: Array, weights: Array) -> Array:
    return x @ weights[:-1] + weights[-1]
