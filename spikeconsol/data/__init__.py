"""Patterns and data sets: random patterns, cues, digit images."""

from spikeconsol.data.patterns import (
    binarised_digits,
    check_patterns,
    correlated_patterns,
    corrupt,
    sparse_patterns,
)

__all__ = [
    "binarised_digits",
    "check_patterns",
    "correlated_patterns",
    "corrupt",
    "sparse_patterns",
]
