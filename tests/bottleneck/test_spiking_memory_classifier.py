import numpy as np
import pytest

from spikeconsol.bottleneck import MemoryClassifier, SpikingMemoryCells, SpikingMemoryClassifier
from spikeconsol.data import accuracy_course, course_summary, digits_task, task_stream

#: A spike in every step at full intensity, and a short reach: spikes estimate distances well.
PRECISE = SpikingMemoryCells(shown_time="20 ms", read_time="20 ms", peak_rate="1000 Hz", reach=4.0)


def corners(n=9):
    """Samples at three corners of a cube, with labels 0, 0, 1."""
    X = np.eye(3)[np.arange(n) % 3] * 0.9
    return X, np.arange(n) % 3 // 2


def make(target="numpy", **settings):
    defaults = {"cells": 3, "novelty": 0.7, "constants": PRECISE, "random_state": 0}
    return SpikingMemoryClassifier(target=target, **(defaults | settings))


def test_cells_are_recruited_one_for_each_corner_and_hold_it():
    X, y = corners()
    memory = make().fit(X, y)
    assert memory.uses_.tolist() == [[3, 3, 0], [3, 0, 0]]
    np.testing.assert_allclose(memory.centres_[0, :2], 0.9 * np.eye(3)[:2], atol=0.1)
    np.testing.assert_allclose(memory.centres_[1, 0], 0.9 * np.eye(3)[2], atol=0.1)
    np.testing.assert_array_equal(memory.centres_[1, 1:], 0.5)  # still free
    np.testing.assert_array_equal(memory.predict(X), y)


def test_every_cell_knows_the_square_of_its_weights():
    memory = make().fit(*corners())
    squares = (memory.centres_.astype(float) ** 2).sum(-1).ravel()
    np.testing.assert_allclose(memory._state["cells.square"], squares, rtol=1e-4)
    free = memory.uses_.ravel() == 0
    rest = memory._state["cells.offset"] - memory._state["cells.square"]
    np.testing.assert_allclose(rest[free], -memory.novelty, rtol=1e-9)
    assert not memory._state["cells.offset"][~free].any()


def test_rate_is_one_over_the_cell_s_own_spikes_or_fixed():
    """Of a single cell: the mean of what was shown, against the last sample."""
    X = np.repeat([[0.9, 0.1], [0.1, 0.9]], 6, axis=0)
    y = np.tile([0, 1], 6)
    settings = {"cells": 1, "novelty": 3.0}
    used, fixed = (make(plasticity=rate, **settings).fit(X, y) for rate in ("use", 1.0))
    np.testing.assert_allclose(used.centres_[:, 0], 0.5, atol=0.1)
    np.testing.assert_allclose(fixed.centres_[:, 0], np.tile([0.1, 0.9], (2, 1)), atol=0.2)
    never = make(plasticity=0.0, **settings).fit(X, y)
    np.testing.assert_allclose(never.centres_[:, 0], np.tile([0.9, 0.1], (2, 1)), atol=0.2)
    assert used.uses_.tolist() == fixed.uses_.tolist() == [[6], [6]]


def test_latency_is_distance():
    memory = make().fit(*corners())
    X = np.array([[0.9, 0, 0], [0.7, 0, 0], [0.5, 0.1, 0], [0, 0, 0.6]])
    # Only the winner fires, its class 0 (negative scores) but for the last sample.
    scores = memory.decision_function(X)
    assert np.sign(scores).tolist() == [-1, -1, -1, 1]
    latency = PRECISE.read_time - np.abs(scores)
    nearest = ((X[:, None] - np.eye(3) * 0.9) ** 2).sum(-1).min(1)
    # Feed-forward inhibition counts x where the square would be x^2.
    expected = nearest + (X - X**2).sum(1)
    np.testing.assert_allclose(latency * PRECISE.reach / PRECISE.read_time, expected, atol=0.4)


def test_a_test_sample_s_answer_depends_on_nothing_else():
    X, y = corners()
    memory = make().fit(X, y)
    before = memory.centres_.copy()
    scores = memory.decision_function(X)
    np.testing.assert_array_equal(memory.decision_function(X[5:6]), scores[5:6])
    np.testing.assert_array_equal(memory.decision_function(X[::-1]), scores[::-1])
    np.testing.assert_array_equal(memory.centres_, before)


def test_one_program_for_all_values():
    X, y = corners(3)
    one = make(novelty=0.5).fit(X, y).program()
    other = make(novelty=2.0, plasticity=0.1, random_state=7).fit(X, y).program()
    assert one.key() == other.key()


def test_repeats_are_the_same_and_seeds_differ():
    X, y = corners()
    one, same, other = (make(random_state=seed).fit(X, y).centres_ for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        ({"cells": 0}, 1, "cells: got 0; allowed: a whole number >= 1"),
        ({"plasticity": -0.1}, 1, "plasticity: got -0.1; allowed: 'use' or a number"),
        ({"novelty": 4.0}, 1, "novelty: got 4.0; allowed: >= 0 and < 4, the ramp's reach"),
        ({}, 2, "X: got values from 0 to 1.8; allowed: intensities, 0 to 1"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(settings, change, message):
    X, y = corners()
    with pytest.raises(ValueError, match=f"^{message}"):
        make(**settings).fit(change * X, y)


def test_times_are_whole_steps():
    with pytest.raises(ValueError, match=r"^read_time: got 0.0105 second; allowed: multiples"):
        SpikingMemoryCells(read_time="10.5 ms")


@pytest.mark.slow
def test_spikes_follow_the_rates_on_digits():
    """With precise spikes as good as the rate form; order of plasticities as there."""
    split = digits_task(0)
    stream = task_stream(split.X, split.y, "domain", seed=0)
    final = {}
    constants = SpikingMemoryCells(peak_rate="600 Hz", reach=20.0)
    for plasticity in ("use", 0.1):
        for name, memory in (
            ("rate", MemoryClassifier(20, plasticity, 3.0)),
            ("spiking", SpikingMemoryClassifier(
                20, plasticity, 4.0, constants=constants, random_state=0
            )),
        ):  # fmt: skip
            course = accuracy_course(memory, stream, split.X_test, split.y_test)
            final[name, plasticity] = course_summary(course)["final"]
    assert final["spiking", "use"] > final["rate", "use"] - 0.03
    assert final["spiking", "use"] > final["spiking", 0.1] + 0.03
