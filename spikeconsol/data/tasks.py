"""Small classification tasks with held-out test sets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks

__all__ = ["Split", "digits_task", "linear_task", "xor_task"]

#: Normal of the class boundary of the linear task, as published.
LINEAR_NORMAL = (0.3645, -0.2779)


class Split(NamedTuple):
    """Training and test samples: inputs (n, features) and classes (n,)."""

    X: NDArray[np.floating]
    y: NDArray[np.int64]
    X_test: NDArray[np.floating]
    y_test: NDArray[np.int64]

    def validation(self, held_out: int) -> Split:
        """Split the training set: its last samples take the place of the test set."""
        held_out = checks.whole("held_out", held_out, at_least=1, at_most=len(self.X) - 1)
        return Split(self.X[:-held_out], self.y[:-held_out], self.X[-held_out:], self.y[-held_out:])

    def first(self, train: int = 0, test: int = 0, *, validate: bool = False) -> Split:
        """Return the first so many samples, 0 for all.

        Parameters
        ----------
        train, test : int
            Numbers of samples.
        validate : bool
            Take the last sixth of the training set as test set, for choosing settings.
        """
        end = checks.whole("train", train, at_least=0) or None
        end_test = checks.whole("test", test, at_least=0) or None
        X, y, X_test, y_test = self.validation(len(self.X) // 6) if validate else self
        return Split(X[:end], y[:end], X_test[:end_test], y_test[:end_test])


def linear_task(
    seed: int, *, train: int = 900, test: int = 100, published_scaling: bool = False
) -> Split:
    """Points uniform in a square, divided by a line through its centre.

    Parameters
    ----------
    seed : int
    train, test : int
        Numbers of samples.
    published_scaling : bool
        Divide inputs by 255, as the published program does (it reuses a loader of images), which
        makes their kernel constant.
    """
    rng, train, test = _checked(seed, train, test)
    X = rng.uniform(-1, 1, (train + test, 2))
    y = (X @ LINEAR_NORMAL > 0).astype(np.int64)
    return _split(X, y, train, published_scaling)


def xor_task(
    seed: int,
    *,
    train: int = 900,
    test: int = 100,
    noise: float = 0.1,
    published_scaling: bool = False,
) -> Split:
    """Noisy corners of the unit square, equal corners against unequal; arguments as above.

    Samples of a class lie in two clusters, so that no linear readout solves it. It does not take a
    memory: a fixed teaching vector per class solves it where hidden layers are not very small.
    """
    checks.number("noise", noise, at_least=0)
    rng, train, test = _checked(seed, train, test)
    corners = rng.integers(2, size=(train + test, 2))
    X = corners + noise * rng.standard_normal(corners.shape)
    return _split(X, corners[:, 0] ^ corners[:, 1], train, published_scaling)


def digits_task(seed: int, *, test: int = 397) -> Split:
    """Scikit-learn's 1797 images of 8 x 8 pixels in 0..1, split at random."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rng, _, test = _checked(seed, 1, checks.whole("test", test, at_least=1, at_most=len(X) - 1))
    order = rng.permutation(len(X))
    return _split(X[order] / 16, y[order].astype(np.int64), len(X) - test, False)


def _checked(seed: int, train: int, test: int) -> tuple[np.random.Generator, int, int]:
    most = 10**8  # more would not fit into memory
    train = checks.whole("train", train, at_least=1, at_most=most)
    test = checks.whole("test", test, at_least=1, at_most=most)
    return np.random.default_rng(checks.seed("seed", seed)), train, test


def _split(X: NDArray, y: NDArray, train: int, published_scaling: bool) -> Split:
    if checks.truth("published_scaling", published_scaling):
        X = X / 255
    return Split(X[:train], y[:train], X[train:], y[train:])
