"""What networks with meta-learned plasticity can do beyond what they were trained for.

Similar and noisy patterns, long episodes, spikes in place of rates, and traces made permanent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import evaluate, tasks
from spikeconsol.metaplasticity.parameters import SpikingParameters
from spikeconsol.models.meta_hebbian import (
    SCORES,
    Case,
    Protocol,
    Tested,
    by_seed,
    experiment,
    learn,
    listed,
    named,
)
from spikeconsol.parameters import parameter

# ----------------------------------------------------------------------- tests beyond training


@dataclass(frozen=True)
class ProbeProtocol(Tested):
    """Training, and tests on other episodes than those trained on."""


def similarity_conditions(protocol: ProbeProtocol) -> Sequence[Condition]:
    """Trained on independent patterns, or on patterns that differ in one element."""
    return listed(
        {
            "independent": ("trained on independent patterns", Case(tasks.OneShot())),
            "one-bit": ("trained on one-bit differences", Case(tasks.OneShot(differing=1))),
        }
    )


@columns(*SCORES, "one_bit_accuracy")
def similarity(protocol: ProbeProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Accuracy against the number of differing elements and against noise."""
    training = learn(protocol, condition.setup, seeds)
    differing = np.arange(1, tasks.OneShot().size + 1)
    noise = np.array([0, 0.05, 0.1, 0.2, 0.3])

    def accuracy(**settings: Any) -> NDArray:
        found = evaluate(training, tasks.OneShot(**settings), episodes=protocol.tested)
        return found.accuracy.mean(axis=0)

    by_distance = np.stack([accuracy(differing=int(d)) for d in differing], axis=1)
    by_noise = np.stack([accuracy(noise=float(p)) for p in noise], axis=1)
    dataset = training.to_dataset()
    dataset["accuracy_by_distance"] = named(("seed", "differing"), by_distance, "accuracy")
    dataset["accuracy_by_noise"] = named(("seed", "noise"), by_noise, "accuracy")
    dataset["one_bit_accuracy"] = named("seed", by_distance[:, 0], "accuracy, one differing bit")
    return dataset.assign_coords(differing=differing, noise=noise)


def retention_conditions(protocol: ProbeProtocol) -> Sequence[Condition]:
    """Two decays, and training with other patterns between label and test."""
    return listed(
        {
            "decay-0.98": ("γ = 0.98", Case(tasks.OneShot())),
            "decay-0.9": ("γ = 0.9", Case(tasks.OneShot(gamma=0.9))),
            "trained-with-delay": (
                "γ = 0.98, trained with 8 others between",
                Case(tasks.OneShot(steps=28, delay=8)),
            ),
        }
    )


