"""All Brian2 text of the spiking memory, and the networks built from it.

There are two networks: one that stores, clamped by its input and plastic, and one that recalls,
whose recurrent synapses transmit and do not change. Everything numeric is a parameter that is set
at run time: only sizes, switches, the text of the cells and that of the rule are compiled in.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import (
    Clock,
    Equations,
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    TimedArray,
    linked_var,
    second,
)

from spikeconsol.brian import active, noise
from spikeconsol.brian.backend import Built
from spikeconsol.brian.wiring import connect_pairs, read_elsewhere

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
TRANSMIT = "g_{to} += w*h_{source}"

#: Both directions of a pair see the same updates from the same spikes, and both pathways have the
#: same delay: the weights stay symmetric and one synapse can serve both directions.
COUNT = "c += learn_pre*h_{own}*u_{partner}"

#: Coincidence A and mismatch M of a pair, from the share of its heard spikes that met a bursting
#: partner; the ceiling of its weight, from the size of the pattern as the pool and the pair tell
#: it; and the activity S of either cell. Of c + m = n_i + n_j spikes m need not be counted. No rule
#: may have names that end with _j, as `RandomGate` has a ``share``.
EVIDENCE = """
spikes_i_j = heard_pre + heard_post
share_i_j = c/clip(spikes_i_j, 1e-6, inf)
enough_i_j = clip(spikes_i_j/evidence - 1, 0, 1)
A = enough_i_j*clip((share_i_j - coincident_share)*slope, 0, 1)
M = enough_i_j*clip((coincident_share - share_i_j)*slope, 0, 1)
ceiling = clip(sqrt(ceiling_size*spikes_i_j/clip(2*crowd_pre, 1e-6, inf)), 0, 1)
"""
ACTIVITY = """
S_i = clip(heard_pre/evidence - 1, 0, 1)
S_j = clip(heard_post/evidence - 1, 0, 1)
"""
EVIDENCE_CONSTANTS = ("evidence", "coincident_share", "slope", "ceiling_size")

#: The presentation that has just ended; with latch = 0, before the first one, nothing changes.
LATCH = """
latch = int(t_in_timesteps > 0)
{seen}
{before}
{rule}
{after}
"""

#: The rule without a clock, at every spike of either side.
CONTINUOUS = """
elapsed = t - last
c = c*exp(-elapsed/counter_time) + learn_pre*h_{own}*u_{partner}
trace = trace*exp(-elapsed/trace_time)
fast = fast*exp(-elapsed/fast_time)
{evidence}
gate = residual_plasticity + (1 - residual_plasticity)/(1 + (clip(trace - fast, 0, 1)/trace_threshold)**steepness)
w += learn_pre*gate*(potentiation*A*clip(ceiling - w, 0, 1) - depression*M*w)
jump = learn_pre*trace_jump*A*(1 - trace)
trace += jump
fast += jump
last = t
"""  # noqa: E501
CONTINUOUS_CONSTANTS = {
    "counter_time": "second",
    "trace_time": "second",
    "fast_time": "second",
    "potentiation": "1",
    "depression": "1",
    "trace_jump": "1",
    "trace_threshold": "1",
    "residual_plasticity": "1",
    "steepness": "1",
}
#: First of the streams of random numbers that a rule may draw by ``rand()``.
RULE_STREAM = 16
#: The same number for both directions of a pair.
PAIR = "int((i + j - abs(i - j))/2)*N_pre + int((i + j + abs(i - j))/2)"
#: What precedes a constant of the rule among those of the cells.
OF_RULE = "rule_"


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network that stores, or the one that recalls.

    Parameters
    ----------
    structure : dict
        Of both networks: ``phase`` (store or recall), ``n``, ``dt`` [s], ``delay`` [s], ``bin``
        [s], ``bins`` and ``rows`` (capacities of the protocol), ``cell`` (texts of the cell model,
        see `spikeconsol.consolidation.cells`), ``per_cell`` (constants that differ from cell to
        cell), ``symmetric``, ``tile`` and ``pairs`` (see `connect_pairs`), ``precision``,
        ``forced`` (spikes forced by background or Poisson input), ``poisson``. Of the one that
        stores: ``slot`` [s] (period of the latch, None for the continuous trace), ``rule``
        (statements), ``rule_constants``, ``traces``, ``elsewhere`` (the gate reads another pair's
        trace). Of the one that recalls: ``inhibitory_cells``, ``inhibition_delay`` [s].
    """
    _refuse_taken_names(structure["cell"])
    # One clock for all: every further one costs time in every step.
    clock = Clock(structure["dt"] * second, name="step")
    pool = NeuronGroup(1, POOL[_kind(structure)], method="euler", clock=clock, name="pool")
    cells, timed_arrays = _cells(structure, clock, pool)
    objects = [cells, pool, SpikeMonitor(cells, name="spikes"), _to_pool(cells, pool, structure)]
    if structure["phase"] == "store":
        pairs, finish = _plastic_pairs(cells, pool, structure, clock)
    else:
        objects += _inhibition(cells, structure, clock)
        pairs, finish = _transmitting_pairs(cells, structure, clock)
    return Built(Network(pairs, *objects), clock, timed_arrays, finish)


