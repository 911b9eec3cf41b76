"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""

from spikeconsol.consolidation import batch, bounded, capacity, curvature, rules, variants
from spikeconsol.consolidation.rate import HopfieldNetwork

__all__ = ["HopfieldNetwork", "batch", "bounded", "capacity", "curvature", "rules", "variants"]
