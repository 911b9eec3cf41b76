"""Store patterns one after another, each seen once, and keep the newest."""

from spikeconsol.consolidation import rules
from spikeconsol.consolidation.cells import LIF, AdEx, Cell, Izhikevich, Spread
from spikeconsol.consolidation.cortical import CorticalMemory
from spikeconsol.consolidation.cortical_parameters import CorticalParameters
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.consolidation.reduced import predict
from spikeconsol.consolidation.spiking import SpikingMemory
from spikeconsol.consolidation.wiring import AllToAll, Joined, Sparse

__all__ = [
    "LIF",
    "AdEx",
    "AllToAll",
    "Cell",
    "CorticalMemory",
    "CorticalParameters",
    "HopfieldNetwork",
    "Izhikevich",
    "Joined",
    "Sparse",
    "SpikingMemory",
    "SpikingParameters",
    "Spread",
    "predict",
    "rules",
]
