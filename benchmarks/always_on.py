"""A rule at every spike of a network of one's own, against triplet STDP in the same network.

Spikes are given, so that both programs do the same number of synaptic events. Timed is the CPU time
of the time loop. As a program of its own, ``python -m benchmarks.always_on RULE FOLDER`` compiles.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import brian2 as b2
import numpy as np
from brian2 import ms

from benchmarks.common import PYTHON, Row, interleaved, process, row
from benchmarks.plain import REPORT
from spikeconsol.consolidation.rules import CurvatureGate

CELLS, PROBABILITY, SECONDS = 1000, 0.2, 3
#: Every half second other cells are driven; all others fire now and then [Hz].
DRIVEN, RATE, BACKGROUND = 50, 60.0, 3.0
OURS, PLAIN = "spikeconsol", "triplet STDP"
#: Pfister and Gerstner (2006), minimal model of their table 4, with the traces of every synapse.
TRIPLET = {
    "model": """
    w : 1
    dr1/dt = -r1/(16.8*ms) : 1 (event-driven)
    do1/dt = -o1/(33.7*ms) : 1 (event-driven)
    do2/dt = -o2/(114*ms) : 1 (event-driven)
    """,
    "on_pre": "w = clip(w - 0.0071*o1, 0, 1)\nr1 += 1",
    "on_post": "w = clip(w + 0.0065*r1*o2, 0, 1)\no1 += 1\no2 += 1",
}


def spikes() -> tuple[np.ndarray, np.ndarray]:
    """Cells and times [steps of 0.5 ms] of all spikes, the same for all."""
    rng = np.random.default_rng(1)
    rates = np.full((2 * SECONDS, CELLS), BACKGROUND)
    for driven in rates:
        driven[rng.permutation(CELLS)[:DRIVEN]] = RATE
    fired = rng.random((SECONDS * 2000, CELLS)) < np.repeat(rates, 1000, axis=0) * 0.5e-3
    times, cells = np.nonzero(fired)
    return cells, times


def build(rule: str, folder: str) -> None:
    """Compile the network with one of both rules."""
    b2.set_device("cpp_standalone", build_on_run=False)
    b2.device.insert_code("before_network_run", "const clock_t started = clock();")
    b2.device.insert_code("after_network_run", REPORT)
    b2.defaultclock.dt = 0.5 * ms
    cells, times = spikes()
    group = b2.SpikeGeneratorGroup(CELLS, cells, times * b2.defaultclock.dt)
    b2.seed(1)
    text = TRIPLET if rule == PLAIN else CurvatureGate.for_lifetime("20 s").synapses()
    pairs = b2.Synapses(group, group, **text, delay={"pre": 1 * ms, "post": 0 * ms})
    pairs.connect(condition="i != j", p=PROBABILITY)
    b2.Network(group, pairs).run(SECONDS * b2.second)
    b2.device.build(directory=folder, run=False)


def run(quick: bool) -> list[Row]:
    """Events in a CPU-second of both, and how they compare."""
    events = 2 * PROBABILITY * (CELLS - 1) * len(spikes()[0])
    with tempfile.TemporaryDirectory() as name:
        folders = {contender: Path(name) / contender[:5] for contender in (OURS, PLAIN)}
        for contender, folder in folders.items():
            process([PYTHON, "-m", "benchmarks.always_on", contender, folder])
        results = interleaved(
            {
                contender: lambda folder=folder: process([folder / "main"], cwd=folder)
                for contender, folder in folders.items()
            },
            3 if quick else 7,
        )
    loops = {contender: np.array([r["loop"] for r in runs]) for contender, runs in results.items()}
    rows = [
        row(
            "always on", contender, "synaptic events in a CPU-second", events / 1e6 / own, "million"
        )
        for contender, own in loops.items()
    ]
    slower = loops[OURS] / loops[PLAIN]
    return [*rows, row("always on", OURS, f"time of an event against {PLAIN}", slower, "times")]


if __name__ == "__main__":
    build(*sys.argv[1:])
