"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""

from spikeconsol.consolidation import bounded, rules
from spikeconsol.consolidation.rate import HopfieldNetwork

__all__ = ["HopfieldNetwork", "bounded", "rules"]
