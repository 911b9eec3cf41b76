"""How many patterns local one-shot rules hold, against batch learning and theory.

Every experiment stores a stream of random patterns, each shown once, in networks side by side (one
per seed) and measures how many can be recalled from damaged cues: from empty weights (*blank*) and
after a background of patterns that fills the memory (*steady state*). A pattern counts as recalled
if its Dice coefficient is at least 0.9; the capacity P90 is the largest load of which 90 % is
recalled. Protection times are set to the capacity of batch covariance learning, measured on seeds
0 to 4, which no experiment reports.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.batch import batch_rules
from spikeconsol.consolidation.capacity import (
    Course,
    gardner_capacity,
    information_per_synapse,
    mean_field_capacity,
)
from spikeconsol.consolidation.curvature import activity_from_spikes
from spikeconsol.consolidation.parameters import Cued
from spikeconsol.consolidation.rules import (
    BayesianWeight,
    Covariance,
    CovarianceProxy,
    CurvatureDamping,
    CurvatureGate,
    CurvatureThreshold,
    ElasticConsolidation,
    ExponentialWeight,
    HardBounds,
    HistoryMask,
    Leaky,
    Precision,
    RateProduct,
    Rule,
    Shuffled,
    SmoothCurvatureGate,
    SpikeGatedLeaky,
    WeightThreshold,
)
from spikeconsol.data import correlated_patterns, corrupt, sparse_patterns
from spikeconsol.lab import Condition, Seeds, family
from spikeconsol.parameters import parameter

Patterns = NDArray[np.bool_]

TUNING_SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Protocol(Cued):
    """What is stored, and how it is tested."""

    background: int = parameter(300, at_least=0, doc="patterns stored before, never tested")
    every: int = parameter(5, at_least=1, doc="resolution of the capacity, in patterns")
    correlation: float = parameter(
        0.0, at_least=0, at_most=1, doc="share of active units taken from one of 10 prototypes"
    )
    newest: int = parameter(10, at_least=1, doc="number of newest patterns tested at 12 loads")


def draw(protocol: Protocol, seeds: Seeds) -> tuple[Patterns, Patterns, Patterns]:
    """Patterns, their cues and the background, each (S, P, N), drawn apart for every seed."""
    sets = []
    for seed in seeds:
        for_patterns, for_cues = np.random.SeedSequence(seed).spawn(2)
        # One draw for both, so that correlated patterns share prototypes with their background.
        draws = (protocol.stored + protocol.background, protocol.units)
        f, c = protocol.coding_level, protocol.correlation
        patterns = (
            correlated_patterns(*draws, coding_level=f, correlation=c, seed=for_patterns)
            if c
            else sparse_patterns(*draws, coding_level=f, seed=for_patterns)
        )
        tested = patterns[: protocol.stored]
        cues = corrupt(tested, deleted=protocol.deleted, added=protocol.added, seed=for_cues)
        sets.append((tested, cues, patterns[protocol.stored :]))
    tested, cues, background = (np.stack(arrays) for arrays in zip(*sets, strict=True))
    return tested, cues, background


@dataclass(frozen=True)
class Trial:
    """One condition: a rule (or a batch rule's name), its protocol, network and patterns."""

    rule: Rule | str
    protocol: Protocol
    network: Callable[..., HopfieldNetwork] = HopfieldNetwork
    draw: Callable[[Protocol, Seeds], tuple[Patterns, ...]] = draw


@functools.cache
def instant_capacity(protocol: Protocol) -> float:
    """P90 of batch covariance learning under this protocol, on the tuning seeds."""
    longest = 1.3 * protocol.units * mean_field_capacity(protocol.coding_level) + 30
    wide = protocol.replace(stored=int(longest), background=0, every=1)
    patterns, cues, _ = draw(wide, TUNING_SEEDS)
    network = HopfieldNetwork(wide.units, rule=Leaky(), seed=TUNING_SEEDS)
    course = Course.at_once(network, batch_rules["covariance"], patterns, cues, every=1)
    return float(course.p90().mean())


def fitted(protocol: Protocol) -> Protocol:
    """Stream long enough, and resolved finely enough, for the size and the coding level."""
    capacity = instant_capacity(protocol)
    return protocol.replace(
        stored=max(40, round(1.8 * capacity)),
        background=max(40, round(2.2 * capacity)),
        every=max(1, round(capacity / 50)),
    )


def run(parameters: Protocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Put one rule through the blank and, where it forgets at all, the steady-state protocol."""
    trial: Trial = condition.setup
    protocol = trial.protocol
    patterns, cues, background = trial.draw(protocol, seeds)
    rule = trial.rule if isinstance(trial.rule, Rule) else Leaky()
    make = functools.partial(trial.network, protocol.units, rule=rule, seed=seeds)
    if isinstance(trial.rule, str):
        batch = batch_rules[trial.rule]
        courses = {"blank": Course.at_once(make(), batch, patterns, cues, every=protocol.every)}
    else:
        courses = {"blank": Course.stored(make(), patterns, cues, every=protocol.every)}
        if protocol.background:
            courses["steady"] = Course.stored(
                make(), patterns, cues, every=protocol.every, background=background
            )
    result = xr.Dataset(coords={"seed": list(seeds)})
    for name, course in courses.items():
        for variable, (dims, values, attributes) in measured(course, protocol).items():
            result[f"{variable}_{name}"] = (("seed", *dims), values, attributes)
            result[f"{variable}_{name}"].attrs["long_name"] += f", {name}"
    for variable in map(str, list(result)):
        twin = variable.replace("_blank", "_steady")
        if twin not in result:  # batch rules have no steady state; the table shows a gap
            result[twin] = xr.full_like(result[variable].astype(float), np.nan)
            result[twin].attrs["long_name"] = result[variable].long_name.replace("blank", "steady")
    loads = courses["blank"].loads
    result["load"] = ("load", _twelve(loads), {"long_name": "patterns stored", "units": "1"})
    for limit, per_unit in (("mean_field", mean_field_capacity), ("gardner", gardner_capacity)):
        result[limit] = protocol.units * per_unit(protocol.coding_level)
        result[limit].attrs = {
            "long_name": f"{limit.replace('_', ' ')} capacity",
            "units": "patterns",
        }
    age = np.arange(int(loads[-1]))
    return result.assign_coords(
        age=("age", age, {"long_name": "patterns stored since", "units": "1"})
    ).set_coords("load")


def measured(course: Course, protocol: Protocol) -> dict[str, Any]:
    """All measures of one course: dimensions after the seed, values and attributes."""
    last, loads = int(course.loads[-1]), _twelve(course.loads)
    states = course.recall(last)
    newest = min(protocol.newest, int(loads[0]))
    return {
        "p90": ((), course.p90(), {"long_name": "P90", "units": "patterns"}),
        "recalled": (
            (),
            course.recalled(last).sum(axis=1),
            {"long_name": "recalled at the end", "units": "patterns", "of": last},
        ),
        "newest": (
            (),
            100 * course.newest(newest, loads),
            {"long_name": f"newest {newest} recalled", "units": "%"},
        ),
        "information": (
            (),
            information_per_synapse(course.patterns[:, :last], states, course.cues[:, :last]),
            {"long_name": "information at the end", "units": "bit per synapse"},
        ),
        "by_age": (("age",), course.by_age(), {"long_name": "recalled", "units": "1"}),
        "curve": (
            ("load",),
            course.curve(loads),
            {"long_name": "recalled fraction of all stored", "units": "1"},
        ),
    }


def _twelve(loads: NDArray[np.intp]) -> NDArray[np.intp]:
    """Twelve evenly spaced loads, the last among them, or all where there are fewer."""
    count = np.unique(np.ceil(np.linspace(0, len(loads), 13)[1:] - 1e-9).astype(int))
    return loads[count - 1]


class NoisyTraceNetwork(HopfieldNetwork):
    """Network whose coincidence traces see Poisson spike counts while its weights see patterns."""

    def __init__(
        self,
        n: int,
        *,
        rule: Rule,
        seed: Sequence[int],
        spikes: float,
        background: float,
        floor: float,
    ) -> None:
        super().__init__(n, rule=rule, seed=seed)
        self.spikes, self.background_spikes, self.floor = spikes, background, floor
        self.noise = np.random.default_rng(list(seed))

    def _present(self, state: dict[str, NDArray], s: NDArray[np.float64]) -> None:
        before = state["trace"].copy()
        super()._present(state, s)
        counts = self.noise.poisson(np.where(s > 0, self.spikes, self.background_spikes))
        u = activity_from_spikes(counts, expected=self.spikes, floor=self.floor)
        state["trace"][:] = before
        A = np.outer(u, u)
        # One step of the rule for what its trace remembers; the weights of this step are dropped.
        self.rule.step(state | {"w": state["w"].copy()}, A, u[:, None] + u - 2 * A)
        np.fill_diagonal(state["trace"], 0)


def main_rules(p: Protocol) -> dict[str, tuple[str, Rule | str]]:
    """The rule, its smooth form, batch learning and the three controls, fitted to a protocol."""
    capacity, f = instant_capacity(p), p.coding_level
    gate = CurvatureGate.for_capacity(1.06 * capacity, coding_level=f)
    smooth = SmoothCurvatureGate.for_capacity(capacity, coding_level=f)
    return {
        "instant": ("batch covariance", "covariance"),
        "curvature-gate": ("curvature gate", gate),
        "smooth-gate": ("smooth curvature gate", smooth),
        "hard-bounds": ("hard bounds", HardBounds(coding_level=f, bound=0.55)),
        "shuffled-gate": ("shuffled gate", Shuffled(rule=gate)),
        "leaky": ("leaky, rate 0.3", Leaky(coding_level=f)),
    }


def rules(p: Protocol) -> list[Condition]:
    """Every rule at one size and coding level, with the batch rules as limits."""
    f = p.coding_level
    gate = CurvatureGate.for_capacity(127, coding_level=f)
    sequential: dict[str, tuple[str, Rule]] = {
        "covariance": ("additive covariance", Covariance(coding_level=f)),
        "leaky-0.3": ("leaky, rate 0.3", Leaky(coding_level=f)),
        "leaky-0.1": ("leaky, rate 0.1", Leaky(coding_level=f, learning_rate=0.1)),
        "leaky-0.01": ("leaky, rate 0.01", Leaky(coding_level=f, learning_rate=0.01)),
        "spike-gated-0.3": ("spike-gated leaky, rate 0.3", SpikeGatedLeaky(coding_level=f)),
        "spike-gated-0.07": (
            "spike-gated leaky, rate 0.07",
            SpikeGatedLeaky(coding_level=f, learning_rate=0.07),
        ),
        "hard-bounds-0.55": ("hard bounds 0.55", HardBounds(coding_level=f)),
        "hard-bounds-1": ("hard bounds 1", HardBounds(coding_level=f, bound=1.0)),
        "weight-bayes": ("weight gate c/(c+|w|)", BayesianWeight(coding_level=f)),
        "weight-exp": ("weight gate exp(-c|w|)", ExponentialWeight(coding_level=f)),
        "weight-threshold": ("weight threshold", WeightThreshold(coding_level=f)),
        "weight-threshold-tuned": (
            "weight threshold, tuned for a blank start",
            WeightThreshold(
                coding_level=f,
                learning_rate=0.1,
                weight_threshold=0.03,
                residual_plasticity=0.1,
                spike_gated=True,
            ),
        ),
        **{
            f"damping-{damping}": (
                f"curvature damping {damping}",
                CurvatureDamping(coding_level=f, damping=damping),
            )
            for damping in (3, 30, 300)
        },
        "precision": ("precision (Bayes)", Precision(coding_level=f)),
        "elastic-30": ("elastic consolidation 30", ElasticConsolidation(coding_level=f)),
        "elastic-300": (
            "elastic consolidation 300, discount 0.99",
            ElasticConsolidation(coding_level=f, penalty=300.0, discount=0.99),
        ),
        "mask-5%": ("history mask, top 5 %", HistoryMask(coding_level=f)),
        "mask-all": ("history mask, F > 0", HistoryMask(coding_level=f, fraction=1.0)),
        "covariance-proxy": ("curvature from weight and rates", CovarianceProxy(coding_level=f)),
        "smooth-gate": ("smooth curvature gate", SmoothCurvatureGate(coding_level=f)),
        "curvature-threshold": ("curvature threshold", CurvatureThreshold(coding_level=f)),
        "curvature-gate": ("curvature gate", gate),
        "shuffled-gate": ("control: shuffled gate", Shuffled(rule=gate)),
        "rate-gate": ("control: product of rates", RateProduct(coding_level=f)),
    }
    conditions = [
        Condition(f"instant-{name.replace('_', '-')}", "rate", f"batch {label}", Trial(name, p))
        for name, label in (
            ("covariance", "covariance"),
            ("clipped_covariance", "clipped covariance"),
            ("willshaw", "Willshaw"),
            ("pseudo_inverse", "pseudo-inverse"),
            ("storkey", "Storkey"),
            ("perceptron", "perceptron"),
        )
    ]
    return conditions + _trials(sequential, p)


def _trials(rules: Mapping[str, tuple[str, Rule]], p: Protocol) -> list[Condition]:
    """Rules by name, each with its label, under one protocol."""
    return [Condition(name, "rate", label, Trial(rule, p)) for name, (label, rule) in rules.items()]


def _grid(protocols: dict[str, Protocol]) -> list[Condition]:
    """The main rules under each of several protocols."""
    return [
        Condition(f"{tag}-{name}", "rate", f"{tag} {label}", Trial(rule, protocol))
        for tag, protocol in protocols.items()
        for name, (label, rule) in main_rules(protocol).items()
    ]


def coding_level(p: Protocol) -> list[Condition]:
    """From very sparse to dense codes, where theory says the gate must fail."""
    levels = (0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
    return _grid({f"f={f:g}": fitted(p.replace(coding_level=f)) for f in levels})


def size(p: Protocol) -> list[Condition]:
    """Growing networks at k = 10 active units, and at k = 20."""
    sizes = ((100, 10), (200, 10), (300, 10), (400, 10), (200, 20), (400, 20))
    return _grid({f"N={n},k={k}": fitted(p.replace(units=n, coding_level=k / n)) for n, k in sizes})


def correlated(p: Protocol) -> list[Condition]:
    """Patterns that share active units with prototypes."""
    shares = (0.0, 0.2, 0.4, 0.6, 0.8)
    protocols = {f"c={c:g}": p.replace(correlation=c) for c in shares}
    longer = CurvatureGate.for_capacity(127, coding_level=p.coding_level)
    return _grid(protocols) + [
        Condition(f"{tag}-gate-T=127", "rate", f"{tag} curvature gate, T = 127", Trial(longer, q))
        for tag, q in protocols.items()
    ]


def cue_quality(p: Protocol) -> list[Condition]:
    """From perfect to badly damaged cues."""
    damage = ((0.0, 0.0), (0.3, 0.0), (0.2, 0.2), (0.3, 0.3), (0.4, 0.4))
    gate = CurvatureGate.for_capacity(127, coding_level=p.coding_level)
    made: dict[str, Rule | str] = {
        "instant": "covariance",
        "curvature-gate": gate,
        "hard-bounds": HardBounds(coding_level=p.coding_level),
        "leaky": Leaky(coding_level=p.coding_level),
    }
    return [
        Condition(
            f"cue=-{lost:g}+{spurious:g}-{name}",
            "rate",
            f"-{100 * lost:g} % +{100 * spurious:g} % {name}",
            Trial(rule, p.replace(deleted=lost, added=spurious)),
        )
        for lost, spurious in damage
        for name, rule in made.items()
    ]


def sensitivity(p: Protocol) -> list[Condition]:
    """Each constant of the curvature gate varied on its own, and soft damping in its place."""
    best = CurvatureGate.for_capacity(127, coding_level=p.coding_level)
    a = best.trace_rate
    made: dict[str, Rule] = {}
    for time in (40.0, 70.0, 100.0, 127.0, 160.0, 220.0):
        made[f"T={time:g}"] = best.replace(protection_time=time, trace_decay=a * time)
    for rate in (0.005, 0.01, 0.06, 0.12):
        made[f"a={rate:g}"] = best.replace(trace_decay=rate * best.protection_time)
    for eta in (0.03, 0.1, 0.6, 1.0):
        made[f"eta={eta:g}"] = best.replace(learning_rate=eta)
    for eps in (0.0, 0.02, 0.15, 0.5):
        made[f"eps={eps:g}"] = best.replace(residual_plasticity=eps)
    for damping in (1.0, 10.0, 100.0, 1000.0):
        soft = CurvatureDamping(coding_level=p.coding_level, damping=damping)
        made[f"lambda={damping:g}"] = soft
        made[f"lambda={damping:g}-spike-gated"] = soft.replace(spike_gated=True)
    return _trials({name: (name, rule) for name, rule in made.items()}, p)


def trace_noise(p: Protocol) -> list[Condition]:
    """Poisson spike counts in the curvature trace, with background and a threshold against it."""
    gate = CurvatureGate.for_capacity(127, coding_level=p.coding_level)
    cases = [(spikes, 0.0, 0.0) for spikes in (2, 5, 10, 20)]
    cases += [(5, 0.25, 0.0), (10, 0.5, 0.0), (20, 1.0, 0.0), (10, 2.0, 0.0)]
    cases += [(20, 1.0, 0.25), (10, 0.5, 0.25), (5, 0.25, 0.35), (10, 2.0, 0.5), (20, 4.0, 0.45)]
    return [
        Condition(
            f"spikes={spikes},background={other:g},floor={floor:g}",
            "rate",
            f"{spikes} spikes, background {other:g}, floor {floor:g}",
            Trial(
                gate,
                p,
                functools.partial(NoisyTraceNetwork, spikes=spikes, background=other, floor=floor),
            ),
        )
        for spikes, other, floor in cases
    ]


def bounds(p: Protocol) -> list[Condition]:
    """Hard bounds without any trace: the strongest simple control."""
    values = (0.1, 0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 1.0, 2.0)
    rule = HardBounds(coding_level=p.coding_level)
    return _trials({f"bound={b:g}": (f"bound {b:g}", rule.replace(bound=b)) for b in values}, p)


COLUMNS = (
    "p90_blank",
    "recalled_blank",
    "newest_blank",
    "p90_steady",
    "recalled_steady",
    "newest_steady",
)


experiment = family(
    "curvature-capacity/",
    run=run,
    columns=COLUMNS,
    batched=True,
    demo={"stored": 150, "background": 150, "seeds": 2},
)

EXPERIMENTS = (
    experiment(
        rules,
        "capacity of every rule, blank and steady state",
        seeds=10,
        figures=("capacity", "capacity_against_age", "sensitivity"),
    ),
    experiment(coding_level, "capacity from sparse to dense codes", figures=("scaling",)),
    experiment(size, "capacity against network size", figures=("scaling",)),
    experiment(correlated, "correlated patterns"),
    experiment(sensitivity, "each constant of the curvature gate", figures=("sensitivity",)),
    experiment(trace_noise, "Poisson spike counts in the curvature trace"),
    experiment(cue_quality, "capacity against damage of the cue"),
    experiment(bounds, "hard bounds on the additive rule", figures=("sensitivity",)),
)
