"""Episodes are what the papers describe."""

import numpy as np
import pytest

from spikeconsol.metaplasticity.tasks import (
    AutoAssociation,
    Completion,
    Conditioning,
    ImageCompletion,
    OneShot,
    Reversal,
)
from spikeconsol.parameters import ParameterError


def draw(task, episodes=200, seed=0):
    return task.draw(np.random.default_rng(seed), episodes)


def test_completion():
    e = draw(Completion(kept=3))
    assert set(np.unique(e.x[:, 0])) == {-1, 1}
    assert ((e.x[:, 1] != 0).sum(axis=1) == 3).all()
    shown = e.x[:, 1] != 0
    np.testing.assert_array_equal(e.x[:, 1][shown], e.x[:, 0][shown])
    np.testing.assert_array_equal(e.target[:, 1], e.x[:, 0])
    np.testing.assert_array_equal(e.scored[0, :, 0], [False, True])
    # Every element is kept equally often.
    assert abs(shown.mean(axis=0) - 3 / 8).max() < 0.12


def test_one_shot():
    e = draw(OneShot())
    assert e.x.shape == (200, 20, 10)
    np.testing.assert_array_equal(e.target[:, ::2], np.broadcast_to([1, 0], (200, 10, 2)))
    np.testing.assert_array_equal(e.x[:, :2, :2], np.broadcast_to(np.eye(2), (200, 2, 2)))
    assert not e.x[:, 2:, :2].any()
    assert (e.x[:, :, 2:] == np.tile(e.x[:, :2, 2:], (1, 10, 1))).all()
    assert (e.x[:, 0, 2:] != e.x[:, 1, 2:]).any(axis=1).all()
    np.testing.assert_array_equal(np.flatnonzero(~e.scored[0, :, 0]), [0, 1])


def test_reversal_exchanges_patterns_and_shows_labels_again():
    e = draw(Reversal())
    patterns = e.x[:, :, 2:]
    assert (patterns[:, 10] == patterns[:, 1]).all()
    assert (patterns[:, 11] == patterns[:, 0]).all()
    assert (patterns[:, 18] == patterns[:, 1]).all()
    np.testing.assert_array_equal(np.flatnonzero(~e.scored[0, :, 0]), [0, 1, 10, 11])
    np.testing.assert_array_equal(e.x[:, 10:12, :2], np.broadcast_to(np.eye(2), (200, 2, 2)))
    assert Reversal().published_scale == 16 / 18


@pytest.mark.parametrize("reversals", [1, 2, 4])
def test_random_reversals(reversals):
    task = Reversal(times="random", reversals=reversals)
    e = draw(task)
    labelled = e.x[:, :, :2].any(axis=-1)
    assert (labelled.sum(axis=1) == 2 * (reversals + 1)).all()
    np.testing.assert_array_equal(labelled, ~e.scored[..., 0])
    # Every label is followed by a test before the next exchange.
    pairs = labelled[:, ::2]
    assert not (pairs[:, 1:] & pairs[:, :-1]).any()
    assert not pairs[:, -1].any()
    if reversals == 1:
        assert len(np.unique(np.argmax(pairs[:, 1:], axis=1))) == 7


@pytest.mark.parametrize("differing", [1, 3, 8])
def test_similarity(differing):
    e = draw(OneShot(differing=differing))
    assert ((e.x[:, 0, 2:] != e.x[:, 1, 2:]).sum(axis=1) == differing).all()


def test_noise_flips_elements():
    e = draw(OneShot(noise=0.2))
    flipped = (e.x[:, 2:4, 2:] != e.x[:, 4:6, 2:]).mean()
    assert abs(flipped - 2 * 0.2 * 0.8) < 0.03


