"""Recorded spikes as plain arrays, cut into the presentations that they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Recording"]


@dataclass(frozen=True)
class Recording:
    """Spikes of a sequence of presentations, cut into slots at their onsets.

    Attributes
    ----------
    cells : ndarray of int
        Index of the cell of each spike.
    times : ndarray of float
        Its time since the start [s].
    inhibitory_cells, inhibitory_times : ndarray
        The same for the inhibitory cells.
    onsets : ndarray of float, shape (slots,)
        Time at which each pattern appears [s].
    end : float
        End of the last slot [s].
    n : int
        Number of excitatory cells.
    """

    cells: NDArray[np.int32]
    times: NDArray[np.float64]
    inhibitory_cells: NDArray[np.int32]
    inhibitory_times: NDArray[np.float64]
    onsets: NDArray[np.float64]
    end: float
    n: int

    def counts(self, start: float, stop: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count spikes in the same part of every slot.

        Parameters
        ----------
        start, stop : float
            Part of the slot, relative to the onset of its pattern [s].

        Returns
        -------
        excitatory : ndarray of int, shape (slots, n)
        inhibitory : ndarray of int, shape (slots,)
            Spikes of all inhibitory cells together.
        """
        slots = len(self.onsets)
        slot, inside = self._inside(self.times, start, stop)
        index = slot[inside] * self.n + self.cells[inside]
        excitatory = np.bincount(index, minlength=slots * self.n)
        slot, inside = self._inside(self.inhibitory_times, start, stop)
        inhibitory = np.bincount(slot[inside], minlength=slots)
        return excitatory.reshape(slots, self.n), inhibitory

    def rates(self) -> NDArray[np.float64]:
        """Mean firing rate of every cell in every slot, shape (slots, n) [Hz]."""
        durations = np.diff(self.onsets, append=self.end)
        return self.counts(0.0, np.inf)[0] / durations[:, None]

    def _inside(
        self, times: NDArray[np.float64], start: float, stop: float
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        tiny = 1e-6  # spike times are multiples of the time step, up to rounding
        slot = np.searchsorted(self.onsets, times + tiny, side="right") - 1
        phase = times - self.onsets[slot]
        inside = (phase >= start - tiny) & (phase < stop - tiny) & (times < self.end - tiny)
        return slot, inside

    @classmethod
    def joined(cls, parts: Sequence[Recording]) -> Recording:
        """Join the recordings of consecutive pieces of one sequence."""
        starts = np.cumsum([0.0, *(part.end for part in parts)])
        pairs = list(zip(parts, starts[:-1], strict=True))
        return cls(
            cells=np.concatenate([part.cells for part in parts]),
            times=np.concatenate([part.times + start for part, start in pairs]),
            inhibitory_cells=np.concatenate([part.inhibitory_cells for part in parts]),
            inhibitory_times=np.concatenate(
                [part.inhibitory_times + start for part, start in pairs]
            ),
            onsets=np.concatenate([part.onsets + start for part, start in pairs]),
            end=float(starts[-1]),
            n=parts[0].n,
        )
