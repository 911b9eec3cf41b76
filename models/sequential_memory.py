"""Patterns stored one after another, each seen once: what is kept, by rates and by spikes.

A stream of sparse random patterns is presented to a network that starts empty. By the time the
newest `tested` patterns arrive the memory has long been full (steady state). At the end each of
them is recalled from a damaged cue; it counts as kept if its Dice coefficient is at least 0.9.

The curvature gate is compared with the same rule without its gate (leaky), with the gate of other
synapses (shuffled), with bounds instead of a gate, and with learning all patterns at once (the
instant limits, recalled by the same network). What suits recall of the rule's weights need not
suit others: tuned controls and instant limits have a recall of their own, chosen on seeds 0 and 1
(`sequential-memory-tuning`).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.consolidation import HopfieldNetwork, SpikingMemory, SpikingParameters, batch
from spikeconsol.consolidation.parameters import Cued
from spikeconsol.consolidation.rules import (
    BoundedAdditive,
    BoundedCurvatureGate,
    BoundedLeaky,
    CurvatureGate,
    HardBounds,
    Leaky,
    Rule,
    Shuffled,
    SmoothCurvatureGate,
)
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.data.patterns import active_units
from spikeconsol.lab import Condition, family
from spikeconsol.parameters import ParameterError, parameter
from spikeconsol.statistics import dice, longest_load

if TYPE_CHECKING:
    from spikeconsol.brian.backend import Program

Memory = HopfieldNetwork | SpikingMemory
Patterns = NDArray[np.bool_]
Batch = Callable[[Patterns], NDArray[np.float64]]


@dataclass(frozen=True)
class Protocol(Cued):
    """What is stored, how it is tested, and the constants of the rules."""

    stored: int = parameter(700, at_least=10, doc="patterns stored, one after another")
    tested: int = parameter(240, at_least=10, doc="newest patterns that are recalled at the end")
    sizes: str = parameter(
        "equal", doc="numbers of active units: equal, binomial, or a range such as 8-12"
    )
    usage: float = parameter(
        0.0, at_least=0, at_most=3, doc="spread of how readily units are used (logarithmic)"
    )
    rate_protection_time: float = parameter(127.0, above=0, doc="of the rate rule, in patterns")
    spiking_protection_time: float = parameter(
        190.0, above=0, doc="of the spiking rule, in patterns"
    )
    background_rate: float = parameter(
        "4 Hz", above=0, doc="forced firing of all cells in the background conditions"
    )
    spiking: SpikingParameters = parameter(SpikingParameters(), doc="the spiking network")

    def __post_init__(self) -> None:
        super().__post_init__()
        active_units(self.units, self.coding_level)
        self.drawn_sizes()
        checks.whole("tested", self.tested, at_most=self.stored)

    def drawn_sizes(self) -> str | tuple[int, int] | None:
        """Return the sizes in the form that `sparse_patterns` takes."""
        if self.sizes in ("equal", "binomial"):
            return None if self.sizes == "equal" else self.sizes
        match = re.fullmatch(r"(\d+)-(\d+)", self.sizes)
        if match is None:
            raise ParameterError(
                f"sizes: got {self.sizes!r}; allowed: equal, binomial, or a range such as 8-12"
            )
        return int(match[1]), int(match[2])


@dataclass(frozen=True)
class Storage:
    """One condition: what learns, and what differs from the default network."""

    rule: Rule
    network: Mapping[str, float] = field(default_factory=dict)
    instant: Batch | None = None


def reading(gain: float, inhibition: float) -> dict[str, float]:
    """Gain of recurrent excitation and threshold of inhibition, which suit weights of one kind."""
    return {"cells.recurrent_gain": gain, "inhibition.threshold": inhibition}


def balanced(balance: float) -> BoundedAdditive:
    """Hard bounds; depression in units of what balances chance coincidences at f = 0.05."""
    return BoundedAdditive(potentiation=0.8, depression=balance * 0.8 * 0.05 / 1.9)


#: Spiking controls, each with its own recall; `tuning_conditions` has a grid around each.
TUNED_LEAKY = Storage(BoundedLeaky(potentiation=0.8, depression=0.02), reading(18, 0.45))
TUNED_BOUNDS = Storage(balanced(0.6), reading(12, 0.45))


def clipped(patterns: Patterns) -> NDArray[np.float64]:
    """Batch covariance, clipped above at the increment of one pattern."""
    return np.minimum(covariance(patterns), 1.0)


def covariance(patterns: Patterns) -> NDArray[np.float64]:
    """Batch covariance, in units of the increment of one pattern."""
    return batch.covariance(patterns) / (1 - patterns.mean()) ** 2


#: Instant limits, each with its own recall; `tuning_conditions` has a grid around each.
INSTANT: tuple[tuple[str, str, Batch, Mapping[str, float]], ...] = (
    ("instant-covariance", "instant covariance", covariance, reading(10, 0.75)),
    ("instant-clipped", "instant, clipped", clipped, reading(12, 0.75)),
    ("instant-willshaw", "instant Willshaw", batch.willshaw, reading(9, 0.45)),
)


def conditions(protocol: Protocol) -> Sequence[Condition]:
    """The rule, its controls and the instant limits, for rates and for spikes."""
    f, capacity = protocol.coding_level, protocol.rate_protection_time
    gate = CurvatureGate.for_capacity(capacity, coding_level=f)
    leaky = Leaky(coding_level=f)
    slow = Leaky(coding_level=f, learning_rate=0.01)
    smooth = SmoothCurvatureGate.for_capacity(0.95 * capacity, coding_level=f)
    bounds = HardBounds(coding_level=f, bound=0.55)
    spiking_gate = BoundedCurvatureGate.for_capacity(protocol.spiking_protection_time)
    hz = f"{protocol.background_rate:g} Hz background"
    background = {"cells.background_rate": protocol.background_rate}
    table: tuple[tuple[str, str, str, Storage], ...] = (
        ("rate", "curvature-gate", "curvature gate", Storage(gate)),
        ("rate", "smooth-gate", "smooth curvature gate", Storage(smooth)),
        ("rate", "leaky", "leaky, same learning rate", Storage(leaky)),
        ("rate", "slow-leaky", "leaky, best learning rate", Storage(slow)),
        ("rate", "shuffled-gate", "shuffled gate", Storage(Shuffled(rule=gate))),
        ("rate", "hard-bounds", "hard bounds, tuned", Storage(bounds)),
        ("rate", "instant-covariance", "instant covariance", Storage(leaky, instant=covariance)),
        ("spiking", "curvature-gate", "curvature gate", Storage(spiking_gate)),
        ("spiking", "leaky", "leaky, same rates", Storage(BoundedLeaky())),
        ("spiking", "slow-leaky", "leaky, tuned", TUNED_LEAKY),
        ("spiking", "shuffled-gate", "shuffled gate", Storage(Shuffled(rule=spiking_gate))),
        ("spiking", "hard-bounds", "hard bounds, tuned", TUNED_BOUNDS),
        *(
            (
                "spiking",
                f"{name}-background",
                f"{label}, {hz}",
                Storage(silent.rule, {**silent.network, **background}),
            )
            for name, label, silent in (
                ("curvature-gate", "curvature gate", Storage(spiking_gate)),
                ("slow-leaky", "leaky, tuned", TUNED_LEAKY),
                ("hard-bounds", "hard bounds, tuned", TUNED_BOUNDS),
            )
        ),
        *(
            ("spiking", name, label, Storage(spiking_gate, recall, instant))
            for name, label, instant, recall in INSTANT
        ),
    )
    return [Condition(name, level, label, storage) for level, name, label, storage in table]


def draw(protocol: Protocol, seed: int) -> tuple[Patterns, Patterns]:
    """Patterns in the order of storage, and cues of the tested ones; the same at both levels."""
    for_patterns, for_cues = np.random.SeedSequence(seed).spawn(2)
    patterns = sparse_patterns(
        protocol.stored,
        protocol.units,
        coding_level=protocol.coding_level,
        seed=for_patterns,
        sizes=protocol.drawn_sizes(),
        usage=protocol.usage,
    )
    cues = corrupt(
        patterns[-protocol.tested :],
        deleted=protocol.deleted,
        added=protocol.added,
        seed=for_cues,
    )
    return patterns, cues


def make(protocol: Protocol, condition: Condition, seed: int) -> Memory:
    """Make the empty memory of a condition."""
    storage: Storage = condition.setup
    if condition.level == "rate":
        return HopfieldNetwork(protocol.units, rule=storage.rule, seed=seed)
    return spiking_memory(protocol, storage.rule, storage.network, seed)


def spiking_memory(
    protocol: Protocol, rule: Rule, changes: Mapping[str, Any], seed: int, **parts: Any
) -> SpikingMemory:
    """Make a spiking memory that differs from the protocol's in some constants, or in its parts."""
    parameters = protocol.spiking.with_settings({"coding_level": protocol.coding_level, **changes})
    return SpikingMemory(protocol.units, rule=rule, seed=seed, parameters=parameters, **parts)


