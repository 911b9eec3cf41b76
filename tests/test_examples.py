"""Every example runs, at a small size, and does what its first lines say."""

import importlib.util
import runpy
import sys
from pathlib import Path

import brian2 as b2
import numpy as np
import pytest

from spikeconsol.brian.recording import Recording

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


@pytest.fixture(autouse=True)
def beside(monkeypatch):
    """Examples may import one another, as they do when they are run."""
    monkeypatch.syspath_prepend(EXAMPLES)


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_examples_are_short(path):
    code = [line for line in path.read_text().splitlines() if line.strip()]
    assert len(code) <= (75 if "Synapses(" in path.read_text() else 60)
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


def test_a_spiking_memory_returns_what_was_tested():
    memory, newest, recalled = load("store_and_recall").simulate(
        cells=40, stored=2, tested=1, target="numpy"
    )
    assert memory.stored == 2
    assert newest.shape == recalled.shape == (1, 40)
    assert memory.recording.times.size


def test_elephant_measures_poisson_cells_as_what_they_are():
    pytest.importorskip("elephant")
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0, 60, 60 * 20 * 20))
    cells = rng.integers(0, 20, times.size).astype(np.int32)
    none = np.zeros(0)
    recording = Recording(cells, times, none.astype(np.int32), none, np.zeros(1), 60.0, 20)
    variation, fano, lags, histogram = load("spike_train_statistics").statistics(recording)
    assert variation == pytest.approx(1, abs=0.05)
    assert fano == pytest.approx(1, abs=0.6)  # of 20 cells: standard error 0.3
    assert (lags[0], lags[-1], len(lags)) == (-200, 200, 81)
    assert histogram.mean() == pytest.approx(60 * 20 * 20 * 5e-3, rel=0.3)


def test_the_elephant_example_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "elephant", None)
    with pytest.raises(SystemExit, match="pip install elephant"):
        runpy.run_path(str(EXAMPLES / "spike_train_statistics.py"), run_name="__main__")


def test_grey_values_from_a_file_are_stored(tmp_path):
    example = load("patterns_of_your_own")
    network, newest, recalled = example.remember(example.example_file(tmp_path, 12), tested=4)
    assert network.stored == 12
    assert set(newest.sum(axis=1)) == {round(0.2 * 64)}
    assert recalled.shape == newest.shape


def test_a_rule_of_ones_own_recalls(restored_rules):
    example = load("rule_of_your_own")
    assert example.recalled(example.Tiring(), stored=20, tested=10) >= 0.8


@pytest.fixture
def restored_rules():
    from spikeconsol.consolidation.rules.definition import registry

    kept = dict(registry)
    yield
    registry.clear()
    registry.update(kept)


def test_layers_that_learn_differ_from_frozen_ones():
    accuracy, networks, _ = load("layers_without_backpropagation").compare(
        epochs=1, hidden=(8,), backend="numpy"
    )
    assert set(accuracy) == {"bottleneck", "frozen layers"}
    first = [network.network_.weights[0] for network in networks.values()]
    assert not np.array_equal(*first)
    assert min(accuracy.values()) > 0.1


def test_without_plasticity_coefficients_stay_zero():
    trainings = load("plasticity_by_learning").compare(episodes=60, runs=2, frozen=20)
    assert np.any(trainings["plastic"].parameters["alpha"])
    assert not np.any(trainings["not plastic"].parameters.get("alpha", 0.0))
