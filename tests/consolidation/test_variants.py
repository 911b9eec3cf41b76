"""Each further rule at one synapse, and the quick way of storing against the plain one."""

import numpy as np
import pytest

from spikeconsol.consolidation import HopfieldNetwork, rules
from spikeconsol.consolidation.rules import registry
from spikeconsol.consolidation.rules.gates import raise_to
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError

ONE, ZERO = np.ones((1, 1)), np.zeros((1, 1))


def presented_densely(rule, patterns):
    """Every synapse sees every presentation: the definition, without short cuts."""
    n = patterns.shape[1]
    state, rng = rule.state((n, n)), np.random.default_rng([0, 1])
    for s in patterns.astype(float):
        A = np.outer(s, s)
        rule.step(state, A, s[:, None] + s - 2 * A, S=s, rng=rng)
        for name in ("w", *rule.traces):
            np.fill_diagonal(state[name], 0)
    return state


@pytest.mark.parametrize(
    "rule",
    [
        # Rules that draw are shown other numbers where fewer pairs are looked at.
        *(rule for rule in (cls() for cls in registry.values()) if not rule.stochastic),
        rules.BayesianWeight(spike_gated=True),
    ],
)
def test_storing_row_by_row_changes_nothing(rule):
    patterns = sparse_patterns(25, 40, coding_level=0.05, seed=3)
    network = HopfieldNetwork(40, rule=rule, seed=0)
    network.store(patterns)
    for name, expected in presented_densely(rule, patterns).items():
        np.testing.assert_allclose(network.state[name], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 8.0, 3.0, 2.5])
def test_raise_to(exponent):
    base = np.array([0.0, 0.3, 1.0, 12.0])
    expected = base**exponent
    raise_to(exponent, base)
    np.testing.assert_allclose(base, expected, rtol=1e-12)


def change(rule, w, trace=0.0):
    """Weight change of a coincidence at a synapse with this weight and trace."""
    state = rule.state((1, 1))
    state["w"][:] = w
    if "trace" in state:
        state["trace"][:] = trace
    rule.step(state, ONE, ZERO)
    return state["w"][0, 0] - w


def test_weight_gates_protect_large_weights():
    target = 0.95**2
    open_ = 0.3 * (target - 0.2)
    assert change(rules.WeightThreshold(weight_threshold=0.3), 0.2) == pytest.approx(open_)
    assert change(rules.WeightThreshold(weight_threshold=0.1), 0.2) == 0
    half = rules.WeightThreshold(weight_threshold=0.1, residual_plasticity=0.5)
    assert change(half, 0.2) == pytest.approx(open_ / 2)
    # Bayes halves the plasticity at its scale; exp divides it by e at 1 / c; both read |w|.
    for w in (0.2, -0.2):
        free = 0.3 * (target - w)
        assert change(rules.BayesianWeight(weight_scale=0.2), w) == pytest.approx(free / 2)
        assert change(rules.ExponentialWeight(sharpness=5), w) == pytest.approx(free / np.e)


def test_curvature_damping_follows_its_formula():
    rule = rules.CurvatureDamping(damping=2.0)
    free = 0.3 * 0.95**2
    expected = free / (1 + 2 * 0.01 * 0.99 / 0.05**2)
    assert change(rule, 0.0, trace=0.01) == pytest.approx(expected)
    assert change(rule, 0.0) == pytest.approx(free)


def test_refreshed_gate_protects_from_the_last_coincidence_on():
    rule = rules.RefreshedCurvatureGate(protection_time=50.0)
    for coincidences in (1, 2, 5):
        state = rule.state((1, 1))
        for _ in range(coincidences):
            rule.step(state, ONE, ZERO)
            rule.step(state, ZERO, ZERO)
        closed = 1
        while rule.gate(state)[0, 0] < 0.5:
            rule.step(state, ZERO, ZERO)
            closed += 1
        assert closed == pytest.approx(50, abs=1.5)


def test_homeostasis_takes_off_the_mean_field():
    """With c = 1 a unit with much total weight gets no more than another from random input."""
    rng = np.random.default_rng(0)
    weights = rng.random((40, 40))
    weights[0] += 2  # one unit has been used far more often than the others
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    cues = sparse_patterns(500, 40, coding_level=0.1, seed=1)
    share = []
    for homeostasis in (0.0, 1.0):
        network = HopfieldNetwork(40, rule=rules.Leaky(), seed=0, homeostasis=homeostasis)
        network.weights = weights
        share.append(network.recall(cues, active=4, steps=1)[:, 0].mean())
    assert share[0] > 0.9
    assert share[1] < 0.3
    with pytest.raises(ValueError, match="homeostasis: got -1"):
        HopfieldNetwork(40, rule=rules.Leaky(), seed=0, homeostasis=-1)


def test_precision_without_discount_is_the_running_mean():
    patterns = sparse_patterns(40, 30, coding_level=0.1, seed=1)
    network = HopfieldNetwork(30, rule=rules.Precision(coding_level=0.1), seed=0)
    network.store(patterns)
    instant = (patterns - 0.1).T @ (patterns - 0.1) / 40
    np.fill_diagonal(instant, 0)
    np.testing.assert_allclose(network.weights, instant, atol=1e-12)


def test_precision_with_discount_settles_at_a_learning_rate():
    rule = rules.Precision(discount=0.9)
    state = rule.state((1, 1))
    for _ in range(200):
        rule.step(state, ZERO, ONE)
    assert state["precision"][0, 0] == pytest.approx(10)  # 1 / (1 - discount)


