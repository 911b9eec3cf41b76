import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeconsol.data import (
    binarised_digits,
    check_patterns,
    correlated_patterns,
    corrupt,
    sparse_patterns,
)

sizes = st.tuples(st.integers(1, 30), st.integers(4, 80), st.floats(0.05, 0.9)).filter(
    lambda s: 0 < round(s[2] * s[1]) < s[1]
)


@given(sizes, st.integers(0, 2**32))
def test_every_sparse_pattern_has_exactly_its_active_units(size, seed):
    count, n, level = size
    patterns = sparse_patterns(count, n, coding_level=level, seed=seed)
    assert patterns.shape == (count, n)
    assert patterns.dtype == bool
    assert (patterns.sum(axis=1) == round(level * n)).all()


@given(sizes, st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 2))
def test_cues_lose_and_gain_exact_numbers_of_units(size, seed, deleted, added):
    count, n, level = size
    patterns = sparse_patterns(count, n, coding_level=level, seed=seed)
    cues = corrupt(patterns, deleted=deleted, added=added, seed=seed)
    k = round(level * n)
    lost = (patterns & ~cues).sum(axis=1)
    gained = (cues & ~patterns).sum(axis=1)
    assert (lost == np.rint(deleted * k)).all()
    assert (gained == min(np.rint(added * k), n - k)).all()


def test_all_units_are_drawn_alike():
    patterns = sparse_patterns(20_000, 20, coding_level=0.25, seed=1)
    # 5000 expected per unit, standard deviation 61
    assert np.abs(patterns.sum(axis=0) - 5000).max() < 5 * 61


def test_all_units_are_corrupted_alike():
    pattern = np.zeros((1, 40), bool)
    pattern[:, :20] = True
    cues = corrupt(np.repeat(pattern, 10_000, axis=0), deleted=0.2, added=0.2, seed=2)
    # 4 of 20 are lost and 4 of 20 gained: 2000 each, standard deviation 40
    changed = (cues != pattern).sum(axis=0)
    assert np.abs(changed - 2000).max() < 5 * 40


def test_seeds_decide_everything():
    def draw(seed):
        patterns = sparse_patterns(10, 50, coding_level=0.1, seed=seed)
        return corrupt(patterns, deleted=0.2, added=0.2, seed=seed)

    assert np.array_equal(draw(3), draw(3))
    assert not np.array_equal(draw(3), draw(4))


def test_correlated_patterns_share_what_they_should_and_keep_their_size():
    options = {"coding_level": 0.1, "prototypes": 1, "seed": 5}
    apart = correlated_patterns(200, 200, correlation=0.0, **options)
    near = correlated_patterns(200, 200, correlation=0.8, **options)
    assert (apart.sum(axis=1) == 20).all()
    assert (near.sum(axis=1) == 20).all()

    def overlap(patterns):
        shared = patterns.astype(int) @ patterns.T.astype(int)
        return shared[np.triu_indices(len(patterns), 1)].mean()

    # Two patterns of one prototype share 0.8 * 0.8 * 20 = 12.8 of its units, and few others.
    assert overlap(near) == pytest.approx(12.8, abs=0.8)
    assert overlap(apart) < 3


def test_dense_correlated_patterns_fill_up_from_the_prototype():
    patterns = correlated_patterns(50, 10, coding_level=0.8, correlation=0.0, seed=6)
    assert (patterns.sum(axis=1) == 8).all()


def test_digits_have_their_brightest_pixels_active():
    from sklearn.datasets import load_digits

    images = load_digits().data
    patterns = binarised_digits(40, coding_level=0.2, seed=7)
    assert patterns.shape == (40, 64)
    assert (patterns.sum(axis=1) == 13).all()
    for pattern in patterns:
        darkest_active = np.where(pattern, images, np.inf).min(axis=1)
        brightest_silent = np.where(pattern, -np.inf, images).max(axis=1)
        assert (darkest_active >= brightest_silent).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sparse_patterns(5, 20, coding_level=0.0, seed=0), r"coding_level: got 0.0"),
        (lambda: sparse_patterns(5, 20, coding_level=1.5, seed=0), r"coding_level: got 1.5"),
        (lambda: sparse_patterns(5, 20, coding_level=0.01, seed=0), "0 active units"),
        (lambda: sparse_patterns(0, 20, coding_level=0.1, seed=0), "count: got 0"),
        (lambda: sparse_patterns(2.5, 20, coding_level=0.1, seed=0), "count: got 2.5; allowed: a"),
        (lambda: binarised_digits(5000, coding_level=0.2, seed=0), "count: got 5000"),
        (lambda: corrupt(np.ones((1, 4)), deleted=1.5, added=0, seed=0), "deleted: got 1.5"),
        (lambda: corrupt(np.ones((1, 4)), deleted=0, added=-1, seed=0), "added: got -1"),
        (lambda: check_patterns([[0, 2]]), "patterns: got the value .*2.*; allowed: 0 and 1"),
        (lambda: check_patterns([[0.0, np.nan]]), "allowed: 0 and 1"),
        (lambda: check_patterns([0, 1]), "patterns: got shape"),
        (lambda: check_patterns([[0, 1]], n=3), "got 2 units; allowed: 3"),
        (lambda: check_patterns([[0, 1], [0, 0]]), "no active unit in pattern 1"),
    ],
)
def test_bad_input_is_named_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_sizes_and_usage_are_those_asked_for():
    def draw(**options):
        return sparse_patterns(2000, 200, coding_level=0.05, seed=1, **options)

    np.testing.assert_array_equal(draw(), draw(sizes=None, usage=0.0))
    narrow = draw(sizes=(8, 12)).sum(axis=1)
    assert set(narrow) == {8, 9, 10, 11, 12}
    binomial = draw(sizes="binomial").sum(axis=1)
    assert binomial.mean() == pytest.approx(10, abs=0.3)
    assert binomial.std() == pytest.approx(np.sqrt(200 * 0.05 * 0.95), rel=0.1)
    uneven = draw(usage=0.5)
    assert set(uneven.sum(axis=1)) == {10}
    spread = np.log(uneven.mean(axis=0)).std()
    assert 0.4 < spread < 0.6
    assert np.log(draw(sizes=(10, 10)).mean(axis=0)).std() < 0.15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": "poisson"}, "sizes: got 'poisson'"),
        ({"sizes": (12, 8)}, "sizes: got"),
        ({"sizes": (8, 20)}, "14 active units on average; allowed: 10"),
        ({"usage": -1}, "usage: got -1"),
    ],
)
def test_sizes_and_usage_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sparse_patterns(3, 200, coding_level=0.05, seed=1, **options)
