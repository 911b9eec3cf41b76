"""A stream of assemblies, each seen once, in an always-on cortical network.

Assemblies of `active` random excitatory cells are shown one after another to a network that starts
without any memory. Nothing is switched afterwards: cues, each a damaged assembly, are shown on
branches of the last state, with the same dynamics and with plasticity on. An assembly counts as
kept if those who are active after the cue have a Dice coefficient of 0.8 with it. Assemblies that
were never stored are cued too: what the network makes of them is chance.

The constants of the gate and of all controls were chosen on seed 0, from five settings or more for
each (`tuning`). See docs/cortical_memory.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import CorticalMemory, CorticalParameters
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.lab import Condition, family
from spikeconsol.models.cortical_rules import (
    bayesian,
    bounds,
    gate,
    leaky,
    memory_aware,
    random_gate,
    triplet,
    ungated,
)
from spikeconsol.parameters import Parameters, parameter
from spikeconsol.statistics import dice, longest_load

Patterns = NDArray[np.bool_]


@dataclass(frozen=True)
class Protocol(Parameters):
    """A stream of assemblies and the recall of the newest."""

    cells: int = parameter(800, at_least=8, doc="excitatory cells N_E")
    active: int = parameter(64, at_least=1, doc="cells of an assembly, k")
    lifetime: float = parameter("20 s", above=0, doc="T, protection by the gate")
    stored: int = parameter(80, at_least=1, doc="assemblies shown, each once")
    tested: int = parameter(40, at_least=1, doc="newest assemblies that are recalled")
    never_stored: int = parameter(8, at_least=1, doc="cued assemblies that were never shown")
    deleted: float = parameter(0.4, at_least=0, at_most=1, doc="deleted fraction of a cue")
    added: float = parameter(0.1, at_least=0, doc="spurious cells of a cue, as a fraction of k")
    settling: float = parameter("1 s", above=0, doc="time before the first one")
    quiet: float = parameter("10 s", above=0, doc="rest, to measure background")
    _formerly: ClassVar[Mapping[str, str]] = {
        "controls": "a parameter of cortical-memory/stream, without which it had no effect"
    }
    network: CorticalParameters = parameter(CorticalParameters(), doc="the network")

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.whole("tested", self.tested, at_most=self.stored)


@dataclass(frozen=True)
class Stream(Protocol):
    """The same, and which rules are compared."""

    controls: str = parameter(
        "all",
        choices=("all", "bounds", "none"),
        doc="controls that run beside the gate: all, bounds and BCPNN, none",
    )


@dataclass(frozen=True)
class Trial:
    """One condition: a rule, and what differs from the protocol and from its network."""

    rule: Callable[[float], Any]  # from the lifetime T
    network: Mapping[str, Any] = field(default_factory=dict)
    protocol: Mapping[str, Any] = field(default_factory=dict)


def draw(protocol: Protocol, seed: int) -> tuple[Patterns, Patterns, Patterns]:
    """Assemblies that are stored, assemblies that are cued (stored ones first), their cues."""
    for_patterns, for_cues = np.random.SeedSequence(seed).spawn(2)
    drawn = sparse_patterns(
        protocol.stored + protocol.never_stored,
        protocol.cells,
        coding_level=protocol.active / protocol.cells,
        seed=for_patterns,
    )
    cued = drawn[protocol.stored - protocol.tested :]
    cues = corrupt(cued, deleted=protocol.deleted, added=protocol.added, seed=for_cues)
    return drawn[: protocol.stored], cued, cues


def make(protocol: Protocol, trial: Trial, seed: int) -> CorticalMemory:
    """Make the memory of a condition; every seed has connections of its own."""
    settings = {
        "coding_level": protocol.active / protocol.cells,
        "wiring.seed": seed,
        **trial.network,
    }
    parameters = protocol.network.with_settings(settings)
    rule = trial.rule(protocol.lifetime)
    return CorticalMemory(protocol.cells, rule=rule, seed=seed, parameters=parameters)


def run(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store the stream, recall its newest assemblies and some never stored, then rest."""
    (seed,) = seeds
    trial: Trial = condition.setup
    protocol = protocol.replace(**trial.protocol)
    patterns, cued, cues = draw(protocol, seed)
    memory = make(protocol, trial, seed)
    memory.run(protocol.settling)
    storing, watched = store(protocol, memory, patterns, watch=condition.name == "gate")
    recalled = memory.recall(cues)
    asking = memory.recording
    assert asking is not None
    potentiated = (memory.weights.data > 0.5).mean()
    memory.run(protocol.quiet)
    assert memory.recording is not None
    agreement = dice(recalled, cued)
    measured = measures(protocol, seed, agreement, float(np.max(dice(cues, cued))))
    measured |= activity(memory, patterns, storing, memory.recording)
    measured["potentiated"] = single(potentiated, "synapses with w > 0.5", "1")
    ages = np.arange(1, protocol.tested + 1)
    dataset = xr.Dataset(measured, coords={"seed": [seed], "age": ages})
    if watched is not None:
        dataset = dataset.merge(watched).merge(example(protocol, patterns, cues, storing, asking))
    return dataset


