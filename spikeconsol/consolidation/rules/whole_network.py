"""Rules that need the whole network: masks by rank, and error-driven learning with damping."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules.base import State
from spikeconsol.consolidation.rules.covariance import CovarianceRule, Leaky
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["ContrastiveDivergence", "Gradient", "HistoryMask", "StablePerceptron"]


@plasticity_rule
class HistoryMask(Leaky):
    """Freeze the synapses with the highest curvature over the whole history; not local.

    A synapse is frozen if its F = p (1 - p), with p averaged over all patterns so far, is above
    the quantile of all synapses that leaves `fraction` above it, and above zero.
    """

    fraction: float = parameter(
        0.05, above=0, at_most=1, doc="largest fraction of synapses that may be frozen"
    )

    local: ClassVar[bool] = False  # the quantile is taken over the whole network
    model: ClassVar[str] = "w : 1\ntrace : 1\nseen : 1"

    def gate(self, state: State) -> NDArray | float:
        fisher = state["trace"] * (1 - state["trace"])
        rank = round((1 - self.fraction) * (fisher.size - 1))
        cut = np.partition(fisher, rank, axis=None)[rank]
        return (fisher <= cut) | (fisher <= 0)

    def remember(self, state: State, A: NDArray) -> None:
        state["seen"] += 1
        state["trace"] += (A - state["trace"]) / state["seen"]


@dataclass(frozen=True)
class Gradient(CovarianceRule):
    """Base of the error-driven rules, which learn each pattern in many damped steps."""

    learning_rate: float = parameter(0.02, above=0, doc="weight change per step")
    steps: int = parameter(60, at_least=1, doc="largest number of steps per pattern")
    damping: float = parameter(0.0, at_least=0, doc="lambda, strength of the damping")
    trace_rate: float = parameter(0.02, above=0, at_most=1, doc="a, trace update per presentation")
    curvature_scale: float = parameter(0.0074, above=0, doc="F_0, curvature that counts as one")

    local: ClassVar[bool] = False  # the error needs the whole network
    model: ClassVar[str] = "w : 1\ntrace : 1"

    def gate(self, state: State) -> NDArray | float:
        fisher = state["trace"] * (1 - state["trace"])
        return 1 / (1 + self.damping * fisher / self.curvature_scale)

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        """Direction of change for pattern s, shape (N,); none when it is learned."""
        raise NotImplementedError

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        s = np.diagonal(A)
        gate = self.learning_rate * self.gate(state)
        for _ in range(self.steps):
            direction = self.gradient(state["w"], s)
            if direction is None:
                break
            state["w"] += gate * direction
            np.fill_diagonal(state["w"], 0)
        state["trace"] += self.trace_rate * (A - state["trace"])


@plasticity_rule
class StablePerceptron(Gradient):
    """Perceptron steps until the pattern is a fixed point with a margin, weights symmetric.

    Fields are h = W s - 1; a unit learns while its field is within `margin` of the wrong side.
    """

    margin: float = parameter(0.5, at_least=0, doc="field wanted on the right side")

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        wanted = 2 * s - 1
        error = wanted * (wanted * (w @ s - 1) < self.margin)
        if not error.any():
            return None
        change = np.outer(error, s)
        return change + change.T


@plasticity_rule
class ContrastiveDivergence(Gradient):
    """Coincidences of the pattern minus those of short Gibbs chains started in it.

    References
    ----------
    G. Hinton, Neural Computation 14, 1771 (2002).
    """

    steps: int = parameter(10, at_least=1, doc="gradient steps per pattern")
    temperature: float = parameter(0.15, above=0, doc="temperature of the chains")
    chains: int = parameter(20, at_least=1, doc="number of chains")
    sweeps: int = parameter(5, at_least=1, doc="sweeps before the chains are read")

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        from spikeconsol.consolidation import curvature  # brings scipy, slow to import

        states = curvature.gibbs(
            w,
            thresholds=1.0,
            temperature=self.temperature,
            start=s[None],
            chains=self.chains,
            burn_in=self.sweeps - 1,
            sweeps=1,
            seed=int(np.flatnonzero(s) @ np.arange(1, s.sum() + 1)),
        )[0].astype(float)
        return np.outer(s, s) - states.T @ states / self.chains