def _kind(structure: Mapping[str, Any]) -> str:
    """Which network, and of those that store which one."""
    if structure["phase"] == "recall":
        return "recall"
    return "continuous" if structure["slot"] is None else "latched"


def _to_pool(cells: NeuronGroup, pool: NeuronGroup, structure: Mapping[str, Any]) -> Synapses:
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


def _cells(
    structure: Mapping[str, Any], clock: Clock, pool: NeuronGroup
) -> tuple[NeuronGroup, dict[str, TimedArray]]:
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
    text += STORING_CELLS + HEARD[_kind(structure)] if storing else RECALLING_CELLS
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


def _refuse_taken_names(cell: Mapping[str, Any]) -> None:
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


def _inhibition(cells: NeuronGroup, structure: Mapping[str, Any], clock: Clock) -> list[Any]:
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


def _transmitting_pairs(cells: NeuronGroup, structure: Mapping[str, Any], clock: Clock) -> Any:
    if active.compiled() and structure["pairs"] is None:
        pairs = _active_pairs(cells, structure, ["w"], (), ("h", "g"))
        pairs.transmit(TRANSMIT.format(to="post", source="pre"), sends="h_pre != 0")
        return pairs, None
    both_ways = structure["symmetric"]
    return _pairs(
        cells,
        structure,
        clock,
        ["w"],
        "",
        on_pre=TRANSMIT.format(to="post", source="pre"),
        on_post=TRANSMIT.format(to="pre", source="post") if both_ways else None,
    )


def _plastic_pairs(
    cells: NeuronGroup, pool: NeuronGroup, structure: Mapping[str, Any], clock: Clock
) -> Any:
    traces, latched = structure["traces"], structure["slot"] is not None
    if latched and active.compiled() and structure["silence"] is not None:
        return _visited_pairs(cells, pool, structure), None
    units = dict.fromkeys(EVIDENCE_CONSTANTS, "1")
    if latched:
        plasticity = COUNT
        units |= dict.fromkeys(structure["rule_constants"], "1")
    else:
        plasticity = CONTINUOUS.replace("{evidence}", EVIDENCE)
        units |= CONTINUOUS_CONSTANTS
    lines = [f"{name} : {unit} (shared, constant)" for name, unit in units.items()]
    if not latched:
        lines += ["last : second"]
    elif structure["elsewhere"]:
        lines += ["trace_elsewhere : 1", "partner : integer (constant)"]
    pairs, finish = _pairs(
        cells,
        structure,
        clock,
        ["w", "c", *traces],
        "\n".join(lines),
        on_pre=plasticity.format(own="pre", partner="post"),
        on_post=plasticity.format(own="post", partner="pre"),
    )
    if latched:
        slot = Clock(structure["slot"] * second, name="slot")
        _latch(cells, pool, pairs, structure, slot)
    return pairs, finish


def _visited_pairs(
    cells: NeuronGroup, pool: NeuronGroup, structure: Mapping[str, Any]
) -> active.ActivePairs:
    """Plastic pairs under a rule that leaves silent ones alone, or lets them decay."""
    kept = ["w", *structure["traces"]]
    constants = (*EVIDENCE_CONSTANTS, *structure["rule_constants"])
    read = ("h", "u", "learn", "heard", "crowd", "noise_seed")
    pairs = _active_pairs(cells, structure, kept, constants, read)
    pairs.count(
        COUNT.format(own="pre", partner="post"), sends="learn_pre*h_pre > 0", hears="u_post > 0"
    )
    slot = Clock(structure["slot"] * second, name="slot")
    rule = _random_numbers("\n".join(structure["rule"]))
    moves, rest = structure["silence"]
    pairs.visit(_latched(rule, EVIDENCE, kept), moves=moves, rest=rest, clock=slot)
    _forget(cells, pool, slot)
    return pairs


