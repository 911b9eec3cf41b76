"""What remembers the last samples, so that one sample at a time can be judged against others.

Every memory serves one layer behind the same small surface, usable inside a rate network, inside
a spiking one (call it from a network operation at the end of each sample), or alone::

    memory = Window(8, inputs=64, units=16, classes=10)
    memory.push(x, y, z)      # a sample: network input, class, code of the layer
    memory.signal()           # its modulatory signal, one value per unit

`Window` keeps the samples themselves; `Prototypes` and `ClassMeans` keep one mean code per class;
`spikeconsol.bottleneck.reservoir` keeps an echo in a recurrent network.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from spikeconsol.bottleneck.hsic import (
    VARIANTS,
    Objective,
    contrast,
    label_similarity,
    pair_weights,
)
from spikeconsol.parameters import ParameterError

__all__ = ["ClassMeans", "Memory", "Prototypes", "Window"]

Array = NDArray[np.floating]


class Memory(Protocol):
    """Surface that all memories share."""

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample: network input (dx,), class, and code of the layer (d,)."""

    def signal(self) -> Array:
        """Return the modulatory signal of the newest sample, shape (d,)."""

    def features(self) -> Array:
        """Return all that a readout could see of the memory, as a vector."""

    def state(self) -> dict[str, NDArray]:
        """Return the live arrays that make up the memory, by name, for saving and restoring."""


class RecentSamples:
    """Ring buffer of inputs and labels that the windows of all layers of a network share."""

    def __init__(self, length: int, inputs: int, dtype: DTypeLike = float) -> None:
        if isinstance(length, bool) or int(length) != length or length < 2:
            raise ParameterError(f"window: got {length!r}; allowed: a whole number >= 2")
        self.inputs = np.zeros((int(length), inputs), dtype)
        self.labels = np.zeros(int(length), np.int64)
        self.kernel_row = np.zeros(int(length), dtype)
        self.cursor = np.array([-1, 0])  # row of the newest sample, number of samples held

    def push(self, x: ArrayLike, y: int, width: float) -> None:
        newest = (self.cursor[0] + 1) % len(self.inputs)
        self.cursor[:] = newest, min(self.cursor[1] + 1, len(self.inputs))
        self.inputs[newest], self.labels[newest] = x, y
        mean_square = np.mean((self.inputs - self.inputs[newest]) ** 2, axis=1)
        self.kernel_row[:] = np.exp(-mean_square / (2 * width**2))


