"""What memories share, in rates and in spikes: how they show themselves and go to files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol import display, sealed
from spikeconsol.brian.recording import Recording

__all__ = ["AssociativeMemory", "RecordedMemory"]


class AssociativeMemory(display.Shown):
    """A memory that can be shown and saved."""

    #: Number of patterns stored so far.
    stored: int = 0

    def facts(self) -> dict[str, str]:
        return self._about() | {"patterns stored": str(self.stored)}

    def _about(self) -> dict[str, str]:
        """What it is, by short names."""
        raise NotImplementedError

    def save(self, path: str | Path) -> None:
        """Write the state, constants and random state, so that `load` goes on to the last bit.

        Spikes of the last call are not written; see `Recording.to_dataset`.

        Parameters
        ----------
        path : str or Path
            A sealed NetCDF file: whole or not there, and recognised when damaged.

        Raises
        ------
        ResultError
            If it cannot be written.
        """
        about, state = self._saved()
        sealed.save_object(path, type(self).__name__, about | {"stored": self.stored}, state)

    def _saved(self) -> tuple[dict[str, Any], Mapping[str, NDArray]]:
        """Return what `load` needs to know as plain data, and the arrays of the state."""
        raise NotImplementedError


class RecordedMemory(AssociativeMemory):
    """A memory of spiking cells, which has the spikes of its last call."""

    n: int
    seed: int
    #: Spikes of the last call.
    recording: Recording | None = None

    def facts(self) -> dict[str, str]:
        about = super().facts() | {"seed": str(self.seed)}
        return about if self.recording is None else about | {"last call": repr(self.recording)}

    def _picture(self) -> str:
        return "" if self.recording is None else display.picture(self.recording)

    def _recorded(
        self, result: Mapping[str, NDArray], onsets: NDArray[np.float64], end: float
    ) -> Recording:
        """Return the spikes of one run of the program, whose patterns appear at `onsets` [s]."""
        return Recording(
            cells=result["spikes.i"],
            times=result["spikes.t"],
            inhibitory_cells=result.get("inhibitory_spikes.i", np.zeros(0, np.int32)),
            inhibitory_times=result.get("inhibitory_spikes.t", np.zeros(0)),
            onsets=onsets,
            end=end,
            n=self.n,
        )