def test_delay_shows_other_patterns():
    e = draw(OneShot(delay=6))
    np.testing.assert_array_equal(np.flatnonzero(~e.scored[0, :, 0]), np.arange(8))
    assert (e.x[:, 8, 2:] == e.x[:, 0, 2:]).all()
    assert (e.x[:, 2:8, 2:] == e.x[:, :1, 2:]).all(axis=-1).mean() < 0.05
    assert (e.target[:, 8] == e.target[:, 0]).all()


def test_more_patterns():
    e = draw(OneShot(patterns=3, steps=21))
    assert e.x.shape[-1] == 11
    assert (e.target[:, 5].argmax(axis=-1) == 2).all()
    assert (e.x[:, 5, 3:] == e.x[:, 2, 3:]).all()


@pytest.mark.parametrize("stimuli", ["exclusive", "uncorrelated"])
def test_conditioning(stimuli):
    e = draw(Conditioning(stimuli=stimuli), 400)
    on = e.x[:, :, :2]
    assert ((on.sum(axis=-1) == 1).mean() == 1) == (stimuli == "exclusive")
    target = e.target[..., 0]
    assert (e.x[..., 2] <= target).all()
    assert abs(e.x[..., 2][target == 1].mean() - 0.3) < 0.02
    predictive = (on == e.target).all(axis=1)
    assert predictive.any(axis=1).all()
    assert abs(predictive[:, 0].mean() - 0.5) < 0.1


def test_auto_association():
    task = AutoAssociation()
    e = draw(task, 20)
    assert e.x.shape == (20, 66, 29)
    assert (e.x[..., -1] == 200).all()
    shown = e.x[:, [0, 10, 20], :-1] / 20
    np.testing.assert_array_equal(
        shown @ shown.transpose(0, 2, 1), np.tile(28 * np.eye(3), (20, 1, 1))
    )
    assert not shown.sum(axis=-1).any()
    probe = e.x[:, -1, :-1] / 20
    assert ((probe != 0).sum(axis=1) == 14).all()
    assert (probe[probe != 0] == e.target[:, -1][probe != 0]).all()
    np.testing.assert_array_equal(np.flatnonzero(e.scored[0, :, 0]), [65])
    # The second round shows the same patterns, in another order.
    again = e.x[:, [30, 40, 50], :-1] / 20
    overlap = np.abs(again @ shown.transpose(0, 2, 1))
    assert (overlap.max(axis=-1) == 28).all()


@pytest.mark.parametrize(
    ("task", "field", "settings"),
    [
        (Completion, "kept", {"kept": 9}),
        (OneShot, "steps", {"steps": 10, "delay": 8}),
        (OneShot, "differing", {"differing": 9}),
        (OneShot, "patterns", {"patterns": 5, "size": 2, "steps": 20}),
        (Reversal, "reversals", {"reversals": 5}),
        (Reversal, "delay", {"delay": 1}),
        (Conditioning, "unscored", {"unscored": 100}),
        (AutoAssociation, "size", {"size": 30}),
        (AutoAssociation, "patterns", {"patterns": 9}),
    ],
)
def test_impossible_settings_name_their_field(task, field, settings):
    with pytest.raises(ParameterError, match=f"^{field}: got"):
        task(**settings)


def test_legacy_draws_are_for_published_episodes():
    rng = np.random.RandomState(0)
    assert OneShot().draw_legacy(rng).x.shape == (1, 20, 10)
    with pytest.raises(ParameterError, match="draws: got 'legacy'"):
        OneShot(differing=1).draw_legacy(rng)


def test_bits_keep_ones_in_the_cue():
    task = Completion(elements="bits", error="manhattan", kept=2)
    drawn = task.draw(np.random.default_rng(0), 200)
    pattern, cue = drawn.x[:, 0], drawn.x[:, 1]
    assert set(np.unique(drawn.x)) == {0, 1}
    assert pattern.any(axis=1).all()
    assert (cue <= pattern).all()
    np.testing.assert_array_equal(cue.sum(axis=1), np.minimum(pattern.sum(axis=1), 2))
    assert cue.mean(axis=0).min() > 0.1
    assert (task.loss, task.middle) == ("manhattan", 0.5)
    np.testing.assert_array_equal(drawn.target[:, 1], pattern)


