import numpy as np
import pytest

from spikeconsol.bottleneck import SpikingLayer, SpikingRelationalBottleneck
from spikeconsol.bottleneck.memory import (
    Constant,
    ContinuousLiquid,
    GatedLiquid,
    Lag,
    Late,
    PermutedBits,
    Shuffled,
    Silenced,
    Traces,
)
from spikeconsol.bottleneck.memory.continuous_liquid import legendre
from spikeconsol.bottleneck.memory.gated_liquid import FittedLiquid
from spikeconsol.bottleneck.relations import OBJECTIVE, match_signal
from spikeconsol.parameters import ParameterError

LIQUID = GatedLiquid(cells=12, samples=200)


def stream(n=14, inputs=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, inputs)), (rng.random(n) < 0.5).astype(float)


def network(memory, **settings):
    return SpikingRelationalBottleneck(
        (5, 4), memory=memory, lag=2, random_state=1, **{"target": "numpy"} | settings
    )


@pytest.fixture(scope="module")
def exact():
    """A network that has learned a little, with what it recalled on the way."""
    X, match = stream()
    net = network(Lag(), learning_rate=0.05).fit(X, match)
    return net, net.follow(X, match)


def test_slots_recall_the_code_of_the_sample_before_the_lag(exact):
    for codes, past, _ in exact[1]:
        np.testing.assert_allclose(past[2:], codes[:-2], atol=1e-12)


def test_the_compiled_rule_is_the_rule(exact):
    net, followed = exact
    _, match = stream()
    for layer, (codes, past, signals) in enumerate(followed):
        mean = float(net._state[f"judge{layer}.kernel_mean"][0])
        expected, _ = match_signal(codes, past, match, mean, OBJECTIVE, kernel_rate=0.0)
        np.testing.assert_allclose(signals, expected, rtol=1e-9, atol=1e-14)


def test_learning_moves_weights_within_the_norm_they_had(exact):
    net = exact[0]
    X, match = stream()
    blank = network(Lag(), learning_rate=0.0).fit(X, match)
    for before, after in zip(blank.weights_, net.weights_, strict=True):
        assert (before != after).any()
        norms = np.linalg.norm(before, axis=0), np.linalg.norm(after, axis=0)
        assert (norms[1] <= norms[0] * (1 + 1e-6)).all()


def test_following_a_stream_teaches_nothing_and_repeats(exact):
    net, _ = exact
    X, match = stream(seed=3)
    weights = [w.copy() for w in net.weights_]
    cells = net.transform(X)
    net.follow(X, match)
    for before, after in zip(weights, net.weights_, strict=True):
        np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(net.transform(X), cells)


@pytest.mark.parametrize(
    ("memory", "name"),
    [
        ("liquid", "memory"),
        (Traces(), "memory"),
        (Silenced(Traces()), "memory"),
        (Constant(Lag()), "memory"),
        (Shuffled(Lag()), "memory"),
    ],
)
def test_memories_that_have_no_spiking_form_are_refused_by_name(memory, name):
    X, match = stream()
    with pytest.raises(ParameterError, match=f"^{name}: got"):
        network(memory).fit(X, match)


@pytest.mark.parametrize(
    ("settings", "name"),
    [({"lag": 0}, "lag"), ({"hidden": (3, 1)}, "hidden"), ({"learning_rate": -1}, "learning_rate")],
)
def test_impossible_settings_are_refused_by_name(settings, name):
    X, match = stream()
    with pytest.raises(ParameterError, match=f"^{name}: got"):
        SpikingRelationalBottleneck(**settings).fit(X, match)


def test_inputs_and_relations_outside_their_range_are_refused():
    X, match = stream()
    with pytest.raises(ValueError, match=r"^X: got values"):
        network(Lag()).fit(X + 1, match)
    with pytest.raises(ValueError, match=r"^relation: got shape"):
        network(Lag()).fit(X, match[:-1])
    with pytest.raises(ParameterError, match=r"^memory: got a GatedLiquid"):
        LIQUID.begin(4, 2, np.random.default_rng(0))


