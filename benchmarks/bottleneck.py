"""Information-bottleneck learning on MNIST-sized samples.

The compiled loop against its NumPy twin and against scikit-learn's back-propagation, all on the
same network (784-128-64-10) and the same samples; compilation apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.common import Row, cpu_of, interleaved, row
from spikeconsol.bottleneck import BottleneckClassifier, Objective

CLASSES = np.arange(10)
EVERY_32 = {"optimiser__update_every": 32}
HIDDEN, WIDTHS = (128, 64), (0.25, 0.1, 1.0)
SAMPLES = 4000
NUMPY = "NumPy twin, every 32 samples"
#: Name, settings, samples relative to the full number.
LEARNERS: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("exact N = 8, every 32 samples", EVERY_32, 1),
    ("exact N = 8, Adam every sample", {}, 1),
    ("exact N = 8, plain descent every sample", {"optimiser": "sgd"}, 1),
    ("exact N = 32, every 32 samples", EVERY_32 | {"memory__length": 32}, 1),
    ("prototypes, every 32 samples", EVERY_32 | {"memory": "prototypes"}, 1),
    (NUMPY, EVERY_32 | {"backend": "numpy"}, 0.05),
    ("NumPy twin, Adam every sample", {"backend": "numpy"}, 0.05),
)


def run(quick: bool) -> list[Row]:
    """Time all learners in turn."""
    X, y = samples(SAMPLES // 4 if quick else SAMPLES)
    contenders = {}
    for name, settings, share in LEARNERS:
        net = BottleneckClassifier(
            HIDDEN, objective=Objective(widths=WIDTHS), random_state=0
        ).set_params(**settings)
        contenders[name] = _turn(net, 64, X, y, share)
    for batch, share in ((1, 0.05), (32, 1)):
        peer = MLPClassifier(HIDDEN, batch_size=batch, max_iter=1, random_state=0)
        name = f"scikit-learn back-propagation, batches of {batch}"
        contenders[name] = _turn(peer, 2 * batch, X, y, share)
    rates = {
        name: np.array(values)
        for name, values in interleaved(contenders, 2 if quick else 5).items()
    }
    rows = []
    for name, rate in rates.items():
        more = {"benchmark": "bottleneck, 784-128-64-10", "contender": name}
        rows.append(row(**more, quantity="learned", values=rate, unit="samples/s"))
        ratio = rate / rates[NUMPY]
        rows.append(row(**more, quantity="faster than the NumPy twin", values=ratio, unit="times"))
    return rows


def samples(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images as sparse as MNIST's (19 % of the pixels); speed does not depend on their content."""
    rng = np.random.default_rng(0)
    X = rng.random((n, 784), dtype=np.float32) * (rng.random((n, 784)) < 0.19)
    return X.astype(np.float32), rng.integers(10, size=n)


def _turn(net: Any, first: int, X: np.ndarray, y: np.ndarray, share: float) -> Any:
    """Return a function that learns a share of the samples and returns samples per second."""
    n = int(share * len(X))
    net.partial_fit(X[:first], y[:first], classes=CLASSES)  # compiles
    return lambda: n / cpu_of(lambda: net.partial_fit(X[:n], y[:n]))
