r"""Classification by memory cells whose plasticity falls with their own use.

A pool of cells for every class; each cell holds a prototype :math:`m` in its synapses. Of the
cells of the sample's class the nearest one moves towards the sample,

.. math:: m \leftarrow m + (x - m) / n,

where :math:`n` counts how often it has been used, and a free cell takes a sample from which all
others are further than the novelty threshold, :math:`|x - m|^2 > \theta`.

The count is a curvature. What a cell has been used for is lost by
:math:`E(m) = \frac12 \sum_t |x_t - m|^2`, whose Hessian is :math:`n` times the identity. The step
is the gradient of the newest sample over the curvature of all samples, a Newton step, and
:math:`m` stays at the minimum of E. A fixed rate :math:`\alpha` is the same step with a leaky
count, :math:`n \leftarrow (1 - \alpha) n + 1`, which ends at :math:`1 / \alpha`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from spikeconsol.parameters import ParameterError

__all__ = ["REPLACEMENTS", "MemoryClassifier"]

#: What becomes of a new sample when its pool is full.
REPLACEMENTS = (
    "none",
    "oldest",
    "random",
    "least_used",
    "least_recent",
    "weakest",
    "gate",
    "shuffled",
)


class MemoryClassifier(ClassifierMixin, BaseEstimator):
    r"""Nearest-prototype classifier that learns from a stream, without being told of tasks.

    Parameters
    ----------
    cells : int
        Memory cells of every class.
    plasticity : "use" or float
        ``"use"``: a cell moves by 1 / (number of its uses). A number from 0 to 1: every cell
        moves at this rate.
    novelty : float
        Squared distance above which a free cell is recruited. 0: in order of arrival.
    replacement : str
        Which cell gives way to a novel sample when all are taken. ``"none"``: none, the nearest
        moves instead; the ``"oldest"``; a ``"random"`` one; the ``"least_used"``; the
        ``"least_recent"``; the ``"weakest"``, with the smallest use trace; ``"gate"``: a random
        one whose protection has run out, none if there is none; ``"shuffled"``: the same with
        protection dealt out to cells at random.
    protection : float
        Samples of its class for which a cell that has been used once is protected by the gate:
        its use trace decays by exp(-1 / `protection`) a sample, grows by 1 with every use, and
        protects the cell while it is above 1/e.
    random_state : int, RandomState instance or None
        Draws the cells that give way at random.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
    centres_ : ndarray, shape (classes, cells, features)
        Prototypes; only the first ``recruited_`` of each class are in use.
    uses_ : ndarray of int, shape (classes, cells)
    recruited_ : ndarray of int, shape (classes,)
    replaced_ : ndarray of int, shape (classes,)
        Cells that have given way.
    used_ : ndarray of int, shape (n,)
        Cell of its class's pool that took each sample of the last call.
    n_features_in_ : int

    Notes
    -----
    Compiled with numba where it is installed (the extra ``fast``), from the same source.

    Examples
    --------
    >>> from spikeconsol.data import digits_task, task_stream
    >>> split = digits_task(0)
    >>> memory = MemoryClassifier(cells=50, novelty=3.0)
    >>> stream = task_stream(split.X, split.y, "domain", seed=0)
    >>> for task in stream:
    ...     memory = memory.partial_fit(task.X, task.y, classes=stream.classes)
    >>> bool(np.mean(memory.predict(split.X_test) == split.y_test % 2) > 0.9)
    True
    """

    def __init__(
        self,
        cells: int = 100,
        plasticity: str | float = "use",
        novelty: float = 60.0,
        *,
        replacement: str = "none",
        protection: float = 1000.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.cells = cells
        self.plasticity = plasticity
        self.novelty = novelty
        self.replacement = replacement
        self.protection = protection
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Learn from the beginning, from samples of shape (n, features) in the order given."""
        X, y = self._checked(X, y, reset=True)
        self._begin(unique_labels(y), X)
        return self._learn(X, y)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None) -> Self:
        """Go on learning from samples in the order given.

        Parameters
        ----------
        X : array_like, shape (n, features)
        y : array_like, shape (n,)
        classes : array_like, optional
            All classes that will ever be shown; needed at the first call.
        """
        first = not hasattr(self, "classes_")
        X, y = self._checked(X, y, reset=first)
        if first:
            if classes is None:
                raise ValueError("classes: got None; allowed: all classes, at the first call")
            self._begin(unique_labels(classes), X)
        elif classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise ValueError(
                f"classes: got {classes!r}; allowed: {self.classes_.tolist()}, as at first"
            )
        return self._learn(X.astype(self.centres_.dtype, copy=False), y)

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating]:
        """Score of every class: minus the squared distance to its nearest cell.

        Returns
        -------
        ndarray, shape (n, classes); for two classes (n,), the difference of the second to the first
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        scores = np.full((len(X), len(self.classes_)), -np.inf, X.dtype)
        for number, taken in enumerate(self.recruited_):
            if taken:
                overlap = X @ self.centres_[number, :taken].T.astype(X.dtype, copy=False)
                scores[:, number] = np.max(2 * overlap - self._squares[number, :taken], axis=1)
        scores -= np.sum(X**2, axis=1, keepdims=True)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: ArrayLike) -> NDArray:
        """Class of the nearest cell of each sample, shape (n,)."""
        scores = self.decision_function(X)
        best = np.argmax(scores, axis=1) if scores.ndim == 2 else (scores > 0).astype(int)
        return self.classes_[best]

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        """Check settings and samples before anything is changed."""
        if isinstance(self.cells, bool) or self.cells != int(self.cells) or self.cells < 1:
            raise ParameterError(f"cells: got {self.cells!r}; allowed: a whole number >= 1")
        rate = 1.0 if self.plasticity == "use" else self.plasticity
        if isinstance(rate, str | bool) or not 0 <= rate <= 1:
            raise ParameterError(
                f"plasticity: got {self.plasticity!r}; allowed: 'use' or a number from 0 to 1"
            )
        if not self.novelty >= 0:
            raise ParameterError(f"novelty: got {self.novelty!r}; allowed: >= 0")
        if self.replacement not in REPLACEMENTS:
            raise ParameterError(
                f"replacement: got {self.replacement!r}; allowed: {', '.join(REPLACEMENTS)}"
            )
        if not self.protection > 0:
            raise ParameterError(f"protection: got {self.protection!r}; allowed: > 0")
        X, y = validate_data(self, X, y, dtype=[np.float64, np.float32], order="C", reset=reset)
        check_classification_targets(y)
        return X, y

    def _begin(self, classes: NDArray, X: NDArray) -> None:
        rng = self.random_state
        if isinstance(rng, np.random.RandomState):
            rng = rng.randint(2**31)
        self._rng = np.random.default_rng(rng)
        pools = (len(classes), int(self.cells))
        self.classes_ = classes
        self.centres_ = np.zeros((*pools, X.shape[1]), X.dtype)
        self._squares = np.zeros(pools, X.dtype)
        self.uses_ = np.zeros(pools, np.int64)
        self.recruited_ = np.zeros(len(classes), np.int64)
        self.replaced_ = np.zeros(len(classes), np.int64)
        self._born = np.zeros(pools, np.int64)
        self._last_use = np.zeros(pools, np.int64)
        self._traces = np.zeros(pools)  # as they were when the cell was last used
        self._clocks = np.zeros(len(classes), np.int64)

    def _learn(self, X: NDArray, y: NDArray) -> Self:
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"y: got class {unknown[0]}; allowed: {self.classes_.tolist()}")
        fixed = self.plasticity != "use"
        self.used_ = np.empty(len(X), np.int64)
        _compiled()(
            X,
            np.searchsorted(self.classes_, y),
            self.used_,
            self.centres_,
            self._squares,
            self.uses_,
            self.recruited_,
            self.replaced_,
            self._born,
            self._last_use,
            self._traces,
            self._clocks,
            X.dtype.type(self.plasticity if fixed else -1),
            float(self.novelty),
            REPLACEMENTS.index(self.replacement),
            math.exp(-1 / self.protection),
            self._rng.random(len(X)),
        )
        return self


@cache
def _compiled() -> Callable[..., None]:
    """Return the loop over samples, compiled where numba is installed."""
    try:
        import numba
    except ImportError:
        return _store
    return numba.njit(cache=True, error_model="numpy")(_store)


def _store(  # type: ignore[no-untyped-def]
    X, labels, used, centres, squares, uses, recruited, replaced, born, last_use, traces, clocks,
    rate, novelty, replacement, decay, draws,
):  # fmt: skip
    """Show samples to the cells of their classes, one after another."""
    for t in range(len(X)):
        x, pool = X[t], labels[t]
        taken = recruited[pool]
        clocks[pool] += 1
        now = clocks[pool]
        cell: Any = 0
        novel: Any = True
        if taken:
            distance = squares[pool][:taken] - 2 * np.dot(centres[pool][:taken], x)
            cell = np.argmin(distance)
            novel = distance[cell] + np.dot(x, x) > novelty
        if novel and taken < centres.shape[1]:
            cell = taken
            recruited[pool] += 1
        elif novel:
            new: Any = -1
            if replacement == 1:  # oldest
                new = np.argmin(born[pool])
            elif replacement == 2:  # random
                new = int(draws[t] * taken)
            elif replacement == 3:  # least used
                new = np.argmin(uses[pool])
            elif replacement == 4:  # least recent
                new = np.argmin(last_use[pool])
            elif replacement >= 5:
                trace = traces[pool] * decay ** (now - last_use[pool])
                unprotected = np.flatnonzero(trace < np.exp(-1.0))
                if replacement == 5:  # weakest
                    new = np.argmin(trace)
                elif len(unprotected) and replacement == 6:  # gate
                    new = unprotected[int(draws[t] * len(unprotected))]
                elif len(unprotected):  # shuffled: as many are unprotected, but any cells
                    new = int(draws[t] * taken)
            novel = new >= 0
            if novel:
                cell = new
                replaced[pool] += 1
        if novel:
            uses[pool, cell] = 0
            traces[pool, cell] = 0
            born[pool, cell] = now
        uses[pool, cell] += 1
        traces[pool, cell] = 1 + traces[pool, cell] * decay ** (now - last_use[pool, cell])
        last_use[pool, cell] = now
        used[t] = cell
        m = centres[pool, cell]
        step = 1 / uses[pool, cell] if novel or rate < 0 else rate
        m += X.dtype.type(step) * (x - m)
        squares[pool, cell] = np.dot(m, m)
