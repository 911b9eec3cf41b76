"""Lifetime against the size of the network, for published models of synaptic memory.

Two ways to grow: with a fixed share f of active units, or with a fixed number k of them. Rules and
recall are those of `consolidation-rules/steady`, tuned at N = 200. In every network the constant
that says how long a rule remembers is searched again, as are self-coupling and homeostasis: three
values, factors of sqrt(2) apart, around a first guess, and more of them for as long as the best on
two tuning seeds is the first or the last. P90 decides.

What theory says stands beside it: binary synapses with a protection time hold about ln 2 / f^2
patterns, when half of them are potentiated, however many cells there are; graded ones hold a number
of patterns that grows with N, as their signal adds up over k = f N synapses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from spikeconsol.consolidation.capacity import mean_field_capacity
from spikeconsol.lab import Condition, Experiment
from spikeconsol.models.consolidation_rules import (
    CONTENDERS,
    Contender,
    Protocol,
    Score,
    Seeds,
    Setting,
    Settings,
    draw,
    learned,
    longest,
    recalled,
    scores,
)
from spikeconsol.parameters import Parameters, parameter

#: Recalls tried in every network.
RECALL = {"self_coupling": (2.0, 4.0, 8.0), "homeostasis": (0.25, 0.5, 1.0)}
TUNING_SEEDS = (0, 1)
#: Where tuning at N = 200 was done: P90 of the rules is some 250 there.
UNITS, ACTIVE, LEVEL = 200, 10, 0.05
#: The constant that says how long a rule remembers, the power of it that a lifetime is, and
#: whether at fixed f that lifetime is expected to grow with N, or with its root.
MEMORIES: dict[str, tuple[str, float, float]] = {
    "curvature-gate": ("protection_time", 1.0, 0.5),
    "timer": ("protection_time", 1.0, 0.5),
    "mas": ("memory_time", 1.0, 0.5),
    "hard-bounds": ("bound", 0.5, 1.0),
    "leaky": ("learning_rate", -1.0, 1.0),
    "covariance": ("window", 1.0, 1.0),
    "willshaw": ("window", 1.0, 0.5),
}


@dataclass(frozen=True)
class ScalingProtocol(Parameters):
    """Networks of several sizes; how much is stored and tested follows from what they hold."""

    sizes: tuple[int, ...] = parameter(
        (100, 200, 300, 400), at_least=50, doc="numbers of units, a tenth of them active at most"
    )
    largest_k: int = parameter(300, at_least=50, doc="largest network with a fixed number k")


@dataclass(frozen=True)
class Case:
    """One rule in one network."""

    contender: Contender
    units: int
    coding_level: float

    @property
    def growth(self) -> float:
        """Guess of how many times more is held than at N = 200, f = .05."""
        _, _, power = MEMORIES[self.contender.name]
        sparser = LEVEL / self.coding_level
        return (self.units / UNITS) ** power * sparser ** (2 - power)

    @property
    def protocol(self) -> Protocol:
        """A stream three times as long as what is tested, which is more than what is held."""
        tested = math.ceil(400 * self.growth)
        return Protocol(
            units=self.units,
            coding_level=self.coding_level,
            stored=math.ceil((1.2 if self.contender.batch else 2.5) * tested),
            tested=tested,
        )

    def constants(self, factor: float) -> Settings:
        """Constants with the one of memory at so many times what it is at N = 200."""
        name, power, _ = MEMORIES[self.contender.name]
        value = self.contender.chosen[name] * factor**power
        if name == "window":
            value = min(round(value), self.protocol.tested)
        elif power < 0:  # a rate or a probability
            value = min(value, 1.0)
        return self.contender.constants | {name: value}


def cases(p: ScalingProtocol) -> Sequence[Condition]:
    """Every rule, in networks that grow at a fixed coding level and at a fixed k."""
    found = []
    for contender in CONTENDERS:
        if contender.name not in MEMORIES:
            continue
        level = "limit" if contender.batch else "rate"
        for way in ("f", "k"):
            for units in p.sizes:
                if way == "k" and units > p.largest_k:
                    continue
                share = LEVEL if way == "f" else ACTIVE / units
                name = f"{contender.name}-{way}-{units:04d}"
                text = f"{contender.label}, N = {units}, f = {share:.3g}"
                found.append(Condition(name, level, text, Case(contender, units, share)))
    return found


def search(case: Case, seeds: Seeds) -> tuple[float, Settings]:
    """Factor of memory and settings that are best, neither the shortest nor the longest tried."""
    tried: dict[int, tuple[Score, Setting]] = {}

    def score(step: int) -> Score:
        if step not in tried:
            constants = case.constants(case.growth * math.sqrt(2) ** step)
            found = scores(case.protocol, case.contender, constants, RECALL, seeds)
            best = max(found, key=lambda setting: found[setting])
            tried[step] = found[best], best
        return tried[step][0]

    low, high = -1, 1
    while True:
        best = max(range(low, high + 1), key=score)
        if low < best < high or high - low > 12:
            return case.growth * math.sqrt(2) ** best, dict(tried[best][1])
        low, high = (low - 1, high) if best == low else (low, high + 1)


def scaling(p: ScalingProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Search the memory of a rule on tuning seeds, then measure on others."""
    case: Case = condition.setup
    factor, chosen = search(case, TUNING_SEEDS)
    constants = {name: chosen[name] for name in case.contender.constants}
    recall = {name: chosen[name] for name in RECALL}
    stream = case.protocol
    held = []
    for seed in seeds:  # one at a time, for the sake of memory
        patterns, cues = draw(stream, (seed,))
        weights = learned(stream, case.contender, constants, patterns, (seed,))
        held.append(longest(recalled(stream, weights, patterns, cues, (seed,), **recall))[0])
    attributes = {"long_name": "P90", "units": "patterns", "of": stream.tested}
    level = case.coding_level
    measured = {"p90": ("seed", np.array(held), attributes)}
    for name, value, text in (
        ("factor", factor, "lifetime asked for, relative to N = 200"),
        *((name, chosen[name], name.replace("_", "-")) for name in RECALL),
        ("binary", math.log(2) / level**2, "ln 2 / f^2"),
        ("mean_field", mean_field_capacity(level) * case.units, "mean field, batch covariance"),
    ):
        measured[name] = "seed", np.full(len(seeds), float(value)), {"long_name": text}
    return xr.Dataset(measured, coords={"seed": list(seeds)})


EXPERIMENTS = (
    Experiment(
        name="consolidation-rules/scaling",
        summary="lifetime against the size of the network, published models each at its best",
        parameters=ScalingProtocol,
        conditions=cases,
        run=scaling,
        columns=("p90", "factor", "self_coupling", "homeostasis", "binary", "mean_field"),
        batched=True,
        seeds=(100, 5),
        presets={"demo": {"sizes": (100,), "largest_k": 50, "seeds": 2}},
        figures=("consolidation_scaling",),
    ),
)
