"""Every published task on spikes, without retraining, with two kinds of cells.

Escape noise and leaky cells, each at its usual and at a fifth of its highest rate. Leaky cells
integrate, are reset and refractory; their answers are given by populations that fire, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import Plasticity, tasks
from spikeconsol.metaplasticity.parameters import SpikingParameters
from spikeconsol.models.meta_hebbian import Case, Tested, by_seed, experiment, learn, named
from spikeconsol.parameters import parameter


@dataclass(frozen=True)
class TasksProtocol(Tested, tested=10):  # type: ignore[call-arg]
    """Training by rates, and a test on spikes."""

    recurrent_episodes: int = parameter(2000, at_least=2, doc="of the recurrent task, in all")


CASES = {
    "one-shot": Case(tasks.OneShot()),
    # Starts that solve the task by rates, all of them.
    "reversal": Case(tasks.Reversal(), Plasticity(alpha_sign="negative")),
    "completion": Case(tasks.Completion()),
    "auto-association": Case(tasks.AutoAssociation()),
}
CELLS = {
    "escape": ("escape noise, 100 Hz", SpikingParameters()),
    "escape-20": ("escape noise, 20 Hz", SpikingParameters().with_settings({"max_rate": "20 Hz"})),
    "leaky": ("leaky, reset", SpikingParameters(neurons="leaky", readout="spikes")),
    "leaky-20": ("leaky, reset, 20 Hz", SpikingParameters.sparse()),
}
#: The recurrent network goes on from step to step: short steps, without gaps.
RECURRENT = {"present": "20 ms", "gap": "0 ms", "settle": "0 ms", "pairs": 8, "readout": "counts"}


#: The same networks for every kind of cells.
trained = lru_cache(maxsize=1)(learn)


def conditions(protocol: TasksProtocol) -> Sequence[Condition]:
    """Each task by rates and by every kind of cells."""
    listed = []
    for name, case in CASES.items():
        listed.append(Condition(name, "rate", f"{name}, rates", (case, None)))
        for cells, (label, settings) in CELLS.items():
            if case.task.recurrent:
                if cells == "leaky-20":  # slower than a step
                    continue
                settings = settings.with_settings(RECURRENT)
            setup = case, settings
            listed.append(Condition(f"{name}-{cells}", "spiking", f"{name}, {label}", setup))
    return listed


@columns("accuracy", "below_rate", "rest_rate")
def run(protocol: TasksProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train by rates; test the same networks on the same episodes, by rates or by spikes."""
    from spikeconsol.metaplasticity.spiking import SpikingNetwork

    case, settings = condition.setup
    recurrent = case.task.recurrent
    training = trained(
        protocol.replace(episodes=protocol.recurrent_episodes) if recurrent else protocol,
        case,
        seeds,
    )
    rows = []
    for n, seed in enumerate(seeds):
        # Other numbers than in training, the same at both levels.
        drawn = case.task.draw(np.random.default_rng([seed, 1]), protocol.tested)
        one = {name: value[n] for name, value in training.parameters.items()}
        outcome = by_rate = training.network.run(one, drawn)
        row = {}
        if settings is not None:
            network = SpikingNetwork(training, n, seed=seed, settings=settings)
            outcome = network.run(drawn)
            if network.rest_rate is not None:
                at_rest = "spikes of a pair of cells at rest"
                row["rest_rate"] = named((), network.rest_rate, at_rest, "1/s")
        below = (by_rate.accuracy - outcome.accuracy).mean()
        row["accuracy"] = named((), outcome.accuracy.mean(), "accuracy")
        row["below_rate"] = named((), below, "accuracy below rates")
        rows.append(row)
    return by_seed(seeds, rows)


EXPERIMENTS = (
    experiment(
        "spiking-tasks",
        "every published task on spikes, with escape noise or with reset",
        conditions,
        run=run,
        seeds=(100, 5),
        demo={
            "episodes": 4000,
            "frozen": 100,
            "recurrent_episodes": 500,
            "tested": 2,
            "seeds": 1,
        },
    ),
)
