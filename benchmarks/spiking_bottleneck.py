"""Speed of the spiking classifier: compiling and running apart, memories in rotation.

Run ``python benchmarks/spiking_bottleneck.py``. First images of MNIST's size, then XOR with ten
cells, where a liquid of 300 cells is larger than the network it serves. CPU time of the compiled
program is counted, not wall time, so that other work on the machine disturbs less; every memory
takes its turn in every round.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterable

import numpy as np

from spikeconsol.bottleneck import SpikingBottleneckClassifier, SpikingLayer
from spikeconsol.brian import backend
from spikeconsol.data import xor_task

ROUNDS, SAMPLES = 3, 2500


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure(
    X: np.ndarray, y: np.ndarray, cells: int, memories: Iterable[str], **settings: object
) -> None:
    nets, seconds = {}, {}
    for memory in memories:
        chosen = {"signal": "frozen"} if memory == "frozen" else {"memory": memory}
        net = SpikingBottleneckClassifier((cells,), random_state=0, **chosen, **settings)
        net.partial_fit(X[:1], y[:1], classes=np.unique(y))
        manifest = backend.compiled(net.program())[1]
        print(f"{memory:<18} compiled once in {manifest['seconds_build']:.0f} s of wall time")
        nets[memory], seconds[memory] = net, []
    for _ in range(ROUNDS):
        for memory, net in nets.items():
            before = cpu_of_children() + time.process_time()
            net.partial_fit(X, y)
            seconds[memory].append(cpu_of_children() + time.process_time() - before)
    for memory, taken in seconds.items():
        rate = len(X) / min(taken)
        print(f"{memory:<18} {rate:7.0f} samples/s, {rate * 0.05:5.0f} times real time")


def main() -> None:
    rng = np.random.default_rng(0)
    # As in MNIST: 19% of the pixels are on, with a mean of 0.68.
    X = (rng.random((SAMPLES, 784)) < 0.19) * rng.uniform(0.36, 1, (SAMPLES, 784))
    y = rng.integers(10, size=SAMPLES)
    measure(X, y, 100, ("prototypes", "window", "frozen"), layer=SpikingLayer(peak_rate=100.0))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak:.0f} MB")
    split = xor_task(0, train=SAMPLES, test=1)
    measure(
        split.X,
        split.y,
        10,
        ("prototypes", "spiking_reservoir"),
        receptive_fields=10,
        feature_range=(-0.2, 1.2),
    )


if __name__ == "__main__":
    main()
