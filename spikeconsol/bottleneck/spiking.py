"""Spiking classifier whose hidden cells learn by a local Hebbian and a layer-wise HSIC factor."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory_cells import (
    ClassCells,
    Liquid,
    MemoryCells,
    RateCells,
    WindowCells,
    require_one_step,
)
from spikeconsol.bottleneck.network import softmax
from spikeconsol.bottleneck.reservoir import ReservoirParameters
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoirParameters
from spikeconsol.brian import backend
from spikeconsol.parameters import ParameterError

__all__ = [
    "IMPORTANCES",
    "MEMORIES",
    "SIGNALS",
    "LearningRecord",
    "SpikingBottleneckClassifier",
]

MEMORIES = (
    "window",
    "prototypes",
    "class_means",
    "reservoir",
    "silenced",
    "spiking_reservoir",
    "spiking_silenced",
)
IMPORTANCES = ("none", "uniform", "coincidence", "fisher")
SIGNALS = ("exact", "frozen", "permuted", "per_class")
#: Spikes that a hidden cell is expected to fire per sample, which sets the unit of the weights
#: onto the next layer.
EXPECTED_SPIKES = 2.0
#: Input values that a program holds at once, and the most samples.
_VALUES, _SAMPLES = 2**21, 4096


@dataclass(frozen=True)
class LearningRecord:
    """What happened in the network while it learned; lists have one entry per hidden layer.

    Attributes
    ----------
    input_cells, input_times : ndarray
        Input cell and time [s] of every input spike.
    cells, times : list of ndarray
        The same for hidden cells.
    counts, signals, modulators : list of ndarray, shape (n, cells)
        Spikes per sample; at its end the signal of the memory, and what it becomes at the
        membranes.
    traces : list of ndarray, shape (n, liquid cells)
        Filtered spikes of a spiking reservoir at the ends of samples; without one, no entries.
    liquid_cells, liquid_times : list of ndarray
        Its spikes.
    """

    input_cells: NDArray[np.int32]
    input_times: NDArray[np.float64]
    cells: list[NDArray[np.int32]]
    times: list[NDArray[np.float64]]
    counts: list[NDArray[np.float64]]
    signals: list[NDArray[np.float64]]
    modulators: list[NDArray[np.float64]]
    traces: list[NDArray[np.float64]]
    liquid_cells: list[NDArray[np.int32]]
    liquid_times: list[NDArray[np.float64]]


class SpikingBottleneckClassifier(TransformerMixin, ClassifierMixin, BaseEstimator):
    r"""Layers of leaky integrate-and-fire cells that learn one sample at a time.

    Inputs are Poisson spike trains; the code of a layer is its layer-normalised spike count. A
    synapse gathers an eligibility from presynaptic spikes that find the cell depolarised, and at
    the end of each sample changes by eligibility times the modulatory signal that a working
    memory supplies to its cell. A linear readout of the last code learns by the delta rule.

    Parameters
    ----------
    hidden : tuple of int
        Cells of the hidden layers.
    window : int
        Samples that ``memory="window"`` holds (and that teach a reservoir), at least 2.
    signal : {"exact", "frozen", "permuted", "per_class"}
        ``"exact"``, or a control: ``"frozen"`` hidden layers, ``"permuted"`` (the memory is told
        random labels), ``"per_class"`` (a fixed random vector per class).
    memory : str
        What remembers past samples: ``"window"``, ``"prototypes"``, ``"class_means"``,
        ``"reservoir"`` (of rate cells), ``"spiking_reservoir"``, or the reservoirs' memoryless
        controls, ``"silenced"`` and ``"spiking_silenced"``.
    gamma, widths, input_weight, code_weight : float
        Constants of the objective, see `Objective`.
    surprise_gate : bool
        Multiply signals by 1 - p(correct class) of the readout: one more global scalar.
    learning_rate, readout_learning_rate : float
        The first in units of the initial weights.
    final_rate : float
        Learning rates fall linearly to this fraction over the epochs of `fit`; `partial_fit` does
        not lower them.
    epochs : int
        Passes of `fit`, each in a new random order.
    memory_rate : float
        Rate of the leaky class means.
    reservoir : ReservoirParameters, optional
        One step per sample, trained beforehand.
    spiking_reservoir : SpikingReservoirParameters, optional
        Trained beforehand too, on random spikes.
    importance : {"none", "uniform", "coincidence", "fisher"}
        What damps a synapse once a call of `partial_fit` (a task) is over, by
        1 + `damping` importance / (mean importance): the eligibility it has gathered so far
        (presynaptic spikes that found the cell depolarised), its squared changes, or nothing
        of its own.
    damping : float
    separate_tasks : bool
        In each call of `partial_fit` the readout compares only the classes in it, and the other
        classes' weights stay. For tests with known tasks, see `score_task`.
    receptive_fields : int
        0: features are intensities in 0..1. Else each feature is coded by so many cells with
        Gaussian tuning, spread over `feature_range`.
    feature_range : tuple of float
        First and last centre of the tuning curves.
    layer : SpikingLayer, optional
        Constants of cells, synapses and spikes.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
    weights_ : list of ndarray, shape (below, cells)
        Weights onto every hidden layer.
    readout_ : ndarray, shape (cells, classes)
    n_features_in_ : int
    n_epochs_ : int
        Epochs of `fit` done.

    Notes
    -----
    A whole pass runs in the compiled program; samples are handed over in chunks of a few
    thousand, with weights, memory and readout carried from one to the next. Memory does not
    change in tests, and the input spikes of a test are the same at every call.

    References
    ----------
    Daruwalla K, Lipasti M (2024). Front Comput Neurosci 18:1240348 (arXiv:2111.13187), whose
    networks have no spikes.
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (32,),
        *,
        window: int = 8,
        signal: str = "exact",
        memory: str = "window",
        gamma: float = 2.0,
        widths: tuple[float, ...] = (0.5, 0.1, 1.0),
        input_weight: float = 1.0,
        code_weight: float = 0.0,
        surprise_gate: bool = False,
        learning_rate: float = 0.01,
        readout_learning_rate: float = 0.03,
        final_rate: float = 0.05,
        epochs: int = 1,
        memory_rate: float = 0.02,
        reservoir: ReservoirParameters | None = None,
        spiking_reservoir: SpikingReservoirParameters | None = None,
        importance: str = "none",
        damping: float = 0.0,
        separate_tasks: bool = False,
        receptive_fields: int = 0,
        feature_range: tuple[float, ...] = (0.0, 1.0),
        layer: SpikingLayer | None = None,
        target: str | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.window = window
        self.signal = signal
        self.memory = memory
        self.gamma = gamma
        self.widths = widths
        self.input_weight = input_weight
        self.code_weight = code_weight
        self.surprise_gate = surprise_gate
        self.learning_rate = learning_rate
        self.readout_learning_rate = readout_learning_rate
        self.final_rate = final_rate
        self.epochs = epochs
        self.memory_rate = memory_rate
        self.reservoir = reservoir
        self.spiking_reservoir = spiking_reservoir
        self.importance = importance
        self.damping = damping
        self.separate_tasks = separate_tasks
        self.receptive_fields = receptive_fields
        self.feature_range = feature_range
        self.layer = layer
        self.target = target
        self.random_state = random_state

    # --------------------------------------------------------------------------- estimator

    def fit(
        self, X: ArrayLike, y: ArrayLike, *, on_epoch: Callable[[Self], None] | None = None
    ) -> Self:
        """Learn from the beginning, `epochs` times through the samples.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        on_epoch : callable, optional
            Called with the estimator after every epoch, for example to log its score.

        Raises
        ------
        ParameterError
            If a setting is impossible.
        ValueError
            If X or y are not finite, of different lengths, or y holds no classes.
        """
        levels, y = self._checked(X, y, reset=True)
        self._begin(unique_labels(y), levels)
        labels = self._encode(y)
        for epoch in range(self.epochs):
            order = self._order_rng.permutation(len(levels))
            progress = (epoch * len(levels) + np.arange(len(levels))) / (self.epochs * len(levels))
            self._learn(levels[order], labels[order], 1 - (1 - self.final_rate) * progress)
            self.n_epochs_ += 1
            if on_epoch is not None:
                on_epoch(self)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Go on learning from samples in the order given, at constant learning rates.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        classes : array_like, optional
            All classes that will ever be shown; needed at the first call.
        """
        levels, labels = self._begun(X, y, classes)
        if self.separate_tasks:
            self._fixed["outputs.compared"] = np.isin(np.arange(len(self.classes_)), labels).astype(
                float
            )
        self._learn(levels, labels, np.ones(len(levels)))
        self._damp()
        return self

    def score_task(self, X: ArrayLike, y: ArrayLike) -> float:
        """Accuracy if it is known that only the classes in y occur."""
        y = np.asarray(y)
        mine = np.unique(self._encode(y))
        chosen = mine[np.argmax(self.predict_proba(X)[:, mine], axis=1)]
        return float(np.mean(self.classes_[chosen] == y))

    def record(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None
    ) -> LearningRecord:
        """Go on learning as `partial_fit` does, and return all spikes and modulatory signals.

        Parameters are those of `partial_fit`; at most 2**21 input values and 4096 samples.
        """
        levels, labels = self._begun(X, y, classes)
        if len(levels) > self._capacity:
            raise ParameterError(f"X: got {len(levels)} samples; allowed: <= {self._capacity}")
        (result,) = self._learn(levels, labels, np.ones(len(levels)), recorded=True)
        layers = range(len(self._sizes) - 2)
        liquids = layers if self._memory.kind == "spiking_reservoir" else ()
        cells = self._memory.cells
        return LearningRecord(
            result["input_spikes.i"],
            result["input_spikes.t"],
            [result[f"spikes{i}.i"] for i in layers],
            [result[f"spikes{i}.t"] for i in layers],
            self._per_sample(result, "count"),
            self._per_sample(result, "signal"),
            self._per_sample(result, "modulator"),
            [result[f"liquid_samples{i}.trace"].reshape(-1, cells)[1:] for i in liquids],
            [result[f"liquid_spikes{i}.i"] for i in liquids],
            [result[f"liquid_spikes{i}.t"] for i in liquids],
        )

    def _begun(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None
    ) -> tuple[NDArray, NDArray[np.int64]]:
        """Check samples, and draw the network at the first call."""
        first = not hasattr(self, "classes_")
        levels, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: got None; allowed: all classes, at the first call")
            self._begin(unique_labels(classes), levels)
        return levels, self._encode(y)

    def spike_counts(self, X: ArrayLike) -> list[NDArray[np.float64]]:
        """Spikes of every hidden cell in response to samples, one (n, cells) array per layer."""
        levels = self._seen(X)
        nobody = np.zeros(len(levels), np.int64)
        parts = [
            self._per_sample(
                self._run(levels[part], nobody[part], nobody[part], 0.0 * nobody[part], noise_seed),
                "count",
            )
            for noise_seed, part in enumerate(self._parts(len(levels)))
        ]
        return [np.concatenate(counts) for counts in zip(*parts, strict=True)]

    def transform(self, X: ArrayLike, layer: int = -1) -> NDArray[np.float64]:
        """Codes of one hidden layer (the last by default), shape (n, cells)."""
        counts = self.spike_counts(X)
        if not -len(counts) <= layer < len(counts):
            raise ParameterError(f"layer: got {layer!r}; allowed: 0 to {len(counts) - 1}")
        return self._constants.codes(counts[layer])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities of the classes, shape (n, classes)."""
        return np.asarray(softmax(self.transform(X) @ self.readout_), float)

    def predict(self, X: ArrayLike) -> NDArray:
        """Most probable class of each sample, shape (n,)."""
        return self.classes_[np.argmax(self.predict_proba(X), axis=1)]

    @property
    def weights_(self) -> list[NDArray[np.float32]]:
        """Weights onto every hidden layer, in thresholds."""
        return [
            self._state[f"feedforward{i}.w"].reshape(below, -1)
            for i, below in enumerate(self._sizes[:-2])
        ]

    @property
    def readout_(self) -> NDArray[np.float64]:
        """Weights of the readout, shape (cells, classes)."""
        return self._state["readout.r"].reshape(self._sizes[-2], -1)

    # -------------------------------------------------------------------------------- input

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        """Check settings and samples before anything is changed."""
        Objective(self.gamma, self.widths, self.input_weight, self.code_weight)
        sizes = np.atleast_1d(np.asarray(self.hidden))
        if sizes.size == 0 or sizes.dtype.kind != "i" or sizes.min() < 1:
            raise ParameterError(
                f"hidden: got {self.hidden!r}; allowed: one or more layers of >= 1 cells"
            )
        for name, choices in (
            ("memory", MEMORIES),
            ("signal", SIGNALS),
            ("importance", IMPORTANCES),
        ):
            if getattr(self, name) not in choices:
                raise ParameterError(
                    f"{name}: got {getattr(self, name)!r}; allowed: {', '.join(choices)}"
                )
        for name, least in (("window", 2), ("epochs", 1), ("receptive_fields", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or int(value) != value or value < least:
                raise ParameterError(f"{name}: got {value!r}; allowed: a whole number >= {least}")
        for name in ("learning_rate", "readout_learning_rate", "damping"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ParameterError(f"{name}: got {getattr(self, name)!r}; allowed: >= 0")
        if not 0 < self.final_rate <= 1:
            raise ParameterError(f"final_rate: got {self.final_rate!r}; allowed: > 0 and <= 1")
        if not 0 < self.memory_rate <= 1:
            raise ParameterError(f"memory_rate: got {self.memory_rate!r}; allowed: > 0 and <= 1")
        if self.receptive_fields == 1 or not self.feature_range[0] < self.feature_range[1]:
            raise ParameterError(
                f"receptive_fields, feature_range: got {self.receptive_fields!r}, "
                f"{self.feature_range!r}; allowed: 0 or >= 2 fields, an increasing range"
            )
        if self.reservoir is not None:
            require_one_step(self.reservoir)
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], reset=reset)
        check_classification_targets(y)
        return self.input_levels(X), y

    def _seen(self, X: Any) -> NDArray:
        check_is_fitted(self, "classes_")
        return self.input_levels(
            validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        )

    def input_levels(self, X: NDArray) -> NDArray[np.floating]:
        """Intensities of the input cells, shape (n, inputs), for features of shape (n, features).

        Raises
        ------
        ParameterError
            If features are outside 0..1 and not coded by receptive fields.
        """
        if self.receptive_fields:
            centres = np.linspace(
                self.feature_range[0], self.feature_range[1], self.receptive_fields
            )
            spacing = centres[1] - centres[0]
            # Neighbouring tuning curves overlap widely.
            distance = (X[:, :, None] - centres) / (1.3 * spacing)
            return np.exp(-(distance**2) / 2).reshape(len(X), -1)
        if X.size and not (X.min() >= 0 and X.max() <= 1):
            raise ParameterError(
                f"X: got values from {X.min():g} to {X.max():g}; allowed: 0 to 1, or any with "
                "receptive_fields"
            )
        return X

    def _encode(self, y: NDArray) -> NDArray[np.int64]:
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y: got class {unknown[0]}; allowed: {list(self.classes_)}")
        return np.searchsorted(self.classes_, y).astype(np.int64)

    # ---------------------------------------------------------------------------- beginning

    @property
    def _constants(self) -> SpikingLayer:
        return self.layer or SpikingLayer()

    def _begin(self, classes: NDArray, levels: NDArray) -> None:
        """Draw a new network."""
        rng = self.random_state
        if isinstance(rng, np.random.RandomState):
            rng = rng.randint(2**31)
        # Streams of their own, so that all signals and memories start from the same weights.
        weights_rng, self._order_rng, self._memory_rng, self._noise_rng = np.random.default_rng(
            rng
        ).spawn(4)
        self.classes_ = classes
        self.n_epochs_ = 0
        hidden = [int(units) for units in np.atleast_1d(self.hidden)]
        self._sizes = [levels.shape[1], *hidden, len(classes)]
        self._label_counts = np.zeros(len(classes))
        p = self._constants
        expected = levels * p.peak_rate * p.sample_time
        norms = [np.sqrt(np.mean(np.sum(expected**2, axis=1)))]
        norms += [EXPECTED_SPIKES * np.sqrt(units) for units in hidden[:-1]]
        self._units = [p.initial_drive / norm for norm in norms]
        self._state: dict[str, NDArray] = {"readout.r": np.zeros(hidden[-1] * len(classes))}
        self._fixed: dict[str, NDArray] = {"outputs.compared": np.ones(len(classes))}
        for i, (below, units) in enumerate(zip(self._sizes, hidden, strict=False)):
            weights = weights_rng.standard_normal((below, units)) * self._units[i]
            bound = p.weight_bound * self._units[i]
            self._state[f"feedforward{i}.w"] = np.clip(weights, -bound, bound).astype(np.float32)
            self._state[f"hub{i}.power"] = np.zeros(1)
            if self.importance != "none":
                self._state[f"feedforward{i}.importance"] = np.zeros(weights.size, np.float32)
                self._fixed[f"feedforward{i}.plasticity"] = np.ones(weights.size, np.float32)
            state, fixed = self._memory.begin(i, self._sizes[0], units, self._memory_rng)
            self._state |= state
            self._fixed |= fixed

    def _damp(self) -> None:
        """Take account of what has been important so far."""
        if self.importance == "none":
            return
        for i in range(len(self._units)):
            trace = self._state[f"feedforward{i}.importance"]
            share = trace / max(trace.mean(), 1e-30)
            if self.importance == "uniform":
                share = np.ones_like(trace)
            self._fixed[f"feedforward{i}.plasticity"] = 1 / (1 + self.damping * share)

    # ------------------------------------------------------------------------------ program

    @property
    def _objective(self) -> Objective:
        return Objective(self.gamma, self.widths, self.input_weight, self.code_weight)

    @property
    def _memory(self) -> MemoryCells:
        classes, objective = len(self.classes_), self._objective
        silenced = self.memory in ("silenced", "spiking_silenced")
        if self.signal == "per_class":
            return ClassCells("class_means", classes, objective, 0.0, fixed_vectors=True)
        if self.memory == "window":
            return WindowCells(self.window, classes, objective)
        if self.memory in ("reservoir", "silenced"):
            rates = self.reservoir or ReservoirParameters(steps=1)
            return RateCells(rates, classes, self.window, objective, silenced)
        if self.memory in ("spiking_reservoir", "spiking_silenced"):
            return Liquid(
                self.spiking_reservoir or SpikingReservoirParameters(),
                classes,
                self.window,
                objective,
                self._constants,
                silenced,
                self.target,
            )
        return ClassCells(self.memory, classes, objective, self.memory_rate)

    @property
    def _capacity(self) -> int:
        return max(1, min(_SAMPLES, _VALUES // self._sizes[0]))

    def _parts(self, samples: int) -> Iterator[slice]:
        for start in range(0, samples, self._capacity):
            yield slice(start, min(samples, start + self._capacity))

    def program(self, *, recorded: bool = False) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters.

        Parameters
        ----------
        recorded : bool
            Record spikes and the modulator too.
        """
        check_is_fitted(self, "classes_")
        p, memory = self._constants, self._memory
        structure = {
            "dt": p.exact_step,
            "sample_time": p.sample_steps * p.exact_step,
            "samples": self._capacity,
            "sizes": self._sizes,
            "memory": memory.kind,
            "memory_cells": memory.cells,
            "importance": "" if self.importance == "none" else self.importance,
            "recorded": recorded,
        }
        layers = range(len(self._sizes) - 2)
        outputs = [*self._state, *(f"samples{i}.count" for i in layers)]
        if recorded:
            outputs += ["input_spikes.i", "input_spikes.t"]
            for i in layers:
                outputs += [f"samples{i}.signal", f"samples{i}.modulator"]
                outputs += [f"spikes{i}.i", f"spikes{i}.t"]
                if memory.kind == "spiking_reservoir":
                    outputs += [f"liquid_spikes{i}.i", f"liquid_spikes{i}.t"]
                    outputs += [f"liquid_samples{i}.trace"]
        return backend.Program(
            name="spiking-bottleneck",
            builder="spikeconsol.bottleneck.spiking_network:build",
            structure=structure,
            inputs=(
                *self._state,
                *self._fixed,
                *self._scalars(),
                "inputs.noise_seed",
                *("samples", "labels", "memory_labels", "schedule"),
            ),
            outputs=tuple(outputs),
        )

    def _scalars(self) -> dict[str, float]:
        """All scalar run-time values, by input name."""
        p, memory = self._constants, self._memory
        rate = 0.0 if self.signal == "frozen" else self.learning_rate
        values: dict[str, float] = {
            "inputs.peak_rate": p.peak_rate,
            "teacher.surprise_gate": float(self.surprise_gate),
            "readout.readout_rate": self.readout_learning_rate,
        }
        for i, unit in enumerate(self._units):
            values |= {
                f"cells{i}.membrane_time": p.membrane_time,
                f"cells{i}.eligibility_time": p.eligibility_time,
                f"hub{i}.count_variance": p.count_variance,
                f"hub{i}.power_decay": p.power_decay,
                f"feedforward{i}.step": rate * unit,
                f"feedforward{i}.bound": p.weight_bound * unit,
            }
            values |= memory.constants(i)
        return values

    def _learn(
        self,
        levels: NDArray,
        labels: NDArray[np.int64],
        schedule: NDArray,
        *,
        recorded: bool = False,
    ) -> list[dict[str, NDArray]]:
        """Learn chunk by chunk, and return what the program put out for each."""
        results = []
        self._label_counts += np.bincount(labels, minlength=len(self.classes_))
        for part in self._parts(len(levels)):
            told = labels[part]
            if self.signal == "permuted":
                frequencies = self._label_counts / self._label_counts.sum()
                told = self._order_rng.choice(len(frequencies), size=len(told), p=frequencies)
            noise_seed = int(self._noise_rng.integers(2**30, 2**31))
            results.append(
                self._run(
                    levels[part], labels[part], told, schedule[part], noise_seed, recorded=recorded
                )
            )
            self._state = {name: results[-1][name] for name in self._state}
        return results

    def _run(
        self,
        levels: NDArray,
        labels: NDArray[np.int64],
        told: NDArray[np.int64],
        schedule: NDArray,
        noise_seed: int,
        *,
        recorded: bool = False,
    ) -> dict[str, NDArray]:
        """Show samples; learn where the schedule is not zero."""
        capacity, count = self._capacity, len(levels)

        def padded(values: NDArray) -> NDArray:
            whole = np.zeros((capacity, *values.shape[1:]))
            whole[:count] = values
            return whole

        values: dict[str, ArrayLike] = {
            **self._scalars(),
            **self._state,
            **self._fixed,
            "inputs.noise_seed": noise_seed,
            "samples": padded(levels),
            "labels": padded(labels),
            "memory_labels": padded(told),
            "schedule": padded(schedule),
        }
        program = self.program(recorded=recorded)
        tested = [name for name in program.outputs if name not in self._state]
        return backend.run(
            program,
            values,
            # One step more than the samples: the last one is learned at its very end.
            steps=count * self._constants.sample_steps + 1,
            outputs=program.outputs if np.any(schedule) else tested,
            target=self.target,
        )

    def _per_sample(self, result: dict[str, NDArray], variable: str) -> list[NDArray[np.float64]]:
        """Values at the ends of samples; the first is from before anything was shown."""
        return [
            result[f"samples{i}.{variable}"].reshape(-1, units)[1:]
            for i, units in enumerate(self._sizes[1:-1])
        ]
