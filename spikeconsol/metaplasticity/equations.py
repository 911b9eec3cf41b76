"""Equations of the spiking plastic layer, and the Brian2 network built from them.

Activity of the rate network is signed. Here every unit is a population of pairs of neurons of
opposite polarity, which share afferents and synaptic traces: one neuron of a pair fires more the
more positive the unit's activity is (Brian2's event ``spike``), the other the more negative (event
``opposite``). All numeric values are set at run time; only sizes are compiled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    EventMonitor,
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    second,
)

from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built

#: Poisson neurons: of each pair, the one of the input's sign fires at |x| times max_rate.
INPUTS = """
x                            : 1                       # input, from -1 to 1
unit                         : integer (constant)
max_rate                     : Hz (shared, constant)
noise_seed                   : integer (shared, constant)
"""
INPUT_EVENTS = {
    "spike": "uniform(noise_seed, 1, t_in_timesteps, i) < max_rate*x*dt",
    "opposite": "uniform(noise_seed, 1, t_in_timesteps, i) < -max_rate*x*dt",
}

#: Escape noise: the neurons of a pair fire at max_rate*(1 +- tanh(u))/2, so that the difference of
#: their rates is the rate network's tanh of the summed input.
CELLS = """
du/dt = (bias - u)/membrane_time : 1                   # membrane potential of the pair
dy/dt = -y/filter_time           : 1                   # spikes of the one less the other's
bias                             : 1 (constant)
episode_start                    : second (shared)
membrane_time                    : second (shared, constant)
filter_time                      : second (shared, constant)
filter_jump                      : 1 (shared, constant)
max_rate                         : Hz (shared, constant)
noise_seed                       : integer (shared, constant)
"""
CELL_EVENTS = {
    "spike": "uniform(noise_seed, 2, t_in_timesteps, i) < max_rate*dt/(1 + exp(-2*u))",
    "opposite": "uniform(noise_seed, 3, t_in_timesteps, i) < max_rate*dt/(1 + exp(2*u))",
}
COUNT = "y {sign}= filter_jump"

SYNAPSES = """
w                                : 1 (constant)
alpha                            : 1 (constant)
H                                : 1                   # Hebbian trace
last                             : second              # time of its last update
trace_time                       : second (constant)
trace_jump                       : 1 (constant)
gain                             : 1 (shared, constant)
"""

#: At each presynaptic spike the trace decays (to nothing if a new episode has begun), the spike
#: is transmitted with w + alpha H, and the trace takes the product of pre and post. The neuron of
#: negative polarity does both with the opposite sign.
ON_SPIKE = """
H = int(last >= episode_start_post)*H*exp(-(t - last)/trace_time)
u_post {sign}= gain*(w + alpha*H)
H {sign}= trace_jump*y_post
last = t
"""


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``inputs`` K, ``cells`` Y, ``pairs`` of neurons per unit,
        ``dt`` [s], ``bin`` [s], ``bins`` (capacity of the protocol).
    """
    clock = Clock(structure["dt"] * second, name="step")
    bin_ = structure["bin"] * second
    bin_clock = Clock(bin_, name="bin")
    K, Y = structure["inputs"], structure["cells"]
    timed_arrays = {
        "shown_table": TimedArray(np.zeros((structure["bins"], K)), dt=bin_, name="shown_table"),
        "start_table": TimedArray(np.zeros(structure["bins"]), dt=bin_, name="start_table"),
    }
    namespace = {**noise.functions(), **timed_arrays}
    pre_unit = np.repeat(np.arange(K), structure["pairs"])
    inputs = NeuronGroup(
        len(pre_unit), INPUTS, events=INPUT_EVENTS, clock=clock, namespace=namespace, name="inputs"
    )
    inputs.unit = pre_unit
    inputs.run_regularly(
        "x = shown_table(t, unit)", clock=bin_clock, when="start", name="inputs_shown"
    )
    cells = NeuronGroup(
        Y * structure["pairs"],
        CELLS,
        events=CELL_EVENTS,
        method="exact",
        clock=clock,
        namespace=namespace,
        name="cells",
    )
    cells.run_on_event("spike", COUNT.format(sign="+"))
    cells.run_on_event("opposite", COUNT.format(sign="-"))
    cells.run_regularly(
        "episode_start = start_table(t)*second", clock=bin_clock, when="start", name="cells_episode"
    )
    synapses = Synapses(
        inputs,
        cells,
        SYNAPSES,
        on_pre={"spike": ON_SPIKE.format(sign="+"), "opposite": ON_SPIKE.format(sign="-")},
        on_event={"spike": "spike", "opposite": "opposite"},
        clock=clock,
        name="synapses",
    )
    pre, post = connections(len(inputs), len(cells))
    synapses.connect(i=pre, j=post)
    # An input has one sign at a time: the two pathways never meet in one time step.
    synapses.spike.order, synapses.opposite.order = 0, 1
    return Built(
        Network(
            inputs,
            cells,
            synapses,
            SpikeMonitor(cells, name="spikes"),
            EventMonitor(cells, "opposite", name="opposite_spikes"),
        ),
        clock,
        timed_arrays,
    )


def connections(pre: int, post: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs at both ends of every synapse: all to all, by presynaptic pair."""
    return np.repeat(np.arange(pre), post), np.tile(np.arange(post), pre)
