"""Complete a photograph of which a half is shown, after having seen it a few times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spikeconsol.data.photographs import load_photographs
from spikeconsol.metaplasticity.recurrent_tasks import Recall
from spikeconsol.metaplasticity.task import Floats
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["ImageCompletion"]


@dataclass(frozen=True)
class ImageCompletion(Recall, shown=10, cycles=3, pause=2, tested=3):
    """Recall one of three pieces of photographs from its upper or lower half.

    Grey values of a piece have mean 0 and a largest magnitude of 1; cells that have an input are
    clamped to it. As the natural images of Miconi, Stanley and Clune (2018), smaller, and with
    the photographs that come with scikit-image (``pip install 'spikeconsol[photographs]'``).
    """

    clamped: ClassVar[bool] = True

    side: int = parameter(16, at_least=4, at_most=64, doc="side of a piece, even, in pixels")
    shrunk: int = parameter(
        4, at_least=1, at_most=8, doc="pixels of a photograph, averaged, in one"
    )
    part: str = parameter("train", choices=("train", "test"), doc="photographs that are shown")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side % 2:
            raise ParameterError(f"side: got {self.side}; allowed: an even number")

    @property
    def size(self) -> int:
        return self.side**2

    @property
    def solved_below(self) -> float:  # type: ignore[override]
        """A mean difference of 0.1 of the grey values that were not shown."""
        return 0.1 * self.size / 2

    def _patterns(self, rng: Generator, episodes: int) -> Floats:
        photographs = load_photographs(self.part, shrunk=self.shrunk)
        drawn = np.empty((episodes * self.patterns, self.size))
        for n in range(len(drawn)):
            grey = photographs[rng.integers(len(photographs))]
            row, column = (rng.integers(0, length - self.side + 1) for length in grey.shape)
            piece = grey[row : row + self.side, column : column + self.side].ravel()
            piece = piece - piece.mean()
            drawn[n] = piece / max(np.abs(piece).max(), 1e-8)
        return drawn.reshape(episodes, self.patterns, self.size)

    def _kept(self, rng: Generator, episodes: int) -> NDArray[np.bool_]:
        upper = np.arange(self.size) < self.size // 2
        return upper == (rng.random((episodes, 1)) < 0.5)
