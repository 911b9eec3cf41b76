import numpy as np
import pytest

from spikeconsol.bottleneck import hsic
from spikeconsol.bottleneck.memory import ClassMeans, Place, Prototypes, Window

OBJECTIVE = hsic.Objective(gamma=3.0, widths=(0.4, 0.2, 0.9), input_weight=0.7, code_weight=0.4)
CONSTANTS = OBJECTIVE.flat()
PLACE = Place(5, 6, 3, OBJECTIVE)


def stream(n=20, d=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, 5)), rng.integers(classes, size=n), rng.standard_normal((n, d))


@pytest.mark.parametrize("variant", hsic.VARIANTS)
@pytest.mark.parametrize("length", [2, 5, 8])
def test_window_gives_the_signal_of_its_rows(variant, length):
    X, y, Z = stream()
    Y = np.eye(3)[y]
    window = Window(length).begin(Place(5, 6, 3, OBJECTIVE, variant))
    for t in range(len(X)):
        window.push(X[t], y[t], Z[t])
        if t == 0:
            assert not window.signal().any()
            continue
        rows = slice(max(0, t + 1 - length), t + 1)
        expected = hsic.modulatory_signal(X[rows], Y[rows], Z[rows], variant=variant, **CONSTANTS)
        np.testing.assert_allclose(window.signal(), expected, rtol=1e-9, atol=1e-14)


def test_layers_can_share_the_remembered_samples():
    X, y, Z = stream()
    first = Window(4).begin(PLACE)
    second = Window(4).begin(Place(5, 6, 3, OBJECTIVE, below=first))
    alone = Window(4).begin(PLACE)
    for x, label, z in zip(X, y, Z, strict=True):
        first.push(x, label, -z)
        second.push(x, label, z)
        alone.push(x, label, z)
    np.testing.assert_array_equal(second.signal(), alone.signal())


def test_revising_the_newest_code_is_as_if_it_had_been_pushed():
    X, y, Z = stream()
    for memory in (Window(4), Prototypes()):
        settled, direct = memory.begin(PLACE), memory.begin(PLACE)
        for x, label, z in zip(X, y, Z, strict=True):
            settled.push(x, label, 0.3 * z)
            settled.revise(z)
            direct.push(x, label, z)
        np.testing.assert_array_equal(settled.signal(), direct.signal())


def test_window_features_are_the_past_codes():
    X, y, Z = stream()
    window = Window(4).begin(PLACE)
    for x, label, z in zip(X, y, Z, strict=True):
        window.push(x, label, z)
    expected = np.concatenate([Z[:-5:-1].ravel(), np.eye(3)[y[:-5:-1]].ravel()])
    np.testing.assert_array_equal(window.features(), expected)


def test_prototypes_are_the_window_of_class_means():
    """With one remembered code per class the window's weights reduce to the prototypes'."""
    rng = np.random.default_rng(3)
    memory = Prototypes(1.0).begin(Place(5, 6, 4, OBJECTIVE))
    codes = rng.standard_normal((5, 6))
    for label, z in zip([0, 1, 2, 3, 2], codes, strict=True):
        memory.push(np.zeros(5), label, z)
    width = OBJECTIVE.widths[2]
    k = np.array([np.exp(-np.mean((codes[4] - m) ** 2) / (2 * width**2)) for m in codes[:4]])
    a = 2 * OBJECTIVE.code_weight * k - OBJECTIVE.gamma * np.eye(4)[2]
    pulls = k[:, None] * (codes[4] - codes[:4]) / (width**2 * 6)
    np.testing.assert_allclose(memory.signal(), -2 * (a - a.mean()) @ pulls, rtol=1e-12)


def test_class_means_are_leaky_and_exclude_the_newest():
    memory = ClassMeans(0.5).begin(Place(1, 2, 2))
    for label, z in [(0, [1.0, 0.0]), (1, [0.0, 1.0]), (0, [3.0, 0.0]), (1, [9.0, 9.0])]:
        memory.push([0.0], label, z)
    np.testing.assert_array_equal(memory.means, [[2.0, 0.0], [0.0, 1.0]])
    # Towards the own mean, away from the average of all: descending means z moves to m_1.
    assert (memory.signal() @ [[1.0], [-1.0]])[0] > 0


@pytest.mark.parametrize("memory", [Window(4), Prototypes()])
def test_a_signal_before_any_sample_is_refused(memory):
    with pytest.raises(ValueError, match=r"^memory: got no sample"):
        memory.begin(PLACE).signal()


@pytest.mark.parametrize("length", [1, 0, 2.5, True])
def test_a_window_needs_two_samples(length):
    with pytest.raises(ValueError, match=r"^length: got .*; allowed: "):
        Window(length)
