"""Storing in the rate network, in units of plain passes over the weight matrix.

A *pass* is one in-place NumPy operation on an N x N matrix of doubles (``w *= 0.999``), which is
what one step of a rule's arithmetic costs at least if it touches every synapse. How many passes a
dense update needs is counted from the rule's formula.
"""

from __future__ import annotations

import numpy as np

from benchmarks.common import Row, cpu_of, interleaved, row
from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import CurvatureGate, Leaky, SmoothCurvatureGate
from spikeconsol.data import sparse_patterns

UNITS, CODING_LEVEL, PATTERNS, BLOCK = 400, 0.025, 1000, 50

#: Rules, with the passes of a dense update. Target f^2 + (1 - 2f) A - f M: 4 with its two outer
#: terms; w += eta (t - w): 3; trace: 2; F = p (1 - p): 2; hard gate: 2, smooth gate: 1 + 3
#: squarings + 2; product: 1.
RULES = {
    "leaky": (Leaky(coding_level=CODING_LEVEL), 7),
    "curvature gate": (CurvatureGate.for_capacity(450, coding_level=CODING_LEVEL), 14),
    "smooth curvature gate": (
        SmoothCurvatureGate.for_capacity(424, coding_level=CODING_LEVEL),
        18,
    ),
}


def run(quick: bool) -> list[Row]:
    """Time all rules and a plain pass in turn, a block of patterns each."""
    matrix = np.random.default_rng(0).random((UNITS, UNITS))

    def passes() -> None:
        for _ in range(BLOCK):
            np.multiply(matrix, 0.999, out=matrix)

    patterns = sparse_patterns(PATTERNS, UNITS, coding_level=CODING_LEVEL, seed=0)
    contenders = {"pass": lambda: cpu_of(passes) / BLOCK}
    for name, (rule, _) in RULES.items():
        network = HopfieldNetwork(UNITS, rule=rule, seed=0)
        blocks = iter(patterns.reshape(-1, BLOCK, UNITS))
        contenders[name] = lambda network=network, blocks=blocks: (
            cpu_of(lambda: network.store(next(blocks))) / BLOCK
        )
    seconds = interleaved(contenders, PATTERNS // BLOCK // (4 if quick else 1))
    rows = []
    for name, (_, needed) in RULES.items():
        times = np.array(seconds[name])
        taken = times / np.median(seconds["pass"])
        for quantity, values, unit in (
            ("CPU per pattern", 1e6 * times, "µs"),
            ("the same in passes", taken, "passes"),
            ("passes that a dense update needs", [needed], "passes"),
            ("taken against needed", taken / needed, "times"),
        ):
            rows.append(row("rate memory, N = 400", name, quantity, values, unit))
    return rows
