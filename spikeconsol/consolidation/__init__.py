"""Store patterns one after another, each seen once, and keep the newest."""

from spikeconsol.consolidation import rules
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.consolidation.spiking import SpikingMemory

__all__ = ["HopfieldNetwork", "SpikingMemory", "SpikingParameters", "rules"]
