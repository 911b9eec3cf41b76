"""Recorded spikes as plain arrays, cut into the presentations that they belong to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks, display
from spikeconsol.formats import needing, neo_block, write_nwb
from spikeconsol.sealed import replacing

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Recording"]


@dataclass(frozen=True, repr=False)
class Recording(display.Shown):
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

    # ------------------------------------------------------------------------------- display

    def facts(self) -> dict[str, str]:
        spikes, volleys = len(self.times), len(self.inhibitory_times)
        rate = spikes / self.n / self.end if self.end else 0.0
        return {
            "cells": str(self.n),
            "slots": str(len(self.onsets)),
            "duration": f"{self.end:g} s",
            "spikes": f"{spikes} ({rate:.3g} Hz a cell)",
            "inhibitory spikes": str(volleys),
        }

    def _picture(self) -> str:
        return display.picture(self)

    # -------------------------------------------------------------------------- other formats

    def to_dataset(self, patterns: ArrayLike | None = None) -> xr.Dataset:
        """Return the spikes as variables with units, in the form that `spikeconsol export` reads.

        Parameters
        ----------
        patterns : array_like of bool, shape (slots, n), optional
            What was shown in each slot.

        Returns
        -------
        xarray.Dataset
            ``excitatory_time``, ``excitatory_cell``, the same for ``inhibitory``, and
            ``onset_time``; ``presented`` where patterns are given.
        """
        import xarray as xr

        data: dict[str, Any] = {}
        clock = {"units": "second", "start": 0.0, "stop": self.end}
        inhibitory = len(np.bincount(self.inhibitory_cells))  # as far as they have fired
        for name, times, cells, size in (
            ("excitatory", self.times, self.cells, self.n),
            ("inhibitory", self.inhibitory_times, self.inhibitory_cells, inhibitory),
        ):
            data[f"{name}_time"] = (f"{name}_spike", times, clock | {"cells": size})
            data[f"{name}_cell"] = (f"{name}_spike", cells, {"long_name": "index of the cell"})
        data["onset_time"] = ("slot", self.onsets, clock | {"long_name": "begin of each slot"})
        if patterns is not None:
            patterns = checks.array("patterns", patterns, binary=True)
            if patterns.shape != (len(self.onsets), self.n):
                raise ValueError(
                    f"patterns: got shape {patterns.shape}; allowed: {(len(self.onsets), self.n)}"
                )
            slot = float(np.min(np.diff(self.onsets, append=self.end)))
            shown = {"onsets": self.onsets, "duration": slot}
            data["presented"] = (("slot", "cell"), patterns, shown)
        about = self.facts()
        label = ", ".join(f"{about[name]} {name}" for name in ("cells", "slots"))
        return xr.Dataset(data, attrs={"experiment": "recording", "label": label})

    @classmethod
    def from_dataset(cls, dataset: xr.Dataset) -> Recording:
        """Return the recording that `to_dataset` made this dataset from."""
        missing = [
            name
            for name in ("excitatory_time", "excitatory_cell", "onset_time")
            if name not in dataset
        ]
        if missing:
            raise ValueError(f"dataset: has no {missing[0]}; allowed: one of Recording.to_dataset")
        about = dataset["excitatory_time"].attrs
        return cls(
            cells=dataset["excitatory_cell"].values,
            times=dataset["excitatory_time"].values,
            inhibitory_cells=dataset["inhibitory_cell"].values,
            inhibitory_times=dataset["inhibitory_time"].values,
            onsets=dataset["onset_time"].values,
            end=float(about["stop"]),
            n=int(about["cells"]),
        )

    def to_frame(self) -> pd.DataFrame:
        """Return a table with a row for each spike, in order of time.

        Returns
        -------
        pandas.DataFrame
            ``time`` [s], ``cell``, ``population`` (excitatory or inhibitory) and ``slot``.
        """
        import pandas as pd

        times = np.r_[self.times, self.inhibitory_times]
        names = np.repeat(
            ["excitatory", "inhibitory"], [len(self.times), len(self.inhibitory_times)]
        )
        frame = pd.DataFrame(
            {
                "time": times,
                "cell": np.r_[self.cells, self.inhibitory_cells],
                "population": names,
                "slot": np.searchsorted(self.onsets, times + 1e-6, side="right") - 1,
            }
        )
        return frame.sort_values("time", kind="stable", ignore_index=True)

    def to_neo(self, patterns: ArrayLike | None = None) -> Any:
        """Return a `neo.Block`, as Elephant takes it.

        Its first segment holds the spike trains of the excitatory cells, silent ones included, the
        second those of the inhibitory cells; `patterns` as for `to_dataset`.
        """
        with needing("export"):
            return neo_block(self.to_dataset(patterns))

    def to_nwb(self, path: str | Path, patterns: ArrayLike | None = None) -> None:
        """Write an NWB file: cells as units; `patterns`, as for `to_dataset`, as trials."""
        unique = hashlib.sha256(self.times.tobytes() + self.cells.tobytes()).hexdigest()
        made = {"started": datetime.now(UTC).isoformat(), "condition": unique[:16]}
        dataset = self.to_dataset(patterns).assign_attrs(made)
        with replacing(Path(path), ".nwb") as temporary, needing("export"):
            write_nwb(dataset, temporary)
