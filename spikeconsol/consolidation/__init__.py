"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""

from spikeconsol.consolidation import bounded, rules, variants
from spikeconsol.consolidation.cells import LIF, AdEx, Cell, Izhikevich, Spread
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.consolidation.spiking import SpikingMemory
from spikeconsol.consolidation.wiring import AllToAll, Joined, Sparse

__all__ = [
    "LIF",
    "AdEx",
    "AllToAll",
    "Cell",
    "HopfieldNetwork",
    "Izhikevich",
    "Joined",
    "Sparse",
    "SpikingMemory",
    "SpikingParameters",
    "Spread",
    "bounded",
    "rules",
    "variants",
]
