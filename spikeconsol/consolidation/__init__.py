"""Store patterns one after another, each seen once, and keep the newest."""

from spikeconsol.consolidation import rules
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
    "rules",
]
