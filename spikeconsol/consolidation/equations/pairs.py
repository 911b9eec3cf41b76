"""Pairs of cells: those that learn from their spikes, and those that transmit."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, Synapses, second

from spikeconsol.brian import active, noise
from spikeconsol.brian.wiring import connect_pairs, read_elsewhere
from spikeconsol.consolidation.equations.cells import CROWD, OF_RULE

__all__ = ["make_plastic_pairs", "make_transmitting_pairs"]

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


def make_transmitting_pairs(cells: NeuronGroup, structure: Mapping[str, Any], clock: Clock) -> Any:
    """Pairs that transmit and do not change, and what is left to do before a run."""
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


def make_plastic_pairs(
    cells: NeuronGroup, pool: NeuronGroup, structure: Mapping[str, Any], clock: Clock
) -> Any:
    """Pairs that learn and do not transmit, and what is left to do before a run."""
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
