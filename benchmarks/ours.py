"""Our storage and recall in a process of its own.

Run as ``python -m benchmarks.ours N STORED RECALLED [ACTIVE]``, with so many active cells.

Prints JSON. Times of the loop are CPU seconds of the compiled program less those of a run of one
step, which are given as ``fixed``.
"""

import json
import sys
import time

import numpy as np

from benchmarks.common import PeakMemory, children_cpu, patterns_of
from spikeconsol.brian import backend, cache
from spikeconsol.consolidation import SpikingMemory, SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate


def measured(function, *arguments):
    """CPU seconds of the children and wall seconds of a call."""
    cpu, wall = children_cpu(), time.perf_counter()
    function(*arguments)
    return children_cpu() - cpu, time.perf_counter() - wall


def one_step(memory, *, storing):
    """What a run costs that has next to no steps: the least of three."""
    program, values = memory.program(storing=storing), memory._programs.state(storing=storing)
    cache.compiled(program)
    outputs = ["pairs.w"] if storing else []
    runs = [
        measured(lambda: backend.run(program, values, steps=1, outputs=outputs)) for _ in range(3)
    ]
    return np.min(runs, axis=0)


def main(n, stored, recalled, active=None):
    parameters = SpikingParameters(coding_level=None if active is None else active / n)
    memory = SpikingMemory(n, rule=BoundedCurvatureGate(), seed=1, parameters=parameters)
    fixed, fixed_wall = one_step(memory, storing=True)
    patterns = patterns_of(n, stored, active)
    with PeakMemory("main") as peak:
        store, store_wall = measured(memory.store, patterns)
    spikes = len(memory.recording.cells)
    row = {
        "fixed": fixed,
        "fixed wall": fixed_wall,
        "loop": store - fixed,
        "store wall": store_wall,
        "spikes": spikes,
    }
    if recalled:
        fixed, _ = one_step(memory, storing=False)
        recall, recall_wall = measured(memory.recall, patterns[-recalled:])
        row |= {"recall": recall - fixed, "recall wall": recall_wall}
    return row | {"bytes": peak.bytes}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
