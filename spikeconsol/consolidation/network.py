"""Equations of the spiking memory, and the Brian2 network built from them.

Everything numeric is a parameter that is set at run time: only sizes, switches and the text of the
plasticity rule are compiled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    all_devices,
    get_device,
    second,
)

from spikeconsol.brian import noise
from spikeconsol.brian.backend import Built
from spikeconsol.consolidation.pairs import pair_indices

#: Excitatory cells. While a pattern is stored the input clamps the network: recurrent excitation,
#: tonic drive and inhibition act in recall only (a switch as by acetylcholine).
CELLS = """
dv/dt = awake*(current - v)/membrane_time              : 1
awake = int(t - lastspike > refractory_time - dt/2)    : 1   # a form that compilers vectorise
current = drive + retrieve*(recurrent_gain*g + afterdepolarisation + tonic_current) - inhibition
          + noise*sqrt(membrane_time/dt)*normal(noise_seed, 1, t_in_timesteps, i) : 1
dg/dt = -g/synaptic_time                               : 1   # recurrent excitation
dinhibition/dt = -inhibition/inhibition_time           : 1
dafterdepolarisation/dt = -afterdepolarisation/afterdepolarisation_time : 1
dx/dt = -x/burst_time                                  : 1   # burst trace
dfacilitation/dt = -facilitation/facilitation_time     : 1
u                                                      : 1   # burst signal that partners read
h                                                      : 1   # transmission of the last spike
drive                                                  : 1
forced_rate                                            : Hz
learn                                                  : 1 (shared)  # 1 while a pattern is shown
retrieve                                               : 1 (shared)  # 1 during recall
storing                                                : 1 (shared, constant)
noise_seed                                             : integer (shared, constant)
"""

CELL_CONSTANTS = {
    "membrane_time": "second",
    "refractory_time": "second",
    "input_current": "1",
    "input_rate": "Hz",
    "tonic_current": "1",
    "noise": "1",
    "background_rate": "Hz",
    "background_share": "1",
    "synaptic_time": "second",
    "recurrent_gain": "1",
    "inhibition_time": "second",
    "burst_time": "second",
    "burst_jump": "1",
    "burst_scale": "1",
    "burst_threshold": "1",
    "facilitation_time": "second",
    "facilitation_jump": "1",
    "facilitation_threshold": "1",
    "facilitation_range": "1",
    "afterdepolarisation_peak": "1",
    "afterdepolarisation_time": "second",
}

#: A cell is heard only once it bursts: an isolated spike finds no facilitation, hence h = 0.
CELL_RESET = """
v = 0
h = clip((facilitation - facilitation_threshold)/facilitation_range, 0, 1)
afterdepolarisation = clip(afterdepolarisation, afterdepolarisation_peak*h, 1000)
x += burst_jump*(1 - x)
facilitation += facilitation_jump*(1 - facilitation)
"""

BURST_SIGNAL = "u = clip((x/burst_scale - burst_threshold)/(1 - burst_threshold), 0, 1)"

#: Row 0 of the table of inputs is silence. In recall the drive is always a current.
PROTOCOL = """
learn = window(t)*storing
retrieve = window(t)*(1 - storing)
drive = input_current*table(row(t)*second, i){not_if_poisson}
"""
#: Correlated background switches on and off for all cells together, anew in every bin.
FORCED_RATE = """
up = int(uniform(noise_seed, 4, t_in_timesteps, 0) < background_share)/background_share
forced_rate = background_rate*up + input_rate*learn*table(row(t)*second, i)
"""

INHIBITION = """
dv/dt = -v/membrane_time + noise*normal(noise_seed, 3, t_in_timesteps, i)/sqrt(membrane_time*dt) : 1
firing_threshold : 1 (shared, constant)
membrane_time    : second (shared, constant)
refractory_time  : second (shared, constant)
strength         : 1 (shared, constant)
noise            : 1 (shared, constant)
noise_seed       : integer (shared, constant)
"""

#: Both directions of a pair see the same two updates from the same spikes, and both pathways have
#: the same delay: the weights stay symmetric and one synapse can serve both directions.
TRANSMIT = "g_{to} += w*h_{source}"
COUNT = """
c += learn_pre*u_{partner}
m += learn_pre*(1 - u_{partner})
"""

#: A and M of the presentation that has just ended; with latch = 0 (before the first pattern, and
#: in recall) nothing changes.
LATCH = """
ceiling = 1.0
latch = int(t_in_timesteps > 0)*storing_pre
A = clip((c - coincidence_threshold)*coincidence_gain, 0, 1)
M = clip((m - mismatch_threshold)*mismatch_gain, 0, 1)*(1 - A)
{before}
{rule}
{after}
c = 0
m = 0
"""
LATCH_CONSTANTS = (
    "coincidence_threshold",
    "coincidence_gain",
    "mismatch_threshold",
    "mismatch_gain",
)

#: The rule without a clock, at every spike of either side.
CONTINUOUS = """
elapsed = t - last
c = c*exp(-elapsed/counter_time) + learn_pre*u_{partner}
m = m*exp(-elapsed/counter_time) + learn_pre*(1 - u_{partner})
trace = trace*exp(-elapsed/trace_time)
fast = fast*exp(-elapsed/fast_time)
gate = residual_plasticity + (1 - residual_plasticity)/(1 + (clip(trace - fast, 0, 1)/trace_threshold)**steepness)
A = clip((c - coincidence_threshold)*coincidence_gain, 0, 1)
M = clip((m - mismatch_threshold)*mismatch_gain, 0, 1)*(1 - clip(c/coincidence_threshold, 0, 1))
w += learn_pre*gate*(potentiation*A*(1 - w) - depression*M*w)
jump = learn_pre*trace_jump*A*(1 - trace)
trace += jump
fast += jump
last = t
"""  # noqa: E501
CONTINUOUS_CONSTANTS = {
    "counter_time": "second",
    "trace_time": "second",
    "fast_time": "second",
    "coincidence_threshold": "1",
    "coincidence_gain": "1",
    "mismatch_threshold": "1",
    "mismatch_gain": "1",
    "potentiation": "1",
    "depression": "1",
    "trace_jump": "1",
    "trace_threshold": "1",
    "residual_plasticity": "1",
    "steepness": "1",
}


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network.

    Parameters
    ----------
    structure : dict
        ``n``, ``inhibitory_cells``, ``dt`` [s], ``delay`` [s], ``inhibition_delay`` [s], ``bin``
        [s], ``slot`` [s] (period of the latch, None for the continuous trace), ``bins`` and
        ``rows`` (capacities of the protocol), ``rule`` (statements), ``rule_constants``,
        ``traces``, ``elsewhere`` (the gate reads another pair's trace), ``symmetric``, ``tile``
        (see `pair_indices`), ``precision``, ``forced`` (spikes forced by background or Poisson
        input), ``poisson``.
    """
    # One clock for all: every further one costs time in every step.
    clock = Clock(structure["dt"] * second, name="step")
    cells, timed_arrays = _cells(structure, clock)
    inhibition = NeuronGroup(
        structure["inhibitory_cells"],
        INHIBITION
        if structure["inhibitory_cells"] > 1
        else INHIBITION.replace(
            " + noise*normal(noise_seed, 3, t_in_timesteps, i)/sqrt(membrane_time*dt)", ""
        ),
        threshold="v > firing_threshold",
        reset="v = 0",
        refractory="refractory_time",
        method="euler",
        clock=clock,
        namespace=noise.functions(),
        name="inhibition",
    )
    pairs = _pairs(cells, structure, clock)
    excite = Synapses(
        cells,
        inhibition,
        on_pre="v_post += retrieve_pre*h_pre",
        delay=structure["inhibition_delay"] * second,
        clock=clock,
        name="excite_inhibition",
    )
    excite.connect()
    inhibit = Synapses(
        inhibition,
        cells,
        on_pre="inhibition_post += strength_pre",
        clock=clock,
        name="inhibit_cells",
    )
    inhibit.connect()
    excite.pre.order, inhibit.pre.order = 2, 3
    return Built(
        Network(
            cells,
            inhibition,
            pairs,
            excite,
            inhibit,
            SpikeMonitor(cells, name="spikes"),
            SpikeMonitor(inhibition, name="inhibitory_spikes"),
        ),
        clock,
        timed_arrays,
    )


