"""Where the spiking memory holds and where it fails: size, background firing, cues, variants.

All experiments follow the protocol of `sequential-memory`: a stream of patterns, each stored once,
then recall of the newest in steady state. Protection times and the constants of controls were
chosen on seed 0, three settings for each, and are never tested on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork, SpikingMemory, batch
from spikeconsol.consolidation.capacity import Course
from spikeconsol.consolidation.cells import LIF, CellModel
from spikeconsol.consolidation.rules import (
    BoundedAdditive,
    BoundedCurvatureGate,
    BoundedLeaky,
    CurvatureGate,
    Rule,
)
from spikeconsol.consolidation.wiring import AllToAll, Wiring
from spikeconsol.lab import Condition, family
from spikeconsol.models.sequential_memory import (
    TUNED_BOUNDS,
    TUNED_LEAKY,
    Protocol,
    Storage,
    counts,
    draw,
    spiking_memory,
)
from spikeconsol.statistics import dice, longest_load

Weights = NDArray[np.floating]


@dataclass(frozen=True)
class Trial:
    """One condition: a rule, what differs from the default network, and how it is recalled."""

    rule: Rule
    network: Mapping[str, Any] = field(default_factory=dict)
    #: Differences in recall only; the same as in storage where there is none.
    recall: Mapping[str, Any] | None = None
    protocol: Mapping[str, Any] = field(default_factory=dict)
    #: Range of the time for which a pattern is shown [s].
    durations: tuple[float, float] | None = None
    #: Weights to be deleted, from weights and curvature.
    lesion: Callable[[Weights, Weights, np.random.Generator], NDArray[np.bool_]] | None = None
    cells: CellModel = field(default_factory=LIF)
    wiring: Wiring = field(default_factory=AllToAll)
    #: Count only spikes this long before a volley of inhibition [s]; none: all of them.
    phase: float | None = None


GATE = BoundedCurvatureGate()
#: A trace that needs no clock, and patterns without gaps between them.
CLOCKLESS = {"trace": "continuous", "phases.gap": 0.0}


def run(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store the stream and recall its newest patterns, for one seed at a time."""
    (seed,) = seeds
    trial: Trial = condition.setup
    protocol = protocol.replace(**trial.protocol)
    if condition.level == "rate":
        return at_once(protocol, seed)
    patterns, cues = draw(protocol, seed)
    memory = network(protocol, trial, trial.network, seed)
    memory.store(patterns, durations=durations(protocol, trial, seed))
    assert memory.recording is not None
    rates = memory.recording.rates()
    weights = memory.weights
    if trial.lesion is not None:
        weights = weights * ~trial.lesion(weights, memory.curvature, np.random.default_rng(seed))
    if trial.recall is not None or trial.lesion is not None:
        memory = network(protocol, trial, trial.recall or trial.network, seed)
        memory.weights = weights
    recalled = memory.recall(cues)
    if trial.phase is not None:
        recalled = by_phase(memory, trial.phase)
    tested = patterns[-protocol.tested :]
    rates_recall = HopfieldNetwork(protocol.units, rule=CurvatureGate(), seed=seed)
    rates_recall.weights = covariance_form(weights, protocol.coding_level)
    by_rates = rates_recall.recall(cues, active=tested.sum(axis=1))
    return measured(protocol, seed, recalled, by_rates, tested, rates[~patterns].mean())


def by_phase(memory: SpikingMemory, window: float) -> NDArray[np.bool_]:
    """Say who fired within a time before (nearly) every volley of the last recall."""
    recording, phases = memory.recording, memory.parameters.phases
    assert recording is not None
    times, cells = recording.times, recording.cells
    volleys = np.sort(recording.inhibitory_times)
    cue = np.searchsorted(recording.onsets, volleys, side="right") - 1
    since = volleys - recording.onsets[cue]
    inside = (since >= phases.recall - phases.read_out) & (since < phases.recall)
    volleys, cue = volleys[inside], cue[inside]
    following = np.searchsorted(volleys, times)
    near = following < len(volleys)
    near[near] = volleys[following[near]] - times[near] <= window
    voted = np.unique(np.stack([following[near], cells[near]]), axis=1)  # once for each volley
    votes = np.zeros((len(recording.onsets), recording.n))
    np.add.at(votes, (cue[voted[0]], voted[1]), 1)
    cycles = np.bincount(cue, minlength=len(votes))[:, None]
    return (votes >= phases.read_out_fraction * cycles) & (cycles >= phases.volleys)


