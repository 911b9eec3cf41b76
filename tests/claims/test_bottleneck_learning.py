"""What information-bottleneck learning shows on small tasks, with its controls.

Seeds start at 100; settings were chosen with seeds 0 to 9.
"""

import functools

import numpy as np
import pytest

from spikeconsol.models import bottleneck as model

SEEDS = range(100, 103)


CONDITIONS = {c.name: c for c in (*model.SIGNALS, *model.window_conditions(model.Training()))}


@functools.cache
def accuracy(parameters, name, seeds=SEEDS):
    return np.array(
        [float(model.learn(parameters, CONDITIONS[name], (seed,)).accuracy[0]) for seed in seeds]
    )


@pytest.fixture(autouse=True, scope="module")
def compiled():
    pytest.importorskip("numba", reason="the compiled loop makes these runs short")


def test_xor_is_learned_and_needs_its_hidden_layers():
    exact = accuracy(model.Xor(), "exact")
    assert exact.mean() >= 0.995
    assert accuracy(model.Xor(), "frozen", range(100, 106)).mean() < exact.mean() - 0.15


def test_digits_are_learned_far_beyond_frozen_layers():
    parameters = model.Training(epochs=6)
    exact, frozen, permuted = (
        accuracy(parameters, name) for name in ("exact", "frozen", "permuted")
    )
    assert exact.mean() >= 0.935
    assert frozen.mean() < exact.mean() - 0.1
    # Random labels are no better than no learning at all, up to the seeds' spread.
    assert permuted.mean() < frozen.mean() + 0.1


def test_the_released_program_learns_less_than_the_exact_rule():
    parameters = model.Training(epochs=6)
    exact, release = (accuracy(parameters, name) for name in ("exact", "diag-release"))
    assert release.mean() < exact.mean() - 0.05


def test_learning_lowers_the_objective_of_every_layer():
    result = model.learn(model.Training(epochs=4), model.EXACT, (100,))
    first = model.learn(model.Training(epochs=4), model.FROZEN, (100,)).objective[0, 0]
    assert np.all(result.objective[0, -1] < 1.3 * first)
    assert np.all(first < 0)


def test_variants_lose_the_exact_signal_in_long_windows():
    parameters = model.Training(epochs=3)
    row, release = (
        model.compare_signals(parameters, CONDITIONS[name], (100,)).variant_cosine[0]
        for name in ("row-centred", "diag-release")
    )
    np.testing.assert_allclose(row.sel(length=2), 1)
    np.testing.assert_allclose(release.sel(length=2), 1)
    assert np.all(row > 0.9)
    assert np.all(release.sel(length=64) < release.sel(length=4))
    assert release.sel(length=64, codes="random") < 0.6


def test_every_window_length_but_two_suffices():
    parameters = model.Training(epochs=6)
    short, usual, long = (
        accuracy(parameters, name).mean() for name in ("length-02", "exact", "length-32")
    )
    assert short < usual
    assert abs(long - usual) < 0.03
