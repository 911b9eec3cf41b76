r"""Memory cells that are told of relations, never of classes.

The cells are those of `MemoryClassifier` in one pool: the nearest one moves towards a sample by one
over its uses, and a free one takes a sample from which all are far. In place of a label comes a
bit r of n-back, which says whether a sample is of the class of the one shown some samples before.
Cells i and j that took the two are bonded by it, a Hebbian change with the bit as third factor,

.. math:: b_{ij} \leftarrow b_{ij} + 2 r - 1 .

Cells with positive bonds stand for the same class. Which cells a class has is read out at the end,
by spectral clustering of the bonds over the number of times the pair has met.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.cluster import SpectralClustering
from sklearn.metrics import pairwise_distances_argmin
from sklearn.utils.validation import check_is_fitted

from spikeconsol import checks
from spikeconsol.bottleneck.memory_classifier import MemoryClassifier
from spikeconsol.bottleneck.settings import GoingOn, samples

__all__ = ["RelationalMemory"]


@dataclass(eq=False, repr=False)
class RelationalMemory(GoingOn):
    """Prototypes from a stream, grouped by what is said of pairs of samples.

    Parameters
    ----------
    cells : int
    plasticity : "use" or float
    novelty : float
        As for `MemoryClassifier`.
    lag : int
        Samples between the two that a relation compares.

    Attributes
    ----------
    memory_ : MemoryClassifier
        The cells, in one pool.
    bonds_ : ndarray, shape (cells, cells)
        Matches less mismatches of each pair of cells.
    met_ : ndarray, shape (cells, cells)
        How often each pair has been compared.
    n_features_in_ : int

    Examples
    --------
    >>> from spikeconsol.data import digits_task, nback_stream
    >>> X, y, X_test, y_test = digits_task(0)
    >>> index, match = nback_stream(y, lag=2, length=6000, seed=0)
    >>> memory = RelationalMemory(150, novelty=3.0, lag=2).fit(X[index], match)
    >>> group = memory.groups(10)[memory.nearest(X_test)]
    >>> seven = group[y_test == 7]
    >>> bool(np.mean(seven == np.bincount(seven).argmax()) > 0.9)
    True
    """

    cells: int = 150
    plasticity: str | float = "use"
    novelty: float = 3.0
    _: KW_ONLY
    lag: int = 4

    memory_: MemoryClassifier = field(init=False)

    def fit(self, X: ArrayLike, relation: ArrayLike) -> Self:
        """Learn from the beginning, from samples of shape (n, features) in the order given.

        Parameters
        ----------
        X : array_like, shape (n, features)
        relation : array_like, shape (n,)
            1 where a sample is of the class of the one `lag` samples before, 0 where it is not.
        """
        return self._learn(*self._checked(X, relation, reset=True), first=True)

    def partial_fit(self, X: ArrayLike, relation: ArrayLike) -> Self:
        """Go on learning along the stream; arguments as for `fit`."""
        first = not hasattr(self, "memory_")
        return self._learn(*self._checked(X, relation, reset=first), first=first)

    def nearest(self, X: ArrayLike) -> NDArray[np.int64]:
        """Nearest cell of each sample, shape (n,)."""
        check_is_fitted(self)
        X = samples(self, X, dtype=np.float64, reset=False)
        return pairwise_distances_argmin(X, self.memory_.centres_[0, : self._taken])

    def groups(self, number: int) -> NDArray[np.int64]:
        """Group, from 0 to `number` - 1, of each cell in use, shape (cells in use,)."""
        check_is_fitted(self)
        number = checks.whole("number", number, at_least=2, at_most=self._taken - 1)
        bonds = self.bonds_ / np.maximum(self.met_, 1)
        # A trace of a bond between all, so that the graph hangs together.
        bonds = np.maximum(bonds[: self._taken, : self._taken], 0) + 1e-6
        clusters = SpectralClustering(number, affinity="precomputed", random_state=0)
        return clusters.fit_predict(bonds).astype(np.int64)

    @property
    def _taken(self) -> int:
        return int(self.memory_.recruited_[0])

    def _checked(self, X: Any, relation: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        checks.whole("lag", self.lag, at_least=1)
        X = samples(self, X, dtype=np.float64, reset=reset)
        relation = checks.array("relation", relation).astype(float)
        if relation.shape != (len(X),) or not np.all((relation >= 0) & (relation <= 1)):
            raise ValueError(
                f"relation: got shape {relation.shape}; allowed: ({len(X)},), values from 0 to 1"
            )
        return X, relation

    def _learn(self, X: NDArray, relation: NDArray, *, first: bool) -> Self:
        if first:
            self._note_settings()
            memory = MemoryClassifier(self.cells, self.plasticity, self.novelty)
        else:
            self._require_settings()
            memory = self.memory_
        memory.partial_fit(X, np.zeros(len(X), int), classes=[0])
        if first:
            self.memory_ = memory
            self.bonds_ = np.zeros((int(self.cells), int(self.cells)))
            self.met_ = np.zeros_like(self.bonds_)
            self._last = np.empty(0, np.int64)
        used = np.concatenate([self._last, memory.used_])
        pairs = max(len(used) - int(self.lag), 0)
        then, now = used[:pairs], used[len(used) - pairs :]
        told = 2 * relation[len(relation) - pairs :] - 1
        for ends in ((now, then), (then, now)):
            np.add.at(self.bonds_, ends, told)
            np.add.at(self.met_, ends, 1)
        self._last = used[-int(self.lag) :]
        return self
