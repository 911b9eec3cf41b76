"""The rules as spikes drive them: weights in [0, 1], changed by thresholded pair counters.

Excitatory synapses cannot be negative, so the covariance target is replaced by two competing
drives, potentiation by the coincidence A and depression by the mismatch M,

    dw = G [ potentiation A (1 - w) - depression M w ],

which is the rate rule w += eta [s_i + s_j > 0] G (t - w) mapped from [-f(1-f), (1-f)^2] to [0, 1],
with one rate for each drive. The offset that the map removes is left to inhibition. The trace
saturates, q <- d q + A (1 - d q) with d = exp(-decay / T), so that a pair that coincides twice is
protected no longer than one that has just done so; the gate closes above q_c = exp(-decay).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules import Rule, State
from spikeconsol.parameters import parameter

__all__ = [
    "BoundedAdditive",
    "BoundedCurvatureGate",
    "BoundedLeaky",
    "BoundedSmoothCurvatureGate",
    "rates",
]

#: Rates per unit of learning rate; at eta = 0.3 they give the tuned 0.8 and 0.26.
POTENTIATION_RATIO, DEPRESSION_RATIO = 0.8 / 0.3, 0.26 / 0.3
#: Residual plasticity against the rate rule's 0.06 * 127 / T: tuned in spikes to 3 / T.
RESIDUAL_RATIO = 3 / (0.06 * 127)


def rates(learning_rate: float) -> dict[str, float]:
    """Potentiation and depression rates that correspond to a rate rule's learning rate."""
    return {
        "potentiation": min(1.0, POTENTIATION_RATIO * learning_rate),
        "depression": min(1.0, DEPRESSION_RATIO * learning_rate),
    }


@dataclass(frozen=True)
class BoundedLeaky(Rule):
    """Non-negative leaky rule: the gate is always open."""

    potentiation: float = parameter(0.8, at_least=0, at_most=1, doc="rate towards 1 at A = 1")
    depression: float = parameter(0.26, at_least=0, at_most=1, doc="rate towards 0 at M = 1")

    gate_text: ClassVar[str] = "gate = 1.0"
    change_text: ClassVar[str] = (
        "w += gate*(potentiation*A*clip(ceiling - w, 0, 1) - depression*M*w)"
    )

    def step(self, state: State, A: NDArray, M: NDArray, ceiling: NDArray | float = 1.0) -> None:
        self.change(state["w"], self.gate(state), A, M, ceiling)
        self.remember(state, A)

    def change(
        self,
        w: NDArray,
        gate: NDArray | float,
        A: NDArray,
        M: NDArray,
        ceiling: NDArray | float = 1.0,
    ) -> None:
        left = np.clip(ceiling - w, 0, 1)
        w += gate * (self.potentiation * A * left - self.depression * M * w)

    def bounded(self) -> Rule:
        return self


@dataclass(frozen=True)
class BoundedCurvatureGate(BoundedLeaky):
    """Non-negative curvature gate, G = eps + (1 - eps) [q < q_c]."""

    protection_time: float = parameter(
        190.0, above=0, doc="T, patterns for which a potentiated synapse is protected"
    )
    trace_decay: float = parameter(
        3.81, above=0, doc="decay of the trace over the protection time in e-folds"
    )
    residual_plasticity: float = parameter(
        3 / 190, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )

    traces: ClassVar[tuple[str, ...]] = ("trace",)
    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)*int(trace < trace_threshold)"
    )
    remember_text: ClassVar[str] = "trace = trace*trace_factor + A*(1 - trace*trace_factor)"

    @classmethod
    def for_capacity(cls, patterns: float) -> Self:
        """Make the rule that holds about the newest `patterns` patterns."""
        return cls(protection_time=patterns, residual_plasticity=min(1.0, 3 / patterns))

    @property
    def trace_factor(self) -> float:
        """Decay d of the trace per presentation."""
        return math.exp(-self.trace_decay / self.protection_time)

    @property
    def trace_threshold(self) -> float:
        """Trace above which a synapse is protected, q_c."""
        return math.exp(-self.trace_decay)

    @property
    def constants(self) -> dict[str, float]:
        return super().constants | {
            "trace_factor": self.trace_factor,
            "trace_threshold": self.trace_threshold,
        }

    def gate(self, state: State) -> NDArray | float:
        eps = self.residual_plasticity
        return eps + (1 - eps) * (state["trace"] < self.trace_threshold)

    def remember(self, state: State, A: NDArray) -> None:
        trace = state["trace"]
        trace *= self.trace_factor
        trace += A * (1 - trace)


@dataclass(frozen=True)
class BoundedSmoothCurvatureGate(BoundedCurvatureGate):
    """Non-negative smooth gate, G = 1 / (1 + (q / q_c)^h)."""

    potentiation: float = parameter(0.8 / 3, at_least=0, at_most=1, doc="rate towards 1 at A = 1")
    depression: float = parameter(0.26 / 3, at_least=0, at_most=1, doc="rate towards 0 at M = 1")
    trace_decay: float = parameter(
        2.42, above=0, doc="decay of the trace over the protection time in e-folds"
    )
    residual_plasticity: float = parameter(
        0.0, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )
    steepness: float = parameter(8.0, at_least=1, doc="h, exponent of the gate")

    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)"
        "/(1 + clip(trace/trace_threshold, 0, 1000)**steepness)"
    )

    def gate(self, state: State) -> NDArray | float:
        eps = self.residual_plasticity
        ratio = np.clip(state["trace"] / self.trace_threshold, 0, 1000)
        return eps + (1 - eps) / (1 + ratio**self.steepness)


@dataclass(frozen=True)
class BoundedAdditive(BoundedLeaky):
    """Non-negative additive rule with hard bounds (Parisi 1986): w is clipped to [0, 1]."""

    change_text: ClassVar[str] = (
        "w = clip(w + clip(potentiation*A, 0, clip(ceiling - w, 0, 1)) - depression*M, 0, 1)"
    )

    @classmethod
    def from_bound(cls, bound: float, *, coding_level: float = 0.05) -> Self:
        """Map the rate rule with weights in [-bound, bound], with balanced depression.

        Potentiation is the covariance increment (1 - f)^2 over the range 2 `bound`; depression
        cancels it on average, P(A) potentiation = P(M) depression.
        """
        f = coding_level
        potentiation = min(1.0, (1 - f) ** 2 / (2 * bound))
        return cls(potentiation=potentiation, depression=potentiation * f / (2 * (1 - f)))

    def change(
        self,
        w: NDArray,
        gate: NDArray | float,
        A: NDArray,
        M: NDArray,
        ceiling: NDArray | float = 1.0,
    ) -> None:
        w += np.minimum(self.potentiation * A, np.clip(ceiling - w, 0, 1)) - self.depression * M
        np.clip(w, 0, 1, out=w)
