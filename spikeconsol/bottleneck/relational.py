r"""Layers that learn from relations between samples, never from classes.

The only teacher is a bit that says whether a sample is of the same class as the one shown some
samples before (n-back), or nothing but time: samples that follow one another tend to be alike
(contiguity). Either way the signal of a layer compares its code with codes of the past, and those
must come from a memory; see `spikeconsol.bottleneck.memory`.
"""

from __future__ import annotations

import copy
from dataclasses import KW_ONLY, dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.hsic import layer_norm, layer_norm_gradient
from spikeconsol.bottleneck.memory import CodeReservoir, PastCodes
from spikeconsol.bottleneck.network import DECAYS
from spikeconsol.bottleneck.relations import (
    WARM_UP,
    RelationalEstimator,
    agreement,
    match_signal,
    trace_signal,
    window_signal,
)
from spikeconsol.bottleneck.settings import generator
from spikeconsol.optimise import adam

__all__ = ["RelationalBottleneck"]

Array = NDArray[np.floating]


@dataclass(eq=False, repr=False)
class RelationalBottleneck(RelationalEstimator):
    r"""Layered network whose hidden layers learn from relations to what they remember.

    A synapse changes by its presynaptic activity times the slope of the postsynaptic unit (local)
    times a signal :math:`\xi` that compares the layer's code with codes of the past (global). No
    class ever reaches a layer; a logistic readout is fitted to the finished codes.

    Parameters
    ----------
    hidden : tuple of int
        Units of the hidden layers: rectified, then normalised over the layer.
    memory : PastCodes, optional
        What every layer remembers its past by; a `CodeReservoir` of 400 cells by default. What it
        recalls decides the rule: one code, judged by the relation; a recent and an older trace, a
        window over time (neither needs a relation), or episodes (`Slots`), of which the relation
        says that the last one goes on.
    lag : int
        Samples between those that a relation compares.
    objective : Objective, optional
        gamma, code weight b and code width S; `relations.OBJECTIVE` by default.
    learning_rate : float
        Of Adam; 0 leaves the layers at random weights.
    final_rate : float
        The learning rate falls to this fraction along a cosine over `fit`; `partial_fit` does not
        lower it.
    update_every : int
        Samples over which changes are averaged before the weights change.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    weights_ : list of ndarray, shape (inputs + 1, units)
        The last row is the bias.
    memories_ : list of LiveMemory
    readout_ : sklearn.linear_model.LogisticRegression
        Once `fit_readout` has been called.
    n_features_in_ : int

    Notes
    -----
    Weights are drawn normal with variance 1/fan-in. Codes, memories and signals of samples between
    two changes of the weights are computed together; the numbers are those of one at a time.

    Examples
    --------
    >>> from spikeconsol.bottleneck.memory import Lag
    >>> from spikeconsol.data import digits_task, nback_stream
    >>> X, y, X_test, y_test = digits_task(0)
    >>> index, match = nback_stream(y, lag=2, length=3000, seed=0)
    >>> net = RelationalBottleneck((32, 8), memory=Lag(), lag=2, random_state=0)
    >>> net = net.fit(X[index], match).fit_readout(X, y)
    >>> bool(net.score(X_test, y_test) > 0.6)
    True
    """

    _: KW_ONLY
    learning_rate: float = 2e-3
    final_rate: float = 0.02
    update_every: int = 16

    def fit(self, X: ArrayLike, relation: ArrayLike | None = None) -> Self:
        """Learn from the beginning, from samples in the order of the stream.

        Parameters
        ----------
        X : array_like, shape (n, features)
        relation : array_like, shape (n,), optional
            1 where a sample is related to the remembered one, 0 where it is not; none for memories
            of time alone.

        Raises
        ------
        ParameterError
            If a setting is impossible, or the memory needs a relation and there is none.
        ValueError
            If X is not finite, or relations are not between 0 and 1.
        """
        X, relation = self._checked(X, relation, reset=True)
        self._begin(X.shape[1])
        progress = np.arange(len(X)) / len(X)
        schedule = self.final_rate + (1 - self.final_rate) * 0.5 * (1 + np.cos(np.pi * progress))
        return self._learn(X, relation, schedule)

    def partial_fit(self, X: ArrayLike, relation: ArrayLike | None = None) -> Self:
        """Go on learning along the stream at a constant learning rate; arguments as for `fit`."""
        first = not hasattr(self, "weights_")
        X, relation = self._checked(X, relation, reset=first)
        if first:
            self._begin(X.shape[1])
        self._require_settings()
        return self._learn(X, relation, np.ones(len(X)))

    def fidelity(
        self, X: ArrayLike, relation: ArrayLike | None, exact: PastCodes
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compare the memories in use with an exact one along a stream; nothing is learned.

        Parameters
        ----------
        X, relation
            As for `fit`; more than 100 samples.
        exact : PastCodes
            Memory that is right, which recalls codes of the same kind.

        Returns
        -------
        cosine : ndarray, shape (layers,)
            Mean cosine of a layer's signals to those of the exact memory.
        recall : ndarray, shape (layers,)
            R2 of the recalled codes.
        """
        X, told = self._checked(self._seen(X), relation, reset=False)
        if len(X) <= WARM_UP:
            raise ValueError(f"X: got {len(X)} samples; allowed: more than {WARM_UP}")
        cosines, recalls = [], []
        rng = np.random.default_rng(0)
        for layer, (codes, _, _) in enumerate(self._codes(X)):
            # The kernel's mean goes on from where learning left it, in both.
            live, mean = copy.deepcopy(self.memories_[layer]), self.kernel_means_[layer]
            right = exact.begin(codes.shape[1], self.lag, rng)
            wanted = right.recall(X, codes, told)
            found = live.recall(X, codes, told)
            ours, _ = self._signal(codes, found, live.told(told), mean)
            best, _ = self._signal(codes, wanted, told, mean)
            cosine, recall = agreement(best, ours, wanted, found)
            cosines.append(cosine)
            recalls.append(recall)
        return np.array(cosines), np.array(recalls)

    # ------------------------------------------------------------------------------------ inside

    @property
    def _description(self) -> PastCodes:
        return CodeReservoir() if self.memory is None else self.memory

    def _layer_codes(self, X: Array) -> list[Array]:
        return [codes for codes, _, _ in self._codes(X)]

    def _begin(self, inputs: int) -> None:
        """Draw a new network."""
        # Streams of their own, so that all memories start from the same weights.
        weights_rng, memory_rng = generator(self.random_state).spawn(2)
        hidden = checks.sizes("hidden", self.hidden, at_least=2)
        self.weights_ = []
        for below, units in zip([inputs, *hidden], hidden, strict=False):
            weights = weights_rng.standard_normal((below, units)) / np.sqrt(below)
            self.weights_.append(np.vstack([weights, np.zeros(units)]))
        self.memories_ = [
            self._description.begin(units, int(self.lag), own_rng)
            for units, own_rng in zip(hidden, memory_rng.spawn(len(hidden)), strict=True)
        ]
        self._note_settings()
        self.kernel_means_ = [0.5] * len(hidden)
        self._moments = [[np.zeros_like(weights)] * 2 for weights in self.weights_]
        self._updates = 0

    def _codes(self, X: Array) -> list[tuple[Array, Array, Array]]:
        """Codes, deviations and slopes of every layer."""
        layers = []
        for weights in self.weights_:
            membrane = X @ weights[:-1] + weights[-1]
            X, deviation = layer_norm(np.maximum(membrane, 0))
            layers.append((X, deviation, membrane > 0))
        return layers

    def _signal(
        self, codes: Array, past: Array, relation: Array, mean: float
    ) -> tuple[Array, float]:
        recalls, objective = self._description.recalls, self._objective
        if recalls == "lag":
            return match_signal(codes, past[:, 0], relation, mean, objective)
        if recalls == "window":
            return window_signal(past, self._description.near, objective), mean  # type: ignore[attr-defined]
        return trace_signal(codes, past, objective), mean

    def _learn(self, X: Array, relation: Array, schedule: Array) -> Self:
        told = [memory.told(relation) for memory in self.memories_]
        for start in range(0, len(X), self.update_every):
            part = slice(start, start + self.update_every)
            below = X[part]
            changes: list[Array] = []
            for layer, (codes, deviation, slope) in enumerate(self._codes(below)):
                heard = told[layer][part]
                past = self.memories_[layer].recall(X[part], codes, heard)
                signal, self.kernel_means_[layer] = self._signal(
                    codes, past, heard, self.kernel_means_[layer]
                )
                membrane = layer_norm_gradient(signal, codes, deviation) * slope
                changes.append(np.vstack([below.T @ membrane, membrane.sum(axis=0)]) / len(codes))
                below = codes
            self._update(changes, self.learning_rate * float(schedule[part].mean()))
        return self

    def _update(self, changes: list[Array], rate: float) -> None:
        """Descend by Adam."""
        self._updates += 1
        for weights, moments, change in zip(self.weights_, self._moments, changes, strict=True):
            mean, square = moments
            step, *moments[:] = adam(change, mean, square, self._updates, rate, decays=DECAYS)
            weights -= step
