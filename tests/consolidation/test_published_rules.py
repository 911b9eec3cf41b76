"""Physics of published rules: what each remembers, for how long, and where it settles."""

import warnings

import numpy as np
import pytest

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import (
    BCPNN,
    MAS,
    MESU,
    AmitFusi,
    BennaFusi,
    Cascade,
    CurvatureGate,
    Multistate,
    Rule,
    SerialTransfer,
    SynapticIntelligence,
    Timer,
    WillshawClock,
    registry,
)
from spikeconsol.data import sparse_patterns

ONE, ZERO = np.ones((1, 1)), np.zeros((1, 1))


def present(rule, state, *events, rng=None, S=None):
    """Present coincidences 'A', mismatches 'M' and silence '.'."""
    for event in "".join(events):
        A, M = (ONE if event == letter else ZERO for letter in "AM")
        rule.step(state, A, M, rng=rng, S=np.ones(1) if event == "A" else np.zeros(1))
    return state


@pytest.mark.parametrize("rule", [MAS(memory_time=10.0), SynapticIntelligence(memory_time=10.0)])
def test_importance_protects_and_fades(rule):
    def lost(pause):
        state = present(rule, rule.state((1, 1)), "A")
        before = state["w"].item()
        present(rule, state, "." * pause, "M")
        return before - state["w"].item()

    at_once, later, last = lost(0), lost(10), lost(120)
    assert at_once < later < last
    assert at_once < 0.3 * last
    unprotected = rule.replace(strength=0.0)
    state = present(unprotected, unprotected.state((1, 1)), "A")
    before = state["w"].item()
    present(unprotected, state, "M")
    first = present(rule, rule.state((1, 1)), "A")["w"].item()
    assert before == pytest.approx(first)
    assert last == pytest.approx(before - state["w"].item(), rel=0.05)


def test_bcpnn_settles_at_the_log_ratio_of_probabilities():
    rule = BCPNN(averaging_rate=0.004, chance=1e-3)
    rng = np.random.default_rng(1)
    state = rule.state((2, 2))
    for _ in range(2500):
        together = rng.random() < 0.5
        s = np.full(2, rng.random() < 0.3) if together else rng.random(2) < 0.3
        A = np.outer(s, s).astype(float)
        rule.step(state, A, s[:, None] + s - 2 * A, S=s.astype(float))
    joint = 0.5 * 0.3 + 0.5 * 0.09
    assert state["w"][0, 1] == pytest.approx(np.log(joint / 0.09), abs=0.25)


def test_the_surer_mesu_is_the_less_it_learns():
    rule = MESU(forgetting=0.0)
    state = rule.state((1, 1))
    assert state["w"].item() == pytest.approx(np.log(0.05 / 1.9))
    variances = [present(rule, state, "AM")["variance"].item() for _ in range(50)]
    assert np.all(np.diff(variances) < 0)
    before = state["w"].item()
    late = present(rule, state, "M")["w"].item() - before
    assert abs(late) < 0.25 * abs(present(rule, rule.state((1, 1)), "A")["w"].item() + 3.64)


def test_mesu_goes_back_to_its_prior():
    rule = MESU(forgetting=0.1, prior_variance=2.0)
    state = rule.state((1, 1))
    present(rule, state, "A" * 30)
    surest = state["variance"].item()
    present(rule, state, "M" * 300)
    assert state["variance"].item() > surest
    assert state["variance"].item() < 2.0


@pytest.mark.parametrize("kind", [AmitFusi, Multistate, Cascade, SerialTransfer])
def test_stochastic_synapses_are_symmetric_and_have_few_strengths(kind):
    patterns = sparse_patterns(60, 60, coding_level=0.1, seed=1)
    network = HopfieldNetwork(60, rule=kind(coding_level=0.1), seed=2)
    network.store(patterns)
    np.testing.assert_array_equal(network.weights, network.weights.T)
    strengths = {AmitFusi: 2, Cascade: 2, Multistate: 3, SerialTransfer: 4}[kind]
    assert 2 <= len(np.unique(network.weights.round(9))) <= strengths


def test_balanced_transitions_fill_half_of_the_synapses():
    rule = AmitFusi(coding_level=0.2, depression_ratio=1.0)
    network = HopfieldNetwork(50, rule=rule, seed=1)
    network.store(sparse_patterns(300, 50, coding_level=0.2, seed=1))
    filled = network.weights.sum() / (50 * 49)
    assert filled == pytest.approx(0.5, abs=0.08)


def test_a_confirmed_cascade_is_harder_to_switch():
    rule = Cascade(coding_level=0.5, depression_ratio=2.0, depths=4)  # every M is an event
    rng = np.random.default_rng(3)

    def survivors(confirmations):
        state = rule.state((2000, 1))
        for event in "A" * (1 + confirmations) + "M":
            A, M = (np.full((2000, 1), float(event == letter)) for letter in "AM")
            rule.step(state, A, M, rng=rng)
        return state["w"].mean()

    assert survivors(0) == 0.0
    assert survivors(1) == pytest.approx(0.5, abs=0.05)  # all went one deeper: x / (1 - x) = 1
    assert survivors(8) > 0.7


