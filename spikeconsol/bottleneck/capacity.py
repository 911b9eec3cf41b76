"""How much of the past a memory holds, and how much of the exact signal can be read from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.hsic import Objective, cosine, sliding_signals
from spikeconsol.bottleneck.memory import Memory, Place, require_sample
from spikeconsol.bottleneck.memory.reservoir import ridge
from spikeconsol.parameters import ParameterError

__all__ = ["Capacity", "Recorded", "explained_variance", "memory_capacity"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Capacity:
    """What a memory holds, every figure measured on samples no readout was fitted to.

    Attributes
    ----------
    lag_r2 : ndarray, shape (lags,)
        R2 of a linear readout of the code shown 1, 2, ... samples before.
    readout_r2 : float
        R2 of the exact signal, read linearly from memory and current sample, one readout per
        class of the current sample.
    signal_r2, signal_cosine : float
        R2 and mean cosine of the memory's own signal with the exact one.
    memoryless_r2, memoryless_gated_r2 : float
        R2 of the exact signal from the current sample alone, with one readout for all classes
        and with one per class.
    """

    lag_r2: Array
    readout_r2: float
    signal_r2: float
    signal_cosine: float
    memoryless_r2: float
    memoryless_gated_r2: float


class Recorded(Memory):
    """What a memory inside a spiking network held and said, behind the surface of a memory.

    Parameters
    ----------
    traces : ndarray, shape (n, cells)
        Filtered spikes at the end of each of n samples, which are to be pushed in order.
    signals : ndarray, shape (n, units)
        Modulatory signals.
    """

    def __init__(self, traces: Array, signals: Array) -> None:
        self.traces, self.signals = traces, signals
        self.start(None)

    def start(self, place: Place | None) -> None:
        """Go back to before the first sample."""
        self.cursor = np.array([-1])  # sample

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Go on to the next sample."""
        self.cursor += 1

    def signal(self) -> Array:
        """Signal of the newest sample."""
        require_sample(self.cursor[0] + 1)
        return self.signals[self.cursor[0]]

    def features(self) -> Array:
        """Filtered spikes."""
        return self.traces[self.cursor[0]]


def memory_capacity(
    memory: Memory,
    X: Array,
    y: NDArray[np.int64],
    Z: Array,
    *,
    objective: Objective,
    window: int,
    lags: int = 12,
    train: float = 0.75,
    penalty: float = 1e-2,
) -> Capacity:
    """Measure what a memory holds along a stream of samples.

    Parameters
    ----------
    memory : Memory
        Taken as it is; samples are pushed into it. Turn learning off first.
    X, y, Z : ndarray, shapes (n, dx), (n,) and (n, d)
        Network inputs, classes and codes, in order.
    objective : Objective
    window : int
        Length of the exact window whose signal is the target.
    lags : int
        Longest lag.
    train : float
        Fraction of the stream, from its beginning, to which readouts are fitted.
    penalty : float
        Of the ridge regression, per sample and relative to the mean square of the features.
    """
    checks.instance("memory", memory, Memory)
    if not isinstance(memory, Recorded) and not hasattr(memory, "place"):
        raise checks.wrong("memory", memory, "one that serves a layer: memory.begin(Place(...))")
    checks.instance("objective", objective, Objective, "an Objective")
    X, Z = checks.array("X", X, ndim=2), checks.array("Z", Z, ndim=2)
    y = checks.array("y", y, ndim=1).astype(np.int64)
    checks.whole("window", window, at_least=2)
    checks.whole("lags", lags, at_least=1)
    checks.number("train", train, above=0, below=1)
    checks.number("penalty", penalty, at_least=0)
    if len({len(X), len(y), len(Z)}) > 1 or len(X) <= max(window - 1, lags) + 2:
        raise ParameterError(
            f"X, y, Z: got {len(X)}, {len(y)} and {len(Z)} samples; allowed: as many of each, more "
            f"than {max(window - 1, lags) + 2}"
        )
    checks.whole("y", int(np.min(y)), at_least=0)
    one_hot = np.eye(int(np.max(y)) + 1)[y]
    echoes, signals = [], []
    for x, label, z in zip(X, y, Z, strict=True):
        memory.push(x, int(label), z)
        echoes.append(memory.features())
        signals.append(memory.signal())
    first = max(window - 1, lags)  # from here on windows are full and all lags exist
    targets = sliding_signals(X, one_hot, Z, window=window, **objective.flat())
    targets = targets[first - window + 1 :]
    echo, own = np.array(echoes)[first:], np.array(signals)[first:]
    now = np.concatenate([X, one_hot, Z], axis=1)[first:]
    classes = y[first:]
    cut = int(train * len(targets))
    everyone = np.zeros_like(classes)

    def unseen_r2(features: Array, values: Array, gate: NDArray[np.int64]) -> float:
        predicted = _gated_prediction(features, values, gate, cut, penalty)
        return explained_variance(predicted, values[cut:])

    return Capacity(
        lag_r2=np.array(
            [unseen_r2(echo, Z[first - lag : len(Z) - lag], everyone) for lag in range(1, lags + 1)]
        ),
        readout_r2=unseen_r2(np.concatenate([echo, now], axis=1), targets, classes),
        signal_r2=explained_variance(own[cut:], targets[cut:]),
        signal_cosine=float(np.mean(cosine(own[cut:], targets[cut:]))),
        memoryless_r2=unseen_r2(now, targets, everyone),
        memoryless_gated_r2=unseen_r2(now, targets, classes),
    )


def explained_variance(predicted: Array, values: Array) -> float:
    """Coefficient of determination, pooled over components."""
    predicted, values = checks.array("predicted", predicted), checks.array("values", values)
    if not (values.ndim and values.size) or predicted.shape != values.shape:
        raise ParameterError(
            f"predicted: got shape {predicted.shape}; allowed: {values.shape}, as values, not empty"
        )
    variance = np.sum((values - values.mean(axis=0)) ** 2)
    return float(1 - np.sum((values - predicted) ** 2) / variance)


def _gated_prediction(
    features: Array, values: Array, gate: NDArray[np.int64], cut: int, penalty: float
) -> Array:
    """Fit one ridge readout per gate to the samples before the cut; predict those after it."""
    features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    predicted = np.zeros_like(values[cut:])
    scale = penalty * float(np.mean(features[:cut] ** 2))
    for g in np.unique(gate):
        rows = np.flatnonzero(gate[:cut] == g)
        weights = ridge(features[rows], values[rows], scale * len(rows))
        predicted[gate[cut:] == g] = features[cut:][gate[cut:] == g] @ weights.T
    return predicted