def test_elastic_consolidation_is_learning_rate_damping():
    """One implicit step from the anchor is the free step divided by 1 + eta lambda F."""
    rule = rules.ElasticConsolidation(substeps=1, penalty=4.0)
    state = rule.state((1, 1))
    state["stiffness"][:] = 2.0
    rule.step(state, ONE, ZERO)
    assert state["w"][0, 0] == pytest.approx(0.3 * 0.95**2 / (1 + 0.3 * 4 * 2))
    assert state["stiffness"][0, 0] == 3


def test_elastic_consolidation_converges_to_the_penalised_minimum():
    rule = rules.ElasticConsolidation(substeps=500, penalty=4.0)
    state = rule.state((1, 1))
    state["w"][:], state["stiffness"][:] = 0.1, 2.0
    rule.step(state, ONE, ZERO)
    assert state["w"][0, 0] == pytest.approx((0.95**2 + 4 * 2 * 0.1) / (1 + 4 * 2))


def test_history_mask_freezes_at_most_its_fraction():
    patterns = sparse_patterns(60, 40, coding_level=0.1, seed=2)
    rule = rules.HistoryMask(fraction=0.05, coding_level=0.1)
    network = HopfieldNetwork(40, rule=rule, seed=0)
    network.store(patterns)
    frozen = ~rule.gate(network.state)
    assert 0 < frozen.mean() <= 0.05
    # The frozen ones are those that have coincided most often.
    counts = patterns.astype(int).T @ patterns
    np.fill_diagonal(counts, 0)
    assert counts[frozen].min() >= counts[~frozen].max()
    everything = rule.replace(fraction=1.0)
    np.testing.assert_array_equal(~everything.gate(network.state), counts > 0)


def test_rate_control_is_blind_to_coincidences():
    """Two units that take turns close the gate of the control, but not of the curvature gate."""
    turns = np.zeros((40, 6), bool)
    turns[::2, 0] = turns[1::2, 1] = True
    control, true = rules.RateProduct(), rules.CurvatureGate()
    control_state, true_state = (presented_densely(rule, turns) for rule in (control, true))
    assert control.gate(control_state)[0, 1] == control.residual_plasticity
    assert true.gate(true_state)[0, 1] == 1


def test_covariance_proxy_reads_weight_and_rates():
    rule = rules.CovarianceProxy(curvature_threshold=0.09)
    free = 0.3 * (0.95**2 - 0.05)
    assert change(rule, 0.05) == pytest.approx(free)  # p = .0475: open
    assert change(rule, 0.05, trace=1.2) == 0  # p = .1075: closed


def test_perceptron_makes_the_pattern_a_fixed_point():
    patterns = sparse_patterns(5, 40, coding_level=0.1, seed=4)
    rule = rules.StablePerceptron(coding_level=0.1)
    network = HopfieldNetwork(40, rule=rule, seed=0)
    network.store(patterns[:1])
    s = patterns[0]
    field = network.weights @ s - 1
    assert field[s].min() >= rule.margin
    assert field[~s].max() <= -rule.margin
    np.testing.assert_allclose(network.weights, network.weights.T)
    # Damping slows the second pattern down where it meets the curvature of the first.
    damped = rule.replace(damping=1e6, trace_rate=0.5, steps=1)
    state = {name: array.copy() for name, array in network.state.items()}
    state["trace"][:] = 0.3
    before = state["w"].copy()
    A = np.outer(patterns[1], patterns[1]).astype(float)
    damped.step(state, A, A)
    np.testing.assert_allclose(state["w"], before, atol=1e-6)


def test_contrastive_divergence_raises_the_stored_coincidences():
    patterns = sparse_patterns(2, 30, coding_level=0.1, seed=5)
    rule = rules.ContrastiveDivergence(coding_level=0.1)
    network = HopfieldNetwork(30, rule=rule, seed=0)
    network.store(patterns)
    together = (patterns.astype(int).T @ patterns) > 0
    np.fill_diagonal(together, False)
    apart = ~together & ~np.eye(30, dtype=bool)
    assert network.weights[together].min() > network.weights[apart].max()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Covariance", "leave"),
        ("Precision", "leave"),
        ("CovarianceProxy", "leave"),
        ("HistoryMask", "whole network"),
        ("StablePerceptron", "whole network"),
        ("ContrastiveDivergence", "whole network"),
    ],
)
def test_rules_without_a_form_for_spikes_say_why(name, why):
    with pytest.raises(ParameterError, match=f"rule: got {name}; it has no form for spikes.*{why}"):
        rules.spiking_form(registry[name]())


def test_a_rule_has_a_form_for_spikes_that_is_itself_one_or_says_why_not():
    without = set()
    for name, cls in registry.items():
        if not cls.__module__.startswith("spikeconsol"):
            continue
        try:
            form = rules.spiking_form(cls())
        except ParameterError:
            without.add(name)
            with pytest.raises(ParameterError, match="it has no form for spikes"):
                rules.spiking_form(cls())
        else:
            assert rules.spiking_form(form) == form
    gates = {"CurvatureGate", "SmoothCurvatureGate", "RefreshedCurvatureGate", "DepressionGate"}
    others = {
        "Leaky",
        "HardBounds",
        "ExponentialWeight",
        "WeightThreshold",
        "MAS",
        "BCPNN",
        "Timer",
    }
    assert not without & (gates | others)
