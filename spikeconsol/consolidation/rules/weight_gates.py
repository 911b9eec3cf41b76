"""Gates on the weight itself, which need no trace: large weights are stable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.constants import residual_parameter
from spikeconsol.consolidation.rules.covariance import Leaky
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["BayesianWeight", "ExponentialWeight", "Gated", "WeightThreshold"]


@dataclass(frozen=True)
class Gated(Leaky):
    """Leaky rule behind a gate, which may also wait for a spike on either side."""

    spike_gated: bool = parameter(
        False, doc="whether synapses with two silent sides keep their weight"
    )

    step, rest, gate = Rule.step, Rule.rest, Rule.gate  # type: ignore[assignment]  # from the text

    @property
    def before(self) -> str:
        spikes = "gate *= int(A + M > 0)\n" if self.spike_gated else ""
        return f"{self.gate_text}\n{spikes}{self.change_text}"


@plasticity_rule
class WeightThreshold(Gated):
    """Protect weights above a threshold: g = eps + (1 - eps) [w < c]."""

    weight_threshold: float = parameter(0.1, doc="c, weight from which a synapse is protected")
    residual_plasticity: float = residual_parameter(0.0)

    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)*int(w < weight_threshold)"
    )


@plasticity_rule
class BayesianWeight(Gated):
    """Plasticity that falls off with the size of the weight: g = c / (c + |w|)."""

    weight_scale: float = parameter(0.05, above=0, doc="c, weight that halves the plasticity")

    gate_text: ClassVar[str] = "gate = weight_scale/(weight_scale + abs(w))"


@plasticity_rule
class ExponentialWeight(Gated):
    """Plasticity that falls off with the size of the weight: g = exp(-c |w|)."""

    sharpness: float = parameter(20.0, above=0, doc="c, inverse weight at 1/e of the plasticity")

    gate_text: ClassVar[str] = "gate = exp(-sharpness*abs(w))"
