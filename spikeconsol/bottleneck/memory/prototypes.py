"""One leaky mean code per class, seen as it is or through the code kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from spikeconsol.bottleneck.memory.base import Array, Memory, Place, require_sample
from spikeconsol.bottleneck.memory.cells import CLASS_MEANS, PROTOTYPES, SpikingForm, class_cells
from spikeconsol.parameters import parameter

__all__ = ["ClassMeans", "Prototypes"]


@dataclass
class ClassMeans(Memory):
    r"""A leaky mean code per class, used linearly: the limit of a wide code kernel.

    .. math:: \xi = \tfrac{2 \gamma}{S_z^2} (\langle m_k \rangle_k - m_y)

    Notes
    -----
    The newest sample enters the means when the next one arrives. Without the saturation of the
    kernel nothing stops a code that is right already, which fails on images (see the
    documentation); prefer `Prototypes`.
    """

    rate: float = parameter(
        0.02, above=0, at_most=1, doc="fraction of a mean that each sample of its class replaces"
    )

    def start(self, place: Place) -> None:
        """Make room for one code per class, and for the newest."""
        self.means = np.zeros((place.classes, place.units), place.dtype)
        self.seen = np.zeros(place.classes, np.int64)
        self.code = np.zeros(place.units, place.dtype)
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
        objective, means = self.place.objective, self.means[known]
        scale = objective.widths[2] ** 2 * len(self.code)
        difference = means.mean(axis=0) - self.means[self.cursor[0]]
        return 2 * objective.gamma / scale * difference

    def features(self) -> Array:
        """Means of all classes."""
        return self.means.ravel().copy()

    def in_spikes(self) -> SpikingForm:
        """One cell per class, its mean code in the synapses onto it."""
        return class_cells(CLASS_MEANS, self.rate, self.place)


@dataclass
class Prototypes(ClassMeans):
    r"""Class means seen through the code kernel: no window, yet as good as one.

    .. math::
        \xi = -\frac{2}{S_z^2} \sum_k (a_k - \bar a)\, k(z, m_k)\, (z - m_k), \qquad
        a_k = 2 b\, k(z, m_k) - \gamma [k = y]

    It is the exact signal with the window replaced by one remembered code per class, without the
    input term. Constants as for `ClassMeans`; sums run over the classes seen so far.
    """

    def signal(self) -> Array:
        """Modulatory signal of the newest sample; zero until two classes have been seen."""
        require_sample(self.cursor[0] + 1)
        known = np.flatnonzero(self.seen)
        if len(known) < 2:
            return np.zeros_like(self.code)
        objective = self.place.objective
        difference = self.code - self.means[known]
        width = objective.widths[2]
        k = np.exp(-np.mean(difference**2, axis=1) / (2 * width**2))
        a = 2 * objective.code_weight * k - objective.gamma * (known == self.cursor[0])
        return -2 / (width**2 * len(self.code)) * ((a - a.mean()) * k) @ difference

    def in_spikes(self) -> SpikingForm:
        """One cell per class, its mean code in the synapses onto it."""
        return class_cells(PROTOTYPES, self.rate, self.place)
