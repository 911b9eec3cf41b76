import warnings

import numpy as np
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikeconsol.bottleneck import MemoryClassifier
from spikeconsol.bottleneck import memory_classifier as module


@parametrize_with_checks([MemoryClassifier(30, replacement="gate")])
def test_is_a_scikit_learn_estimator(estimator, check):
    global_state = np.random.get_state()  # noqa: NPY002  some checks draw from it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
    np.random.set_state(global_state)  # noqa: NPY002


def samples(n=300, features=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, features)), rng.integers(classes, size=n)


def test_a_cell_is_the_mean_of_what_it_has_been_used_for():
    """The minimum of its loss, whose curvature is the count: a Newton step ends there."""
    X, y = samples()
    memory = MemoryClassifier(4, novelty=np.inf).fit(X, y)
    for label in range(3):
        np.testing.assert_allclose(memory.centres_[label, 0], X[y == label].mean(axis=0))
        assert memory.uses_[label].tolist() == [np.sum(y == label), 0, 0, 0]


def test_a_fixed_rate_forgets_exponentially():
    X, _ = samples(50)
    memory = MemoryClassifier(1, 0.2, np.inf).fit(X, np.zeros(50, int))
    ages = np.arange(50)[::-1]
    weights = 0.2 * 0.8**ages
    weights[0] = 0.8**49  # the first sample is taken as it is
    np.testing.assert_allclose(memory.centres_[0, 0], weights @ X)


def test_cells_are_recruited_where_nothing_known_is_near():
    X = np.array([[0.0, 0], [0.1, 0], [5, 0], [5, 0.1], [0, 5], [0, 9]])
    memory = MemoryClassifier(3, novelty=1.0).fit(X, np.zeros(6, int))
    assert memory.recruited_.tolist() == [3]
    # The last sample is novel too, but the pool is full: the nearest cell moves.
    assert sorted(memory.uses_[0].tolist()) == [2, 2, 2]
    arrival = MemoryClassifier(3, novelty=0.0).fit(X, np.zeros(6, int))
    np.testing.assert_allclose(arrival.centres_[0, 1], X[1])


def test_the_nearest_cell_answers():
    X, y = samples()
    memory = MemoryClassifier(10, novelty=0.3).fit(X, y)
    used = memory.uses_ > 0
    distances = ((X[:, None, None] - memory.centres_) ** 2).sum(-1)
    distances = np.where(used, distances, np.inf).min(-1)
    np.testing.assert_allclose(memory.decision_function(X), -distances, atol=1e-12)
    np.testing.assert_array_equal(memory.predict(X), distances.argmin(1))


@pytest.mark.parametrize("replacement", module.REPLACEMENTS)
@pytest.mark.parametrize("plasticity", ["use", 0.1])
def test_the_compiled_loop_gives_the_numbers_of_numpy(monkeypatch, replacement, plasticity):
    pytest.importorskip("numba")
    X, y = samples()
    settings = {"replacement": replacement, "protection": 20.0, "random_state": 1}
    compiled = MemoryClassifier(6, plasticity, 0.3, **settings).fit(X, y)
    monkeypatch.setattr(module, "_compiled", lambda: module._store)
    plain = MemoryClassifier(6, plasticity, 0.3, **settings).fit(X, y)
    np.testing.assert_array_equal(compiled.uses_, plain.uses_)
    np.testing.assert_allclose(compiled.centres_, plain.centres_, rtol=1e-12)


def test_learning_does_not_depend_on_how_the_stream_is_cut():
    X, y = samples()
    settings = {"replacement": "random", "random_state": 0}
    whole = MemoryClassifier(5, novelty=0.3, **settings).fit(X, y)
    pieces = MemoryClassifier(5, novelty=0.3, **settings)
    for part in np.array_split(np.arange(len(X)), 7):
        pieces.partial_fit(X[part], y[part], classes=[0, 1, 2])
    np.testing.assert_array_equal(whole.centres_, pieces.centres_)


def replaced(replacement, protection=3.0):
    """Which of three cells gives way: uses 1, 3, 2; recruited and last used in this order."""
    X = np.array([[0.0], [10], [10], [10], [20], [20], [0.0], [50]])
    settings = {"replacement": replacement, "protection": protection, "random_state": 0}
    before = MemoryClassifier(3, novelty=1.0, **settings).fit(X[:-1], np.zeros(7, int))
    assert before.uses_.tolist() == [[2, 3, 2]]
    centres = before.centres_[0, :, 0].copy()
    before.partial_fit(X[-1:], [0])
    assert before.replaced_.sum() == (0 if replacement == "none" else 1)
    return centres[np.flatnonzero(before.centres_[0, :, 0] != centres)[0]]


def test_which_cell_gives_way():
    assert replaced("oldest") == 0
    assert replaced("least_recent") == 10
    assert replaced("least_used") in (0, 20)
    # Traces with 3 samples' protection: the third cell's two recent uses, the first's just now.
    assert replaced("weakest", protection=1.0) == 10
    assert replaced("gate", protection=1.5) == 10


def test_protection_holds_for_its_time_and_more_after_more_uses():
    """A cell used k times in a row is protected for T (1 + ln k) samples."""
    time = 50.0
    for uses, lasts in ((1, time), (3, time * (1 + np.log(3)))):
        for wait in (int(lasts) - 4, int(lasts) + 5):
            memory = MemoryClassifier(
                2, novelty=1.0, replacement="gate", protection=time, random_state=0
            )
            stream = [[0.0]] * uses + [[10.0]] * wait + [[50.0]]
            memory.fit(np.array(stream), np.zeros(len(stream), int))
            given = memory.replaced_.sum() == 1 and 0.0 not in memory.centres_[0]
            assert given == (wait > lasts), (uses, wait)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cells": 0}, "cells: got 0; allowed: a whole number >= 1"),
        ({"plasticity": "age"}, "plasticity: got 'age'; allowed: 'use' or a number from 0 to 1"),
        ({"plasticity": 1.5}, "plasticity: got 1.5"),
        ({"novelty": -1.0}, "novelty: got -1.0; allowed: a number >= 0"),
        ({"novelty": np.nan}, "novelty: got nan; allowed: a number >= 0"),
        ({"replacement": "newest"}, "replacement: got 'newest'; allowed: none, oldest"),
        ({"protection": 0.0}, "protection: got 0.0; allowed: a number > 0"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(settings, message):
    memory = MemoryClassifier(**settings)
    with pytest.raises(ValueError, match=f"^{message}"):
        memory.fit(*samples())
    assert not hasattr(memory, "classes_")


def test_classes_are_named_at_first_and_do_not_change():
    X, y = samples()
    with pytest.raises(ValueError, match=r"^classes: got None; allowed: all classes"):
        MemoryClassifier().partial_fit(X, y)
    memory = MemoryClassifier().partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"^classes: got \[0, 1\]; allowed: \[.*\], as at first"):
        memory.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"^y: got class 7; allowed"):
        memory.partial_fit(X[:1], [7])
