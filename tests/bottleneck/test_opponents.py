import numpy as np
import pytest
from sklearn.linear_model import Ridge, SGDClassifier

from spikeconsol.bottleneck import opponents
from spikeconsol.data import accuracy_course, course_summary, digits_task, task_stream

SPLIT = digits_task(0)
X, X_TEST = SPLIT.X.astype(np.float32), SPLIT.X_test.astype(np.float32)


def stream(scenario):
    return task_stream(X, SPLIT.y, scenario, tasks=5, seed=0)


def follow(learner, scenario):
    return course_summary(accuracy_course(learner, stream(scenario), X_TEST, SPLIT.y_test))


def network(**settings):
    defaults = {"readout_learning_rate": 1e-2, "learning_rate": 1e-2, "window": 8}
    return opponents.ProtectedNetwork((32,), **(defaults | settings))


def test_accumulated_least_squares_equals_the_joint_fit():
    classes = np.arange(10)
    whole = opponents.AccumulatedLeastSquares(1e-3).partial_fit(X, SPLIT.y, classes)
    parts = opponents.AccumulatedLeastSquares(1e-3)
    for task in stream("class"):
        parts.partial_fit(task.X, task.y, classes)
    np.testing.assert_allclose(parts.decision_function(X), whole.decision_function(X), atol=1e-3)
    # The bias is one more input of 1, regularised as the others are.
    inputs = np.c_[X, np.ones(len(X))].astype(float)
    ridge = 1e-3 * np.sum(inputs**2) / inputs.shape[1]
    joint = Ridge(alpha=ridge, fit_intercept=False).fit(inputs, np.eye(10)[SPLIT.y])
    np.testing.assert_allclose(whole.weights_.T, joint.coef_, atol=1e-3)


def test_readouts_of_their_own_do_not_forget():
    readout = SGDClassifier(loss="log_loss", random_state=0)
    shared = follow(opponents.OnFeatures(readout), "task")
    apart = follow(opponents.OnFeatures(opponents.OneReadoutPerTask(readout)), "task")
    assert apart["lost"] == 0
    assert apart["final"] >= shared["final"]


def test_random_features_are_those_of_their_seed():
    one, same, other = (
        opponents.RandomFeatures(20, random_state=seed).fit(X).transform(X[:5])
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(one.mean(axis=1), 0, atol=1e-6)


def gradient_of(net, X, labels):
    """Numerical gradient of the cross-entropy with respect to the first weights."""

    def loss(step, index):
        w = net.weights_[0].astype(np.float64)
        w[index] += step
        kept, net.weights_[0] = net.weights_[0], w
        logits = net.decision_function(X)
        net.weights_[0] = kept
        p = np.exp(logits - logits.max(1, keepdims=True))
        return -np.log((p / p.sum(1, keepdims=True))[np.arange(len(X)), labels]).mean()

    return loss


def test_back_propagation_is_the_gradient():
    rng = np.random.default_rng(0)
    some, labels = X[:9].astype(np.float64), SPLIT.y[:9]
    net = opponents.ProtectedNetwork((7, 5), random_state=3)
    net._begin(64, np.arange(10))
    net.weights_ = [rng.standard_normal(w.shape) for w in net.weights_]
    layers, _, logits = net._forward(some)
    error = opponents._cross_entropy_error(logits, labels, np.ones(10, bool))
    gradient = layers[0][0].T @ net._back(layers, error)[0] / len(some)
    loss = gradient_of(net, some, labels)
    for index in [(20, 0), (21, 3), (64, 6), (36, 4)]:
        slope = (loss(1e-5, index) - loss(-1e-5, index)) / 2e-5
        assert gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize(("protection", "strength"), [("ewc", 1e4), ("si", 1e3), ("mas", 1e2)])
def test_penalties_hold_what_is_important(protection, strength):
    free, held = (
        follow(network(protection=protection, strength=value), "domain") for value in (0, strength)
    )
    assert held["lost"] < free["lost"] - 0.05


def test_an_endless_penalty_stops_and_first_freezes_hidden_layers_only():
    tasks = list(stream("domain"))
    net = network(protection="first").partial_fit(*tasks[0][:2], classes=[0, 1])
    hidden, readout = (w.copy() for w in net.weights_)
    net.partial_fit(*tasks[1][:2], classes=[0, 1])
    np.testing.assert_array_equal(net.weights_[0], hidden)
    assert np.any(net.weights_[1] != readout)


def test_replay_keeps_a_uniform_draw_and_helps():
    net = network(replay=20)
    for task in stream("domain"):
        net.partial_fit(task.X, task.y, classes=[0, 1])
    assert len(net._kept) == 20
    assert net._shown == len(X)
    for seed in range(3):
        none, some = (
            follow(network(replay=replay, random_state=seed), "domain")["final"]
            for replay in (0, 100)
        )
        assert some > none + 0.02


def test_readouts_of_other_tasks_stay_where_tasks_are_known():
    tasks = list(stream("task"))
    net = network(separate_tasks=True).partial_fit(*tasks[0][:2], classes=np.arange(10))
    before = net.weights_[-1].copy()
    net.partial_fit(*tasks[1][:2], classes=np.arange(10))
    changed = np.any(net.weights_[-1] != before, axis=0)
    np.testing.assert_array_equal(changed, np.isin(np.arange(10), [2, 3]))


def test_unknown_protections_are_refused():
    with pytest.raises(ValueError, match=r"^protection: got 'l2'; allowed: none, first, ewc"):
        network(protection="l2").partial_fit(X, SPLIT.y, classes=np.arange(10))


def test_replayed_samples_are_compared_within_their_own_task():
    for seed in range(3):
        none, some = (
            follow(network(separate_tasks=True, replay=replay, random_state=seed), "task")["lost"]
            for replay in (0, 200)
        )
        assert some < max(none, 0.01)
