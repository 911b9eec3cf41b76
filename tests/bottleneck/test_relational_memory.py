import numpy as np
import pytest

from spikeconsol.bottleneck import MemoryClassifier, RelationalBottleneck, RelationalMemory
from spikeconsol.bottleneck.memory import Lag


def corners(length=400, lag=3, seed=0):
    """Noisy corners of a square, of which opposite ones are alike; bits of n-back."""
    rng = np.random.default_rng(seed)
    corner = rng.integers(4, size=length)
    X = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])[corner]
    y = np.isin(corner, (0, 3)).astype(int)
    bits = np.append(np.zeros(lag), y[lag:] == y[:-lag])
    return X + 0.05 * rng.standard_normal(X.shape), y, bits


def purity(group, y):
    """Share of samples whose group is that of most of their class, for two of each."""
    same = np.mean(group == y)
    return max(same, 1 - same)


def test_groups_are_what_bits_say_and_not_what_is_near():
    X, y, bits = corners()
    memory = RelationalMemory(8, novelty=0.25, lag=3).fit(X, bits)
    assert purity(memory.groups(2)[memory.nearest(X)], y) == 1
    other = memory.fit(X, np.random.default_rng(1).permutation(bits))
    assert purity(other.groups(2)[other.nearest(X)], y) < 0.9


def test_bonds_count_matches_less_mismatches():
    X, _, bits = corners(60)
    memory = RelationalMemory(8, novelty=0.25, lag=3).fit(X, bits)
    used = memory.memory_.used_
    bonds, met = np.zeros((8, 8)), np.zeros((8, 8))
    for t in range(3, 60):
        for i, j in ((used[t], used[t - 3]), (used[t - 3], used[t])):
            bonds[i, j] += 1 if bits[t] else -1
            met[i, j] += 1
    np.testing.assert_array_equal(memory.bonds_, bonds)
    np.testing.assert_array_equal(memory.met_, met)


@pytest.mark.parametrize("pieces", [2, 7, 60])
def test_learning_does_not_depend_on_how_the_stream_is_cut(pieces):
    """Relations reach back over the cut, however many samples the piece before had."""
    X, _, bits = corners(60)
    whole = RelationalMemory(8, novelty=0.25, lag=3).fit(X, bits)
    cut = RelationalMemory(8, novelty=0.25, lag=3)
    for part in np.array_split(np.arange(60), pieces):
        cut.partial_fit(X[part], bits[part])
    np.testing.assert_array_equal(whole.bonds_, cut.bonds_)
    np.testing.assert_allclose(whole.memory_.centres_, cut.memory_.centres_)


def test_cells_are_those_of_the_classifier_with_one_class():
    X, _, bits = corners()
    cells = MemoryClassifier(6, 0.1, 0.2).fit(X, np.zeros(len(X), int))
    memory = RelationalMemory(6, 0.1, 0.2).fit(X, bits)
    np.testing.assert_array_equal(memory.memory_.centres_, cells.centres_)


def test_the_cell_used_is_the_one_that_moves():
    X, y, _ = corners()
    memory = MemoryClassifier(5, novelty=0.25).fit(X[:300], y[:300])
    for x, label in zip(X[300:320], y[300:320], strict=True):
        before = memory.uses_.copy()
        memory.partial_fit([x], [label])
        assert memory.uses_[label, memory.used_[0]] == before[label, memory.used_[0]] + 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lag": 0}, "lag: got 0; allowed: a whole number >= 1"),
        ({"lag": 1.5}, "lag: got 1.5"),
        ({"cells": 0}, "cells: got 0; allowed: a whole number >= 1"),
        ({"novelty": -1.0}, "novelty: got -1.0; allowed: a number >= 0"),
    ],
)
def test_impossible_settings_are_refused_before_any_work(settings, message):
    memory = RelationalMemory(**settings)
    X, _, bits = corners(30)
    with pytest.raises(ValueError, match=f"^{message}"):
        memory.fit(X, bits)
    assert not hasattr(memory, "bonds_")


def test_relations_and_groups_are_checked():
    X, _, bits = corners(30)
    memory = RelationalMemory(6, novelty=0.25)
    with pytest.raises(ValueError, match=r"^relation: got shape \(29,\); allowed: \(30,\)"):
        memory.fit(X, bits[1:])
    with pytest.raises(ValueError, match=r"^relation: got .* values from 0 to 1"):
        memory.fit(X, 2 * bits)
    memory.fit(X, bits)
    for number in (1, 99, 2.5):
        with pytest.raises(ValueError, match=rf"^number: got {number}; allowed: a whole number"):
            memory.groups(number)


@pytest.mark.parametrize(
    "setting",
    [{"lag": 1}, {"lag": 3}, {"cells": 9}, {"novelty": 1.0}, {"plasticity": 0.1}],
    ids=str,
)
def test_what_a_memory_was_made_for_does_not_change_while_it_learns(setting):
    X, _, bits = corners(30)
    memory = RelationalMemory(6, novelty=0.25, lag=2).fit(X, bits)
    before = memory.bonds_.copy()
    (name,) = setting
    with pytest.raises(ValueError, match=f"^{name}: got .* as when learning began"):
        memory.set_params(**setting).partial_fit(X, bits)
    np.testing.assert_array_equal(memory.bonds_, before)


def test_cells_of_a_classifier_and_lag_of_layers_neither():
    X, y, bits = corners(30)
    for made, name, told in (
        (MemoryClassifier(5, novelty=0.25).fit(X, y), "cells", y),
        (RelationalBottleneck((4, 2), memory=Lag(), lag=2).fit(X, bits), "lag", bits),
    ):
        with pytest.raises(ValueError, match=f"^{name}: got 3; allowed: .* as when learning"):
            made.set_params(**{name: 3}).partial_fit(X, told)
