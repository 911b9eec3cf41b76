"""One more pattern in many small steps: which synapses must be frozen to keep the old ones.

The learning curves of the program that accompanies the source paper: a network holds a few
patterns as their mean covariance; then one new pattern is learned in 2,000 steps of 0.001 of the
way, with a twentieth of all pairs frozen. Old and new patterns are recalled from themselves, with a
fixed threshold and self-weights. The mask is that of highest Fisher information over the old
patterns, the same read off the present weights, largest |w|, lowest information, or random.

References
----------
M. Deistler, M. Sorbaro, M. Rule, M. Hennig, arXiv:1807.05097 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork, curvature
from spikeconsol.consolidation.parameters import Stored
from spikeconsol.consolidation.rules import Leaky
from spikeconsol.data import sparse_patterns
from spikeconsol.lab import Condition, family
from spikeconsol.parameters import parameter
from spikeconsol.statistics import dice


@dataclass(frozen=True)
class Overwriting(Stored, units=100, coding_level=0.1):
    """Constants of the source's program."""

    stored: int = parameter(5, at_least=1, doc="old patterns")
    more: int = parameter(15, at_least=1, doc="old patterns in the conditions of a higher load")
    steps: int = parameter(2000, at_least=1, doc="steps of learning the new pattern")
    learning_rate: float = parameter(0.001, above=0, at_most=1, doc="share of the way, each step")
    frozen: float = parameter(0.05, at_least=0, below=1, doc="share of all pairs that is frozen")
    threshold: float = parameter(0.25, doc="field above which a unit becomes active in recall")
    every: int = parameter(20, at_least=1, doc="steps between two tests")


MASKS = {
    "fisher-top": "highest information",
    "fisher-weights": "highest information, from weights",
    "size-top": "largest |w|",
    "random": "random",
    "fisher-bottom": "lowest information",
    "none": "nothing frozen",
}


def conditions(p: Overwriting) -> list[Condition]:
    """Every mask at both loads."""
    return [
        Condition(f"{load}-{name}", "rate", f"{load} old patterns, {label}", (load, name))
        for load in (p.stored, p.more)
        for name, label in MASKS.items()
    ]


def scores(name: str, p: Overwriting, old: NDArray, weights: NDArray) -> NDArray[np.float64] | None:
    """What the pairs are ranked by; the highest are frozen. None: at random."""
    if name in ("none", "random"):
        return None
    if name == "size-top":
        return np.abs(weights)
    if name == "fisher-weights":
        return curvature.from_weights(weights, coding_level=p.coding_level)
    return curvature.clamped(old) * (-1 if name == "fisher-bottom" else 1)


def curves(p: Overwriting, load: int, name: str, seed: int) -> tuple[NDArray, NDArray]:
    """Dice coefficient of the old patterns (their mean) and of the new one, at every test."""
    for_patterns, for_mask = np.random.SeedSequence(seed).spawn(2)
    f = p.coding_level
    patterns = sparse_patterns(load + 1, p.units, coding_level=f, seed=for_patterns)
    centred = patterns - f
    target = np.outer(centred[-1], centred[-1])
    weights = centred[:-1].T @ centred[:-1] / load
    upper = np.triu_indices(p.units, 1)
    tie = np.random.default_rng(for_mask).random(len(upper[0])) * 1e-9
    count = 0 if name == "none" else round(p.frozen * len(tie))
    # Nothing is frozen, but the step is smaller: as much plasticity in all.
    rate = p.learning_rate * (1 - p.frozen * (name == "none"))
    network = HopfieldNetwork(p.units, rule=Leaky(coding_level=f), seed=seed)
    old, new = [], []
    frozen = None
    for step in range(p.steps + 1):
        if step % p.every == 0:
            network.weights = weights
            reached = dice(network.recall(patterns, threshold=p.threshold), patterns)
            old.append(reached[:-1].mean())
            new.append(reached[-1])
        if frozen is None or name in ("size-top", "fisher-weights"):  # follow the weights
            rank = scores(name, p, patterns[:-1], weights)
            rank = tie if rank is None else rank[upper] + tie
            top = np.argpartition(rank, len(rank) - 1 - count)[len(rank) - count :]
            frozen = np.zeros(weights.shape, bool)
            frozen[upper[0][top], upper[1][top]] = True
            frozen |= frozen.T
        weights = weights + np.where(frozen, 0, rate * (target - weights))
    return np.array(old), np.array(new)


def run(p: Overwriting, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Learn the new pattern, for one seed at a time."""
    (seed,) = seeds
    load, name = condition.setup
    old, new = curves(p, load, name, seed)
    learned = np.append(np.flatnonzero(new >= 0.9), len(new))[0] * p.every
    one = {"units": "1"}
    return xr.Dataset(
        {
            "old_end": ("seed", [old[-1]], {"long_name": "Dice of the old at the end", **one}),
            "new_end": ("seed", [new[-1]], {"long_name": "Dice of the new at the end", **one}),
            "old_then": (
                "seed",
                [old[min(learned // p.every, len(old) - 1)]],
                {"long_name": "Dice of the old once the new is learned", **one},
            ),
            "learned": (
                "seed",
                [float(learned)],
                {"long_name": "steps until the new is learned", "units": "steps"},
            ),
            "old": (("seed", "step"), old[None], {"long_name": "Dice of the old", **one}),
            "new": (("seed", "step"), new[None], {"long_name": "Dice of the new", **one}),
        },
        coords={
            "seed": [seed],
            "step": ("step", p.every * np.arange(len(old)), {"long_name": "steps"}),
        },
    )


EXPERIMENTS = (
    family("curvature-capacity/", demo={"steps": 400, "seeds": 2})(
        "overwriting",
        "one new pattern in many small steps, with synapses frozen by information, size or chance",
        conditions,
        run=run,
        columns=("old_end", "new_end", "old_then", "learned"),
        seeds=10,
        figures=("overwriting",),
    ),
)
