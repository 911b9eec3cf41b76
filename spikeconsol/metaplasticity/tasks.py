"""Families of short episodes, each a fresh instance of one problem.

A task says what is shown, what is wanted and which steps count; a network is trained over
thousands of its episodes and must solve each new one within the episode, from its traces.
Defaults are the published settings. Field by field, a task is a `Parameters` class, so impossible
values raise when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol.metaplasticity.cue_reward import CueReward
from spikeconsol.metaplasticity.image_classes import ImageClasses
from spikeconsol.metaplasticity.image_completion import ImageCompletion
from spikeconsol.metaplasticity.recurrent_tasks import AutoAssociation, Conditioning
from spikeconsol.metaplasticity.task import Episodes, Floats, Labelled, Task, random_signs, stack
from spikeconsol.parameters import ParameterError, parameter

__all__ = [
    "AutoAssociation",
    "Completion",
    "Conditioning",
    "CueReward",
    "Episodes",
    "ImageClasses",
    "ImageCompletion",
    "OneShot",
    "Reversal",
    "Task",
    "random_signs",
    "stack",
]


@dataclass(frozen=True)
class Completion(Task, gamma=0.75):
    """Complete a pattern, seen once, from one of its elements.

    Step 0 shows a random pattern of -1 and +1, step 1 only `kept` of its elements; the target of
    step 1 is the whole pattern. The paper's text has 0 and 1 (`elements="bits"`, of which ones are
    kept) and the Manhattan distance; its program what is default here. Published curves use a
    decay of 0.75, the original program's default is 0.5.
    """

    readout: ClassVar[str] = "identity"

    size: int = parameter(8, at_least=2, doc="elements of a pattern")
    kept: int = parameter(1, at_least=1, doc="elements shown as cue")
    elements: str = parameter(
        "signs", choices=("signs", "bits"), doc="-1 and 1, or 0 and 1 with at least one 1"
    )
    error: str = parameter(
        "squared", choices=("squared", "manhattan"), doc="distance between output and pattern"
    )
    noise: float = parameter(0.0, at_least=0, at_most=0.5, doc="probability that a cue is flipped")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kept > self.size:
            raise ParameterError(f"kept: got {self.kept}; allowed: <= size, {self.size}")

    @property
    def loss(self) -> str:  # type: ignore[override]
        return self.error

    @property
    def middle(self) -> float:  # type: ignore[override]
        return 0.5 if self.elements == "bits" else 0.0

    @property
    def inputs(self) -> int:
        return self.size

    @property
    def outputs(self) -> int:
        return self.size

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...)."""
        pattern = random_signs(rng, (episodes, self.size))
        if self.elements == "bits":
            return self._draw_bits(rng, pattern > 0)
        order = rng.permuted(np.tile(np.arange(self.size), (episodes, 1)), axis=1)
        cue = pattern * (order < self.kept)
        if self.noise:
            cue *= np.where(rng.random(cue.shape) < self.noise, -1, 1)
        return self._episodes(pattern, cue)

    def _draw_bits(self, rng: Generator, on: NDArray[np.bool_]) -> Episodes:
        """Return episodes of 0 and 1; of the ones, `kept` stay in the cue."""
        while not on.any(axis=1).all():
            empty = ~on.any(axis=1)
            on[empty] = rng.integers(0, 2, (empty.sum(), self.size)) > 0
        # A random order of the elements, those that are on before those that are not.
        order = np.argsort(np.argsort(rng.random(on.shape) - on, axis=1), axis=1)
        cue = on & (order < self.kept)
        if self.noise:
            cue ^= rng.random(cue.shape) < self.noise
        return self._episodes(on.astype(float), cue.astype(float))

    def draw_legacy(self, rng: RandomState) -> Episodes:
        """Draw one episode exactly as the original program did."""
        if self.replace(gamma=0.5, size=8) != Completion(gamma=0.5):
            super().draw_legacy(rng)
        pattern = np.where(rng.rand(1, self.size) > 0.5, 1.0, -1.0)
        cue = np.zeros_like(pattern)
        element = rng.randint(self.size)
        cue[0, element] = pattern[0, element]
        return self._episodes(pattern, cue)

    def _episodes(self, pattern: Floats, cue: Floats) -> Episodes:
        return Episodes(
            np.stack([pattern, cue], axis=1),
            np.stack([pattern, pattern], axis=1),
            np.broadcast_to(np.array([[False], [True]]), (len(pattern), 2, 1)),
        )


