"""What another program is given to learn is the stream that learners here are given."""

import importlib
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.data import Split, accuracy_course, course_summary, task_stream


@pytest.fixture
def continual(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent)
    return importlib.import_module("benchmarks.continual")


def split(n=40):
    rng = np.random.default_rng(0)
    X = rng.random((2 * n, 5), dtype=np.float32)
    y = np.arange(2 * n) % 4
    return Split(X[:n], y[:n], X[n:], y[n:])


@pytest.mark.parametrize("scenario", ["domain", "class", "permuted"])
def test_a_stored_stream_is_the_stream(continual, tmp_path, scenario):
    given = split()
    stream = task_stream(given.X, given.y, scenario, tasks=3, seed=4)
    continual.write(tmp_path / "stream.npz", stream, given)
    stored = np.load(tmp_path / "stream.npz")
    tests = stream.held_out(given.X_test, given.y_test)
    assert stored["tasks"] == len(stream)
    assert stored["classes"] == len(stream.classes)
    for k, (task, test) in enumerate(zip(stream, tests, strict=True)):
        np.testing.assert_array_equal(stored[f"X{k}"], task.X)
        np.testing.assert_array_equal(stored[f"y{k}"], task.y)
        np.testing.assert_array_equal(stored[f"X_test{k}"], test.X)
        np.testing.assert_array_equal(stored[f"y_test{k}"], test.y)


def test_accuracies_that_come_back_are_summed_up_as_those_of_learners_here(continual):
    from sklearn.naive_bayes import GaussianNB

    given = split()
    stream = task_stream(given.X, given.y, "domain", seed=0)
    course = accuracy_course(GaussianNB(), stream, given.X_test, given.y_test)
    returned = [list(row[: after + 1]) for after, row in enumerate(course)]
    assert course_summary(continual.square(returned)) == course_summary(course)


def test_without_avalanche_one_line_says_what_installs_it(continual, monkeypatch, tmp_path):
    monkeypatch.setattr(continual, "AVALANCHE_PYTHON", tmp_path / "python")
    with pytest.raises(SystemExit, match="make bench-peers installs Avalanche"):
        continual.run(quick=True)
