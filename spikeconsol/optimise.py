"""What every wing that learns by descent shares: the softmax, and the step of Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["adam", "softmax"]

Array = Any


def softmax(logits: Array, *, axis: int = -1, floor: float = 0.0, xp: Any = np) -> Array:
    """Probabilities along an axis; the largest logit is subtracted, so that none overflows.

    Parameters
    ----------
    logits : ndarray
    axis : int, optional
    floor : float, optional
        Added to the sum of the exponentials of the logits, before any is subtracted.
    xp : module, optional
        ``numpy`` or ``jax.numpy``.
    """
    largest = logits.real.max(axis=axis, keepdims=True)  # complex steps give derivatives
    shifted = xp.exp(logits - largest)
    total = shifted.sum(axis=axis, keepdims=True)
    return shifted / (total + floor * xp.exp(-largest) if floor else total)


def adam(
    gradient: Array,
    mean: Array,
    square: Array,
    updates: Array,
    rate: Array,
    *,
    decays: tuple[float, float] = (0.9, 0.999),
    floors: tuple[float, float] = (0.0, 0.0),
    epsilon: float = 1e-8,
    xp: Any = np,
) -> tuple[Array, Array, Array]:
    r"""Step of Adam: the running mean of gradients over the root of that of their squares.

    Parameters
    ----------
    gradient, mean, square : ndarray
        Gradient, and its running averages before it; those are not changed.
    updates : int
        Number of gradients seen, this one included.
    rate : float
        Learning rate.
    decays : tuple of float, optional
        Fractions of the running averages that stay.
    floors : tuple of float, optional
        Added to the running averages: gradients that stay zero would let them decay into
        denormal numbers, with which processors calculate slowly.
    epsilon : float, optional
        Added to the root.
    xp : module, optional
        ``numpy`` or ``jax.numpy``.

    Returns
    -------
    step, mean, square : ndarray
        What is to be subtracted from the parameters, and the new running averages.

    References
    ----------
    Kingma D P, Ba J (2015). ICLR (arXiv:1412.6980).
    """
    first, second = decays
    mean = first * mean + ((1 - first) * gradient + floors[0])
    square = second * square + ((1 - second) * gradient**2 + floors[1])
    unbiased = mean / (1 - first**updates)
    return rate * unbiased / (xp.sqrt(square / (1 - second**updates)) + epsilon), mean, square
