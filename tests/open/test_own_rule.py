"""A user's rule: written once, in a file of at most twelve lines, and run in all three places."""

import importlib.util
import sys

import numpy as np
import pytest

from spikeconsol.consolidation import HopfieldNetwork, SpikingMemory
from spikeconsol.consolidation.rules import (
    BoundedCurvatureGate,
    CurvatureGate,
    EventDriven,
    Leaky,
    Rule,
    plasticity_rule,
    registry,
    spiking_form,
)
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError, parameter
from spikeconsol.testing import check_rule

OWN = '''
from spikeconsol.consolidation.rules import Rule, plasticity_rule
from spikeconsol.parameters import parameter

@plasticity_rule
class Calendar(Rule):
    """Protected for a number of patterns after the last coincidence."""
    days: float = parameter(60.0, above=0, doc="patterns")
    model = "w : 1\\ndage/dt = -age/days : 1"
    change_text = "w += int(age < 0.3)*(0.8*A*clip(ceiling - w, 0, 1) - 0.2*M*w)"
    remember_text = "age += A*(1 - age)"
'''


@pytest.fixture
def calendar(tmp_path):
    path = tmp_path / "calendar_rule.py"
    path.write_text(OWN.strip())
    assert len(path.read_text().splitlines()) <= 12
    spec = importlib.util.spec_from_file_location("calendar_rule", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["calendar_rule"] = module
    spec.loader.exec_module(module)
    yield module.Calendar
    del registry["Calendar"], sys.modules["calendar_rule"]


@pytest.fixture
def clean_registry():
    before = dict(registry)
    yield
    registry.clear()
    registry.update(before)


def test_an_own_rule_runs_in_rates_in_spikes_and_in_synapses(calendar):
    rule = calendar(days=40.0)
    check_rule(rule)
    patterns = sparse_patterns(20, 100, coding_level=0.1, seed=1)
    rates = HopfieldNetwork(100, rule=rule, seed=1)
    rates.store(patterns)
    spikes = SpikingMemory(100, rule=rule, seed=1, target="numpy", parameters=small(0.1))
    spikes.store(patterns[:2])
    newest = np.outer(patterns[1], patterns[1]) & ~np.eye(100, dtype=bool)
    assert rates.weights.max() == pytest.approx(0.8)  # closed after the first coincidence
    assert spikes.weights[newest].mean() > 0.6
    assert spikes.weights[~newest & ~np.outer(patterns[0], patterns[0])].max() < 0.05
    arguments = rule.synapses(on_pre="v_post += w")
    assert "age - age_fast" in arguments["on_pre"]
    assert arguments["on_pre"].startswith("v_post += w")
    weights, ages = in_brian2(arguments)
    assert weights[0, 1] > 0.7
    assert ages[0, 1] > 0.5
    assert weights[0, 2] == weights[2, 0] == 0


def in_brian2(arguments):
    """Weights and ages of three cells joined by a rule, of which two have fired together."""
    import brian2 as b2

    target, b2.prefs.codegen.target = b2.prefs.codegen.target, "numpy"
    try:
        times = 0.003 + np.arange(0, 0.4, 1 / 70)
        inputs = b2.SpikeGeneratorGroup(
            2, np.repeat([0, 1], len(times)), np.tile(times, 2) * b2.second
        )
        cells = b2.NeuronGroup(3, "v : 1", threshold="v > 2", reset="v = 0")
        drive = b2.Synapses(inputs, cells, on_pre="v_post = 3")
        drive.connect(j="i")
        pairs = b2.Synapses(cells, cells, **arguments)
        pairs.connect(condition="i != j")
        b2.Network(inputs, cells, drive, pairs).run(0.5 * b2.second)
        found = np.zeros((2, 3, 3))
        found[:, pairs.i[:], pairs.j[:]] = pairs.w[:], pairs.age[:]
    finally:
        b2.prefs.codegen.target = target
    return found


def small(coding_level):
    from spikeconsol.consolidation import SpikingParameters

    return SpikingParameters(coding_level=coding_level)


def test_what_brian2_and_cpp_own_is_refused_at_definition(clean_registry):
    for name in ("c", "floor", "e", "xi", "lastupdate", "int", "new", "gamma", "mV", "x_i", "t"):
        if name.isidentifier():
            with pytest.raises(ParameterError, match=f"Own: '{name}' is a name of"):
                plasticity_rule(
                    type(
                        "Own",
                        (Rule,),
                        {
                            "__annotations__": {name: "float"},
                            name: parameter(1.0, doc="a constant"),
                            "change_text": "w += A",
                            "__module__": __name__,
                        },
                    )
                )


@pytest.mark.parametrize("name", ["rest", "step", "gate", "state", "flat", "model", "local"])
def test_constants_do_not_hide_what_a_rule_can_do(name, clean_registry):
    body = {"__annotations__": {name: "float"}, name: parameter(1.0, doc="a constant")}
    with pytest.raises(ParameterError, match=f"Own: '{name}' is a name of Rule"):
        plasticity_rule(type("Own", (Rule,), {"change_text": "w += A", **body}))


def test_no_value_in_the_text_hides_a_constant(clean_registry):
    """A constant of the rule once had no effect: the text had another value of its name."""
    with pytest.raises(ParameterError, match=r"parameters_in_text\['rate'\] = 0.2 hides"):

        @plasticity_rule
        class Hidden(Rule):
            rate: float = parameter(0.1, above=0, doc="rate")
            change_text = "w += rate*A"
            parameters_in_text = {"rate": 0.2}  # noqa: RUF012


def test_reserved_names_cover_what_brian2_defines():
    from brian2.core.functions import DEFAULT_FUNCTIONS
    from brian2.units import allunits, stdunits

    from spikeconsol.consolidation.rules.text import refused_name

    units = [name for name in stdunits.__all__ if hasattr(getattr(stdunits, name), "dim")]
    units += [name for name in allunits.__all__ if hasattr(getattr(allunits, name), "dim")]
    assert len(units) > 2000
    assert [name for name in (*DEFAULT_FUNCTIONS, *units) if refused_name(name) is None] == []


def test_two_rules_of_one_name_are_refused(clean_registry):
    body = {"change_text": "w += A*(1 - w)", "__module__": __name__}
    plasticity_rule(type("Twin", (Rule,), dict(body)))
    with pytest.raises(ParameterError, match="Twin: a rule of this name exists"):
        plasticity_rule(type("Twin", (Rule,), dict(body)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "no text changes w"),
        ({"change_text": "w += A*speed"}, "reads 'speed'"),
        ({"change_text": "w += A if A else M"}, "allowed: assignments"),
        ({"change_text": "w += erfc(A)"}, "calls 'erfc"),
        ({"change_text": "w += A*("}, "text: got"),
        ({"model": "w : volt", "change_text": "w += A"}, "model: got"),
        ({"model": "w : 1\ndq/dt = q**2 : 1", "change_text": "w += A"}, "allowed: a decay"),
        ({"model": "q : 1", "change_text": "q += A"}, "no weight|no text"),
        ({"change_text": "w += A", "initial": {"q": 1.0}}, "initial"),
        ({"change_text": "w += A", "local": False}, "with a step of its own"),
    ],
)
def test_a_wrong_definition_says_what_is_wrong(body, message, clean_registry):
    with pytest.raises(ParameterError, match=message) as caught:
        plasticity_rule(type("Wrong", (Rule,), {**body, "__module__": __name__}))
    assert "\n" not in str(caught.value)
    assert "Wrong" not in registry


