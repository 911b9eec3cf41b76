"""Name images of classes never trained on, from one labelled example of each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spikeconsol.metaplasticity.task import Episodes, Floats, Labelled
from spikeconsol.parameters import parameter

__all__ = ["ImageClasses"]

#: Images of each class that are read, of MNIST.
_OF_EACH = 250
#: Classes for training and for tests; those of Omniglot as in 2018.
_CLASSES = {"digits": (5, 5), "mnist": (5, 5), "omniglot": (1523, 100)}


@dataclass(frozen=True)
class ImageClasses(Labelled, gamma=0.9):
    """Five-way one-shot classification by a plastic last layer.

    Half of the ten classes of digits are for training, the other half for tests (`part`), or 1523
    and 100 of the characters of Omniglot; which ones is drawn with `split`. An episode numbers its
    classes at random, shows one labelled image of each and then another image of one of them,
    without a label. Inputs are the labels and features of the image: principal components of the
    training classes, or the hidden units of a classifier trained to tell those apart; centred,
    and scaled to one length.

    After the Omniglot task of Miconi, Stanley and Clune (2018), which saw images through trained
    convolutions; digits ship with scikit-learn, the other two sets are downloaded.
    """

    images: str = parameter("digits", choices=("digits", "mnist", "omniglot"), doc="data set")
    features: str = parameter(
        "components", choices=("components", "learned"), doc="what images are seen by"
    )
    size: int = parameter(32, at_least=2, at_most=64, doc="features of an image")
    ways: int = parameter(5, at_least=2, at_most=5, doc="classes of an episode")
    split: int = parameter(0, at_least=0, doc="seed of the division into classes")
    part: str = parameter("train", choices=("train", "test"), doc="classes that are shown")

    #: Length of the features of an image.
    length: ClassVar[float] = 3.0

    @property
    def label_inputs(self) -> int:  # type: ignore[override]
        """Leading inputs that carry labels."""
        return self.ways

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ways + 1, ...)."""
        features = _features(self.images, self.features, self.size, self.split)
        members = _members(self.images, self.split, self.part)
        T = self.ways + 1
        x, target = np.zeros((episodes, T, self.inputs)), np.zeros((episodes, T, self.ways))
        for e in range(episodes):
            classes = rng.permutation(len(members))[: self.ways]
            order = rng.permutation(self.ways)
            asked = rng.integers(self.ways)
            for t, label in enumerate((*order, asked)):
                target[e, t, label] = 1
                x[e, t, self.ways :] = features[rng.choice(members[classes[label]])]
            x[e, :-1, : self.ways] = target[e, :-1]
        scored = (np.arange(T) == T - 1)[:, None]
        return Episodes(x, target, np.broadcast_to(scored, (episodes, *scored.shape)))

    def nearest(self, episodes: Episodes) -> NDArray[np.bool_]:
        """Return whether the nearest class mean is right, for every episode, shape (...).

        With one example of each class its mean is the example; nearest by angle.
        """
        shown = episodes.x[..., self.ways :]
        near = (shown[..., :-1, :] @ shown[..., -1, :, None])[..., 0].argmax(axis=-1)
        label = episodes.target.argmax(axis=-1)
        return np.take_along_axis(label, near[..., None], -1)[..., 0] == label[..., -1]


def divided(split: int, images: str = "digits") -> dict[str, NDArray[np.int64]]:
    """Return the classes for training and for tests."""
    train, test = _CLASSES[images]
    order = np.random.default_rng([split, 5]).permutation(train + test)
    return {"train": np.sort(order[:train]), "test": np.sort(order[train:])}


@lru_cache(maxsize=2)
def _pixels(images: str) -> tuple[Floats, NDArray[np.int64]]:
    """Return images and classes."""
    if images == "digits":
        from spikeconsol.data.tasks import digits_task

        drawn = digits_task(0)
        return np.concatenate([drawn.X, drawn.X_test]), np.concatenate([drawn.y, drawn.y_test])
    if images == "omniglot":
        from spikeconsol.data.omniglot import load_omniglot

        return load_omniglot()  # type: ignore[return-value]
    from spikeconsol.data.images import load_images

    X, y = load_images("mnist")[:2]
    of_each = np.concatenate([np.flatnonzero(y == c)[:_OF_EACH] for c in range(10)])
    return X[of_each].astype(float), y[of_each]


@lru_cache(maxsize=8)
def _members(images: str, split: int, part: str) -> tuple[NDArray[np.int64], ...]:
    """Return where the images of each class of a part are."""
    _, y = _pixels(images)
    by_class = np.split(np.argsort(y, kind="stable"), np.cumsum(np.bincount(y))[:-1])
    return tuple(by_class[c] for c in divided(split, images)[part])


@lru_cache(maxsize=8)
def _features(images: str, kind: str, size: int, split: int) -> Floats:
    """Return what every image looks like, found from the training classes alone."""
    X, y = _pixels(images)
    mine = np.isin(y, divided(split, images)["train"])
    if kind == "components":
        from sklearn.decomposition import PCA

        seen = PCA(size, random_state=0).fit(X[mine]).transform(X)
    else:
        from sklearn.neural_network import MLPClassifier

        classifier = MLPClassifier((size,), alpha=0.01, max_iter=40, random_state=0, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it could be trained for longer
            classifier.fit(X[mine], y[mine])
        seen = np.maximum(X @ classifier.coefs_[0] + classifier.intercepts_[0], 0)
    seen = seen - seen[mine].mean(axis=0)
    return ImageClasses.length * seen / np.linalg.norm(seen, axis=1, keepdims=True)
