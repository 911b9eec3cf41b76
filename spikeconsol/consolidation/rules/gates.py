r"""Curvature gates: a synapse is plastic while the curvature of its energy landscape is low.

The curvature along w is the Fisher information of the pair, F = p (1 - p), with p the running mean
of its coincidences (Deistler, Sorbaro, Rule, Hennig 2018). Every gate reads it from a trace that
the synapse keeps itself.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules.base import State
from spikeconsol.consolidation.rules.constants import (
    protection_parameter,
    residual_parameter,
    trace_decay_parameter,
)
from spikeconsol.consolidation.rules.covariance import ByHand, Leaky, SpikeGatedLeaky
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import ParameterError, parameter

if TYPE_CHECKING:
    from spikeconsol.consolidation.rules.events import EventDriven

__all__ = [
    "CoincidenceTrace",
    "CurvatureGate",
    "CurvatureThreshold",
    "DepressionGate",
    "RefreshedCurvatureGate",
    "SmoothCurvatureGate",
]


def raise_to(exponent: float, base: NDArray) -> None:
    """Raise to a power in place; by squaring, which is quicker, where it is 2, 4, 8 ..."""
    doublings = math.log2(exponent)
    if not doublings.is_integer():
        base **= exponent
    else:
        for _ in range(int(doublings)):
            base *= base


class CoincidenceTrace:
    """The trace p of coincidences that a curvature gate reads: p += a (A - p), F = p (1 - p)."""

    protection_time: float
    trace_decay: float

    model: ClassVar[str] = "w : 1\ntrace : 1"
    remember_text: ClassVar[str] = "trace += trace_rate*(A - trace)"

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[misc]
        if not self.trace_rate <= 1:
            raise ParameterError(
                f"protection_time: got {self.protection_time:g}; allowed: >= "
                f"{self.trace_decay:g}, trace_decay, as a trace cannot lose more than it has"
            )

    @property
    def trace_rate(self) -> float:
        """Trace update per presentation, a."""
        return self.trace_decay / self.protection_time

    @property
    def curvature_threshold(self) -> float:
        """Curvature F_c above which the gate closes."""
        raise NotImplementedError

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return super().parameters_in_text | {  # type: ignore[misc]
            "trace_rate": self.trace_rate,
            "curvature_threshold": self.curvature_threshold,
        }

    def remember(self, state: State, A: NDArray) -> None:
        state["trace"] *= 1 - self.trace_rate
        if A.any():
            state["trace"] += self.trace_rate * A

    @classmethod
    def for_lifetime(
        cls, lifetime: Any, *, window: Any = "0.4 s", level: float = 0.2
    ) -> EventDriven:
        """Make the rule that protects a synapse for a time after its last coincidence.

        Parameters
        ----------
        lifetime : Quantity or str
            Time for which a potentiated synapse is protected, ``60*second`` or ``"60 s"``.
        window : Quantity or str, optional
            Time over which one episode may still be learned before the gate closes.
        level : float, optional
            Value of the trace, which jumps towards 1, above which the gate is closed.

        Returns
        -------
        EventDriven
            The rule in continuous time; its `synapses` attach it to a network.

        Raises
        ------
        ParameterError
            If the window is too long for the lifetime.
        """
        from spikeconsol.consolidation.rules.events import EventDriven

        rule: Any = cls()
        return EventDriven.for_lifetime(rule, lifetime, window=window, level=level)


@plasticity_rule
class CurvatureGate(CoincidenceTrace, SpikeGatedLeaky):
    r"""Consolidate a synapse while the curvature of its energy landscape is high.

    dw = eta [s_i + s_j > 0] (eps + (1 - eps) [F < F_c]) (t - w). The trace of coincidences jumps by
    a at a coincidence and decays as exp(-a n) over the next n patterns, so that the gate reopens
    after the protection time T if F_c = q (1 - q), q = a exp(-a T).

    `CurvatureGate.for_capacity` sets all constants from the number of patterns to hold.
    """

    protection_time: float = protection_parameter(127.0)
    trace_decay: float = trace_decay_parameter(3.81)
    residual_plasticity: float = residual_parameter(0.06)

    gate_text: ClassVar[str] = (
        "gate = int(A + M > 0)*(residual_plasticity"
        " + (1 - residual_plasticity)*int(trace*(1 - trace) < curvature_threshold))"
    )

    @classmethod
    def for_capacity(cls, patterns: float, *, coding_level: float = 0.05) -> Self:
        """Make the rule that holds about the newest `patterns` patterns.

        Parameters
        ----------
        patterns : float
            Protection time; about 1.06 times the number that batch covariance learning
            recalls works best.
        coding_level : float, optional
            Fraction of active units.
        """
        return cls(
            coding_level=coding_level,
            protection_time=patterns,
            # A fully closed gate lets early patterns live for ever: eps must scale as 1/T.
            residual_plasticity=min(1.0, 0.06 * 127 / patterns) if patterns > 0 else 0.0,
        )

    @property
    def curvature_threshold(self) -> float:
        """F_c = q (1 - q) with q = a exp(-a T)."""
        q = self.trace_rate * math.exp(-self.trace_decay)
        return q * (1 - q)

    def gate(self, state: State) -> NDArray | float:
        curvature = state["trace"] * (1 - state["trace"])
        eps = self.residual_plasticity
        return eps + (1 - eps) * (curvature < self.curvature_threshold)


@plasticity_rule
class SmoothCurvatureGate(CoincidenceTrace, Leaky):
    """Smooth curvature gate, dw = eta (t - w) / (1 + (F / F_c)^h); no spike gate, no residual."""

    learning_rate: float = parameter(0.1, above=0, at_most=1, doc="eta, change per presentation")
    protection_time: float = protection_parameter(121.0)
    trace_decay: float = trace_decay_parameter(2.42)
    steepness: float = parameter(8.0, at_least=1, doc="h, exponent of the gate")

    gate_text: ClassVar[str] = "gate = 1/(1 + (trace*(1 - trace)/curvature_threshold)**steepness)"

    @classmethod
    def for_capacity(cls, patterns: float, *, coding_level: float = 0.05) -> Self:
        """Make the rule that holds about the newest `patterns` patterns."""
        return cls(coding_level=coding_level, protection_time=patterns)

    @property
    def curvature_threshold(self) -> float:
        """F_c = a exp(-a T)."""
        return self.trace_rate * math.exp(-self.trace_decay)

    def gate(self, state: State) -> NDArray | float:
        ratio = 1 - state["trace"]
        ratio *= state["trace"]
        ratio *= 1 / self.curvature_threshold
        with np.errstate(over="ignore"):  # the gate is closed there
            raise_to(self.steepness, ratio)
        ratio += 1
        return np.divide(1, ratio, out=ratio)  # twice as quick as np.reciprocal


@plasticity_rule
class CurvatureThreshold(
    CurvatureGate, protection_time=110.0, trace_decay=2.2, residual_plasticity=0.0
):
    """Curvature gate that closes completely and does not wait for spikes."""

    gate_text: ClassVar[str] = CurvatureGate.gate_text.replace("int(A + M > 0)*", "")

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        ByHand.step(self, state, A, M)

    def rest(self, state: State) -> None:
        ByHand.rest(self, state)


@plasticity_rule
class RefreshedCurvatureGate(SmoothCurvatureGate):
    """Smooth curvature gate whose trace is set back to a by every coincidence.

    A pair that coincides twice is then protected for T patterns from the last time on and no
    longer, which keeps the memory from blocking itself where coincidences repeat.
    """

    remember_text: ClassVar[str] = "trace = (1 - trace_rate)*trace\ntrace += A*(trace_rate - trace)"

    def remember(self, state: State, A: NDArray) -> None:
        state["trace"] *= 1 - self.trace_rate
        if A.any():
            state["trace"] += A * (self.trace_rate - state["trace"])


@plasticity_rule
class DepressionGate(RefreshedCurvatureGate, learning_rate=0.8, trace_decay=4.0, steepness=64.0):
    r"""Refreshed curvature gate on depression alone: every coincidence potentiates.

    A pair that has coincided n times while protected has a weight in proportion to
    :math:`1 - (1 - \eta)^n`. Curvature keeps what has been learned and does not keep the synapse
    from learning more.
    """

    gate_text: ClassVar[str] = RefreshedCurvatureGate.gate_text + "\ngate += A*(1 - gate)"

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        gate = self.gate(state)
        self.change(state["w"], gate + A * (1 - gate), A, M)
        self.remember(state, A)