def store(
    protocol: Protocol, memory: CorticalMemory, patterns: Patterns, *, watch: bool
) -> tuple[Recording, xr.Dataset | None]:
    """Show all assemblies; of one of them, follow the synapses inside through what comes later."""
    parts: list[Recording] = []

    def show(shown: Patterns) -> None:
        memory.store(shown)
        assert memory.recording is not None
        parts.append(memory.recording)

    last = min(len(patterns), round(1.6 * protocol.lifetime)) if watch else 0
    if last < len(patterns):
        show(patterns[: len(patterns) - last])
    if not watch:
        return parts[0], None
    i, j = memory.weights.tocoo().coords
    first = patterns[len(patterns) - last]
    inside = first[i] & first[j]
    path = []
    for pattern in patterns[len(patterns) - last :]:
        show(pattern[None])
        found = [memory.weights, memory.trace("trace"), memory.trace("trace_fast")]
        path.append([values.data[inside] for values in found])
    weight, trace, fast = np.moveaxis(np.array(path), 1, 0)
    one = int(np.argmax(weight[0]))
    slot = memory.parameters.stimuli.present + memory.parameters.stimuli.pause
    watched = xr.Dataset(
        {
            "example_weight": ("shown", weight[:, one], {"units": "1"}),
            "example_gate_trace": ("shown", (trace - fast)[:, one], {"units": "1"}),
            "example_mean_weight": ("shown", weight.mean(axis=1), {"units": "1"}),
            "trace_threshold": memory.rule.constants["trace_threshold"],
        },
        coords={"shown": ("shown", np.arange(1, last + 1) * slot, {"units": "second"})},
    )
    return Recording.joined(parts), watched


#: Assemblies of which the spikes are kept.
EXAMPLES = 3


def example(
    protocol: Protocol, patterns: Patterns, cues: Patterns, storing: Recording, asking: Recording
) -> xr.Dataset:
    """Spikes of the newest assemblies while they are stored, and when they are recalled."""
    count = min(EXAMPLES, protocol.tested)
    found: dict[str, Any] = {
        "example_pattern": (("slot", "cell"), patterns[-count:]),
        "example_cue": (("slot", "cell"), cues[protocol.tested - count : protocol.tested]),
    }
    places = {"store": (storing, protocol.stored), "recall": (asking, protocol.tested)}
    for phase, (recording, end) in places.items():
        edges = np.append(recording.onsets, recording.end)
        start, stop = edges[end - count], edges[end]
        for kind, cells, times in (
            ("", recording.cells, recording.times),
            ("_inhibitory", recording.inhibitory_cells, recording.inhibitory_times),
        ):
            inside = (times >= start) & (times < stop)
            name = f"{phase}{kind}"
            found[f"{name}_cell"] = (f"{name}_spike", cells[inside].astype(np.int32))
            found[f"{name}_time"] = (f"{name}_spike", times[inside] - start, {"units": "second"})
        found[f"slot_{phase}"] = edges[1] - edges[0]
    return xr.Dataset(found)


