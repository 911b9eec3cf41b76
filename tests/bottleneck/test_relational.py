import pickle

import numpy as np
import pytest
from sklearn.base import clone

from spikeconsol.bottleneck import RelationalBottleneck, hsic
from spikeconsol.bottleneck.memory import (
    CodeReservoir,
    Constant,
    InputFunction,
    Lag,
    Late,
    PermutedBits,
    Place,
    Prototypes,
    Recent,
    Shuffled,
    Silenced,
    Slots,
    Traces,
    recall_quality,
)
from spikeconsol.bottleneck.relations import (
    OBJECTIVE,
    match_signal,
    trace_signal,
    window_signal,
)
from spikeconsol.data import nback_stream
from spikeconsol.parameters import ParameterError

SMALL = CodeReservoir(cells=20, samples=400)
MEMORIES = (
    Lag(),
    Lag(1),
    Traces(),
    Traces(recent=None, stages=0),
    Recent(5),
    Slots(3),
    SMALL,
    CodeReservoir(cells=20, gain=0.7, leak=0.2, samples=400, of=Traces()),
    Silenced(SMALL),
    Constant(SMALL, samples=9),
    Constant(Traces(), samples=9),
    Shuffled(SMALL, samples=10),
    Late(SMALL),
    Late(Traces(), 3),
    InputFunction(),
)


def stream(n=40, units=6, seed=0):
    rng = np.random.default_rng(seed)
    codes = hsic.layer_norm(np.maximum(rng.standard_normal((n, units)), 0))[0]
    return rng.random((n, 3)), codes, (rng.random(n) < 0.5).astype(float)


def begun(memory, units=6, lag=4, seed=0):
    return memory.begin(units, lag, np.random.default_rng(seed))


# ---------------------------------------------------------------------------------------- signals


def test_the_signal_of_a_match_descends_its_energy():
    """With the push held fixed, xi is -push S^2... times the slope of the kernel itself."""
    _, Z, relation = stream()
    past = np.roll(Z, 4, axis=0)
    signals, _ = match_signal(Z, past, relation, 0.3, OBJECTIVE, kernel_rate=0.0)
    width, d = OBJECTIVE.widths[2], Z.shape[1]
    for t in (0, 7):

        def kernel(z, t=t):
            return np.exp(-((z - past[t]) ** 2).sum() / (2 * width**2 * d))

        k = kernel(Z[t])
        push = OBJECTIVE.gamma * (relation[t] - 0.5) - 2 * OBJECTIVE.code_weight * (k - 0.3)
        step = 1e-30
        slope = [(kernel(Z[t] + 1j * step * e)).imag / step for e in np.eye(d)]
        np.testing.assert_allclose(signals[t], -push * np.array(slope), rtol=1e-12)


def test_matches_attract_and_others_repel():
    _, Z, _ = stream()
    past = Z + 0.1 * np.random.default_rng(1).standard_normal(Z.shape)
    for relation, sign in ((1.0, 1), (0.0, -1)):
        signals, _ = match_signal(Z, past, np.full(len(Z), relation), 0.95, OBJECTIVE)
        # Weights descend: a signal along z - past moves the code towards the past.
        assert (sign * np.sum(signals * (Z - past), axis=1) > 0).all()


def test_the_kernels_mean_runs_on_from_call_to_call():
    _, Z, relation = stream()
    past = np.roll(Z, 1, axis=0)
    whole, mean = match_signal(Z, past, relation, 0.5, OBJECTIVE)
    first, half = match_signal(Z[:15], past[:15], relation[:15], 0.5, OBJECTIVE)
    second, end = match_signal(Z[15:], past[15:], relation[15:], half, OBJECTIVE)
    np.testing.assert_allclose(np.concatenate([first, second]), whole, rtol=1e-13)
    assert end == pytest.approx(mean, rel=1e-13)


def test_traces_act_like_prototypes_of_two_classes():
    _, Z, _ = stream()
    means = np.random.default_rng(5).standard_normal((2, 6))
    prototypes = Prototypes().begin(Place(1, 6, 2, objective=OBJECTIVE))
    prototypes.means[:], prototypes.seen[:] = means, 1
    prototypes.push([0.0], 0, Z[0])
    found = trace_signal(Z[:1], means[None], OBJECTIVE)[0]
    np.testing.assert_allclose(found, prototypes.signal(), rtol=1e-12)
    alone = np.stack([means[0], np.full(6, np.nan)])
    assert not trace_signal(Z[:1], alone[None], OBJECTIVE).any()