def network(
    protocol: Protocol, trial: Trial, changes: Mapping[str, Any], seed: int
) -> SpikingMemory:
    """Make a spiking memory that differs from the protocol's in some constants."""
    parts = {"cells": trial.cells, "wiring": trial.wiring}
    return spiking_memory(protocol, trial.rule, changes, seed, **parts)


def at_once(protocol: Protocol, seed: int) -> xr.Dataset:
    """Covariance of all patterns together, read by k winners: what a size holds without streams."""
    patterns, cues = draw(protocol.replace(tested=protocol.stored), seed)
    rates = HopfieldNetwork(protocol.units, rule=CurvatureGate(), seed=[seed])
    course = Course.at_once(rates, batch.covariance, patterns[None], cues[None], every=5)
    p90 = course.p90()
    without_spikes = {name: ("seed", [np.nan]) for name in COLUMNS}
    # All patterns are there: as many as it can hold are kept.
    load = counts(protocol, p90[0], p90[0])
    return xr.Dataset(without_spikes | load, coords={"seed": [seed]})


def covariance_form(weights: Weights, coding_level: float) -> Weights:
    """Map weights from [0, 1] to the range of the covariance rule, with a zero diagonal."""
    mapped = (1 - coding_level) * weights - coding_level * (1 - coding_level)
    np.fill_diagonal(mapped, 0.0)
    return mapped


def durations(protocol: Protocol, trial: Trial, seed: int) -> NDArray[np.float64] | None:
    """Draw for how long each pattern is shown [s], on the bins; none: for equal times."""
    if trial.durations is None:
        return None
    step = protocol.spiking.phases.bin
    low, high = (round(duration / step) for duration in trial.durations)
    return np.random.default_rng([seed, 2]).integers(low, high + 1, protocol.stored) * step


def measured(
    protocol: Protocol,
    seed: int,
    recalled: NDArray[np.bool_],
    by_rates: NDArray[np.bool_],
    tested: NDArray[np.bool_],
    background: float,
) -> xr.Dataset:
    """All measures of one recall, by spikes and by k winners, the newest pattern first."""
    kept = (dice(recalled, tested) >= 0.9)[::-1]
    kept_by_rates = (dice(by_rates, tested) >= 0.9)[::-1]
    of = {"units": "patterns", "of": protocol.tested}
    return xr.Dataset(
        {
            **counts(protocol, kept.sum(), longest_load(kept)),
            "kept_by_rates": (
                "seed",
                [float(kept_by_rates.sum())],
                {"long_name": "kept, same weights read by rates", **of},
            ),
            "active": ("seed", [recalled.sum(axis=1).mean()], {"long_name": "active cells"}),
            "silent_rate": (
                "seed",
                [background],
                {"long_name": "rate of unstimulated cells", "units": "Hz"},
            ),
            "kept_by_age": (("seed", "age"), kept[None], {"long_name": "recalled"}),
        },
        coords={"seed": [seed], "age": np.arange(1, protocol.tested + 1)},
    )


def listed(trials: Mapping[str, tuple[str, Trial]]) -> list[Condition]:
    """Conditions from names, labels and trials."""
    return [Condition(name, "spiking", label, trial) for name, (label, trial) in trials.items()]


#: (cells, active cells, protection time)
SIZES = ((100, 10, 50), (200, 10, 190), (300, 10, 420), (400, 10, 700), (400, 20, 300))
#: Controls at N = 400, by active cells, tuned as the protection time was.
LARGE_CONTROLS: Mapping[int, tuple[Rule, Rule]] = {
    10: (
        BoundedLeaky(potentiation=0.6, depression=0.013),
        BoundedAdditive(potentiation=0.8, depression=0.8 * 0.025 / 1.95),
    ),
    20: (
        BoundedLeaky(potentiation=0.6, depression=0.025),
        BoundedAdditive(potentiation=0.8, depression=0.8 * 0.05 / 1.9),
    ),
}


