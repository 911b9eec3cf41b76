"""Other ways to run the memory: curvature from free activity, and the source paper's program.

References
----------
M. Deistler, M. Sorbaro, M. Rule, M. Hennig, arXiv:1807.05097 (2018).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork, batch, curvature
from spikeconsol.consolidation.parameters import Stored
from spikeconsol.consolidation.rules import (
    BayesianWeight,
    CurvatureGate,
    ExponentialWeight,
    HistoryMask,
    Leaky,
    Rule,
    State,
    WeightThreshold,
)
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.lab import Condition, Seeds, columns, family
from spikeconsol.parameters import parameter
from spikeconsol.statistics import dice

# Curvature from free activity --------------------------------------------------------------------


@dataclass(frozen=True)
class FreePhase(Stored, units=100, coding_level=0.1, stored=60):
    """Curvature estimated from states the network settles in from random ones between patterns."""


def free_phase_conditions(p: FreePhase) -> list[Condition]:
    """Number of sampled states per pattern; the whole history, no gate and batch for comparison."""
    return [
        *(
            Condition(f"samples={m}", "rate", f"{m} free states per pattern", m)
            for m in (10, 30, 100, 300)
        ),
        Condition("history", "rate", "clamped, whole history", "history"),
        Condition("trace", "rate", "clamped, trace", "trace"),
        Condition("none", "rate", "no gate", 0),
        Condition("instant", "rate", "batch covariance", "instant"),
    ]


@columns("p90_blank")
def run_free_phase(p: FreePhase, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Capacity from a blank start; the threshold F_c is the best of a grid on tuning seeds."""
    best = max(
        (0.002, 0.006, 0.02, 0.05)
        if isinstance(condition.setup, int) and condition.setup
        else (0,),
        key=lambda cut: np.mean([_free_capacity(p, condition.setup, cut, s) for s in (0, 1)]),
    )
    values = [_free_capacity(p, condition.setup, best, seed) for seed in seeds]
    result = xr.Dataset(coords={"seed": list(seeds)})
    result["p90_blank"] = ("seed", values, {"long_name": "P90", "units": "patterns"})
    result.attrs["curvature_threshold"] = best
    return result


def _free_capacity(p: FreePhase, kind: int | str, cut: float, seed: int) -> float:
    """P90 of one network, every load tested as it is reached."""
    streams = np.random.SeedSequence(seed).spawn(3)
    f = p.coding_level
    draw = functools.partial(sparse_patterns, n=p.units, coding_level=f)
    stored = draw(p.stored, seed=streams[0])
    cues = corrupt(stored, deleted=0.2, added=0.2, seed=streams[1])
    rng = np.random.default_rng(streams[2])
    rule: Rule = Leaky(coding_level=f)
    if kind == "history":
        rule = HistoryMask(coding_level=f, fraction=1.0)
    elif kind == "trace":
        rule = CurvatureGate.for_capacity(40, coding_level=f)
    network = HopfieldNetwork(p.units, rule=rule, seed=seed)
    capacity = 0
    for index, pattern in enumerate(stored, start=1):
        before = network.weights.copy()
        if kind == "instant":
            network.weights = batch.covariance(stored[:index])
        else:
            network.store(pattern[None])
        if isinstance(kind, int) and kind and index > 1:
            after, network.weights = network.weights, before
            random = draw(kind, seed=int(rng.integers(2**31)))
            visited = network.recall(random, active=int(pattern.sum()))
            frozen = curvature.clamped(visited) >= cut
            network.weights = np.where(frozen, before, after)
        found = dice(network.recall(cues[:index]), stored[:index]) >= 0.9
        if found.mean() >= 0.9:
            capacity = index
    return float(capacity)


# The protocol of the source paper's program ------------------------------------------------------


@dataclass(frozen=True)
class AuthorsProtocol(Stored, units=100, coding_level=0.1):
    """Exact cues, fixed threshold, self-weights kept, several small steps per pattern."""

    stored: int = parameter(60, at_least=10, doc="number of patterns stored")
    preloaded: int = parameter(10, at_least=0, doc="unrelated patterns learned first, at once")
    substeps: int = parameter(5, at_least=1, doc="weight steps per pattern")


class SubsteppedNetwork(HopfieldNetwork):
    """Network that takes several weight steps per pattern and keeps its self-weights."""

    def __init__(self, n: int, *, rule: Rule, seed: Any, substeps: int) -> None:
        super().__init__(n, rule=rule, seed=seed)
        self.substeps = substeps

    def _present(self, state: State, s: NDArray[np.float64]) -> None:
        A = s[:, None] * s
        M = s[:, None] + s - 2 * A
        before = {name: state[name].copy() for name in self.rule.traces}
        for _ in range(self.substeps):
            for name, trace in before.items():  # traces move once, after the last step
                state[name][:] = trace
            self.rule.step(state, A, M)