@pytest.mark.slow
def test_a_liquid_holds_counts_that_it_loses_when_silenced_and_late_recalls_late():
    """Through the compiled network, where the layers' own spikes are heard."""
    X, match = stream(300, seed=5)
    quality = {}
    liquid = GatedLiquid(cells=200, samples=3000)
    for name, memory in {
        "liquid": liquid,
        "silenced": Silenced(liquid),
        "constant": Constant(liquid),
        "late": Late(liquid),
        "shuffled": Shuffled(liquid),
        "permuted": PermutedBits(liquid),
    }.items():
        net = network(memory, learning_rate=1e-6, target=None).fit(X, match)
        codes, past, _ = net.follow(X, match)[0]
        wanted = codes[100:-3] if name == "late" else codes[101:-2]
        held, told = (counts - counts.mean(axis=0) for counts in (past[103:], wanted))  # by cell
        norm = np.linalg.norm(held) * np.linalg.norm(told)
        quality[name] = np.sum(held * told) / norm if norm else 0.0
    assert quality["liquid"] > 0.8
    assert quality["late"] > 0.75
    assert quality["permuted"] == pytest.approx(quality["liquid"], abs=0.1)
    for control in ("silenced", "constant", "shuffled"):
        assert abs(quality[control]) < 0.3


def test_legendre_coefficients_hold_a_window():
    """Of a slow input, whatever it was up to theta ago is read from the coefficients of now."""
    A, b = legendre(6)
    theta, dt = 1.0, 1e-3
    time = np.arange(0, 5, dt)
    u = np.sin(2 * np.pi * 0.7 * time) + 0.5 * np.cos(2 * np.pi * 0.4 * time)
    # Exactly, for an input that stays in a step.
    step = np.block([[A, b[:, None]], [np.zeros((1, 7))]]) * dt / theta
    step = np.linalg.matrix_power(np.eye(7) + step / 64, 64)
    m = np.zeros(6)
    for value in u:
        m = step[:6, :6] @ m + step[:6, 6] * value
    for ago in (0.1, 0.5, 0.9):
        orthonormal = m * np.sqrt(2 * np.arange(6) + 1)
        read = np.polynomial.legendre.legval(2 * ago / theta - 1, orthonormal)
        assert read == pytest.approx(u[-1 - round(ago / dt)], abs=0.05)


def test_drives_of_a_liquid_without_a_clock_follow_the_coefficients():
    liquid, units, lag, layer = ContinuousLiquid(cells=200, order=3), 2, 4, SpikingLayer()
    heard, recurrent = liquid.draw(units, lag, layer, np.random.default_rng(0))
    rng = np.random.default_rng(0)
    stages = rng.standard_normal((6, 200))
    stages /= np.linalg.norm(stages, axis=0)
    m, u = rng.standard_normal((units, 3)), rng.standard_normal(units)
    A, b = legendre(3)
    step = liquid.synaptic_time / (5 * layer.sample_time)
    # Input is scaled to drives of deviation 1, if it is independent from sample to sample.
    wanted = m + step * (m @ A.T + np.sqrt(lag + 1) * np.outer(u, b))
    np.testing.assert_allclose(m.ravel() @ stages @ recurrent + u @ heard, wanted.ravel() @ stages)
    # Not more polynomials than there are cells for, seven for four; the more, the longer the lag.
    for (cells, lag), order in {(12, 4): 3, (200, 4): 12, (200, 1): 6}.items():
        drawn = ContinuousLiquid(cells=cells).draw(2, lag, layer, rng)[1]
        assert np.linalg.matrix_rank(drawn) == 2 * order


@pytest.mark.slow
def test_a_liquid_without_a_clock_recalls_and_its_state_goes_on():
    X, match = stream()
    liquid = ContinuousLiquid(cells=100, samples=2000)
    net = network(liquid, target=None).fit(X, match)
    assert net.liquids_[0].recall > 0.4
    assert {"liquid0.trace", "liquid0.heard"} <= set(net._state)
    silent = network(Silenced(liquid), target=None).fit(X, match)
    assert silent.liquids_[0].recall < 0.1
    assert not silent._state["liquid0.trace"].any()
    assert net._state["liquid0.trace"].any()


@pytest.mark.parametrize("silent", [False, True])
def test_a_liquid_that_recalls_nothing_says_so(silent, monkeypatch, recwarn):
    """Not where it is the control that it recalls nothing."""
    liquid = ContinuousLiquid(cells=20, samples=200, order=2, silent=silent)
    rng = np.random.default_rng(0)

    def noise(self, expected, *_):
        return rng.poisson(expected), rng.standard_normal((len(expected), 20))

    monkeypatch.setattr(FittedLiquid, "rehearse", noise)
    made = liquid.fitted(4, 4, SpikingLayer(), np.random.default_rng(1))
    assert made.recall < 0
    said = [str(warning.message) for warning in recwarn]
    assert any("4 samples back with R2 -" in text for text in said) is not silent
