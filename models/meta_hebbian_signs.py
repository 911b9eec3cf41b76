"""The sign of plasticity decides early who will learn the reversal.

Networks are followed through their training. After 300 of 10,000 episodes, with errors still near
chance, the sign of the mean plasticity of each cell's pattern connections says which of them will
solve the task in the end; where training starts with a sign, or cannot reach one, it decides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spikeconsol.lab import Condition, columns
from spikeconsol.metaplasticity import Plasticity, Training, tasks, train
from spikeconsol.models.meta_hebbian import (
    SCORES,
    Case,
    Protocol,
    experiment,
    listed,
    named,
)
from spikeconsol.parameters import ParameterError, parameter


@dataclass(frozen=True)
class EarlyProtocol(Protocol):
    """Training, and when to look at it."""

    looks: tuple[int, ...] = parameter(
        (0, 50, 100, 150, 200, 300, 500, 1000, 2000), at_least=0, doc="episodes before each look"
    )
    predicted_at: int = parameter(300, at_least=1, doc="the look that predicts; one of looks")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.predicted_at not in self.looks:
            raise ParameterError(f"predicted_at: got {self.predicted_at}; allowed: {self.looks}")
        if list(self.looks) != sorted(set(self.looks)):
            raise ParameterError(f"looks: got {self.looks}; allowed: increasing")
        learned = (10_000 if self.episodes is None else self.episodes) - self.frozen
        if self.looks[-1] > learned:
            raise ParameterError(f"looks: got {self.looks[-1]}; allowed: <= {learned} learned")


def conditions(protocol: EarlyProtocol) -> Sequence[Condition]:
    """As published; starts of one sign; a sign that cannot be reached."""
    task = tasks.Reversal()
    return listed(
        {
            "published": ("as published", Case(task)),
            "negative-start": ("all α < 0 at start", Case(task, Plasticity(alpha_sign="negative"))),
            "positive-start": ("all α > 0 at start", Case(task, Plasticity(alpha_sign="positive"))),
            "nonnegative": ("α clipped at 0", Case(task, Plasticity(alpha="nonnegative"))),
        }
    )


def followed(
    protocol: EarlyProtocol, case: Case, seeds: tuple[int, ...]
) -> tuple[list[Training], Training]:
    """Return one training at every look, and at its end: a checkpoint goes on and on."""
    settings: dict[str, Any] = {
        "seeds": seeds,
        "plasticity": case.plasticity,
        "backend": protocol.backend,
        "progress": False,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training.npz"
        looks = [
            train(
                case.task,
                episodes=look + 1,
                frozen=1,
                checkpoint=path if look else None,
                **settings,
            )
            for look in protocol.looks
        ]
        end = train(
            case.task,
            episodes=protocol.episodes,
            frozen=protocol.frozen,
            checkpoint=path,
            **settings,
        )
    return looks, end


@columns(*SCORES, "negative_early", "agrees", "agrees_by_error", "early_error")
def run(protocol: EarlyProtocol, condition: Condition, seeds: tuple[int, ...]) -> xr.Dataset:
    """Follow networks, and compare what their signs foretold with what became of them."""
    looks, end = followed(protocol, condition.setup, seeds)
    labels = end.task.label_inputs
    alpha = np.stack([look.parameters["alpha"][..., labels:].mean(axis=-1) for look in looks], 1)
    # (seed, look): does any cell have a negative mean?
    negative = (alpha < 0).any(axis=-1)
    at = protocol.looks.index(protocol.predicted_at)
    # Errors around each look, of as many episodes as there are in a half look's time.
    window = 25
    errors = np.stack(
        [end.errors[max(look - window, 0) : look + window].mean(axis=0) for look in protocol.looks],
        axis=1,
    )
    agrees = negative == end.solved[:, None]
    # The rival: as many networks as have the sign, those of the lowest errors, will succeed.
    rank = errors.argsort(axis=0).argsort(axis=0)
    by_error = (rank < negative.sum(axis=0)) == end.solved[:, None]
    dataset = end.to_dataset()
    look = ("seed", "look")
    dataset["mean_alpha"] = named(("seed", "look", "cell"), alpha, "mean α of pattern connections")
    dataset["negative"] = named(look, negative.astype(float), "networks with a negative cell")
    dataset["agreement"] = named(look, agrees.astype(float), "sign agrees with final success")
    dataset["agreement_by_error"] = named(
        look, by_error.astype(float), "low error agrees with final success"
    )
    dataset["look_error"] = named(look, errors, "error per scored step around the look", "nat")
    dataset["negative_early"] = named("seed", negative[:, at].astype(float), "negative cell early")
    dataset["agrees"] = named("seed", agrees[:, at].astype(float), "early sign agrees with success")
    dataset["agrees_by_error"] = named(
        "seed", by_error[:, at].astype(float), "early error agrees with success"
    )
    dataset["early_error"] = named("seed", errors[:, at], "error at the look that predicts", "nat")
    return dataset.assign_coords(look=list(protocol.looks)).assign_attrs(
        predicted_at=protocol.predicted_at
    )


EXPERIMENTS = (
    experiment(
        "early-sign",
        "the sign of plasticity after 300 episodes foretells who will learn the reversal",
        conditions,
        run=run,
        demo={"seeds": 6, "looks": (0, 100, 200, 300, 500), "episodes": 3000},
        figures=("meta_early_sign",),
    ),
)
