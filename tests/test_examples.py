"""Every example runs, at a small size, and does what its first lines say."""

import importlib.util
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(autouse=True)
def small_brian2():
    """The numpy target with a coarse time step, and everything as it was afterwards."""
    target, dt = b2.prefs.codegen.target, b2.defaultclock.dt
    state = np.random.get_state()  # noqa: NPY002  (Brian2 draws from it)
    b2.prefs.codegen.target = "numpy"
    b2.defaultclock.dt = 0.2 * b2.ms
    yield
    b2.prefs.codegen.target = target
    b2.defaultclock.dt = dt
    np.random.set_state(state)  # noqa: NPY002


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_short(path):
    code = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= 75
    assert sum("# <" in line for line in code) <= 4


def test_the_gate_among_cells_with_voltage_based_inputs():
    driven, others, rate = load("clopath_et_al_2010").simulate(cells=12, duration=0.5 * b2.second)
    assert (rate > 20).sum() >= 4
    assert driven.mean() > 0.95
    assert others.mean() < 0.3


@pytest.mark.slow
def test_an_assembly_in_a_network_with_inhibitory_plasticity():
    stored, others, _rate = load("vogels_et_al_2011").simulate(
        excitatory=200, balance=1 * b2.second, rest=0.1 * b2.second
    )
    assert stored.mean() > 0.95
    assert others.mean() < stored.mean() / 2
