import numpy as np
import pytest

from spikeconsol.bottleneck.continual import ContinualNetwork, ContinualRule
from spikeconsol.bottleneck.hsic import Objective, layer_objective, window_signals
from spikeconsol.data import digits_task
from spikeconsol.statistics import coincidences


@pytest.mark.parametrize(("input_weight", "code_weight"), [(1.0, 0.0), (0.0, 2.0)])
def test_window_signals_are_the_gradient_of_the_objective(input_weight, code_weight):
    rng = np.random.default_rng(0)
    X, Z, labels = rng.random((9, 5)), rng.standard_normal((9, 4)), rng.integers(3, size=9)
    objective = Objective(3.0, (0.4, 0.3, 1.2), input_weight, code_weight)

    def value(codes):
        return layer_objective(X, np.eye(3)[labels], codes, **objective.flat())

    numeric = np.zeros_like(Z)
    for index in np.ndindex(Z.shape):
        step = np.zeros_like(Z)
        step[index] = 1e-5
        numeric[index] = (value(Z + step) - value(Z - step)) / 2e-5
    # The signal is N times the gradient.
    np.testing.assert_allclose(window_signals(X, labels, Z, objective) / 9, numeric, atol=1e-8)


def test_coincidences_count_what_was_active_together():
    pre = np.array([[1, 0], [1, 1], [0, 1]], bool)
    post = np.array([[1], [1], [0]], bool)
    np.testing.assert_array_equal(coincidences(pre.astype(int), post), [[2], [1]])
    with pytest.raises(ValueError, match=r"^post: got shape \(2, 1\)"):
        coincidences(pre, post[:2])


def network(**rule):
    split = digits_task(0)
    rng = np.random.default_rng(0)
    defaults = {"objective": Objective(2.0, (0.5, 0.1, 1.0)), "window": 8}
    net = ContinualNetwork((64, 32, 16), 5, 2, ContinualRule(**(defaults | rule)), rng)
    return net, split


def show(net, split, task):
    rows = split.y // 2 == task
    X = split.X[rows].astype(np.float32)
    net.learn(X, split.y[rows] % 2, split.y[rows] // 2)


def test_damping_follows_the_trace():
    """After the first task a synapse moves the less, the more coincidences it has seen."""
    net, split = network(importance="coincidence", damping=1e4)
    show(net, split, 0)
    trace, before = net.traces[0].copy(), net.weights[0].copy()
    show(net, split, 1)
    moved = np.abs(net.weights[0] - before)
    used = trace > np.median(trace)
    assert moved[used].mean() < 0.05 * moved[trace == 0].mean()
    # Pixels that were never on have no trace.
    rows = split.y // 2 == 0
    silent = split.X[rows].max(axis=0) == 0
    assert np.all(trace[silent] == 0)
    assert np.all(trace[~silent].sum(axis=1) > 0)


def test_trace_is_presynaptic_times_postsynaptic_activity():
    net, split = network(importance="coincidence", window=1000, learning_rate=1e-9)
    rows = np.flatnonzero(split.y < 2)
    X = split.X[rows].astype(np.float32)
    active = X @ net.weights[0] + net.biases[0] > 0
    net.learn(X, split.y[rows], 0 * split.y[rows])
    np.testing.assert_allclose(net.traces[0], X.T @ active, rtol=1e-5)


def test_complete_damping_stops_hidden_layers_but_not_readouts():
    net, split = network(importance="uniform", damping=1e30)
    show(net, split, 0)
    weights, biases = [w.copy() for w in net.weights], [b.copy() for b in net.biases]
    first = net.readouts[0].copy()
    show(net, split, 1)
    for now, then in zip(net.weights + net.biases, weights + biases, strict=True):
        np.testing.assert_allclose(now, then, atol=1e-6)
    assert np.any(net.readouts[1])
    np.testing.assert_array_equal(net.readouts[0], first)


def test_coincidence_trace_prevents_forgetting():
    forgotten = {}
    for importance, damping in (("none", 0.0), ("coincidence", 100.0)):
        net, split = network(importance=importance, damping=damping, readout_learning_rate=1e-2)
        tested = [split.y_test // 2 == task for task in range(5)]

        def score(task, net=net, split=split, tested=tested):
            rows = tested[task]
            return net.score(split.X_test[rows].astype(np.float32), split.y_test[rows] % 2, task)

        after = []
        for task in range(5):
            for _ in range(3):
                show(net, split, task)
            after.append(score(task))
        forgotten[importance] = np.mean([after[task] - score(task) for task in range(4)])
    assert forgotten["none"] > 0.05
    assert forgotten["coincidence"] < 0.02
