"""Patterns and data sets: random patterns, cues, digit images."""

from spikeconsol.data.images import as_pixels, load_images, read_idx
from spikeconsol.data.patterns import (
    binarised_digits,
    check_patterns,
    correlated_patterns,
    corrupt,
    sparse_patterns,
)
from spikeconsol.data.tasks import Split, digits_task, linear_task, xor_task

__all__ = [
    "Split",
    "as_pixels",
    "binarised_digits",
    "check_patterns",
    "correlated_patterns",
    "corrupt",
    "digits_task",
    "linear_task",
    "load_images",
    "read_idx",
    "sparse_patterns",
    "xor_task",
]