class Window:
    """The last samples themselves, with the codes they had when they were shown.

    Parameters
    ----------
    length : int
        Number of samples, at least 2. The signal uses what is there until the window is full.
    inputs, units, classes : int
        Sizes of the network input, of the layer's code and of the set of classes.
    objective : Objective, optional
    variant : str, optional
        One of `spikeconsol.bottleneck.hsic.VARIANTS`.
    samples : RecentSamples, optional
        Inputs and labels held by the window of another layer, which must be pushed first.
    dtype : data-type, optional

    Notes
    -----
    Codes are not evaluated again when weights change, so the memory is causal; only one row and
    column of the Gram matrices are new at each sample.
    """

    def __init__(
        self,
        length: int,
        inputs: int,
        units: int,
        classes: int,
        *,
        objective: Objective | None = None,
        variant: str = "exact",
        samples: RecentSamples | None = None,
        dtype: DTypeLike = float,
    ) -> None:
        if variant not in VARIANTS:
            raise ParameterError(f"variant: got {variant!r}; allowed: {', '.join(VARIANTS)}")
        self.objective = objective or Objective()
        self.variant = variant
        self.classes = classes
        self._leads = samples is None
        self.samples = RecentSamples(length, inputs, dtype) if samples is None else samples
        self.codes = np.zeros((len(self.samples.inputs), units), dtype)
        self.code_kernel_row = np.zeros(len(self.codes), dtype)
        self.contrast = np.zeros((len(self.codes), len(self.codes)), dtype)
        self._other_class = label_similarity(classes, self.objective.widths[1])

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample; the oldest one is forgotten when the window is full."""
        if self._leads:
            self.samples.push(x, y, self.objective.widths[0])
        self.revise(z)

    def revise(self, z: ArrayLike) -> None:
        """Replace the code of the newest sample, for units that settle while it is shown."""
        now = self.samples.cursor[0]
        self.codes[now] = z
        mean_square = np.mean((self.codes - self.codes[now]) ** 2, axis=1)
        self.code_kernel_row[:] = np.exp(-mean_square / (2 * self.objective.widths[2] ** 2))
        same = self.samples.labels == self.samples.labels[now]
        row = contrast(
            self.samples.kernel_row,
            np.where(same, 1.0, self._other_class),
            self.code_kernel_row,
            self.objective,
            variant=self.variant,
        )
        self.contrast[now, :] = row
        self.contrast[:, now] = row

    def signal(self) -> Array:
        """Modulatory signal of the newest sample; zero while it is the only one."""
        now, held = self.samples.cursor
        require_sample(held)
        if held < 2:
            return np.zeros_like(self.codes[0])
        weights = pair_weights(self.contrast[:held, :held], variant=self.variant, newest=int(now))
        pulls = weights * self.code_kernel_row[:held]
        scale = self.objective.widths[2] ** 2 * self.codes.shape[1]
        return (pulls.sum() * self.codes[now] - pulls @ self.codes[:held]) / scale

    def features(self) -> Array:
        """Codes and one-hot labels, newest first."""
        now, _ = self.samples.cursor
        order = (now - np.arange(len(self.codes))) % len(self.codes)
        one_hot = np.eye(self.classes)[self.samples.labels[order]]
        return np.concatenate([self.codes[order].ravel(), one_hot.ravel()])

    def state(self) -> dict[str, NDArray]:
        """Live arrays, those of the shared samples only in the window that leads."""
        own = {
            "codes": self.codes,
            "code_kernel_row": self.code_kernel_row,
            "contrast": self.contrast,
        }
        return own | vars(self.samples) if self._leads else own


class ClassMeans:
    r"""A leaky mean code per class, used linearly: the limit of a wide code kernel.

    .. math:: \xi = \tfrac{2 \gamma}{S_z^2} (\langle m_k \rangle_k - m_y)

    Parameters
    ----------
    units, classes : int
    objective : Objective, optional
    rate : float, optional
        Fraction of a mean that each sample of its class replaces.
    dtype : data-type, optional

    Notes
    -----
    The newest sample enters the means when the next one arrives. Without the saturation of the
    kernel nothing stops a code that is right already, which fails on images (see the
    documentation); prefer `Prototypes`.
    """

    def __init__(
        self,
        units: int,
        classes: int,
        *,
        objective: Objective | None = None,
        rate: float = 0.02,
        dtype: DTypeLike = float,
    ) -> None:
        if not 0 < rate <= 1:
            raise ParameterError(f"rate: got {rate!r}; allowed: > 0 and <= 1")
        self.objective = objective or Objective()
        self.rate = rate
        self.means = np.zeros((classes, units), dtype)
        self.seen = np.zeros(classes, np.int64)
        self.code = np.zeros(units, dtype)
        self.cursor = np.array([-1])  # class of the newest sample

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample; the one before enters the mean of its class."""
        before = self.cursor[0]
        if before >= 0:
            rate = self.rate if self.seen[before] else 1.0
            self.means[before] += np.asarray(rate, self.means.dtype) * (
                self.code - self.means[before]
            )
            self.seen[before] += 1
        self.cursor[0] = y
        self.code[:] = z

    def revise(self, z: ArrayLike) -> None:
        """Replace the code of the newest sample, for units that settle while it is shown."""
        self.code[:] = z

    def signal(self) -> Array:
        """Modulatory signal of the newest sample; zero until two classes have been seen."""
        require_sample(self.cursor[0] + 1)
        known = self.seen > 0
        if known.sum() < 2 or not known[self.cursor[0]]:
            return np.zeros_like(self.code)
        means = self.means[known]
        scale = self.objective.widths[2] ** 2 * len(self.code)
        difference = means.mean(axis=0) - self.means[self.cursor[0]]
        return 2 * self.objective.gamma / scale * difference

    def features(self) -> Array:
        """Means of all classes."""
        return self.means.ravel().copy()

    def state(self) -> dict[str, NDArray]:
        """Live arrays of the memory."""
        return {"means": self.means, "seen": self.seen, "code": self.code, "cursor": self.cursor}


class Prototypes(ClassMeans):
    r"""Class means seen through the code kernel: no window, yet as good as one.

    .. math::
        \xi = -\frac{2}{S_z^2} \sum_k (a_k - \bar a)\, k(z, m_k)\, (z - m_k), \qquad
        a_k = 2 b\, k(z, m_k) - \gamma [k = y]

    It is the exact signal with the window replaced by one remembered code per class, without the
    input term. Parameters as for `ClassMeans`; sums run over the classes seen so far.
    """

    def signal(self) -> Array:
        """Modulatory signal of the newest sample; zero until two classes have been seen."""
        require_sample(self.cursor[0] + 1)
        known = np.flatnonzero(self.seen)
        if len(known) < 2:
            return np.zeros_like(self.code)
        difference = self.code - self.means[known]
        width = self.objective.widths[2]
        k = np.exp(-np.mean(difference**2, axis=1) / (2 * width**2))
        a = 2 * self.objective.code_weight * k - self.objective.gamma * (known == self.cursor[0])
        return -2 / (width**2 * len(self.code)) * ((a - a.mean()) * k) @ difference


def require_sample(held: int) -> None:
    if held < 1:
        raise ParameterError("memory: got no sample; allowed: push a sample before its signal")
