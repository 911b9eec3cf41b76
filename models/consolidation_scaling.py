"""Lifetime against the size of the network, for published models of synaptic memory.

Two ways to grow: with a fixed share f of active units, or with a fixed number k of them. Constants
of the rules are those of `consolidation-rules/steady`, tuned at N = 200. In every network the one
that says how long a rule remembers is searched again, in factors of sqrt(2) around a first guess,
and with each of its values self-coupling and homeostasis, in factors of two: for as long as the
best on two tuning seeds is not in the middle of what was tried. P90 decides.

What theory says stands beside it: binary synapses with a protection time hold about ln 2 / f^2
patterns, when half of them are potentiated, however many cells there are; graded ones hold a number
of patterns that grows with N, as their signal adds up over k = f N synapses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

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
    Settings,
    draw,
    learned,
    longest,
    recalled,
)
from spikeconsol.parameters import Parameters, parameter

#: Where the search for the best recall begins, and how many factors of two it may go.
RECALL = {"self_coupling": 4.0, "homeostasis": 0.5}
FARTHEST = 5
TUNING_SEEDS = (0, 1)
#: Where tuning at N = 200 was done: P90 of the rules is some 250 there.
UNITS, ACTIVE, LEVEL = 200, 10, 0.05
#: The constant that says how long a rule remembers, the power of it that a lifetime is, and
#: whether at fixed f that lifetime is expected to grow with N, or with its root.
MEMORIES: dict[str, tuple[str, float, float]] = {
    "curvature-gate": ("protection_time", 1.0, 0.5),
    "refreshed-gate": ("protection_time", 1.0, 0.5),
    "depression-gate-searched": ("protection_time", 1.0, 0.5),
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
        (100, 200, 400, 800), at_least=50, doc="numbers of units, a tenth of them active at most"
    )
    largest_k: int = parameter(400, at_least=50, doc="largest network with a fixed number k")


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


def best_recall(
    case: Case, constants: Settings, start: tuple[int, ...], seeds: Seeds
) -> tuple[Score, tuple[int, ...]]:
    """Best score at these constants, and the recall that has it, as powers of two of `RECALL`.

    A pattern search: the best of a point and its eight neighbours is the next point, until that is
    the point itself.
    """
    stream = case.protocol
    patterns, cues = draw(stream, seeds)
    weights = learned(stream, case.contender, constants, patterns, seeds)

    @cache
    def score(point: tuple[int, ...]) -> Score:
        kept = recalled(stream, weights, patterns, cues, seeds, **recall_at(point))
        return float(longest(kept).mean()), float(kept.sum(axis=1).mean())

    here, found = None, start
    while found != here:
        here = found
        near = product(*(range(max(x - 1, -FARTHEST), min(x + 2, FARTHEST + 1)) for x in here))
        found = max(near, key=lambda point: (score(point), point == here))
    return score(found), found


def recall_at(point: Sequence[int]) -> dict[str, float]:
    """Constants of recall at a point of the search."""
    return {
        name: value * 2.0**power for (name, value), power in zip(RECALL.items(), point, strict=True)
    }


def search(case: Case, seeds: Seeds) -> tuple[float, dict[str, float]]:
    """Factor of memory and recall that are best, neither the shortest nor the longest tried."""
    tried: dict[int, tuple[Score, tuple[int, ...]]] = {}

    def score(step: int) -> Score:
        if step not in tried:
            start = max(tried.values())[1] if tried else (0,) * len(RECALL)
            constants = case.constants(case.growth * math.sqrt(2) ** step)
            tried[step] = best_recall(case, constants, start, seeds)
        return tried[step][0]

    low, high = -1, 1
    while True:
        best = max(range(low, high + 1), key=score)
        if low < best < high or high - low > 12:
            return case.growth * math.sqrt(2) ** best, recall_at(tried[best][1])
        low, high = (low - 1, high) if best == low else (low, high + 1)


def scaling(p: ScalingProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Search the memory of a rule on tuning seeds, then measure on others."""
    case: Case = condition.setup
    factor, recall = search(case, TUNING_SEEDS)
    constants = case.constants(factor)
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
        *((name, value, name.replace("_", "-")) for name, value in recall.items()),
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
        presets={"demo": {"sizes": (100,), "largest_k": 100, "seeds": 2}},
        figures=("consolidation_scaling",),
    ),
)
