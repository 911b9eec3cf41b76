import numpy as np
import pytest

from spikeconsol.data import accuracy_course, course_summary, task_stream
from spikeconsol.data.task_streams import SCENARIOS


def samples(n=60, features=5, classes=6):
    rng = np.random.default_rng(0)
    return rng.random((n, features)), np.arange(n) % classes + 10


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_sample_is_shown_once(scenario):
    X, y = samples()
    shown = [task.X for task in task_stream(X, y, scenario, tasks=4, seed=3)]
    # The sum over features does not depend on their order.
    np.testing.assert_allclose(np.sort(np.concatenate(shown).sum(1)), np.sort(X.sum(1)))


@pytest.mark.parametrize(
    ("scenario", "tasks", "labels", "told_apart"),
    [
        ("task", 3, [10, 11], [10, 11]),
        ("domain", 3, [0, 1], [0, 1]),
        ("class", 3, [10, 11], [10, 11, 12, 13, 14, 15]),
        ("permuted", 4, [10, 11, 12, 13, 14, 15], [10, 11, 12, 13, 14, 15]),
    ],
)
def test_labels_of_the_scenarios(scenario, tasks, labels, told_apart):
    X, y = samples(600)
    stream = task_stream(X, y, scenario, tasks=4, seed=0)
    first = next(iter(stream))
    assert len(stream) == len(list(stream)) == tasks
    assert np.unique(first.y).tolist() == labels
    assert first.classes.tolist() == told_apart
    (second,) = stream.held_out(X, y)[1:2]
    assert len(second.X) == len(X) // tasks
    assert second.y.dtype == np.int64


def test_permuted_tasks_have_orders_of_their_own_which_tests_share():
    X = np.tile(np.arange(8.0), (40, 1))
    stream = task_stream(X, np.arange(40) % 2, "permuted", tasks=4, seed=1)
    orders = [task.X[0] for task in stream]
    np.testing.assert_array_equal(orders[0], np.arange(8))
    assert len({tuple(order) for order in orders}) == 4
    for order, test in zip(orders, stream.held_out(X, np.arange(40) % 2), strict=True):
        np.testing.assert_array_equal(test.X, np.tile(order, (10, 1)))


def test_the_seed_draws_the_order_and_nothing_else_does():
    X, y = samples()
    one, same, other = (task_stream(X, y, "domain", seed=seed) for seed in (1, 1, 2))
    for a, b, c in zip(one, same, other, strict=True):
        np.testing.assert_array_equal(a.X, b.X)
        assert not np.array_equal(a.X, c.X)
        np.testing.assert_array_equal(np.sort(a.X, axis=0), np.sort(c.X, axis=0))


class Last:
    """Knows only what it was shown last: answers its most frequent label."""

    def partial_fit(self, X, y, classes):
        self.classes = classes
        self.answer = classes == np.bincount(y).argmax()

    def predict(self, X):
        return np.full(len(X), self.classes[self.answer.argmax()])

    def decision_function(self, X):
        return np.tile(self.answer.astype(float), (len(X), 1))


def test_one_function_scores_every_scenario():
    X, i = samples(63)[0], np.arange(63)
    y = 2 * (i // 21) + (i % 3 == 0)  # two thirds of every pair are even
    course = accuracy_course(Last(), task_stream(X, y, "class", seed=0), X, y)
    assert np.isnan(course[0, 1:]).all()
    np.testing.assert_allclose(np.diagonal(course), 2 / 3)
    np.testing.assert_allclose(course[-1, :-1], 0)  # its label belongs to the last task
    found = course_summary(course)
    assert found["final"] == pytest.approx(2 / 9)
    assert found["lost"] == pytest.approx(2 / 3)
    # Where the task is known, labels of other tasks do not compete.
    course = accuracy_course(Last(), task_stream(X, y, "task", seed=0), X, y)
    np.testing.assert_allclose(course[-1], 2 / 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scenario": "online"}, "scenario: got 'online'; allowed: task, domain"),
        ({"y": np.arange(60) % 3}, "y: got 3 classes; allowed: an even number"),
        ({"y": np.ones(60)}, r"y: got shape \(60,\) of float64; allowed: \(60,\) of int"),
        ({"y": [1, 2]}, r"y: got shape \(2,\) of int64; allowed: \(60,\)"),
        ({"X": np.ones(60)}, r"X: got shape \(60,\); allowed: \(n, features\)"),
        ({"scenario": "permuted", "tasks": 0}, "tasks: got 0; allowed: a whole number >= 1"),
    ],
)
def test_bad_streams_are_refused(change, message):
    X, y = samples()
    with pytest.raises(ValueError, match=f"^{message}"):
        task_stream(**({"X": X, "y": y, "scenario": "domain"} | change))


def test_test_samples_of_other_classes_are_refused():
    X, y = samples()
    with pytest.raises(ValueError, match=r"^y: got class 99; allowed: \[\d+, \d+"):
        task_stream(X, y).held_out(X[:1], np.array([99]))
