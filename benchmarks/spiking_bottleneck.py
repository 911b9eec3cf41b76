"""The spiking classifier on images of MNIST's size: compiling and running apart."""

from __future__ import annotations

import numpy as np

from benchmarks.common import PeakMemory, Row, cpu_of, interleaved, row
from spikeconsol.bottleneck import SpikingBottleneckClassifier, SpikingLayer
from spikeconsol.brian import cache

NAME = "spiking bottleneck, 784-100-10"
SETTINGS = {
    "prototypes": {"memory": "prototypes"},
    "exact window": {"memory": "window"},
    "frozen": {"signal": "frozen"},
}


def run(quick: bool) -> list[Row]:
    """Time all memories in turn."""
    samples = 500 if quick else 2500
    rng = np.random.default_rng(0)
    # As in MNIST: 19% of the pixels are on, with a mean of 0.68.
    X = (rng.random((samples, 784)) < 0.19) * rng.uniform(0.36, 1, (samples, 784))
    y = rng.integers(10, size=samples)
    layer = SpikingLayer(peak_rate=100.0)
    contenders, built, peaks = {}, {}, {}
    for name, settings in SETTINGS.items():
        net = SpikingBottleneckClassifier((100,), layer=layer, random_state=0, **settings)
        net.partial_fit(X[:1], y[:1], classes=np.arange(10))
        built[name] = cache.compiled(net.program())[1]["seconds_build"]
        with PeakMemory("main") as peak:
            net.partial_fit(X[:500], y[:500])
        peaks[name] = peak.bytes / 1e6
        contenders[name] = lambda net=net: samples / cpu_of(lambda: net.partial_fit(X, y))
    rows = []
    for name, rates in interleaved(contenders, 2 if quick else 3).items():
        rows.append(row(NAME, name, "learned", rates, "samples/s"))
        real_time = np.multiply(rates, 0.05)  # a sample is shown for 50 ms
        rows.append(row(NAME, name, "faster than real time", real_time, "times"))
        rows.append(row(NAME, name, "compiled once, wall clock", [built[name]], "s"))
        rows.append(row(NAME, name, "peak memory", [peaks[name]], "MB"))
    return rows
