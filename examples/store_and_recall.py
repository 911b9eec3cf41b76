"""A spiking memory stores a stream of patterns, each seen once; the newest come back.

Ends with a raster of recall and with how well each pattern is recalled against its age.
"""

from spikeconsol import plot
from spikeconsol.consolidation import SpikingMemory
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.data import corrupt, sparse_patterns


def simulate(cells=200, stored=400, tested=60, seed=1, target=None):
    """Store patterns, recall the newest from damaged cues; return the memory and both."""
    patterns = sparse_patterns(stored, cells, coding_level=0.05, seed=seed)
    memory = SpikingMemory(cells, rule=CurvatureGate.for_capacity(190), seed=seed, target=target)
    memory.store(patterns)
    newest = patterns[-tested:]
    recalled = memory.recall(corrupt(newest, deleted=0.2, added=0.2, seed=seed))
    return memory, newest, recalled


if __name__ == "__main__":
    memory, newest, recalled = simulate()
    print(memory)
    plot.raster(memory.recording, newest).figure.savefig("raster.png")
    plot.recall_by_age(recalled, newest).figure.savefig("recall_by_age.png")
    memory.save("memory.nc")  # SpikingMemory.load("memory.nc") goes on to the last bit
