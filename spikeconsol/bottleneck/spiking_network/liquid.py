"""A liquid: recurrent excitatory and inhibitory spiking cells that keep an echo of past samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Synapses, TimedArray, second

from spikeconsol.bottleneck.spiking_network.reservoirs import gated
from spikeconsol.bottleneck.spiking_network.schedule import Schedule
from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

#: Never at rest: neither potentials nor currents are cleared between samples.
LIQUID = """
dv/dt = (drive + current - v)/membrane_time : 1
dcurrent/dt = -current/synaptic_time        : 1     # slow synapses, from hidden cells and liquid
dtrace/dt = -trace/trace_time               : 1     # filtered spikes, which are read out
drive     : 1                                       # background and class
class_now : integer                                 # of the sample that is shown
membrane_time : second (shared, constant)
synaptic_time : second (shared, constant)
trace_time    : second (shared, constant)
audible       : 1 (shared, constant)                # 0: the cells are silenced
"""
#: The class of a sample is known from its beginning.
ONSET = """
class_now = int(memory_labels(t))
drive = {class_drive}((class_now + 0.5)*sample_time, i)
"""
#: Stand for a layer while the readout is trained.
REHEARSED = """
expected   : 1                          # spikes in this sample
count      : 1
noise_seed : integer (shared, constant)
"""


def liquid(
    n: int,
    cells: NeuronGroup,
    classes: int,
    number: int,
    memory_labels: TimedArray,
    at_end: Schedule,
) -> tuple[list[NeuronGroup | Synapses], dict[str, TimedArray]]:
    """Leaky integrate-and-fire cells that hear spikes of a layer through class-gated synapses."""
    name = f"class_drive{number}"
    class_drive = TimedArray(np.zeros((classes, n)), dt=at_end.sample.dt, name=name)
    population = NeuronGroup(
        n,
        LIQUID,
        threshold="audible*v > 1",
        reset="v -= 1\ntrace += 1",
        method="exponential_euler",
        clock=at_end.step,
        namespace={
            name: class_drive,
            "memory_labels": memory_labels,
            "sample_time": at_end.sample.dt,
        },
        name=f"liquid{number}",
    )
    at_end(population, "rest", ONSET.format(class_drive=name))
    hear = gated(
        cells,
        population,
        classes,
        f"hear{number}",
        at_end,
        on_pre="current_post += w*int(class_gate == class_now_post)",
    )
    echo = Synapses(
        population,
        population,
        "w : 1",
        on_pre="current_post += w",
        delay=0 * second,
        clock=at_end.step,
        name=f"echo{number}",
    )
    # All to all, with weights of 0: which cells are connected is drawn anew for every seed.
    echo.connect()
    return [population, hear, echo], {name: class_drive}


def build_rehearsal(structure: Mapping[str, Any]) -> Built:
    """Build a liquid that hears forced spikes, to train its readout.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``sample_time`` [s], ``samples`` (capacity of a run), ``units`` (cells of the
        layer), ``classes``, ``cells`` (of the liquid).
    """
    step = Clock(structure["dt"] * second, name="step")
    period = structure["sample_time"] * second
    at_end = Schedule(step, Clock(period, name="sample_clock"))
    samples, units = structure["samples"], structure["units"]
    expected = TimedArray(np.zeros((samples, units)), dt=period, name="expected_spikes")
    memory_labels = TimedArray(np.zeros(samples), dt=period, name="memory_labels")
    rehearsed = NeuronGroup(
        units,
        REHEARSED,
        threshold="uniform(noise_seed, 2, t_in_timesteps, i) < expected*dt/sample_time",
        reset="count += 1",
        clock=step,
        namespace={
            **noise.functions(), "expected_spikes": expected, "sample_time": period
        },
        name="rehearsed",
    )  # fmt: skip
    at_end(rehearsed, "rest", "expected = expected_spikes(t, i)\ncount = 0")
    made, arrays = liquid(
        structure["cells"], rehearsed, structure["classes"], 0, memory_labels, at_end
    )
    monitors = [
        at_end.record(rehearsed, ["count"], "rehearsed_samples"),
        at_end.record(made[0], ["trace"], "liquid_samples"),
    ]
    return Built(
        Network(rehearsed, *made, *monitors),
        step,
        arrays | {"expected_spikes": expected, "memory_labels": memory_labels},
    )
