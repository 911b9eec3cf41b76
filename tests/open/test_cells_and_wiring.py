"""The spiking memory with other cells, other wiring and constants that differ from cell to cell."""

from typing import ClassVar

import numpy as np
import pytest

from spikeconsol.brian.backend import BuildError, default_target
from spikeconsol.consolidation import (
    LIF,
    AdEx,
    Cell,
    Izhikevich,
    Joined,
    Sparse,
    SpikingMemory,
    SpikingParameters,
    Spread,
)
from spikeconsol.consolidation.parameters import Cells, Inhibition
from spikeconsol.consolidation.rules import (
    BoundedLeaky,
    CurvatureGate,
    Leaky,
    Shuffled,
    spiking_form,
)
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.parameters import ParameterError
from spikeconsol.statistics import dice

N, F = 40, 0.15
RULE = CurvatureGate(coding_level=F, protection_time=20.0)
PATTERNS = sparse_patterns(2, N, coding_level=F, seed=3)
CUES = corrupt(PATTERNS, deleted=0.2, added=0.0, seed=1)
TENTH = SpikingParameters(coding_level=F)
#: A leaky cell in volts.
MINE = {
    "equations": "dv/dt = awake*(rest - v + current*(theta - rest))/tau : volt",
    "threshold": "v > theta",
    "reset": "v = rest",
    "refractory": "5*ms",
    "constants": {"rest": "-70 mV", "theta": "-50 mV", "tau": "10 ms"},
    "start": {"v": "rest"},
}


def memory(n=N, *, rule=RULE, target="numpy", **options):
    return SpikingMemory(n, rule=rule, seed=1, target=target, **options)


@pytest.mark.parametrize("cells", [AdEx(), Izhikevich(), Cell(**MINE)], ids=["AdEx", "Izh", "text"])
def test_other_cells_store_and_recall(cells):
    network = memory(cells=cells)
    network.store(PATTERNS[:1])
    assert dice(network.recall(CUES[:1]), PATTERNS[:1]) > 0.9


@pytest.mark.slow
def test_adex_cells_with_a_fifth_of_the_connections_store_and_recall():
    """At N = 400 an active cell gets input from 8 others of its pattern, of 40.

    Recall is set as docs/your_own_patterns.md says for sparse wiring (chosen on seeds 1 and 2).
    """
    sparse = {"threshold": 0.75, "balance": 1.0, "scaling": 1.0}
    parameters = SpikingParameters(
        inhibition=Inhibition(**sparse), cells=Cells(recurrent_gain=22.0), coding_level=0.1
    )
    found = []
    for seed in (101, 102, 103):
        patterns = sparse_patterns(10, 400, coding_level=0.1, seed=seed)
        network = SpikingMemory(
            400,
            rule=CurvatureGate(coding_level=0.1),
            seed=seed,
            cells=AdEx(),
            wiring=Sparse(0.2),
            parameters=parameters,
        )
        network.store(patterns)
        joined = network.weights > 0
        assert 0.15 < joined[np.outer(patterns[-1], patterns[-1])].mean() < 0.25
        cues = corrupt(patterns, deleted=0.2, added=0.2, seed=seed + 1000)
        assert dice(cues, patterns).mean() == pytest.approx(0.8)
        found.append(dice(network.recall(cues), patterns))
    assert np.mean(found) > 0.9
    assert np.mean(np.array(found) >= 0.9) > 0.6


def test_listed_connections_are_the_ones_that_learn():
    rng = np.random.default_rng(0)
    joined = rng.random((N, N)) < 0.5
    np.fill_diagonal(joined, False)
    i, j = np.nonzero(joined)
    order = rng.permutation(len(i))
    full, network = memory(), memory(wiring=Joined(i[order], j[order]))
    for each in (full, network):
        each.store(PATTERNS[:1])
    np.testing.assert_allclose(network.weights, full.weights * joined, atol=1e-6)
    assert not np.array_equal(network.weights, network.weights.T)


def test_the_compiled_program_is_told_its_connections():
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    compiled, plain = (memory(wiring=Sparse(0.3), target=target) for target in (None, "numpy"))
    other = SpikingMemory(N, rule=RULE, seed=2, wiring=Sparse(0.3))
    assert compiled.program().key() == other.program().key()  # one program for all seeds
    for each in (compiled, plain, other):
        each.store(PATTERNS[:1])
    np.testing.assert_allclose(compiled.weights, plain.weights, atol=1e-6)
    assert np.count_nonzero(compiled.weights) > 0
    assert not np.array_equal(compiled.weights > 0, other.weights > 0)


def test_a_shuffled_gate_is_stored_by_one_program_call(monkeypatch):
    """It was one call for each pattern, which took thirty times as long."""
    calls = []
    monkeypatch.setattr(
        SpikingMemory,
        "_run",
        lambda self, *given, run=SpikingMemory._run, **named: (
            calls.append(self.rule) or run(self, *given, **named)
        ),
    )
    memory(rule=Shuffled(rule=RULE)).store(PATTERNS)
    assert len(calls) == 1


def test_gain_goes_by_the_number_of_inputs():
    network = memory(wiring=Sparse(0.25))
    degree = network._pairs.in_degree
    gain = network._programs.constants(storing=False, noise_seed=0)["cells.recurrent_gain"]
    full = memory()._programs.constants(storing=False, noise_seed=0)["cells.recurrent_gain"]
    assert degree.std() > 0
    np.testing.assert_allclose(gain * degree, full * (N - 1))


