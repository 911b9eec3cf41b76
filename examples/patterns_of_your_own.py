"""Patterns from a file: grey values, made binary as asked, stored and recalled.

Give it a file: ``python patterns_of_your_own.py patterns.csv`` (or .npy, .npz, .mat, a folder of
images). Without one it writes handwritten digits of 8 x 8 pixels to a file and reads that.
"""

import sys
from pathlib import Path

import numpy as np

from spikeconsol import plot
from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.data import corrupt, load_patterns
from spikeconsol.statistics import dice


def example_file(folder, count):
    """Write the grey values of some digits as text, one image a line."""
    from sklearn.datasets import load_digits

    path = Path(folder) / "digits.csv"
    np.savetxt(path, load_digits().data[:count], "%d", delimiter=",")
    return path


def remember(path, coding_level=0.2, tested=20, seed=1):
    """Store the patterns of a file in order; return the network, the newest, what came back."""
    patterns = load_patterns(path, coding_level=coding_level)
    rule = CurvatureGate.for_capacity(20, coding_level=coding_level)
    network = HopfieldNetwork(patterns.shape[1], rule=rule, seed=seed)
    network.store(patterns)
    newest = patterns[-tested:]
    return network, newest, network.recall(corrupt(newest, deleted=0.1, added=0.1, seed=seed))


if __name__ == "__main__":
    file = sys.argv[1] if len(sys.argv) > 1 else example_file(".", 60)
    network, newest, recalled = remember(file)
    # Digits share pixels: overlap is high even where the digit that comes back is another one.
    print(network)
    print(f"Dice coefficient with the pattern {dice(recalled, newest).mean():.2f}, "
          f"with its neighbour {dice(recalled[1:], newest[:-1]).mean():.2f}")  # fmt: skip
    plot.weights(network, newest).figure.savefig("weights.png")
