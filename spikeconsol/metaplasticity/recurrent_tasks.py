"""Tasks of recurrent networks: what predicts a reward, and which pattern half of one belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spikeconsol.metaplasticity.task import Episodes, Floats, Task, random_signs
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["AutoAssociation", "Conditioning", "Recall"]


@dataclass(frozen=True)
class Conditioning(Task, gamma=0.95):
    """Learn which of two stimuli predicts a reward, and respond to that one.

    Inputs are the two stimuli and the reward. One stimulus, drawn anew for each episode, is
    followed by the reward with probability `reward` in the steps it is on, the other never; the
    target is 1 when the predictive stimulus is on. An unpublished experiment of an early draft.
    """

    loss: ClassVar[str] = "squared"
    middle: ClassVar[float] = 0.5
    solved_below: ClassVar[float] = 0.05

    stimuli: str = parameter(
        "exclusive", choices=("exclusive", "uncorrelated"), doc="one at a time, or independent"
    )
    hidden: int = parameter(2, at_least=1, doc="plastic cells")
    reward: float = parameter(0.3, above=0, at_most=1, doc="probability of a reward")
    steps: int = parameter(100, at_least=2, doc="steps in an episode")
    unscored: int = parameter(20, at_least=0, doc="steps at the start that do not count")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.unscored >= self.steps:
            raise ParameterError(f"unscored: got {self.unscored}; allowed: < steps, {self.steps}")

    @property
    def inputs(self) -> int:
        return 3

    @property
    def outputs(self) -> int:
        return 1

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...)."""
        shown = rng.integers(0, 2, (episodes, self.steps, 2)).astype(float)
        if self.stimuli == "exclusive":
            shown[..., 1] = 1 - shown[..., 0]
        predictive = rng.integers(0, 2, episodes)
        target = shown[np.arange(episodes), :, predictive]
        rewarded = target * (rng.random(target.shape) < self.reward)
        x = np.concatenate([shown, rewarded[..., None]], axis=-1)
        scored = (np.arange(self.steps) >= self.unscored)[:, None]
        return Episodes(x, target[..., None], np.broadcast_to(scored, (episodes, *scored.shape)))


@dataclass(frozen=True)
class Recall(Task, gamma=0.99):
    """Recall one of several patterns, each shown a few times, from a part of it.

    Patterns are each shown for `shown` steps with `pause` steps between them, in a new order in
    each of `cycles` rounds; then one of them with a half blanked is shown for `tested` steps, and
    the recurrent network must hold the whole pattern at the last one. The last cell receives a
    constant drive. A task of the kind says which patterns and, if not a random one, which half.
    """

    loss: ClassVar[str] = "squared"
    recurrent: ClassVar[bool] = True
    #: Inputs for an element of +1, and of the last cell.
    drive: ClassVar[float] = 1.0
    bias_drive: ClassVar[float] = 1.0

    patterns: int = parameter(3, at_least=1, doc="patterns of an episode")
    cycles: int = parameter(2, at_least=1, doc="presentations of each pattern")
    shown: int = parameter(6, at_least=1, doc="steps for which a pattern is shown")
    pause: int = parameter(4, at_least=0, doc="steps without input after it")
    tested: int | None = parameter(
        None, at_least=1, doc="steps for which a half is shown; none: as long as a pattern"
    )

    @property
    def size(self) -> int:
        """Elements of a pattern."""
        raise NotImplementedError

    @property
    def inputs(self) -> int:
        return self.size + 1

    @property
    def outputs(self) -> int:
        return self.size

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells of the recurrent network."""
        return (self.size + 1,)

    @property
    def steps(self) -> int:
        """Steps in an episode."""
        return self.cycles * self.patterns * (self.shown + self.pause) + self._test

    @property
    def _test(self) -> int:
        return self.shown if self.tested is None else self.tested

    def _patterns(self, rng: Generator, episodes: int) -> Floats:
        """Draw patterns, (episodes, patterns, size)."""
        raise NotImplementedError

    def _kept(self, rng: Generator, episodes: int) -> NDArray[np.bool_]:
        """Draw which half of the pattern is shown at the test, (episodes, size)."""
        order = rng.permuted(np.tile(np.arange(self.size), (episodes, 1)), axis=1)
        return order < self.size // 2

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...)."""
        patterns = self._patterns(rng, episodes)
        x = np.zeros((episodes, self.steps, self.inputs))
        period = self.shown + self.pause
        rows = np.arange(episodes)
        for cycle in range(self.cycles):
            order = rng.permuted(np.tile(np.arange(self.patterns), (episodes, 1)), axis=1)
            for position in range(self.patterns):
                start = (cycle * self.patterns + position) * period
                x[:, start : start + self.shown, :-1] = patterns[rows, order[:, position]][:, None]
        wanted = patterns[rows, rng.integers(0, self.patterns, episodes)]
        x[:, -self._test :, :-1] = (wanted * self._kept(rng, episodes))[:, None]
        x *= self.drive
        x[..., -1] = self.bias_drive
        target = np.zeros((episodes, self.steps, self.size))
        target[:, -1] = wanted
        scored = (np.arange(self.steps) == self.steps - 1)[:, None]
        return Episodes(x, target, np.broadcast_to(scored, (episodes, *scored.shape)))


