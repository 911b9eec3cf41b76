"""Controls of memories of past codes: another memory, right in all but one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeconsol.bottleneck.hsic import layer_norm
from spikeconsol.bottleneck.memory.past import Array, Bits, LiveMemory, PastCodes
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["Constant", "InputFunction", "Late", "PermutedBits", "Shuffled", "Silenced"]


class _Wrapped(LiveMemory):
    """A memory whose states are changed before they are read."""

    def __init__(self, inner: LiveMemory, change: Callable[[Array], Array]) -> None:
        self.inner, self.change = inner, change

    def told(self, relation: Bits) -> Bits:
        return self.inner.told(relation)

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        return self.change(self.inner.states(X, Z, relation))

    def read(self, states: Array, Z: Array) -> Array:
        return self.inner.read(states, Z)


@dataclass(frozen=True)
class _Control(PastCodes):
    memory: PastCodes = parameter(doc="memory that is spoilt")

    @property
    def recalls(self) -> str:
        """What the memory recalls."""
        return self.memory.recalls

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        inner = self.memory.begin(units, lag, rng)
        return _Wrapped(inner, self.spoiler(rng.spawn(1)[0]))

    def spoiler(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        """Return what is done to the states, (n, ...), of successive calls."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(_Control):
    """Control: the state stays at its mean over the first samples."""

    samples: int = parameter(200, at_least=1, doc="samples after which it is frozen")

    def spoiler(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        return _Frozen(self.samples)


class _Frozen:
    def __init__(self, samples: int) -> None:
        self.samples = samples
        self.first: list[Array] = []

    def __call__(self, states: Array) -> Array:
        out = np.array(states)
        for t in range(len(out)):
            if len(self.first) < self.samples:
                self.first.append(out[t].copy())
            else:
                out[t:] = np.mean(self.first, axis=0)
                break
        return out


@dataclass(frozen=True)
class Shuffled(_Control):
    """Control: the state is that of a random one of the last samples."""

    samples: int = parameter(400, at_least=1, doc="how many samples it is drawn from")

    def spoiler(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        return _Past(self.samples, lambda: int(rng.integers(self.samples)))


@dataclass(frozen=True)
class Late(_Control):
    """Control: the state is that of some samples before."""

    samples: int = parameter(1, at_least=1, doc="how many samples late")

    def spoiler(self, rng: np.random.Generator) -> Callable[[Array], Array]:
        return _Past(self.samples + 1, lambda: self.samples)


class _Past:
    """The state of so many samples ago, of the last ones that are kept."""

    def __init__(self, kept: int, ago: Callable[[], int]) -> None:
        self.kept, self.ago = kept, ago
        self.past: Array | None = None

    def __call__(self, states: Array) -> Array:
        known = states if self.past is None else np.concatenate([self.past, states])
        newest = len(known) - len(states) + np.arange(len(states))
        self.past = np.array(known[-self.kept :])
        return known[np.maximum(newest - [self.ago() for _ in newest], 0)]


@dataclass(frozen=True)
class PermutedBits(_Control):
    """Control: the memory is right, but relations are told in a random order."""

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return _Misled(self.memory.begin(units, lag, rng), rng)


class _Misled(_Wrapped):
    def __init__(self, inner: LiveMemory, rng: np.random.Generator) -> None:
        super().__init__(inner, lambda states: states)
        self.rng = rng

    def told(self, relation: Bits) -> Bits:
        return self.rng.permutation(relation)


@dataclass(frozen=True)
class Silenced(_Control):
    """Control: a reservoir with the same inputs and fit of the readout, its cells silent."""

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return self.silenced().begin(units, lag, rng)

    def silenced(self) -> PastCodes:
        """Return the memory with silent cells."""
        if "silent" not in self.memory.flat():
            raise ParameterError(f"memory: got {self.memory!r}; allowed: a reservoir or liquid")
        return self.memory.replace(silent=True)


@dataclass(frozen=True)
class InputFunction(PastCodes):
    """Control: in place of the past, a fixed random layer's code of the present input."""

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return _Present(units, rng)


class _Present(LiveMemory):
    def __init__(self, units: int, rng: np.random.Generator) -> None:
        self.units, self.rng = units, rng
        self.weights: Any = None

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        if self.weights is None:
            self.weights = self.rng.standard_normal((X.shape[1], self.units))
        return layer_norm(np.maximum(X @ self.weights, 0))[0][:, None]
