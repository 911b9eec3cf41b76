"""Learning all patterns at once: what one-shot, one-after-the-other storage is measured against.

Every function takes the patterns of one network, shape (P, N), and returns weights, shape (N, N),
with a zero diagonal; `batch_rules` lists them by name.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks

__all__ = [
    "batch_rules",
    "clipped_covariance",
    "covariance",
    "perceptron",
    "pseudo_inverse",
    "storkey",
    "willshaw",
]

Weights = NDArray[np.float64]


def covariance(patterns: NDArray[np.bool_]) -> Weights:
    """Sum over patterns of (s_i - f)(s_j - f): 'instant' learning."""
    centred = _centred(patterns)
    return _without_self(centred.T @ centred)


def clipped_covariance(patterns: NDArray[np.bool_]) -> Weights:
    """Sign of the covariance: one bit per synapse.

    References
    ----------
    H. Sompolinsky, in: Heidelberg Colloquium on Glassy Dynamics (1987).
    """
    return np.sign(covariance(patterns))


def willshaw(patterns: NDArray[np.bool_]) -> Weights:
    """One where two units have ever been active together, else zero.

    References
    ----------
    D. Willshaw, O. Buneman, H. Longuet-Higgins, Nature 222, 960 (1969).
    """
    active = _binary(patterns).astype(float)
    return _without_self((active.T @ active > 0).astype(float))


def pseudo_inverse(patterns: NDArray[np.bool_]) -> Weights:
    """Projection onto the space of the centred patterns.

    References
    ----------
    L. Personnaz, I. Guyon, G. Dreyfus, Journal de Physique Lettres 46, 359 (1985).
    """
    centred = _centred(patterns)
    return _without_self(np.linalg.pinv(centred) @ centred)


def storkey(patterns: NDArray[np.bool_]) -> Weights:
    """Hebbian products corrected by the fields the network already has, in one pass.

    References
    ----------
    A. Storkey, R. Valabregue, Neural Networks 12, 869 (1999), with units of zero mean and unit
    variance in place of -1/+1.
    """
    centred = _centred(patterns)
    n = centred.shape[1]
    w = np.zeros((n, n))
    for unit in centred / centred.std():
        # Field at i of all units but i and j, for every pair.
        field = (w @ unit)[:, None] - w * unit
        cross = unit[None, :] * field
        w += (np.outer(unit, unit) - cross - cross.T) / n
        np.fill_diagonal(w, 0)
    return w


def perceptron(
    patterns: NDArray[np.bool_],
    *,
    margin: float = 1.0,
    learning_rate: float = 0.02,
    epochs: int = 300,
) -> Weights:
    """Perceptron learning of every unit from all others, towards a margin around a threshold.

    Parameters
    ----------
    patterns : ndarray of bool, shape (P, N)
        Patterns to make fixed points.
    margin : float, optional
        Field that every unit should have on its own side of the threshold, as a fraction of
        the threshold.
    learning_rate : float, optional
        Weight change for one violated pattern, as a fraction of the threshold.
    epochs : int, optional
        Largest number of passes over all patterns.

    References
    ----------
    E. Gardner, Journal of Physics A 21, 257 (1988).
    """
    margin = checks.number("margin", margin)
    learning_rate = checks.number("learning_rate", learning_rate, above=0)
    epochs = checks.whole("epochs", epochs, at_least=0)
    states = _binary(patterns).astype(float)
    wanted = 2 * states - 1
    w = np.zeros((states.shape[1],) * 2)
    for _ in range(epochs):
        wrong = wanted * (states @ w - 1) < margin
        if not wrong.any():
            break
        w += learning_rate * states.T @ (wanted * wrong)
        np.fill_diagonal(w, 0)
    return w


#: Every batch rule by its name.
batch_rules: dict[str, Callable[[NDArray[np.bool_]], Weights]] = {
    rule.__name__: rule
    for rule in (covariance, clipped_covariance, willshaw, pseudo_inverse, storkey, perceptron)
}


def _centred(patterns: NDArray[np.bool_]) -> NDArray[np.float64]:
    patterns = _binary(patterns)
    return patterns - patterns.mean() if patterns.size else patterns.astype(float)


def _binary(patterns: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return checks.array("patterns", patterns, ndim=2, binary=True)


def _without_self(weights: Weights) -> Weights:
    np.fill_diagonal(weights, 0)
    return weights
