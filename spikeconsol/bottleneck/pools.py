"""What both classifiers by pools of memory cells share, in rates and in spikes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted

from spikeconsol import checks
from spikeconsol.bottleneck.settings import GoingOn, class_numbers, require_classes, samples

__all__ = ["PoolClassifier"]


@dataclass(eq=False, repr=False)
class PoolClassifier(ClassifierMixin, GoingOn):
    """Base of the classifiers that keep a pool of memory cells for every class."""

    cells: int = 100
    plasticity: str | float = "use"
    novelty: float = 60.0
    _: KW_ONLY
    random_state: int | np.random.RandomState | None = None

    _free = ("plasticity", "novelty", "replacement", "protection", "target", "random_state")

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from the beginning, from samples of shape (n, features) in the order given."""
        X, y = self._checked(X, y, reset=True)
        self._begin(unique_labels(y), X)
        self._note_settings()
        self._learn(X, class_numbers(y, self.classes_))
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Go on learning from samples in the order given.

        Parameters
        ----------
        X, y, classes
            As for `BottleneckClassifier.partial_fit`.
        """
        first = not hasattr(self, "classes_")
        X, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: got None; allowed: all classes, at the first call")
            self._begin(unique_labels(classes), X)
            self._note_settings()
        elif classes is not None:
            require_classes(unique_labels(classes), self.classes_)
        self._require_settings()
        self._learn(X, class_numbers(y, self.classes_))
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Score of every class, by its best cell.

        Returns
        -------
        ndarray, shape (n, classes); for two classes (n,), the difference of the second to the first
        """
        check_is_fitted(self, "classes_")
        X = samples(self, X, dtype=[np.float64, np.float32], reset=False)
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray:
        """Class with the best cell for each sample, shape (n,)."""
        scores = self.decision_function(X)
        best = np.argmax(scores, axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[best]

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        """Check settings and samples before anything is changed."""
        self._check_settings()
        X, y = samples(self, X, y, dtype=[np.float64, np.float32], order="C", reset=reset)
        check_classification_targets(y)
        return X, y

    def _check_settings(self) -> None:
        checks.whole("cells", self.cells, at_least=1)
        if not (isinstance(self.plasticity, str) and self.plasticity == "use"):
            try:
                checks.number("plasticity", self.plasticity, at_least=0, at_most=1)
            except ValueError:
                allowed = "'use' or a number from 0 to 1"
                raise checks.wrong("plasticity", self.plasticity, allowed) from None
        checks.random_state("random_state", self.random_state)

    # ------------------------------------------------------------- what rates and spikes say

    @abstractmethod
    def _begin(self, classes: NDArray, X: NDArray) -> None:
        """Draw free cells for samples such as those given."""

    @abstractmethod
    def _learn(self, X: NDArray, labels: NDArray[np.int64]) -> None:
        """Show samples to the pools of their classes, one after another."""

    @abstractmethod
    def _scores(self, X: NDArray) -> NDArray[np.floating]:
        """Return the score of every class, shape (n, classes)."""
