"""Digits, domain after domain, in Avalanche: ``make bench-peers``, which installs it.

Its EWC, SI and replay learn the same streams as learners here, in an environment of their own,
``.venv-peers``. Scikit-learn's digits, two classes after two others, every image ten times; the
label is the place within the pair, and which pair it is is not known at test.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import SGDClassifier

from benchmarks.common import ROOT, Row, process, row
from spikeconsol.bottleneck import MemoryClassifier
from spikeconsol.bottleneck.opponents import OnFeatures, ProtectedNetwork, RandomFeatures
from spikeconsol.data import (
    Split,
    TaskStream,
    accuracy_course,
    course_summary,
    digits_task,
    task_stream,
)

AVALANCHE_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PROGRAM = Path(__file__).with_name("avalanche_stream.py")
SEEDS, SHOWN = range(100, 105), 10
HIDDEN = (128, 64)

Peers = Mapping[str, Mapping[str, object]]

#: One constant of every learner was chosen with seed 0, from decades (novelty from 2, 3 and 4).
OURS: Mapping[str, Callable[[int], Any]] = {
    "memory cells, 1/use, novelty": lambda seed: MemoryClassifier(50, "use", 4.0),
    "linear on pixels": lambda seed: OnFeatures(readout(1e-4)),
    "frozen 2048": lambda seed: OnFeatures(readout(1e-6), RandomFeatures(random_state=seed)),
    "back-propagation": lambda seed: network(seed, learning_rate=1e-3),
    "replay of 200": lambda seed: network(seed, replay=200, learning_rate=1e-3),
    "EWC": lambda seed: network(seed, protection="ewc", strength=1e3),
    "SI": lambda seed: network(seed, protection="si", strength=1e3),
}
PEERS: Peers = {
    "Avalanche, naive": {"strategy": "naive", "learning_rate": 1e-5},
    "Avalanche, replay of 200": {"strategy": "replay", "mem_size": 200, "learning_rate": 1e-3},
    "Avalanche, EWC": {"strategy": "ewc", "ewc_lambda": 1e6},
    "Avalanche, SI": {"strategy": "si", "si_lambda": 1e3},
}


def readout(rate: float) -> SGDClassifier:
    return SGDClassifier("log_loss", alpha=0, learning_rate="constant", eta0=rate, shuffle=False)


def network(seed: int, **settings: Any) -> ProtectedNetwork:
    return ProtectedNetwork(HIDDEN, random_state=seed, **settings)


def run(quick: bool) -> list[Row]:
    """Score every learner on the same streams."""
    if not AVALANCHE_PYTHON.exists():
        raise SystemExit(f"{AVALANCHE_PYTHON} is missing; make bench-peers installs Avalanche")
    found: dict[str, list[dict[str, float]]] = {}
    for seed in SEEDS[:1] if quick else SEEDS:
        print(f"  seed {seed} ...", file=sys.stderr, flush=True)
        stream, split = task_after_task(seed)
        for label, make in OURS.items():
            course = accuracy_course(make(seed), stream, split.X_test, split.y_test)
            found.setdefault(label, []).append(course_summary(course))
        for label, summary in in_avalanche(stream, split, seed, PEERS).items():
            found.setdefault(label, []).append(summary)
    return [
        row(
            "digits, domain after domain",
            label,
            quantity,
            [100 * summary[key] for summary in summaries],
            "%",
        )
        for label, summaries in found.items()
        for key, quantity in (("final", "right at the end"), ("lost", "lost since learned"))
    ]


def task_after_task(seed: int) -> tuple[TaskStream, Split]:
    """Return the stream of a seed, and the samples with its test."""
    split = digits_task(seed)
    split = split._replace(X=split.X.astype(np.float32), X_test=split.X_test.astype(np.float32))
    X, y = np.repeat(split.X, SHOWN, axis=0), np.repeat(split.y, SHOWN)
    return task_stream(X, y, "domain", seed=seed), split


def in_avalanche(
    stream: TaskStream, split: Split, seed: int, peers: Peers
) -> dict[str, dict[str, float]]:
    """Let strategies learn the tasks of a stream."""
    asked = json.dumps([{"seed": seed, **settings} for settings in peers.values()])
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stream.npz"
        write(file, stream, split)
        printed = process([AVALANCHE_PYTHON, "-W", "ignore", PROGRAM, file, asked])
    courses: Any = printed["courses"]
    return {
        label: course_summary(square(course)) for label, course in zip(peers, courses, strict=True)
    }


def write(file: Path, stream: TaskStream, split: Split) -> None:
    """Write the tasks of a stream, in their order, with their tests."""
    arrays: dict[str, Any] = {"tasks": len(stream), "classes": len(stream.classes)}
    tests = stream.held_out(split.X_test, split.y_test)
    for k, (task, test) in enumerate(zip(stream, tests, strict=True)):
        arrays |= {f"X{k}": task.X, f"y{k}": task.y, f"X_test{k}": test.X, f"y_test{k}": test.y}
    np.savez(file, hidden=HIDDEN, **arrays)


def square(course: Sequence[Sequence[float]]) -> np.ndarray:
    """Return accuracies as `accuracy_course` does: NaN for tasks yet to come."""
    full = np.full((len(course), len(course)), np.nan)
    for after, accuracies in enumerate(course):
        full[after, : after + 1] = accuracies
    return full
