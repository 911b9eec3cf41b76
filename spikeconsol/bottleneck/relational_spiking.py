"""Spiking layers that learn from relations between samples, never from classes."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.memory import (
    Constant,
    FittedLiquid,
    GatedLiquid,
    Lag,
    Late,
    Liquid,
    PastCodes,
    PermutedBits,
    Shuffled,
    Silenced,
)
from spikeconsol.bottleneck.parameters import SpikingLayer
from spikeconsol.bottleneck.relations import (
    KERNEL_RATE,
    RelationalEstimator,
    agreement,
    match_signal,
)
from spikeconsol.bottleneck.runs import Runs, at_ends, content_seeds, draw_weights, layer_constants
from spikeconsol.bottleneck.settings import generator
from spikeconsol.brian import backend
from spikeconsol.parameters import ParameterError

__all__ = ["SpikingRelationalBottleneck"]

Array = NDArray[np.floating]
#: Inputs with a value for every sample.
_PER_SAMPLE = ("samples", "relations", "schedule", "agos", "noise_seeds", "first_steps")


@dataclass(eq=False, repr=False)
class SpikingRelationalBottleneck(RelationalEstimator):
    r"""Layers of leaky integrate-and-fire cells that learn from relations to the past.

    Cells, synapses and codes are those of `SpikingBottleneckClassifier`, the rule is that of
    `RelationalBottleneck` for n-back, and the memory may be a liquid of spiking cells. The rule
    descends by the signal over its running root mean square; incoming weights are scaled down to
    the norm they had at first. No class ever reaches a layer.

    Parameters
    ----------
    hidden : tuple of int
        Cells of the hidden layers.
    memory : PastCodes, optional
        `GatedLiquid` (the default), `ContinuousLiquid` or `Lag`, or a control that wraps one of
        them: `Silenced`, `Constant`, `Shuffled`, `Late`, `PermutedBits`.
    lag : int
        Samples between those that a relation compares.
    objective : Objective, optional
        gamma, code weight b and code width S.
    learning_rate : float
        In units of the initial weights; 0 leaves the layers at random weights.
    final_rate : float
        The learning rate falls linearly to this fraction over `fit`.
    layer : SpikingLayer, optional
        Constants of cells, synapses and spikes.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    weights_ : list of ndarray, shape (below, cells)
    liquids_ : list of FittedLiquid
        Of every layer; empty for exact memories.
    readout_ : sklearn.linear_model.LogisticRegression
        Once `fit_readout` has been called.
    n_features_in_ : int
    """

    _: KW_ONLY
    learning_rate: float = 0.01
    final_rate: float = 0.05
    layer: SpikingLayer | None = None
    target: str | None = None

    #: What goes from one run of the program to the next, by the name of its input.
    _state: dict[str, NDArray] = field(init=False)

    def fit(self, X: ArrayLike, relation: ArrayLike) -> Self:
        """Learn from the beginning, from samples in the order of the stream.

        Parameters
        ----------
        X : array_like, shape (n, features)
            Intensities, 0 to 1.
        relation : array_like, shape (n,)
            1 where a sample is related to the one `lag` samples before, 0 where it is not.

        Raises
        ------
        ParameterError
            If a setting is impossible.
        ValueError
            If X or relations are outside 0..1.
        """
        X, told = self._checked(X, relation, reset=True)
        self._begin(X)
        if isinstance(self._description, PermutedBits):
            told = self._rng.permutation(told)
        if self.learning_rate > 0:
            progress = np.arange(len(X)) / len(X)
            self._follow(X, told, 1 - (1 - self.final_rate) * progress)
        return self

    def spike_counts(self, X: ArrayLike) -> list[NDArray[np.float64]]:
        """Spikes of every hidden cell in response to samples, one (n, cells) array per layer."""
        return self._counts(self._seen(X))

    def follow(
        self, X: ArrayLike, relation: ArrayLike
    ) -> list[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]]:
        """Go along a stream without learning.

        Returns
        -------
        list of tuple
            Codes, recalled codes and signals of every layer, each of shape (n, cells).
        """
        X, told = self._checked(self._seen(X), relation, reset=False)
        kept = {name: array.copy() for name, array in self._state.items()}
        results = self._follow(X, told, np.zeros(len(X)))
        self._state = kept
        found = []
        for layer in range(len(self.weights_)):
            counts, past, signals = (
                np.concatenate([self._per_sample(result, layer, name) for result in results])
                for name in ("count", "past", "signal")
            )
            found.append((self._constants.codes(counts), past, signals))
        return found

    def fidelity(
        self, X: ArrayLike, relation: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compare the memories in use with the exact one along a stream; nothing is learned.

        Returns
        -------
        cosine, recall : ndarray, shape (layers,)
            As of `RelationalBottleneck.fidelity`.
        """
        told = np.asarray(relation, float)
        cosines, recalls = [], []
        for layer, (codes, past, signals) in enumerate(self.follow(X, relation)):
            wanted = np.zeros_like(codes)
            wanted[self.lag :] = codes[: -self.lag]
            mean = float(self._state[f"judge{layer}.kernel_mean"][0])
            best, _ = match_signal(codes, wanted, told, mean, self._objective, kernel_rate=0.0)
            cosine, recall = agreement(best, signals, wanted, past)
            cosines.append(cosine)
            recalls.append(recall)
        return np.array(cosines), np.array(recalls)

    @property
    def weights_(self) -> list[NDArray[np.float32]]:
        """Weights onto every hidden layer, in thresholds."""
        return [
            self._state[f"feedforward{i}.w"].reshape(below, -1)
            for i, below in enumerate(self._sizes[:-1])
        ]

    # ------------------------------------------------------------------------------------ inside

    @property
    def _constants(self) -> SpikingLayer:
        return SpikingLayer() if self.layer is None else self.layer

    @property
    def _description(self) -> PastCodes:
        return GatedLiquid() if self.memory is None else self.memory

    def _kept(self) -> PastCodes:
        """Return the memory itself, without the control that wraps it."""
        memory = self._description
        if isinstance(memory, Silenced):
            return memory.silenced()
        if isinstance(memory, Constant | Shuffled | Late | PermutedBits):
            return memory.memory
        return memory

    def _ring(self) -> tuple[int, int]:
        """Slots that past counts, or what a liquid recalled, are kept in; and how far back."""
        memory, kept = self._description, self._kept()
        ago = (kept.samples or self.lag) if isinstance(kept, Lag) else 0
        if isinstance(memory, Shuffled):
            return memory.samples, 0
        if isinstance(memory, Late):
            return ago + memory.samples + 1, ago + memory.samples
        return (ago + 1, ago) if ago else (0, 0)

    def _check_settings(self) -> None:
        super()._check_settings()
        if not isinstance(self._kept(), Liquid | Lag):
            raise checks.wrong(
                "memory", self.memory, "GatedLiquid, ContinuousLiquid, Lag or a control of one"
            )
        if isinstance(self._kept(), Lag) and isinstance(self._description, Constant | Shuffled):
            raise ParameterError(
                f"memory: got {self.memory!r}; allowed: a control of a liquid, in spikes"
            )
        checks.instance("layer", self._constants, SpikingLayer)
        if self.target is not None:
            backend.checked_target(self.target)

    def _checked(self, X: Any, relation: Any, *, reset: bool) -> tuple[Array, Array]:
        X, told = super()._checked(X, relation, reset=reset)
        if X.min() < 0 or X.max() > 1:
            raise ValueError(f"X: got values from {X.min():g} to {X.max():g}; allowed: 0 to 1")
        return X, told

    def _layer_codes(self, X: Array) -> list[Array]:
        return [self._constants.codes(counts) for counts in self._counts(X)]

    def _counts(self, X: Array) -> list[NDArray[np.float64]]:
        chunks = []
        for part in self._runs.parts(len(X)):
            about: dict[str, Any] = {
                "noise_seeds": content_seeds(X[part]),
                "first_steps": self._constants.sample_steps * np.arange(len(X[part])),
            }
            result = self._run(X[part], about, respond=True)
            chunks.append([self._per_sample(result, i, "count") for i in range(len(self.weights_))])
        return [np.concatenate(counts) for counts in zip(*chunks, strict=True)]

    def _begin(self, X: Array) -> None:
        """Draw a new network and fit the readouts of its liquids."""
        weights_rng, memory_rng, self._rng, self._noise_rng = generator(self.random_state).spawn(4)
        hidden = checks.sizes("hidden", self.hidden, at_least=2)
        self._sizes = [X.shape[1], *hidden]
        p, kept = self._constants, self._kept()
        self._units, drawn = draw_weights(X, self._sizes, p, weights_rng)
        self._state = {"teacher.turn": np.zeros(1, np.int32)}
        self._fixed: dict[str, Any] = {}
        self.liquids_: list[FittedLiquid] = []
        slots = self._ring()[0]
        for i, (units, weights) in enumerate(zip(hidden, drawn, strict=True)):
            self._state[f"feedforward{i}.w"] = weights
            self._state[f"hub{i}.power"] = np.zeros(1)
            self._state[f"judge{i}.kernel_mean"] = np.full(1, 0.5)
            self._fixed[f"cells{i}.largest"] = np.sum(weights.astype(float) ** 2, axis=0)
            if slots:
                self._state[f"kept{i}.kept"] = np.zeros(slots * units)
            if isinstance(kept, Liquid) and self.learning_rate > 0:
                liquid = kept.fitted(units, int(self.lag), p, memory_rng, self.target)
                self.liquids_.append(liquid)
                self._state |= liquid.start(i)
                self._fixed |= liquid.arrays(i) | liquid.readout_arrays(i) | liquid.scalars(i)
                self._fixed[f"liquid{i}.fixed"] = liquid.mean_count
                self._fixed[f"liquid{i}.live"] = float(not isinstance(self._description, Constant))

    @property
    def _runs(self) -> Runs:
        return Runs.of(self._sizes[0], values=2**22, most=16_384)

    def program(self, *, respond: bool = False) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters.

        Parameters
        ----------
        respond : bool
            Only respond: no memory, nothing is learned.
        """
        liquid = self.liquids_[0].constants if self.liquids_ and not respond else None
        structure = self._runs.structure(self._constants, self._sizes) | {
            "slots": 0 if respond else self._ring()[0],
            "liquid": liquid.cells if liquid else 0,
            "rhythm": liquid.rhythm if liquid else "",
        }
        layers = range(len(self._sizes) - 1)
        state, fixed = self._mine(respond)
        outputs = [*state, *(f"samples{i}.count" for i in layers)]
        if not respond:
            outputs += [f"samples{i}.{name}" for i in layers for name in ("past", "signal")]
        return backend.Program(
            name="spiking-relational",
            builder="spikeconsol.bottleneck.equations:build_relational",
            structure=structure,
            inputs=(*state, *fixed, *self._scalars(), *_PER_SAMPLE),
            outputs=tuple(outputs),
        )

    def _mine(self, respond: bool) -> tuple[list[str], list[str]]:
        """Names of state and constants; those of the memory only where there is one."""
        memory = ("kept", "liquid", "gain", "hear", "echo", "read", "direct")
        state, fixed = list(self._state), list(self._fixed)
        if respond:
            state = [name for name in state if not name.startswith(memory)]
            fixed = [name for name in fixed if not name.startswith(memory)]
            fixed = [name for name in fixed if not name.endswith("offset")]
        return state, fixed

    def _scalars(self) -> dict[str, float]:
        p, objective = self._constants, self._objective
        values: dict[str, float] = {"inputs.peak_rate": p.peak_rate}
        for i, unit in enumerate(self._units):
            values |= layer_constants(p, i, unit, self.learning_rate)
            values |= {
                f"judge{i}.count_variance": p.count_variance,
                f"judge{i}.gamma": objective.gamma,
                f"judge{i}.code_weight": objective.code_weight,
                f"judge{i}.code_width": objective.widths[2],
                f"judge{i}.kernel_rate": KERNEL_RATE,
            }
        return values

    def _follow(self, X: Array, told: Array, schedule: Array) -> list[dict[str, NDArray]]:
        """Go along a stream chunk by chunk, and return what the program put out for each."""
        slots, back = self._ring()
        ago = np.full(len(X), back)
        if isinstance(self._description, Shuffled):
            ago = self._rng.integers(slots, size=len(X))
        results = []
        for part in self._runs.parts(len(X)):
            noise_seed = int(self._noise_rng.integers(2**30, 2**31))
            about = {
                "relations": told[part],
                "schedule": schedule[part],
                "agos": ago[part],
                "noise_seeds": np.full(len(X[part]), noise_seed),
            }
            results.append(self._run(X[part], about))
            self._state = {name: results[-1][name] for name in self._state}
        return results

    def _run(
        self,
        X: Array,
        about: dict[str, Array],
        *,
        respond: bool = False,
    ) -> dict[str, NDArray]:
        program = self.program(respond=respond)
        state, fixed = self._mine(respond)
        values: dict[str, Any] = {
            **self._scalars(),
            **{name: self._state[name] for name in state},
            **{name: self._fixed[name] for name in fixed},
        }
        tables = {"samples": X, **about}
        return self._runs.run(program, values, tables, len(X), self._constants, target=self.target)

    def _per_sample(self, result: dict[str, NDArray], layer: int, name: str) -> Array:
        return at_ends(result, layer, name, self._sizes[1 + layer])