def sizes(protocol: Protocol) -> Sequence[Condition]:
    """The rule at several sizes, beside batch covariance; controls and background at N = 400."""
    trials, limits = {}, []
    for cells, active, patterns in SIZES:
        tested = round(1.4 * patterns)
        stream = {
            "units": cells,
            "coding_level": active / cells,
            "stored": 3 * patterns + tested,
            "tested": tested,
        }
        text, name = f"N {cells}, k {active}", f"n{cells}-k{active}"
        rule = BoundedCurvatureGate.for_capacity(patterns)
        trials[f"gate-{name}"] = (f"gate, {text}", Trial(rule, protocol=stream))
        limits.append(
            Condition(
                f"covariance-{name}",
                "rate",
                f"batch covariance, {text}",
                Trial(rule, protocol=stream),
            )
        )
        if cells == 400:
            leaky, bounds = LARGE_CONTROLS[active]
            trials[f"leaky-{name}"] = (f"leaky, tuned, {text}", Trial(leaky, protocol=stream))
            trials[f"bounds-{name}"] = (
                f"hard bounds, tuned, {text}",
                Trial(bounds, protocol=stream),
            )
            firing = {"cells.background_rate": 4.0}
            trials[f"background-{name}"] = (
                f"gate, {text}, 4 Hz background",
                Trial(rule, firing, protocol=stream),
            )
    return listed(trials) + limits


def large(protocol: Protocol) -> Sequence[Condition]:
    """A million plastic connections: the rule, and bounds with the constants of N = 400."""
    patterns, coding_level = 3900, 0.01
    stream = {
        "units": 1000,
        "coding_level": coding_level,
        "stored": round(4.4 * patterns),
        "tested": round(1.4 * patterns),
    }
    depression = 0.8 * coding_level / (2 * (1 - coding_level))
    bounds = BoundedAdditive(potentiation=0.8, depression=depression)
    return listed(
        {
            "gate": ("gate", Trial(BoundedCurvatureGate.for_capacity(patterns), protocol=stream)),
            "bounds": ("hard bounds, balanced", Trial(bounds, protocol=stream)),
        }
    )


#: Rate above which a cell is heard that bears more background [Hz].
LATE = 47.6


def background(protocol: Protocol) -> Sequence[Condition]:
    """Background firing of all cells, in both phases and in one; correlated; against it."""
    trials = {}
    for rate in (0, 1, 2, 4, 8, 12):
        firing = {"cells.background_rate": float(rate)}
        trials[f"both-{rate:02d}"] = (f"{rate} Hz, both phases", Trial(GATE, firing))
    silent, firing = {"cells.background_rate": 0.0}, {"cells.background_rate": 4.0}
    trials["storage-04"] = ("4 Hz, storage only", Trial(GATE, firing, silent))
    trials["recall-04"] = ("4 Hz, recall only", Trial(GATE, silent, firing))
    for percent in (10, 30):
        together = firing | {"cells.background_correlation": percent / 100}
        trials[f"correlated-{percent}"] = (
            f"4 Hz, correlation {percent / 100}, both phases",
            Trial(GATE, together),
        )
        trials[f"correlated-{percent}-storage"] = (
            f"4 Hz, correlation {percent / 100}, storage only",
            Trial(GATE, together, silent),
        )
        trials[f"correlated-{percent}-recall"] = (
            f"4 Hz, correlation {percent / 100}, recall only",
            Trial(GATE, silent, together),
        )
    for rate in (0, 4, 8):
        late = {"cells.background_rate": float(rate), "cells.burst_rate": LATE}
        trials[f"late-{rate:02d}"] = (f"{rate} Hz, longer bursts", Trial(GATE, late))
    eight = {"cells.background_rate": 8.0}
    weak = {"cells.burst_rate": LATE, "cells.tonic_current": 0.7}
    trials |= {
        "subtracted-08": (
            "8 Hz, more subtraction",
            Trial(GATE, {"inhibition.balance": 0.75} | eight),
        ),
        "phase-08": ("8 Hz, read out by phase", Trial(GATE, eight, phase=0.006)),
        "weak-00": ("0 Hz, longer bursts, less drive in recall", Trial(GATE, weak)),
        "weak-04": ("4 Hz, longer bursts, less drive in recall", Trial(GATE, weak | firing)),
        "weak-08": ("8 Hz, longer bursts, less drive in recall", Trial(GATE, weak | eight)),
        "weak-phase-08": ("the same, read out by phase", Trial(GATE, weak | eight, phase=0.006)),
        "weak-correlated-30": (
            "4 Hz, correlation 0.3, longer bursts, less drive in recall",
            Trial(GATE, weak | firing | {"cells.background_correlation": 0.3}),
        ),
    }
    poisson = {"cells.input_rate": 79.0}
    trials["poisson-00"] = ("Poisson input, 0 Hz", Trial(GATE, poisson))
    trials["poisson-04"] = ("Poisson input, 4 Hz, both phases", Trial(GATE, poisson | firing))
    for name, text, tuned in (
        ("leaky", "leaky, tuned", TUNED_LEAKY),
        ("bounds", "hard bounds, tuned", TUNED_BOUNDS),
    ):
        trial = Trial(tuned.rule, {**tuned.network, **firing})
        trials[f"{name}-04"] = (f"{text}, 4 Hz, both phases", trial)
    return listed(trials)


