"""Online classifier whose hidden layers learn by a local Hebbian and a layer-wise HSIC factor."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from spikeconsol.bottleneck import archive
from spikeconsol.bottleneck import network as reference
from spikeconsol.bottleneck.hsic import (
    VARIANTS,
    Objective,
    cosine,
    layer_objective,
    sliding_signals,
)
from spikeconsol.bottleneck.memory import ClassMeans, Memory, Prototypes, Window
from spikeconsol.bottleneck.network import Network, Rule
from spikeconsol.bottleneck.reservoir import Reservoir, ReservoirParameters, Silenced
from spikeconsol.parameters import ParameterError

__all__ = ["MEMORIES", "BottleneckClassifier"]

MEMORIES = ("window", "prototypes", "class_means", "reservoir", "silenced")
#: Samples handed to the learning loop at once; bounds the memory that random signals take.
_CHUNK = 4096


class BottleneckClassifier(TransformerMixin, ClassifierMixin, BaseEstimator):
    r"""Layered network that learns one sample at a time without back-propagation.

    Each hidden layer descends its own objective HSIC(X, Z) - gamma HSIC(Y, Z): a synapse changes
    by its presynaptic activity times the slope of the postsynaptic unit (local) times a
    modulatory signal :math:`\xi` that a memory of recent samples supplies (global). A linear
    readout learns alongside by the delta rule.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    window : int
        Samples that ``memory="window"`` holds (and that teach a reservoir), at least 2.
    signal : str
        ``"exact"``, a published variant (``"row_centred"``, ``"diag_release"``,
        ``"diag_prefix"``, ``"phsic"``; window only), or a control: ``"frozen"`` hidden layers,
        ``"permuted"`` (the memory is shown random labels), ``"random"`` signals, a fixed random
        vector ``"per_class"``, plain ``"hebb"``, or ``"backprop"`` as reference.
    memory : {"window", "prototypes", "class_means", "reservoir", "silenced"}
        What remembers past samples; ``"silenced"`` is the reservoir's memoryless control.
    gamma, widths, input_weight, code_weight : float
        Constants of the objective, see `Objective`. Widths are for inputs as given.
    surprise_gate : bool
        Multiply signals by 1 - p(correct class) of the readout: one more global scalar.
    activation : {"relu", "tanh"}
        Rectified with layer normalisation, or tanh without it as in the 2021 program.
    neuron : {"instant", "leaky"}
        ``"leaky"`` units integrate 20 steps per sample and learn at each step (the paper's "LIF").
    optimizer : {"adam", "sgd"}
        ``"sgd"`` divides each layer's signal by its running root mean square: no per-synapse state.
    learning_rate, readout_learning_rate : float
    final_rate : float
        Learning rates fall to this fraction along a cosine over the epochs of `fit`;
        `partial_fit` does not lower them.
    update_every : int
        Samples whose changes are accumulated before the weights change (each sample keeps its
        own sliding window).
    epochs : int
        Passes of `fit`, each in a new random order.
    memory_rate : float
        Rate of the leaky class means.
    reservoir : ReservoirParameters, optional
    backend : {"auto", "numba", "numpy"}
        Compiled loop or its NumPy twin; reservoirs run in NumPy.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
    network_ : Network
        Weights (`network_.weights`, last row the bias) and memories (`network_.memories`).
    n_features_in_ : int
    n_epochs_ : int
        Epochs of `fit` done.

    References
    ----------
    Daruwalla K, Lipasti M (2024). Front Comput Neurosci 18:1240348 (arXiv:2111.13187).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> net = BottleneckClassifier((64, 16), epochs=2, random_state=0).fit(X[:1400] / 16, y[:1400])
    >>> bool(net.score(X[1400:] / 16, y[1400:]) > 0.85)
    True
    """

    def __init__(
        self,
        hidden: tuple[int, ...] = (64, 16),
        *,
        window: int = 8,
        signal: str = "exact",
        memory: str = "window",
        gamma: float = 2.0,
        widths: tuple[float, float, float] = (0.5, 0.1, 1.0),
        input_weight: float = 1.0,
        code_weight: float = 0.0,
        surprise_gate: bool = False,
        activation: str = "relu",
        neuron: str = "instant",
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        readout_learning_rate: float = 1e-3,
        final_rate: float = 0.02,
        update_every: int = 1,
        epochs: int = 10,
        memory_rate: float = 0.02,
        reservoir: ReservoirParameters | None = None,
        backend: str = "auto",
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
        self.activation = activation
        self.neuron = neuron
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.readout_learning_rate = readout_learning_rate
        self.final_rate = final_rate
        self.update_every = update_every
        self.epochs = epochs
        self.memory_rate = memory_rate
        self.reservoir = reservoir
        self.backend = backend
        self.random_state = random_state

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: Callable[[Self], None] | None = None,
    ) -> Self:
        """Learn from the beginning, `epochs` times through the samples.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        checkpoint : path, optional
            File rewritten after every epoch. If it exists, learning goes on from there, to the
            same weights as without the interruption; it must come from the same settings.
        on_epoch : callable, optional
            Called with the estimator after every epoch, for example to log its score.

        Raises
        ------
        ParameterError
            If a setting is impossible or a checkpoint comes from other settings.
        ValueError
            If X or y are not finite, of different lengths, or y holds no classes.
        """
        X, y = self._checked(X, y, reset=True)
        resumed = checkpoint is not None and Path(checkpoint).exists()
        if resumed:
            self._restore(Path(checkpoint), self.get_params())  # type: ignore[arg-type]
        else:
            self._begin(unique_labels(y), X.shape[1], X.dtype)
        labels = self._encode(y)
        total = self.epochs * len(X)
        while self.n_epochs_ < self.epochs:
            order = self._rng.permutation(len(X))
            progress = (self.n_epochs_ * len(X) + np.arange(len(X))) / total
            schedule = self.final_rate + (1 - self.final_rate) * 0.5 * (
                1 + np.cos(np.pi * progress)
            )
            self._learn(X[order], labels[order], schedule)
            self.n_epochs_ += 1
            if checkpoint is not None:
                self.save(checkpoint)
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
        first = not hasattr(self, "network_")
        X, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: got None; allowed: all classes, at the first call")
            self._begin(unique_labels(classes), X.shape[1], X.dtype)
        X = X.astype(self.network_.weights[0].dtype, copy=False)
        self._learn(X, self._encode(y), np.ones(len(X)))
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Probabilities of the classes, shape (n, classes)."""
        X = self._seen(X)
        return reference.softmax(self.network_.logits(X))

    def predict(self, X: ArrayLike) -> NDArray:
        """Most probable class of each sample, shape (n,)."""
        X = self._seen(X)
        return self.classes_[np.argmax(self.network_.logits(X), axis=1)]

    def transform(self, X: ArrayLike, layer: int = -1) -> NDArray[np.floating]:
        """Codes of one hidden layer (the last by default), shape (n, units)."""
        X = self._seen(X)
        codes = self.network_.codes(X)
        if not -len(codes) <= layer < len(codes):
            raise ParameterError(f"layer: got {layer!r}; allowed: 0 to {len(codes) - 1}")
        return codes[layer]

    def layer_objectives(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Objective of every hidden layer over the samples taken as one window, shape (layers,)."""
        X = self._seen(X)
        codes = self.network_.codes(X)
        one_hot = np.eye(len(self.classes_))[self._encode(np.asarray(y))]
        constants = self._objective().flat()
        return np.array([layer_objective(np.asarray(X), one_hot, z, **constants) for z in codes])

    def signal_alignment(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Mean cosine of every layer's signal to the exact one along a stream of samples.

        Copies of the memories follow the stream, which must be longer than the window; nothing is
        learned. NaN for signals that use no memory.

        Returns
        -------
        ndarray, shape (layers,)
        """
        X = self._seen(X)
        codes = self.network_.codes(X)
        if not self.network_.memories:
            return np.full(len(codes), np.nan)
        labels = self._encode(np.asarray(y))
        one_hot = np.eye(len(self.classes_))[labels]
        if self.signal == "permuted":
            labels = np.random.default_rng(0).permutation(labels)
        memories = copy.deepcopy(self.network_.memories)  # all at once: windows share samples
        signals: list[list[NDArray]] = [[] for _ in memories]
        for i, (x, label) in enumerate(zip(np.asarray(X), labels, strict=True)):
            for memory, z, found in zip(memories, codes, signals, strict=True):
                memory.push(x, int(label), z[i])
                found.append(memory.signal())
        streams = (
            sliding_signals(X, one_hot, z, window=self.window, **self._objective().flat())
            for z in codes
        )
        return np.array(
            [
                cosine(exact, found[self.window - 1 :]).mean()
                for exact, found in zip(streams, signals, strict=True)
            ]
        )

    def save(self, path: str | Path) -> None:
        """Write settings, weights, optimiser, memories and random state to a NumPy archive."""
        check_is_fitted(self)
        about = {
            "parameters": archive.plain(self.get_params(deep=False)),
            "order_rng": self._rng.bit_generator.state,
            "memory_rng": self._memory_rng.bit_generator.state,
            "n_epochs": self.n_epochs_,
            "n_features": self.n_features_in_,
        }
        learned = {"classes": self.classes_, "label_counts": self._label_counts}
        archive.write(Path(path), about, learned | self.network_.state())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote; learning can go on as if it had never stopped.

        Raises
        ------
        ParameterError
            If the file is not such an archive.
        """
        settings = archive.read(Path(path))[0]["parameters"]
        for name in ("hidden", "widths"):
            settings[name] = tuple(settings[name])
        if settings["reservoir"] is not None:
            settings["reservoir"] = ReservoirParameters(**settings["reservoir"])
        net = cls(**settings)
        net._restore(Path(path), settings)
        return net

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        """Check settings and samples before anything is changed."""
        self._rule()
        self._objective()
        sizes = np.atleast_1d(np.asarray(self.hidden))
        if sizes.size == 0 or sizes.dtype.kind != "i" or sizes.min() < 1:
            raise ParameterError(
                f"hidden: got {self.hidden!r}; allowed: one or more layers of >= 1 units"
            )
        for name, choices in (("memory", MEMORIES), ("backend", ("auto", "numba", "numpy"))):
            if getattr(self, name) not in choices:
                raise ParameterError(
                    f"{name}: got {getattr(self, name)!r}; allowed: {', '.join(choices)}"
                )
        if self.signal in VARIANTS[1:] and self.memory != "window":
            raise ParameterError(f"memory: got {self.memory!r}; allowed: window, for {self.signal}")
        if self.neuron == "leaky" and self.memory in ("reservoir", "silenced"):
            raise ParameterError(f"neuron: got 'leaky'; allowed: instant, for {self.memory}")
        if isinstance(self.epochs, bool) or int(self.epochs) != self.epochs or self.epochs < 1:
            raise ParameterError(f"epochs: got {self.epochs!r}; allowed: a whole number >= 1")
        if not 0 <= self.final_rate <= 1:
            raise ParameterError(f"final_rate: got {self.final_rate!r}; allowed: >= 0 and <= 1")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C", reset=reset)
        check_classification_targets(y)
        return X, y

    def _seen(self, X: Any) -> NDArray:
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], order="C", reset=False)
        return X.astype(self.network_.weights[0].dtype, copy=False)

    def _encode(self, y: NDArray) -> NDArray[np.int64]:
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y: got class {unknown[0]!r}; allowed: {list(self.classes_)}")
        return np.searchsorted(self.classes_, y).astype(np.int64)

    def _rule(self) -> Rule:
        return Rule(
            self.signal,
            self.surprise_gate,
            self.activation,
            self.neuron,
            self.optimizer,
            self.learning_rate,
            self.readout_learning_rate,
            self.update_every,
        )

    def _objective(self) -> Objective:
        return Objective(self.gamma, self.widths, self.input_weight, self.code_weight)

    def _begin(self, classes: NDArray, inputs: int, dtype: np.dtype) -> None:
        """Draw a new network."""
        rng = self.random_state
        if isinstance(rng, np.random.RandomState):
            rng = rng.randint(2**31)
        # Streams of their own, so that all signals and memories start from the same weights.
        weights_rng, self._rng, self._memory_rng = np.random.default_rng(rng).spawn(3)
        self.classes_ = classes
        self.n_epochs_ = 0
        hidden = [int(units) for units in np.atleast_1d(self.hidden)]
        memories = self._memories(inputs, hidden, dtype) if self._remembers() else []
        self.network_ = Network(
            [inputs, *hidden, len(classes)], self._rule(), memories, weights_rng, dtype
        )
        self._label_counts = np.zeros(len(classes), np.int64)

    def _remembers(self) -> bool:
        return self.signal in VARIANTS or self.signal == "permuted"

    def _memories(self, inputs: int, hidden: list[int], dtype: np.dtype) -> list[Memory]:
        objective, classes = self._objective(), len(self.classes_)
        if self.memory == "window":
            variant = "exact" if self.signal == "permuted" else self.signal
            windows: list[Memory] = []
            samples = None
            for units in hidden:
                window = Window(
                    self.window,
                    inputs,
                    units,
                    classes,
                    objective=objective,
                    variant=variant,
                    samples=samples,
                    dtype=dtype,
                )
                samples = window.samples
                windows.append(window)
            return windows
        if self.memory in ("reservoir", "silenced"):
            kind = Reservoir if self.memory == "reservoir" else Silenced
            parameters = self.reservoir or ReservoirParameters()
            return [
                kind.trained(
                    inputs, units, classes, self.window, objective, parameters, rng=self._memory_rng
                )
                for units in hidden
            ]
        means = Prototypes if self.memory == "prototypes" else ClassMeans
        return [
            means(units, classes, objective=objective, rate=self.memory_rate, dtype=dtype)
            for units in hidden
        ]

    def _learn(self, X: NDArray, labels: NDArray[np.int64], schedule: NDArray) -> None:
        self._label_counts += np.bincount(labels, minlength=len(self.classes_))
        learn = self._loop()
        units = sum(map(len, self.network_.membranes))
        for start in range(0, len(X), _CHUNK):
            part = slice(start, start + _CHUNK)
            memory_labels, noise = labels[part], np.zeros((0, 0), X.dtype)
            if self.signal == "permuted":
                frequencies = self._label_counts / self._label_counts.sum()
                memory_labels = self._rng.choice(
                    len(frequencies), size=len(memory_labels), p=frequencies
                )
            if self.signal == "random":
                noise = self._rng.standard_normal((len(memory_labels), units)).astype(X.dtype)
            learn(X[part], labels[part], memory_labels, noise, schedule[part].astype(X.dtype))

    def _loop(self) -> Callable[..., None]:
        """Return the compiled loop if there is one for this network, else the NumPy one."""
        if self.backend == "numpy":
            return self.network_.learn
        try:
            from spikeconsol.bottleneck import kernels
        except ImportError:
            if self.backend == "numba":
                raise
            return self.network_.learn
        if not kernels.supports(self.network_):
            return self.network_.learn
        return lambda *samples: kernels.learn(self.network_, *samples)

    def _restore(self, path: Path, settings: dict[str, Any]) -> None:
        about, arrays = archive.read(path)
        ours = archive.plain(settings)
        for name, value in about["parameters"].items():
            if name != "backend" and value != ours[name]:
                raise ParameterError(
                    f"{name}: got {ours[name]!r}; allowed: {value!r}, as in checkpoint {path}"
                )
        self._begin(arrays["classes"], about["n_features"], arrays["weights.0"].dtype)
        for name, array in self.network_.state().items():
            array[...] = arrays[name]
        self._label_counts[...] = arrays["label_counts"]
        self.n_features_in_ = about["n_features"]
        self.n_epochs_ = about["n_epochs"]
        self._rng.bit_generator.state = about["order_rng"]
        self._memory_rng.bit_generator.state = about["memory_rng"]
