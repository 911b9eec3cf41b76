"""One-shot classification of images of classes that were never trained on."""

import numpy as np
import pytest

from spikeconsol.metaplasticity import Plasticity, evaluate, train
from spikeconsol.metaplasticity.image_classes import ImageClasses, divided
from spikeconsol.parameters import ParameterError

TASK = ImageClasses()


def test_an_episode_shows_each_class_with_its_label_and_asks_for_another_image():
    episodes = TASK.draw(np.random.default_rng(0), 50)
    assert episodes.x.shape == (50, 6, 37)
    np.testing.assert_array_equal(episodes.x[:, :5, :5].sum(axis=1), 1)
    np.testing.assert_array_equal(episodes.x[:, :5, :5], episodes.target[:, :5])
    assert not episodes.x[:, 5, :5].any()
    np.testing.assert_allclose(np.linalg.norm(episodes.x[..., 5:], axis=-1), TASK.length)
    assert episodes.scored[:, 5].all()
    assert not episodes.scored[:, :5].any()


def test_classes_of_training_and_test_are_apart_and_vary_with_the_split():
    for split in range(5):
        classes = divided(split)
        assert sorted([*classes["train"], *classes["test"]]) == list(range(10))
    assert {tuple(divided(split)["test"]) for split in range(5)} != {tuple(divided(0)["test"])}


def test_nearest_class_mean_is_far_above_chance_and_right_for_the_same_image():
    test = TASK.replace(part="test")
    episodes = test.draw(np.random.default_rng(0), 400)
    assert 0.5 < test.nearest(episodes).mean() < 0.95
    label = episodes.target[:, 5].argmax(axis=-1)
    at = episodes.target[:, :5].argmax(axis=-1) == label[:, None]
    episodes.x[:, 5, 5:] = episodes.x[:, :5, 5:][at]
    assert test.nearest(episodes).all()


def test_features_know_nothing_of_test_classes():
    """The centre and the components are those of the training classes."""
    from spikeconsol.metaplasticity.image_classes import _features, _pixels

    X, y = _pixels("digits")
    seen = _features("digits", "components", 32, 0)
    mine = np.isin(y, divided(0)["train"])
    from sklearn.decomposition import PCA

    wanted = PCA(32, random_state=0).fit(X[mine]).transform(X[~mine])
    cosine = (seen[~mine] * wanted).sum(axis=1) / (3 * np.linalg.norm(wanted, axis=1))
    np.testing.assert_allclose(cosine, 1)


def test_a_plastic_layer_learns_and_one_that_is_not_stays_at_chance():
    settings = {"seeds": [0], "episodes": 800, "frozen": 200}
    shared = train(TASK, plasticity=Plasticity(alpha="shared"), **settings)
    none = train(TASK, plasticity=Plasticity(alpha="fixed", alpha_scale=0), **settings)
    new = evaluate(shared, TASK.replace(part="test"), episodes=200)
    assert shared.test_accuracy[0] > 0.35
    assert new.accuracy.mean() > 0.35
    assert none.test_accuracy[0] == pytest.approx(0.2, abs=0.1)


def test_impossible_settings_are_refused():
    with pytest.raises(ParameterError, match="ways: got 6; allowed: >= 2 and <= 5"):
        ImageClasses(ways=6)
    with pytest.raises(
        ParameterError, match="images: got 'letters'; allowed: one of digits, mnist, omniglot"
    ):
        ImageClasses(images="letters")