def _cells(structure: Mapping[str, Any], clock: Clock) -> tuple[NeuronGroup, dict[str, TimedArray]]:
    n = structure["n"]
    timed_arrays = {
        "row": TimedArray(np.zeros(structure["bins"]), dt=structure["bin"] * second, name="row"),
        "window": TimedArray(
            np.zeros(structure["bins"]), dt=structure["bin"] * second, name="window"
        ),
        "table": TimedArray(np.zeros((structure["rows"], n)), dt=1 * second, name="table"),
    }
    constants = "\n".join(
        f"{name} : {unit} (shared, constant)" for name, unit in CELL_CONSTANTS.items()
    )
    forced = " or uniform(noise_seed, 2, t_in_timesteps, i) < forced_rate*dt"
    cells = NeuronGroup(
        n,
        CELLS + constants,
        threshold="v > 1" + (forced if structure["forced"] else ""),
        reset=CELL_RESET,
        refractory="refractory_time",
        method="euler",
        clock=clock,
        namespace={**noise.functions(), **timed_arrays},
        name="cells",
    )
    protocol = PROTOCOL.format(not_if_poisson="*(1 - learn)" if structure["poisson"] else "")
    if structure["forced"]:
        protocol += FORCED_RATE
    cells.run_regularly(
        protocol, dt=structure["bin"] * second, when="start", order=-1, name="cells_protocol"
    )
    cells.run_regularly(BURST_SIGNAL, clock=clock, when="after_groups", name="cells_burst_signal")
    return cells, timed_arrays


