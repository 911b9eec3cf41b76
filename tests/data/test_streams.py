import numpy as np
import pytest

from spikeconsol.data import nback_stream, stay_stream

LABELS = np.repeat([3, 5, 9], [4, 7, 20])


@pytest.mark.parametrize("lag", [1, 3])
def test_a_match_is_what_it_says(lag):
    index, match = nback_stream(LABELS, lag, 3000, seed=1)
    y = LABELS[index]
    np.testing.assert_array_equal(match[lag:], y[lag:] == y[:-lag])
    assert not match[:lag].any()
    assert 0.45 < match.mean() < 0.55
    # Every class and every sample of it occur, whatever their numbers.
    assert len(np.unique(index)) == len(LABELS)
    np.testing.assert_allclose(np.bincount(y)[[3, 5, 9]] / 3000, 1 / 3, atol=0.06)


def test_how_often_classes_match_can_be_chosen():
    _, match = nback_stream(LABELS, 2, 4000, seed=0, match_probability=0.1)
    assert 0.08 < match.mean() < 0.12


def test_a_stay_lasts_as_long_as_it_says_and_then_changes():
    index = stay_stream(LABELS, 4, 402, seed=2)
    y = LABELS[index]
    whole = y[:400].reshape(-1, 4)
    assert (whole == whole[:, :1]).all()
    assert (whole[1:, 0] != whole[:-1, 0]).all()
    assert len(index) == 402


def test_streams_are_drawn_from_their_seed():
    first, again, other = (nback_stream(LABELS, 2, 50, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ((LABELS, 0, 10, 0), "lag"),
        ((LABELS, 1, 0, 0), "length"),
        ((LABELS, 1.5, 10, 0), "lag"),
        ((LABELS, True, 10, 0), "lag"),
        ((np.ones(5), 1, 10, 0), "y"),
        ((np.ones((5, 2)), 1, 10, 0), "y"),
    ],
)
def test_impossible_streams_are_refused_by_name(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: got"):
        nback_stream(*arguments)


def test_impossible_probabilities_and_stays_are_refused():
    with pytest.raises(ValueError, match=r"^match_probability: got 2"):
        nback_stream(LABELS, 1, 10, 0, match_probability=2)
    with pytest.raises(ValueError, match=r"^stay: got 0"):
        stay_stream(LABELS, 0, 10, 0)