@pytest.mark.parametrize("held", [2, 5, 7])
def test_the_window_gives_the_exact_signal_of_time_and_code(held):
    _, Z, _ = stream()
    window = np.full((1, 7, 6), np.nan)
    window[0, -held:] = Z[:held]
    found = window_signal(window, 2.0, OBJECTIVE)[0]
    width = OBJECTIVE.widths[2]

    def objective(last):
        codes = np.concatenate([Z[: held - 1], last[None]]).astype(complex)
        square = ((codes[:, None] - codes[None]) ** 2).sum(axis=2)
        kz = np.exp(-square / (2 * width**2 * 6))
        ky = np.abs(np.subtract.outer(np.arange(held), np.arange(held))) < 2.0
        centre = np.eye(held) - 1 / held
        a = OBJECTIVE.code_weight * kz - OBJECTIVE.gamma * ky
        return np.trace(a @ centre @ kz @ centre) / (held - 1) ** 2

    step = 1e-30
    slope = [objective(Z[held - 1] + 1j * step * e).imag / step for e in np.eye(6)]
    np.testing.assert_allclose(found, slope, rtol=1e-9, atol=1e-14)


# --------------------------------------------------------------------------------------- memories


@pytest.mark.parametrize("memory", MEMORIES, ids=repr)
def test_a_memory_does_not_know_how_the_stream_is_cut(memory):
    X, Z, relation = stream()
    whole = begun(memory).recall(X, Z, relation)
    live = begun(memory)
    cut = [live.recall(X[s], Z[s], relation[s]) for s in (slice(0, 7), slice(7, 8), slice(8, 40))]
    np.testing.assert_allclose(np.concatenate(cut), whole, rtol=1e-5, atol=1e-6)
    assert whole.shape[0] == 40
    assert whole.shape[2] == 6


def test_what_the_exact_memories_recall():
    X, Z, relation = stream()
    np.testing.assert_array_equal(begun(Lag()).recall(X, Z, relation)[4:, 0], Z[:-4])
    np.testing.assert_array_equal(begun(Lag(1)).recall(X, Z, relation)[1:, 0], Z[:-1])
    recent = begun(Recent(3)).recall(X, Z, relation)
    np.testing.assert_array_equal(recent[10], Z[8:11])
    assert np.isnan(recent[0, :2]).all()


def test_mean_lags_of_the_traces():
    """A recent trace of 3 samples, an older one behind it of 3 + 3 x 4; read before the sample."""
    impulse = np.zeros((200, 1))
    impulse[0] = 1
    f, g = begun(Traces(), units=1).recall(impulse, impulse, impulse[:, 0])[:, :, 0].T
    ages = np.arange(200)
    assert ages @ f / f.sum() == pytest.approx(3, abs=0.01)
    assert ages @ g / g.sum() == pytest.approx(15, abs=0.01)


def test_slots_keep_means_of_episodes():
    X, Z, _ = stream(9)
    relation = np.array([0, 1, 1, 0, 1, 0, 1, 1, 1.0])
    held = begun(Slots(2)).recall(X, Z, relation)
    np.testing.assert_allclose(held[4], [Z[3], Z[:3].mean(axis=0)])
    np.testing.assert_allclose(held[8], [Z[5:8].mean(axis=0), Z[3:5].mean(axis=0)])
    assert np.isnan(held[5, 0]).all()  # a new episode has no mean yet


def test_a_reservoir_recalls_what_its_cells_can_hold():
    large, small = (
        recall_quality(CodeReservoir(cells=cells, samples=2000), 8, 4, seed=0)
        for cells in (150, 10)
    )
    assert large > 0.9
    assert small < 0.5
    assert recall_quality(CodeReservoir(cells=150, samples=2000, silent=True), 8, 4, seed=0) < 0.1


