"""Build the spiking network: input, layers with their memories, readout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, TimedArray, second

from spikeconsol.bottleneck.equations import layers, parts
from spikeconsol.bottleneck.equations.reservoirs import REHEARSED
from spikeconsol.bottleneck.equations.schedule import Schedule
from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

__all__ = ["build", "build_rehearsal"]


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``sizes`` (inputs, hidden
        layers, classes), ``memories`` (per layer, see
        `spikeconsol.bottleneck.memory.cells.SpikingForm`), ``signal`` (statements that change what
        the memory says), ``importance`` (``"none"``, ``"uniform"``, ``"coincidence"`` or
        ``"fisher"``: what damps synapses), ``recorded`` (spikes, signals and modulators).
    """
    at_end = Schedule(structure["dt"], structure["sample_time"])
    recorded, sizes = structure["recorded"], structure["sizes"]
    timed_arrays = _timed_arrays(structure)
    inputs = layers.inputs(sizes[0], timed_arrays, at_end)
    teacher = layers.teacher(structure, timed_arrays, at_end)
    objects: list[Any] = [inputs, teacher]
    below = inputs
    tables: dict[str, TimedArray] = {}
    for number, units in enumerate(sizes[1:-1]):
        cells, hub = layers.layer(units, number, teacher, structure["signal"], at_end)
        feedforward = layers.feedforward(below, cells, number, structure["importance"], at_end)
        made, arrays = parts.make(
            structure["memories"][number],
            number,
            sizes[-1],
            {"inputs": inputs, "cells": cells, "teacher": teacher},
            {"memory_labels": timed_arrays["memory_labels"]},
            at_end,
            recorded=recorded,
        )
        tables |= arrays
        variables = ["count", "signal", "modulator"] if recorded else ["count"]
        record = at_end.record(cells, variables, f"samples{number}")
        objects += [cells, *hub, feedforward, *made, record]
        if recorded:
            objects.append(SpikeMonitor(cells, name=f"spikes{number}"))
        below = cells
    objects += layers.readout(sizes[-1], below, teacher, at_end)
    if recorded:
        objects.append(SpikeMonitor(inputs, name="input_spikes"))
    return Built(Network(*objects), at_end.step, timed_arrays | tables)


def build_rehearsal(structure: Mapping[str, Any]) -> Built:
    """Build a liquid that hears forced spikes, to train its readout.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``units`` (cells of the
        layer), ``classes``, ``memory`` (the liquid's parts).
    """
    at_end = Schedule(structure["dt"], structure["sample_time"])
    period, samples, units = at_end.sample.dt, structure["samples"], structure["units"]
    expected = TimedArray(np.zeros((samples, units)), dt=period, name="expected_spikes")
    memory_labels = TimedArray(np.zeros(samples), dt=period, name="memory_labels")
    rehearsed = NeuronGroup(
        units,
        REHEARSED,
        threshold="uniform(noise_seed, 2, t_in_timesteps, i) < expected*dt/sample_time",
        reset="count += 1",
        clock=at_end.step,
        namespace={
            **noise.functions(), "expected_spikes": expected, "sample_time": period
        },
        name="rehearsed",
    )  # fmt: skip
    at_end(rehearsed, "rest", "expected = expected_spikes(t, i)\ncount = 0")
    made, tables = parts.make(
        structure["memory"],
        0,
        structure["classes"],
        {"cells": rehearsed},
        {"memory_labels": memory_labels},
        at_end,
        recorded=True,
    )
    monitor = at_end.record(rehearsed, ["count"], "rehearsed_samples")
    return Built(
        Network(rehearsed, *made, monitor),
        at_end.step,
        tables | {"expected_spikes": expected, "memory_labels": memory_labels},
    )


def _timed_arrays(structure: Mapping[str, Any]) -> dict[str, TimedArray]:
    period = structure["sample_time"] * second
    per_sample = ("labels", "memory_labels", "schedule", "noise_seeds", "first_steps")
    shapes: dict[str, Any] = dict.fromkeys(per_sample, structure["samples"])
    shapes["samples"] = (structure["samples"], structure["sizes"][0])
    return {
        name: TimedArray(np.zeros(shape), dt=period, name=name) for name, shape in shapes.items()
    }
