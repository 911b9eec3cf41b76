"""Synapses with a clock: all they remember is how long ago their cells last fired together.

What a curvature gate does without a clock these do with one, so that they are its controls (is
there more in a trace of coincidences than the time since the last?) and its limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.constants import protection_parameter
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["Timer", "WillshawClock"]


@dataclass(frozen=True)
class Clock(Rule):
    """The time n since the last coincidence, kept as recent = exp(-n/T)."""

    protection_time: float = protection_parameter(190.0)
    coincidence: float = parameter(
        0.1, at_least=0, below=1, doc="A above which a presentation is a coincidence"
    )

    model: ClassVar[str] = "w : 1\ndrecent/dt = -recent/protection_time : 1"
    remember_text: ClassVar[str] = "recent += int(A > coincidence)*(1 - recent)"

    @property
    def trace_threshold(self) -> float:
        """Value of `recent` a time T after the last coincidence."""
        return math.exp(-1)

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return super().parameters_in_text | {"trace_threshold": self.trace_threshold}


@plasticity_rule
class Timer(Clock):
    """Soft bounds, and no depression for a time T after the last coincidence.

    `BoundedDepressionGate` with a clock in place of its trace of coincidences.
    """

    potentiation: float = parameter(0.8, at_least=0, at_most=1, doc="rate towards 1 at A = 1")
    depression: float = parameter(0.26, at_least=0, at_most=1, doc="rate towards 0 at M = 1")

    gate_text: ClassVar[str] = "gate = int(recent < trace_threshold)"
    change_text: ClassVar[str] = "w += potentiation*A*clip(ceiling - w, 0, 1) - gate*depression*M*w"


@plasticity_rule
class WillshawClock(Clock):
    """Willshaw's binary synapse, cleared by a clock a time T after its last coincidence.

    The window of the newest T patterns that Willshaw's rule would store as a batch: the limit of
    what a gate on depression can reach.

    References
    ----------
    D. Willshaw, O. Buneman, H. Longuet-Higgins, Nature 222, 960 (1969).
    """

    change_text: ClassVar[str] = (
        "w = w*int(recent >= trace_threshold)\nw += int(A > coincidence)*clip(ceiling - w, 0, 1)"
    )
