r"""Equations of the spiking network that learns from a working memory, in Brian2.

Everything, from the Poisson input to the change of the weights, is an equation or a synapse. A
sample is shown for a fixed time; at its end the statements below run once, in the order of
`schedule.ORDER`. Sums over a layer are collected by a single hub cell and heard by all cells of
the layer: the broadcast that layer normalisation and its Jacobian need. The working memory is a
population of cells with one synapse from every hidden cell, in which it keeps a code: one memory
cell per class (`Prototypes`, `ClassMeans`) or one per remembered sample (`Window`). Whatever the
memory, the modulatory signal is

.. math:: \xi_i = \sum_p c_p (z_i - m_{ip})

and only the coefficients of the memory cells differ. A `Reservoir` of rate cells hears the code, a
`SpikingReservoir` the spikes themselves; both are read out. Only sizes and the kind of memory are
compiled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, SpikeMonitor, TimedArray, second

from spikeconsol.bottleneck.spiking_network import layers
from spikeconsol.bottleneck.spiking_network.liquid import build_rehearsal, liquid
from spikeconsol.bottleneck.spiking_network.memories import memory
from spikeconsol.bottleneck.spiking_network.relational import (
    build_gated_rehearsal,
    build_relational,
)
from spikeconsol.bottleneck.spiking_network.reservoirs import rate_reservoir, readout
from spikeconsol.bottleneck.spiking_network.schedule import Schedule
from spikeconsol.brian.backend import Built

__all__ = ["build", "build_gated_rehearsal", "build_rehearsal", "build_relational"]


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``sizes`` (inputs, hidden
        layers, classes), ``memory`` (``"window"``, ``"prototypes"``, ``"class_means"``,
        ``"reservoir"`` or ``"spiking_reservoir"``), ``memory_cells`` (per layer), ``importance``
        (``""``, ``"uniform"``, ``"coincidence"`` or ``"fisher"``: what damps synapses),
        ``recorded`` (spikes, signals and modulators).
    """
    step = Clock(structure["dt"] * second, name="step")
    at_end = Schedule(step, Clock(structure["sample_time"] * second, name="sample_clock"))
    recorded, sizes = structure["recorded"], structure["sizes"]
    timed_arrays = _timed_arrays(structure)
    inputs = layers.inputs(structure, timed_arrays["samples"], at_end)
    teacher = layers.teacher(structure, timed_arrays, at_end)
    objects: list[Any] = [inputs, teacher]
    below = inputs
    for number, units in enumerate(sizes[1:-1]):
        cells, hub = layers.layer(units, number, teacher, at_end)
        feedforward = layers.feedforward(below, cells, number, structure["importance"], at_end)
        objects += [cells, *hub, feedforward]
        made, arrays = _memory(structure, inputs, cells, number, teacher, timed_arrays, at_end)
        timed_arrays |= arrays
        variables = ["count", "signal", "modulator"] if recorded else ["count"]
        objects += [*made, at_end.record(cells, variables, f"samples{number}")]
        if recorded:
            objects.append(SpikeMonitor(cells, name=f"spikes{number}"))
            if structure["memory"] == "spiking_reservoir":
                objects.append(SpikeMonitor(made[0], name=f"liquid_spikes{number}"))
                objects.append(at_end.record(made[0], ["trace"], f"liquid_samples{number}"))
        below = cells
    objects += layers.readout(sizes[-1], below, teacher, at_end)
    if recorded:
        objects.append(SpikeMonitor(inputs, name="input_spikes"))
    return Built(Network(*objects), step, timed_arrays)


def _memory(
    structure: Mapping[str, Any],
    inputs: NeuronGroup,
    cells: NeuronGroup,
    number: int,
    teacher: NeuronGroup,
    timed_arrays: Mapping[str, TimedArray],
    at_end: Schedule,
) -> tuple[list[Any], dict[str, TimedArray]]:
    """Working memory of a layer, from which the modulatory signal comes."""
    kind, n, classes = structure["memory"], structure["memory_cells"], structure["sizes"][-1]
    if kind == "reservoir":
        made, arrays = rate_reservoir(n, cells, classes, number, teacher, at_end)
    elif kind == "spiking_reservoir":
        labels = timed_arrays["memory_labels"]
        made, arrays = liquid(n, cells, classes, number, labels, at_end)
    else:
        return memory(kind, n, inputs, cells, number, teacher, at_end), {}
    activity = "rate" if kind == "reservoir" else "trace"
    read = readout(made[0], activity, cells, classes, number, teacher, at_end)
    return [*made, *read], arrays


def _timed_arrays(structure: Mapping[str, Any]) -> dict[str, TimedArray]:
    period = structure["sample_time"] * second
    shapes: dict[str, Any] = dict.fromkeys(
        ("labels", "memory_labels", "schedule"), structure["samples"]
    )
    shapes["samples"] = (structure["samples"], structure["sizes"][0])
    return {
        name: TimedArray(np.zeros(shape), dt=period, name=name) for name, shape in shapes.items()
    }