@dataclass(frozen=True)
class AutoAssociation(Recall):
    """Recall one of several binary patterns, each shown twice, from a random half of it.

    Orthogonal patterns of as many +1 as -1, or, without `orthogonal`, of independent elements as in
    the thousand-bit task of Miconi, Stanley and Clune (2018): `AutoAssociation.thousand_bits()`.
    """

    solved_below: ClassVar[float] = 3.0

    size: int = parameter(
        28, at_least=4, doc="elements of a pattern, a multiple of 4, or of 2 where not orthogonal"
    )
    orthogonal: bool = parameter(
        True,
        doc="whether patterns are balanced and mutually orthogonal, or of independent elements",
    )
    drive: float = parameter(  # type: ignore[misc]
        20.0, above=0, doc="input for an element of +1"
    )
    bias_drive: float = parameter(  # type: ignore[misc]
        200.0, at_least=0, doc="constant input of the last cell"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        factor = 4 if self.orthogonal else 2
        if self.size % factor:
            raise ParameterError(f"size: got {self.size}; allowed: a multiple of {factor}")
        if self.orthogonal and self.patterns > self.size // 4 - 2 and self.patterns > 1:
            raise ParameterError(
                f"patterns: got {self.patterns}; allowed: <= {max(self.size // 4 - 2, 1)} "
                f"orthogonal ones of {self.size} elements"
            )

    @classmethod
    def thousand_bits(cls) -> AutoAssociation:
        """Return the task of 2018: five patterns of a thousand independent elements."""
        return cls(size=1000, patterns=5, orthogonal=False)

    @classmethod
    def fifty_bits(cls) -> AutoAssociation:
        """Return the small task of 2018, for networks without plasticity: two patterns, once."""
        return cls(size=50, patterns=2, cycles=1, shown=3, pause=1, tested=3, orthogonal=False)

    def _patterns(self, rng: Generator, episodes: int) -> Floats:
        if not self.orthogonal:
            return random_signs(rng, (episodes, self.patterns, self.size))
        # Balanced, mutually orthogonal patterns by rejection.
        balanced = np.repeat([-1.0, 1.0], self.size // 2)
        chosen = np.empty((episodes, self.patterns, self.size))
        chosen[:, 0] = rng.permuted(np.tile(balanced, (episodes, 1)), axis=1)
        for n in range(1, self.patterns):
            missing = np.arange(episodes)
            while missing.size:
                proposal = rng.permuted(np.tile(balanced, (missing.size, 1)), axis=1)
                overlap = np.einsum("eps,es->ep", chosen[missing, :n], proposal)
                fits = (overlap == 0).all(axis=1)
                chosen[missing[fits], n] = proposal[fits]
                missing = missing[~fits]
        return chosen
