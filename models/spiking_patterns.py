"""The spiking memory with patterns as they come, and at other operating points.

Patterns of unequal size, cells that are used more often than others, other coding levels; drive,
duration and time constants within a factor of two or so of the default; cells and wiring. All with
one set of constants, chosen on seeds 0 and 1 (`spiking-capacity/recall-tuning`). Protocol and
measures are those of `sequential-memory`.

The rate network stores the same patterns by the same rule and is told the true size of each one in
recall, which the spiking network is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import xarray as xr

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.cells import LIF, AdEx, Izhikevich
from spikeconsol.consolidation.rules import BoundedCurvatureGate
from spikeconsol.consolidation.wiring import Sparse
from spikeconsol.lab import Condition
from spikeconsol.models.sequential_memory import (
    TUNED_BOUNDS,
    TUNED_LEAKY,
    Protocol,
    counts,
    draw,
)
from spikeconsol.models.spiking_capacity import (
    CLOCKLESS,
    COLUMNS,
    DEMO,
    GATE,
    Trial,
    durations,
    experiment,
    network,
)
from spikeconsol.models.spiking_capacity import run as run_spiking
from spikeconsol.statistics import dice, longest_load

FIRING = {"cells.background_rate": 4.0}


@dataclass(frozen=True)
class RateTrial:
    """The rate network, with a memory of each unit's own state and with homeostasis."""

    protocol: Mapping[str, Any]
    self_coupling: float = 1.9  # w_ii = 1 for the default stream, whose weights are 0.31 +- 0.36
    homeostasis: float = 1.0


