"""The rule in a network that the user has written herself, on every target."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.consolidation.reduced import predict
from spikeconsol.consolidation.rules import (
    BoundedAdditive,
    BoundedLeaky,
    CurvatureGate,
    DepressionGate,
    EventDriven,
    HardBounds,
    Leaky,
    Shuffled,
    registry,
)
from spikeconsol.parameters import ParameterError

SCRIPT = Path(__file__).with_name("own_network.py")


@pytest.mark.parametrize(
    "target",
    [
        "numpy",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("standalone", "cython")),
    ],
)
def test_excitatory_and_inhibitory_cells_in_plain_brian2(target, tmp_path):
    process = subprocess.run(
        [sys.executable, str(SCRIPT), target, str(tmp_path / "build")],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    found = json.loads(process.stdout.splitlines()[-1])
    assert 40 < found["rate"] < 100
    assert found["driven"] > 0.95
    assert found["silent"] == 0
    assert found["protected"] == pytest.approx(20, rel=0.02)


# ------------------------------------------------------------------------- without Brian2


def run_pair(rule, before, after, duration):
    """One synapse by its event-driven text: spike times of both sides, read by NumPy."""
    from spikeconsol.consolidation.rules.text import compiled

    arguments = rule.synapses()
    state = dict.fromkeys(rule._variables(), 0.0) | {"updated": 0.0, "second": 1.0}
    events = sorted([(t, "on_pre") for t in before] + [(t, "on_post") for t in after])
    for t, side in events:
        scope = {**arguments["namespace"], **state, "t": t, "rand": lambda: 0.3}
        found = compiled(arguments[side])(scope)
        state = {name: found[name] for name in state}
    state["now"] = duration
    return state


BURST = tuple(0.003 + np.arange(0, 0.4, 1 / 70))
RULES = [cls() for cls in registry.values() if cls.__module__.endswith((".bounded", ".gates"))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_every_rule_learns_a_driven_pair_and_leaves_a_silent_one(rule):
    if hasattr(rule, "protection_time"):
        timed = EventDriven(rule=rule, presentation="0.6 s")
    else:
        timed = EventDriven(rule=rule)
    assert run_pair(timed, BURST, BURST, 0.4)["w"] > 0.3
    assert run_pair(timed, BURST, (), 0.4)["w"] == 0
    background = (0.1, 0.35, 0.62)
    assert run_pair(timed, background, background, 1.0)["w"] < 0.02


@pytest.mark.parametrize("lifetime", [3, 5, 15.2, 22.8, 60, 600, 7200])
def test_gate_on_and_off_differ_for_every_lifetime_that_is_accepted(lifetime):
    """The pattern-clocked memory's first continuous trace was open below 23 s, in silence."""
    rule = CurvatureGate.for_lifetime(f"{lifetime} s")
    assert rule.lifetime == pytest.approx(lifetime)
    later = tuple(t + 0.5 + 0.4 * lifetime for t in BURST)
    closed = run_pair(rule, (*BURST, *later), BURST, 1)["w"]
    open_ = run_pair(rule.ungated(), (*BURST, *later), BURST, 1)["w"]
    learned = run_pair(rule, BURST, BURST, 1)["w"]
    assert learned > 0.9
    assert closed == pytest.approx(learned, abs=0.01)
    assert open_ < 0.75 * learned
    afterwards = tuple(t + 0.5 + 1.1 * lifetime for t in BURST)
    assert run_pair(rule, (*BURST, *afterwards), BURST, 1)["w"] < 0.75 * learned


@pytest.mark.parametrize("lifetime", ["0.3 s", "1 s", "2 s", "-2 s", "60", "60 Hz"])
def test_lifetimes_that_no_trace_can_serve_are_refused(lifetime):
    with pytest.raises(ParameterError, match="allowed"):
        CurvatureGate.for_lifetime(lifetime)


def test_names_can_be_changed_and_do_not_collide():
    rule = CurvatureGate.for_lifetime("20 s")
    named = rule.synapses(on_pre="ge_post += s*nS", weight="s", prefix="my_")
    assert "my_trace : 1" in named["model"]
    assert "s : 1" in named["model"].splitlines()
    assert set(named["namespace"]) <= {f"my_{name}" for name in rule.constants}
    for own in ({"model": "trace : 1"}, {"on_pre": "A = 3"}, {"model": "w : 1"}):
        with pytest.raises(ParameterError, match="a name of the rule; allowed: another name"):
            rule.synapses(**own)
    rule.synapses(model="trace : 1", prefix="my_", weight="s")
    for name in ("on_pre", "on_post", "model", "weight", "prefix"):
        with pytest.raises(ParameterError, match=f"{name}: got 3; allowed: text"):
            rule.synapses(**{name: 3})
    with pytest.raises(ValueError, match="level: got 2"):
        CurvatureGate.for_lifetime("20 s", level=2)
    for weight in ("dt", "exp", "a b", ""):
        with pytest.raises(ParameterError, match="weight"):
            rule.synapses(weight=weight)


def test_constants_as_variables_are_all_declared():
    rule = EventDriven(rule=HardBounds())
    shared = rule.synapses(constants="shared")
    assert "namespace" not in shared
    assert "potentiation : 1 (shared, constant)" in shared["model"]
    with pytest.raises(ParameterError, match="constants: got 'inline'; allowed"):
        rule.synapses(constants="inline")


