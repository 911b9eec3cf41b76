r"""Memories of past codes, and what is put in their place to show that they are needed.

A memory serves one layer. It takes in the layer's codes in the order of the stream and recalls,
beside each, one or more codes of the past::

    memory = Reservoir(cells=400).begin(units=32, lag=4, rng=rng)
    recalled = memory.recall(X, Z, relation)      # (n, 1, units): the codes of t - 4

`Lag`, `Traces`, `Recent` and `Slots` keep codes as they are. A `Reservoir` is told nothing but the
codes, one step a sample; its readout is fitted beforehand, on random codes that have nothing to do
with the task, to what one of the exact memories recalls of them, and then stays as it is. The
controls wrap another memory and change what it holds or what it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import layer_norm
from spikeconsol.bottleneck.reservoir import class_structured_stream
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "Constant",
    "InputFunction",
    "Lag",
    "Late",
    "LiveMemory",
    "PastCodes",
    "PermutedBits",
    "Recent",
    "Reservoir",
    "Shuffled",
    "Silenced",
    "Slots",
    "Traces",
    "recall_quality",
]

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


# --------------------------------------------------------------------------------- exact memories


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


# -------------------------------------------------------------------------------------- reservoirs


@dataclass(frozen=True)
class Reservoir(PastCodes):
    r"""Recurrent rate cells that hear the codes, and a fixed linear readout of past ones.

    .. math::
        \rho \leftarrow (1 - \lambda)\rho + \lambda \tanh(g Q \rho + W z) + \eta, \qquad
        \hat z = R\,[\rho; z; 1]

    Q is a random orthogonal matrix, :math:`\eta` noise. R is fitted by ridge regression to what
    the memory `of` recalls of random codes.
    """

    cells: int = parameter(400, at_least=1, doc="recurrent cells")
    gain: float = parameter(0.95, at_least=0, doc="factor g on the orthogonal recurrence")
    leak: float = parameter(1.0, above=0, at_most=1, doc="fraction by which a cell moves a sample")
    input_scale: float = parameter(
        0.2, above=0, doc="largest input weight, for three units; falls with the root of units"
    )
    noise: float = parameter(0.01, at_least=0, doc="deviation of noise on the cells, each sample")
    regularisation: float = parameter(
        1e-4, above=0, doc="ridge penalty, in mean squares of a feature summed over samples"
    )
    samples: int = parameter(6000, at_least=BLOCK, doc="random codes that the readout is fitted to")
    of: PastCodes = parameter(Lag(), doc="exact memory that the readout imitates")
    silent: bool = parameter(False, doc="control: the cells say nothing, the readout is fitted so")

    @property
    def recalls(self) -> str:
        """What the exact memory recalls."""
        return self.of.recalls

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        codes = self.of.rehearsal(units, self.samples, rng)
        orthogonal = np.linalg.qr(rng.standard_normal((self.cells, self.cells)))[0]
        bound = self.input_scale * np.sqrt(3 / units)
        heard = rng.uniform(-bound, bound, (units, self.cells))
        live = _Echo(self, orthogonal, heard, rng)
        exact = self.of.begin(units, lag, rng)
        blank, told = np.zeros((len(codes), 1)), np.zeros(len(codes))
        wanted = exact.recall(blank, codes, told)
        live.fit(live.states(blank, codes, told), codes, wanted)
        return live


class _Echo(LiveMemory):
    def __init__(
        self, constants: Reservoir, orthogonal: Array, heard: Array, rng: np.random.Generator
    ) -> None:
        # Single precision: cells are noisy, and the recurrent matrix is what takes time.
        self.constants, self.rng = constants, rng
        self.recurrent = (constants.gain * orthogonal).astype(np.float32)
        self.heard = heard.astype(np.float32)
        self.cells = np.zeros(constants.cells, np.float32)
        self.readout = np.zeros((constants.cells + len(heard) + 1, 0))
        self.codes = 0

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        c = self.constants
        held = np.zeros((len(Z), c.cells), np.float32)
        if c.silent:
            return held
        drive = Z.astype(np.float32) @ self.heard
        noise = np.float32(c.noise) * self.rng.standard_normal(held.shape, np.float32)
        leak, keep = np.float32(c.leak), np.float32(1 - c.leak)
        for t in range(len(Z)):
            moved = leak * np.tanh(self.recurrent @ self.cells + drive[t])
            self.cells = keep * self.cells + moved + noise[t]
            held[t] = self.cells
        return held

    def fit(self, states: Array, Z: Array, wanted: Array) -> None:
        """Fit the readout by ridge regression to the codes wanted, (n, codes, units)."""
        seen = self._seen(states, Z)
        gram = seen.T @ seen
        gram[np.diag_indices_from(gram)] += (
            self.constants.regularisation * np.trace(gram) / len(gram)
        )
        self.codes = wanted.shape[1]
        self.readout = np.linalg.solve(gram, seen.T @ wanted.reshape(len(Z), -1))

    def read(self, states: Array, Z: Array) -> Array:
        recalled = (self._seen(states, Z) @ self.readout).reshape(len(Z), self.codes, -1)
        # A code has unit variance, a running mean has not.
        return standardised(recalled) if self.codes == 1 else recalled

    def _seen(self, states: Array, Z: Array) -> Array:
        return np.concatenate([states, Z, np.ones((len(Z), 1))], axis=1)


def recall_quality(memory: Reservoir, units: int, lag: int, seed: int) -> float:
    """R2 of what a reservoir recalls of random codes that its readout was not fitted to."""
    rng = np.random.default_rng(seed)
    live, exact = memory.begin(units, lag, rng), memory.of.begin(units, lag, rng)
    codes = memory.of.rehearsal(units, 2000, rng)
    blank, told = np.zeros((len(codes), 1)), np.zeros(len(codes))
    found = live.recall(blank, codes, told)[BLOCK:]
    wanted = exact.recall(blank, codes, told)[BLOCK:]
    return float(1 - np.sum((found - wanted) ** 2) / np.sum((wanted - wanted.mean(axis=0)) ** 2))


def standardised(codes: Array) -> Array:
    """Return codes with zero mean and a variance near one over the units (last axis)."""
    centred = codes - codes.mean(axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + VARIANCE)


# ---------------------------------------------------------------------------------------- controls


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
class Silenced(PastCodes):
    """Control: a reservoir with the same inputs and fit of the readout, its cells silent."""

    memory: PastCodes = parameter(doc="reservoir or liquid that is silenced")

    @property
    def recalls(self) -> str:
        """What the reservoir recalls."""
        return self.memory.recalls

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