def test_later_stages_follow_the_first_and_keep_longer():
    rule = SerialTransfer(coding_level=0.5, depression_ratio=2.0, transfer=0.2)
    rng = np.random.default_rng(1)
    state = rule.state((500, 1))
    one, zero = np.ones((500, 1)), np.zeros((500, 1))
    for _ in range(40):
        rule.step(state, one, zero, rng=rng)
    assert state["third"].mean() > 0.9
    for _ in range(3):
        rule.step(state, zero, one, rng=rng)
    assert state["first"].mean() == 0.0
    assert state["first"].mean() < state["second_stage"].mean() < state["third"].mean()


def test_beakers_keep_what_flows_between_them():
    """Without the outflow at the end, the sum of C_k u_k is what was poured in."""
    rule = BennaFusi(variables=4, base=2.0, flow=0.05)
    state = present(rule, rule.state((1, 1)), "A")
    poured = state["w"].item()
    silent = 0.05**2  # target of a silent pair
    present(rule, state, "." * 30)
    held = sum(2.0**k * state[name].item() for k, name in enumerate(("w", "u2", "u3", "u4")))
    assert held == pytest.approx(poured + 30 * silent, rel=0.03)
    assert state["w"].item() < poured
    assert state["u2"].item() > 0


def test_clocks_protect_for_their_time_whatever_the_number_of_coincidences():
    for events in ("A", "AAAAA"):
        for pause, kept in ((48, True), (52, False)):
            timer = Timer(protection_time=50.0)
            state = present(timer, timer.state((1, 1)), events, "." * pause)
            before = state["w"].item()
            present(timer, state, "M")
            assert (state["w"].item() == before) is kept
            willshaw = WillshawClock(protection_time=50.0)
            state = present(willshaw, willshaw.state((1, 1)), events, "." * pause)
            assert state["w"].item() == float(kept)


def test_willshaw_with_a_clock_is_willshaw_of_the_newest_patterns():
    from spikeconsol.consolidation.batch import willshaw

    patterns = sparse_patterns(80, 50, coding_level=0.1, seed=4)
    network = HopfieldNetwork(50, rule=WillshawClock(protection_time=30.5), seed=1)
    network.store(patterns)
    np.testing.assert_array_equal(network.weights, willshaw(patterns[-32:]))


FAST = [name for name, kind in registry.items() if kind().local and not kind().stochastic]


@pytest.mark.parametrize("name", FAST)
def test_rows_of_active_units_are_enough(name):
    """The quick way of a network is the rule on all pairs."""
    rule = registry[name]()
    if not rule.elementwise:
        pytest.skip("runs on all pairs anyway")
    patterns = sparse_patterns(12, 40, coding_level=0.1, seed=3)
    network = HopfieldNetwork(40, rule=rule, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # not the coding level of every rule
        network.store(patterns)
    state = rule.state((40, 40))
    for s in patterns.astype(float):
        A = np.outer(s, s)
        Rule.step(rule, state, A, s[:, None] + s - 2 * A, S=s)
        for variable in ("w", *rule.traces):
            np.fill_diagonal(state[variable], 0.0)
    for variable, expected in state.items():
        np.testing.assert_allclose(network.state[variable], expected, rtol=1e-9, atol=1e-12)


def test_a_constant_added_to_all_weights_does_not_change_recall_with_a_neutral_diagonal():
    patterns = sparse_patterns(60, 100, coding_level=0.05, seed=5)
    cues = np.roll(patterns, 1, axis=1) & (np.arange(100) % 3 > 0) | patterns
    found = {}
    for shift in (0.0, -4.0, 4.0):
        for coupling in (None, 0.0, 2.0):
            network = HopfieldNetwork(100, rule=CurvatureGate(), seed=1, self_coupling=coupling)
            network.store(patterns)
            weights = network.weights + shift
            np.fill_diagonal(weights, 0.0)
            network.weights = weights
            found[shift, coupling] = network.recall(cues)
    for coupling in (0.0, 2.0):
        same = (found[-4.0, coupling] == found[4.0, coupling]).mean()
        assert same > 0.995
    # A zero diagonal is strong self-excitation where all weights are negative.
    assert (found[-4.0, None] == found[4.0, None]).mean() < 0.99


def test_self_coupling_keeps_the_cue():
    """Strong enough, nothing but the cue remains."""
    patterns = sparse_patterns(20, 100, coding_level=0.05, seed=6)
    network = HopfieldNetwork(100, rule=CurvatureGate(), seed=1, self_coupling=1000.0)
    network.store(patterns)
    cues = sparse_patterns(20, 100, coding_level=0.05, seed=7)
    np.testing.assert_array_equal(network.recall(cues), cues)
