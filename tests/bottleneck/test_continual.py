"""Synapses that are protected by what they have been important for, in rates."""

import numpy as np
import pytest

from spikeconsol.bottleneck import Adam, BottleneckClassifier, Protection
from spikeconsol.data import digits_task
from spikeconsol.statistics import coincidences

SPLIT = digits_task(0)


def network(*protection, learning_rate=1e-3, **settings):
    return BottleneckClassifier(
        (32, 16),
        optimiser=Adam(learning_rate, 1e-2, update_every=8),
        protection=Protection(*protection, separate_tasks=True),
        random_state=0,
        **settings,
    )


def show(net, task, samples=None):
    rows = np.flatnonzero(SPLIT.y // 2 == task)[:samples]
    return net.partial_fit(SPLIT.X[rows], SPLIT.y[rows], classes=np.arange(10))


def test_coincidences_count_what_was_active_together():
    pre = np.array([[1, 0], [1, 1], [0, 1]], bool)
    post = np.array([[1], [1], [0]], bool)
    np.testing.assert_array_equal(coincidences(pre.astype(int), post), [[2], [1]])
    with pytest.raises(ValueError, match=r"^post: got shape \(2, 1\)"):
        coincidences(pre, post[:2])


def test_damping_follows_the_trace():
    """After the first task a synapse moves the less, the more coincidences it has seen."""
    net = show(network("coincidence", 1e4), 0)
    trace, before = net.network_.importance[0].copy(), net.network_.weights[0].copy()
    show(net, 1)
    moved = np.abs(net.network_.weights[0] - before)
    used = trace > np.median(trace[trace > 0])
    assert moved[used].mean() < 0.05 * moved[:-1][trace[:-1] == 0].mean()
    # Pixels that were never on have no trace.
    silent = SPLIT.X[SPLIT.y // 2 == 0].max(axis=0) == 0
    assert np.all(trace[:-1][silent] == 0)
    assert np.all(trace[:-1][~silent].sum(axis=1) > 0)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_trace_is_presynaptic_times_postsynaptic_activity(backend):
    if backend == "numba":
        pytest.importorskip("numba")
    net = show(network("coincidence", learning_rate=0.0, backend=backend), 0, samples=50)
    X, weights = SPLIT.X[SPLIT.y // 2 == 0][:50], net.network_.weights[0]
    active = X @ weights[:-1] + weights[-1] > 0
    expected = coincidences(X, active)
    np.testing.assert_allclose(net.network_.importance[0][:-1], expected, rtol=1e-9)


def test_complete_damping_stops_hidden_layers_but_not_the_readout_of_the_task():
    net = show(network("uniform", 1e30), 0)
    before = [w.copy() for w in net.network_.weights]
    show(net, 1)
    *hidden, readout = net.network_.weights
    for now, then in zip(hidden, before, strict=False):
        np.testing.assert_allclose(now, then, atol=1e-9)
    # Only the classes of the task are compared, and only weights onto them change.
    changed = np.any(readout != before[-1], axis=0)
    np.testing.assert_array_equal(changed, np.isin(np.arange(10), [2, 3]))


def test_coincidence_trace_prevents_forgetting():
    forgotten = {}
    for protection in (("none",), ("coincidence", 100.0)):
        net = network(*protection)

        def score(task, net=net):
            rows = SPLIT.y_test // 2 == task
            return net.score_task(SPLIT.X_test[rows], SPLIT.y_test[rows])

        after = []
        for task in range(5):
            for _ in range(3):
                show(net, task)
            after.append(score(task))
        forgotten[protection[0]] = np.mean([after[task] - score(task) for task in range(4)])
    assert forgotten["none"] > 0.05
    assert forgotten["coincidence"] < 0.02