def test_learning_periods_of_several_rounds():
    drawn = Reversal(rounds=2).draw(np.random.default_rng(0), 5)
    labelled = drawn.x[..., :2].any(axis=-1)
    wanted = np.isin(np.arange(20), [0, 1, 2, 3, 10, 11, 12, 13])
    np.testing.assert_array_equal(labelled, np.broadcast_to(wanted, labelled.shape))
    np.testing.assert_array_equal(drawn.scored[..., 0], ~labelled)
    # What follows the labels is what was labelled.
    np.testing.assert_array_equal(drawn.x[:, 2, 2:], drawn.x[:, 4, 2:])
    np.testing.assert_array_equal(drawn.x[:, 4, 2:], drawn.x[:, 11, 2:])
    assert Reversal(rounds=2).published_scale == 12 / 16
    delayed = OneShot(rounds=2, delay=3).draw(np.random.default_rng(0), 5)
    np.testing.assert_array_equal(np.flatnonzero(~delayed.scored[0, :, 0]), np.arange(7))
    with pytest.raises(ParameterError, match="rounds: got 2; allowed: 1 at random times"):
        Reversal(rounds=2, times="random")
    with pytest.raises(ParameterError, match="reversals: got 1"):
        Reversal(rounds=5)


def test_graded_noise_flips_later_elements_more():
    task = OneShot(noise=0.2, graded=True, steps=400)
    drawn = task.draw(np.random.default_rng(0), 20)
    first = np.sign(drawn.x[:, ::2, 2:].sum(axis=1, keepdims=True))
    flipped = (drawn.x[:, ::2, 2:] != first).mean(axis=(0, 1))
    np.testing.assert_allclose(flipped, np.linspace(0, 0.4, 8), atol=0.03)
    assert flipped[0] == 0
    with pytest.raises(ParameterError, match=r"noise: got 0\.3; allowed: <= 0\.25"):
        OneShot(noise=0.3, graded=True)


def test_thousand_bits_are_independent():
    task = AutoAssociation.thousand_bits()
    drawn = task.draw(np.random.default_rng(0), 1)
    assert drawn.x.shape == (1, 106, 1001)
    shown = drawn.x[0, 0, :-1] / task.drive
    assert set(np.unique(shown)) == {-1, 1}
    assert abs(shown.sum()) > 0
    assert (drawn.x[0, -1, :-1] == 0).sum() == 500


def test_pieces_of_photographs_are_shown_by_halves():
    pytest.importorskip("skimage")
    for part in ("train", "test"):
        task = ImageCompletion(part=part)
        drawn = task.draw(np.random.default_rng(0), 20)
        assert drawn.x.shape == (20, task.steps, 257) == (20, 111, 257)
        wanted = drawn.target[:, -1]
        np.testing.assert_allclose(wanted.mean(axis=-1), 0, atol=1e-12)
        np.testing.assert_allclose(np.abs(wanted).max(axis=-1), 1)
        shown = drawn.x[:, -task.tested :, :-1]
        half = np.where((shown[:, 0, :128] != 0).any(axis=-1), 0, 128)
        assert set(half) == {0, 128}
        for n, start in enumerate(half):
            kept = slice(start, start + 128)
            np.testing.assert_array_equal(shown[n, :, kept], np.tile(wanted[n, kept], (3, 1)))
            assert not np.delete(shown[n], np.arange(start, start + 128), axis=1).any()
        # The piece is one of those shown before.
        assert (drawn.x[:, :-3, :-1] == wanted[:, None]).all(axis=-1).sum(axis=-1).min() == 30
    with pytest.raises(ParameterError, match="side: got 7; allowed: an even number"):
        ImageCompletion(side=7)
