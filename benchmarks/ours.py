"""Our storage and recall in a process of its own: ``python -m benchmarks.ours N STORED RECALLED``.

Prints JSON. Times of the loop are CPU seconds of the compiled program less those of a run of one
step, which are given as ``fixed``.
"""

import json
import sys
import time

import numpy as np

from benchmarks.common import PeakMemory, children_cpu, patterns_of
from spikeconsol.brian import backend, cache
from spikeconsol.consolidation import SpikingMemory
from spikeconsol.consolidation.rules import BoundedCurvatureGate


def measured(function, *arguments):
    """CPU seconds of the children and wall seconds of a call."""
    cpu, wall = children_cpu(), time.perf_counter()
    function(*arguments)
    return children_cpu() - cpu, time.perf_counter() - wall


def main(n, stored, recalled):
    memory = SpikingMemory(n, rule=BoundedCurvatureGate(), seed=1)
    cache.compiled(memory.program())
    values = memory._programs.state(storing=True)
    step = [
        measured(lambda: backend.run(memory.program(), values, steps=1, outputs=["pairs.w"]))
        for _ in range(3)
    ]
    fixed, fixed_wall = np.min(step, axis=0)
    patterns = patterns_of(n, stored)
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
        recall, recall_wall = measured(memory.recall, patterns[-recalled:])
        row |= {"recall": recall - fixed, "recall wall": recall_wall}
    return row | {"bytes": peak.bytes}


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
