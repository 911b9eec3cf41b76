"""Starting values and episodes of every run, each from its own random numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import RandomState, SeedSequence, default_rng
from numpy.typing import NDArray

from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.task import Episodes, Task, stack

__all__ = ["Stream"]


class Stream:
    """Starting values and episodes of every run, each from its own random numbers."""

    def __init__(
        self, task: Task, network: Network, seeds: tuple[int, ...], draws: str, purpose: int = 0
    ) -> None:
        self._task, self._network, self._draws = task, network, draws
        if draws == "legacy":
            self._legacy = [RandomState(seed) for seed in seeds]
            return
        children = [SeedSequence(seed, spawn_key=(purpose,)).spawn(2) for seed in seeds]
        self._start = [default_rng(child[0]) for child in children]
        self._rngs = [default_rng(child[1]) for child in children]

    def start(self) -> NDArray:
        """Return the parameters at the start, shape (R, P)."""
        rngs = self._legacy if self._draws == "legacy" else self._start
        return np.stack([self._network.flatten(self._network.initial(rng)) for rng in rngs])

    def next(self, episodes: int) -> Episodes:
        """Return the next episodes of every run, arrays of shape (episodes, R, ...)."""
        if self._draws == "bulk":
            bulk = [self._task.draw(rng, episodes) for rng in self._rngs]
            _check_episodes(self._task, bulk[0], episodes)
            return stack(bulk)
        drawn = []
        for rng in self._legacy:
            each = [self._task.draw_legacy(rng) for _ in range(episodes)]
            drawn.append(
                Episodes(
                    np.concatenate([episode.x for episode in each]),
                    np.concatenate([episode.target for episode in each]),
                    np.concatenate([episode.scored for episode in each]),
                )
            )
        return stack(drawn)

    def saved(self) -> dict[str, Any]:
        """Return the state of all generators, for a checkpoint."""
        if self._draws == "legacy":
            states = [rng.get_state(legacy=False) for rng in self._legacy]
            keys = [state["state"]["key"] for state in states]
            return {"keys": keys, "positions": [state["state"]["pos"] for state in states]}
        return {"generators": [json.dumps(rng.bit_generator.state) for rng in self._rngs]}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Continue from the state in a checkpoint."""
        if self._draws == "legacy":
            # Normal numbers are drawn at the start only, so none can be left over.
            for rng, key, position in zip(
                self._legacy, saved["keys"], saved["positions"], strict=True
            ):
                rng.set_state(("MT19937", key, int(position), 0, 0.0))
        else:
            for generator, state in zip(self._rngs, saved["generators"], strict=True):
                generator.bit_generator.state = json.loads(str(state))


def _check_episodes(task: Task, drawn: Episodes, episodes: int) -> None:
    """Refuse episodes of a user's task that do not fit what it says of itself."""
    if not isinstance(drawn, Episodes):
        raise TypeError(
            f"draw: {type(task).__name__}.draw returned {type(drawn).__name__}; allowed: Episodes"
        )
    steps = drawn.x.shape[1] if drawn.x.ndim == 3 else "T"
    for name, values, last in (
        ("x", drawn.x, task.inputs),
        ("target", drawn.target, task.outputs),
        ("scored", drawn.scored, 1),
    ):
        if values.shape != (episodes, steps, last):
            raise ValueError(
                f"{name}: {type(task).__name__}.draw returned shape {values.shape}; allowed: "
                f"{(episodes, steps, last)}"
            )
    if not (np.isfinite(drawn.x).all() and np.isfinite(drawn.target).all()):
        raise ValueError(f"x, target: {type(task).__name__}.draw returned nan; allowed: numbers")
    counted = drawn.target[drawn.scored[..., 0].astype(bool)]
    shares = (counted >= 0).all() and np.allclose(counted.sum(axis=-1), 1)
    if task.loss == "cross-entropy" and not task.closed_loop and not shares:
        raise ValueError(
            f"target: {type(task).__name__}.draw returned other than probabilities; allowed: 1 for "
            "the right output and 0 for others, with the loss 'cross-entropy'"
        )
    if not drawn.scored.any(axis=(1, 2)).all():
        raise ValueError(
            f"scored: {type(task).__name__}.draw returned an episode without a scored step; "
            "allowed: at least one"
        )