@dataclass(frozen=True)
class OneShot(Labelled):
    """Tell patterns apart after seeing each once with its label.

    Patterns are shown in turn. The first presentation of each (or the first `rounds`) carries its
    label in the leading inputs; all later ones must be labelled by the network. With `delay`,
    presentations of other patterns, unlabelled and not scored, come between the two.
    """

    size: int = parameter(8, at_least=1, doc="elements of a pattern")
    patterns: int = parameter(2, at_least=2, doc="patterns, and labels, of an episode")
    hidden: int = parameter(2, at_least=1, doc="plastic cells of each layer")
    layers: int = parameter(1, at_least=1, doc="plastic layers")
    steps: int = parameter(20, at_least=3, doc="presentations in an episode")
    differing: int | None = parameter(
        None, at_least=1, doc="elements in which later patterns differ from the first; none: random"
    )
    noise: float = parameter(
        0.0, at_least=0, at_most=0.5, doc="probability that a shown element is flipped"
    )
    rounds: int = parameter(1, at_least=1, doc="labelled presentations of each pattern")
    graded: bool = parameter(
        False, doc="whether noise grows along the elements, from 0 to twice its mean"
    )
    delay: int = parameter(0, at_least=0, doc="other patterns shown between label and first test")

    #: Times at which the patterns exchange their labels.
    reversals: ClassVar[int] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.graded and self.noise > 0.25:
            raise ParameterError(f"noise: got {self.noise}; allowed: <= 0.25 where it is graded")
        if self.steps <= self.patterns * self.rounds + self.delay:
            raise ParameterError(
                f"steps: got {self.steps}; allowed: > patterns * rounds + delay, "
                f"{self.patterns * self.rounds + self.delay}"
            )
        if self.differing is not None and self.differing > self.size:
            raise ParameterError(f"differing: got {self.differing}; allowed: <= size, {self.size}")
        others = 2**self.size - 1 if self.differing is None else comb(self.size, self.differing)
        if self.patterns > others + 1:
            raise ParameterError(f"patterns: got {self.patterns}; allowed: <= {others + 1}")

    @property
    def label_inputs(self) -> int:  # type: ignore[override]
        return self.patterns

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells of each plastic layer."""
        return (self.hidden,) * self.layers

    @property
    def flipped(self) -> Floats:
        """Probability that each element is flipped when it is shown, shape (size,)."""
        return self.noise * (np.linspace(0, 2, self.size) if self.graded else np.ones(self.size))

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...)."""
        patterns = self._draw_patterns(rng, episodes)
        return self._episodes(patterns, self._reversal_times(rng, episodes), rng)

    def draw_legacy(self, rng: RandomState) -> Episodes:
        """Draw one episode exactly as the original program did."""
        if self.replace(gamma=0.98, hidden=2, layers=1) != type(self)():
            super().draw_legacy(rng)
        first = rng.rand(self.size) > 0.5
        second = rng.rand(self.size) > 0.5
        while np.array_equal(first, second):
            second = rng.rand(self.size) > 0.5
        patterns = np.where(np.stack([first, second]), 1.0, -1.0)[None]
        return self._episodes(patterns, self._fixed_reversals()[None], None)

    def _draw_patterns(self, rng: Generator, episodes: int) -> Floats:
        """Draw different patterns, shape (episodes, patterns, size)."""
        patterns = random_signs(rng, (episodes, self.patterns, self.size))
        if self.differing is not None:
            order = rng.permuted(
                np.broadcast_to(np.arange(self.size), patterns.shape).copy(), axis=2
            )
            flip = order < self.differing
            flip[:, 0] = False
            patterns = patterns[:, :1] * np.where(flip, -1, 1)
        while True:
            # Patterns of signs are equal where their overlap is complete.
            overlap = patterns @ patterns.swapaxes(1, 2)
            again = np.flatnonzero((overlap == self.size).sum(axis=(1, 2)) > self.patterns)
            if not again.size:
                return patterns
            patterns[again] = self._draw_patterns(rng, again.size)

    def _fixed_reversals(self) -> NDArray[np.int_]:
        """Return reversal times that divide the episode evenly, on turns of the first pattern."""
        spacing = self.steps / (self.reversals + 1)
        times = np.rint(spacing * np.arange(1, self.reversals + 1) / self.patterns)
        return times.astype(int) * self.patterns

    def _reversal_times(self, rng: Generator, episodes: int) -> NDArray[np.int_]:
        """Return reversal times, shape (episodes, reversals), or (1, reversals) for all alike."""
        return self._fixed_reversals()[None]

    def _episodes(
        self, patterns: Floats, reversals: NDArray[np.int_], rng: Generator | None
    ) -> Episodes:
        episodes, n = len(patterns), self.patterns
        time = np.arange(self.steps)
        learning = n * self.rounds
        # After the labelled rounds and the delay, patterns take their turns again.
        label = np.where(time < learning, time, time - self.delay) % n
        since = time[:, None] - np.pad(reversals, ((0, 0), (1, 0)))[:, None, :]
        shown = (label + (since[..., 1:] >= 0).sum(axis=-1)) % n
        labelled = ((since >= 0) & (since < learning)).any(axis=-1)
        delayed = (time >= learning) & (time < learning + self.delay)
        unscored = np.logical_or(labelled, delayed)
        scored = np.expand_dims(~unscored, -1)
        one_hot = np.eye(n)[label]
        unlabelled = np.zeros((episodes, n, self.inputs))
        unlabelled[..., n:] = patterns
        if len(shown) == 1:
            x = np.take(unlabelled, shown[0], axis=1)
        else:
            x = unlabelled[np.arange(episodes)[:, None], shown]
        steps = labelled.any(axis=0)
        x[:, steps, :n] = labelled[:, steps, None] * one_hot[steps]
        if rng is not None and self.delay:
            x[:, delayed, n:] = random_signs(rng, (episodes, self.delay, self.size))
        if rng is not None and self.noise:
            x[..., n:] *= np.where(rng.random(x[..., n:].shape) < self.flipped, -1, 1)
        return Episodes(
            x,
            np.broadcast_to(one_hot, (episodes, *one_hot.shape)),
            np.broadcast_to(scored, (episodes, *scored.shape[1:])),
        )


