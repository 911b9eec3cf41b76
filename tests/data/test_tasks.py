import numpy as np
import pytest

from spikeconsol.data import digits_task, linear_task, xor_task


@pytest.mark.parametrize("make", [linear_task, xor_task])
def test_sizes_and_reproducibility(make):
    split = make(3, train=50, test=20)
    assert (split.X.shape, split.X_test.shape) == ((50, 2), (20, 2))
    np.testing.assert_array_equal(make(3, train=50, test=20).X, split.X)
    assert not np.array_equal(make(4, train=50, test=20).X, split.X)
    np.testing.assert_allclose(make(3, train=50, test=20, published_scaling=True).X * 255, split.X)


def test_linear_classes_lie_on_two_sides_of_the_line():
    split = linear_task(0)
    np.testing.assert_array_equal(split.y, split.X @ [0.3645, -0.2779] > 0)
    assert np.abs(split.X).max() <= 1


def test_xor_classes_are_equal_and_unequal_corners():
    split = xor_task(0, noise=0.05)
    corners = np.round(split.X).astype(int)
    np.testing.assert_array_equal(split.y, corners[:, 0] ^ corners[:, 1])


def test_digits_are_split_without_overlap():
    split = digits_task(1)
    assert (len(split.X), len(split.X_test)) == (1400, 397)
    rows = {tuple(row) for row in split.X} & {tuple(row) for row in split.X_test}
    assert not rows
    assert split.X.max() == 1
    np.testing.assert_array_equal(np.unique(split.y), np.arange(10))


@pytest.mark.parametrize("make", [lambda: xor_task(0, train=0), lambda: linear_task(0, test=0)])
def test_empty_splits_are_refused(make):
    with pytest.raises(ValueError, match=r"^(train|test): got .*; allowed: a whole number >= 1"):
        make()


def test_the_first_samples_are_taken_and_none_means_all():
    split = digits_task(3)
    for taken, whole in zip(split.first(), split, strict=True):
        np.testing.assert_array_equal(taken, whole)
    some = split.first(20, 10)
    np.testing.assert_array_equal(some.X, split.X[:20])
    np.testing.assert_array_equal(some.y_test, split.y_test[:10])
    held_out = split.first(20, validate=True)
    np.testing.assert_array_equal(held_out.X, split.X[:20])
    np.testing.assert_array_equal(held_out.X_test, split.X[-(len(split.X) // 6) :])
    with pytest.raises(ValueError, match="train: got -1"):
        split.first(-1)


def test_validation_takes_the_last_training_samples():
    split = digits_task(0)
    held_out = split.validation(100)
    np.testing.assert_array_equal(held_out.X_test, split.X[-100:])
    assert len(held_out.X) == 1300
    with pytest.raises(ValueError, match=r"^held_out: got 1400; .* <= 1399"):
        split.validation(1400)
