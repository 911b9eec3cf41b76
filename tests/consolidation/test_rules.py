"""Every rule in the registry: NumPy form against Brian2 text, and the physics of the gate."""

import numpy as np
import pytest

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import (
    BoundedCurvatureGate,
    BoundedLeaky,
    Covariance,
    CurvatureGate,
    DepressionGate,
    HardBounds,
    Leaky,
    Shuffled,
    SmoothCurvatureGate,
    SpikeGatedLeaky,
    registry,
    spiking_form,
)
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError
from spikeconsol.testing import check_rule

RULES = [cls() for cls in registry.values()] + [Shuffled(rule=BoundedCurvatureGate(), seed=3)]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_brian2_text_equals_numpy_step(rule):
    check_rule(rule)


def store_all(rule, patterns):
    network = HopfieldNetwork(patterns.shape[1], rule=rule, seed=0)
    network.store(patterns)
    return network


def test_additive_covariance_is_the_batch_rule():
    patterns = sparse_patterns(40, 60, coding_level=0.1, seed=1)
    network = store_all(Covariance(coding_level=0.1), patterns)
    centred = patterns - 0.1
    expected = centred.T @ centred
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(network.weights, expected, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in registry if not name.startswith("Bounded")])
def test_weights_stay_symmetric_without_self_connection(name):
    patterns = sparse_patterns(30, 40, coding_level=0.1, seed=2)
    rule = registry[name]()
    if hasattr(rule, "rule"):
        rule = rule.replace(rule=rule.rule.replace(coding_level=0.1))
    elif hasattr(rule, "coding_level"):
        rule = rule.replace(coding_level=0.1)
    weights = store_all(rule, patterns).weights
    np.testing.assert_allclose(weights, weights.T, atol=1e-12)
    assert not np.diagonal(weights).any()
    assert np.abs(weights).max() > 0


def protected(rule, coincidences):
    """Presentations of other patterns for which coincidences keep the gate closed."""
    state = rule.state((1, 1))
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    for _ in range(coincidences):
        rule.step(state, one, zero)
    closed = 0
    while rule.gate(state)[0, 0] < 1:
        rule.step(state, zero, zero)
        closed += 1
    return closed


def test_gate_reopens_after_the_protection_time():
    assert protected(CurvatureGate.for_capacity(50), 1) == pytest.approx(50, abs=1.5)


@pytest.mark.parametrize("repeats", [1, 5])
def test_bounded_gate_protects_equally_long_after_repeated_coincidences(repeats):
    rule = BoundedCurvatureGate.for_capacity(50)
    assert protected(rule, repeats) == pytest.approx(50, abs=1.5)


def test_gate_is_read_before_the_trace_is_updated():
    """A first coincidence must be learned at the full rate."""
    rule = CurvatureGate.for_capacity(50)
    state = rule.state((1, 1))
    rule.step(state, np.ones((1, 1)), np.zeros((1, 1)))
    assert state["w"][0, 0] == pytest.approx(0.3 * 0.95**2)
    assert rule.gate(state)[0, 0] == rule.residual_plasticity


def test_shuffled_gate_has_the_same_statistics_on_other_pairs():
    patterns = sparse_patterns(30, 40, coding_level=0.05, seed=4)
    true = store_all(CurvatureGate(), patterns)
    shuffled = store_all(Shuffled(rule=CurvatureGate(), seed=1), patterns)
    np.testing.assert_array_equal(true.curvature, shuffled.curvature)
    assert not np.allclose(true.weights, shuffled.weights)


def test_spike_gated_rule_leaves_silent_pairs_alone():
    rng = np.random.default_rng(0)
    for rule in (SpikeGatedLeaky(), CurvatureGate(), BoundedLeaky(), BoundedCurvatureGate()):
        state = rule.state((6, 6))
        state["w"][:] = rng.random((6, 6))
        before = state["w"].copy()
        rule.step(state, np.zeros((6, 6)), np.zeros((6, 6)))
        np.testing.assert_array_equal(state["w"], before)


@pytest.mark.parametrize(
    "rule", [Leaky(), CurvatureGate(), SmoothCurvatureGate(), HardBounds(), Shuffled()]
)
def test_bounded_forms_keep_weights_in_unit_interval(rule):
    bounded = spiking_form(rule)
    rng = np.random.default_rng(1)
    state = bounded.state((20, 20))
    for s in (rng.random((200, 20)) < 0.3).astype(float):
        A = np.outer(s, s) * rng.random()
        bounded.step(state, A, s[:, None] + s[None, :] - 2 * np.outer(s, s))
        assert state["w"].min() >= 0
        assert state["w"].max() <= 1


def test_rules_refuse_impossible_values():
    with pytest.raises(ParameterError, match=r"learning_rate: got 1.5; allowed: > 0 and <= 1"):
        Leaky(learning_rate=1.5)
    with pytest.raises(ParameterError, match="protection_time"):
        CurvatureGate.for_capacity(0)
    for gate in (CurvatureGate, SmoothCurvatureGate, DepressionGate):  # the trace would diverge
        with pytest.raises(ParameterError, match="protection_time: got 1; allowed: >= "):
            gate(protection_time=1.0)
    with pytest.raises(ParameterError, match="rule: got Leaky; allowed: a rule with a trace"):
        Shuffled(rule=Leaky())
    with pytest.raises(ParameterError, match="no form for spikes"):
        spiking_form(Covariance())
