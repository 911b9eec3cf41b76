"""Connections of the cortical memory and the strengths that go with them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.consolidation.cortical_parameters import Strengths, Wiring

__all__ = ["Gains", "connect", "gains", "synapse_counts"]

#: Inputs from an assembly below which recall is poor: see docs/cortical_memory.md.
LEAST_INPUTS = 15

#: Senders of a band. A spike visits all synapses that its cell sends, and all that it receives; in
#: bands of senders, those onto one cell lie side by side. Measured at p = .3.
BAND = 16

Pairs = tuple[NDArray[np.int32], NDArray[np.int32]]


@dataclass(frozen=True)
class Gains:
    """Jumps of conductance per spike and synapse, in units of the leak.

    Attributes
    ----------
    recurrent, recruiting, inhibiting, disinhibiting : float
        E to E (of weight 1), E to I, I to E and I to I.
    inputs : float
        Expected inputs that a cell of an assembly has from the others, k p.
    """

    recurrent: float
    recruiting: float
    inhibiting: float
    disinhibiting: float
    inputs: float


def gains(
    excitatory: int,
    active: int,
    probability: float,
    *,
    inhibitory_probability: float = 0.6,
    strengths: Strengths | None = None,
) -> Gains:
    """Return the strength of each kind of synapse, by the number of inputs that counts for it.

    What an excitatory cell sends is divided by k p, the inputs that a cell has from an assembly of
    k cells: one assembly then drives its own cells, and the inhibitory ones, equally in networks of
    every size, coding level and density. What an inhibitory cell sends is divided by all inhibitory
    inputs of a cell.

    Parameters
    ----------
    excitatory : int
        Number of excitatory cells N_E; a quarter as many are inhibitory.
    active : int
        Cells of an assembly, k.
    probability : float
        Probability p of a connection from excitatory cells, and from I to I.
    inhibitory_probability : float, optional
        Probability of a connection from I to E.
    strengths : Strengths, optional
        Total strengths.

    Warns
    -----
    UserWarning
        If k p is too small: the inputs that a cell has from its assembly are a binomial number, of
        relative spread sqrt((1 - p)/(k p)), and cells that have few of them are lost.
    """
    excitatory = checks.whole("excitatory", excitatory, at_least=4)
    active = checks.whole("active", active, at_least=1, at_most=excitatory)
    probability = checks.number("probability", probability, above=0, at_most=1)
    checks.number("inhibitory_probability", inhibitory_probability, above=0, at_most=1)
    strengths = Strengths() if strengths is None else strengths
    checks.instance("strengths", strengths, Strengths, "Strengths")
    inputs = active * probability
    inhibitory = excitatory // 4
    if inputs < LEAST_INPUTS:
        warnings.warn(
            f"a cell has {inputs:.3g} inputs from an assembly of {active} cells, plus or minus "
            f"{math.sqrt(inputs * (1 - probability)):.2g}: too few for recall; "
            f"allowed: about {LEAST_INPUTS} or more",
            stacklevel=2,
        )
    return Gains(
        recurrent=strengths.recurrent / inputs,
        recruiting=strengths.recruiting / inputs,
        inhibiting=strengths.inhibiting / (inhibitory_probability * inhibitory),
        disinhibiting=strengths.disinhibiting / (probability * inhibitory),
        inputs=inputs,
    )


def synapse_counts(excitatory: int, wiring: Wiring) -> dict[str, int]:
    """Number of synapses of each pathway, the same for every seed of the wiring."""
    excitatory = checks.whole("excitatory", excitatory, at_least=4)
    checks.instance("wiring", wiring, Wiring)
    inhibitory = excitatory // 4
    p = wiring.probability
    return {
        "pairs": round(p * excitatory * (excitatory - 1)),
        "recruiting": round(p * excitatory * inhibitory),
        "inhibiting": round(wiring.inhibitory_probability * inhibitory) * excitatory,
        "disinhibiting": round(p * inhibitory * (inhibitory - 1)),
    }


def connect(excitatory: int, wiring: Wiring) -> dict[str, Pairs]:
    """Draw the connections: so many pairs of cells, all equally likely, none twice.

    Returns
    -------
    dict of (i, j)
        Indices of the sending and the receiving cells of each pathway.
    """
    counts = synapse_counts(excitatory, wiring)
    excitatory = int(excitatory)
    inhibitory = excitatory // 4
    seeds = np.random.SeedSequence(wiring.seed).spawn(4)
    rngs = {name: np.random.default_rng(seed) for name, seed in zip(counts, seeds, strict=True)}
    drawn = {
        "pairs": _draw(rngs["pairs"], excitatory, excitatory, counts["pairs"], loops=False),
        "recruiting": _draw(rngs["recruiting"], excitatory, inhibitory, counts["recruiting"]),
        "inhibiting": _draw(rngs["inhibiting"], inhibitory, excitatory, counts["inhibiting"]),
        "disinhibiting": _draw(
            rngs["disinhibiting"], inhibitory, inhibitory, counts["disinhibiting"], loops=False
        ),
    }
    if wiring.fixed_fan_in:
        drawn["inhibiting"] = _fixed_fan_in(
            rngs["inhibiting"], inhibitory, excitatory, counts["inhibiting"] // excitatory
        )
    i, j = drawn["pairs"]
    order = np.lexsort((i, j, i // BAND))
    drawn["pairs"] = i[order], j[order]
    return drawn


def _draw(
    rng: np.random.Generator, sources: int, targets: int, count: int, *, loops: bool = True
) -> Pairs:
    """Draw so many pairs of cells, without those of a cell with itself if there are no `loops`."""
    columns = targets if loops else targets - 1
    index = np.sort(rng.choice(sources * columns, count, replace=False, shuffle=False))
    i, j = index // columns, index % columns
    if not loops:
        j += j >= i
    return i.astype(np.int32), j.astype(np.int32)


def _fixed_fan_in(rng: np.random.Generator, sources: int, targets: int, fan_in: int) -> Pairs:
    senders = np.argsort(rng.random((targets, sources)), axis=1)[:, :fan_in]
    i, j = senders.ravel(), np.repeat(np.arange(targets), fan_in)
    order = np.lexsort((j, i))
    return i[order].astype(np.int32), j[order].astype(np.int32)