def programs(protocol: Protocol, condition: Condition) -> tuple[Program, ...]:
    """Return the programs of a spiking condition, to be described."""
    memory = make(protocol, condition, seed=0)
    if not isinstance(memory, SpikingMemory):
        raise ValueError(f"condition: got {condition.stem!r}; allowed: a spiking condition")
    return memory.program(storing=True), memory.program(storing=False)


def run(protocol: Protocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store the stream and recall its newest patterns, for one seed at a time."""
    (seed,) = seeds
    if condition.setup.instant:
        return measure_instant(protocol, condition, seed)
    return measure(protocol, condition, seed)


def measure(protocol: Protocol, condition: Condition, seed: int) -> xr.Dataset:
    """Store all patterns, recall the newest."""
    patterns, cues = draw(protocol, seed)
    memory = make(protocol, condition, seed)
    started = time.perf_counter()
    memory.store(patterns)
    stored = time.perf_counter()
    recalled = memory.recall(cues)
    finished = time.perf_counter()
    kept = (dice(recalled, patterns[-protocol.tested :]) >= 0.9)[::-1]  # the newest first
    dataset = _dataset(protocol, seed, float(kept.sum()), longest_load(kept), kept[:10].mean())
    dataset["kept_by_age"] = (
        ("seed", "age"),
        kept[None],
        {"long_name": "recalled", "units": "1"},
    )
    dataset["active"] = ("seed", [recalled.sum(axis=1).mean()], {"long_name": "active units"})
    dataset["weight_correlation"] = (
        "seed",
        [_correlation(memory, patterns)],
        {"long_name": "correlation with rate-learned weights", "units": "1"},
    )
    dataset["seconds_store"] = ("seed", [stored - started], {"units": "second"})
    dataset["seconds_recall"] = ("seed", [finished - stored], {"units": "second"})
    dataset.coords["age"] = ("age", np.arange(1, protocol.tested + 1), {"units": "patterns"})
    if condition.stem == "spiking-curvature-gate":
        assert isinstance(memory, SpikingMemory)
        dataset = dataset.merge(_example(protocol, memory, seed))
    return dataset


def measure_instant(protocol: Protocol, condition: Condition, seed: int) -> xr.Dataset:
    """Learn the newest patterns all at once, more and more of them until a quarter is lost."""
    protocol = protocol.replace(tested=protocol.stored)
    patterns, cues = draw(protocol, seed)
    step = 10 if condition.level == "spiking" else 5
    loads = np.arange(step, protocol.stored + 1, step)
    fraction = np.full(len(loads), np.nan)
    memory = make(protocol, condition, seed)
    for column, load in enumerate(loads):
        newest = patterns[-load:]
        memory.weights = condition.setup.instant(newest)
        fraction[column] = (dice(memory.recall(cues[-load:]), newest) >= 0.9).mean()
        if fraction[column] < 0.75:
            break
    p90 = np.max(loads[fraction >= 0.9], initial=0)
    dataset = _dataset(protocol, seed, float(np.nanmax(fraction * loads)), float(p90), np.nan)
    dataset["recalled_fraction"] = (
        ("seed", "load"),
        fraction[None],
        {"long_name": "recalled fraction", "units": "1"},
    )
    dataset.coords["load"] = ("load", loads, {"units": "patterns"})
    return dataset


def counts(protocol: Protocol, kept: float, p90: float) -> dict[str, tuple]:
    """Patterns kept by one seed, and P90, as variables of a dataset."""
    units = {"units": "patterns"}
    of = units | {"of": protocol.tested}
    return {
        "kept": ("seed", [float(kept)], {"long_name": "patterns kept", **of}),
        "p90": ("seed", [float(p90)], {"long_name": "P90", **units}),
    }


def _dataset(protocol: Protocol, seed: int, kept: float, p90: float, newest: float) -> xr.Dataset:
    of_the_newest = {"long_name": "10 newest recalled", "units": "1"}
    return xr.Dataset(
        counts(protocol, kept, p90) | {"newest": ("seed", [newest], of_the_newest)},
        coords={"seed": [seed]},
    )


def _correlation(memory: Memory, patterns: Patterns) -> float:
    """Pearson correlation of the spike-learned weights with the same rule's, driven by rates."""
    if isinstance(memory, HopfieldNetwork):
        return 1.0
    twin = HopfieldNetwork(
        memory.n, rule=memory.rule, seed=0, saturation_size=memory.saturation_size
    )
    twin.store(patterns)
    upper = np.triu_indices(memory.n, 1)
    return float(np.corrcoef(memory.weights[upper], twin.weights[upper])[0, 1])


def _example(protocol: Protocol, memory: SpikingMemory, seed: int) -> xr.Dataset:
    """Store some patterns more, one by one, watching a synapse; then recall the last ones.

    The synapse joins two cells that are active together in the first of these patterns only.
    """
    rng = np.random.default_rng([seed, 1])
    before, after = 10, round(1.2 * protocol.spiking_protection_time)
    patterns = sparse_patterns(
        before + after, memory.n, coding_level=protocol.coding_level, seed=int(rng.integers(2**31))
    )
    together = (patterns.T.astype(int) @ patterns) * (memory.trace < 1e-3)
    i, j = np.argwhere(np.triu(together == 1, 1) & np.outer(patterns[before], patterns[before]))[0]
    weight, trace, shown = [], [], []
    for pattern in patterns:
        memory.store(pattern[None])
        weight.append(memory.weights[i, j])
        trace.append(memory.trace[i, j])
        assert memory.recording is not None
        shown.append(memory.recording)
    spikes = [(r.cells, r.times + n * r.end) for n, r in enumerate(shown[-4:])]
    cues = corrupt(
        patterns[-4:],
        deleted=protocol.deleted,
        added=protocol.added,
        seed=int(rng.integers(2**31)),
    )
    memory.recall(cues)
    recall = memory.recording
    assert recall is not None
    # Storing and recall on one clock: recall begins where storing ends.
    slot, slots = shown[-1].end, 4 * shown[-1].end
    onsets = {"onsets": slot * np.arange(4), "duration": protocol.spiking.phases.present}
    cued = {"onsets": slots + recall.onsets, "duration": protocol.spiking.phases.cue}
    second = {"units": "second"}
    stored = second | {"start": 0.0, "stop": slots}
    recalled = second | {"start": slots, "stop": recall.end}
    return xr.Dataset(
        {
            "example_weight": ("presentation", weight, {"units": "1"}),
            "example_trace": ("presentation", trace, {"units": "1"}),
            "example_pair": ("side", [i, j]),
            "example_pattern": (("slot", "cell"), patterns[-4:], onsets),
            "example_cue": (("slot", "cell"), cues, cued),
            "store_cell": ("store_spike", np.concatenate([cells for cells, _ in spikes])),
            "store_time": ("store_spike", np.concatenate([times for _, times in spikes]), stored),
            "recall_cell": ("recall_spike", recall.cells),
            "recall_time": ("recall_spike", recall.times, recalled),
            "volley_time": ("volley", recall.inhibitory_times, recalled),
            "slot_store": ((), slot, second),
            "slot_recall": ((), recall.end / 4, second),
            "trace_threshold": ((), memory.rule.constants["trace_threshold"]),
        },
        coords={"presentation": np.arange(-before, after)},
    )


def tuning_conditions(protocol: Protocol) -> Sequence[Condition]:
    """27 settings around the spiking rule, each tuned control and each limit.

    Gain and inhibition of recall; and the protection time, the depression, or, for a limit, the
    afterdepolarisation of recall.
    """
    grids: list[tuple[str, Sequence[tuple[str, Storage]], tuple[int, ...], tuple[float, ...]]] = [
        (
            "gate",
            [(f"T {t}", Storage(BoundedCurvatureGate.for_capacity(t))) for t in (190, 230, 260)],
            (15, 18, 21),
            (0.35, 0.45, 0.55),
        ),
        (
            "leaky",
            [
                (f"{down} down", Storage(BoundedLeaky(potentiation=0.8, depression=down)))
                for down in (0.015, 0.02, 0.03)
            ],
            (15, 18, 21),
            (0.35, 0.45, 0.55),
        ),
        (
            "bounds",
            [(f"balance {balance}", Storage(balanced(balance))) for balance in (0.4, 0.6, 0.8)],
            (10, 12, 14),
            (0.35, 0.45, 0.55),
        ),
    ]
    around = (
        ((8, 10, 12), (0.65, 0.75, 0.85)),
        ((10, 12, 14), (0.65, 0.75, 0.85)),
        ((8, 9, 10), (0.35, 0.45, 0.55)),
    )
    for (name, _, instant, _), (gains, inhibitions) in zip(INSTANT, around, strict=True):
        states = [
            (
                f"own state {own}",
                Storage(BoundedCurvatureGate(), {"cells.afterdepolarisation": own}, instant),
            )
            for own in (1.5, 2.2, 3.0)
        ]
        grids.append((name, states, gains, inhibitions))
    settings = [
        (
            name,
            f"{text}, gain {gain}, inhibition {inhibition}",
            Storage(made.rule, {**made.network, **reading(gain, inhibition)}, made.instant),
        )
        for name, storages, gains, inhibitions in grids
        for text, made in storages
        for gain in gains
        for inhibition in inhibitions
    ]
    return [
        Condition(f"{name}-{number:03d}", "spiking", f"{name}: {text}", storage)
        for number, (name, text, storage) in enumerate(settings)
    ]


_experiment = family("sequential-memory", run=run, columns=("kept", "p90", "newest"))
EXPERIMENTS = (
    _experiment(
        "",
        "patterns stored one after another: the curvature gate against its controls",
        conditions,
        demo={"stored": 400, "tested": 200, "seeds": 2},
        figures=("store_and_recall", "overview", "recall_against_age"),
        program=programs,
    ),
    _experiment(
        "-tuning",
        "how the spiking rule and its controls were tuned (seeds that are never reported)",
        tuning_conditions,
        seeds=(0, 2),
    ),
)
