"""Descent on flat parameter vectors, one row per run.

Each optimiser is pure arithmetic on arrays of the namespace `xp`, so NumPy and JAX train alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.metaplasticity.task import Episodes
from spikeconsol.optimise import adam
from spikeconsol.parameters import Parameters, parameter

__all__ = ["OPTIMISERS", "SGD", "Adam", "Learned", "Learner", "Optimiser", "RMSClip"]

Array = Any


@dataclass(frozen=True)
class _Descent(Parameters):
    """What all optimisers share: running averages of the gradient, and a penalty on top."""

    averages: ClassVar[int] = 0

    def start(self, theta: Array) -> Array:
        """Return the running averages before the first step, shape (averages, R, P)."""
        return np.zeros((self.averages, *theta.shape))

    def step(
        self, theta: Array, g: Array, state: Array, count: Array, penalised: Array, xp: Any = np
    ) -> tuple[Array, Array]:
        """Return parameters and running averages after update number `count` (from 0).

        Parameters
        ----------
        theta, g : ndarray, shape (R, P)
            Parameters and gradient.
        state : ndarray, shape (averages, R, P)
            Running averages.
        count : int
            Updates made before this one.
        penalised : ndarray, shape (P,)
            1 where the penalty applies, else 0.
        xp : module
            ``numpy`` or ``jax.numpy``.
        """
        change, state = self._change(g, state, count, xp)
        theta = theta + change
        return theta - penalised * self._penalty(theta, xp), state

    def _change(self, g: Array, state: Array, count: Array, xp: Any) -> tuple[Array, Array]:
        """Return the change that a gradient asks for, and the running averages after it."""
        raise NotImplementedError

    def _penalty(self, theta: Array, xp: Any) -> Array:
        """Return what penalised parameters lose."""
        return 0.0


@dataclass(frozen=True)
class RMSClip(_Descent):
    r"""Gradient over its running root mean square, clipped, and a penalty on top.

    The optimiser of the published experiments. Where `clip` equals `learning_rate`, a gradient
    above its running size gives a step of fixed length.
    """

    learning_rate: float = parameter(0.01, above=0, doc="step for a gradient of its usual size")
    clip: float = parameter(0.01, above=0, doc="largest step")
    l1: float = parameter(1e-4, at_least=0, doc="decrease of every magnitude per step")
    l2: float = parameter(0.0, at_least=0, below=1, doc="fraction lost per step")
    memory: float = parameter(0.01, above=0, at_most=1, doc="weight of the newest squared gradient")

    averages: ClassVar[int] = 1

    def _change(self, g: Array, state: Array, count: Array, xp: Any) -> tuple[Array, Array]:
        squared = g * g
        # The first squared gradient starts the average.
        m = xp.where(count == 0, squared, state[0] + self.memory * (squared - state[0]))
        step = -self.learning_rate * g / xp.sqrt(m + 1e-8)
        return xp.minimum(xp.maximum(step, -self.clip), self.clip), m[None]

    def _penalty(self, theta: Array, xp: Any) -> Array:
        return self.l1 * xp.sign(theta) + self.l2 * theta


@dataclass(frozen=True)
class Adam(_Descent):
    """Adam, without penalty."""

    learning_rate: float = parameter(3e-3, above=0, doc="step for a steady gradient")
    first_decay: float = parameter(0.9, at_least=0, below=1, doc="memory of the gradient")
    second_decay: float = parameter(0.999, at_least=0, below=1, doc="memory of its square")

    averages: ClassVar[int] = 2

    def _change(self, g: Array, state: Array, count: Array, xp: Any) -> tuple[Array, Array]:
        step, mean, square = adam(
            g,
            state[0],
            state[1],
            count + 1,
            self.learning_rate,
            decays=(self.first_decay, self.second_decay),
            xp=xp,
        )
        return -step, xp.stack([mean, square])


@dataclass(frozen=True)
class SGD(_Descent):
    """Plain gradient descent with a largest step: an option of the original program."""

    learning_rate: float = parameter(0.03, above=0, doc="step for a gradient of 1")
    clip: float = parameter(0.01, above=0, doc="largest step")
    l1: float = parameter(1e-4, at_least=0, doc="decrease of every magnitude per step")

    def _change(self, g: Array, state: Array, count: Array, xp: Any) -> tuple[Array, Array]:
        return -xp.clip(self.learning_rate * g, -self.clip, self.clip), state

    def _penalty(self, theta: Array, xp: Any) -> Array:
        return self.l1 * xp.sign(theta)


Optimiser = RMSClip | Adam | SGD
#: Parameters and running averages after learning, errors and accuracies on the way.
Learned = tuple[NDArray, NDArray, NDArray, NDArray]
#: What learns from more episodes, of which so many came before.
Learner = Callable[[NDArray, NDArray, Episodes, int], Learned]
OPTIMISERS: dict[str, type[Optimiser]] = {kind.__name__: kind for kind in (RMSClip, Adam, SGD)}
