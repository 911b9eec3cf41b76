import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spikeconsol.statistics import confidence_interval, dice, longest_load, mean_and_interval

patterns = st.integers(1, 40).flatmap(lambda n: st.tuples(arrays(bool, n), arrays(bool, n)))


@given(arrays(bool, st.tuples(st.integers(1, 3), st.integers(1, 40))))
def test_p90_is_the_longest_run_of_which_nine_in_ten_are_kept(kept):
    expected = [
        max((m for m in range(1, len(row) + 1) if 10 * row[:m].sum() >= 9 * m), default=0)
        for row in kept
    ]
    assert longest_load(kept).tolist() == expected
    assert longest_load(kept[0]) == expected[0]


@given(patterns)
def test_dice_is_symmetric_bounded_and_one_only_for_equal_patterns(pair):
    a, b = pair
    value = float(dice(a, b))
    assert value == float(dice(b, a))
    assert 0 <= value <= 1
    assert (value == 1) == np.array_equal(a, b)


@given(patterns)
def test_dice_follows_its_definition_over_sets(pair):
    a, b = (set(np.flatnonzero(part)) for part in pair)
    expected = 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0
    assert float(dice(*pair)) == pytest.approx(expected)


def test_dice_broadcasts_over_leading_dimensions():
    stored = np.eye(4, dtype=bool)
    assert np.array_equal(dice(stored[:, None], stored[None]), np.eye(4))


def test_dice_refuses_patterns_of_different_width():
    with pytest.raises(ValueError, match=r"b: got patterns of 3 units; allowed: 4"):
        dice(np.zeros(4, bool), np.zeros(3, bool))


def test_interval_against_the_textbook_value():
    # n = 4, mean 3, standard deviation 1.8257, t(0.975, 3) = 3.1824
    mean, half = mean_and_interval([1.0, 2.0, 4.0, 5.0])
    assert mean == 3
    assert half == pytest.approx(3.182446 * np.std([1, 2, 4, 5], ddof=1) / 2, rel=1e-6)


def test_interval_covers_the_true_mean_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(size=(5, 4000))
    mean, half = mean_and_interval(draws)
    assert np.mean(np.abs(mean) <= half) == pytest.approx(0.95, abs=0.015)


def test_a_single_repeat_has_no_interval():
    mean, half = mean_and_interval(np.array([[1.0, 2.0]]))
    assert np.array_equal(mean, [1, 2])
    assert np.isnan(half).all()


@pytest.mark.parametrize("level", [0, 1, -0.5, 2])
def test_impossible_coverage_is_refused(level):
    with pytest.raises(ValueError, match="level: got"):
        confidence_interval([1.0, 2.0], level=level)