def measures(
    protocol: Protocol, seed: int, agreement: NDArray[np.float64], of_cues: float
) -> dict[str, Any]:
    """What was recalled, the newest first, and what came of cues that mean nothing."""
    by_age, chance = agreement[: protocol.tested][::-1], agreement[protocol.tested :]
    of = {"units": "assemblies", "of": protocol.tested}
    return {
        "kept": ("seed", [float((by_age >= 0.8).sum())], {"long_name": "kept (Dice .8)", **of}),
        "kept_90": ("seed", [float((by_age >= 0.9).sum())], {"long_name": "at Dice .9", **of}),
        "p90": single(longest_load(by_age >= 0.8), "P90 (Dice .8)", "assemblies"),
        "never_stored": single(np.max(chance), "largest Dice of those never stored", "1"),
        "cue_alone": single(of_cues, "Dice of the cue itself", "1"),
        "dice_by_age": (("seed", "age"), by_age[None], {"long_name": "Dice coefficient"}),
    }


def activity(
    memory: CorticalMemory, patterns: Patterns, storing: Recording, rest: Recording
) -> dict[str, Any]:
    """Rates while storing and at rest, and what would tell of a global state."""
    shown = memory.parameters.stimuli.present
    counts, _ = storing.counts(0.0, shown)
    quiet = np.bincount(rest.cells, minlength=memory.n) / rest.end
    inhibitory = len(rest.inhibitory_times) / rest.end / memory.inhibitory
    pauses, _ = storing.counts(shown + 0.2, np.inf)
    slot = memory.parameters.stimuli.present + memory.parameters.stimuli.pause
    in_pauses = pauses.mean(axis=1) / (slot - shown - 0.2) if slot > shown + 0.2 else [np.nan]
    silent = len(np.unique(rest.inhibitory_cells)) / memory.inhibitory
    return {
        "driven": single(counts[patterns].mean() / shown, "rate of shown cells", "Hz"),
        "background": single(quiet.mean(), "background, E", "Hz"),
        "background_inhibitory": single(inhibitory, "background, I", "Hz"),
        "irregularity": single(variation(rest), "CV of intervals, E", "1"),
        "firing_inhibitory": single(silent, "I cells that fire at rest", "1"),
        "firing": single((quiet > 0).mean(), "E cells that fire at rest", "1"),
        "largest_pause_rate": single(np.max(in_pauses), "largest mean rate in a pause", "Hz"),
    }


def variation(recording: Recording, least: int = 5) -> float:
    """Mean coefficient of variation of the intervals of cells with at least so many of them."""
    found = []
    for cell in np.flatnonzero(np.bincount(recording.cells, minlength=recording.n) > least):
        intervals = np.diff(np.sort(recording.times[recording.cells == cell]))
        found.append(intervals.std(ddof=1) / intervals.mean())
    return float(np.mean(found)) if found else float("nan")


def single(value: float, name: str, units: str) -> tuple[str, list[float], dict[str, str]]:
    """Return a number of one seed as a variable of a data set."""
    return "seed", [float(value)], {"long_name": name, "units": units}


def stream(protocol: Stream) -> Sequence[Condition]:
    """The gate and its controls, in the network of the gate."""
    trials = {"gate": ("curvature gate", Trial(gate))}
    if protocol.controls != "none":
        trials |= {
            "slow-bounds": ("hard bounds, slow depression", Trial(bounds(0.00075))),
            "slow-soft-bounds": ("soft bounds, slow depression", Trial(ungated(0.00075))),
            "bcpnn": ("BCPNN, 8 lifetimes", Trial(bayesian(8.0, 1.5))),
            "bcpnn-4": ("BCPNN, 4 lifetimes", Trial(bayesian(4.0, 1.5))),  # best in preset long
        }
    if protocol.controls == "all":
        trials |= {
            "bounds": ("hard bounds", Trial(bounds(0.0015))),
            "soft-bounds": ("soft bounds", Trial(ungated(0.0015))),
            "leaky": ("leaky", Trial(leaky(2.5))),
            "mas": ("memory aware synapses", Trial(memory_aware(3.0, 0.02))),
            "triplet": ("triplet STDP", Trial(triplet(1.0, 1.0))),
            "random-gate": ("random gate", Trial(random_gate(0.5, 0.005))),
            "ungated": ("ungated, the gate's rates", Trial(ungated())),
        }
    return listed(trials)


