"""What both classifiers share: settings that are objects, and scikit-learn's way of fitting."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import (
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from spikeconsol import checks, progress_bar
from spikeconsol.bottleneck import archive
from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory import Memory
from spikeconsol.bottleneck.parameters import Optimiser, Protection
from spikeconsol.bottleneck.settings import (
    ObjectSettings,
    chosen,
    class_numbers,
    generator,
    require_classes,
    samples,
)
from spikeconsol.bottleneck.signals import Signal
from spikeconsol.optimise import softmax
from spikeconsol.parameters import ParameterError
from spikeconsol.plain import described, remade

__all__ = ["BottleneckEstimator"]


@dataclass(eq=False, repr=False)
class BottleneckEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, ObjectSettings
):
    """Base of the classifiers: everything that does not depend on rates or spikes."""

    hidden: tuple[int, ...] = (64, 16)
    _: KW_ONLY
    objective: Objective | None = None
    memory: Memory | str = "window"
    signal: Signal | str = "exact"
    optimiser: Optimiser | str | None = None
    protection: Protection | None = None
    epochs: int = 10
    verbose: int = 0
    warm_start: bool = False
    random_state: int | np.random.RandomState | None = None

    _kinds: ClassVar = {
        "objective": Objective,
        "memory": Memory,
        "signal": Signal,
        "optimiser": Optimiser,
        "protection": Protection,
    }
    _free: ClassVar[frozenset[str]] = frozenset(
        {"optimiser", "epochs", "verbose", "warm_start", "random_state", "backend", "target"}
    )

    _objective = chosen("objective", Objective)
    _optimiser = chosen("optimiser", Optimiser)
    _protection = chosen("protection", Protection)
    _signal = chosen("signal", Signal)
    _memory = chosen("memory", Memory)

    # ----------------------------------------------------------------------------- fitting

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        checkpoint: str | Path | None = None,
        on_epoch: Callable[[Self], None] | None = None,
    ) -> Self:
        """Learn from the beginning, `epochs` times through the samples.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional
            Factors on the changes that samples cause; those of weight 0 are not shown at all.
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
        goes_on = checks.truth("warm_start", self.warm_start) and hasattr(self, "classes_")
        X, y, weight = self._checked(X, y, sample_weight, reset=not goes_on)
        if checkpoint is not None and self.warm_start:
            raise ParameterError("warm_start: got True; allowed: False, with a checkpoint")
        if checkpoint is not None and Path(checkpoint).exists():
            saved = archive.read(Path(checkpoint))
            self._restore(saved, self.get_params(deep=False), checkpoint)
        elif goes_on:
            self._require_same(unique_labels(y))
        else:
            self._begin_anew(unique_labels(y), X)
        labels = self._encode(y)
        before = self.n_epochs_ if goes_on else 0
        total = self.epochs * len(X)
        epochs = range(self.n_epochs_ - before, self.epochs)
        for epoch in progress_bar.steps_of(epochs, "fit", len(epochs)):
            began = time.perf_counter()
            order = self._order_rng.permutation(len(X))
            progress = (epoch * len(X) + np.arange(len(X))) / total
            self._learn(X[order], labels[order], self._schedule(progress), weight[order])
            self.n_epochs_ += 1
            if self.verbose:
                print(f"epoch {epoch + 1}/{self.epochs}: {time.perf_counter() - began:.2g} s")
            if checkpoint is not None:
                self.save(checkpoint)
            if on_epoch is not None:
                on_epoch(self)
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Go on learning from samples in the order given, at constant learning rates.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        classes : array_like, optional
            All classes that will ever be shown; needed at the first call.
        sample_weight : array_like, shape (n,), optional
            As in `fit`.

        Raises
        ------
        ParameterError
            If a setting has changed that cannot while a network learns.
        """
        X, labels, weight = self._begun(X, y, classes, sample_weight)
        if self._protection.separate_tasks:
            self._compare_only(np.unique(labels))
        self._learn(X, labels, np.ones(len(X)), weight)
        if self._protection.importance != "none":
            self._damp()
        return self

    def _begun(
        self, X: Any, y: Any, classes: ArrayLike | None, sample_weight: ArrayLike | None = None
    ) -> tuple[NDArray, NDArray[np.int64], NDArray]:
        """Check samples, and draw the network at the first call."""
        first = not hasattr(self, "classes_")
        X, y, weight = self._checked(X, y, sample_weight, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: got None; allowed: all classes, at the first call")
            self._begin_anew(unique_labels(classes), X)
        else:
            self._require_same(None if classes is None else unique_labels(classes))
        return X, self._encode(y), weight

    def _require_same(self, classes: NDArray | None) -> None:
        """Refuse to go on with other classes or settings than the network was made for."""
        if classes is not None:
            require_classes(classes, self.classes_)
        self._require_settings()

    def _checked(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Check settings and samples before anything is changed."""
        for name in self._kinds:
            self._chosen(name)
        checks.sizes("hidden", self.hidden, at_least=1)
        checks.whole("epochs", self.epochs, at_least=1)
        checks.whole("verbose", int(self.verbose) if self.verbose is True else self.verbose)
        checks.truth("warm_start", self.warm_start)
        checks.random_state("random_state", self.random_state)
        if self._signal.variant != "exact" and not self._memory.follows_variants:
            raise ParameterError(
                f"memory: got {self.memory!r}; allowed: window, for {self._signal.variant}"
            )
        self._check_settings()
        X, y = samples(self, X, y, dtype=[np.float64, np.float32], order="C", reset=reset)
        check_classification_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        if sample_weight is not None:
            X, y, weight = X[weight > 0], y[weight > 0], weight[weight > 0]
        return X, y, weight

    def _seen(self, X: Any) -> NDArray:
        check_is_fitted(self, "classes_")
        return samples(self, X, dtype=[np.float64, np.float32], order="C", reset=False)

    def _encode(self, y: ArrayLike) -> NDArray[np.int64]:
        return class_numbers(y, self.classes_)

    def _begin_anew(self, classes: NDArray, X: NDArray) -> None:
        """Draw random streams and a new network."""
        # Streams of their own, so that all signals and memories start from the same weights.
        weights_rng, order_rng, memory_rng, noise_rng = generator(self.random_state).spawn(4)
        hidden = checks.sizes("hidden", self.hidden, at_least=1)
        self._begin(X, [X.shape[1], *hidden, len(classes)], (weights_rng, memory_rng))
        self._order_rng, self._memory_rng, self._noise_rng = order_rng, memory_rng, noise_rng
        self._label_counts = np.zeros(len(classes), np.int64)
        self._n_features_out = hidden[-1]
        self.classes_ = classes
        self.n_epochs_ = 0
        self._note_settings()

    def _told(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the labels that the memory is told."""
        if not self._signal.misinforms:
            return labels
        frequencies = self._label_counts / self._label_counts.sum()
        return self._order_rng.choice(len(frequencies), size=len(labels), p=frequencies)

    # ------------------------------------------------------------- what rates and spikes say

    def _check_settings(self) -> None:
        """Refuse settings that do not go together."""

    @abstractmethod
    def _begin(self, X: NDArray, sizes: list[int], rngs: Sequence[np.random.Generator]) -> None:
        """Draw a new network of inputs, hidden layers and classes, and its memories."""

    @abstractmethod
    def _learn(
        self, X: NDArray, labels: NDArray[np.int64], schedule: NDArray, weight: NDArray
    ) -> Any:
        """Learn from samples in the order given."""

    @abstractmethod
    def _schedule(self, progress: NDArray) -> NDArray:
        """Return the factor on the learning rates at a progress from 0 to 1."""

    @abstractmethod
    def _compare_only(self, labels: NDArray[np.int64]) -> None:
        """Let the readout compare only some classes."""

    @abstractmethod
    def _damp(self) -> None:
        """Take account of what has been important so far."""

    @abstractmethod
    def _arrays(self) -> dict[str, NDArray]:
        """Return the live arrays of the network."""

    @abstractmethod
    def _logits(self, X: NDArray) -> NDArray[np.floating]:
        """Return the output of the readout, shape (n, classes)."""

    @abstractmethod
    def _codes(self, X: NDArray) -> list[NDArray[np.floating]]:
        """Return the codes of all hidden layers."""

    # -------------------------------------------------------------------------- predicting

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating]:
        """Probabilities of the classes, shape (n, classes)."""
        return softmax(self._logits(self._seen(X)))

    def predict(self, X: ArrayLike) -> NDArray:
        """Most probable class of each sample, shape (n,)."""
        X = self._seen(X)
        return self.classes_[np.argmax(self._logits(X), axis=1)]

    def score_task(self, X: ArrayLike, y: ArrayLike) -> float:
        """Accuracy if it is known that only the classes in y occur."""
        X, y = self._seen(X), np.asarray(y)
        mine = np.unique(self._encode(y))
        chosen = mine[np.argmax(self._logits(X)[:, mine], axis=1)]
        return float(np.mean(self.classes_[chosen] == y))

    def transform(self, X: ArrayLike, layer: int = -1) -> NDArray[np.floating]:
        """Codes of one hidden layer (the last by default), shape (n, units)."""
        codes = self._codes(self._seen(X))
        return codes[checks.whole("layer", layer, at_least=-len(codes), at_most=len(codes) - 1)]

    # ------------------------------------------------------------------------------- files

    def save(self, path: str | Path) -> None:
        """Write settings, weights, memories and random state to a sealed NetCDF file."""
        check_is_fitted(self, "classes_")
        settings = self.get_params(deep=False)
        streams = ("_order_rng", "_memory_rng", "_noise_rng")
        about = {
            "parameters": {name: described(value) for name, value in settings.items()},
            "streams": {name: getattr(self, name).bit_generator.state for name in streams},
            "n_epochs": self.n_epochs_,
            "n_features": self.n_features_in_,
        }
        learned = {"classes": self.classes_, "label_counts": self._label_counts}
        if hasattr(self, "feature_names_in_"):
            learned["feature_names"] = self.feature_names_in_.astype(str)
        archive.write(Path(path), about, learned | self._arrays())

    @classmethod
    def load(cls, path: str | Path, **objects: Any) -> Self:
        """Read what `save` wrote; learning can go on as if it had never stopped.

        Parameters
        ----------
        path : path
        **objects
            Settings that are objects of classes of your own, for example ``memory=MyMemory()``.

        Raises
        ------
        ResultError
            If the file is missing, damaged, or holds something else.
        """
        saved = archive.read(Path(path))
        settings = {
            name: objects[name] if name in objects else remade(value, name)
            for name, value in saved[0]["parameters"].items()
        }
        net = cls(**settings)
        net._restore(saved, settings, path)
        return net

    def _restore(
        self,
        saved: tuple[dict[str, Any], dict[str, NDArray]],
        settings: dict[str, Any],
        path: str | Path,
    ) -> None:
        about, arrays = saved
        for name, value in about["parameters"].items():
            ours = described(settings[name])
            if name not in ("backend", "target", "verbose") and value != ours:
                raise ParameterError(
                    f"{name}: got {ours!r}; allowed: {value!r}, as in checkpoint {path}"
                )
        self._begin_again(about, arrays)
        for name, array in self._arrays().items():
            array[...] = arrays[name].reshape(array.shape)
        self._label_counts[...] = arrays["label_counts"]
        self.n_features_in_ = about["n_features"]
        if "feature_names" in arrays:
            self.feature_names_in_ = arrays["feature_names"].astype(object)
        self.n_epochs_ = about["n_epochs"]
        for name, state in about["streams"].items():
            getattr(self, name).bit_generator.state = state

    def _begin_again(self, about: dict[str, Any], arrays: dict[str, NDArray]) -> None:
        """Make a network into which a saved one fits."""
        dtype = arrays.get("weights.0", np.zeros(0)).dtype
        self._begin_anew(arrays["classes"], np.zeros((1, about["n_features"]), dtype))