def test_controls_do_what_they_say():
    X, Z, relation = stream(60)
    right = begun(SMALL).states(X, Z, relation)
    constant = begun(Constant(SMALL, samples=10)).states(X, Z, relation)
    np.testing.assert_allclose(constant[30], right[:10].mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(constant[30], constant[59])
    late = begun(Late(SMALL, 3)).states(X, Z, relation)
    np.testing.assert_array_equal(late[3:], right[:-3])
    shuffled = begun(Shuffled(SMALL, samples=20)).states(X, Z, relation)
    from_when = [int(np.flatnonzero((right == row).all(axis=1))[0]) for row in shuffled]
    ago = np.arange(60) - from_when
    assert ago.min() >= 0
    assert ago.max() <= 19
    assert len(set(ago)) > 8
    told = begun(PermutedBits(SMALL)).told(relation)
    assert told.sum() == relation.sum()
    assert (told != relation).any()


# -------------------------------------------------------------------------------------- estimator


def small_task(n=320):
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(4), 25)
    X = rng.random((4, 12))[y] + 0.05 * rng.standard_normal((100, 12))
    index, match = nback_stream(y, 2, n, seed=0)
    return X, y, X[index], match


def test_learning_does_not_know_how_the_stream_is_cut():
    _, _, stream, match = small_task()
    whole = RelationalBottleneck((6, 4), memory=SMALL, lag=2, random_state=0)
    parts = clone(whole)
    whole.partial_fit(stream, match)
    for part in (slice(0, 64), slice(64, 320)):
        parts.partial_fit(stream[part], match[part])
    for a, b in zip(whole.weights_, parts.weights_, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_only_the_layers_learn_and_the_readout_of_a_reservoir_stays():
    _, _, stream, match = small_task()
    net = RelationalBottleneck((6, 4), memory=SMALL, lag=2, random_state=0)
    net.partial_fit(stream[:16], match[:16])
    before = net.memories_[1].readout.copy()
    weights = net.weights_[1].copy()
    net.partial_fit(stream[16:], match[16:])
    np.testing.assert_array_equal(net.memories_[1].readout, before)
    assert (net.weights_[1] != weights).any()


def test_memories_start_from_the_same_weights():
    _, _, stream, match = small_task()
    nets = [
        RelationalBottleneck((6, 4), memory=m, lag=2, learning_rate=0.0, random_state=3)
        for m in (Lag(), SMALL)
    ]
    first, second = (net.fit(stream, match) for net in nets)
    np.testing.assert_array_equal(first.weights_[0], second.weights_[0])


def test_it_is_an_estimator():
    X, y, stream, match = small_task()
    net = RelationalBottleneck((6, 4), memory=Lag(), lag=2, random_state=1)
    assert clone(net).get_params() == net.get_params()
    net.fit(stream, match).fit_readout(X, y)
    again = pickle.loads(pickle.dumps(net))
    np.testing.assert_array_equal(again.predict(X), net.predict(X))
    assert net.score(X, y) == np.mean(net.predict(X) == y)
    assert net.transform(X).shape == (100, 4)
    assert net.transform(X, layer=0).shape == (100, 6)
    cosines, recall = net.fidelity(stream, match, Lag())
    np.testing.assert_allclose(cosines, 1, rtol=1e-12)
    np.testing.assert_allclose(recall, 1, rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"lag": 0}, "lag"),
        ({"lag": 2.5}, "lag"),
        ({"update_every": 0}, "update_every"),
        ({"hidden": ()}, "hidden"),
        ({"hidden": (8, 1)}, "hidden"),
        ({"memory": "reservoir"}, "memory"),
        ({"objective": 3}, "objective"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"final_rate": 2.0}, "final_rate"),
    ],
)
def test_impossible_settings_are_refused_by_name(settings, name):
    _, _, stream, match = small_task(40)
    with pytest.raises(ParameterError, match=f"^{name}: got"):
        RelationalBottleneck(**settings).fit(stream, match)


def test_a_relation_is_asked_for_where_one_is_needed():
    _, _, stream, match = small_task(40)
    with pytest.raises(ParameterError, match=r"^relation: got None"):
        RelationalBottleneck(memory=Lag()).fit(stream)
    with pytest.raises(ValueError, match=r"^relation: got shape"):
        RelationalBottleneck(memory=Lag()).fit(stream, match[:-1])
    with pytest.raises(ValueError, match=r"^relation: got shape"):
        RelationalBottleneck(memory=Lag()).fit(stream, 3 * match - 1)
    RelationalBottleneck((6, 4), memory=Traces()).fit(stream)
    with pytest.raises(ParameterError, match=r"^memory: got Lag"):
        begun(Silenced(Lag()))
    with pytest.raises(ParameterError, match=r"^of: got Slots"):
        begun(CodeReservoir(of=Slots()))
