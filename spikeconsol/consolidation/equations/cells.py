"""Excitatory cells, the pool that hears them, and feedback inhibition."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Equations,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    linked_var,
    second,
)

from spikeconsol.brian import noise

__all__ = [
    "POOL",
    "connect_pool",
    "kind",
    "make_cells",
    "make_inhibition",
    "refuse_taken_names",
]

#: What every cell has besides its own model. Input comes as `current`, in units of the cell's
#: rheobase; `awake` is 0 in the refractory period, in a form that compilers vectorise.
CELLS = """
awake = int(t - lastspike > {refractory} - dt/2)       : 1
dfacilitation/dt = -facilitation/facilitation_time     : 1
h                                                      : 1   # transmission of the last spike
drive                                                  : 1
forced_rate                                            : Hz
noise_seed                                             : integer (shared, constant)
"""

#: While a pattern is stored the input clamps the network: recurrent excitation, tonic drive and
#: inhibition act in recall only (a switch as by acetylcholine).
STORING_CELLS = """
current = drive + noise*sqrt(noise_time/dt)*normal(noise_seed, 1, t_in_timesteps, i) : 1
u                                                      : 1   # burst signal that partners read
learn                                                  : 1 (shared)  # 1 while a pattern is shown
total                                                  : 1 (linked)  # heard spikes of all cells
crowd                                                  : 1   # the same, where synapses reach it
"""
HEARD = {
    "latched": "heard                              : 1   # heard spikes of this presentation\n",
    "continuous": "dheard/dt = -heard/heard_time : 1\nheard_time : second (shared, constant)\n",
}
#: Graded inhibition takes off the share `balance` of what a cell of average weights would get.
RECALLING_CELLS = """
current = drive + retrieve*(recurrent_gain*(g - balance*load*feedback) + afterdepolarisation
          + tonic_current) - inhibition
          + noise*sqrt(noise_time/dt)*normal(noise_seed, 1, t_in_timesteps, i) : 1
dg/dt = -g/synaptic_time                               : 1   # recurrent excitation
dinhibition/dt = -inhibition/inhibition_time           : 1
dafterdepolarisation/dt = -afterdepolarisation/afterdepolarisation_time : 1
retrieve                                               : 1 (shared)  # 1 during recall
load                                                   : 1 (constant)  # mean weight of the cell
feedback                                               : 1 (linked)  # what all cells transmit
"""

CELL_CONSTANTS = {
    "input_current": "1",
    "input_rate": "Hz",
    "noise": "1",
    "noise_time": "second",
    "background_rate": "Hz",
    "background_share": "1",
    "facilitation_time": "second",
    "facilitation_jump": "1",
    "facilitation_threshold": "1",
    "facilitation_range": "1",
}
RECALLING_CONSTANTS = {
    "tonic_current": "1",
    "synaptic_time": "second",
    "recurrent_gain": "1",
    "balance": "1",
    "inhibition_time": "second",
    "afterdepolarisation_peak": "1",
    "afterdepolarisation_time": "second",
}

#: A cell is heard only once it bursts: an isolated spike finds no facilitation, hence h = 0.
CELL_RESET = """
h = clip((facilitation - facilitation_threshold)/facilitation_range, 0, 1)
facilitation += facilitation_jump*(1 - facilitation)
"""
RECALLING_RESET = (
    "afterdepolarisation = clip(afterdepolarisation, afterdepolarisation_peak*h, 1000)\n"
)

BURST_SIGNAL = "u = clip((facilitation - facilitation_threshold)/facilitation_range, 0, 1)"

CROWD = "crowd = total"

#: Row 0 of the table of inputs is silence. In recall the drive is always a current.
PROTOCOL = """
{window} = window(t)
drive = input_current*table(row(t)*second, i){not_if_poisson}
"""
#: Correlated background switches on and off for all cells together, anew in every bin.
FORCED_RATE = """
up = int(uniform(noise_seed, 4, t_in_timesteps, 0) < background_share)/background_share
forced_rate = background_rate*up{poisson}
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

#: One unit hears all cells: the pool whose size it tells when patterns are stored, and graded
#: inhibition in recall.
POOL = {
    "latched": "total : 1",
    "continuous": """
dtotal/dt = -total/heard_time : 1
heard_time : second (shared, constant)
""",
    "recall": """
dfeedback/dt = -feedback/synaptic_time : 1
synaptic_time : second (shared, constant)
""",
}
#: Heard spikes are counted where they arrive, once for a cell and not for each of its pairs.
TALLY = "heard_pre += learn_pre*h_pre\ntotal_post += learn_pre*h_pre"
FEEDBACK = "feedback_post += h_pre"
#: What precedes a constant of the rule among those of the cells.
OF_RULE = "rule_"


def kind(structure: Mapping[str, Any]) -> str:
    """Which network, and of those that store which one."""
    if structure["phase"] == "recall":
        return "recall"
    return "continuous" if structure["slot"] is None else "latched"


