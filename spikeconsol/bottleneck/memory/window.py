"""The last samples themselves, with the codes they had when they were shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from spikeconsol.bottleneck.hsic import VARIANTS, contrast, label_similarity, pair_weights
from spikeconsol.bottleneck.memory.base import Array, Memory, Place, require_sample
from spikeconsol.bottleneck.memory.cells import SpikingForm, window_cells
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["Window"]


class RecentSamples:
    """Ring buffer of inputs and labels that the windows of all layers of a network share."""

    def __init__(self, length: int, inputs: int, dtype: DTypeLike = float) -> None:
        self.inputs = np.zeros((length, inputs), dtype)
        self.labels = np.zeros(length, np.int64)
        self.kernel_row = np.zeros(length, dtype)
        self.cursor = np.array([-1, 0])  # row of the newest sample, number of samples held

    def push(self, x: ArrayLike, y: int, width: float) -> None:
        newest = (self.cursor[0] + 1) % len(self.inputs)
        self.cursor[:] = newest, min(self.cursor[1] + 1, len(self.inputs))
        self.inputs[newest], self.labels[newest] = x, y
        mean_square = np.mean((self.inputs - self.inputs[newest]) ** 2, axis=1)
        self.kernel_row[:] = np.exp(-mean_square / (2 * width**2))


@dataclass
class Window(Memory):
    """The last samples themselves.

    The signal uses what is there until the window is full. Codes are not evaluated again when
    weights change, so the memory is causal; only one row and column of the Gram matrices are new
    at each sample.
    """

    length: int = parameter(8, at_least=2, doc="samples held")

    follows_variants: ClassVar[bool] = True

    def start(self, place: Place) -> None:
        """Make room for inputs and labels, if the layer below has not, and for codes."""
        if place.variant not in VARIANTS:
            raise ParameterError(f"variant: got {place.variant!r}; allowed: {', '.join(VARIANTS)}")
        below = place.below
        self._leads = not isinstance(below, Window)
        self.samples: RecentSamples = (
            below.samples
            if isinstance(below, Window)
            else RecentSamples(self.length, place.inputs, place.dtype)
        )
        self.codes = np.zeros((self.length, place.units), place.dtype)
        self.code_kernel_row = np.zeros(self.length, place.dtype)
        self.contrast = np.zeros((self.length, self.length), place.dtype)
        self._other_class = label_similarity(place.classes, place.objective.widths[1])

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample; the oldest one is forgotten when the window is full."""
        if self._leads:
            self.samples.push(x, y, self.place.objective.widths[0])
        self.revise(z)

    def revise(self, z: ArrayLike) -> None:
        """Replace the code of the newest sample, for units that settle while it is shown."""
        now, width = self.samples.cursor[0], self.place.objective.widths[2]
        self.codes[now] = z
        mean_square = np.mean((self.codes - self.codes[now]) ** 2, axis=1)
        self.code_kernel_row[:] = np.exp(-mean_square / (2 * width**2))
        same = self.samples.labels == self.samples.labels[now]
        row = contrast(
            self.samples.kernel_row,
            np.where(same, 1.0, self._other_class),
            self.code_kernel_row,
            self.place.objective,
            variant=self.place.variant,
        )
        self.contrast[now, :] = row
        self.contrast[:, now] = row

    def signal(self) -> Array:
        """Modulatory signal of the newest sample; zero while it is the only one."""
        now, held = self.samples.cursor
        require_sample(held)
        if held < 2:
            return np.zeros_like(self.codes[0])
        weights = pair_weights(
            self.contrast[:held, :held], variant=self.place.variant, newest=int(now)
        )
        pulls = weights * self.code_kernel_row[:held]
        scale = self.place.objective.widths[2] ** 2 * self.codes.shape[1]
        return (pulls.sum() * self.codes[now] - pulls @ self.codes[:held]) / scale

    def features(self) -> Array:
        """Codes and one-hot labels, newest first."""
        now, _ = self.samples.cursor
        order = (now - np.arange(len(self.codes))) % len(self.codes)
        one_hot = np.eye(self.place.classes)[self.samples.labels[order]]
        return np.concatenate([self.codes[order].ravel(), one_hot.ravel()])

    def state(self) -> dict[str, NDArray]:
        """Live arrays, those of the shared samples only in the window that leads."""
        own = super().state()
        return own | vars(self.samples) if self._leads else own

    def in_spikes(self) -> SpikingForm:
        """One cell per remembered sample; inputs and contrasts are kept in synapses too."""
        return window_cells(self.length, self.place)