@dataclass(frozen=True)
class Reversal(OneShot):
    """`OneShot`, with the labels exchanged in mid-episode and shown again.

    With more than two patterns each passes its label on to the next.
    """

    reversals: int = parameter(1, at_least=1, doc="times the labels are exchanged")  # type: ignore[misc]
    times: str = parameter(
        "fixed", choices=("fixed", "random"), doc="when the labels are exchanged"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        shortest = self.patterns * (self.rounds + 1)
        if self.steps < shortest * (self.reversals + 1):
            raise ParameterError(
                f"reversals: got {self.reversals}; allowed: <= "
                f"{self.steps // shortest - 1} in {self.steps} steps"
            )
        if self.rounds > 1 and self.times == "random":
            raise ParameterError(f"rounds: got {self.rounds}; allowed: 1 at random times")
        if self.delay:
            raise ParameterError(f"delay: got {self.delay}; allowed: 0 with reversals")

    @property
    def published_scale(self) -> float:
        """Published error (divided as in the one-shot task) over the error per scored step."""
        learning = self.patterns * self.rounds
        return (self.steps - learning * (self.reversals + 1)) / (self.steps - learning)

    def _reversal_times(self, rng: Generator, episodes: int) -> NDArray[np.int_]:
        if self.times == "fixed":
            return super()._reversal_times(rng, episodes)
        # Turns of the first pattern, with at least one unlabelled round before and after each.
        slots = np.arange(2, self.steps // self.patterns - 1 - (self.reversals - 1))
        picked = np.sort(
            rng.permuted(np.tile(slots, (episodes, 1)), axis=1)[:, : self.reversals], axis=1
        )
        return (picked + np.arange(self.reversals)) * self.patterns
