"""Curvature-gated consolidation: storing patterns one after another without overwriting the old."""
