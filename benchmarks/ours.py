"""Our storage and recall in a process of its own: ``python -m benchmarks.ours N STORED RECALLED``.

Prints JSON. Times of the loop are CPU seconds of the compiled program less those of a run of one
step, which are given as ``fixed``.
"""

import json
import resource
import sys
import time

import numpy as np

from benchmarks.common import PeakMemory, patterns_of
from spikeconsol.brian import backend
from spikeconsol.consolidation import SpikingMemory, bounded


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measured(function, *arguments):
    """CPU seconds of the children and wall seconds of a call."""
    cpu, wall = cpu_of_children(), time.perf_counter()
    function(*arguments)
    return cpu_of_children() - cpu, time.perf_counter() - wall


def main(n, stored, recalled):
    started = time.perf_counter()
    memory = SpikingMemory(n, rule=bounded.BoundedCurvatureGate(), seed=1)
    build, _ = measured(backend.compiled, memory.program())
    values = {f"pairs.{name}": array for name, array in memory._state.items()}
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
        "build": build,
        "fixed": fixed,
        "fixed wall": fixed_wall,
        "loop": store - fixed,
        "wall": store_wall,
        "spikes": spikes,
    }
    if recalled:
        recall, recall_wall = measured(memory.recall, patterns[-recalled:])
        row |= {"recall": recall - fixed, "recall wall": recall_wall}
        row["everything"] = time.perf_counter() - started
    row["bytes"] = peak.bytes
    row["imported brian2"] = "brian2" in sys.modules
    return row


if __name__ == "__main__":
    print(json.dumps(main(*map(int, sys.argv[1:]))))
