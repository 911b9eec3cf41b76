"""A plastic last layer names images of classes it was never trained on, from one example each.

As in Miconi, Stanley and Clune (2018), on digits: five classes for training, the five others for
tests, another division for every seed. Plastic with a coefficient for each connection or one for
all; not plastic; and the nearest class mean, on the same test episodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import Plasticity
from spikeconsol.metaplasticity.image_classes import ImageClasses
from spikeconsol.models.meta_hebbian import Case, Tested, by_seed, experiment, learn, listed, named
from spikeconsol.parameters import parameter


@dataclass(frozen=True)
class ImagesProtocol(Tested, frozen=300):  # type: ignore[call-arg]
    """Training on some classes, and the test on others."""

    episodes: int | None = parameter(1500, at_least=2, doc="episodes in all")
    images: str = parameter("digits", choices=("digits", "mnist", "omniglot"), doc="data set")


NETWORKS = {
    "each": ("an α for each", Plasticity()),
    "shared": ("one α for all", Plasticity(alpha="shared")),
    "fixed": ("not plastic", Plasticity(alpha="fixed", alpha_scale=0)),
}


def conditions(protocol: ImagesProtocol) -> Sequence[Condition]:
    """Features given or learned; plastic layers beside one that is not."""
    return listed(
        {
            f"{features}-{name}": (
                f"{features} features, {label}",
                Case(ImageClasses(images=protocol.images, features=features), plasticity),
            )
            for features in ("components", "learned")
            for name, (label, plasticity) in NETWORKS.items()
        }
    )


@columns("train_accuracy", "new_accuracy", "nearest_accuracy")
def run(protocol: ImagesProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train on the classes of each seed's division; test on new images, and on new classes."""
    case: Case = condition.setup
    rows = []
    for seed in seeds:
        task = case.task.replace(split=seed)
        training = learn(protocol, Case(task, case.plasticity), (seed,))
        new = task.replace(part="test")
        drawn = new.draw(np.random.default_rng([seed, 1]), protocol.tested)
        by_network = training.network.run(
            {name: value[0] for name, value in training.parameters.items()}, drawn
        )
        rows.append(
            {
                "train_accuracy": named((), training.test_accuracy[0], "classes of the training"),
                "new_accuracy": named((), by_network.accuracy.mean(), "classes never trained on"),
                "nearest_accuracy": named((), new.nearest(drawn).mean(), "nearest class mean"),
            }
        )
    return by_seed(seeds, rows)


EXPERIMENTS = (
    experiment(
        "images",
        "one-shot classification of images by a plastic last layer",
        conditions,
        run=run,
        seeds=(100, 10),
        demo={"episodes": 600, "frozen": 100, "tested": 100, "seeds": 3},
    ),
)
