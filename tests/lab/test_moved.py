"""Results of earlier versions, whose names have moved since: running them again says where to."""

import json

import pytest
import xarray as xr
from rich.console import Console

from spikeconsol.lab.catalogue import find_experiment, find_experiments
from spikeconsol.lab.rerun import rerun
from spikeconsol.lab.results import ResultError, load, save
from spikeconsol.models import sequential_memory
from spikeconsol.parameters import ParameterError


@pytest.mark.parametrize("name", ["example", "linear", "xor", "digits", "mnist", "memories"])
def test_an_experiment_of_another_name_is_told(name):
    now = f"bottleneck/spiking-{name}"
    assert now in find_experiments()
    with pytest.raises(ValueError, match=f"got 'spiking-bottleneck/{name}'; its name is now {now}"):
        find_experiment(f"spiking-bottleneck/{name}")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("spiking.cells.membrane_time", "LIF"),
        ("spiking.cells.burst_jump", "cells.burst_rate"),
        ("spiking.latch.mismatch_gain", "evidence"),
        ("spiking.continuous.fast_time", "continuous.window"),
        ("spiking.continuous.coincidence_gain", "evidence"),
    ],
)
def test_a_parameter_of_another_name_is_told(name, place):
    with pytest.raises(ParameterError, match=f"^{name}: a name of an earlier .*; now: .*{place}"):
        sequential_memory.Protocol().with_settings({name: 1.0})


def test_a_name_that_never_was_is_not_called_an_earlier_one():
    with pytest.raises(ParameterError, match=r"^spiking\.cells\.noize: unknown name.*nearest"):
        sequential_memory.Protocol().with_settings({"spiking.cells.noize": 1.0})


@pytest.mark.parametrize(
    ("experiment", "parameters", "message"),
    [
        ("spiking-bottleneck/xor", {}, "now bottleneck/spiking-xor"),
        ("sequential-memory", {"spiking.latch.mismatch_gain": 0.2}, "now: evidence"),
    ],
)
def test_such_a_result_loads_and_rerun_says_where_its_names_are(
    tmp_path, experiment, parameters, message
):
    path = tmp_path / "old.nc"
    attributes = {
        "experiment": experiment,
        "source": "",
        "parameters": json.dumps(parameters),
        "condition": "rate-gate",
        "seeds": "[100]",
        "sweep": "",
        "command": "",
    }
    save(xr.Dataset({"kept": ("seed", [1.0])}), path, attributes)
    assert load(path).kept == 1
    with pytest.raises((ResultError, ValueError), match=message) as caught:
        rerun(path, Console())
    assert "\n" not in str(caught.value)
