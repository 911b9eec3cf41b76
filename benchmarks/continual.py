"""Digits, domain after domain, in Avalanche: ``make bench-peers``, which installs it.

Its EWC, SI and replay learn the very streams of `continual-memory/table-domain`, in an environment
of their own, ``.venv-peers``, beside memory cells, the simplest opponents and this project's own
EWC, SI and replay.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import ROOT, Row, process, row
from spikeconsol.data import Split, TaskStream, accuracy_course, course_summary
from spikeconsol.models import continual_memory as model

AVALANCHE_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PROGRAM = Path(__file__).with_name("avalanche_stream.py")
SEEDS = (100, 101, 102)
HIDDEN = (128, 64)
TABLE = model.Table()
#: Conditions of `continual-memory/table-domain`.
OURS = ("use-novelty", "replay", "ewc", "si", "pixels", "frozen")
#: Avalanche's strategies; the one constant of each was chosen, from decades with threes between,
#: on the last sixth of the training images with seed 0, as those of `table-domain` were.
PEERS: Mapping[str, Mapping[str, object]] = {
    "Avalanche: naive": {"strategy": "naive", "learning_rate": 1e-3},
    "Avalanche: replay of 200": {"strategy": "replay", "mem_size": 200, "learning_rate": 3e-4},
    "Avalanche: EWC": {"strategy": "ewc", "ewc_lambda": 1e4},
    "Avalanche: SI": {"strategy": "si", "si_lambda": 1e4},
}


def run(quick: bool) -> list[Row]:
    """Score every learner on the same streams."""
    if not AVALANCHE_PYTHON.exists():
        raise SystemExit(f"{AVALANCHE_PYTHON} is missing; make bench-peers installs Avalanche")
    split = TABLE.split()
    found: dict[str, list[dict[str, float]]] = {}
    labels = {c.name: c for c in model.table_conditions(TABLE)}
    for seed in SEEDS[:1] if quick else SEEDS:
        print(f"  seed {seed} ...", file=sys.stderr, flush=True)
        stream = TABLE.stream(split, seed)
        for name in OURS:
            learner = model.make_learner(labels[name].setup, TABLE, seed)
            course = accuracy_course(learner, stream, split.X_test, split.y_test)
            found.setdefault(labels[name].label, []).append(course_summary(course))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "stream.npz"
            write(file, stream, split)
            for label, summary in in_avalanche(file, seed, PEERS).items():
                found.setdefault(label, []).append(summary)
    return [
        row(
            f"domain after domain, {len(split.X):,} images",
            label,
            quantity,
            [100 * summary[key] for summary in summaries],
            "%",
        )
        for label, summaries in found.items()
        for key, quantity in (("final", "right at the end"), ("lost", "lost since learned"))
    ]


def write(file: Path, stream: TaskStream, split: Split) -> None:
    """Write the tasks of a stream, in their order, with their tests."""
    arrays = {"tasks": len(stream), "classes": len(stream.classes), "hidden": HIDDEN}
    tests = stream.held_out(split.X_test, split.y_test)
    for k, (task, test) in enumerate(zip(stream, tests, strict=True)):
        arrays |= {f"X{k}": task.X, f"y{k}": task.y, f"X_test{k}": test.X, f"y_test{k}": test.y}
    np.savez(file, **arrays)


def in_avalanche(
    file: Path, seed: int, peers: Mapping[str, Mapping[str, object]]
) -> dict[str, dict[str, float]]:
    """Let strategies learn the tasks of a file."""
    asked = json.dumps([{"seed": seed, **settings} for settings in peers.values()])
    courses = process([AVALANCHE_PYTHON, "-W", "ignore", PROGRAM, file, asked])["courses"]
    return {
        label: course_summary(square(course)) for label, course in zip(peers, courses, strict=True)
    }


def square(course: Sequence[Sequence[float]]) -> np.ndarray:
    """Return accuracies as `accuracy_course` does: NaN for tasks yet to come."""
    full = np.full((len(course), len(course)), np.nan)
    for after, accuracies in enumerate(course):
        full[after, : after + 1] = accuracies
    return full
