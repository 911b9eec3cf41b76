r"""Memories of past codes: what a layer compares its code with where no class is known.

A memory serves one layer. It takes in the layer's codes in the order of the stream and recalls,
beside each, one or more codes of the past::

    memory = Lag().begin(units=32, lag=4, rng=rng)
    recalled = memory.recall(X, Z, relation)      # (n, 1, units): the codes of t - 4

Those here keep codes as they are; `CodeReservoir` and `GatedLiquid` keep an echo of them in
recurrent cells, and `controls` spoils what another memory holds. Memories whose signal depends on
the class of each sample are `Memory` objects instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import layer_norm
from spikeconsol.bottleneck.memory.reservoir import class_structured_stream
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["Lag", "LiveMemory", "PastCodes", "Recent", "Slots", "Traces", "standardised"]

Array = NDArray[np.floating]
Bits = NDArray[np.floating]

#: Variance added where a recalled code is given the spread of a code (see `standardised`).
VARIANCE = 0.01
#: Random codes between new random clusters.
BLOCK = 200


class LiveMemory:
    """A memory in use: what it holds along a stream, and how codes are read from that."""

    def told(self, relation: Bits) -> Bits:
        """Return the relations that the layer will hear in place of the true ones."""
        return relation

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        """Take in samples in order; return what was held when each arrived.

        Parameters
        ----------
        X : ndarray, shape (n, inputs)
            Network inputs.
        Z : ndarray, shape (n, units)
            Codes of the layer.
        relation : ndarray, shape (n,)

        Returns
        -------
        ndarray, shape (n, ...)
        """
        raise NotImplementedError

    def read(self, states: Array, Z: Array) -> Array:
        """Return the codes read from such states, shape (n, codes, units)."""
        return states

    def recall(self, X: Array, Z: Array, relation: Bits) -> Array:
        """Take in samples and return the codes recalled beside each, (n, codes, units)."""
        return self.read(self.states(X, Z, relation), Z)


@dataclass(frozen=True)
class PastCodes(Parameters):
    """Description of a memory, from which every layer gets its own."""

    @property
    def recalls(self) -> str:
        """What its codes are: ``"lag"``, ``"traces"``, ``"window"`` or ``"slots"``."""
        return "lag"

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        """Make the memory of a layer with so many units; `lag` in samples."""
        raise NotImplementedError

    def rehearsal(self, units: int, samples: int, rng: np.random.Generator) -> Array:
        """Return random codes, (n, units), on which a reservoir learns to stand in for it."""
        raise ParameterError(f"of: got {type(self).__name__}; allowed: Lag, Traces")


@dataclass(frozen=True)
class Lag(PastCodes):
    """The code of some samples before, as it was then."""

    samples: int | None = parameter(None, at_least=1, doc="how far back; by default the lag")

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return _Delayed(np.zeros((self.samples or lag, units)))

    def rehearsal(self, units: int, samples: int, rng: np.random.Generator) -> Array:
        """Independent codes in random clusters."""
        _, _, activity = class_structured_stream(1, units, 10, samples, BLOCK, rng=rng)
        return layer_norm(activity)[0]


class _Delayed(LiveMemory):
    def __init__(self, past: Array) -> None:
        self.past = past

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        stream = np.concatenate([self.past, Z])
        self.past = stream[len(Z) :]
        return stream[: len(Z), None]


@dataclass(frozen=True)
class Traces(PastCodes):
    """Running means of the codes: a recent one, and an older one at the end of a cascade.

    With one trace it is the control of n-back: it holds the past, but not one sample of it.
    """

    recent: float | None = parameter(
        3.0, above=0, doc="time constant of the recent trace, in samples; none: the lag"
    )
    stage: float = parameter(4.0, above=0, doc="time constant of each further stage, in samples")
    stages: int = parameter(3, at_least=0, doc="stages behind the recent trace")

    @property
    def recalls(self) -> str:
        """Two codes, recent and older; without further stages one code."""
        return "traces" if self.stages else "lag"

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        recent = float(lag) if self.recent is None else self.recent
        rates = 1 / np.array([recent] + [self.stage] * self.stages)
        return _Cascade(np.zeros((len(rates), units)), np.minimum(rates, 1.0))

    def rehearsal(self, units: int, samples: int, rng: np.random.Generator) -> Array:
        """Codes that stay in a cluster for 1 to 15 samples, with an offset in common."""
        blocks = []
        for _ in range(-(-samples // BLOCK)):
            stays = rng.integers(1, 16, size=BLOCK)
            cluster = np.repeat(rng.integers(10, size=BLOCK), stays)[:BLOCK]
            centres = rng.uniform(0.5, 3) * rng.standard_normal((10, units))
            activity = centres[cluster] + rng.standard_normal(units)
            activity += rng.uniform(0.1, 1) * rng.standard_normal(activity.shape)
            blocks.append(layer_norm(np.maximum(activity, 0))[0])
        return np.concatenate(blocks)[:samples]


class _Cascade(LiveMemory):
    """Traces, each following the one before; recalled as they were before the sample."""

    def __init__(self, traces: Array, rates: Array) -> None:
        self.traces, self.rates = traces, rates[:, None]

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        held: Array = np.empty((len(Z), min(len(self.traces), 2), Z.shape[1]))
        for t, z in enumerate(Z):
            held[t, 0], held[t, -1] = self.traces[0], self.traces[-1]
            sources = np.concatenate([z[None], self.traces[:-1]])
            self.traces = self.traces + self.rates * (sources - self.traces)
        if len(self.traces) == 1:  # a mean has less spread than a code
            held = standardised(held)
        return held


@dataclass(frozen=True)
class Recent(PastCodes):
    """All codes of the last samples, the newest included: the window of the exact signal."""

    window: int = parameter(16, at_least=2, doc="samples held")
    near: float = parameter(4.0, above=0, doc="samples less than this apart count as alike")

    @property
    def recalls(self) -> str:
        """A window, oldest code first; NaN before the first sample."""
        return "window"

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return _Sliding(np.full((self.window - 1, units), np.nan))


class _Sliding(_Delayed):
    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        window = len(self.past) + 1
        stream = np.concatenate([self.past, Z])
        self.past = stream[len(Z) :]
        views = np.lib.stride_tricks.sliding_window_view(stream, window, axis=0)
        return views.transpose(0, 2, 1)


@dataclass(frozen=True)
class Slots(PastCodes):
    """Mean codes of the last episodes; a relation of 0 says that a new episode has begun."""

    episodes: int = parameter(4, at_least=1, doc="episodes held, the present one included")

    @property
    def recalls(self) -> str:
        """One mean code per episode, the present one first."""
        return "slots"

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        return _Episodes(np.full((self.episodes, units), np.nan))


class _Episodes(LiveMemory):
    """Means of episodes; those that have not been are NaN."""

    def __init__(self, means: Array) -> None:
        self.means, self.count = means, 0

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        held = np.empty((len(Z), *self.means.shape))
        for t, (z, same) in enumerate(zip(Z, relation, strict=True)):
            if not same or not self.count:
                self.means = np.roll(self.means, 1, axis=0)
                self.means[0], self.count = np.nan, 0
            held[t] = self.means
            self.count += 1
            before = z if self.count == 1 else self.means[0]
            self.means[0] = before + (z - before) / self.count
        return held


def standardised(codes: Array) -> Array:
    """Return codes with zero mean and a variance near one over the units (last axis)."""
    centred = codes - codes.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + VARIANCE)