#: Constants tried for every rule, on seed 0: what is in the middle of its grid is at its best.
DEPRESSIONS = (0.0004, 0.00075, 0.0015, 0.003, 0.006)
TRIED: dict[str, tuple[Callable[..., Any], Sequence[tuple[float, ...]]]] = {
    "hard bounds": (bounds, [(depression,) for depression in DEPRESSIONS]),
    "soft bounds": (ungated, [(depression,) for depression in DEPRESSIONS]),
    "leaky": (leaky, [(lifetimes,) for lifetimes in (0.625, 1.25, 2.5, 5.0, 10.0)]),
    "MAS": (memory_aware, [(s, d) for s in (1.0, 3.0, 10.0) for d in (0.005, 0.02, 0.06)]),
    "BCPNN": (bayesian, [(time, top) for time in (4.0, 8.0, 16.0) for top in (1.0, 1.5, 2.0)]),
    "random gate": (
        random_gate,
        [(s, d) for s in (0.25, 0.5, 0.85) for d in (0.0015, 0.005, 0.02)],
    ),
    "triplet STDP": (triplet, [(p, d) for p in (0.3, 1.0, 3.0) for d in (0.3, 1.0, 3.0)]),
}


def tuning(protocol: Protocol) -> Sequence[Condition]:
    """The gate at several gains of recall, and every control with several constants."""
    trials = {
        f"gate-{gain:g}": (f"gate, gain {gain:g}", Trial(gate, {"strengths.recurrent": gain}))
        for gain in (1.5, 1.65, 1.8, 1.95, 2.1)
    }
    for name, (make_rule, settings) in TRIED.items():
        for setting in settings:
            values = [f"{value:g}" for value in setting]
            trials["-".join([name.lower().replace(" ", "-"), *values])] = (
                f"{name}, {', '.join(values)}",
                Trial(make_rule(*setting)),
            )
    return listed(trials)


#: (cells, cells of an assembly, lifetime [s])
SIZES = ((400, 45, 10.0), (800, 64, 20.0), (1600, 80, 40.0), (3200, 113, 80.0))


def scaled(lifetime: float) -> dict[str, Any]:
    """A stream that is long enough for a lifetime: over three of it are stored."""
    return {
        "lifetime": lifetime,
        "stored": round(3.25 * lifetime),
        "tested": round(1.4 * lifetime),
    }


def sizes(protocol: Protocol) -> Sequence[Condition]:
    """The gate in networks of several sizes, with assemblies that grow with the root of it."""
    return listed(
        {
            f"n{cells}": (
                f"N {cells}, k {active}, T {lifetime:g} s",
                Trial(gate, protocol={"cells": cells, "active": active, **scaled(lifetime)}),
            )
            for cells, active, lifetime in SIZES
        }
    )


def lifetimes(protocol: Protocol) -> Sequence[Condition]:
    """The gate with shorter and longer protection."""
    return listed(
        {
            f"t{lifetime:02d}": (f"T {lifetime} s", Trial(gate, protocol=scaled(lifetime)))
            for lifetime in (10, 14, 20, 28, 40)
        }
    )


def background(protocol: Protocol) -> Sequence[Condition]:
    """More and less drive to all excitatory cells, and with it more and less background firing."""
    return listed(
        {
            f"drive-{drive:g}": (
                f"drive {drive:g} mV",
                Trial(gate, {"excitatory.drive": f"{drive} mV"}),
            )
            for drive in (20.0, 23.0, 25.5, 28.0, 31.0, 34.0)
        }
    )


def connectivity(protocol: Protocol) -> Sequence[Condition]:
    """Fewer and more connections; of inhibition, density told from a fixed fan-in."""
    trials = {
        f"p{round(100 * p)}": (f"p {p}", Trial(gate, {"wiring.probability": p}))
        for p in (0.1, 0.2, 0.3, 0.4)
    }
    for p in (0.3, 0.6, 0.9):
        for fixed, name in ((True, "fixed"), (False, "random")):
            wiring = {"wiring.inhibitory_probability": p, "wiring.fixed_fan_in": fixed}
            trials[f"inhibition-{name}-{round(100 * p)}"] = (
                f"I to E {p}, {name} fan-in",
                Trial(gate, wiring),
            )
    return listed(trials)


def cue_quality(protocol: Protocol) -> Sequence[Condition]:
    """Cues from intact to half deleted."""
    return listed(
        {
            f"{round(100 * deleted)}-{round(100 * added)}": (
                f"{deleted:.0%} deleted, {added:.0%} spurious",
                Trial(gate, protocol={"deleted": deleted, "added": added}),
            )
            for deleted, added in ((0.0, 0.0), (0.2, 0.1), (0.4, 0.1), (0.5, 0.1), (0.4, 0.3))
        }
    )


