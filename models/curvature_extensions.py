"""Capacity beyond the plain protocol: homeostasis and real images."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import (
    CurvatureGate,
    DepressionGate,
    HardBounds,
    HistoryMask,
    Leaky,
    RefreshedCurvatureGate,
    Rule,
    Shuffled,
    SmoothCurvatureGate,
    SpikeGatedLeaky,
    StablePerceptron,
)
from spikeconsol.data import corrupt, load_cifar10, load_photographs
from spikeconsol.lab import Condition
from spikeconsol.models.curvature_capacity import (
    Patterns,
    Protocol,
    Seeds,
    Trial,
    experiment,
    instant_capacity,
    run,
)
from spikeconsol.parameters import parameter


@functools.cache
def tuned(coding_level: float, capacity: float) -> dict[str, tuple[float, Rule]]:
    """Homeostasis and constants of each rule, the best of a grid on tuning seeds."""
    f, sparse = coding_level, coding_level < 0.075

    def smooth(time: float, **constants: float) -> Rule:
        return SmoothCurvatureGate(coding_level=f, protection_time=time * capacity, **constants)

    def refreshed(time: float, **constants: float) -> Rule:
        return RefreshedCurvatureGate(coding_level=f, protection_time=time * capacity, **constants)

    def depression(time: float) -> Rule:
        return DepressionGate(coding_level=f, protection_time=time * capacity)

    def leaky(rate: float) -> Rule:
        return SpikeGatedLeaky(coding_level=f, learning_rate=rate)

    def bounds(bound: float) -> Rule:
        return HardBounds(coding_level=f, bound=bound)

    # Of two times or rates the first is without homeostasis, the second with it.
    if sparse:
        times = {"smooth": (1.0, 1.1), "refreshed": (1.0, 1.05), "depression": (0.95, 1.15)}
        bound, rates, constants = 0.5, (0.06, 0.06), {"trace_decay": 4.0}
    else:
        times = {"smooth": (0.7, 0.85), "refreshed": (0.85, 1.0), "depression": (0.6, 1.0)}
        bound, rates, constants = 0.75, (0.08, 0.04), {"learning_rate": 0.3}
    made: dict[str, tuple[float, Rule]] = {}
    for k, (suffix, on) in enumerate((("", 0.0), ("-homeostasis", 1.0))):
        made[f"smooth-gate{suffix}"] = 0.5 * on, smooth(times["smooth"][k])
        made[f"refreshed-gate{suffix}"] = 0.5 * on, refreshed(times["refreshed"][k], **constants)
        made[f"depression-gate{suffix}"] = 0.6 * on, depression(times["depression"][k])
        made[f"hard-bounds{suffix}"] = 0.25 * on, bounds(bound)
        made[f"leaky{suffix}"] = 0.75 * on, leaky(rates[k])
    shuffled = Shuffled(rule=depression(times["depression"][1]))
    return made | {"shuffled-depression-gate-homeostasis": (0.6, shuffled)}


def homeostasis(p: Protocol) -> list[Condition]:
    """Units with much total weight are made harder to excite; every rule with and without.

    The background is four times the capacity, so that nothing is left of the blank start.
    """
    conditions = []
    for f in (0.05, 0.1):
        capacity = instant_capacity(p.replace(coding_level=f))
        q = p.replace(
            coding_level=f,
            stored=round(2 * capacity),
            background=round(4 * capacity),
            every=max(1, round(capacity / 40)),
        )
        instant = Trial("covariance", q)
        conditions.append(Condition(f"f={f:g}-instant", "rate", f"f = {f:g} instant", instant))
        for name, (share, rule) in tuned(f, capacity).items():
            network = functools.partial(HopfieldNetwork, homeostasis=share)
            label = f"f = {f:g} {name.replace('-', ' ')}"
            conditions.append(Condition(f"f={f:g}-{name}", "rate", label, Trial(rule, q, network)))
    return conditions


@dataclass(frozen=True)
class Images(Protocol):
    """Sequences of digits; a pixel is active if it is bright enough."""

    units: int = parameter(64, choices=(64,), doc="pixels of an image")
    coding_level: float = parameter(0.1, above=0, at_most=0.5, doc="level the rules assume")
    stored: int = parameter(40, at_least=20, doc="number of images stored and tested")
    background: int = parameter(60, at_least=0, doc="images stored before, never tested")
    every: int = parameter(1, at_least=1, doc="resolution of the capacity, in images")
    newest: int = parameter(3, at_least=1, doc="number of newest images tested at 12 loads")


def draw_images(p: Protocol, seeds: Seeds, *, brightness: int) -> tuple[Patterns, ...]:
    """Images, their cues and the background, each (S, P, 64), in random order."""
    from sklearn.datasets import load_digits

    bright = load_digits().data >= brightness
    bright = bright[bright.sum(axis=1) >= 4]  # fewer pixels make no cue

    def chosen(rng: np.random.Generator, count: int) -> Patterns:
        return bright[rng.permutation(len(bright))[:count]]

    return _streams(p, seeds, chosen)


def _streams(
    p: Protocol, seeds: Seeds, chosen: Callable[[np.random.Generator, int], Patterns]
) -> tuple[Patterns, ...]:
    """Images, their cues and the background of every seed."""
    streams = []
    for seed in seeds:
        order, noise = np.random.SeedSequence(seed).spawn(2)
        images = chosen(np.random.default_rng(order), p.stored + p.background)
        tested, background = np.split(images, [p.stored])
        cues = corrupt(tested, deleted=p.deleted, added=p.added, seed=noise)
        streams.append((tested, cues, background))
    return tuple(np.stack(arrays) for arrays in zip(*streams, strict=True))


def images(p: Images) -> list[Condition]:
    """Handwritten digits, each with as many active pixels as it happens to have."""
    conditions = []
    for brightness, level in ((16, 0.1), (12, 0.25)):
        q = p.replace(coding_level=level)
        made: dict[str, Rule | str] = {
            "instant": "covariance",
            "perceptron": "perceptron",
            "curvature-gate": CurvatureGate.for_capacity(10, coding_level=level),
            "smooth-gate": SmoothCurvatureGate.for_capacity(10, coding_level=level),
            "hard-bounds": HardBounds(coding_level=level),
            "leaky": Leaky(coding_level=level),
            "stable-perceptron": StablePerceptron(coding_level=level),
            "stable-perceptron-damped": StablePerceptron(coding_level=level, damping=1.0),
        }
        conditions += [
            Condition(
                f"brightness={brightness}-{name}",
                "rate",
                f"pixels >= {brightness} of 16, {name.replace('-', ' ')}",
                Trial(rule, q, draw=functools.partial(draw_images, brightness=brightness)),
            )
            for name, rule in made.items()
        ]
    return conditions


def run_images(p: Images, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Images do not keep to one level of activity, of which the network would warn at each load."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="patterns have a mean activity")
        return run(p, condition, seeds)


SIDE = 10


@dataclass(frozen=True)
class Photographs(Images):
    """Sequences of grey 10 x 10 pieces of photographs, as in the source paper's program."""

    units: int = parameter(SIDE**2, choices=(SIDE**2,), doc="pixels of an image")
    source: str = parameter(
        "photographs", choices=("photographs", "cifar-10"), doc="of scikit-image, or CIFAR-10"
    )


