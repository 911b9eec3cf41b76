"""The cortical memory: its state, its wiring, the rule told by spike trains, errors."""

import json
import warnings

import numpy as np
import pytest

from spikeconsol.brian.backend import default_target
from spikeconsol.consolidation import CorticalMemory, CorticalParameters
from spikeconsol.consolidation.cortical_parameters import Wiring
from spikeconsol.consolidation.cortical_wiring import connect, gains, synapse_counts
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError

N = 60
RULE = CurvatureGate.for_lifetime("20 s")
PATTERNS = sparse_patterns(4, N, coding_level=0.3, seed=3)
SMALL = CorticalParameters(coding_level=0.3).with_settings(
    {
        "wiring.probability": 0.9,
        "stimuli.present": "100 ms",
        "stimuli.pause": "50 ms",
        "stimuli.cue": "50 ms",
        "stimuli.rest": "300 ms",
        "stimuli.branch": 2,
    }
)


def memory(settings=None, *, rule=RULE, seed=1, target="numpy", n=N):
    return CorticalMemory(
        n, rule=rule, seed=seed, parameters=SMALL.with_settings(settings or {}), target=target
    )


def same_spikes(a, b):
    np.testing.assert_array_equal(a.cells, b.cells)
    np.testing.assert_allclose(a.times, b.times, rtol=0, atol=1e-9)
    np.testing.assert_allclose(a.inhibitory_times, b.inhibitory_times, rtol=0, atol=1e-9)


@pytest.fixture(scope="module")
def compiled():
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    return "standalone"


BALANCED = {"balance.rate": 0.01, "balance.target_rate": "8 Hz"}


