"""What reservoirs of rate cells and of spiking cells hold, and what is learned from them in spikes.

Networks of `spiking_bottleneck` learn XOR from reservoirs of several sizes and time constants, with
the same reservoirs silenced beside them; then what each holds of the samples shown before, and of
the exact signal, is measured on codes of the trained network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.models.spiking_bottleneck import (
    ACCURACY,
    Seeds,
    Training,
    experiment,
    spiking_network,
)
from spikeconsol.parameters import parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.hsic import Objective
    from spikeconsol.bottleneck.memory import Memory
    from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier


@dataclass(frozen=True)
class ReservoirProtocol(Training):
    """XOR learned from reservoirs of several sizes and time constants."""

    probed: int = parameter(
        2000, at_least=100, doc="samples shown to the trained network to measure what it holds"
    )


#: Kinds of reservoir: name, label, memory, its silenced control, time constant [samples].
RESERVOIRS = (
    ("reservoir", "rate cells", "reservoir", "silenced", 3.0),
    ("liquid", "spiking cells", "spiking_reservoir", "spiking_silenced", 2.0),
)


def reservoir_conditions(parameters: ReservoirProtocol) -> Sequence[Condition]:
    """Sizes at one time constant, time constants at one size, with the controls."""
    found = []
    for name, label, memory, silenced, usual in RESERVOIRS:
        grid = [(n, usual) for n in (30, 100, 300)] + [(300, tau) for tau in (1.0, 10.0)]
        found += [
            Condition(
                f"{name}-n{n:03}-tau{tau:02.0f}",
                "spiking",
                f"{n} {label}, {tau:g} samples",
                {"memory": memory, "cells": n, "time_constant": tau},
            )
            for n, tau in grid
        ]
        # Without recurrent cells neither their number nor their time constant matters.
        setup = {"memory": silenced, "cells": 300, "time_constant": usual}
        found.append(Condition(f"{name}-silenced", "spiking", f"{label} silenced", setup))
    return found


@columns("accuracy", "signal_cosine", "readout_r2")
def learn_from_reservoir(
    parameters: ReservoirProtocol, condition: Condition, seeds: Seeds
) -> xr.Dataset:
    """Train from a reservoir; and measure what it holds, on codes of the trained network."""
    from spikeconsol.bottleneck import Objective
    from spikeconsol.bottleneck.capacity import memory_capacity

    setup = dict(condition.setup)
    cells, tau = setup.pop("cells"), setup.pop("time_constant")
    (seed,) = seeds
    split = parameters.data(seed)
    net = spiking_network(
        parameters, setup, seed, cells=cells, rate_time=tau, spiking_time=tau
    ).fit(split.X, split.y)
    rows = np.random.default_rng(seed).integers(len(split.X), size=parameters.probed)
    X, y = split.X[rows], split.y[rows]
    objective = Objective(parameters.gamma, parameters.widths)
    memory, codes = _probed(net, X, y, objective, np.random.default_rng(seed))
    held = memory_capacity(
        memory, net.input_levels(X), y, codes, objective=objective, window=parameters.window
    )
    return xr.Dataset(
        {
            "accuracy": ("seed", [net.score(split.X_test, split.y_test)], ACCURACY),
            "lag_r2": (
                ("seed", "lag"),
                [held.lag_r2],
                {"long_name": "variance of past codes explained", "units": "1"},
            ),
            "signal_cosine": (
                "seed",
                [held.signal_cosine],
                {"long_name": "cosine of frozen readout to exact signal", "units": "1"},
            ),
            "readout_r2": (
                "seed",
                [held.readout_r2],
                {"long_name": "variance of exact signal explained", "units": "1"},
            ),
        },
        coords={"seed": list(seeds), "lag": np.arange(1, len(held.lag_r2) + 1)},
    )


def _probed(
    net: SpikingBottleneckClassifier,
    X: np.ndarray,
    y: np.ndarray,
    objective: Objective,
    rng: np.random.Generator,
) -> tuple[Memory, np.ndarray]:
    """Show samples to a trained network; return a memory that has yet to hear them, and codes.

    A liquid is recorded. A rate reservoir is one of the same kind.
    """
    from spikeconsol.bottleneck import Memory, Place, SpikingReservoir
    from spikeconsol.bottleneck.capacity import Recorded

    memory = net.memory
    if isinstance(memory, SpikingReservoir):
        net.set_params(optimiser__learning_rate=0.0, optimiser__readout_learning_rate=0.0)
        record = net.record(X, y)
        codes = net.get_params()["layer"].codes(record.counts[0])
        return Recorded(record.traces[0], record.signals[0]), codes
    assert isinstance(memory, Memory)
    levels, codes = net.input_levels(X), net.transform(X)
    return memory.begin(Place(levels.shape[1], codes.shape[1], 2, objective, rng=rng)), codes


EXPERIMENTS = (
    experiment(
        "reservoir",
        "XOR in spikes from rate and spiking reservoirs: sizes, time constants, what they hold",
        reservoir_conditions,
        run=learn_from_reservoir,
        seeds=3,
        demo={"train": 200, "epochs": 1, "rehearsed": 500, "probed": 400, "seeds": 1},
        figures=("spiking_bottleneck_reservoir",),
    ),
)
