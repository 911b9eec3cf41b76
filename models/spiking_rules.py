"""A fair fight in spikes: rules of the spiking memory, with recall tuned for each.

Every rule stores the same stream (the protocol of `sequential-memory`) in the same network. Of
recall the gain of recurrent excitation and the threshold of inhibition are chosen for each rule,
together with one constant of its own, on seeds 0 and 1 (`consolidation-rules/spikes-tuning`), from
grids of the same size, which were moved once to lie around their best; seeds from 100 on are
reported. `Timer` knows nothing but the time since the last coincidence: where it does as well as a
gate, the gate's trace is a timer, too.

Storage is noise-free unless noise is put in: the drive of a stored pattern is regular. Rows named
`poisson` have Poisson input at 79 Hz in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import SpikingMemory
from spikeconsol.consolidation.rules import (
    BoundedBCPNN,
    BoundedCurvatureGate,
    BoundedDepressionGate,
    BoundedExponentialWeight,
    BoundedLeaky,
    BoundedMAS,
    Rule,
    Timer,
    WillshawClock,
)
from spikeconsol.lab import Condition, family
from spikeconsol.models.sequential_memory import (
    Protocol,
    balanced,
    counts,
    draw,
    reading,
    spiking_memory,
)
from spikeconsol.parameters import parameter
from spikeconsol.statistics import dice, longest_load

#: Poisson input that excites a cell about as much as the regular drive [Hz].
POISSON = 79.0


@dataclass(frozen=True)
class Fight(Protocol):
    """More patterns than the best rule holds."""

    stored: int = parameter(900, at_least=10, doc="patterns stored, one after another")
    tested: int = parameter(340, at_least=10, doc="newest patterns that are recalled at the end")


@dataclass(frozen=True)
class SpikingContender:
    """A rule with the grids of one constant of its own and of recall, and the point chosen."""

    name: str
    label: str
    make: Callable[[float], Rule]
    constant: str
    constants: tuple[float, ...]
    gains: tuple[float, ...]
    inhibitions: tuple[float, ...]
    chosen: tuple[float, float, float]

    @property
    def grids(self) -> dict[str, tuple[float, ...]]:
        """Grids of all that is tuned."""
        return {
            self.constant: self.constants,
            "gain": self.gains,
            "inhibition": self.inhibitions,
        }


CONTENDERS: tuple[SpikingContender, ...] = (
    SpikingContender(
        "depression-gate", "depression gate",
        lambda time: BoundedDepressionGate.for_capacity(time).replace(residual_plasticity=0.0),
        "protection_time", (220, 240, 260), (9, 12, 15), (0.35, 0.45, 0.55), (260, 12, 0.45),
    ),
    SpikingContender(
        "curvature-gate", "curvature gate", BoundedCurvatureGate.for_capacity,
        "protection_time", (220, 250, 280), (15, 18, 21), (0.35, 0.45, 0.55), (220, 18, 0.45),
    ),
    SpikingContender(
        "timer", "timer (control)",
        lambda time: Timer(protection_time=time, potentiation=1.0, depression=0.69),
        "protection_time", (220, 240, 260), (12, 15, 18), (0.25, 0.35, 0.45), (260, 12, 0.45),
    ),
    SpikingContender(
        "mas", "memory aware synapses", lambda time: BoundedMAS(memory_time=time),
        "memory_time", (30, 40, 50), (15, 18, 21), (0.35, 0.45, 0.55), (50, 21, 0.35),
    ),
    SpikingContender(
        "bcpnn", "BCPNN palimpsest", lambda rate: BoundedBCPNN(averaging_rate=rate),
        "averaging_rate", (0.004, 0.006, 0.008), (12, 15, 18), (0.35, 0.45, 0.55),
        (0.006, 15, 0.45),
    ),
    SpikingContender(
        "exponential-weight", "gate exp(-w)",
        lambda down: BoundedExponentialWeight(potentiation=0.8, depression=down),
        "depression", (0.015, 0.02, 0.03), (15, 18, 21), (0.35, 0.45, 0.55), (0.03, 21, 0.45),
    ),
    SpikingContender(
        "hard-bounds", "hard bounds", balanced,
        "balance", (0.4, 0.6, 0.8), (9, 12, 15), (0.35, 0.45, 0.55), (0.6, 12, 0.45),
    ),
    SpikingContender(
        "soft-bounds", "soft bounds",
        lambda down: BoundedLeaky(potentiation=0.8, depression=down),
        "depression", (0.015, 0.02, 0.03), (15, 18, 21), (0.35, 0.45, 0.55), (0.015, 21, 0.35),
    ),
    SpikingContender(
        "willshaw-clock", "Willshaw with a clock (limit)",
        lambda time: WillshawClock(protection_time=time),
        "protection_time", (220, 240, 260), (9, 12, 15), (0.35, 0.45, 0.55), (260, 12, 0.45),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A contender, and what differs in the network while it stores."""

    contender: SpikingContender
    network: tuple[tuple[str, float], ...] = ()