def cue_quality(protocol: Protocol) -> Sequence[Condition]:
    """Cues from intact to 40% deleted and 40% spurious."""
    trials = {}
    rules = (("gate", Storage(GATE)), ("leaky", TUNED_LEAKY), ("bounds", TUNED_BOUNDS))
    for deleted, added in ((0.0, 0.0), (0.3, 0.0), (0.2, 0.2), (0.4, 0.4)):
        cue = {"deleted": deleted, "added": added}
        for name, tuned in rules:
            trials[f"{name}-{deleted * 100:.0f}-{added * 100:.0f}"] = (
                f"{name}, {deleted:.0%} deleted, {added:.0%} spurious",
                Trial(tuned.rule, tuned.network, protocol=cue),
            )
    return listed(trials)


def variants(protocol: Protocol) -> Sequence[Condition]:
    """Other inhibition, other traces, noise, and patterns of varying duration."""
    # Without a clock the protection time is one in seconds: so many patterns of the mean duration.
    longer = CLOCKLESS | {"phases.present": 0.35}
    firing = {"cells.background_rate": 4.0, "cells.input_rate": 79.0}
    return listed(
        {
            "default": ("default", Trial(GATE)),
            "double-full": (
                "full matrix, double precision",
                Trial(GATE, {"symmetric": False, "precision": "double"}),
            ),
            "population": ("40 inhibitory cells", Trial(GATE, {"inhibition.cells": 40})),
            "noise-30": ("membrane noise x 2", Trial(GATE, {"cells.noise": 0.3})),
            "noise-45": ("membrane noise x 3", Trial(GATE, {"cells.noise": 0.45})),
            "noise-60": ("membrane noise x 4", Trial(GATE, {"cells.noise": 0.6})),
            "continuous": ("continuous trace, no clock", Trial(GATE, CLOCKLESS)),
            "continuous-poisson": (
                "continuous trace, Poisson input, 4 Hz background",
                Trial(GATE, CLOCKLESS | firing),
            ),
            "durations-narrow": (
                "continuous trace, 150-350 ms a pattern",
                Trial(GATE, CLOCKLESS, durations=(0.15, 0.35)),
            ),
            "durations-wide": (
                "continuous trace, 100-600 ms a pattern",
                Trial(GATE, longer, durations=(0.1, 0.6)),
            ),
        }
    )


COLUMNS = ("kept", "p90", "kept_by_rates", "active", "silent_rate")
DEMO = {"stored": 300, "tested": 120, "seeds": 1}
SHOWN = {"figures": ("spiking_capacity",)}

experiment = family("spiking-capacity/", run=run, columns=COLUMNS)
EXPERIMENTS = (
    experiment(
        "size", "the spiking memory at N = 100 to 400, k = 10 and 20, with controls", sizes, **SHOWN
    ),
    experiment(
        "large",
        "the spiking memory at N = 1000: 17,160 patterns in 10^6 plastic connections",
        large,
        seeds=3,
    ),
    experiment(
        "background",
        "background firing in storage and recall, also correlated; Poisson input",
        background,
        demo=DEMO,
        **SHOWN,
    ),
    experiment(
        "cue-quality",
        "recall from better and worse cues, gate and controls",
        cue_quality,
        demo=DEMO,
        **SHOWN,
    ),
    experiment(
        "variants",
        "population inhibition, no pattern clock, membrane noise, varying durations",
        variants,
        demo=DEMO,
    ),
)