def _pairs(cells: NeuronGroup, structure: Mapping[str, Any], clock: Clock) -> Synapses:
    """Plastic pairs: i < j and delivery both ways, or all i != j."""
    names = ["w", "c", "m", *structure["traces"]]
    lines = [f"{name} : 1" for name in names]
    if structure["slot"] is None:
        plasticity = CONTINUOUS
        lines += [
            f"{name} : {unit} (shared, constant)" for name, unit in CONTINUOUS_CONSTANTS.items()
        ]
        lines += ["last : second"]
    else:
        plasticity = COUNT
        constants = (*LATCH_CONSTANTS, *structure["rule_constants"])
        lines += [f"{name} : 1 (shared, constant)" for name in constants]
        if structure["elsewhere"]:
            lines += ["trace_elsewhere : 1 (constant)"]
    single = structure["precision"] == "single"
    forward = TRANSMIT.format(to="post", source="pre")
    backward = TRANSMIT.format(to="pre", source="post") if structure["symmetric"] else ""
    delay = structure["delay"] * second
    pairs = Synapses(
        cells,
        cells,
        "\n".join(lines),
        on_pre=forward + plasticity.format(partner="post"),
        on_post=backward + plasticity.format(partner="pre"),
        delay={"pre": delay, "post": delay},
        dtype=dict.fromkeys(names, np.float32) if single else None,
        clock=clock,
        name="pairs",
    )
    pairs.pre.order, pairs.post.order = 0, 1
    _connect(pairs, structure)
    if structure["slot"] is not None:
        kept = ["w", *structure["traces"]]
        pairs.run_regularly(
            LATCH.format(
                before="\n".join(f"{name}_before = {name}" for name in kept),
                rule=structure["rule"],
                after="\n".join(
                    f"{name} = latch*{name} + (1 - latch)*{name}_before" for name in kept
                ),
            ),
            dt=structure["slot"] * second,
            when="start",
            name="pairs_latch",
        )
    return pairs


#: Overwrites the order in which Brian2 has made the synapses by that of `pair_indices`.
LAYOUT = """
{{
    size_t k = 0;
    for (int first = 0; first < {n}; first += {tile})
        for (int j = 0; j < {n}; j++)
            for (int i = first; i < first + {tile} && i < {n}; i++)
                if ({condition}) {{
                    {pre}[k] = i;
                    {post}[k++] = j;
                }}
}}
"""


def _connect(pairs: Synapses, structure: Mapping[str, Any]) -> None:
    """Make the synapses in the order of `pair_indices`, on every target."""
    n, tile, symmetric = structure["n"], structure["tile"], structure["symmetric"]
    if get_device() is not all_devices["cpp_standalone"]:
        i, j = pair_indices(n, tile, symmetric=symmetric)
        pairs.connect(i=i, j=j)
        return
    # Index arrays from here would be stored in the program, 8 bytes a synapse.
    condition = "i < j" if symmetric else "i != j"
    pairs.connect(condition=condition)
    device = get_device()
    names = {
        name: device.get_array_name(pairs.variables[f"_synaptic_{name}"], access_data=False)
        for name in ("pre", "post")
    }
    device.insert_code("main", LAYOUT.format(n=n, tile=tile, condition=condition, **names))
