r"""Learners that continual learning is measured against.

Linear readouts come from scikit-learn, on pixels or on frozen random features. What it has not is
here: a readout by least squares accumulated over all samples, and a network trained by
back-propagation with the known ways to protect what it knows. The network is told where tasks
end; memory cells are not.

A penalty adds :math:`\frac\lambda2 \sum \Omega_{ij} (w_{ij} - w^*_{ij})^2` with the weights
:math:`w^*` at the end of the last task. The importance :math:`\Omega` is summed over tasks:

``"ewc"``
    Diagonal Fisher information (Kirkpatrick et al. 2017, PNAS 114:3521).
``"si"``
    Path integral of the loss (Zenke, Poole and Ganguli 2017, ICML).
``"mas"``
    Sensitivity of the squared output (Aljundi et al. 2018, ECCV).

Instead of a penalty, ``"first"`` freezes the hidden layers after the first task.
"""

from __future__ import annotations

import itertools
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone

from spikeconsol import checks
from spikeconsol.bottleneck.hsic import layer_norm, layer_norm_gradient
from spikeconsol.bottleneck.network import DECAYS, FLOORS
from spikeconsol.bottleneck.settings import samples
from spikeconsol.optimise import adam, softmax
from spikeconsol.statistics import coincidences

__all__ = [
    "PENALTIES",
    "AccumulatedLeastSquares",
    "OnFeatures",
    "OneReadoutPerTask",
    "ProtectedNetwork",
    "RandomFeatures",
]

PENALTIES = ("ewc", "si", "mas")
REALS = (np.float64, np.float32)

Array = NDArray[np.floating]


@dataclass(eq=False, repr=False)
class RandomFeatures(TransformerMixin, BaseEstimator):
    """One frozen layer: random weights, rectified and layer-normalised.

    Parameters
    ----------
    width : int
    random_state : int
    """

    width: int = 2048
    _: KW_ONLY
    random_state: int = 0

    def fit(self, X: Array, y: Any = None) -> Self:
        """Draw the weights; only the number of features of X matters."""
        checks.whole("width", self.width, at_least=1)
        rng = np.random.default_rng(checks.seed("random_state", self.random_state))
        X = samples(self, X, dtype=REALS)
        self.weights_ = _drawn(rng, X.shape[1], int(self.width))
        return self

    def transform(self, X: Array) -> Array:
        """Return the codes, shape (n, width)."""
        return layer_norm(np.maximum(_with_bias(X) @ self.weights_, 0))[0]


class _Chosen(ClassifierMixin, BaseEstimator):
    """Predict the class of the largest `decision_function`."""

    classes_: NDArray

    def decision_function(self, X: Array) -> Array:
        raise NotImplementedError

    def predict(self, X: Array) -> NDArray:
        """Class of the largest score of each sample, shape (n,)."""
        return self.classes_[np.argmax(self.decision_function(X), axis=1)]


@dataclass(eq=False, repr=False)
class OnFeatures(_Chosen):
    """A readout that sees fixed features of the samples.

    Parameters
    ----------
    readout : estimator
        With ``partial_fit`` and ``decision_function``.
    features : transformer, optional
        The pixels themselves without one.
    """

    readout: Any
    features: Any = None

    def partial_fit(self, X: Array, y: NDArray, classes: ArrayLike) -> Self:
        """Learn from samples in the order given."""
        X, y = samples(self, X, y, dtype=REALS)
        if not hasattr(self, "readout_"):
            for name in ("readout", "features"):
                _check_estimator(name, getattr(self, name), optional=name == "features")
            self.classes_, self.readout_ = np.asarray(classes), clone(self.readout)
            self.features_ = None if self.features is None else clone(self.features).fit(X)
        self.readout_.partial_fit(self._seen(X), y, classes=classes)
        return self

    def decision_function(self, X: Array) -> Array:
        scores = self.readout_.decision_function(self._seen(X))
        return scores if scores.ndim == 2 else np.stack([-scores, scores], axis=1)

    def _seen(self, X: Array) -> Array:
        return X if self.features_ is None else self.features_.transform(X)


@dataclass(eq=False, repr=False)
class OneReadoutPerTask(_Chosen):
    """A copy of a readout for every set of classes that a call of `partial_fit` brings.

    Parameters
    ----------
    readout : estimator
    """

    readout: Any

    def partial_fit(self, X: Array, y: NDArray, classes: ArrayLike) -> Self:
        """Learn one task."""
        X, y = samples(self, X, y, dtype=REALS)
        _check_estimator("readout", self.readout)
        self.classes_ = np.asarray(classes)
        self.readouts_ = getattr(self, "readouts_", {})
        mine = tuple(np.unique(y))
        self.readouts_.setdefault(mine, clone(self.readout)).partial_fit(X, y, classes=mine)
        return self

    def decision_function(self, X: Array) -> Array:
        scores = np.full((len(X), len(self.classes_)), -np.inf)
        for mine, readout in self.readouts_.items():
            found = readout.decision_function(X)
            found = found if found.ndim == 2 else np.stack([-found, found], axis=1)
            scores[:, np.searchsorted(self.classes_, mine)] = found
        return scores


