"""The spiking memory: exact agreements, the rule told by spike trains, recall, errors."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from spikeconsol.brian.backend import default_target
from spikeconsol.brian.layout import TILE, pair_indices
from spikeconsol.consolidation import (
    LIF,
    AdEx,
    HopfieldNetwork,
    SpikingMemory,
    SpikingParameters,
)
from spikeconsol.consolidation.limits import expected_spikes
from spikeconsol.consolidation.pairs import Pairs
from spikeconsol.consolidation.rules import CurvatureGate, HardBounds, Leaky, Shuffled, spiking_form
from spikeconsol.consolidation.wiring import AllToAll, Sparse
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError
from spikeconsol.statistics import dice

N, F = 60, 0.1
RULE = CurvatureGate(coding_level=F, protection_time=20.0)
PATTERNS = sparse_patterns(6, N, coding_level=F, seed=3)
DEFAULTS = SpikingParameters(coding_level=F)
#: Most tests share its two compiled programs; single precision is compared with it.
DOUBLE = DEFAULTS.replace(precision="double")


def quiet(parameters):
    return parameters.with_settings({"cells.noise": 0.0})


def memory(parameters=DOUBLE, *, rule=RULE, seed=1, target=None, n=N):
    return SpikingMemory(n, rule=rule, seed=seed, parameters=parameters, target=target)


def stored(parameters=DOUBLE, patterns=PATTERNS, **options):
    network = memory(parameters, **options)
    network.store(patterns)
    return network


def same_spikes(a, b):
    np.testing.assert_array_equal(a.cells, b.cells)
    np.testing.assert_allclose(a.times, b.times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(a.inhibitory_times, b.inhibitory_times, rtol=0, atol=1e-9)


# ------------------------------------------------------------------------------- agreements


@pytest.fixture(scope="module")
def compiled():
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    return "standalone"


@pytest.mark.parametrize("noise", [0.0, 0.15])
def test_targets_agree(compiled, noise):
    parameters = DOUBLE.with_settings({"cells.noise": noise})
    a = stored(parameters, PATTERNS[:2], target=compiled)
    b = stored(parameters, PATTERNS[:2], target="numpy")
    same_spikes(a.recording, b.recording)
    np.testing.assert_allclose(a.weights, b.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(a.trace, b.trace, rtol=0, atol=1e-12)
    recalled = a.recall(PATTERNS[:1]), b.recall(PATTERNS[:1])
    same_spikes(a.recording, b.recording)
    np.testing.assert_array_equal(*recalled)


@pytest.mark.slow
def test_cython_agrees(compiled):
    a = stored(DOUBLE, PATTERNS[:4], target=compiled)
    b = stored(DOUBLE, PATTERNS[:4], target="cython")
    same_spikes(a.recording, b.recording)
    np.testing.assert_allclose(a.weights, b.weights, rtol=0, atol=1e-12)


@pytest.mark.parametrize("rule", [RULE, Shuffled(rule=RULE, seed=2)], ids=["gate", "shuffled"])
def test_half_matrix_equals_full_matrix(rule):
    patterns = PATTERNS[:2]
    half = stored(DOUBLE, patterns, rule=rule, target="numpy")
    full = stored(DOUBLE.replace(symmetric=False), patterns, rule=rule, target="numpy")
    same_spikes(half.recording, full.recording)
    np.testing.assert_allclose(half.weights, full.weights, rtol=0, atol=1e-12)
    np.testing.assert_allclose(half.trace, full.trace, rtol=0, atol=1e-12)


@pytest.mark.parametrize("target", ["numpy", pytest.param("standalone", marks=pytest.mark.slow)])
def test_single_precision_is_close_to_double(compiled, target):
    single, double = stored(DEFAULTS, PATTERNS[:3], target=target), stored(patterns=PATTERNS[:3])
    same_spikes(single.recording, double.recording)
    np.testing.assert_allclose(single.weights, double.weights, rtol=0, atol=1e-5)
    assert np.any(single.weights != double.weights)


def test_repeats_are_identical_and_seeds_differ(compiled):
    a, b, other = stored(), stored(), stored(seed=2)
    same_spikes(a.recording, b.recording)
    np.testing.assert_array_equal(a.weights, b.weights)
    assert not np.array_equal(a.recording.times, other.recording.times)
    np.testing.assert_array_equal(a.recall(PATTERNS), b.recall(PATTERNS))
    first = a.recording.times
    a.recall(PATTERNS)
    assert not np.array_equal(first, a.recording.times)  # every call has noise of its own


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("n", [2, TILE, 11])
def test_layout_holds_every_pair_once(n, symmetric):
    i, j = pair_indices(n, symmetric=symmetric)
    assert np.all(i < j) if symmetric else np.all(i != j)
    assert len(set(zip(i, j, strict=True))) == len(i) == n * (n - 1) // (2 if symmetric else 1)
    assert np.all(np.diff(i // TILE) >= 0)


@pytest.mark.parametrize("wiring", [AllToAll(), Sparse(0.5), Sparse(0.5, symmetric=True)], ids=repr)
@pytest.mark.parametrize("half", [True, False])
@pytest.mark.parametrize("tile", [1, TILE])
def test_mean_weights_are_those_of_the_matrix(wiring, half, tile):
    pairs = Pairs(11, wiring, np.random.default_rng(0), half=half, tile=tile)
    pairs.state["w"] = np.random.default_rng(1).random(len(pairs), np.float32)
    assert len(pairs) == len(pairs.i)
    expected = pairs.matrix(pairs.state["w"]).sum(axis=0) / 10
    np.testing.assert_allclose(pairs.mean_weight(), expected, rtol=1e-14)


# ------------------------------------------------------------------------ the rule, by spikes


def evidence(recording, parameters, size):
    """A, M and the ceiling of every pair at the end of every pattern, from the spikes alone."""
    cells, phases, dt = parameters.cells, parameters.phases, parameters.time_step
    says = parameters.evidence
    n, slots, slot = recording.n, len(recording.onsets), round(recording.onsets[1] / dt)
    delay, shown = round(cells.delay / dt), round(phases.present / dt)
    spikes = np.zeros((slot * slots + 1, n), bool)
    spikes[np.rint(recording.times / dt).astype(int), recording.cells] = True
    trace, h = np.zeros(n), np.zeros(n)

    def above(x):
        return np.clip((x - cells.facilitation_threshold) / cells.facilitation_range, 0, 1)

    c, heard = np.zeros((n, n)), np.zeros(n)
    for step in range(slot * slots):
        trace *= 1 - dt / cells.facilitation_time
        u = above(trace)
        if step % slot < shown and step >= delay:
            for i in np.flatnonzero(spikes[step - delay]):
                c[i] += h[i] * u
                c[:, i] += h[i] * u
                heard[i] += h[i]
        fired = spikes[step]
        h[fired] = above(trace[fired])
        trace[fired] += cells.facilitation_jump * (1 - trace[fired])
        if step % slot == slot - 1:
            both = heard[:, None] + heard
            share = c / np.maximum(both, 1e-6)
            enough = np.clip(both / says.evidence - 1, 0, 1)
            yield (
                enough * np.clip((share - says.coincident_share) * says.slope, 0, 1),
                enough * np.clip((says.coincident_share - share) * says.slope, 0, 1),
                np.clip(np.sqrt(says.ceiling * size * both / max(2 * heard.sum(), 1e-6)), 0, 1),
            )
            c, heard = np.zeros((n, n)), np.zeros(n)


@pytest.mark.parametrize("rule", [RULE, Shuffled(rule=RULE), Leaky(coding_level=F)], ids=str)
def test_spike_trains_and_numpy_rule_give_the_weights(rule):
    patterns = PATTERNS[:2].copy()
    patterns[1, np.flatnonzero(~patterns[1])[:3]] = True  # a larger one
    network = stored(DOUBLE, patterns, rule=rule, target="numpy")
    bounded = spiking_form(rule)
    state = bounded.state((N, N))
    for A, M, ceiling in evidence(network.recording, DOUBLE, F * N):
        bounded.step(state, A, M, ceiling=ceiling)
    pairs = ~np.eye(N, dtype=bool)
    assert state["w"][pairs].max() > 0.5
    np.testing.assert_allclose(network.weights[pairs], state["w"][pairs], rtol=0, atol=1e-12)
    if "trace" in state:
        np.testing.assert_allclose(network.trace[pairs], state["trace"][pairs], rtol=0, atol=1e-12)


def test_coincident_pairs_are_potentiated_and_mismatched_ones_depressed(compiled):
    network = memory()
    network.weights = np.where(np.eye(N), 0, 0.5)
    network.store(PATTERNS[:1])
    s = PATTERNS[0]
    off = ~np.eye(N, dtype=bool)
    assert np.all(network.weights[np.outer(s, s) & off] > 0.7)
    assert np.all(network.weights[np.outer(s, ~s)] < 0.5)
    np.testing.assert_array_equal(network.weights[np.outer(~s, ~s) & off], 0.5)


def test_weights_stay_in_bounds_symmetric_and_without_self_connections(compiled):
    for rule in (RULE, HardBounds(coding_level=F)):
        w = (
            stored() if rule is RULE else stored(DOUBLE, PATTERNS[:2], rule=rule, target="numpy")
        ).weights
        assert w.min() >= 0
        assert w.max() <= 1
        np.testing.assert_array_equal(w, w.T)
        np.testing.assert_array_equal(np.diag(w), 0)


# --------------------------------------------------------------------------- calls and state


def test_state_is_carried_from_call_to_call(compiled):
    first, second = stored(quiet(DOUBLE), PATTERNS[:3]), memory(quiet(DOUBLE))
    second.weights, second.trace = first.weights, first.trace
    for network in (first, second):
        network.store(PATTERNS[3:])
    np.testing.assert_array_equal(first.weights, second.weights)
    np.testing.assert_array_equal(first.trace, second.trace)
    assert np.any(first.weights != stored(quiet(DOUBLE), PATTERNS[3:]).weights)


def test_storing_in_two_calls_is_storing_in_one(compiled):
    split = stored(quiet(DOUBLE), PATTERNS[:3])
    split.store(PATTERNS[3:])
    # The gap leaves a little of the last pattern's bursts to the next one.
    np.testing.assert_allclose(split.weights, stored(quiet(DOUBLE)).weights, rtol=0, atol=0.02)


def test_recall_leaves_weights_and_traces(compiled):
    network = stored()
    before = network.weights, network.trace
    network.recall(PATTERNS)
    np.testing.assert_array_equal(network.weights, before[0])
    np.testing.assert_array_equal(network.trace, before[1])


def test_recall_in_several_runs_does_not_depend_on_threads(compiled, monkeypatch):
    network = stored()
    networks = [network, deepcopy(network)]
    monkeypatch.setattr(SpikingMemory, "_parts", lambda *_: iter([slice(0, 2), slice(2, 6)]))
    one, three = (
        (network.recall(PATTERNS, threads=threads), network.recording)
        for network, threads in zip(networks, (1, 3), strict=True)
    )
    np.testing.assert_array_equal(one[0], three[0])
    same_spikes(one[1], three[1])
    assert len(three[1].onsets) == len(PATTERNS)


def test_recall_completes_partial_cues(compiled):
    network = stored()
    cues = PATTERNS.copy()
    for cue in cues:
        cue[np.flatnonzero(cue)[:2]] = False  # a third of the active cells
    assert dice(network.recall(cues), PATTERNS).mean() > 0.9
    assert dice(memory().recall(cues), PATTERNS).mean() < 0.5  # nothing stored


def test_weights_of_the_rate_network_are_recalled_by_spikes(compiled):
    rate = HopfieldNetwork(N, rule=RULE, seed=1)
    rate.store(PATTERNS)
    network = memory()
    # Weights of spiking cells are excitatory; the offset is left to inhibition.
    weights = np.clip(rate.weights / rate.weights.max(), 0, 1)
    np.fill_diagonal(weights, 0)
    network.weights = weights
    assert dice(network.recall(PATTERNS), PATTERNS).mean() > 0.9


def test_recording_counts_spikes_by_slot(compiled):
    network = stored()
    recording = network.recording
    excitatory, inhibitory = recording.counts(0.0, np.inf)
    assert excitatory.shape == PATTERNS.shape
    assert excitatory.sum() == len(recording.cells)
    assert inhibitory.shape == (len(PATTERNS),)
    np.testing.assert_array_equal(recording.rates() > 30, PATTERNS)


# ----------------------------------------------------------------------------------- variants


def test_continuous_trace_learns_without_a_clock():
    network = stored(DOUBLE.replace(trace="continuous"), PATTERNS[:2], target="numpy")
    pairs = ~np.eye(N, dtype=bool)
    together = np.any([np.outer(s, s) for s in PATTERNS[:2]], axis=0) & pairs
    assert network.weights[together].mean() > 0.5
    assert network.weights[~together].mean() < 0.05
    assert network.trace[together].min() > network.trace[~together].max()
    assert dice(network.recall(PATTERNS[1:2]), PATTERNS[1:2]) > 0.9


@pytest.mark.parametrize("lifetime", [5.0, 12.5, 42.5, 1000.0])
def test_both_traces_close_the_gate_at_the_window_and_open_it_after_the_lifetime(lifetime):
    continuous, threshold = DEFAULTS.continuous, np.exp(-3.81)
    constants = continuous.constants(lifetime, threshold)
    after = np.array([0.99 * continuous.window, 1.01 * continuous.window, 0.999 * lifetime])
    after = np.r_[after, 1.001 * lifetime]
    difference = np.exp(-after / constants["trace_time"]) - np.exp(-after / constants["fast_time"])
    np.testing.assert_array_equal(difference > threshold, [False, True, True, False])


def test_a_protection_that_no_two_traces_give_is_refused():
    with pytest.raises(ParameterError, match=r"continuous\.window: got 0\.3 second for a .* 1 sec"):
        DEFAULTS.continuous.constants(1.0, np.exp(-3.81))


def test_without_a_clock_the_gate_protects_at_short_protection_times():
    """A pair that has just coincided is not depressed by a pattern with one of its cells."""
    small = sparse_patterns(1, 30, coding_level=F, seed=1)
    other = ~small & (np.cumsum(~small, axis=1) <= 2)
    other[0, np.flatnonzero(small)[0]] = True
    weights = []
    for residual in (0.06, 1.0):
        rule = replace(RULE, protection_time=20.0, residual_plasticity=residual)
        network = memory(DOUBLE.replace(trace="continuous"), rule=rule, target="numpy", n=30)
        network.store(np.r_[small, other, other, other])
        i, j = np.flatnonzero(small)[:2]
        weights.append(network.weights[i, j])
    assert weights[0] > weights[1] + 0.05


def test_inhibitory_population_takes_the_place_of_the_unit():
    parameters = DEFAULTS.with_settings({"inhibition.cells": 5})
    network = stored(parameters, PATTERNS[:1], target="numpy")
    assert dice(network.recall(PATTERNS[:1]), PATTERNS[:1]).mean() > 0.9
    assert set(network.recording.inhibitory_cells) == set(range(5))


def test_poisson_input_and_background_have_their_rates():
    settings = {"cells.input_rate": "60 Hz", "cells.background_rate": "4 Hz", "cells.noise": 0.0}
    patterns = PATTERNS[:3]
    network = stored(DEFAULTS.with_settings(settings), patterns, target="numpy")
    present = DEFAULTS.phases.present
    counts, _ = network.recording.counts(0.0, present)
    for cells, rate in ((patterns, 64), (~patterns, 4)):
        expected = rate * present * cells.sum()
        assert abs(counts[cells].sum() - expected) < 5 * np.sqrt(expected)
    gaps, _ = network.recording.counts(present, np.inf)
    expected = 4 * DEFAULTS.phases.gap * gaps.size
    assert 0 < gaps.sum() < expected + 5 * np.sqrt(expected)


def test_correlated_background_has_its_rate_and_its_correlation():
    settings = {
        "cells.background_rate": "4 Hz",
        "cells.background_correlation": 0.5,
        "cells.delay": "2 ms",
        "time_step": "2 ms",  # coarse, for speed: only forced spikes matter here
    }
    patterns = np.repeat(PATTERNS[:1], 16, axis=0)
    recording = stored(
        DEFAULTS.with_settings(settings), patterns, rule=Leaky(coding_level=F), target="numpy"
    ).recording
    width = DEFAULTS.phases.bin
    bins = np.minimum(recording.times / width + 1e-6, 16 * 6 - 1).astype(int)
    counts = np.zeros((16 * 6, N))
    np.add.at(counts, (bins, recording.cells), 1)
    counts = counts[:, ~PATTERNS[0]]
    between = np.corrcoef(counts.T)[np.triu_indices(counts.shape[1], 1)].mean()
    assert between == pytest.approx(0.5, abs=0.15)
    assert counts.mean() / width == pytest.approx(4, abs=1.5)


# ------------------------------------------------------------------------------------- errors


def test_patterns_that_do_not_fit_are_refused():
    network = memory()
    with pytest.raises(ValueError, match="60"):
        network.store(np.ones((2, N + 1)))
    with pytest.raises(ValueError, match="patterns"):
        network.store(np.full((2, N), 0.5))
    with pytest.raises(ValueError, match="cues"):
        network.recall(np.full((2, N), 2))
    np.testing.assert_array_equal(network.weights, 0)


def test_weights_that_do_not_fit_are_refused():
    network = memory()
    asymmetric = np.zeros((N, N))
    asymmetric[0, 1] = 1
    with pytest.raises(ValueError, match="weights: got an asymmetric matrix"):
        network.weights = asymmetric
    with pytest.raises(ValueError, match="weights: got shape"):
        network.weights = np.zeros((N, N + 1))
    with pytest.raises(ValueError, match="not finite"):
        network.weights = np.full((N, N), np.nan)
    full = memory(DEFAULTS.replace(symmetric=False))
    full.weights = asymmetric
    np.testing.assert_array_equal(full.weights, asymmetric)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"phases.gap": "30 ms"}, r"phases\.gap: got 0\.03 second; allowed: multiples"),
        ({"phases.present": "260 ms"}, r"phases\.present: got"),
        ({"phases.cue": "500 ms"}, r"phases\.cue: got 0\.5 second; allowed: <= 0\.4"),
        ({"coding_level": 0.001}, "coding_level"),
    ],
)
def test_impossible_protocols_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        memory(DEFAULTS.with_settings(settings))


def test_presentations_that_would_not_be_stored_are_refused(compiled):
    weak = memory(DOUBLE.with_settings({"cells.input_current": 1.2}))
    with pytest.raises(ValueError, match=r"input_current 1\.2 for 0\.25 second .* phases\.present"):
        weak.store(PATTERNS)
    np.testing.assert_array_equal(weak.weights, 0)


@pytest.mark.parametrize(
    ("current", "duration", "burst_rate", "heard"),
    [
        (1.2, 0.25, 38.7, 1.5),
        (1.4, 0.15, 38.7, 3.8),
        (2.0, 0.1, 38.7, 5.0),
        (1.4, 0.15, 42.0, 3.8),
        (2.0, 0.1, 42.0, 5.0),
        (1.2, 0.25, 42.0, 0.0),  # fires at 41.8 Hz
    ],
)
def test_heard_spikes_are_foreseen(current, duration, burst_rate, heard):
    parameters = DEFAULTS.with_settings(
        {"cells.input_current": current, "cells.burst_rate": burst_rate}
    )
    assert expected_spikes(LIF(), parameters, duration) == pytest.approx(heard, abs=0.7)
    assert expected_spikes(AdEx(), parameters, duration) is None


def test_silence_is_not_recall():
    silent = memory(DEFAULTS.with_settings({"cells.input_current": 1.01}), target="numpy")
    with pytest.warns(UserWarning, match="fell silent in 1 of 1 recalls"):
        recalled = silent.recall(PATTERNS[:1])
    assert not recalled.any()


def test_impossible_combinations_are_refused():
    with pytest.raises(ParameterError, match="rule: got BoundedLeaky"):
        memory(DEFAULTS.replace(trace="continuous"), rule=Leaky(coding_level=F))
    with pytest.raises(ValueError, match="n: got 1"):
        memory(n=1)
    leaky = memory(rule=Leaky(coding_level=F))
    for name in ("trace", "curvature"):
        with pytest.raises(ValueError, match=f"{name}: got a BoundedLeaky rule"):
            getattr(leaky, name)


def test_curvature_is_that_of_a_pairs_coincidence():
    network = memory()
    trace = np.where(np.eye(N), 0.0, 0.3)
    network.trace = trace
    p = network.trace * RULE.trace_decay / RULE.protection_time
    np.testing.assert_allclose(network.curvature, p * (1 - p))
    assert replace(RULE, protection_time=10.0).trace_rate == pytest.approx(0.381)
