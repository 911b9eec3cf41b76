"""What a task is, and its episodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["Episodes", "Floats", "Labelled", "Task", "random_signs", "stack"]

Floats = NDArray[np.float64]
LOSSES = ("cross-entropy", "squared", "manhattan")
READOUTS = ("linear", "identity")


@dataclass(frozen=True)
class Episodes:
    """Episodes of a task.

    Attributes
    ----------
    x : ndarray, shape (..., T, K)
        Inputs.
    target : ndarray, shape (..., T, Z)
        Wanted outputs.
    scored : ndarray of bool, shape (..., T, 1)
        Steps that count.
    """

    x: Floats
    target: Floats
    scored: NDArray[np.bool_]

    def __getitem__(self, index: int | slice) -> Episodes:
        """Return one episode (of each run), or a part of them."""
        return Episodes(self.x[index], self.target[index], self.scored[index])

    def reshape(self, *leading: int) -> Episodes:
        """Return the same episodes with other leading dimensions."""
        return Episodes(
            self.x.reshape(*leading, *self.x.shape[-2:]),
            self.target.reshape(*leading, *self.target.shape[-2:]),
            self.scored.reshape(*leading, *self.scored.shape[-2:]),
        )


def stack(episodes: list[Episodes]) -> Episodes:
    """Put the episodes of several runs, each (E, ...), side by side as (E, R, ...)."""
    return Episodes(
        np.stack([each.x for each in episodes], axis=1),
        np.stack([each.target for each in episodes], axis=1),
        np.stack([each.scored for each in episodes], axis=1),
    )


@dataclass(frozen=True)
class Task(Parameters):
    """What all tasks share.

    Attributes
    ----------
    inputs, outputs, steps : int
        K, Z and T of an episode.
    loss : {"cross-entropy", "squared", "manhattan"}
        Squared errors and distances are summed over outputs; all are averaged over scored steps.
    readout : {"linear", "identity"}
        Whether outputs read the cells through trained weights or are the cells.
    middle : float
        Value of a target that separates right from wrong under a squared loss.
    label_inputs : int
        Leading inputs that carry labels.
    recurrent : bool
        Whether the network that learns it is recurrent.
    clamped : bool
        Whether a cell of that network with an input takes its value, as in a Hopfield network, or
        adds it to what the others give.
    closed_loop : bool
        Whether its answers are rewarded: the last two inputs of a recurrent network are filled in.
    solved_below : float
        A run counts as solved if its mean error over the frozen episodes is below this.
    """

    loss: ClassVar[str] = "cross-entropy"
    readout: ClassVar[str] = "linear"
    solved_below: ClassVar[float] = 0.1
    middle: ClassVar[float] = 0.0
    label_inputs: ClassVar[int] = 0
    recurrent: ClassVar[bool] = False
    clamped: ClassVar[bool] = False
    closed_loop: ClassVar[bool] = False

    gamma: float = parameter(0.98, at_least=0, below=1, doc="survival of a trace over one step")

    @property
    def inputs(self) -> int:
        raise self._missing("inputs", "a number of inputs")

    @property
    def outputs(self) -> int:
        raise self._missing("outputs", "a number of outputs")

    @property
    def cells(self) -> tuple[int, ...]:
        """Cells of each plastic layer: `hidden`, or one for every output."""
        return (getattr(self, "hidden", self.outputs),)

    @property
    def published_scale(self) -> float:
        """Published error divided by the error per scored step."""
        return 1.0

    def draw(self, rng: Generator, episodes: int) -> Episodes:
        """Draw episodes, arrays of shape (episodes, ...)."""
        raise self._missing("draw", "draw(self, rng, episodes), which returns Episodes")

    def check(self) -> None:
        """Refuse a task whose class says of itself what cannot be.

        Raises
        ------
        ValueError
            The name and what is allowed.
        """
        for name in ("inputs", "outputs"):
            checks.whole(name, getattr(self, name), at_least=1)
        checks.whole("label_inputs", self.label_inputs, at_least=0, at_most=self.inputs)
        checks.choice("loss", self.loss, LOSSES)
        checks.choice("readout", self.readout, READOUTS)
        cells = self.cells
        if not (isinstance(cells, tuple) and cells):
            raise checks.wrong("cells", cells, "numbers of the cells of each layer, as (4,)")
        for number in cells:
            checks.whole("cells", number, at_least=1)
        if self.readout == "identity" and cells[-1] != self.outputs:
            raise checks.wrong("cells", cells, f"{self.outputs} in the last, which are the outputs")

    def _missing(self, name: str, allowed: str) -> NotImplementedError:
        return NotImplementedError(f"{name}: {type(self).__name__} has none; allowed: {allowed}")

    def draw_legacy(self, rng: RandomState) -> Episodes:
        """Draw one episode exactly as the original program did.

        Raises
        ------
        ParameterError
            If the settings are not those of a published experiment.
        """
        raise ParameterError(
            f"draws: got 'legacy' for {self}; allowed: a task of the original program "
            "(Completion, OneShot or Reversal, with its published episode)"
        )


class Labelled(Task):
    """Labels come in the leading inputs, before the `size` elements of what is shown.

    There is an output for each label.
    """

    @property
    def size(self) -> int:
        """Elements of what is shown."""
        raise NotImplementedError

    @property
    def inputs(self) -> int:
        return self.label_inputs + self.size

    @property
    def outputs(self) -> int:
        return self.label_inputs


def random_signs(rng: Generator, shape: tuple[int, ...]) -> Floats:
    """Draw -1 and +1 with equal probability."""
    return 2 * rng.integers(0, 2, shape).astype(float) - 1
