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
from dataclasses import KW_ONLY, dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.pools import PoolClassifier
from spikeconsol.bottleneck.settings import generator

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


@dataclass(eq=False, repr=False)
class MemoryClassifier(PoolClassifier):
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

    novelty: float = 60.0
    _: KW_ONLY
    replacement: str = "none"
    protection: float = 1000.0

    def _scores(self, X: NDArray) -> NDArray[np.floating]:
        """Minus the squared distance to the nearest cell of every class."""
        scores = np.full((len(X), len(self.classes_)), -np.inf, X.dtype)
        for number, taken in enumerate(self.recruited_):
            if taken:
                overlap = X @ self.centres_[number, :taken].T.astype(X.dtype, copy=False)
                scores[:, number] = np.max(2 * overlap - self._squares[number, :taken], axis=1)
        scores -= np.sum(X**2, axis=1, keepdims=True)
        return scores

    def _check_settings(self) -> None:
        super()._check_settings()
        checks.number("novelty", self.novelty, at_least=0, infinite=True)
        checks.choice("replacement", self.replacement, REPLACEMENTS)
        checks.number("protection", self.protection, above=0, infinite=True)

    def _begin(self, classes: NDArray, X: NDArray) -> None:
        self._rng = generator(self.random_state)
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

    def _learn(self, X: NDArray, labels: NDArray[np.int64]) -> None:
        # Of one layout in memory, for each of which the loop would be compiled again.
        X = np.require(X, self.centres_.dtype, ["C", "W"])
        fixed = self.plasticity != "use"
        self.used_ = np.empty(len(X), np.int64)
        _compiled()(
            X,
            labels,
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