@dataclass(eq=False, repr=False)
class AccumulatedLeastSquares(_Chosen):
    """Ridge regression to the classes from sums over all samples so far: equals the joint fit.

    Parameters
    ----------
    ridge : float
        In units of the mean eigenvalue of the inputs' second moments.
    """

    ridge: float = 1e-3

    def partial_fit(self, X: Array, y: NDArray, classes: ArrayLike) -> Self:
        """Add samples to the sums."""
        checks.number("ridge", self.ridge, at_least=0)
        X, y = samples(self, X, y, dtype=REALS)
        X = _with_bias(X)
        if not hasattr(self, "moments_"):
            self.classes_ = np.asarray(classes)
            self.moments_ = np.zeros((X.shape[1], X.shape[1]))
            self.targets_ = np.zeros((X.shape[1], len(self.classes_)))
        self.moments_ += X.T @ X
        self.targets_ += X.T @ (y[:, None] == self.classes_).astype(X.dtype)
        size = len(self.moments_)
        ridge = self.ridge * np.trace(self.moments_) / size * np.eye(size)
        self.weights_ = solve(self.moments_ + ridge, self.targets_, assume_a="pos")
        return self

    def decision_function(self, X: Array) -> Array:
        return _with_bias(X) @ self.weights_.astype(X.dtype)


