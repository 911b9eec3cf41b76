"""Recurrent populations that keep an echo of past samples and are read out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.spiking_network.schedule import Schedule

#: One step of the leaky recurrent network per sample. The last cells only relay: the readout sees
#: the code and the class beside the rates.
RESERVOIR = """
u       : 1
drive   : 1
rate    : 1
recurrent : 1 (constant)                # 1 for recurrent cells, 0 for relays
leak    : 1 (shared, constant)          # time of a sample over the time constant
audible : 1 (shared, constant)          # 0: recurrent cells are silenced
class_now : integer                     # synapses cannot read linked variables
memory_label : integer (linked)
taught  : 1 (linked)
"""
RESERVOIR_STEP = """
drive += {class_drive}(class_now*second, i)
u += taught*recurrent*leak*(drive - u)
rate = recurrent*audible*tanh(u) + (1 - recurrent)*drive
drive = 0
"""


def rate_reservoir(
    structure: Mapping[str, Any],
    cells: NeuronGroup,
    number: int,
    teacher: NeuronGroup,
    at_end: Schedule,
) -> tuple[list[Any], dict[str, TimedArray]]:
    """Leaky rate cells with inputs and readouts gated by the class."""
    classes, units = structure["sizes"][-1], cells.N
    # Relays of the class, of the code and of a constant.
    n = structure["reservoir"] + classes + units + 1
    name = f"class_drive{number}"
    class_drive = TimedArray(np.zeros((classes, n)), dt=1 * second, name=name)
    reservoir = NeuronGroup(
        n,
        RESERVOIR,
        clock=at_end.step,
        namespace={name: class_drive},
        name=f"reservoir{number}",
    )
    for shared in ("memory_label", "taught"):
        setattr(reservoir, shared, linked_var(teacher, shared))
    hear = Synapses(
        cells, reservoir, "w : 1\nclass_gate : integer", clock=at_end.step, name=f"hear{number}"
    )
    hear.connect(n=classes)
    read = Synapses(
        reservoir, cells, "w : 1\nclass_gate : integer", clock=at_end.step, name=f"read{number}"
    )
    read.connect(n=classes)
    hear.class_gate = np.tile(np.arange(classes), n * units)
    read.class_gate = np.tile(np.arange(classes), n * units)
    echo = Synapses(reservoir, reservoir, "w : 1", clock=at_end.step, name=f"echo{number}")
    # All to all, with weights of 0: which cells are connected is drawn anew for every seed.
    echo.connect()
    at_end(reservoir, "code", "class_now = memory_label")
    at_end(hear, "compare", "drive_post += w*z_pre*int(class_gate == class_now_post)")
    at_end(echo, "kernel", "drive_post += w*recurrent_pre*rate_pre")
    at_end(reservoir, "coefficients", RESERVOIR_STEP.format(class_drive=name))
    at_end(read, "signal", "signal_post += w*rate_pre*int(class_gate == class_now_pre)")
    return [reservoir, hear, echo, read], {name: class_drive}
