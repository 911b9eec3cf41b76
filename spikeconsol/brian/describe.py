"""What a compiled program's network consists of, read from the network itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import (
    NeuronGroup,
    PoissonGroup,
    PopulationRateMonitor,
    SpikeMonitor,
    StateMonitor,
    Synapses,
)
from brian2.groups.group import CodeRunner
from brian2.groups.neurongroup import Resetter, StateUpdater, Thresholder
from brian2.synapses.synapses import SynapticPathway

from spikeconsol.brian.backend import Program, at_runtime

__all__ = ["Section", "describe"]


@dataclass(frozen=True)
class Section:
    """One part of a model description table (Nordlie, Gewaltig and Plesser 2009).

    Parameters
    ----------
    title : str
    heads : tuple of str
        Column headings.
    rows : sequence of tuple of str
        Cells; those of the columns named in `code` are statements or equations, a line each.
    code : tuple of str, optional
    """

    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    code: tuple[str, ...] = ()


def describe(program: Program) -> list[Section]:
    """Build a program's network and describe it; nothing is run or compiled.

    Parameters
    ----------
    program : Program

    Returns
    -------
    list of Section
        Model summary, populations, connectivity, neurons, synapses, plasticity, input and
        measurements.

    References
    ----------
    Nordlie E, Gewaltig M-O, Plesser HE (2009). Towards reproducible descriptions of neuronal
    network models. PLoS Computational Biology 5: e1000456.
    """
    with at_runtime("numpy"):
        built = program.load_builder()(program.structure)
        objects = sorted(built.network.objects, key=lambda found: found.name)
        for found in objects:  # Brian2 would warn that they were never run
            found._network = built.network.id
    groups = [o for o in objects if isinstance(o, NeuronGroup | PoissonGroup)]
    pathways = [o for o in objects if isinstance(o, Synapses)]
    monitors = [
        o for o in objects if isinstance(o, SpikeMonitor | StateMonitor | PopulationRateMonitor)
    ]
    plastic = [s.name for s in pathways if any(True for _ in _operations(s))]
    summary = [
        ("Populations", ", ".join(f"{group.name} ({len(group)})" for group in groups)),
        ("Connectivity", ", ".join(f"{s.source.name} to {s.target.name}" for s in pathways)),
        ("Neurons", ", ".join(f"{g.name}: {_kind(g)}" for g in groups)),
        ("Plasticity", ", ".join(plastic) or "in the pathways' own statements, if at all"),
        ("Input", ", ".join(built.timed_arrays) or "none"),
        ("Time step", f"{float(built.clock.dt) * 1e3:g} ms"),
    ]
    neurons = [
        (group.name, part, text) for group in groups for part, text in _neuron(group) if text
    ]
    synapses = [
        (s.name, part, text)
        for s in pathways
        for part, text in (
            ("state", _equations(s)),
            *((f"at {p.prepost} spikes", _clean(p.code)) for p in s._pathways),
        )
        if text
    ]
    return [
        Section("Model summary", ("part", "description"), summary),
        Section(
            "Populations",
            ("name", "elements", "size"),
            [(g.name, _kind(g), str(len(g))) for g in groups],
        ),
        Section(
            "Connectivity",
            ("name", "source", "target", "synapses", "delay"),
            [(s.name, s.source.name, s.target.name, str(len(s)), _delay(s)) for s in pathways],
        ),
        Section("Neuron models", ("population", "part", "text"), neurons, ("text",)),
        Section("Synapse models", ("pathway", "part", "text"), synapses, ("text",)),
        Section(
            "Plasticity and other updates",
            ("object", "when", "statements"),
            [(o.name, when, code) for o in (*pathways, *groups) for when, code in _operations(o)],
            ("statements",),
        ),
        Section(
            "Input",
            ("timed array", "values", "step"),
            [
                (name, " x ".join(map(str, array.values.shape)), f"{float(array.dt):g} s")
                for name, array in built.timed_arrays.items()
            ],
        ),
        Section(
            "Measurements",
            ("monitor", "of", "variables"),
            [(m.name, m.source.name, ", ".join(sorted(m.record_variables))) for m in monitors],
        ),
    ]


def _kind(group: Any) -> str:
    """Name a population's elements by what they do."""
    if isinstance(group, PoissonGroup):
        return "Poisson spike trains"
    states = sorted(group.equations.diff_eq_names)
    dynamics = f"{len(states)} state variables" if states else "no dynamics"
    return f"{'spiking' if group.events else 'graded'}, {dynamics}"


def _neuron(group: Any) -> Iterator[tuple[str, str]]:
    """Equations, threshold, reset and refractoriness of a population."""
    if isinstance(group, PoissonGroup):
        return
    yield "equations", _equations(group)
    for event, condition in group.events.items():
        yield ("threshold" if event == "spike" else event), condition
        yield "reset", _clean(group.event_codes.get(event, ""))
    if group._refractory is not False:
        yield "refractory", str(group._refractory)
    if group.method_choice is not None:
        yield "integration", str(group.method_choice)


def _equations(group: Any) -> str:
    """Differential equations and definitions, a line each, then names of the other variables."""
    lines, others = [], []
    for name, equation in group.equations.items():
        if equation.type == "differential equation":
            lines.append(f"d{name}/dt = {equation.expr}")
        elif equation.type == "subexpression":
            lines.append(f"{name} = {equation.expr}")
        elif name not in ("lastspike", "not_refractory"):
            others.append(name)
    if others:
        lines.append(f"given: {', '.join(others)}")
    return "\n".join(" ".join(line.split()) for line in lines)


def _operations(group: Any) -> Iterator[tuple[str, str]]:
    """Statements that are executed at regular times, beside integration and spikes."""
    builtin = (Resetter, StateUpdater, SynapticPathway, Thresholder)
    for found in group.contained_objects:
        if isinstance(found, CodeRunner) and not isinstance(found, builtin):
            code = _clean(getattr(found, "abstract_code", "") or "")
            if code:
                yield f"every {float(found.clock.dt) * 1e3:g} ms, {found.when}", code


def _delay(synapses: Any) -> str:
    delays = {delay for p in synapses._pathways for delay in np.array(p.delay[:]).flat}
    return ", ".join(f"{delay * 1e3:g} ms" for delay in sorted(delays) if delay) or "none"


def _clean(code: str) -> str:
    return "\n".join(line.strip() for line in code.splitlines() if line.strip())