def _active_pairs(
    cells: NeuronGroup,
    structure: Mapping[str, Any],
    variables: Sequence[str],
    constants: Sequence[str],
    of_cells: Sequence[str],
) -> active.ActivePairs:
    return active.ActivePairs(
        cells,
        dict.fromkeys(variables, np.float32 if structure["precision"] == "single" else np.float64),
        constants,
        of_cells,
        {name: structure[name] for name in ("symmetric", "tile", "pairs")},
        delay=round(structure["delay"] / structure["dt"]),
        namespace=noise.functions(),
        name="pairs",
    )


def _latch(
    cells: NeuronGroup,
    pool: NeuronGroup,
    pairs: Synapses,
    structure: Mapping[str, Any],
    slot: Clock,
) -> None:
    """Apply the rule at the end of every presentation, and forget the presentation."""
    before, after = _random_numbers("\n---\n".join(structure["rule"])).split("---")
    cell_traces = structure["cell_traces"]
    for name in cell_traces:
        for side, suffix in (("i", "pre"), ("j", "post")):
            of = rf"\b{name}_{side}\b", f"{name}_{suffix}"
            before, after = re.sub(*of, before), re.sub(*of, after)
    seen = EVIDENCE
    if re.search(r"\bS_[ij]\b", before + after):
        seen += ACTIVITY
    kept = ["w", *structure["traces"]]
    # The rule's variables of cells are updated between its two parts, if it has any.
    parts = [f"{before}\n{after}"] if not cell_traces else [before, after]
    for order, part in zip((0, 2), parts, strict=False):
        code = _latched(part, seen, kept) + ("c = 0\n" if part is parts[-1] else "")
        pairs.run_regularly(code, clock=slot, when="start", order=order, name=f"latch_{order}")
    if cell_traces:
        own = _latched(structure["cell_rule"], "S = clip(heard/evidence - 1, 0, 1)", cell_traces)
        for name in ("evidence", *structure["rule_constants"]):
            own = re.sub(rf"\b{name}\b", f"{OF_RULE}{name}", own)
        cells.run_regularly(own, clock=slot, when="start", order=1, name="latch_1")
    if structure["elsewhere"]:
        read_elsewhere(pairs, "trace_elsewhere", "trace", "partner", clock=slot, order=-1)
    _forget(cells, pool, slot)


def _forget(cells: NeuronGroup, pool: NeuronGroup, slot: Clock) -> None:
    """Tell the size of the presentation before it is learned, and forget it after."""
    for group, name, code, order in (
        (cells, "cells_crowd", CROWD, -2),
        (cells, "cells_forget", "heard = 0", 3),
        (pool, "pool_forget", "total = 0", 3),
    ):
        group.run_regularly(code, clock=slot, when="start", order=order, name=name)


def _latched(rule: str, seen: str, kept: Sequence[str]) -> str:
    """Return a rule's statements with what they see, undone before the first presentation."""
    return LATCH.format(
        seen=seen,
        before="\n".join(f"{name}_before = (1 - latch)*{name}" for name in kept),
        rule=rule,
        after="\n".join(f"{name} = latch*{name} + {name}_before" for name in kept),
    )


def _random_numbers(rule: str) -> str:
    """Let ``rand()`` in a rule's text draw numbers that depend on seed, step and pair only."""
    streams = itertools.count(RULE_STREAM)
    return re.sub(
        r"\brand\(\)",
        lambda _: f"uniform(noise_seed_pre, {next(streams)}, t_in_timesteps, {PAIR})",
        rule,
    )


def _pairs(
    cells: NeuronGroup,
    structure: Mapping[str, Any],
    clock: Clock,
    variables: list[str],
    constants: str,
    **statements: str | None,
) -> Any:
    """Pairs of cells with the given synaptic variables, and what is left to do before a run."""
    if structure["pairs"] is not None:
        constants += "\nsource_cell : integer (constant)\ntarget_cell : integer (constant)"
    single = structure["precision"] == "single"
    given = {name: text for name, text in statements.items() if text}
    pairs = Synapses(
        cells,
        cells,
        "\n".join([*(f"{name} : 1" for name in variables), constants]),
        **given,
        delay={name.removeprefix("on_"): structure["delay"] * second for name in given},
        dtype=dict.fromkeys(variables, np.float32) if single else None,
        namespace=noise.functions(),
        clock=clock,
        name="pairs",
    )
    for order, name in enumerate(given):
        getattr(pairs, name.removeprefix("on_")).order = order
    finish = connect_pairs(
        pairs, tile=structure["tile"], symmetric=structure["symmetric"], count=structure["pairs"]
    )
    return pairs, finish
