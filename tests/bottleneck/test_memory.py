import numpy as np
import pytest

from spikeconsol.bottleneck import hsic
from spikeconsol.bottleneck.memory import ClassMeans, Prototypes, Window

OBJECTIVE = hsic.Objective(gamma=3.0, widths=(0.4, 0.2, 0.9), input_weight=0.7, code_weight=0.4)
CONSTANTS = OBJECTIVE.flat()


def stream(n=20, d=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, 5)), rng.integers(classes, size=n), rng.standard_normal((n, d))


@pytest.mark.parametrize("variant", hsic.VARIANTS)
@pytest.mark.parametrize("length", [2, 5, 8])
def test_window_gives_the_signal_of_its_rows(variant, length):
    X, y, Z = stream()
    Y = np.eye(3)[y]
    window = Window(length, 5, 6, 3, objective=OBJECTIVE, variant=variant)
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
    first = Window(4, 5, 6, 3, objective=OBJECTIVE)
    second = Window(4, 5, 6, 3, objective=OBJECTIVE, samples=first.samples)
    alone = Window(4, 5, 6, 3, objective=OBJECTIVE)
    for x, label, z in zip(X, y, Z, strict=True):
        first.push(x, label, -z)
        second.push(x, label, z)
        alone.push(x, label, z)
    np.testing.assert_array_equal(second.signal(), alone.signal())


def test_revising_the_newest_code_is_as_if_it_had_been_pushed():
    X, y, Z = stream()
    for make in (
        lambda: Window(4, 5, 6, 3, objective=OBJECTIVE),
        lambda: Prototypes(6, 3, objective=OBJECTIVE),
    ):
        settled, direct = make(), make()
        for x, label, z in zip(X, y, Z, strict=True):
            settled.push(x, label, 0.3 * z)
            settled.revise(z)
            direct.push(x, label, z)
        np.testing.assert_array_equal(settled.signal(), direct.signal())


def test_window_features_are_the_past_codes():
    X, y, Z = stream()
    window = Window(4, 5, 6, 3)
    for x, label, z in zip(X, y, Z, strict=True):
        window.push(x, label, z)
    expected = np.concatenate([Z[:-5:-1].ravel(), np.eye(3)[y[:-5:-1]].ravel()])
    np.testing.assert_array_equal(window.features(), expected)


def test_prototypes_are_the_window_of_class_means():
    """With one remembered code per class the window's weights reduce to the prototypes'."""
    rng = np.random.default_rng(3)
    memory = Prototypes(6, 4, objective=OBJECTIVE, rate=1.0)
    codes = rng.standard_normal((5, 6))
    for label, z in zip([0, 1, 2, 3, 2], codes, strict=True):
        memory.push(np.zeros(5), label, z)
    width = OBJECTIVE.widths[2]
    k = np.array([np.exp(-np.mean((codes[4] - m) ** 2) / (2 * width**2)) for m in codes[:4]])
    a = 2 * OBJECTIVE.code_weight * k - OBJECTIVE.gamma * np.eye(4)[2]
    pulls = k[:, None] * (codes[4] - codes[:4]) / (width**2 * 6)
    np.testing.assert_allclose(memory.signal(), -2 * (a - a.mean()) @ pulls, rtol=1e-12)


def test_class_means_are_leaky_and_exclude_the_newest():
    memory = ClassMeans(2, 2, rate=0.5)
    for label, z in [(0, [1.0, 0.0]), (1, [0.0, 1.0]), (0, [3.0, 0.0]), (1, [9.0, 9.0])]:
        memory.push([0.0], label, z)
    np.testing.assert_array_equal(memory.means, [[2.0, 0.0], [0.0, 1.0]])
    # Towards the own mean, away from the average of all: descending means z moves to m_1.
    assert (memory.signal() @ [[1.0], [-1.0]])[0] > 0


@pytest.mark.parametrize("make", [lambda: Window(4, 5, 6, 3), lambda: Prototypes(6, 3)])
def test_a_signal_before_any_sample_is_refused(make):
    with pytest.raises(ValueError, match=r"^memory: got no sample"):
        make().signal()


@pytest.mark.parametrize("length", [1, 0, 2.5, True])
def test_a_window_needs_two_samples(length):
    with pytest.raises(ValueError, match=r"^window: got .*; allowed: "):
        Window(length, 5, 6, 3)