@columns(*SCORES, "long_accuracy")
def retention(protocol: ProbeProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train on short episodes; test on long ones, and after other patterns were shown."""
    case: Case = condition.setup
    training = learn(protocol, case, seeds)
    base = tasks.OneShot(gamma=case.task.gamma)
    delays = np.array([0, 2, 4, 8, 16, 32, 64])

    def test(**settings: Any) -> Any:
        return evaluate(training, base.replace(**settings), episodes=protocol.tested)

    # Only the first test of each pattern counts: later ones renew the traces.
    after = [test(steps=4 + int(d), delay=int(d)).accuracy.mean(axis=0) for d in delays]
    long = test(steps=100)
    dataset = training.to_dataset()
    dataset["accuracy_after_delay"] = named(("seed", "delay"), np.stack(after, 1), "accuracy")
    dataset["long_step_accuracy"] = named(
        ("seed", "long_step"), long.step_accuracy, "accuracy at each of 100 steps"
    )
    dataset["long_accuracy"] = named("seed", long.accuracy.mean(axis=0), "accuracy over 100 steps")
    return dataset.assign_coords(delay=delays)


# --------------------------------------------------------------------------------------- spikes


@dataclass(frozen=True)
class SpikingProtocol(Tested, tested=50):  # type: ignore[call-arg]
    """Training by rates, and a test on spikes."""

    pairs: tuple[int, ...] = parameter(
        (5, 10, 20, 80), at_least=1, doc="further sizes, in pairs of neurons per unit"
    )
    present: tuple[float, ...] = parameter(
        ("50 ms", "100 ms", "400 ms"), above=0, doc="further times of presentation"
    )


def spiking_conditions(protocol: SpikingProtocol) -> Sequence[Condition]:
    """Rates and spikes on the same episodes; without plasticity; sizes and times."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {"default": ("40 pairs, 200 ms", {})}
    for pairs in protocol.pairs:
        settings[f"pairs-{pairs}"] = (f"{pairs} pairs, 200 ms", {"pairs": pairs})
    for present in protocol.present:
        ms = f"{1000 * present:g}"
        settings[f"present-{ms}"] = (f"40 pairs, {ms} ms", {"present": present})
    rows = [
        Condition("one-shot", "rate", "rates", {}),
        Condition("alpha-zero", "rate", "rates, α = 0 in the trained network", {"alpha": 0}),
        Condition("alpha-zero", "spiking", "40 pairs, 200 ms, α = 0", {"alpha": 0}),
    ]
    return rows + [
        Condition(name, "spiking", label, {"settings": changed})
        for name, (label, changed) in settings.items()
    ]


@columns("accuracy", "below_rate", "activity_correlation")
def spiking(protocol: SpikingProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Train by rates and test the same networks on the same episodes, by rates or by spikes."""
    from spikeconsol.metaplasticity.spiking import SpikingNetwork

    task = tasks.OneShot()
    training = learn(protocol, Case(task), seeds)
    setup = condition.setup
    trained = training.with_parameters(alpha=setup.get("alpha", 1) * training.parameters["alpha"])
    rows = []
    for n, seed in enumerate(seeds):
        one = {name: value[n] for name, value in trained.parameters.items()}
        # Other numbers than in training, the same at both levels.
        test = task.draw(np.random.default_rng([seed, 1]), protocol.tested)
        by_rate = trained.network.run(one, test)
        y_rate = by_rate.activity.y  # type: ignore[union-attr]
        outcome, y = by_rate, y_rate
        if condition.level == "spiking":
            settings = SpikingParameters(**setup.get("settings", {}))
            network = SpikingNetwork(trained, n, seed=seed, settings=settings)
            outcome = network.run(test)
            assert network.activity is not None
            y = network.activity
        rows.append(
            {
                "accuracy": named((), outcome.accuracy.mean(), "accuracy"),
                "below_rate": named(
                    (), (by_rate.accuracy - outcome.accuracy).mean(), "accuracy below rates"
                ),
                "step_accuracy": named("step", outcome.step_accuracy.mean(axis=0), "accuracy"),
                "activity_correlation": named(
                    (), np.corrcoef(y.ravel(), y_rate.ravel())[0, 1], "correlation of activity"
                ),
                "activity": named(
                    ("example", "step", "cell"), y[:4], "activity of the cells in four episodes"
                ),
                "rate_activity": named(
                    ("example", "step", "cell"), y_rate[:4], "the same by rates"
                ),
            }
        )
    dataset = by_seed(seeds, rows)
    return dataset.assign_attrs(**setup.get("settings", {}))


# -------------------------------------------------------------------------------- consolidation


@dataclass(frozen=True)
class TransferProtocol(Protocol):
    """Training, and lives of many episodes."""

    life: int = parameter(20, at_least=2, doc="episodes of a life")
    lives: int = parameter(100, at_least=1, doc="independent repeats")


FRACTIONS = (0.0, 0.1, 0.3, 1.0, 3.0)


def transfer_conditions(protocol: TransferProtocol) -> Sequence[Condition]:
    """Parts of the plastic weight that become fixed at the end of every episode."""
    return [Condition(f"fraction-{rho}", "rate", f"ρ = {rho}", rho) for rho in FRACTIONS]


@columns("old_at_once", "old_later", "new_later")
def run_transfer(
    protocol: TransferProtocol, condition: Condition, seeds: tuple[int, ...]
) -> xr.Dataset:
    """Memory of the first patterns of a life, and of those of each episode."""
    from spikeconsol.metaplasticity.analysis import transfer

    training = learn(protocol, Case(tasks.OneShot()), seeds)
    found = transfer(
        training.network,
        training.parameters,
        fraction=condition.setup,
        episodes=protocol.life,
        lives=protocol.lives,
        rng=np.random.default_rng([seeds[0], 4]),
    )
    return xr.Dataset(
        {
            "old": named(("seed", "episode"), found.old, "accuracy on the first patterns"),
            "new": named(("seed", "episode"), found.new, "accuracy on the episode's patterns"),
            "old_at_once": named("seed", found.old[:, 0], "first patterns, at once"),
            "old_later": named("seed", found.old[:, -1], "first patterns, at the end"),
            "new_later": named("seed", found.new[:, -1], "new patterns, at the end"),
        },
        coords={"seed": list(seeds)},
        attrs={"fraction": condition.setup},
    )


_probe = partial(
    experiment,
    demo={"tested": 100},
    figures=("meta_generalisation",),
)
EXPERIMENTS = (
    _probe(
        "similarity",
        "accuracy against the similarity of patterns and against noise",
        similarity_conditions,
        run=similarity,
    ),
    _probe(
        "retention",
        "train on short episodes, test on long ones and after other patterns",
        retention_conditions,
        run=retention,
    ),
    experiment(
        "spiking",
        "the trained network on spikes, without retraining",
        spiking_conditions,
        run=spiking,
        seeds=(100, 10),
        demo={"episodes": 4000, "tested": 5, "seeds": 2, "pairs": (), "present": ()},
        figures=("meta_spiking",),
    ),
    experiment(
        "transfer",
        "move a part of every trace into the fixed weights",
        transfer_conditions,
        run=run_transfer,
        demo={"life": 5, "lives": 10},
        figures=("meta_consolidation",),
    ),
)