def grey_images(source: str, rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draw pieces of photographs, or whole small ones, in random order, shape (count, 100)."""
    if source == "cifar-10":
        colours, _ = _cifar10()
        chosen = colours[rng.permutation(len(colours))[:count]].astype(float)
        drawn: NDArray[np.float64] = chosen @ np.array([0.299, 0.587, 0.114])
        # A pixel is the mean of 3 x 3 of the inner 30 x 30.
        return drawn[:, 1:-1, 1:-1].reshape(-1, SIDE, 3, SIDE, 3).mean(axis=(2, 4)).reshape(-1, 100)
    photographs = [image for part in ("train", "test") for image in load_photographs(part)]
    pieces = np.empty((count, SIDE, SIDE))
    for piece in pieces:
        image = photographs[rng.integers(len(photographs))]
        row, column = (rng.integers(0, length - SIDE + 1) for length in image.shape)
        piece[:] = image[row : row + SIDE, column : column + SIDE]
    return pieces.reshape(count, -1)


_cifar10 = functools.cache(load_cifar10)


def binarised(grey: NDArray[np.float64], brightest: float | None) -> Patterns:
    """Pixels of at least half of the largest value, or so large a share, the brightest, of all."""
    if brightest is None:
        return grey >= grey.max(axis=1, keepdims=True) / 2
    order = np.argsort(-grey, axis=1, kind="stable")
    active = np.zeros(grey.shape, bool)
    np.put_along_axis(active, order[:, : round(brightest * grey.shape[1])], True, axis=1)
    return active


def draw_photographs(
    p: Photographs, seeds: Seeds, *, brightest: float | None
) -> tuple[Patterns, ...]:
    """Binary images that are neither uniform nor the same as another, their cues and background."""

    def chosen(rng: np.random.Generator, count: int) -> Patterns:
        active = binarised(grey_images(p.source, rng, 8 * count), brightest)
        share = active.mean(axis=1)
        active = active[(share >= 0.04) & (share <= 0.96)]
        first = np.sort(np.unique(active, axis=0, return_index=True)[1])
        return active[first[:count]]

    return _streams(p, seeds, chosen)


def photographs(p: Photographs) -> list[Condition]:
    """Half of the largest grey value as in the source, and the brightest tenth."""
    conditions = []
    for name, brightest, level in (("half", None, 0.5), ("tenth", 0.1, 0.1)):
        q = p.replace(coding_level=level)
        made: dict[str, Rule | str] = {
            "instant": "covariance",
            "perceptron": "perceptron",
            "curvature-gate": CurvatureGate.for_capacity(10, coding_level=level),
            "hard-bounds": HardBounds(coding_level=level),
            "leaky": Leaky(coding_level=level),
            "frozen-mask": HistoryMask(coding_level=level),
        }
        conditions += [
            Condition(
                f"{name}-{rule}",
                "rate",
                f"{name}, {rule.replace('-', ' ')}",
                Trial(made[rule], q, draw=functools.partial(draw_photographs, brightest=brightest)),
            )
            for rule in made
        ]
    return conditions


def run_photographs(p: Photographs, condition: Condition, seeds: Seeds) -> xr.Dataset:
    """Add some of the images, for the figure."""
    trial: Trial = condition.setup
    shown = trial.draw(trial.protocol, seeds[:1])[0][0, :8]
    return run_images(p, condition, seeds).assign(example=(("image", "pixel"), shown))


EXPERIMENTS = (
    experiment(
        homeostasis,
        "excitability that evens out how often units are used",
        seeds=10,
        figures=("homeostasis",),
    ),
    experiment(images, "sequences of handwritten digits", run=run_images),
    experiment(
        photographs,
        "sequences of natural images of 10 x 10 pixels",
        run=run_photographs,
        seeds=10,
        figures=("photographs",),
    ),
)