def authors_conditions(p: AuthorsProtocol) -> list[Condition]:
    """Rules of the program with thresholds tuned on other seeds, and the curvature gate."""
    made: dict[str, tuple[str, Rule | None]] = {
        "instant": ("batch covariance", None),
        "leaky-0.005": ("leaky, tuned rate", Leaky(learning_rate=0.005)),
        "leaky-0.1": ("leaky, their rate", Leaky(learning_rate=0.1)),
        "weight-threshold": (
            "weight threshold",
            WeightThreshold(learning_rate=0.05, weight_threshold=0.09),
        ),
        "weight-bayes": ("c / (c + |w|)", BayesianWeight(learning_rate=0.1, weight_scale=0.003)),
        "weight-exp": ("exp(-c |w|)", ExponentialWeight(learning_rate=0.25, sharpness=38.0)),
        "mask-5%": ("history mask, top 5 %", HistoryMask(learning_rate=0.02, fraction=0.05)),
        "curvature-gate": (
            "curvature gate",
            CurvatureGate(learning_rate=0.05, protection_time=60.0, residual_plasticity=0.06),
        ),
    }
    f = p.coding_level
    return [
        Condition(name, "rate", label, rule and rule.replace(coding_level=f))
        for name, (label, rule) in made.items()
    ]


@columns("recalled_quarter", "recalled_half", "recalled_all", "newest", "winners")
def run_authors(p: AuthorsProtocol, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Count the patterns that stay fixed points; the threshold is the best on seeds 0 to 2."""
    loads = tuple(round(p.stored * share) for share in (0.25, 0.5, 1.0))
    grid = (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.75, 1.0, 1.25, 1.5)
    tuning = np.sum(
        [_authors_counts(p, condition.setup, loads, grid, seed)[0] for seed in (0, 1, 2)], axis=0
    )
    # The sequential rules have one threshold for the whole stream, the batch rule one per load.
    at_end = np.argmax(tuning[:, -1])
    chosen = tuning.argmax(axis=0) if condition.setup is None else np.full(len(loads), at_end)
    rows = []
    for seed in seeds:
        counts, newest, winners = _authors_counts(p, condition.setup, loads, grid, seed)
        rows.append([*counts[chosen, range(len(loads))], 100 * newest[chosen[-1]], winners])
    result = xr.Dataset(coords={"seed": list(seeds)})
    names = ("recalled_quarter", "recalled_half", "recalled_all", "newest", "winners")
    labels = (*(f"recalled of {load}" for load in loads), "newest 5", "k winners, no self-weights")
    for name, label, values in zip(names, labels, zip(*rows, strict=True), strict=True):
        units = "%" if name == "newest" else "patterns"
        result[name] = ("seed", list(values), {"long_name": label, "units": units})
    result.attrs["threshold"] = [grid[index] for index in chosen]
    return result


def _authors_counts(
    p: AuthorsProtocol,
    rule: Rule | None,
    loads: tuple[int, ...],
    grid: tuple[float, ...],
    seed: int,
) -> tuple[NDArray, NDArray, int]:
    """Recalled patterns by threshold and load, share of the newest by threshold, by k winners."""
    first, second = np.random.SeedSequence(seed).spawn(2)
    draw = functools.partial(sparse_patterns, n=p.units, coding_level=p.coding_level)
    stored = draw(p.stored, seed=first)
    network = SubsteppedNetwork(p.units, rule=rule or Leaky(), seed=seed, substeps=p.substeps)
    if rule is not None and p.preloaded:
        # Learned at once and without leaving a trace, as in the program.
        centred = draw(p.preloaded, seed=second) - p.coding_level
        network.weights = centred.T @ centred / p.preloaded
    counts = np.empty((len(grid), len(loads)), int)
    done = 0
    for column, load in enumerate(loads):
        if rule is None:
            centred = stored[:load] - p.coding_level
            network.weights = centred.T @ centred / load
        else:
            network.store(stored[done:load])
            done = load
        states = [network.recall(stored[:load], threshold=threshold) for threshold in grid]
        good = dice(np.array(states), stored[:load]) > 0.9
        counts[:, column] = good.sum(axis=1)
    newest = good[:, -5:].mean(axis=1)
    np.fill_diagonal(network.weights, 0)
    winners = network.recall(stored, active=int(stored[0].sum()))
    return counts, newest, int((dice(winners, stored) > 0.9).sum())


experiment = family("curvature-capacity/", demo={"seeds": 2})
EXPERIMENTS = (
    experiment(
        "free-phase",
        "curvature estimated from the network's free activity",
        free_phase_conditions,
        run=run_free_phase,
        demo={"stored": 20},
    ),
    experiment(
        "authors-protocol",
        "the protocol of the source paper's program",
        authors_conditions,
        run=run_authors,
        seeds=10,
    ),
)
