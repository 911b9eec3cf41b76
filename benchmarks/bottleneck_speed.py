"""Speed of information-bottleneck learning on MNIST-sized samples, one core.

The compiled loop against its NumPy twin and against scikit-learn's back-propagation, all on the
same network (784-128-64-10) and the same samples. CPU time; the contestants take turns, so that
what else the machine does hits all of them alike; the best turn of each counts, compilation apart.

    python benchmarks/bottleneck_speed.py [--rounds 5] [--samples 4000]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.neural_network import MLPClassifier

from spikeconsol.bottleneck import BottleneckClassifier

CLASSES = np.arange(10)
WIDTHS = (0.25, 0.1, 1.0)
#: Name, settings, samples relative to the full number.
CONTESTANTS: tuple[tuple[str, dict[str, Any], float], ...] = (
    ("exact N=8, every 32 samples", {"update_every": 32}, 1),
    ("exact N=8, Adam every sample", {"update_every": 1}, 1),
    ("exact N=8, plain descent every sample", {"update_every": 1, "optimizer": "sgd"}, 1),
    ("exact N=32, every 32 samples", {"update_every": 32, "window": 32}, 1),
    ("prototypes, every 32 samples", {"update_every": 32, "memory": "prototypes"}, 1),
    ("NumPy twin, every 32 samples", {"update_every": 32, "backend": "numpy"}, 0.05),
    ("NumPy twin, Adam every sample", {"update_every": 1, "backend": "numpy"}, 0.05),
)


def samples(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Images as sparse as MNIST's (19 % of the pixels); speed does not depend on their content."""
    rng = np.random.default_rng(0)
    X = rng.random((n, 784), dtype=np.float32) * (rng.random((n, 784)) < 0.19)
    return X.astype(np.float32), rng.integers(10, size=n)


def learner(settings: dict[str, Any], X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    net = BottleneckClassifier((128, 64), widths=WIDTHS, random_state=0, **settings)
    net.partial_fit(X[:64], y[:64], classes=CLASSES)  # compiles

    def learn() -> None:
        net.partial_fit(X, y)

    return learn


def back_propagation(batch: int, X: np.ndarray, y: np.ndarray) -> Callable[[], None]:
    net = MLPClassifier((128, 64), batch_size=batch, max_iter=1, random_state=0)
    net.partial_fit(X[: 2 * batch], y[: 2 * batch], classes=CLASSES)

    def learn() -> None:
        net.partial_fit(X, y)

    return learn


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--samples", type=int, default=4000)
    arguments = parser.parse_args()
    X, y = samples(arguments.samples)
    turns: dict[str, tuple[Callable[[], None], int]] = {}
    for name, settings, share in CONTESTANTS:
        n = max(64, int(share * len(X)))
        turns[name] = learner(settings, X[:n], y[:n]), n
    for batch in (1, 32):
        n = len(X) if batch > 1 else len(X) // 20
        turns[f"scikit-learn back-propagation, batches of {batch}"] = (
            back_propagation(batch, X[:n], y[:n]),
            n,
        )
    best = dict.fromkeys(turns, float("inf"))
    for _ in range(arguments.rounds):
        for name, (learn, n) in turns.items():
            start = time.process_time()
            learn()
            best[name] = min(best[name], (time.process_time() - start) / n)
    reference = best["NumPy twin, every 32 samples"]
    for name, seconds in best.items():
        print(
            f"{name:45s} {1e6 * seconds:8.1f} us/sample {1 / seconds:10,.0f} samples/s "
            f"{reference / seconds:6.1f} x NumPy twin"
        )


if __name__ == "__main__":
    main()