def test_spread_constants_differ_by_the_share_that_is_asked_for():
    shown = memory(200, spread=Spread(0.1, of=("membrane_time", "noise")))
    values = shown._programs.constants(storing=True, noise_seed=0)
    for name, mean in (("membrane_time", 0.01), ("noise", 0.15)):
        assert np.log(values[f"cells.{name}"] / mean).std() == pytest.approx(0.1, rel=0.2)
    assert np.ndim(values["cells.refractory_time"]) == 0
    network = memory(spread=Spread(0.1))
    network.store(PATTERNS[:1])
    rates = network.recording.rates()[0][PATTERNS[0]]
    assert np.ptp(rates) > 5
    assert dice(network.recall(CUES[:1]), PATTERNS[:1]) > 0.9


class HalfOfAll(BoundedLeaky):
    """Potentiates a random half of the coincident pairs."""

    change_text = "w += A*int(rand() < 0.5)*(1 - w)*S_i*S_j"


class Counting(BoundedLeaky):
    """Potentiates the less the more often a cell has been active before."""

    cell_model = "uses : 1"
    cell_text = "uses += S"
    initial: ClassVar = {"w": 0.5}
    change_text = "w += A*(1 - w)/(1 + uses_i + uses_j)"


def test_a_rule_may_draw_random_numbers():
    pairs = np.outer(PATTERNS[0], PATTERNS[0]) & ~np.eye(N, dtype=bool)
    network, again, other = (
        SpikingMemory(N, rule=HalfOfAll(), seed=seed, target="numpy", parameters=TENTH)
        for seed in (1, 1, 2)
    )
    for each in (network, again, other):
        each.store(PATTERNS[:1])
    assert 0.1 < (network.weights[pairs] > 0.5).mean() < 0.9
    assert np.all(network.weights[~pairs] == 0)
    np.testing.assert_array_equal(network.weights, again.weights)
    assert not np.array_equal(network.weights, other.weights)


def test_a_rule_may_have_variables_of_cells_and_a_state_to_start_from():
    network = memory(rule=Counting(), parameters=TENTH)
    i, j = np.flatnonzero(PATTERNS[0])[:2]
    k = np.flatnonzero(~PATTERNS[0])[0]
    assert network.weights[i, j] == network.weights[i, k] == 0.5
    for expected in (1.0, 1.0):  # nothing is left to potentiate
        network.store(PATTERNS[:1])
        assert network.weights[i, j] == pytest.approx(expected)
    network.weights = np.zeros((N, N))
    network.store(PATTERNS[:1])  # used twice before, each of the two
    # Weights saturate at 1/(1 + 4).
    assert network.weights[i, j] == pytest.approx(0.2, abs=1e-5)
    assert network.weights[i, k] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": "dv/dt = (current - v)/tua : volt"}, "tua"),
        ({"equations": "dv/dt = awake*current/tau : volt"}, "unit"),
        ({"threshold": "V > theta"}, "'V'|\"V\"|name V"),
        ({"equations": MINE["equations"] + "\ndg/dt = -g/tau : 1"}, "got the name 'g'"),
        ({"constants": MINE["constants"] | {"drive": 1.0}}, "got the name 'drive'"),
    ],
)
def test_texts_that_do_not_fit_are_refused_by_name_before_compiling(changes, message):
    with pytest.raises((BuildError, ValueError), match=message) as caught:
        memory(cells=Cell(**MINE | changes), target=None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"cells": "AdEx"}, ValueError, "cells: got 'AdEx'; allowed: a CellModel"),
        ({"wiring": 0.2}, ValueError, r"wiring: got 0\.2"),
        ({"spread": 0.1}, ValueError, "spread: got"),
        ({"spread": Spread(0.1, of=("tau",))}, ParameterError, r"spread\.of: got 'tau'"),
        ({"wiring": Joined([0, 1], [1, N])}, ValueError, f"wiring: got j = {N}"),
        ({"wiring": Joined([0, 0], [1, 1])}, ValueError, "wiring: got 0 to 1 twice"),
        (
            {"parameters": SpikingParameters(coding_level=0.1)},
            ParameterError,
            r"coding_level: got 0\.1 in the parameters and 0\.15 in the rule",
        ),
        ({"rule": Shuffled(rule=RULE), "wiring": Sparse(0.5)}, ValueError, "shuffled gate"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(options, error, message):
    with pytest.raises(error, match=message):
        memory(**options)


def test_values_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="whole numbers"):
        Joined([0.5], [1])
    with pytest.raises(ValueError, match="joined to itself"):
        Joined([1], [1])
    with pytest.raises(ParameterError, match="C: got"):
        AdEx(C="1 ms")
    with pytest.raises(ParameterError, match="start: got 'E_L'"):
        Cell(**MINE | {"start": {"v": "E_L"}})
    network = memory(wiring=Sparse(0.5))
    with pytest.raises(ValueError, match="weights: got 1 from"):
        network.weights = np.ones((N, N))


def test_the_coding_level_of_the_rule_is_that_of_the_memory():
    assert memory().coding_level == F
    assert SpikingMemory(N, rule=spiking_form(Leaky(coding_level=0.1)), seed=1).coding_level == 0.05


def test_a_rate_of_regular_firing_has_the_interval_of_the_membrane():
    assert LIF().interval(2.0) == pytest.approx(6e-3 + 10e-3 * np.log(2))
    assert LIF().interval(1.0) == np.inf
