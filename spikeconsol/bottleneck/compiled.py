"""A network's arrays and constants, handed to the compiled loop of `kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck import kernels
from spikeconsol.bottleneck.hsic import VARIANTS, label_similarity
from spikeconsol.bottleneck.kernels import Constants, Means, Samples, Weights, Windows
from spikeconsol.bottleneck.memory import ClassMeans, Prototypes, Window
from spikeconsol.bottleneck.network import Network
from spikeconsol.bottleneck.parameters import IMPORTANCES, Adam
from spikeconsol.bottleneck.signals import (
    Backprop,
    FromMemory,
    Frozen,
    Hebb,
    PerClass,
    Permuted,
    RandomSignal,
)

__all__ = ["learn", "supports"]

# What is compiled is looked up by exact type: a class derived from one of these runs in NumPy.
_MEMORIES = {
    Window: kernels.WINDOW,
    Prototypes: kernels.PROTOTYPES,
    ClassMeans: kernels.CLASS_MEANS,
}
_SIGNALS = {
    FromMemory: kernels.MEMORY,
    Permuted: kernels.MEMORY,
    Frozen: kernels.FROZEN,
    RandomSignal: kernels.RANDOM,
    PerClass: kernels.PER_CLASS,
    Hebb: kernels.HEBB,
    Backprop: kernels.BACKPROP,
}


def supports(network: Network) -> bool:
    """Whether the compiled loop knows the signal and all memories of a network."""
    known = all(type(memory) in _MEMORIES for memory in network.memories)
    return known and type(network.signal) in _SIGNALS


def learn(network: Network, X: NDArray, *samples: NDArray) -> None:
    """Do what `Network.learn` does; arguments as there."""
    live = {name: getattr(network, name, None) for name in Weights._fields}
    unused = tuple(np.zeros((0, 0), X.dtype) for _ in network.weights)
    live |= {
        "codes": tuple(np.zeros_like(u) for u in network.membranes),
        "deviations": np.ones(len(network.membranes), X.dtype),
        "importance": network.importance or unused[1:],
        "plasticity": network.plasticity or unused,
    }
    memories, constants = _memories(network, X.dtype), _constants(network, X)
    arguments = (X, *samples, Weights(**live), *memories, constants)
    kernels.learn(*arguments)


def _memories(network: Network, dtype: np.dtype) -> tuple[Samples, Windows, Means]:
    """Arrays of the memories; empty ones of the same types where there are none."""
    layers, memories = len(network.membranes), network.memories
    square, row, whole = np.zeros((0, 0), dtype), np.zeros(0, dtype), np.zeros(0, np.int64)
    samples = Samples(inputs=square, labels=whole, kernel_row=row, cursor=np.zeros(2, np.int64))
    windows = Windows(
        codes=(square,) * layers, code_kernel_row=(row,) * layers, contrast=(square,) * layers
    )
    means = Means(
        means=(square,) * layers,
        seen=(whole,) * layers,
        code=(row,) * layers,
        cursor=(whole,) * layers,
    )

    def gathered(kind: Any) -> Any:
        return kind(**{f: tuple(getattr(m, f) for m in memories) for f in kind._fields})

    if memories and isinstance(memories[0], Window):
        samples, windows = Samples(**vars(memories[0].samples)), gathered(Windows)
    elif memories:
        means = gathered(Means)
    return samples, windows, means


def _constants(network: Network, X: NDArray) -> Constants:
    real, optimiser = X.dtype.type, network.optimiser
    memory = network.memories[0] if network.memories else None
    widths: tuple[float, ...] = (1.0, 1.0, 1.0)
    gamma = input_weight = code_weight = similarity = 0.0
    if memory is not None:
        objective = memory.place.objective
        widths, gamma = objective.widths, objective.gamma
        input_weight, code_weight = objective.input_weight, objective.code_weight
        if network.signal.variant == "phsic":
            input_weight, code_weight = 0.0, 1.0
        similarity = label_similarity(memory.place.classes, widths[1])
    return Constants(
        signal=_SIGNALS[type(network.signal)],
        variant=VARIANTS.index(network.signal.variant),
        memory=kernels.NONE if memory is None else _MEMORIES[type(memory)],
        tanh=network.layer.activation == "tanh",
        gate=network.signal.surprise_gate,
        carried=network.signal.carried,
        adam=type(optimiser) is Adam,
        importance=IMPORTANCES.index(network.protection.importance),
        protected=bool(network.plasticity),
        steps=network.steps,
        update_every=optimiser.update_every,
        leak=real(network.leak),
        rate=real(optimiser.learning_rate),
        readout_rate=real(optimiser.readout_learning_rate),
        gamma=real(gamma),
        input_scale=real(1 / (2 * widths[0] ** 2 * X.shape[1])),
        other_class=real(similarity),
        input_weight=real(input_weight),
        code_weight=real(code_weight),
        code_width=real(widths[2]),
        memory_rate=real(getattr(memory, "rate", 0.0)),
    )
