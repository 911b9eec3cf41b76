"""Which of several cues is the rewarded one? A task whose answers decide what is shown next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from spikeconsol.metaplasticity.task import Episodes, Floats, Task, random_signs
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["CueReward"]


@dataclass(frozen=True)
class CueReward(Task, gamma=0.9):
    """Find the target among cues by trial and reward.

    Cues are new random patterns in every episode, and one of them is the target. In each trial two
    different cues are shown one after the other, then a go signal at which the network says whether
    the target was one of them; at the step after it the network is told its answer and the reward,
    +1 if that was right and -1 if not. Trials begin at random times. As published but for its
    lengths (Miconi, Rawal, Clune and Stanley 2019, task 1: 200 steps, with the time as an input).

    Inputs are the elements of a cue, the go signal, the reward and the answer; the last two are
    left at zero by `draw`, as the network's own answers fill them in.
    """

    closed_loop: ClassVar[bool] = True
    solved_below: ClassVar[float] = 0.3

    size: int = parameter(8, at_least=2, doc="elements of a cue")
    cues: int = parameter(4, at_least=3, doc="cues of an episode")
    steps: int = parameter(48, at_least=5, doc="steps in an episode")
    hidden: int = parameter(20, at_least=1, doc="recurrent cells")
    pause: int = parameter(1, at_least=0, doc="most empty steps added before a trial")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cues > 2 ** (self.size - 1):
            raise ParameterError(
                f"cues: got {self.cues}; allowed: <= {2 ** (self.size - 1)} different ones of "
                f"{self.size} elements"
            )
        if self.steps < self.pause + 4:
            raise ParameterError(
                f"steps: got {self.steps}; allowed: >= {self.pause + 4}, the longest trial"
            )

    @property
    def inputs(self) -> int:
        return self.size + 3

    @property
    def outputs(self) -> int:
        return 1

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...); targets are -1 and +1, or 0 between."""
        rows = np.arange(episodes)
        x = np.zeros((episodes, self.steps, self.inputs))
        target = np.zeros((episodes, self.steps, 1))
        patterns = self._cues(rng, episodes)
        wanted = rng.integers(0, self.cues, episodes)
        start = rng.integers(0, self.pause + 1, episodes)
        while (going := start + 3 < self.steps).any():
            shown = rng.permuted(np.tile(np.arange(self.cues), (episodes, 1)), axis=1)[:, :2]
            here, at = rows[going], start[going]
            for position in range(2):
                x[here, at + position, : self.size] = patterns[here, shown[going, position]]
            x[here, at + 2, self.size] = 1
            found = (shown == wanted[:, None]).any(axis=1)[going]
            target[here, at + 2, 0] = np.where(found, 1.0, -1.0)
            start = start + 4 + rng.integers(0, self.pause + 1, episodes)
        return Episodes(x, target, target != 0)

    def _cues(self, rng: Generator, episodes: int) -> Floats:
        """Draw different cues for each episode, (episodes, cues, size)."""
        cues = random_signs(rng, (episodes, self.cues, self.size))
        first, second = np.triu_indices(self.cues, 1)
        while (alike := (cues[:, first] == cues[:, second]).all(axis=-1).any(axis=-1)).any():
            cues[alike] = random_signs(rng, (int(alike.sum()), self.cues, self.size))
        return cues

    def best_answers(self, episodes: Episodes) -> NDArray[np.float64]:
        """Return the accuracy of an observer that forgets nothing, at every trial.

        Of the cues that agree with all rewards so far it says what more of them say, and in doubt
        guesses.

        Parameters
        ----------
        episodes : Episodes
            Arrays of shape (E, T, ...).

        Returns
        -------
        ndarray, shape (E, trials)
            Probability of a right answer; nan where an episode has fewer trials than another.
        """
        trials = int(np.max(episodes.scored.sum(axis=(1, 2))))
        right: Floats = np.full((len(episodes.x), trials), np.nan)
        for e, (x, target) in enumerate(zip(episodes.x, episodes.target, strict=True)):
            # Cues by the order in which they are first seen; those not seen yet are alike.
            number: dict[bytes, int] = {}
            possible = set(range(self.cues))
            for n, t in enumerate(np.flatnonzero(target[:, 0])):
                shown = (x[t - 2].tobytes(), x[t - 1].tobytes())
                pair = {number.setdefault(cue, len(number)) for cue in shown}
                inside, outside = len(possible & pair), len(possible - pair)
                is_inside = bool(target[t, 0] > 0)
                right[e, n] = 0.5 if inside == outside else (inside > outside) == is_inside
                possible = possible & pair if is_inside else possible - pair
        return right
