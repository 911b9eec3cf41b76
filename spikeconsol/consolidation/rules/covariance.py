"""Rules that move a weight towards the covariance of its two units, and their bounds.

The covariance target of coding level f is t = (s_i - f)(s_j - f) = f^2 + (1 - 2f) A - f M.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules.base import Rule, State
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["ByHand", "Covariance", "CovarianceRule", "HardBounds", "Leaky", "SpikeGatedLeaky"]


@dataclass(frozen=True)
class ByHand(Rule):
    """A rule whose NumPy form is also written by hand, for speed; checked against the text."""

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        gate = self.gate(state)
        self.change(state["w"], gate, A, M)
        self.remember(state, A)

    def rest(self, state: State) -> None:
        self.step(state, np.zeros(()), np.zeros(()))

    def gate(self, state: State) -> NDArray | float:
        return 1.0

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        """Change the weights, in place."""
        raise NotImplementedError

    def remember(self, state: State, A: NDArray) -> None:
        """Update the traces, in place, after the weights."""


@dataclass(frozen=True)
class CovarianceRule(ByHand):
    """Base of the rate rules, which move towards the covariance target t of coding level f."""

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")

    target_text: ClassVar[str] = (
        "target = coding_level**2 + (1 - 2*coding_level)*A - coding_level*M"
    )

    def target(self, A: NDArray, M: NDArray) -> NDArray:
        """Covariance target t = (s_i - f)(s_j - f), from coincidence and mismatch."""
        f = self.coding_level
        return f**2 + (1 - 2 * f) * A - f * M


@plasticity_rule
class Covariance(CovarianceRule):
    """Additive covariance rule, w += t: equal to learning all patterns at once."""

    change_text: ClassVar[str] = CovarianceRule.target_text + "\nw += target"

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        w += self.target(A, M)


@plasticity_rule
class Leaky(CovarianceRule):
    """Leaky covariance rule, w += eta (t - w): the baseline that forgets."""

    learning_rate: float = parameter(0.3, above=0, at_most=1, doc="eta, change per presentation")

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\nw += learning_rate*gate*(target - w)"
    )
    gate_text: ClassVar[str] = "gate = 1.0"

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        step = self.target(A, M) - w
        if isinstance(gate, float):
            step *= self.learning_rate * gate
        else:  # not with a product of the two, an array more, for which the cache has no room
            step *= gate
            step *= self.learning_rate
        w += step


@plasticity_rule
class SpikeGatedLeaky(Leaky):
    """Leaky rule at synapses with an active side only: no spikes, no change."""

    gate_text: ClassVar[str] = "gate = int(A + M > 0)"

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        self.change(state["w"], self.gate(state) * (A + M > 0), A, M)
        self.remember(state, A)

    def rest(self, state: State) -> None:
        self.remember(state, np.zeros(()))


@plasticity_rule
class HardBounds(CovarianceRule):
    """Additive covariance rule with hard bounds: forgets without any trace (Parisi 1986)."""

    bound: float = parameter(0.55, above=0, doc="largest absolute weight, in units of t")

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\nw = clip(w + target, -bound, bound)"
    )

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        w += self.target(A, M)
        np.clip(w, -self.bound, self.bound, out=w)
