"""Do large synapses change relatively less? Day by day, in rates and in spikes.

A memory in its steady state stores a fixed number of patterns a day; every synapse is looked at
before and after each day, as spines are imaged. Rules with weights in [0, 1] are the same in rates
and in spikes; of signed rules the size is |w|.

The measure divides by the size: changes that know nothing of it fall with size once they are
divided by it. The control are the changes of the same day, handed out to the synapses at random.

References
----------
A. Holtmaat and others, Neuron 45, 279 (2005): most thick spines persist for months.
Y. Loewenstein, A. Kuras, S. Rumpel, J. Neurosci. 31, 9481 (2011): sizes are log-normal, and change
in proportion to size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from spikeconsol.consolidation import HopfieldNetwork, SpikingMemory, SpikingParameters
from spikeconsol.consolidation.parameters import Stored
from spikeconsol.consolidation.rules import (
    BoundedCurvatureGate,
    CurvatureGate,
    HardBounds,
    Leaky,
    Rule,
    Timer,
)
from spikeconsol.data import sparse_patterns
from spikeconsol.lab import Condition, family
from spikeconsol.models.sequential_memory import TUNED_BOUNDS, TUNED_LEAKY
from spikeconsol.parameters import parameter

Sizes = NDArray[np.float64]

#: Edges of the histogram of size / mean size.
EDGES = np.linspace(0, 5, 51)


@dataclass(frozen=True)
class Days(Stored, stored=500):
    """What fills the memory first, and how it is watched from then on."""

    day: int = parameter(10, at_least=1, doc="patterns stored between two looks")
    days: int = parameter(5, at_least=1, doc="number of days")
    smallest: float = parameter(
        0.01, above=0, below=1, doc="share of the largest size below which no synapse is seen"
    )
    spiking: SpikingParameters = parameter(SpikingParameters(), doc="the spiking network")


#: Constants as they were tuned to hold much, in spikes: weights in [0, 1].
BOUNDED: dict[str, tuple[str, Rule]] = {
    "curvature-gate": ("curvature gate", BoundedCurvatureGate.for_capacity(220)),
    "timer": ("timer", Timer(protection_time=260.0, potentiation=1.0, depression=0.69)),
    "hard-bounds": ("hard bounds", TUNED_BOUNDS.rule),
    "soft-bounds": ("soft bounds", TUNED_LEAKY.rule),
}
#: Signed rules, tuned in rates.
SIGNED: dict[str, tuple[str, Rule]] = {
    "signed-gate": (
        "curvature gate, signed",
        CurvatureGate(protection_time=175.0, learning_rate=0.2),
    ),
    "signed-bounds": ("hard bounds, signed", HardBounds(bound=0.55)),
    "signed-leaky": ("leaky, signed", Leaky(learning_rate=0.005)),
}


def conditions(p: Days) -> list[Condition]:
    """Rules with weights in [0, 1] in rates and in spikes, signed ones in rates."""
    rates = [Condition(name, "rate", *made) for name, made in (BOUNDED | SIGNED).items()]
    return rates + [Condition(name, "spiking", *made) for name, made in BOUNDED.items()]


def watched(p: Days, condition: Condition, seed: int) -> Sizes:
    """Weights of all pairs before the first day and after each, shape (days + 1, pairs)."""
    patterns = sparse_patterns(
        p.stored + p.day * p.days, p.units, coding_level=p.coding_level, seed=seed
    )
    rule: Rule = condition.setup
    memory: HopfieldNetwork | SpikingMemory
    if condition.level == "spiking":
        settings = p.spiking.with_settings({"coding_level": p.coding_level})
        memory = SpikingMemory(p.units, rule=rule, seed=seed, parameters=settings)
    else:
        if "coding_level" in rule.flat():
            rule = rule.replace(coding_level=p.coding_level)
        memory = HopfieldNetwork(p.units, rule=rule, seed=seed)
    upper = np.triu_indices(p.units, 1)
    memory.store(patterns[: p.stored])
    looks = [memory.weights[upper].copy()]
    for today in np.split(patterns[p.stored :], p.days):
        memory.store(today)
        looks.append(memory.weights[upper].copy())
    return np.array(looks, float)


def change(before: Sizes, after: Sizes, seen: NDArray[np.bool_], seed: int) -> dict[str, float]:
    """How the change of one day goes with size."""
    size, moved = np.abs(before[seen]), np.abs(after - before)[seen]
    at_random = np.random.default_rng([seed, 1]).permutation(moved)
    return {
        "relative": stats.spearmanr(size, moved / size).statistic,
        "control": stats.spearmanr(size, at_random / size).statistic,
        "absolute": stats.spearmanr(size, moved).statistic,
    }


def sizes(first: Sizes, last: Sizes, seen: NDArray[np.bool_]) -> dict[str, float]:
    """Shape of the distribution of sizes, and who keeps them over all days."""
    size = np.abs(first[seen])
    logarithm, order = np.log(size), np.argsort(size)
    keeps = (np.abs(last[seen]) >= size / 2)[order]
    fifth = len(size) // 5
    # Sarle's coefficient: 1/3 for a normal distribution, 5/9 for a uniform one.
    skewness, kurtosis = stats.skew(logarithm), stats.kurtosis(logarithm, fisher=False)
    return {
        "seen": seen.mean(),
        "sd_log": logarithm.std(),
        "bimodality": (skewness**2 + 1) / kurtosis,
        "small_keep": keeps[:fifth].mean(),
        "large_keep": keeps[-fifth:].mean(),
    }


NAMES = {
    "relative": "Spearman, |dw|/w with w",
    "control": "the same, changes at random",
    "absolute": "Spearman, |dw| with w",
    "seen": "synapses seen",
    "sd_log": "SD of ln w",
    "bimodality": "bimodality of ln w",
    "small_keep": "smallest fifth that keeps half",
    "large_keep": "largest fifth that keeps half",
}


def run(p: Days, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Fill the memory and watch its synapses, for one seed at a time."""
    (seed,) = seeds
    looks = watched(p, condition, seed)
    visible = [np.abs(look) > p.smallest * np.abs(look).max() for look in looks]
    days = [change(looks[k], looks[k + 1], visible[k], seed) for k in range(p.days)]
    found = {name: float(np.mean([day[name] for day in days])) for name in days[0]}
    found |= sizes(looks[0], looks[-1], visible[0])
    size = np.abs(looks[0])
    density = np.histogram(size / size.mean(), EDGES)[0] / (len(size) * np.diff(EDGES))
    return xr.Dataset(
        {
            **{
                name: ("seed", [value], {"long_name": NAMES[name], "units": "1"})
                for name, value in found.items()
            },
            "density": (("seed", "size"), density[None], {"long_name": "density"}),
            "weight": (("seed", "look", "pair"), looks[None, :2].astype(np.float32)),
        },
        coords={"seed": [seed], "size": ((EDGES[1:] + EDGES[:-1]) / 2).round(3)},
    )


EXPERIMENTS = (
    family("curvature-capacity/", demo={"stored": 60, "days": 2, "seeds": 2})(
        "relative-change",
        "relative change of synapses against their size, day by day",
        conditions,
        run=run,
        columns=tuple(NAMES),
        seeds=10,
        figures=("relative_change",),
    ),
)