def run(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store the stream and recall its newest patterns, for one seed at a time."""
    if condition.level == "spiking":
        return run_spiking(protocol, condition, seeds)
    (seed,) = seeds
    trial: RateTrial = condition.setup
    protocol = protocol.replace(**trial.protocol)
    patterns, cues = draw(protocol, seed)
    memory = HopfieldNetwork(
        protocol.units,
        rule=GATE,
        seed=seed,
        homeostasis=trial.homeostasis,
        self_coupling=trial.self_coupling,
        saturation_size=protocol.spiking.evidence.ceiling * protocol.coding_level * protocol.units,
    )
    memory.store(patterns)
    tested = patterns[-protocol.tested :]
    recalled = memory.recall(cues, active=tested.sum(axis=1))
    kept = (dice(recalled, tested) >= 0.9)[::-1]
    return xr.Dataset(
        {
            **counts(protocol, kept.sum(), longest_load(kept)),
            "active": ("seed", [recalled.sum(axis=1).mean()], {"long_name": "active cells"}),
        },
        coords={"seed": [seed]},
    )


def _streams(
    streams: Mapping[str, tuple[str, Mapping[str, Any]]],
    *,
    background: bool,
    controls: Sequence[str],
) -> list[Condition]:
    """Conditions of each stream of patterns: spikes, with background, rates, and controls."""
    found = []
    for name, (label, changes) in streams.items():
        found.append(Condition(name, "spiking", label, Trial(GATE, protocol=changes)))
        if background:
            trial = Trial(GATE, FIRING, protocol=changes)
            text = f"{label}, 4 Hz background"
            found.append(Condition(f"{name}-background", "spiking", text, trial))
        found.append(Condition(name, "rate", f"{label}, size told", RateTrial(changes)))
        if name in controls:
            for short, tuned, text in (
                ("bounds", TUNED_BOUNDS, "hard bounds, tuned"),
                ("leaky", TUNED_LEAKY, "leaky, tuned"),
            ):
                trial = Trial(tuned.rule, tuned.network, protocol=changes)
                found.append(Condition(f"{name}-{short}", "spiking", f"{text}, {label}", trial))
    return found


def unequal(protocol: Protocol) -> Sequence[Condition]:
    """Numbers of active cells that differ from pattern to pattern."""
    k = round(protocol.coding_level * protocol.units)
    streams = {
        "equal": (f"k = {k}", {"sizes": "equal"}),
        "narrow": (f"k = {k - k // 5} to {k + k // 5}", {"sizes": f"{k - k // 5}-{k + k // 5}"}),
        "wide": (f"k = {k - k // 2} to {k + k // 2}", {"sizes": f"{k - k // 2}-{k + k // 2}"}),
        "binomial": ("k binomial", {"sizes": "binomial"}),
    }
    return _streams(streams, background=True, controls=("binomial",))


def usage(protocol: Protocol) -> Sequence[Condition]:
    """Cells of which some are part of more patterns than others."""
    streams = {
        f"usage-{round(100 * spread):03d}": (f"log-normal use, {spread:g}", {"usage": spread})
        for spread in (0.25, 0.5, 0.75)
    }
    return _streams(streams, background=False, controls=("usage-050",))


#: (coding level, protection time)
LEVELS = ((0.02, 200.0), (0.1, 90.0))
#: What is measured at N = 200, k = 10 unless it says otherwise.
POINTS: Mapping[str, tuple[str, Trial]] = {
    "default": ("default", Trial(GATE)),
    "drive-14": ("drive 1.4", Trial(GATE, {"cells.input_current": 1.4})),
    "drive-40": ("drive 4", Trial(GATE, {"cells.input_current": 4.0})),
    "shown-150": ("150 ms a pattern", Trial(GATE, {"phases.present": 0.15})),
    "shown-500": ("500 ms a pattern", Trial(GATE, {"phases.present": 0.5})),
    "membrane-05": ("membrane time 5 ms", Trial(GATE, cells=LIF(membrane_time=0.005))),
    "membrane-20": ("membrane time 20 ms", Trial(GATE, cells=LIF(membrane_time=0.02))),
    "refractory-03": ("refractory 3 ms", Trial(GATE, cells=LIF(refractory_time=0.003))),
    "refractory-12": ("refractory 12 ms", Trial(GATE, cells=LIF(refractory_time=0.012))),
    "synaptic-14": ("synaptic time 14 ms", Trial(GATE, {"cells.synaptic_time": 0.014})),
    "synaptic-30": ("synaptic time 30 ms", Trial(GATE, {"cells.synaptic_time": 0.03})),
    "facilitation-040": ("facilitation 40 ms", Trial(GATE, {"cells.facilitation_time": 0.04})),
    "facilitation-160": ("facilitation 160 ms", Trial(GATE, {"cells.facilitation_time": 0.16})),
    "told-040": ("told f = 0.04", Trial(GATE, {"coding_level": 0.04})),
    "told-065": ("told f = 0.065", Trial(GATE, {"coding_level": 0.065})),
    "adex": ("AdEx cells", Trial(GATE, cells=AdEx())),
    "izhikevich": ("Izhikevich cells", Trial(GATE, cells=Izhikevich())),
    "sparse-80": ("80% of connections", Trial(GATE, wiring=Sparse(0.8))),
    "sparse-50": ("50% of connections", Trial(GATE, wiring=Sparse(0.5))),
    "sparse-20": ("20% of connections", Trial(GATE, wiring=Sparse(0.2))),
}


def operating_points(protocol: Protocol) -> Sequence[Condition]:
    """Other drive, durations, time constants, cells, wiring and coding levels."""
    points = dict(POINTS)
    for level, patterns in LEVELS:
        rule = BoundedCurvatureGate.for_capacity(patterns)
        changed = {"coding_level": level}
        points[f"level-{round(1000 * level):03d}"] = (
            f"f = {level:g}",
            Trial(rule, protocol=changed),
        )
    return [Condition(name, "spiking", label, trial) for name, (label, trial) in points.items()]


def stream(patterns: float, protocol: Mapping[str, Any], network: Mapping[str, Any]) -> Trial:
    """A stream that differs from the default one, and the gate with its protection time."""
    return Trial(BoundedCurvatureGate.for_capacity(patterns), network, protocol=protocol)


#: Streams on which one set of constants is chosen.
STREAMS: Mapping[str, Trial] = {
    "equal": stream(190, {}, {}),
    "equal-4Hz": stream(190, {}, FIRING),
    "narrow": stream(190, {"sizes": "8-12"}, {}),
    "narrow-4Hz": stream(190, {"sizes": "8-12"}, FIRING),
    "binomial": stream(190, {"sizes": "binomial"}, {}),
    "binomial-4Hz": stream(190, {"sizes": "binomial"}, FIRING),
    "usage": stream(190, {"usage": 0.5}, {}),
    "f-0.02": stream(200, {"coding_level": 0.02}, {}),
    "f-0.1": stream(90, {"coding_level": 0.1}, {}),
}
#: Without a clock: patterns of one duration, and of several.
CLOCKLESS_STREAMS = ("regular", "varying")


@dataclass(frozen=True)
class Setting:
    """Constants that are tried, the same for all streams: of the network, or `patterns`, T."""

    changes: Mapping[str, Any]
    streams: Mapping[str, Trial]


def recall_settings(protocol: Protocol) -> Sequence[Condition]:
    """Settings of recall, each of them one set for all streams."""
    base = {"cells.recurrent_gain": 18.0, "cells.afterdepolarisation": 2.2}
    settings = [
        {"cells.recurrent_gain": gain, "cells.afterdepolarisation": own}
        for gain in (16.5, 18.0, 19.5)
        for own in (2.0, 2.2, 2.6)
    ]
    for name, values in (
        ("inhibition.threshold", (0.4, 0.5)),
        ("inhibition.strength", (16.0, 20.0)),
        ("inhibition.balance", (0.4, 0.6)),
        ("inhibition.scaling", (0.15, 0.5)),
        ("cells.tonic_current", (0.7, 0.85)),
        ("cells.burst_rate", (38.7, 44.0)),
    ):
        settings += [base | {name: value} for value in values]
    return numbered([Setting(changes, STREAMS) for changes in settings])


def clockless_settings(protocol: Protocol) -> Sequence[Condition]:
    """Settings of the trace without a clock: one constant changed at a time, then the best three.

    Recall is that of the latched rule: its two constants with the largest effect are among them.
    """
    base = {"patterns": 170, "continuous.potentiation": 0.15, "continuous.counter_time": 0.2}
    tried = {
        "patterns": (130, 150, 190, 210),
        "continuous.potentiation": (0.1, 0.2, 0.3),
        "continuous.depression": (0.01, 0.03),
        "continuous.trace_jump": (0.1, 0.25),
        "continuous.window": (0.2, 0.4),
        "continuous.steepness": (8.0, 32.0),
        "continuous.counter_time": (0.1, 0.3),
        "cells.recurrent_gain": (16.5, 19.5),
        "cells.afterdepolarisation": (2.0, 2.6),
    }
    changes: list[dict[str, float]] = [base]
    changes += [base | {name: value} for name, values in tried.items() for value in values]
    together = {
        "patterns": (190, 210, 230, 250),
        "continuous.potentiation": (0.2, 0.3, 0.45),
        "continuous.counter_time": (0.05, 0.1),
    }
    changes += [dict(zip(together, values, strict=True)) for values in product(*together.values())]
    return numbered([clockless(change) for change in changes])


def clockless(changes: Mapping[str, Any]) -> Setting:
    """The trace without a clock, with some constants changed; the protection time is one."""
    rule = BoundedCurvatureGate.for_capacity(changes["patterns"])
    streams = {
        name: Trial(rule, CLOCKLESS, durations=shown)
        for name, shown in zip(CLOCKLESS_STREAMS, (None, (0.15, 0.35)), strict=True)
    }
    return Setting(changes, streams)


def numbered(settings: Sequence[Setting]) -> list[Condition]:
    """Conditions of a search, labelled by what is changed."""
    return [
        Condition(
            f"setting-{number:02d}",
            "spiking",
            ", ".join(f"{name.rpartition('.')[2]} {v:g}" for name, v in setting.changes.items()),
            setting,
        )
        for number, setting in enumerate(settings)
    ]


def try_setting(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store and recall every stream with one setting."""
    (seed,) = seeds
    setting: Setting = condition.setup
    changes = {name: value for name, value in setting.changes.items() if name != "patterns"}
    measured = {}
    for name, trial in setting.streams.items():
        asked = protocol.replace(**trial.protocol)
        shown, cues = draw(asked, seed)
        memory = network(asked, trial, {**changes, **trial.network}, seed)
        memory.store(shown, durations=durations(asked, trial, seed))
        tested = shown[-asked.tested :]
        kept = (dice(memory.recall(cues), tested) >= 0.9)[::-1]
        for measure, value in (("kept", kept.sum()), ("p90", longest_load(kept))):
            attributes = {"long_name": f"{measure}, {name}", "units": "patterns"}
            measured[f"{measure}_{name}"] = ("seed", [float(value)], attributes)
    return xr.Dataset(measured, coords={"seed": [seed]})


def of_each(streams: Iterable[str]) -> tuple[str, ...]:
    """Columns of the table of a search."""
    return tuple(f"{measure}_{name}" for name in streams for measure in ("kept", "p90"))


_shown = partial(
    experiment,
    run=run,
    columns=("kept", "p90", "active"),
    demo=DEMO,
    figures=("spiking_patterns",),
)
EXPERIMENTS = (
    _shown(
        "unequal",
        "patterns of unequal size, with and without background; rates that are told it",
        unequal,
    ),
    _shown("usage", "cells of which some are used more often than others", usage),
    _shown(
        "operating-point",
        "drive, durations, time constants, cells, wiring and coding levels",
        operating_points,
        columns=COLUMNS,
    ),
    experiment(
        "recall-tuning",
        "how the constants of recall were chosen, one set for all streams",
        recall_settings,
        run=try_setting,
        columns=of_each(STREAMS),
        seeds=(0, 3),
    ),
    experiment(
        "clockless-tuning",
        "how the constants of the trace without a clock were chosen",
        clockless_settings,
        run=try_setting,
        columns=of_each(CLOCKLESS_STREAMS),
        seeds=(0, 2),
    ),
)
