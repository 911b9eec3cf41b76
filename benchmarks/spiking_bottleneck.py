"""Speed of the spiking classifier on images of MNIST's size: compiling and running apart.

Run ``python benchmarks/spiking_bottleneck.py``. CPU time of the compiled program is counted, not
wall time, so that other work on the machine disturbs less; every memory takes its turn in every
round.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier, SpikingLayer
from spikeconsol.brian import backend

ROUNDS, SAMPLES = 3, 2500
LAYER = SpikingLayer(peak_rate=100.0)


def cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    rng = np.random.default_rng(0)
    # As in MNIST: 19% of the pixels are on, with a mean of 0.68.
    X = (rng.random((SAMPLES, 784)) < 0.19) * rng.uniform(0.36, 1, (SAMPLES, 784))
    y = rng.integers(10, size=SAMPLES)
    nets, seconds = {}, {}
    for memory in ("prototypes", "window", "frozen"):
        settings = {"signal": "frozen"} if memory == "frozen" else {"memory": memory}
        net = SpikingBottleneckClassifier((100,), layer=LAYER, random_state=0, **settings)
        net.partial_fit(X[:1], y[:1], classes=np.arange(10))
        manifest = backend.compiled(net.program())[1]
        print(f"{memory:<12} compiled once in {manifest['seconds_build']:.0f} s of wall time")
        nets[memory], seconds[memory] = net, []
    for _ in range(ROUNDS):
        for memory, net in nets.items():
            before = cpu_of_children() + time.process_time()
            net.partial_fit(X, y)
            seconds[memory].append(cpu_of_children() + time.process_time() - before)
    for memory, taken in seconds.items():
        rate = SAMPLES / min(taken)
        print(f"{memory:<12} {rate:7.0f} samples/s, {rate * 0.05:5.0f} times real time")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak:.0f} MB")


if __name__ == "__main__":
    main()
