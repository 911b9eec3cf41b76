"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""

from spikeconsol.consolidation import bounded, rules, variants
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rate import HopfieldNetwork
from spikeconsol.consolidation.spiking import SpikingMemory

__all__ = ["HopfieldNetwork", "SpikingMemory", "SpikingParameters", "bounded", "rules", "variants"]
