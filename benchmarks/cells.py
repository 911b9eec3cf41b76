"""A model file whose cells compute for as long as they are told, and nothing else."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, Experiment
from spikeconsol.parameters import Parameters, parameter


@dataclass(frozen=True)
class Work(Parameters):
    """How much a cell computes."""

    cell: int = parameter(0, at_least=0, doc="number of the cell")
    draws: int = parameter(0, at_least=0, doc="thousands of random numbers to draw")


def conditions(parameters):
    return (Condition("work"),)


def run(parameters, condition, seeds):
    rng = np.random.default_rng(seeds)
    total = sum(rng.random(1000).sum() for _ in range(parameters.draws))
    return xr.Dataset({"total": ("seed", [total], {"units": "1"})})


EXPERIMENTS = (
    Experiment("cells", "random numbers", Work, conditions, run, ("total",), seeds=(0, 1)),
)
