"""Brian2 objects from the forms that memories bring along."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import Clock, NeuronGroup, SpikeMonitor, Synapses, TimedArray, linked_var, second

from spikeconsol.bottleneck.equations.schedule import Schedule
from spikeconsol.brian import noise

__all__ = ["make"]

Part = Mapping[str, Any]
Groups = Mapping[str, NeuronGroup]


def make(
    parts: Sequence[Part],
    number: int,
    classes: int,
    others: Groups,
    timed_arrays: Mapping[str, TimedArray],
    at_end: Schedule,
    *,
    recorded: bool,
) -> tuple[list[Any], dict[str, TimedArray]]:
    """Make the cells, synapses and monitors of one memory.

    Parameters
    ----------
    parts : sequence of dict
        See `spikeconsol.bottleneck.memory.cells.SpikingForm.structure`.
    number : int
        Of the layer that the memory serves; part of all names.
    classes : int
    others : dict of brian2.NeuronGroup
        ``"inputs"``, ``"cells"`` and ``"teacher"``, as far as there are.
    timed_arrays : dict of brian2.TimedArray
        What the statements may call.
    at_end : Schedule
    recorded : bool
        Make monitors.

    Returns
    -------
    objects : list of Brian2 objects
    tables : dict of brian2.TimedArray
        Tables of the memory, inputs of the program.
    """
    groups, made, objects = dict(others), {}, []
    tables: dict[str, TimedArray] = {}
    for part in parts:
        if part["kind"] == "Cells":
            own = {
                f"{name}{number}": TimedArray(
                    np.zeros((classes, part["size"])), dt=at_end.sample.dt, name=f"{name}{number}"
                )
                for name in part["tables"]
            }
            known = {**noise.functions(), **own, **timed_arrays, "sample_time": at_end.sample.dt}
            made[part["name"]] = _cells(part, number, known, at_end.step)
            tables |= own
    groups |= made
    for part in parts:
        if part["kind"] == "Wires":
            made[part["name"]] = _wires(part, number, groups, classes, at_end.step)
            continue
        cells = made[part["name"]]
        for name, owner in part["links"].items():
            setattr(cells, name, linked_var(groups[owner], name))
        if recorded and part["recorded"]:
            objects.append(SpikeMonitor(cells, name=f"{part['name']}_spikes{number}"))
            record_name = f"{part['name']}_samples{number}"
            objects.append(at_end.record(cells, list(part["recorded"]), record_name))
    objects += made.values()
    for part in parts:
        for moment, statements in part["at_end"].items():
            text = _numbered(statements, part.get("tables", ()), number)
            at_end(made[part["name"]], moment, text)
    return objects, tables


def _cells(part: Part, number: int, namespace: dict[str, Any], clock: Clock) -> NeuronGroup:
    dynamics = {name: part[name] for name in ("threshold", "reset", "method") if part[name]}
    return NeuronGroup(
        part["size"],
        part["equations"],
        clock=clock,
        namespace=namespace,
        name=f"{part['name']}{number}",
        **dynamics,
    )


def _wires(part: Part, number: int, groups: Groups, classes: int, clock: Clock) -> Synapses:
    source, goal = groups[part["source"]], groups[part["target"]]
    synapses = Synapses(
        source,
        goal,
        part["equations"],
        on_pre=part["on_pre"] or None,
        delay=0 * second if part["on_pre"] else None,
        clock=clock,
        name=f"{part['name']}{number}",
    )
    # All to all, with weights of 0: which cells are connected is drawn anew for every seed.
    if part["one_to_one"]:
        synapses.connect(j="i")
    elif part["per_class"]:
        synapses.connect(n=classes)
        synapses.class_gate = np.tile(np.arange(classes), source.N * goal.N)
    else:
        synapses.connect()
    return synapses


def _numbered(statements: str, tables: Sequence[str], number: int) -> str:
    """Call the tables of this layer by their full names."""
    for name in tables:
        statements = re.sub(rf"\b{name}\(", f"{name}{number}(", statements)
    return statements