@dataclass(eq=False, repr=False)
class ProtectedNetwork(_Chosen):
    """Layered network that learns a task with every call of `partial_fit`.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers.
    protection : {"none", "ewc", "si", "mas", "first"}
    strength : float
        Lambda of the penalty.
    replay : int
        Samples kept, a uniform draw of all so far; each window comes with as many of them as it
        has new samples.
    separate_tasks : bool
        The readout compares only the classes in a call, for tests with known tasks.
    learning_rate, readout_learning_rate : float
        Of Adam, for hidden layers and readout.
    window : int
        Samples between two steps.
    random_state : int

    Attributes
    ----------
    weights_ : list of ndarray
        Of all layers, the readout last; the last row of each is the bias.
    """

    hidden: tuple[int, ...] = (128, 64)
    _: KW_ONLY
    protection: str = "none"
    strength: float = 0.0
    replay: int = 0
    separate_tasks: bool = False
    learning_rate: float = 1e-3
    readout_learning_rate: float = 3e-3
    window: int = 32
    random_state: int = 0

    def partial_fit(self, X: Array, y: NDArray, classes: ArrayLike) -> Self:
        """Learn a task from samples in the order given, then note what was important for it."""
        X, y = samples(self, X, y, dtype=REALS)
        if not hasattr(self, "weights_"):
            self._begin(X.shape[1], np.asarray(classes))
        labels = np.searchsorted(self.classes_, y)
        compared = np.isin(np.arange(len(self.classes_)), labels) | (not self.separate_tasks)
        self._gained = [np.zeros_like(w) for w in self.weights_]
        for start in range(0, len(X), self.window):
            part = slice(start, start + self.window)
            self._learn(*self._with_replay(X[part], labels[part], compared))
        self._consolidate(X, labels, compared)
        return self

    def decision_function(self, X: Array) -> Array:
        return self._forward(X)[-1]

    def _begin(self, features: int, classes: NDArray) -> None:
        hidden = checks.sizes("hidden", self.hidden, at_least=1)
        checks.choice("protection", self.protection, ("none", "first", *PENALTIES))
        checks.number("strength", self.strength, at_least=0)
        checks.whole("replay", self.replay, at_least=0)
        checks.truth("separate_tasks", self.separate_tasks)
        checks.number("learning_rate", self.learning_rate, at_least=0)
        checks.number("readout_learning_rate", self.readout_learning_rate, at_least=0)
        checks.whole("window", self.window, at_least=1)
        self._rng = np.random.default_rng(checks.seed("random_state", self.random_state))
        self.classes_ = classes
        sizes = (features, *hidden)
        self.weights_ = [_drawn(self._rng, *pair) for pair in itertools.pairwise(sizes)]
        self.weights_.append(np.zeros((sizes[-1] + 1, len(classes)), np.float32))
        self._anchors = [w.copy() for w in self.weights_]
        self._importance = [np.zeros_like(w) for w in self.weights_]
        self._moments = [[np.zeros_like(w), np.zeros_like(w)] for w in self.weights_]
        self._steps = self._tasks_over = self._shown = 0
        self._kept: list[tuple[Array, int, NDArray]] = []

    def _with_replay(
        self, X: Array, labels: NDArray, compared: NDArray
    ) -> tuple[Array, NDArray, NDArray]:
        """Add kept samples, each with the classes that it is told apart from."""
        if not self.replay:
            return X, labels, compared
        kept = len(self._kept)
        drawn = [self._kept[k] for k in self._rng.integers(kept, size=len(X))] if kept else []
        for x, label in zip(X, labels, strict=True):
            # Reservoir sampling: each sample so far is kept with the same probability.
            self._shown += 1
            if kept < self.replay:
                self._kept.append((x, label, compared))
                kept += 1
            elif (place := self._rng.integers(self._shown)) < self.replay:
                self._kept[place] = (x, label, compared)
        if not drawn:
            return X, labels, compared
        old, old_labels, old_compared = zip(*drawn, strict=True)
        now = np.broadcast_to(compared, (len(X), len(compared)))
        return (
            np.concatenate([X, old]),
            np.concatenate([labels, old_labels]),
            np.concatenate([now, old_compared]),
        )

    def _forward(self, X: Array) -> tuple[list[Any], Array, Array]:
        layers = []
        for w in self.weights_[:-1]:
            x = _with_bias(X)
            u = x @ w
            X, deviation = layer_norm(np.maximum(u, 0))
            layers.append((x, u, X, deviation))
        x = _with_bias(X)
        return layers, x, x @ self.weights_[-1]

    def _back(self, layers: list[Any], error: Array) -> list[Array]:
        """Carry errors of the logits to the summed inputs of all layers."""
        errors = [error]
        for (_, u, z, deviation), above in zip(layers[::-1], self.weights_[:0:-1], strict=True):
            back = layer_norm_gradient(errors[0] @ above[:-1].T, z, deviation)
            errors.insert(0, back * (u > 0))
        return errors

    def _learn(self, X: Array, labels: NDArray, compared: NDArray) -> None:
        layers, top, logits = self._forward(X)
        errors = self._back(layers, _cross_entropy_error(logits, labels, compared))
        inputs = [layer[0] for layer in layers] + [top]
        self._steps += 1
        for i, (x, delta) in enumerate(zip(inputs, errors, strict=True)):
            hidden = i < len(layers)
            if hidden and self.protection == "first" and self._tasks_over:
                continue
            gradient = pulled = x.T @ delta / np.float32(len(X))
            if self.protection in PENALTIES and self._tasks_over:
                pull = self._importance[i] * (self.weights_[i] - self._anchors[i])
                pulled = gradient + np.float32(self.strength) * pull
            mean, square = self._moments[i]
            step, *self._moments[i] = adam(
                pulled,
                mean,
                square,
                self._steps,
                self.learning_rate if hidden else self.readout_learning_rate,
                decays=DECAYS,
                floors=FLOORS,
            )
            if not hidden:
                # Without new gradients, momentum would carry the readouts of other tasks on.
                step *= np.atleast_2d(compared).any(axis=0)
            if self.protection == "si":
                self._gained[i] += gradient * step
            self.weights_[i] -= step

    def _consolidate(self, X: Array, labels: NDArray, compared: NDArray) -> None:
        """Add what was important for the task that is over."""
        if self.protection in ("ewc", "mas"):
            some = self._rng.permutation(len(X))[:1000]
            layers, top, logits = self._forward(X[some])
            power, error = 1, logits * compared
            if self.protection == "ewc":
                # The Fisher information: labels drawn from what the network itself answers.
                p = np.cumsum(_probabilities(logits, compared), axis=1)
                drawn = np.sum(p < self._rng.random((len(some), 1)) * p[:, -1:], axis=1)
                power, error = 2, _cross_entropy_error(logits, drawn, compared)
            inputs = [layer[0] for layer in layers] + [top]
            for i, (x, delta) in enumerate(zip(inputs, self._back(layers, error), strict=True)):
                self._gained[i] = coincidences(np.abs(x) ** power, np.abs(delta) ** power)
                self._gained[i] /= np.float32(len(some))
        for importance, gained, w, anchor in zip(
            self._importance, self._gained, self.weights_, self._anchors, strict=True
        ):
            if self.protection == "si":
                gained = np.maximum(gained, 0) / ((w - anchor) ** 2 + 0.1)
            importance += gained
            anchor[...] = w
        self._tasks_over += 1


def _check_estimator(name: str, value: Any, *, optional: bool = False) -> None:
    """Refuse what scikit-learn could not copy."""
    if not (optional and value is None):
        checks.instance(name, value, BaseEstimator, "an estimator of scikit-learn's kind")


def _probabilities(logits: Array, compared: NDArray) -> Array:
    return softmax(np.where(compared, logits, np.float32(-1e9)))


def _cross_entropy_error(logits: Array, labels: NDArray, compared: NDArray) -> Array:
    error = _probabilities(logits, compared)
    error[np.arange(len(error)), labels] -= 1
    return error


def _drawn(rng: np.random.Generator, inputs: int, units: int) -> NDArray[np.float32]:
    """Draw weights of unit-variance sums, and biases of zero in the last row."""
    weights = np.zeros((inputs + 1, units), np.float32)
    weights[:-1] = rng.standard_normal((inputs, units)) / np.sqrt(inputs)
    return weights


def _with_bias(X: Array) -> Array:
    return np.concatenate([X, np.ones((len(X), 1), X.dtype)], axis=1)
