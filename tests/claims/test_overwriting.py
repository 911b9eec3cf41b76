"""What freezing a twentieth of the pairs keeps while a new pattern is learned."""

import functools

import numpy as np
import pytest

from spikeconsol.lab import Condition
from spikeconsol.models import curvature_overwriting as model
from spikeconsol.models.curvature_overwriting import MASKS, Overwriting

PROTOCOL = Overwriting(every=100)


@functools.cache
def found(load, name, seeds=(100, 101, 102, 103)):
    setup = Condition("claim", setup=(load, name))
    runs = [model.run(PROTOCOL, setup, (seed,)) for seed in seeds]
    return {key: np.array([float(run[key][0]) for run in runs]) for key in ("old_end", "new_end")}
