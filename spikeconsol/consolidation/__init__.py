"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""

from spikeconsol.consolidation import bounded, rules, variants
from spikeconsol.consolidation.cortical import CorticalMemory
from spikeconsol.consolidation.cortical_parameters import CorticalParameters
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.consolidation.spiking import SpikingMemory

__all__ = [
    "CorticalMemory",
    "CorticalParameters",
    "HopfieldNetwork",
    "SpikingMemory",
    "SpikingParameters",
    "bounded",
    "rules",
    "variants",
]