def conditions(protocol: Protocol) -> Sequence[Condition]:
    """Every rule; the gate and its strongest rivals with Poisson input, too."""
    found = [Condition(c.name, "spiking", c.label, Case(c)) for c in CONTENDERS]
    noisy = (("cells.input_rate", POISSON),)
    return found + [
        Condition(f"{c.name}-poisson", "spiking", f"{c.label}, Poisson input", Case(c, noisy))
        for c in CONTENDERS
        if c.name in ("depression-gate", "curvature-gate", "mas", "hard-bounds")
    ]


def stored(
    protocol: Protocol, setup: Case, constant: float, seed: int
) -> tuple[SpikingMemory, NDArray[np.bool_], NDArray[np.bool_]]:
    """Memory after the stream, its patterns and the cues of the newest."""
    patterns, cues = draw(protocol, seed)
    memory = spiking_memory(protocol, setup.contender.make(constant), dict(setup.network), seed)
    memory.store(patterns)
    return memory, patterns, cues


def _kept(
    protocol: Protocol,
    weights: NDArray[np.floating],
    gain: float,
    inhibition: float,
    patterns: NDArray[np.bool_],
    cues: NDArray[np.bool_],
    seed: int,
) -> NDArray[np.bool_]:
    """Which of the newest patterns a network with these weights recalls, the newest first."""
    reader = spiking_memory(protocol, BoundedLeaky(), reading(gain, inhibition), seed)
    reader.weights = weights
    return (dice(reader.recall(cues), patterns[-protocol.tested :]) >= 0.9)[::-1]


def run(protocol: Fight, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store the stream and recall its newest patterns, for one seed at a time."""
    (seed,) = seeds
    contender = condition.setup.contender
    constant, gain, inhibition = contender.chosen
    memory, patterns, cues = stored(protocol, condition.setup, constant, seed)
    kept = _kept(protocol, memory.weights, gain, inhibition, patterns, cues, seed)
    return xr.Dataset(
        {
            **counts(protocol, kept.sum(), longest_load(kept)),
            "kept_by_age": (("seed", "age"), kept[None], {"long_name": "recalled"}),
        },
        coords={"seed": [seed], "age": np.arange(1, protocol.tested + 1)},
        attrs={
            "grid": json.dumps(contender.grids),
            "chosen": json.dumps(dict(zip(contender.grids, contender.chosen, strict=True))),
        },
    )


def tuning(protocol: Fight, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """P90 and patterns kept at every point of a contender's grid, for one seed."""
    (seed,) = seeds
    contender: SpikingContender = condition.setup.contender
    shape = tuple(len(values) for values in contender.grids.values())
    p90, kept = np.zeros((2, *shape))
    for a, constant in enumerate(contender.constants):
        memory, patterns, cues = stored(protocol, condition.setup, constant, seed)
        weights = memory.weights
        for b, gain in enumerate(contender.gains):
            for c, inhibition in enumerate(contender.inhibitions):
                found = _kept(protocol, weights, gain, inhibition, patterns, cues, seed)
                p90[a, b, c], kept[a, b, c] = longest_load(found), found.sum()
    dims = ("seed", "constant", "gain", "inhibition")
    best = np.unravel_index(np.argmax(p90 + 1e-3 * kept), shape)
    return xr.Dataset(
        {
            "p90": ("seed", [p90[best]], {"long_name": "P90, best", "units": "patterns"}),
            "kept": ("seed", [kept[best]], {"long_name": "kept, there", "units": "patterns"}),
            "p90_grid": (dims, p90[None], {"long_name": "P90", "units": "patterns"}),
            "kept_grid": (dims, kept[None], {"long_name": "patterns kept", "units": "patterns"}),
        },
        coords={
            "seed": [seed],
            "constant": ("constant", list(contender.constants), {"long_name": contender.constant}),
            "gain": list(contender.gains),
            "inhibition": list(contender.inhibitions),
        },
        attrs={"grid": json.dumps(contender.grids)},
    )


def every_rule(protocol: Protocol) -> Sequence[Condition]:
    """Every rule, without noise."""
    return [condition for condition in conditions(protocol) if not condition.setup.network]


DEMO = {"demo": {"stored": 120, "tested": 60, "seeds": 1}}
_experiment = family("consolidation-rules/", columns=("p90", "kept"))
EXPERIMENTS = (
    _experiment(
        "spikes",
        "published models of synaptic memory in spikes, recall tuned for each",
        conditions,
        run=run,
        seeds=(100, 5),
        presets=DEMO,
    ),
    _experiment(
        "spikes-tuning",
        "how the constants and recall of the spiking rules were chosen",
        every_rule,
        run=tuning,
        seeds=(0, 2),
    ),
)
