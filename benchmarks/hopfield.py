"""Speed of storing patterns, in units of plain passes over the weight matrix.

    python benchmarks/hopfield.py

A *pass* is one in-place NumPy operation on an N x N matrix of doubles (``w *= 0.999``), which is
what one step of a rule's arithmetic costs at least if it touches every synapse. For each rule the
table states how many passes a dense update needs (counted from its formula), how many the network
takes per pattern, and the ratio of the two. Blocks of patterns and of passes alternate, and the
median over blocks is reported, so that a busy machine slows both alike.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import platform
import time

import numpy as np

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import CurvatureGate, Leaky, SmoothCurvatureGate
from spikeconsol.data import sparse_patterns

UNITS, CODING_LEVEL, PATTERNS, BLOCK = 400, 0.025, 1000, 50

# Passes of a dense update. Target f^2 + (1 - 2f) A - f M: 4 with its two outer terms; w += eta (t -
# w): 3; trace: 2; F = p (1 - p): 2; hard gate: 2, smooth gate: 1 + 3 squarings + 2; product: 1.
RULES = {
    "leaky": (Leaky(coding_level=CODING_LEVEL), 7),
    "curvature gate": (CurvatureGate.for_capacity(450, coding_level=CODING_LEVEL), 14),
    "smooth curvature gate": (
        SmoothCurvatureGate.for_capacity(424, coding_level=CODING_LEVEL),
        18,
    ),
}


def seconds(run) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def main() -> None:
    patterns = sparse_patterns(PATTERNS, UNITS, coding_level=CODING_LEVEL, seed=0)
    matrix = np.random.default_rng(0).random((UNITS, UNITS))

    def passes() -> None:
        for _ in range(BLOCK):
            np.multiply(matrix, 0.999, out=matrix)

    print(f"{platform.processor() or platform.machine()}, numpy {np.__version__}")
    print(f"{PATTERNS} patterns, N = {UNITS}, f = {CODING_LEVEL}, one network, CPU time\n")
    print(f"{'rule':24}{'us/pattern':>12}{'us/pass':>10}{'passes':>9}{'needed':>9}{'ratio':>8}")
    for name, (rule, needed) in RULES.items():
        network = HopfieldNetwork(UNITS, rule=rule, seed=0)
        network.store(patterns[:BLOCK])
        stored, passed = [], []
        for start in range(0, PATTERNS, BLOCK):
            block = patterns[start : start + BLOCK]
            stored.append(seconds(lambda block=block, network=network: network.store(block)))
            passed.append(seconds(passes))
        pattern, one = np.median(stored) / BLOCK, np.median(passed) / BLOCK
        taken = pattern / one
        print(
            f"{name:24}{1e6 * pattern:12.0f}{1e6 * one:10.1f}{taken:9.1f}{needed:9d}"
            f"{taken / needed:8.2f}"
        )


if __name__ == "__main__":
    main()
