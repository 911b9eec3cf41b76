"""What keeps the always-on network stable, and what becomes of its memories when it rests.

With a longer protection more synapses are strong, until the network runs away: plastic inhibition
(Vogels and others 2011) is tried against it. Then a few assemblies are stored and the network is
left alone for longer than their protection lasts: does spontaneous activity bring assemblies back,
does that refresh them, and does a cue, which is a reactivation from outside?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import CorticalMemory
from spikeconsol.lab import Condition
from spikeconsol.models.cortical_memory import (
    Patterns,
    Protocol,
    Trial,
    draw,
    experiment,
    listed,
    make,
    scaled,
    single,
)
from spikeconsol.models.cortical_rules import gate
from spikeconsol.parameters import parameter
from spikeconsol.statistics import dice

#: Changes of an inhibitory weight per pair of spikes.
RATES = (0.0, 0.0005, 0.002, 0.01)


def inhibition(protocol: Protocol) -> Sequence[Condition]:
    """The gate at a usual and a long protection, without and with plastic inhibition."""
    return listed(
        {
            f"t{lifetime}-{rate:g}": (
                f"T {lifetime} s, inhibition's rate {rate:g}",
                Trial(gate, {"balance.rate": rate}, scaled(lifetime)),
            )
            for lifetime in (20, 40)
            for rate in RATES
        }
    )


@dataclass(frozen=True)
class Rest(  # type: ignore[call-arg]
    Protocol, stored=16, tested=16, quiet="5 s"
):
    """A few assemblies, and a rest in parts of `quiet`."""

    parts: int = parameter(6, at_least=1, doc="parts of the rest; after each, all are asked")
    together: float = parameter(
        0.3, above=0, at_most=1, doc="share of an assembly that fires within a bin: a reactivation"
    )
    bin: float = parameter("50 ms", unit="second", above=0, doc="that bin")


def rests(protocol: Rest) -> Sequence[Condition]:
    """Left alone, or half of the assemblies cued again after every part."""
    labels = {"alone": "left alone", "cued": "half cued again", "whole": "half cued again, intact"}
    return listed({name: (label, Trial(gate)) for name, label in labels.items()})


def rest(protocol: Rest, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Store, rest, and follow recall, weights and reactivations of every assembly."""
    (seed,) = seeds
    patterns, cued, cues = draw(protocol, seed)
    memory = make(protocol, condition.setup, seed)
    memory.run(protocol.settling)
    memory.store(patterns)
    stored = slice(0, protocol.stored)
    again = np.arange(protocol.stored) % 2 == 0
    again_cues = {"cued": cues[stored], "whole": patterns}
    agreement, weights, events = [], [], []
    for part in range(protocol.parts + 1):
        if part:
            memory.run(protocol.quiet)
            assert memory.recording is not None
            events.append(reactivations(memory.recording, cued, protocol))
            if condition.name != "alone":
                memory.recall(again_cues[condition.name][again], lasting=True)
        agreement.append(dice(memory.recall(cues[stored]), patterns))
        weights.append(inside(memory, patterns))
    found = np.array(agreement)
    brought_back = np.array(events)  # of the stored ones, then of those never stored
    kept = found >= 0.8
    slot = memory.parameters.stimuli.present + memory.parameters.stimuli.pause
    measured: dict[str, Any] = {
        "dice": (("seed", "part", "assembly"), found[None], {"long_name": "Dice coefficient"}),
        "weight": (("seed", "part", "assembly"), np.array(weights)[None], {"units": "1"}),
        "reactivations": (
            ("seed", "rest", "cued_assembly"),
            brought_back[None],
            {"long_name": "reactivations in a part of the rest"},
        ),
        "kept_first": single(kept[0].sum(), "kept at once", "1"),
        "kept_last": single(kept[-1].sum(), "kept at the end", "1"),
        "kept_even": single(kept[-1, again].sum(), "of these, even ones (cued again if any)", "1"),
        "kept_odd": single(kept[-1, ~again].sum(), "odd ones", "1"),
        "brought_back": single(brought_back[:, stored].sum(), "reactivations of stored ones", "1"),
        "by_chance": single(
            brought_back[:, protocol.stored :].mean() * brought_back[:, stored].size,
            "expected from those never stored",
            "1",
        ),
    }
    return xr.Dataset(
        measured,
        coords={
            "seed": [seed],
            "part": np.arange(protocol.parts + 1),
            "age": ("assembly", slot * np.arange(protocol.stored)[::-1]),
        },
    )


def inside(memory: CorticalMemory, patterns: Patterns) -> NDArray[np.floating]:
    """Mean weight within every assembly."""
    weights = memory.weights.tocoo()
    i, j = weights.coords
    return np.array([weights.data[p[i] & p[j]].mean() for p in patterns])


def reactivations(recording: Recording, patterns: Patterns, p: Rest) -> NDArray[np.int64]:
    """Count bins in which a share of an assembly's cells fires that begin such an episode."""
    bins = round(recording.end / p.bin)
    fired = np.zeros((bins, recording.n), bool)
    fired[np.minimum((recording.times / p.bin).astype(int), bins - 1), recording.cells] = True
    share = fired.astype(float) @ patterns.T / patterns.sum(axis=1)
    above = share >= p.together
    begun = above & ~np.vstack([np.zeros(len(patterns), bool), above[:-1]])
    return begun.sum(axis=0)


EXPERIMENTS = (
    experiment("inhibition", "plastic inhibition against runaway with long protection", inhibition),
    experiment(
        "rest",
        "what becomes of a few assemblies in a long rest, and of those that are cued again",
        rests,
        run=rest,
        figures=("cortical_rest",),
        columns=(
            "kept_first",
            "kept_last",
            "kept_even",
            "kept_odd",
            "brought_back",
            "by_chance",
        ),
    ),
)