def test_a_step_that_the_text_does_not_say_is_refused(clean_registry):
    class Inverted(CurvatureGate):
        """A gate that is open where the library's is closed."""

        def gate(self, state):
            return 1.06 - super().gate(state)

    with pytest.raises(ParameterError, match=r"Inverted: w differs, step gives .* the text gives"):
        plasticity_rule(Inverted)
    # Undecorated it is not run as its parent either, in rates or in spikes.
    for network in (HopfieldNetwork, SpikingMemory):
        with pytest.raises(ParameterError, match="Inverted"):
            network(20, rule=Inverted(), seed=0)


def test_an_inverted_text_runs_as_itself(clean_registry):
    @plasticity_rule
    class Opposite(BoundedCurvatureGate):
        """Plastic only where the trace is high."""

        gate_text = "gate = int(trace > trace_threshold)"

    rule = Opposite()
    assert spiking_form(rule) is rule
    patterns = sparse_patterns(5, 60, coding_level=0.1, seed=1)
    network = HopfieldNetwork(60, rule=rule, seed=0)
    network.store(patterns)
    counts = patterns.astype(int).T @ patterns
    np.fill_diagonal(counts, 0)
    np.testing.assert_array_equal(network.weights > 0, counts > 1)


def test_random_numbers_initial_values_cells_and_sides_are_there(clean_registry):
    @plasticity_rule
    class Everything(Rule):
        """Stochastic potentiation of presynaptically busy cells, from half-filled synapses."""

        model = "w : 1\nseen : 1"
        cell_model = "drate/dt = -rate/20 : 1"
        initial = {"w": 0.5, "rate": 0.1}  # noqa: RUF012
        change_text = (
            "up = A*int(rand() < 0.5)\nw += up*(1 - w) - 0.5*S_i*(1 - S_j)*w*int(rate_i > 0.2)"
        )
        remember_text = "seen += S_i"
        cell_text = "rate += 0.2*S*(1 - rate)"

    rule = Everything()
    check_rule(rule)
    patterns = sparse_patterns(30, 50, coding_level=0.2, seed=1)
    one, two, other = (HopfieldNetwork(50, rule=rule, seed=seed) for seed in (1, 1, 2))
    for network in (one, two, other):
        network.store(patterns)
    np.testing.assert_array_equal(one.weights, two.weights)
    assert not np.array_equal(one.weights, other.weights)
    assert one.state["rate"].shape == (50,)
    assert not np.allclose(one.weights, one.weights.T)
    off = ~np.eye(50, dtype=bool)
    np.testing.assert_allclose(
        one.state["seen"][off], np.broadcast_to(patterns.sum(0)[:, None], (50, 50))[off]
    )


@pytest.mark.parametrize("rule", [CurvatureGate, "curvature", None, 3])
def test_what_is_no_rule_is_refused_by_name(rule):
    for network in (HopfieldNetwork, SpikingMemory):
        with pytest.raises(TypeError, match=r"rule: got .*allowed: a rule, for example"):
            network(20, rule=rule, seed=0)
    with pytest.raises(TypeError, match="rule: got"):
        EventDriven(rule=rule)


def test_gates_open_and_closed():
    assert CurvatureGate().ungated().residual_plasticity == 1.0
    smooth = registry["SmoothCurvatureGate"]()
    state = smooth.state((3, 3))
    state["trace"][:] = 0.5
    assert (smooth.gate(state) < 1e-6).all()
    change = smooth.ungated()
    check_rule(change)
    change.step(state, np.ones((3, 3)), np.zeros((3, 3)))
    assert state["w"].min() > 0.05
    with pytest.raises(ParameterError, match="allowed: a rule with a gate"):
        registry["HardBounds"]().ungated()
    assert Leaky().ungated() is not None
