"""Spikes, signals and presentations of a dataset, found by their form, for Neo and NWB.

Spike trains are two variables ``<name>_time`` (unit second) and ``<name>_cell`` (whole numbers)
along one dimension. A ``<name>_time`` alone is a series of events. Signals are variables along a
dimension whose coordinate has the unit second. A variable of truth values with the attributes
``onsets`` and ``duration`` holds what was presented, one row a trial. Of spike times, the attribute
``start`` says when their recording began on the common clock, ``stop`` how long it lasted, and
``cells`` of how many cells it is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Presentations",
    "Signal",
    "SpikeTrains",
    "find_presentations",
    "find_signals",
    "find_spikes",
    "neo_block",
    "write_neo",
    "write_nwb",
]


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Say which extra brings a library that is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{error.name} is not installed; install it with: pip install 'spikeconsol[{extra}]'",
            name=error.name,
        ) from error


@dataclass(frozen=True)
class SpikeTrains:
    """Spikes of one recording.

    Parameters
    ----------
    name : str
    times : ndarray of float, shape (S,)
        Spike times in seconds, in order.
    cells : ndarray of int, shape (S,)
        Which cell fired.
    size : int
        Number of recorded cells, silent ones included.
    start, stop : float
        Begin and end of the recording in seconds, on the clock that all recordings share.
    events : bool
        Whether they are events of the whole network, and not the spikes of cells.
    """

    name: str
    times: np.ndarray
    cells: np.ndarray
    size: int
    start: float
    stop: float
    events: bool

    def train(self, cell: int) -> np.ndarray:
        """Return the spike times of one cell."""
        return self.times[self.cells == cell]


@dataclass(frozen=True)
class Signal:
    """A signal sampled at equal steps.

    Parameters
    ----------
    name : str
    values : ndarray of float, shape (T, channels)
    start, step : float
        Time of the first sample and sampling interval, in seconds.
    units : str
    """

    name: str
    values: np.ndarray
    start: float
    step: float
    units: str


@dataclass(frozen=True)
class Presentations:
    """What was presented in one recording.

    Parameters
    ----------
    name : str
    active : ndarray of bool, shape (trials, cells)
    onsets : ndarray of float, shape (trials,)
        Seconds, on the clock that all recordings share.
    duration : float
        Seconds.
    """

    name: str
    active: np.ndarray
    onsets: np.ndarray
    duration: float


def find_presentations(dataset: xr.Dataset) -> list[Presentations]:
    """Find what was presented: truth values of trials and cells, with onsets and a duration."""
    found = []
    for name, variable in dataset.data_vars.items():
        onsets = np.atleast_1d(np.asarray(variable.attrs.get("onsets", ()), float))
        if variable.ndim == 2 and variable.dtype == bool and onsets.shape == variable.shape[:1]:
            duration = float(variable.attrs.get("duration", 0.0))
            found.append(Presentations(str(name), variable.values, onsets, duration))
    return found


def find_spikes(dataset: xr.Dataset) -> list[SpikeTrains]:
    """Find the spike trains of a result.

    The number of cells is the attribute ``cells`` of the times, or the size of the dimension
    ``cell``, where there is one that has a place for every spike, and the end of the recording
    their attribute ``stop``; otherwise what the spikes themselves show.
    """
    found = []
    for key, variable in dataset.data_vars.items():
        name = str(key).removesuffix("_time")
        if name == key or variable.ndim != 1 or variable.attrs.get("units") != "second":
            continue
        times = variable.values.astype(float)
        owner = dataset.get(f"{name}_cell")
        if owner is not None and owner.dims == variable.dims and owner.dtype.kind in "iu":
            cells = owner.values.astype(int)
            # The dimension may be that of another population, with fewer cells.
            said = int(variable.attrs.get("cells", dataset.sizes.get("cell", 1)))
            size = max(said, cells.max(initial=-1) + 1)
        else:
            owner, cells, size = None, np.zeros(times.size, int), 1
        order = np.argsort(times, kind="stable")
        start = float(variable.attrs.get("start", 0.0))
        stop = start + float(variable.attrs.get("stop", times.max(initial=0.0)))
        trains = (start + times[order], cells[order], int(size), start, stop)
        found.append(SpikeTrains(name, *trains, events=owner is None))
    return found


def find_signals(dataset: xr.Dataset) -> list[Signal]:
    """Find the signals of a result: variables along a coordinate of time with equal steps."""
    found = []
    for name, variable in dataset.data_vars.items():
        clocks = [d for d in variable.dims if _is_clock(dataset, d)]
        if len(clocks) != 1 or variable.dtype.kind not in "biuf":
            continue
        time = dataset[clocks[0]].values.astype(float)
        values = variable.transpose(clocks[0], ...).values.astype(float).reshape(len(time), -1)
        step = float((time[-1] - time[0]) / (len(time) - 1))
        units = str(variable.attrs.get("units", "1"))
        found.append(Signal(str(name), values, float(time[0]), step, units))
    return found


def neo_block(dataset: xr.Dataset) -> Any:
    """Return a `neo.Block` with a segment for each recording, signal and presentation."""
    import neo
    import quantities as pq

    about = _about(dataset)
    block = neo.Block(
        name=about["title"],
        description=about["description"],
        file_datetime=_made_at(dataset),
        rec_datetime=_made_at(dataset),
    )
    for recording in find_spikes(dataset):
        segment = neo.Segment(name=recording.name)
        if recording.events:
            labels = np.full(recording.times.size, recording.name)
            segment.events.append(
                neo.Event(recording.times * pq.s, labels=labels, name=recording.name)
            )
        for cell in range(0 if recording.events else recording.size):
            train = neo.SpikeTrain(
                recording.train(cell) * pq.s,
                t_start=recording.start * pq.s,
                t_stop=max(recording.stop, recording.start + 1e-9) * pq.s,
                name=f"{recording.name} cell {cell}",
            )
            train.annotate(cell=cell)
            segment.spiketrains.append(train)
        block.segments.append(segment)
    for signal in find_signals(dataset):
        segment = neo.Segment(name=signal.name)
        segment.analogsignals.append(
            neo.AnalogSignal(
                signal.values,
                units=_quantity(signal.units),
                t_start=signal.start * pq.s,
                sampling_period=signal.step * pq.s,
                name=signal.name,
            )
        )
        block.segments.append(segment)
    for shown in find_presentations(dataset):
        segment = neo.Segment(name=shown.name)
        labels = np.array([" ".join(map(str, np.flatnonzero(row))) for row in shown.active])
        durations = np.full(len(shown.onsets), shown.duration) * pq.s
        segment.epochs.append(
            neo.Epoch(shown.onsets * pq.s, durations=durations, labels=labels, name=shown.name)
        )
        block.segments.append(segment)
    return block


def write_neo(dataset: xr.Dataset, path: Path) -> None:
    """Write spikes, signals and presentations as a Neo block in a NIX file."""
    import neo

    with neo.NixIO(str(path), mode="ow") as file:
        file.write_block(neo_block(dataset))


def write_nwb(dataset: xr.Dataset, path: Path) -> None:
    """Write spikes, signals and presentations as an NWB file."""
    import pynwb

    about = _about(dataset)
    file = pynwb.NWBFile(
        session_description=about["title"],
        identifier=about["identifier"],
        session_start_time=_made_at(dataset),
        experiment_description=f"Simulation: {about['title']}. There is no subject.",
        keywords=["simulation", "computational neuroscience", *about["title"].split(": ")],
        notes=about["description"],
        source_script=about["command"],
        source_script_file_name="spikeconsol",
    )
    recordings = find_spikes(dataset)
    units = [recording for recording in recordings if not recording.events]
    if units:
        resolution = _time_step(dataset)
        file.units = pynwb.misc.Units(
            name="units",
            description="spikes of simulated cells",
            **({} if resolution is None else {"resolution": resolution}),
        )
        file.add_unit_column("recording", "recording that the spikes belong to")
        file.add_unit_column("cell", "index of the cell in the network")
    for recording in units:
        for cell in range(recording.size):
            file.add_unit(
                spike_times=recording.train(cell),
                obs_intervals=[[recording.start, recording.stop]],
                recording=recording.name,
                cell=cell,
            )
    for recording in recordings:
        if recording.stop > recording.start and not recording.events:
            file.add_epoch(recording.start, recording.stop, tags=[recording.name])
        if recording.events and recording.times.size:
            file.add_acquisition(
                pynwb.TimeSeries(
                    name=recording.name,
                    data=np.ones(recording.times.size),
                    unit="event",
                    timestamps=recording.times,
                    description="events of the whole network",
                )
            )
    presented = sorted(
        (
            (onset, shown.name, np.flatnonzero(row), shown.duration)
            for shown in find_presentations(dataset)
            for onset, row in zip(shown.onsets, shown.active, strict=True)
        ),
        key=lambda trial: trial[:2],
    )
    if presented:
        file.add_trial_column("presented", "what was presented: a pattern or a cue")
        file.add_trial_column("cells", "indices of the cells that it drove", index=True)
    for onset, name, cells, duration in presented:
        file.add_trial(onset, onset + duration, presented=name, cells=cells.tolist())
    for signal in find_signals(dataset):
        file.add_acquisition(
            pynwb.TimeSeries(
                name=signal.name,
                data=signal.values,
                unit=signal.units,
                starting_time=signal.start,
                rate=1 / signal.step,
                description=f"{signal.name} of the model",
            )
        )
    with pynwb.NWBHDF5IO(str(path), "w") as target:
        target.write(file)


def _made_at(dataset: xr.Dataset) -> datetime:
    """Say when the simulation ran; files of earlier versions do not say it."""
    try:
        return datetime.fromisoformat(str(dataset.attrs["started"]))
    except (KeyError, ValueError):
        return datetime(1970, 1, 1, tzinfo=UTC)


def _time_step(dataset: xr.Dataset) -> float | None:
    """Time step of the simulation, the resolution of its spike times [s]."""
    parameters = json.loads(dataset.attrs.get("parameters", "{}"))
    steps = {value for name, value in parameters.items() if name.endswith("time_step")}
    return float(steps.pop()) if len(steps) == 1 else None


def _is_clock(dataset: xr.Dataset, dim: Any) -> bool:
    if dim not in dataset.coords or dataset[dim].attrs.get("units") != "second":
        return False
    steps = np.diff(dataset[dim].values.astype(float))
    return steps.size > 0 and steps[0] > 0 and bool(np.allclose(steps, steps[0], rtol=1e-6))


def _about(dataset: xr.Dataset) -> dict[str, str]:
    attributes = dataset.attrs
    keys = ("experiment", "condition", "seeds", "parameters", "code")
    identity = {key: attributes.get(key, "") for key in keys}
    unique = hashlib.sha256(json.dumps(identity, default=str).encode()).hexdigest()[:32]
    return {
        "title": f"{attributes.get('experiment', '')}: {attributes.get('label', '')}",
        "description": json.dumps(identity | {"versions": attributes.get("versions")}, default=str),
        "identifier": f"{identity['experiment']}/{identity['condition']}/{unique}",
        "command": str(attributes.get("command", "")),
    }


def _quantity(units: str) -> Any:
    import quantities as pq

    try:
        return pq.Quantity(1, units) if units != "1" else pq.dimensionless
    except LookupError:
        return pq.dimensionless