def test_the_same_surface_on_rate_rules():
    assert "w" in Leaky().synapses()["model"]
    assert "trace_fast" in DepressionGate.for_lifetime("30 s").synapses()["on_post"]
    with pytest.raises(ParameterError, match="got Shuffled"):
        Shuffled().synapses()


def test_state_is_brought_to_one_moment_and_restored():
    import brian2 as b2

    rule = CurvatureGate.for_lifetime("20 s")

    def network():
        source = b2.SpikeGeneratorGroup(
            2, [0] * 20 + [1] * 20, np.r_[np.arange(20), np.arange(20) + 0.5] * 10 * b2.ms
        )
        cells = b2.NeuronGroup(2, "v : 1", threshold="v > 1", reset="v = 0")
        drive = b2.Synapses(source, cells, on_pre="v_post = 2")
        drive.connect("i == j")
        pairs = b2.Synapses(cells, cells, **rule.synapses())
        pairs.connect("i != j")
        return b2.Network(source, cells, drive, pairs), pairs

    target = b2.prefs.codegen.target
    b2.prefs.codegen.target = "numpy"
    try:
        whole, pairs = network()
        whole.run(0.2 * b2.second)
        early = rule.state(pairs, whole.t)
        whole.run(1 * b2.second)
        late = rule.state(pairs, whole.t)
        _branch, copied = network()
        rule.restore(copied, early, 0 * b2.second)
        again = rule.state(copied, 1 * b2.second)
    finally:
        b2.prefs.codegen.target = target
    assert early["trace"].min() > 0.9
    np.testing.assert_allclose(late["trace"], early["trace"] * math.exp(-1 / 12.427), rtol=1e-4)
    for name, values in again.items():
        np.testing.assert_allclose(values, late[name], rtol=1e-9, err_msg=name)
    with pytest.raises(ValueError, match="state: has no 'trace'"):
        rule.restore(copied, {"w": early["w"], "burst_i": 0, "burst_j": 0})


def test_the_reduced_model_keeps_more_with_the_gate_than_without():
    gate = predict(300, 40, 0.5, 10, seed=1, tested=16)
    rule = BoundedLeaky(potentiation=1.0)
    ungated = predict(300, 40, 0.5, 10, rule, seed=1, tested=16)
    assert gate.kept() > ungated.kept() + 2
    assert predict(100, 8, 0.3, 10, seed=1).kept() < 5  # k p = 2.4
    # The default is three lifetimes and those tested; without new ones nothing is lost.
    again = predict(300, 40, 0.5, 10, seed=1, tested=16, stored=46)
    np.testing.assert_array_equal(again.overlap, gate.overlap)
    assert predict(300, 40, 0.5, 10, rule, seed=1, tested=3, stored=3).kept() == 3
    with pytest.raises(ParameterError, match=r"stored: got 2; allowed: .* >= 3"):
        predict(300, 40, 0.5, 10, seed=1, tested=3, stored=2)
    assert predict(300, 40, 0.5, 10, BoundedAdditive(), seed=1, tested=4).overlap.shape == (4,)
    for wrong in ({"probability": 0}, {"active": 300}, {"lifetime": 0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            predict(**({"n": 300, "active": 40, "probability": 0.5, "lifetime": 10} | wrong))


def test_check_says_what_a_rule_does_at_given_rates():
    text = CurvatureGate.for_lifetime("60 s").check(driven="60 Hz", background="3 Hz")
    rows = {line[:12].strip(): line[12:].split() for line in text.splitlines()}
    assert float(rows["both driven"][0]) > 0.8
    assert rows["both driven"][-1] == "100.0%"
    assert float(rows["one driven"][0]) < 0.03
    assert float(rows["one driven"][-1].rstrip("%")) < 2
    assert "for 60 s" in text
    assert "no gate" in HardBounds().check(driven="70 Hz")
    with pytest.raises(ParameterError, match="driven: got"):
        CurvatureGate.for_lifetime("60 s").check(driven="60 s")


def test_the_form_with_a_clock_learns_at_its_ticks():
    from spikeconsol.consolidation.rules.text import compiled

    rule = CurvatureGate.for_capacity(50)
    arguments, latch = rule.latched(on_pre="ge_post += w")
    assert arguments["on_pre"].startswith("ge_post += w")
    names = [line.split(" : ")[0] for line in arguments["model"].splitlines()]
    silent = dict.fromkeys(names, 0.0) | {"second": 1.0}
    driven = silent
    for t in BURST:
        for side in ("on_pre", "on_post"):
            scope = {**arguments["namespace"], **driven, "t": t, "ge_post": 0.0}
            found = compiled(arguments[side])(scope)
            driven = {name: found[name] for name in silent if name != "second"} | {"second": 1.0}
    assert driven["w"] == 0
    for state, expected in ((silent, 0.0), (driven, 0.8)):
        found = compiled(latch)({**arguments["namespace"], **state})
        assert found["w"] == pytest.approx(expected)
        assert found["trace"] == pytest.approx(expected / 0.8)
