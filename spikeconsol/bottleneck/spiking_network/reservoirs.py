"""Recurrent populations of rate cells that keep an echo of past samples, and their readout."""

from __future__ import annotations

import numpy as np
from brian2 import NeuronGroup, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.spiking_network.schedule import Schedule

#: One step of the leaky recurrent network per sample.
RESERVOIR = """
u       : 1
drive   : 1
rate    : 1
leak    : 1 (shared, constant)          # time of a sample over the time constant
audible : 1 (shared, constant)          # 0: recurrent cells are silenced
class_now : integer                     # synapses cannot read linked variables
memory_label : integer (linked)
taught  : 1 (linked)
"""
RESERVOIR_STEP = """
drive += {class_drive}((class_now + 0.5)*sample_time, i)
u += taught*leak*(drive - u)
rate = audible*tanh(u)
drive = 0
"""
#: Cells that relay the code, and a last one that is always on: what a readout sees of the sample
#: itself, beside the echo of past ones.
RELAYS = """
rate      : 1
class_now : integer
memory_label : integer (linked)
"""
GATED = "w : 1\nclass_gate : integer"


def rate_reservoir(
    n: int, cells: NeuronGroup, classes: int, number: int, teacher: NeuronGroup, at_end: Schedule
) -> tuple[list[NeuronGroup | Synapses], dict[str, TimedArray]]:
    """Leaky rate cells with inputs and readouts gated by the class."""
    name = f"class_drive{number}"
    class_drive = TimedArray(np.zeros((classes, n)), dt=at_end.sample.dt, name=name)
    reservoir = NeuronGroup(
        n,
        RESERVOIR,
        clock=at_end.step,
        namespace={name: class_drive, "sample_time": at_end.sample.dt},
        name=f"reservoir{number}",
    )
    for shared in ("memory_label", "taught"):
        setattr(reservoir, shared, linked_var(teacher, shared))
    hear = gated(cells, reservoir, classes, f"hear{number}", at_end)
    echo = Synapses(reservoir, reservoir, "w : 1", clock=at_end.step, name=f"echo{number}")
    # All to all, with weights of 0: which cells are connected is drawn anew for every seed.
    echo.connect()
    at_end(reservoir, "code", "class_now = memory_label")
    at_end(hear, "compare", "drive_post += w*z_pre*int(class_gate == class_now_post)")
    at_end(echo, "kernel", "drive_post += w*rate_pre")
    at_end(reservoir, "coefficients", RESERVOIR_STEP.format(class_drive=name))
    return [reservoir, hear, echo], {name: class_drive}


def readout(
    population: NeuronGroup,
    activity: str,
    cells: NeuronGroup,
    classes: int,
    number: int,
    teacher: NeuronGroup,
    at_end: Schedule,
) -> list[NeuronGroup | Synapses]:
    """Class-gated readout of a population's activity, and of the sample itself, into the signal."""
    relays = NeuronGroup(cells.N + 1, RELAYS, clock=at_end.step, name=f"relays{number}")
    relays.memory_label = linked_var(teacher, "memory_label")
    relay = Synapses(cells, relays, clock=at_end.step, name=f"relay{number}")
    relay.connect(j="i")
    read = gated(population, cells, classes, f"read{number}", at_end)
    direct = gated(relays, cells, classes, f"direct{number}", at_end)
    at_end(relays, "code", "class_now = memory_label\nrate = 1")
    at_end(relay, "compare", "rate_post = z_pre")
    open_now = "int(class_gate == class_now_pre)"
    at_end(read, "signal", f"signal_post += w*{activity}_pre*{open_now}")
    at_end(direct, "signal", f"signal_post += w*rate_pre*{open_now}")
    return [relays, relay, read, direct]


def gated(
    source: NeuronGroup,
    goal: NeuronGroup,
    classes: int,
    name: str,
    at_end: Schedule,
    on_pre: str | None = None,
) -> Synapses:
    """Connect all to all with one synapse per class, of which those of the class now are open."""
    synapses = Synapses(
        source, goal, GATED, on_pre=on_pre, delay=0 * second if on_pre else None,
        clock=at_end.step, name=name,
    )  # fmt: skip
    synapses.connect(n=classes)
    synapses.class_gate = np.tile(np.arange(classes), source.N * goal.N)
    return synapses
