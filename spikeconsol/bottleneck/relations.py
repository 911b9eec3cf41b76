r"""What layers that learn from relations share in rates and in spikes: signals, checks, a readout.

A relation is a bit that says whether a sample is of the same class as the one shown some samples
before, or nothing but the order in time.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from spikeconsol import checks
from spikeconsol.bottleneck.hsic import Objective, cosine
from spikeconsol.bottleneck.memory import PastCodes
from spikeconsol.bottleneck.settings import GoingOn, samples
from spikeconsol.parameters import ParameterError

__all__ = [
    "OBJECTIVE",
    "RelationalEstimator",
    "agreement",
    "match_signal",
    "trace_signal",
    "window_signal",
]

Array = NDArray[np.floating]

#: No input term; the narrow code kernel leaves codes alone that are far apart.
OBJECTIVE = Objective(gamma=2.0, widths=(0.5, 0.1, 0.7), input_weight=0.0, code_weight=1.0)
#: Rate of the running mean of the code kernel.
KERNEL_RATE = 0.01
#: Samples after which memories are compared, so that what was there before does not count.
WARM_UP = 100


def match_signal(
    Z: Array,
    past: Array,
    relation: Array,
    kernel_mean: float,
    objective: Objective,
    *,
    kernel_rate: float = KERNEL_RATE,
) -> tuple[Array, float]:
    r"""Signal of n-back: like codes attract where the relation is 1, and repel where it is 0.

    .. math::
        \xi = [\gamma (r - \tfrac12) - 2 b (k - \bar k)]\, k\, (z - \hat z) / (S^2 d), \qquad
        k = k(z, \hat z)

    Parameters
    ----------
    Z, past : ndarray, shape (n, d)
        Codes, and those recalled.
    relation : ndarray, shape (n,)
        1 for a match, 0 for none.
    kernel_mean : float
        Running mean of k before these samples.
    kernel_rate : float
        Its rate.

    Returns
    -------
    signals : ndarray, shape (n, d)
    kernel_mean : float
        Running mean after these samples.
    """
    k = _kernel(Z, past, objective)
    means = np.empty_like(k)
    for t, value in enumerate(k):
        means[t] = kernel_mean
        kernel_mean += kernel_rate * (value - kernel_mean)
    push = objective.gamma * (relation - 0.5) - 2 * objective.code_weight * (k - means)
    return _scaled((push * k)[:, None] * (Z - past), objective), kernel_mean


def trace_signal(Z: Array, past: Array, objective: Objective) -> Array:
    r"""Signal of `Prototypes`, with traces of the past in place of classes.

    The first trace stands for what is like the sample. With a recent and an older one, f and g,

    .. math:: \xi = [\gamma - 2 b (k_f - k_g)]\,[k_f (z - f) - k_g (z - g)] / (S^2 d) .

    Parameters
    ----------
    Z : ndarray, shape (n, d)
    past : ndarray, shape (n, traces, d)
        Traces that are NaN do not count; where one is left, the signal is zero.
    """
    known = np.isfinite(past[:, :, 0])
    past = np.where(known[:, :, None], past, 0.0)
    k = _kernel(Z[:, None], past, objective)
    a = 2 * objective.code_weight * k
    a[:, 0] -= objective.gamma
    count = np.maximum(known.sum(axis=1, keepdims=True), 1)
    a = np.where(known, a - (a * known).sum(axis=1, keepdims=True) / count, 0.0)
    return _scaled(-2 * np.einsum("np,npd->nd", a * k, Z[:, None] - past), objective)


def window_signal(past: Array, near: float, objective: Objective) -> Array:
    """Exact signal of the newest code of each window under HSIC(time, code).

    Parameters
    ----------
    past : ndarray, shape (n, window, d)
        Codes, the newest last; NaN before the first sample.
    near : float
        Samples less than this apart in time count as alike.
    """
    _, window, d = past.shape
    known = np.isfinite(past[:, :, 0])
    codes = np.where(known[:, :, None], past, 0.0)
    square = np.einsum("npd,npd->np", codes, codes)
    distance = square[:, :, None] + square[:, None] - 2 * codes @ codes.transpose(0, 2, 1)
    kz = np.exp(-np.maximum(distance, 0) / (2 * objective.widths[2] ** 2 * d))
    apart = np.abs(np.subtract.outer(np.arange(window), np.arange(window)))
    pairs = known[:, :, None] & known[:, None]
    A = np.where(pairs, 2 * objective.code_weight * kz - objective.gamma * (apart < near), 0.0)
    held = known.sum(axis=1, keepdims=True)
    means = A.sum(axis=1) / held
    centred = A[:, -1] - means - means[:, -1:] + means.sum(axis=1, keepdims=True) / held
    pulls = np.where(known, centred * kz[:, -1], 0.0)
    weights = -2 / np.maximum(held - 1, 1) ** 2 * pulls
    return _scaled(
        weights.sum(axis=1, keepdims=True) * codes[:, -1] - np.einsum("np,npd->nd", weights, codes),
        objective,
    )


def _kernel(a: Array, b: Array, objective: Objective) -> Array:
    return np.exp(-np.mean((a - b) ** 2, axis=-1) / (2 * objective.widths[2] ** 2))


def _scaled(pulls: Array, objective: Objective) -> Array:
    return pulls / (objective.widths[2] ** 2 * pulls.shape[-1])


def agreement(
    exact: Array, signals: Array, wanted: Array, recalled: Array
) -> tuple[np.floating, np.floating]:
    """Compare a memory in use with an exact one, once what was there before is forgotten.

    Parameters
    ----------
    exact, signals : ndarray, shape (n, d)
        Signals by the exact memory and by the one in use.
    wanted, recalled : ndarray, shape (n, ...)
        Codes that the two recall; NaN where there is nothing to recall.

    Returns
    -------
    cosine, recall : float
        Mean cosine of the signals, and R2 of the recalled codes.
    """
    compared = np.any(exact != 0, axis=1)
    compared[:WARM_UP] = False
    wanted, recalled = wanted[WARM_UP:], recalled[WARM_UP:]
    spread = np.nansum((wanted - np.nanmean(wanted, axis=0)) ** 2)
    error = np.nansum((recalled - wanted) ** 2)
    return cosine(exact, signals)[compared].mean(), 1 - error / spread


@dataclass(eq=False, repr=False)
class RelationalEstimator(TransformerMixin, GoingOn):
    """Base of the networks that learn from relations; a readout is fitted to finished codes."""

    hidden: tuple[int, ...] = (32, 8)
    _: KW_ONLY
    memory: PastCodes | None = None
    lag: int = 4
    objective: Objective | None = None
    learning_rate: float = 2e-3
    final_rate: float = 0.02
    random_state: int | np.random.RandomState | None = None

    _free = ("objective", "learning_rate", "final_rate", "update_every", "target", "random_state")

    def transform(self, X: ArrayLike, layer: int = -1) -> Array:
        """Codes of one hidden layer (the last by default), shape (n, units)."""
        codes = self._layer_codes(self._seen(X))
        return codes[checks.whole("layer", layer, at_least=-len(codes), at_most=len(codes) - 1)]

    def fit_readout(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit a logistic readout of classes to the top code; no hidden layer changes."""
        self.readout_ = LogisticRegression(C=10.0, max_iter=1000).fit(self.transform(X), y)
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Most probable class of each sample; needs `fit_readout`."""
        check_is_fitted(self, "readout_")
        return self.readout_.predict(self.transform(X))

    def score(self, X: ArrayLike, y: ArrayLike) -> float:
        """Accuracy of the readout; needs `fit_readout`."""
        check_is_fitted(self, "readout_")
        return float(self.readout_.score(self.transform(X), y))

    # ------------------------------------------------------------------------------------ inside

    @property
    @abstractmethod
    def _description(self) -> PastCodes:
        """Return the memory, or the default one."""

    @abstractmethod
    def _layer_codes(self, X: Array) -> list[Array]:
        """Return the codes of all hidden layers."""

    @property
    def _objective(self) -> Objective:
        return OBJECTIVE if self.objective is None else self.objective

    def _check_settings(self) -> None:
        """Refuse impossible settings."""
        checks.sizes("hidden", self.hidden, at_least=2)
        if not isinstance(self._description, PastCodes):
            raise checks.wrong("memory", self.memory, "a memory of past codes")
        checks.instance("objective", self._objective, Objective, "an Objective")
        for name in ("lag", "update_every"):
            checks.whole(name, getattr(self, name, 1), at_least=1)
        checks.number("learning_rate", self.learning_rate, at_least=0)
        checks.number("final_rate", self.final_rate, at_least=0, at_most=1)
        checks.random_state("random_state", self.random_state)

    def _checked(self, X: Any, relation: Any, *, reset: bool) -> tuple[Array, Array]:
        """Check settings, samples and relations before anything is changed."""
        self._check_settings()
        X = samples(self, X, dtype=np.float64, order="C", reset=reset)
        if relation is None:
            if self._description.recalls in ("lag", "slots"):
                raise ParameterError(
                    f"relation: got None; allowed: one value per sample, for {self._description}"
                )
            return X, np.zeros(len(X))
        relation = checks.array("relation", relation).astype(float)
        if relation.shape != (len(X),) or not np.all((relation >= 0) & (relation <= 1)):
            raise ValueError(
                f"relation: got shape {relation.shape}; allowed: ({len(X)},), values from 0 to 1"
            )
        return X, relation

    def _seen(self, X: Any) -> Array:
        check_is_fitted(self, "weights_")
        return samples(self, X, dtype=np.float64, order="C", reset=False)