def test_inhibition_changes_as_published():
    """Step by step from the spikes: pairs strengthen, presynaptic spikes alone weaken."""
    network = memory(BALANCED)
    network.store(PATTERNS[:2])
    p, recording = network.parameters, network.recording
    trains = []
    for n, cells, times in (
        (network.n, recording.cells, recording.times),
        (network.inhibitory, recording.inhibitory_cells, recording.inhibitory_times),
    ):
        train = np.zeros((round(recording.end / p.time_step), n))
        train[np.rint(times / p.time_step).astype(int), cells] = 1
        trains.append(train)
    excitatory, inhibitory = trains
    late = np.vstack([np.zeros(network.inhibitory), inhibitory[:-1]])  # a delay of one step
    share = 2 * p.balance.target_rate * p.balance.time
    weights = np.ones((network.inhibitory, network.n))
    recent = np.zeros(network.n), np.zeros(network.inhibitory)
    for fired, heard, sent in zip(excitatory, late, inhibitory, strict=True):
        recent = tuple(r * (1 - p.time_step / p.balance.time) for r in recent)
        weights += p.balance.rate * np.outer(recent[1], fired)
        weights += p.balance.rate * np.outer(heard, recent[0] - share)
        np.clip(weights, 0, 10, out=weights)
        recent = recent[0] + fired, recent[1] + sent
    found = network.inhibitory_weights.tocoo()
    np.testing.assert_allclose(found.data, weights[found.coords], atol=1e-6)
    assert found.data.std() > 0.01
    assert network.inhibitory_weights.shape == (N // 4, N)


@pytest.mark.parametrize("target", ["numpy", pytest.param("standalone", marks=pytest.mark.slow)])
def test_plastic_inhibition_is_saved_and_otherwise_weights_are_one(target, tmp_path):
    network = memory(BALANCED, target=target)
    network.store(PATTERNS[:1])
    network.save(tmp_path / "memory.nc")
    again = CorticalMemory.load(tmp_path / "memory.nc", target=target)
    for one in (network, again):
        one.run(0.1)
    same_spikes(network.recording, again.recording)
    np.testing.assert_array_equal(
        network.inhibitory_weights.toarray(), again.inhibitory_weights.toarray()
    )
    assert (network.inhibitory_weights.data != 1).any()
    assert (memory().inhibitory_weights.data == 1).all()


# ------------------------------------------------------------------------------------ state


def test_targets_agree(compiled):
    a, b = memory(target=compiled), memory()
    for network in (a, b):
        network.store(PATTERNS[:1])
    same_spikes(a.recording, b.recording)
    np.testing.assert_allclose(a.weights.toarray(), b.weights.toarray(), rtol=0, atol=1e-5)
    recalled = a.recall(PATTERNS[:1]), b.recall(PATTERNS[:1])
    same_spikes(a.recording, b.recording)
    np.testing.assert_array_equal(*recalled)


def test_asking_changes_nothing(compiled):
    asked, silent = memory(target=compiled), memory(target=compiled)
    for network in (asked, silent):
        network.store(PATTERNS[:2])
    before = asked.weights.toarray()
    first = asked.recall(PATTERNS)
    np.testing.assert_array_equal(asked.weights.toarray(), before)
    times = asked.recording.times
    asked.recall(PATTERNS)
    assert not np.array_equal(times, asked.recording.times)  # every branch has noise of its own
    assert first.shape == (4, N)
    for network in (asked, silent):
        network.store(PATTERNS[2:])
    same_spikes(asked.recording, silent.recording)
    np.testing.assert_array_equal(asked.weights.toarray(), silent.weights.toarray())


def test_wiring_and_constants_are_values_of_one_program(compiled):
    one = memory(target=compiled)
    other = memory(
        {"wiring.seed": 5, "strengths.recurrent": 0.5, "wiring.fixed_fan_in": False},
        rule=CurvatureGate.for_lifetime("30 s"),
        target=compiled,
    )
    assert one.program().key() == other.program().key()
    one.run(0.2)
    other.run(0.2)
    assert not np.array_equal(one.recording.cells, other.recording.cells)


def test_silence_leaves_only_decay(compiled):
    silent = {"excitatory.noise": "0 mV", "excitatory.drive": "0 mV", "inhibitory.drive": "0 mV"}
    network = memory(silent | {"inhibitory.noise": "0 mV"}, target=compiled)
    rng = np.random.default_rng(0)
    for name in network._state:
        if name.startswith("pairs."):
            network._state[name] = rng.random(len(network._state[name])).astype(np.float32)
    before = {name: values.copy() for name, values in network._state.items()}
    network.run(1.0)
    assert len(network.recording.times) == 0
    np.testing.assert_array_equal(network.weights.data, network._matrix("w").data)
    np.testing.assert_array_equal(network._state["pairs.w"], before["pairs.w"])
    for name in ("burst_i", "burst_j", "trace", "trace_fast"):
        time = RULE.constants[f"{name.removesuffix('_i').removesuffix('_j')}_time"]
        expected = before[f"pairs.{name}"] * np.exp(-1 / time)
        np.testing.assert_allclose(network._state[f"pairs.{name}"], expected, rtol=1e-5)


def test_a_saved_memory_goes_on_to_the_last_bit(compiled, tmp_path):
    memory_ = memory({"wiring.seed": 7}, target=compiled)
    memory_.store(PATTERNS[:2])
    memory_.save(tmp_path / "memory.nc")
    loaded = CorticalMemory.load(tmp_path / "memory.nc", target=compiled)
    assert loaded.rule == RULE
    assert loaded.parameters == memory_.parameters
    for network in (memory_, loaded):
        network.store(PATTERNS[2:])
    same_spikes(memory_.recording, loaded.recording)
    np.testing.assert_array_equal(memory_.weights.toarray(), loaded.weights.toarray())
    np.testing.assert_array_equal(memory_.recall(PATTERNS), loaded.recall(PATTERNS))
    with pytest.raises(ParameterError, match=r"rule: got .*; allowed: rule as saved"):
        CorticalMemory.load(tmp_path / "memory.nc", rule=CurvatureGate.for_lifetime("21 s"))


@pytest.mark.parametrize("since", ["stored", ""])
def test_a_memory_saved_as_a_numpy_archive_is_read(since, tmp_path):
    memory_ = memory({"wiring.seed": 7})
    memory_._seeds.spawn(3)
    memory_.stored = 3
    about = {
        "excitatory": N,
        "seed": 1,
        "parameters": memory_.parameters.flat(),
        "rule": RULE.fingerprint(),
        "calls": 3,
        "probes": 0,
    }
    if since:
        about["stored"] = 3
    path = tmp_path / "memory.npz"
    np.savez_compressed(path, about=json.dumps(about), **memory_._state)
    loaded = CorticalMemory.load(path, rule=RULE)
    assert loaded.parameters == memory_.parameters
    assert loaded.stored == (3 if since else 0)
    assert loaded._seeds.spawn(1)[0].spawn_key == memory_._seeds.spawn(1)[0].spawn_key
    for name, values in memory_._state.items():
        np.testing.assert_array_equal(loaded._state[name], values)
    for rule in (None, CurvatureGate.for_lifetime("21 s")):
        with pytest.raises(ParameterError, match=r"rule: got .*; allowed: rule as saved"):
            CorticalMemory.load(path, rule=rule)


@pytest.mark.filterwarnings("ignore:patterns have a mean activity")
def test_the_stimulus_is_poisson_input(compiled):
    """Mean and variance of what a train of 1500 Hz leaves in fast excitation (Campbell)."""
    settings = {
        "strengths.recurrent": 0.0,
        "stimuli.pause": "0 ms",
        "stimuli.input_jump": 0.1,
        "stimuli.input_rate": "900 Hz",
    }
    network = memory(settings, target=compiled)
    found = []
    for _ in range(20):
        network.store(np.ones((1, N), bool))
        found.append(network._state["excitatory.ampa"])
    found = np.array(found) / (1 - 0.5 / 5)  # as cells see it, before a step's decay
    assert found.mean() == pytest.approx(0.1 * 900 * 5e-3, rel=0.03)
    assert found.var() == pytest.approx(0.1**2 * 900 * 5e-3 / 2, rel=0.15)


# ------------------------------------------------------------------------ the rule, by spikes


def told_by_spikes(recording, pairs, rule, delay, dt):
    """Weights of every synapse after the recorded spikes, spike by spike, in plain Python."""
    c = rule.constants
    spikes = [np.rint(recording.times[recording.cells == n] / dt).astype(int) for n in range(N)]
    end = round(recording.end / dt)
    weights = []
    for i, j in zip(*pairs, strict=True):
        # A spike arrives after the delay; of simultaneous events the presynaptic one is first.
        events = sorted(
            [(s + delay, 0) for s in spikes[i] if s + delay < end] + [(s, 1) for s in spikes[j]]
        )
        w, q, fast, burst, last = 0.0, 0.0, 0.0, [0.0, 0.0], 0
        for step, side in events:
            elapsed, last = (step - last) * dt, step
            burst = [b * np.exp(-elapsed / c["burst_time"]) for b in burst]
            q *= np.exp(-elapsed / c["trace_time"])
            fast *= np.exp(-elapsed / c["trace_fast_time"])
            active = np.clip((np.array(burst) - c["burst_threshold"]) / c["burst_range"], 0, 1)
            both = c["coincidence_share"] * active.prod()
            one = c["mismatch_share"] * active[side] * (1 - active[1 - side])
            if q - fast < c["trace_threshold"]:
                w += c["potentiation"] * both * (1 - w) - c["depression"] * one * w
            jump = both * (1 - q)
            q, fast = q + jump, fast + jump
            burst[side] += 1
        weights.append(w)
    return np.array(weights)


def test_spike_trains_and_the_rule_give_the_weights():
    network = memory()
    network.store(PATTERNS[:3])
    pairs = network._wiring["pairs"]
    expected = told_by_spikes(network.recording, pairs, RULE, 2, 0.5e-3)
    assert expected.max() > 0.5
    np.testing.assert_allclose(network._state["pairs.w"], expected, rtol=0, atol=1e-4)


# ----------------------------------------------------------------------------------- wiring


@pytest.mark.parametrize("fixed", [True, False])
def test_connections_are_as_many_as_said_and_none_is_double(fixed):
    wiring = Wiring(probability=0.3, fixed_fan_in=fixed, seed=4)
    drawn, counts = connect(80, wiring), synapse_counts(80, wiring)
    for name, (i, j) in drawn.items():
        assert len(set(zip(i, j, strict=True))) == len(i) == counts[name]
    assert counts["pairs"] == round(0.3 * 80 * 79)
    for name in ("pairs", "disinhibiting"):
        assert np.all(drawn[name][0] != drawn[name][1])
    fan_in = np.bincount(drawn["inhibiting"][1], minlength=80)
    assert fan_in.mean() == 12
    assert (fan_in.std() == 0) == fixed
    again = connect(80, wiring)
    assert all(np.array_equal(again[name], drawn[name]) for name in drawn)
    other = connect(80, wiring.replace(seed=5))
    assert not np.array_equal(other["pairs"][1], drawn["pairs"][1])


def test_pairs_of_cells_are_connected_equally_often():
    """Of 9900 pairs a third are drawn, 30 times over: no row, column or side stands out."""
    counts = np.zeros((100, 100))
    for seed in range(30):
        counts[connect(100, Wiring(seed=seed))["pairs"]] += 1
    expected = 30 * 0.3
    off = ~np.eye(100, dtype=bool)
    assert counts[off].mean() == pytest.approx(expected, rel=1e-3)
    assert counts[off].var() == pytest.approx(expected * 0.7, rel=0.1)
    assert counts.sum(0).std() < 1.5 * np.sqrt(99 * expected * 0.7)
    assert counts.sum(1).std() < 1.5 * np.sqrt(99 * expected * 0.7)


def test_an_assembly_drives_equally_in_all_sizes():
    for size, active, p in ((800, 64, 0.3), (1600, 80, 0.3), (3200, 160, 0.15)):
        found = gains(size, active, p)
        assert found.recurrent * active * p == pytest.approx(1.8)
        assert found.recruiting * active * p == pytest.approx(3.2)
        assert found.inhibiting * 0.6 * size / 4 == pytest.approx(7)


def test_too_few_inputs_from_an_assembly_are_said():
    with pytest.warns(UserWarning, match="4 inputs from an assembly of 20 cells"):
        gains(400, 20, 0.2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gains(800, 64, 0.3)


# ----------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: CorticalMemory(3, rule=RULE, seed=0), "excitatory: got 3"),
        (lambda: memory().run(0.01), "duration: got 0.01"),
        (lambda: memory().store(np.zeros((2, N))), "no active unit"),
        (lambda: memory().recall(np.ones((2, N + 1))), f"cues: got {N + 1} units"),
        (lambda: memory().trace("nothing"), "name: got 'nothing'"),
        (lambda: SMALL.with_settings({"excitatory.rest": "-70"}), "-70 mV"),
        (lambda: SMALL.with_settings({"excitatory.model": "izhikevich"}), "lif, adex"),
    ],
)
def test_errors_say_what_is_allowed(call, message):
    with pytest.raises((ValueError, ParameterError), match=message):
        call()
