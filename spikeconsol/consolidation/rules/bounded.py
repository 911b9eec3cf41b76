"""The rules as spikes drive them: weights in [0, 1].

Excitatory synapses cannot be negative, so the covariance target is replaced by two competing
drives, potentiation by the coincidence A and depression by the mismatch M,

    dw = G [ potentiation A (1 - w) - depression M w ],

which is the rate rule w += eta [s_i + s_j > 0] G (t - w) mapped from [-f(1-f), (1-f)^2] to [0, 1],
with one rate for each drive. The offset that the map removes is left to inhibition. The trace
saturates, q <- d q + A (1 - d q) with d = exp(-decay / T), so that a pair that coincides twice is
protected no longer than one that has just done so; the gate closes above q_c = exp(-decay).

`spiking_form` finds the form of a rate rule, by exact type: a subclass has none until it is given
one, and is never run as its parent.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

from spikeconsol.consolidation.rules import covariance, gates, weight_gates
from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.constants import (
    protection_parameter,
    residual_parameter,
    trace_decay_parameter,
)
from spikeconsol.consolidation.rules.controls import Shuffled, Ungated
from spikeconsol.consolidation.rules.definition import checked_rule, plasticity_rule
from spikeconsol.parameters import ParameterError, parameter

__all__ = [
    "BoundedAdditive",
    "BoundedBayesianWeight",
    "BoundedCurvatureGate",
    "BoundedDepressionGate",
    "BoundedExponentialWeight",
    "BoundedLeaky",
    "BoundedSmoothCurvatureGate",
    "BoundedWeightThreshold",
    "RandomGate",
    "rates",
    "spiking_form",
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


@plasticity_rule
class BoundedLeaky(Rule):
    """Non-negative leaky rule: the gate is always open."""

    potentiation: float = parameter(0.8, at_least=0, at_most=1, doc="rate towards 1 at A = 1")
    depression: float = parameter(0.26, at_least=0, at_most=1, doc="rate towards 0 at M = 1")

    gate_text: ClassVar[str] = "gate = 1.0"
    change_text: ClassVar[str] = (
        "w += gate*(potentiation*A*clip(ceiling - w, 0, 1) - depression*M*w)"
    )


@plasticity_rule
class BoundedCurvatureGate(BoundedLeaky):
    """Non-negative curvature gate, G = eps + (1 - eps) [q < q_c]."""

    protection_time: float = protection_parameter(190.0)
    trace_decay: float = trace_decay_parameter(3.81)
    residual_plasticity: float = residual_parameter(3 / 190)

    model: ClassVar[str] = "w : 1\ndtrace/dt = -trace*trace_decay/protection_time : 1"
    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)*int(trace < trace_threshold)"
    )
    remember_text: ClassVar[str] = "trace += A*(1 - trace)"

    @classmethod
    def for_capacity(cls, patterns: float) -> Self:
        """Make the rule that holds about the newest `patterns` patterns."""
        return cls(protection_time=patterns, residual_plasticity=min(1.0, 3 / patterns))

    @property
    def trace_threshold(self) -> float:
        """Trace above which a synapse is protected, q_c."""
        return math.exp(-self.trace_decay)

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return super().parameters_in_text | {"trace_threshold": self.trace_threshold}


@plasticity_rule
class BoundedSmoothCurvatureGate(
    BoundedCurvatureGate,
    potentiation=0.8 / 3,
    depression=0.26 / 3,
    trace_decay=2.42,
    residual_plasticity=0.0,
):
    """Non-negative smooth gate, G = 1 / (1 + (q / q_c)^h)."""

    steepness: float = parameter(8.0, at_least=1, doc="h, exponent of the gate")

    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)"
        "/(1 + clip(trace/trace_threshold, 0, 1000)**steepness)"
    )


@plasticity_rule
class BoundedDepressionGate(
    BoundedSmoothCurvatureGate, potentiation=1.0, depression=0.69, trace_decay=4.0, steepness=64.0
):
    """Non-negative smooth gate on depression alone: every coincidence potentiates."""

    #: Above 20 thresholds the gate is shut; further up its power would not fit a float.
    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)"
        "/(1 + clip(trace/trace_threshold, 0, 20)**clip(steepness, 1, 200))"
    )
    change_text: ClassVar[str] = "w += potentiation*A*clip(ceiling - w, 0, 1) - gate*depression*M*w"


@plasticity_rule
class BoundedAdditive(BoundedLeaky):
    """Non-negative additive rule with hard bounds (Parisi 1986): w is clipped to [0, 1]."""

    change_text: ClassVar[str] = "w = clip(w + potentiation*A - depression*M, 0, 1)"

    @classmethod
    def from_bound(cls, bound: float, *, coding_level: float = 0.05) -> Self:
        """Map the rate rule with weights in [-bound, bound], with balanced depression.

        Potentiation is the covariance increment (1 - f)^2 over the range 2 `bound`; depression
        cancels it on average, P(A) potentiation = P(M) depression.
        """
        f = coding_level
        potentiation = min(1.0, (1 - f) ** 2 / (2 * bound))
        return cls(potentiation=potentiation, depression=potentiation * f / (2 * (1 - f)))


@plasticity_rule
class BoundedWeightThreshold(BoundedLeaky, depression=0.05):
    """Non-negative rule that protects weights above a threshold."""

    weight_threshold: float = parameter(0.5, doc="c, weight from which a synapse is protected")
    residual_plasticity: float = residual_parameter(0.1)

    gate_text: ClassVar[str] = weight_gates.WeightThreshold.gate_text


@plasticity_rule
class BoundedBayesianWeight(BoundedLeaky, depression=0.05):
    """Non-negative rule whose plasticity falls off with the weight: g = c / (c + w)."""

    weight_scale: float = parameter(0.5, above=0, doc="c, weight that halves the plasticity")

    gate_text: ClassVar[str] = weight_gates.BayesianWeight.gate_text


@plasticity_rule
class BoundedExponentialWeight(BoundedLeaky, depression=0.05):
    """Non-negative rule whose plasticity falls off with the weight: g = exp(-c w)."""

    sharpness: float = parameter(1.0, above=0, doc="c, inverse weight at 1/e of the plasticity")

    gate_text: ClassVar[str] = weight_gates.ExponentialWeight.gate_text


@plasticity_rule
class RandomGate(BoundedLeaky):
    """Control: a gate that is open at random, for a share of all presentations or events."""

    share: float = parameter(0.5, at_least=0, at_most=1, doc="probability that the gate is open")

    gate_text: ClassVar[str] = "gate = int(rand() < share)"


# --------------------------------------------------------------------------- of rate rules


def _curvature(rule: gates.CurvatureGate) -> Rule:
    return BoundedCurvatureGate(
        **rates(rule.learning_rate),
        protection_time=rule.protection_time,
        trace_decay=rule.trace_decay,
        residual_plasticity=min(1.0, RESIDUAL_RATIO * rule.residual_plasticity),
    )


def _smooth(rule: Any, form: type[BoundedSmoothCurvatureGate]) -> Rule:
    return form(
        **rates(rule.learning_rate),
        protection_time=rule.protection_time,
        trace_decay=rule.trace_decay,
        steepness=rule.steepness,
    )


def _weight(form: type[BoundedLeaky], *names: str) -> Callable[[Any], Rule]:
    """Carry over the constants of a gate on the weight, whose range is nearly the same."""
    return lambda rule: form(
        **rates(rule.learning_rate), **{name: getattr(rule, name) for name in names}
    )


#: The forms of rate rules, by exact type.
FORMS: dict[type[Rule], Callable[[Any], Rule]] = {
    covariance.Leaky: lambda rule: BoundedLeaky(**rates(rule.learning_rate)),
    covariance.SpikeGatedLeaky: lambda rule: BoundedLeaky(**rates(rule.learning_rate)),
    covariance.HardBounds: lambda rule: BoundedAdditive.from_bound(
        rule.bound, coding_level=rule.coding_level
    ),
    gates.CurvatureGate: _curvature,
    gates.CurvatureThreshold: _curvature,
    gates.SmoothCurvatureGate: lambda rule: _smooth(rule, BoundedSmoothCurvatureGate),
    # The bounded trace saturates, which is what refreshing does.
    gates.RefreshedCurvatureGate: lambda rule: _smooth(rule, BoundedSmoothCurvatureGate),
    gates.DepressionGate: lambda rule: _smooth(rule, BoundedDepressionGate),
    weight_gates.WeightThreshold: _weight(
        BoundedWeightThreshold, "weight_threshold", "residual_plasticity"
    ),
    weight_gates.BayesianWeight: _weight(BoundedBayesianWeight, "weight_scale"),
    weight_gates.ExponentialWeight: _weight(BoundedExponentialWeight, "sharpness"),
    Shuffled: lambda rule: Shuffled(rule=spiking_form(rule.rule), seed=rule.seed),
    Ungated: lambda rule: Ungated(rule=spiking_form(rule.rule)),
}


def spiking_form(rule: Rule) -> Rule:
    """Return the form of a rule that spikes drive: itself, if its weights stay in [0, 1].

    Raises
    ------
    TypeError
        If it is no rule.
    ParameterError
        If it has no such form.
    """
    kind = type(checked_rule(rule))
    if kind in FORMS:
        return FORMS[kind](rule)
    if not rule.local:
        raise ParameterError(
            f"rule: got {kind.__name__}; it has no form for spikes: it needs the whole network"
        )
    from spikeconsol.testing import weights_stay_in_unit_interval

    if not weights_stay_in_unit_interval(rule):
        raise ParameterError(
            f"rule: got {kind.__name__}; it has no form for spikes: its weights leave [0, 1]"
        )
    return rule
