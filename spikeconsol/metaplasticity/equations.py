"""Equations of plastic networks on spikes, and the Brian2 network built from them.

Activity of the rate network is signed. Here every unit is a population of pairs of neurons of
opposite polarity, which share afferents and synaptic traces: one neuron of a pair fires more the
more positive the unit's activity is (Brian2's event ``spike``), the other the more negative (event
``opposite``). Inputs are Poisson neurons; cells fire by escape noise, or integrate and are reset.
All numeric values are set at run time; only sizes and kinds are compiled in.
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

#: What both neurons of a pair of cells have in common.
PAIR = """
du/dt = (bias + drive - u)/membrane_time : 1           # summed input
dy/dt = -y/filter_time           : 1                   # spikes of the one less the other's
bias                             : 1 (constant)
drive                            : 1                   # from outside, in a recurrent network
unit                             : integer (constant)
episode_start                    : second (shared)
membrane_time                    : second (shared, constant)
filter_time                      : second (shared, constant)
filter_jump                      : 1 (shared, constant)
noise_seed                       : integer (shared, constant)
"""
COUNT = "y {sign}= filter_jump"

#: Escape noise: the neurons of a pair fire at max_rate*(1 +- tanh(u))/2, so that the difference of
#: their rates is the rate network's tanh of the summed input. A spike changes nothing in the cell.
ESCAPE = """
max_rate                         : Hz (shared, constant)
"""
ESCAPE_EVENTS = {
    "spike": "uniform(noise_seed, {stream}, t_in_timesteps, i) < max_rate*dt/(1 + exp(-2*u))",
    "opposite": "uniform(noise_seed, {stream} + 1, t_in_timesteps, i) < max_rate*dt/(1 + exp(2*u))",
}

#: Leaky integration of a current that is linear in the summed input, a threshold at 1, a reset to 0
#: and a refractory time; each neuron has noise of its own.
LEAKY = """
dv/dt = (clip(rest + slope*u, 0, 1000) - v)/leak_time
        + noise*sqrt(2/(leak_time*dt))*normal(noise_seed, {stream}, t_in_timesteps, i) : 1
dv_opposite/dt = (clip(rest - slope*u, 0, 1000) - v_opposite)/leak_time
        + noise*sqrt(2/(leak_time*dt))*normal(noise_seed, {stream} + 1, t_in_timesteps, i) : 1
free                             : second              # end of the refractory time
free_opposite                    : second
rest                             : 1 (shared, constant)
slope                            : 1 (shared, constant)
noise                            : 1 (shared, constant)
leak_time                        : second (shared, constant)
refractory_time                  : second (shared, constant)
"""
LEAKY_EVENTS = {"spike": "v > 1", "opposite": "v_opposite > 1"}
HELD = "v = int(t >= free)*v; v_opposite = int(t >= free_opposite)*v_opposite"
RESET = "v{of} = 0; free{of} = t + refractory_time - dt/2"

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


#: From cells to the populations that answer: the trained readout, not plastic.
READOUT = """
w                                : 1 (constant)
gain                             : 1 (shared, constant)
"""
ON_READOUT = "u_post {sign}= gain*w"


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``inputs`` K, 0 for a recurrent network, ``cells`` Y, ``outputs`` Z, 0 if they are not on
        spikes, ``pairs`` of neurons per unit, ``neurons`` of the cells, ``dt`` [s], ``bin`` [s],
        ``bins`` (capacity of the protocol).
    """
    clock = Clock(structure["dt"] * second, name="step")
    bin_ = structure["bin"] * second
    bin_clock = Clock(bin_, name="bin")
    K, Y, pairs = structure["inputs"], structure["cells"], structure["pairs"]
    timed_arrays = {
        name: TimedArray(np.zeros(shape), dt=bin_, name=name)
        for name, shape in (
            ("shown_table", (structure["bins"], K or Y)),
            ("start_table", structure["bins"]),
        )
    }
    namespace = {**noise.functions(), **timed_arrays}
    cells = _cells("cells", Y, 2, structure, clock, namespace)
    cells.run_regularly(
        "episode_start = start_table(t)*second", clock=bin_clock, when="start", name="cells_episode"
    )
    objects, pre = [cells], cells
    if K:
        pre = NeuronGroup(
            K * pairs, INPUTS, events=INPUT_EVENTS, clock=clock, namespace=namespace, name="inputs"
        )
        pre.unit = np.repeat(np.arange(K), pairs)
        objects.append(pre)
    pre.run_regularly(
        f"{'x' if K else 'drive'} = shown_table(t, unit)",
        clock=bin_clock,
        when="start",
        name="shown",
    )
    objects.append(_connected("synapses", pre, cells, SYNAPSES, ON_SPIKE, clock))
    answering = [cells]
    if structure["outputs"]:
        outputs = _cells("outputs", structure["outputs"], 4, structure, clock, namespace)
        objects.append(_connected("readout", cells, outputs, READOUT, ON_READOUT, clock))
        objects.append(outputs)
        answering.append(outputs)
    for group in answering:
        objects.append(SpikeMonitor(group, name=f"{group.name}_spikes"))
        objects.append(EventMonitor(group, "opposite", name=f"{group.name}_opposite"))
    return Built(Network(objects), clock, timed_arrays)


def _cells(
    name: str,
    units: int,
    stream: int,
    structure: Mapping[str, Any],
    clock: Clock,
    namespace: Mapping[str, Any],
) -> NeuronGroup:
    """Return populations of pairs; `stream` is the first of the two of their noise."""
    leaky = structure["neurons"] == "leaky"
    cells = NeuronGroup(
        units * structure["pairs"],
        PAIR + (LEAKY.format(stream=stream) if leaky else ESCAPE),
        events={
            event: text.format(stream=stream)
            for event, text in (LEAKY_EVENTS if leaky else ESCAPE_EVENTS).items()
        },
        method="exponential_euler" if leaky else "exact",
        clock=clock,
        namespace=namespace,
        name=name,
    )
    cells.unit = np.repeat(np.arange(units), structure["pairs"])
    if leaky:
        cells.run_regularly(HELD, clock=clock, when="before_thresholds", name=f"{name}_held")
    for event, sign, of in (("spike", "+", ""), ("opposite", "-", "_opposite")):
        text = COUNT.format(sign=sign)
        cells.run_on_event(event, f"{text}; {RESET.format(of=of)}" if leaky else text)
    return cells


def _connected(
    name: str, pre: NeuronGroup, post: NeuronGroup, equations: str, on_event: str, clock: Clock
) -> Synapses:
    """Connect all pairs to all; a neuron of negative polarity has the opposite effect."""
    synapses = Synapses(
        pre,
        post,
        equations,
        on_pre={"spike": on_event.format(sign="+"), "opposite": on_event.format(sign="-")},
        on_event={"spike": "spike", "opposite": "opposite"},
        clock=clock,
        name=name,
    )
    i, j = connections(len(pre), len(post))
    synapses.connect(i=i, j=j)
    # Both neurons of a pair may fire in one time step, those of inputs excepted.
    synapses.spike.order, synapses.opposite.order = 0, 1
    return synapses


def connections(pre: int, post: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs at both ends of every synapse: all to all, by presynaptic pair."""
    return np.repeat(np.arange(pre), post), np.tile(np.arange(post), pre)