def ablations(protocol: Protocol) -> Sequence[Condition]:
    """What the network is built of, taken away piece by piece."""
    strengths = protocol.network.strengths
    charge = 1 + strengths.nmda_ratio * strengths.nmda_time / strengths.ampa_time
    fast = {"strengths.nmda_ratio": 0.0, "strengths.recurrent": strengths.recurrent * charge}
    sparse = {"wiring.inhibitory_probability": 0.3, "wiring.fixed_fan_in": False}
    return listed(
        {
            "intact": ("intact", Trial(gate)),
            "no-nmda": ("no slow excitation", Trial(gate, {"strengths.nmda_ratio": 0.0})),
            "no-nmda-charge": ("no slow excitation, equal charge", Trial(gate, fast)),
            "no-adaptation": ("no adaptation", Trial(gate, {"excitatory.adaptation_jump": 0.0})),
            "sparse-inhibition": ("random I to E, p 0.3", Trial(gate, sparse)),
            "weak-recruiting": ("half of E to I", Trial(gate, {"strengths.recruiting": 1.6})),
            "weak-stimulus": ("weaker stimulus", Trial(gate, {"stimuli.input_rate": "800 Hz"})),
        }
    )


def cells(protocol: Protocol) -> Sequence[Condition]:
    """Another kind of excitatory cell."""
    adex = {"excitatory.model": "adex", "excitatory.drive": "30 mV"}  # for as much background
    return listed({"lif": ("LIF", Trial(gate)), "adex": ("AdEx", Trial(gate, adex))})


def listed(trials: Mapping[str, tuple[str, Trial]]) -> list[Condition]:
    """Return conditions by their names, with labels."""
    return [Condition(name, "", label, trial) for name, (label, trial) in trials.items()]


def program(protocol: Protocol, condition: Condition) -> Any:
    """Program of a condition, for its model description table."""
    trial: Trial = condition.setup
    return make(protocol.replace(**trial.protocol), trial, 0).program()


COLUMNS = ("kept", "kept_90", "p90", "never_stored", "background", "irregularity")
#: As many assemblies as the network holds, each still recent: for what need not be a stream.
FEW = {"stored": 25, "tested": 25}
DEMO = {"stored": 3, "tested": 3, "never_stored": 2, "quiet": "2 s", "controls": "none", "seeds": 1}
LARGE = {
    "cells": 1600,
    "active": 80,
    "lifetime": "40 s",
    "stored": 130,
    "tested": 56,
}
BESIDE = {"controls": "bounds"}
#: Sparser assemblies, of which more fit (k p is still above 15), and more background.
LONG = LARGE | {
    "active": 64,
    "lifetime": "75 s",
    "stored": 244,
    "tested": 105,
    "network.excitatory.drive": "28 mV",
}


experiment = family("cortical-memory/", run=run, columns=COLUMNS, seeds=3, program=program)
SHOWN = {"figures": ("cortical_conditions",)}
SOME = {"presets": {"few": FEW}}
EXPERIMENTS = (
    experiment(
        stream,
        "assemblies, each seen once, in an always-on network of E and I cells",
        parameters=Stream,
        seeds=5,
        presets={"demo": DEMO, "large": LARGE | BESIDE, "long": LONG | BESIDE},
        figures=("cortical_network", "cortical_memory"),
    ),
    experiment(
        tuning,
        "how the constants of rules were chosen",
        seeds=(0, 1),
        presets={"large": LARGE, "long": LONG},
    ),
    experiment("size", "the always-on network at N = 400 to 3200", sizes),
    experiment("lifetime", "protection by the gate for 10 to 40 s", lifetimes, **SHOWN),
    experiment(background, "more and less background firing", **SOME, **SHOWN),
    experiment(connectivity, "density of connections", **SOME, **SHOWN),
    experiment("cue", "recall from better and worse cues", cue_quality, **SOME),
    experiment("ablation", "what the network cannot do without", ablations, **SOME, **SHOWN),
    experiment(cells, "LIF and AdEx cells", **SOME, **SHOWN),
)
