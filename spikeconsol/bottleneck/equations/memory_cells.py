r"""Equations of spiking memory cells that compete by inhibition, in Brian2.

A sample is shown as Poisson spikes, of which each adds to a cell what is left of

.. math:: -|\hat x - w|^2 \approx \sum_j (2 w_j - 1) \hat x_j - |w|^2,

where :math:`\hat x_j` are the spikes of input j over those expected at full intensity. The term -1
is feed-forward inhibition, and every cell knows its own :math:`|w|^2`. Then a ramp lifts all
cells alike: the first to reach threshold is the nearest, and its latency is its distance. Its
spike excites a cell that inhibits all others for the rest of the sample. Free cells answer to no
input (w = 1/2 cancels the inhibition) and are lifted over threshold at the novelty threshold: a
free cell is recruited where no cell has been fast enough. One free cell of a class is excitable
at a time; its first spike makes the next one so.

The winner's spike is what learns, :math:`w_j \leftarrow w_j + r(\hat x_j - w_j)`, with
:math:`r = 1 / (\text{spikes of this cell so far, this one included})` or a fixed rate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.equations.schedule import Schedule
from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

__all__ = ["build"]

INPUTS = """
level       : 1                         # intensity of the sample, 0 to 1
seen        : 1                         # its estimate from the spikes so far
sample_seed : integer (shared)          # of the spikes of this sample
peak_rate   : Hz (shared, constant)     # at intensity 1
spike_value : 1 (shared, constant)      # one over the spikes expected at intensity 1
"""
INPUT_SPIKES = (
    "t_in_timesteps % {period} < {shown}"
    " and uniform(sample_seed, 1, t_in_timesteps % {period}, i) < level*peak_rate*dt"
)
NEXT_SAMPLE = """
sample_seed = int(seeds(t))
level = samples(t, i)
seen = 0
"""

CELLS = """
v        : 1                            # minus the squared distance, as far as it is known
square   : 1                            # |w|^2
offset   : 1                            # of free cells: puts their rest at the novelty threshold
uses     : 1                            # spikes that have taught this cell
ready    : 1                            # 1 once it is excitable
allowed  : 1                            # 1 while it may compete
taught   : 1                            # 1 while a sample is shown to learn from
label    : integer (constant)
shut     : 1 (linked)                   # inhibition
plasticity = int(uses == 0) + int(uses > 0)*(by_use/(uses + 1) + fixed_rate) : 1
ramp       : 1 (shared, constant)       # squared distance per time step
by_use     : 1 (shared, constant)       # 1: rate divided by the cell's own spike count
fixed_rate : 1 (shared, constant)
"""
#: A label of -1 is a test: all cells that hold something compete, and nothing is learned.
COMPETE = """
v = offset - square
taught = int(labels(t) > -0.5)
allowed = taught*ready*int(label == int(labels(t) + 0.5)) + (1 - taught)*int(uses > 0)
"""
CELL_SPIKES = (
    "v + ramp*(t_in_timesteps % {period} - {shown}) > 0 and t_in_timesteps % {period} >= {shown}"
    " and allowed > 0.5 and shut < 0.5"
)
RESET = """
uses += taught
offset *= 1 - taught
"""
HEAR = "v_post += spike_value_pre*(2*w - 1)"
LEARN = """
change = taught_post*plasticity_post*(seen_pre - w)
square_post += change*(2*w + change)
w += change
"""


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``dt`` [s], ``shown`` and ``read`` (time steps of a sample and of the ramp after it),
        ``samples`` (capacity of a run), ``inputs``, ``classes``, ``cells`` (of every class).
    """
    moments = {
        "period": structure["shown"] + structure["read"],
        "shown": structure["shown"],
    }
    at_start = Schedule(structure["dt"], moments["period"] * structure["dt"])
    step, sample = at_start.step, at_start.sample
    capacity, classes, pool = structure["samples"], structure["classes"], structure["cells"]
    timed = {
        name: TimedArray(np.zeros(shape), dt=sample.dt, name=name)
        for name, shape in {
            "samples": (capacity, structure["inputs"]),
            "labels": capacity,
            "seeds": capacity,
        }.items()
    }
    inputs = NeuronGroup(
        structure["inputs"],
        INPUTS,
        threshold=INPUT_SPIKES.format(**moments),
        reset="seen += spike_value",
        clock=step,
        namespace={**noise.functions(), "samples": timed["samples"], "seeds": timed["seeds"]},
        name="inputs",
    )
    at_start(inputs, "begin", NEXT_SAMPLE)
    cells = NeuronGroup(
        classes * pool,
        CELLS,
        threshold=CELL_SPIKES.format(**moments),
        reset=RESET,
        clock=step,
        namespace={"labels": timed["labels"]},
        name="cells",
    )
    cells.label = np.repeat(np.arange(classes), pool)
    at_start(cells, "begin", COMPETE)
    inhibitor = NeuronGroup(1, "shut : 1", clock=step, name="inhibitor")
    cells.shut = linked_var(inhibitor, "shut")
    at_start(inhibitor, "begin", "shut = 0")
    hear = Synapses(
        inputs, cells, "w : 1", on_pre=HEAR, on_post=LEARN, delay={"pre": 0 * second},
        dtype={"w": np.float32}, clock=step, name="hear",
    )  # fmt: skip
    hear.connect()
    inhibit = Synapses(cells, inhibitor, on_pre="shut_post = 1", clock=step, name="inhibit")
    inhibit.connect()
    mature = Synapses(cells, cells, on_pre="ready_post = 1", clock=step, name="mature")
    each = np.arange(classes * pool - 1)
    each = each[(each + 1) % pool > 0]
    if each.size:
        mature.connect(i=each, j=each + 1)
    else:
        mature.active = False
    spikes = SpikeMonitor(cells, name="spikes")
    return Built(Network(inputs, cells, inhibitor, hear, inhibit, mature, spikes), step, timed)
