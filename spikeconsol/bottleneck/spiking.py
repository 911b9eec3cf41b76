"""Spiking classifier whose hidden cells learn by a local Hebbian and a layer-wise HSIC factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory_cells import require_one_step
from spikeconsol.bottleneck.network import softmax
from spikeconsol.bottleneck.reservoir import ReservoirParameters
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_program import LearningRecord, SpikingProgram
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoirParameters
from spikeconsol.parameters import ParameterError

__all__ = [
    "IMPORTANCES",
    "MEMORIES",
    "SIGNALS",
    "LearningRecord",
    "SpikingBottleneckClassifier",
    "SpikingLayer",
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


class SpikingBottleneckClassifier(TransformerMixin, ClassifierMixin, SpikingProgram, BaseEstimator):
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
        1 + `damping` importance / (mean importance): how often both sides have been active so
        far (eligibility times the cell's spikes, summed over samples), its squared changes, or
        nothing of its own.
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