def connect_pool(cells: NeuronGroup, pool: NeuronGroup, structure: Mapping[str, Any]) -> Synapses:
    """Let the pool hear all cells."""
    storing = structure["phase"] == "store"
    tally = Synapses(
        cells,
        pool,
        on_pre=TALLY if storing else FEEDBACK,
        delay=structure["delay"] * second,
        clock=cells.clock,
        name="cells_to_pool",
    )
    tally.connect()
    tally.pre.order = -1  # before the pairs, which read what is counted here
    return tally


def make_cells(
    structure: Mapping[str, Any], clock: Clock, pool: NeuronGroup
) -> tuple[NeuronGroup, dict[str, TimedArray]]:
    """Excitatory cells of either network, and the arrays that hold what they are shown."""
    storing, cell = structure["phase"] == "store", structure["cell"]
    sizes = {"row": structure["bins"], "window": structure["bins"]}
    timed_arrays = {
        name: TimedArray(np.zeros(size), dt=structure["bin"] * second, name=name)
        for name, size in sizes.items()
    }
    table = np.zeros((structure["rows"], structure["n"]))
    timed_arrays["table"] = TimedArray(table, dt=1 * second, name="table")
    units = CELL_CONSTANTS | ({} if storing else RECALLING_CONSTANTS)
    text = CELLS.format(refractory=cell["refractory"])
    text += STORING_CELLS + HEARD[kind(structure)] if storing else RECALLING_CELLS
    per_cell = structure["per_cell"]
    if storing and structure["cell_traces"]:
        text += "".join(f"{name} : 1\n" for name in structure["cell_traces"])
        constants = ("evidence", *structure["rule_constants"])
        units |= {f"{OF_RULE}{name}": "1" for name in constants}
    text += cell["equations"] + "\n"
    for name, unit in {**units, **cell["constants"]}.items():
        flags = "(constant)" if name in per_cell else "(shared, constant)"
        text += f"{name} : {unit} {flags}\n"
    forced = " or uniform(noise_seed, 2, t_in_timesteps, i) < forced_rate*dt"
    cells = NeuronGroup(
        structure["n"],
        text,
        threshold=cell["threshold"] + (forced if structure["forced"] else ""),
        reset=f"{cell['reset']}\n{CELL_RESET}{'' if storing else RECALLING_RESET}",
        refractory=cell["refractory"],
        method="euler",
        clock=clock,
        namespace={**noise.functions(), **timed_arrays},
        name="cells",
    )
    linked = "total" if storing else "feedback"
    setattr(cells, linked, linked_var(pool, linked))
    poisson = storing and structure["poisson"]
    protocol = PROTOCOL.format(
        window="learn" if storing else "retrieve",
        not_if_poisson="*(1 - learn)" if poisson else "",
    )
    if structure["forced"]:
        input_rate = " + input_rate*learn*table(row(t)*second, i)"
        protocol += FORCED_RATE.format(poisson=input_rate if storing else "")
    cells.run_regularly(
        protocol, dt=structure["bin"] * second, when="start", order=-1, name="cells_protocol"
    )
    if storing:
        latched = structure["slot"] is not None
        cells.run_regularly(
            BURST_SIGNAL if latched else f"{BURST_SIGNAL}\n{CROWD}",
            clock=clock,
            when="after_groups",
            name="cells_burst_signal",
        )
    return cells, timed_arrays


def refuse_taken_names(cell: Mapping[str, Any]) -> None:
    """Refuse a cell model that uses a name of either network."""
    text = CELLS.format(refractory="0*second") + STORING_CELLS + RECALLING_CELLS
    taken = {"heard", "heard_time", "row", "window", "table", *noise.functions()}
    taken |= {*re.findall(r"^(?:d(?=\w+/dt))?(\w+)(?:/dt)?\s*[=:]", text, re.MULTILINE)}
    taken |= {*CELL_CONSTANTS, *RECALLING_CONSTANTS}
    own = {*Equations(cell["equations"]).names, *cell["constants"]}
    if clash := sorted(own & taken):
        raise ValueError(
            f"cells: got the name {clash[0]!r}; allowed: names that the memory does not use itself"
        )


def make_inhibition(cells: NeuronGroup, structure: Mapping[str, Any], clock: Clock) -> list[Any]:
    """Feedback inhibition, with what it hears and whom it silences."""
    text = INHIBITION
    if structure["inhibitory_cells"] == 1:  # a unit that counts has no noise
        text = re.sub(r" \+ noise\*normal.*dt\)", "", text)
    inhibition = NeuronGroup(
        structure["inhibitory_cells"],
        text,
        threshold="v > firing_threshold",
        reset="v = 0",
        refractory="refractory_time",
        method="euler",
        clock=clock,
        namespace=noise.functions(),
        name="inhibition",
    )
    excite = Synapses(
        cells,
        inhibition,
        on_pre="v_post += retrieve_pre*h_pre",
        delay=structure["inhibition_delay"] * second,
        clock=clock,
        name="excite_inhibition",
    )
    inhibit = Synapses(
        inhibition,
        cells,
        on_pre="inhibition_post += strength_pre",
        clock=clock,
        name="inhibit_cells",
    )
    for order, synapses in enumerate((excite, inhibit), start=2):
        synapses.connect()
        synapses.pre.order = order
    return [inhibition, excite, inhibit, SpikeMonitor(inhibition, name="inhibitory_spikes")]
