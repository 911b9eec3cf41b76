"""Other forms of protection by curvature: damping, precision, springs, and a proxy."""

from __future__ import annotations

from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.covariance import Leaky
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.consolidation.rules.weight_gates import Gated
from spikeconsol.parameters import parameter

__all__ = ["CovarianceProxy", "CurvatureDamping", "ElasticConsolidation", "Precision"]


@plasticity_rule
class CurvatureDamping(Gated):
    """Plasticity damped in proportion to curvature: g = 1 / (1 + lambda F / f^2)."""

    trace_rate: float = parameter(0.02, above=0, at_most=1, doc="a, trace update per presentation")
    damping: float = parameter(30.0, at_least=0, doc="lambda, strength of the damping")

    model: ClassVar[str] = "w : 1\ntrace : 1"
    gate_text: ClassVar[str] = "gate = 1/(1 + damping*trace*(1 - trace)/coding_level**2)"
    remember_text: ClassVar[str] = "trace += trace_rate*(A - trace)"


@plasticity_rule
class Precision(Leaky):
    r"""Gaussian posterior of every synapse: a precision that grows with each presentation.

    :math:`\Lambda \leftarrow \gamma \Lambda + 1`, dw = (t - w) / Lambda. Without discount the
    weight is the running mean of its targets, which is batch covariance learning.
    """

    discount: float = parameter(
        1.0, above=0, at_most=1, doc="gamma, share of the precision kept per presentation"
    )

    model: ClassVar[str] = "w : 1\nprecision : 1"
    gate_text: ClassVar[str] = "precision = discount*precision + 1"
    change_text: ClassVar[str] = Leaky.target_text + "\nw += (target - w)/precision"

    step, rest, gate = Rule.step, Rule.rest, Rule.gate  # type: ignore[assignment]  # from the text


@plasticity_rule
class ElasticConsolidation(Leaky):
    r"""Elastic weight consolidation, kept local: a spring to the weight before the presentation.

    Each of `substeps` steps minimises the quadratic penalty implicitly,
    :math:`w \leftarrow (w + \eta (t - w) + \eta \lambda F w^*) / (1 + \eta \lambda F)`, with
    :math:`F \leftarrow \gamma F + A` accumulated afterwards.

    References
    ----------
    J. Kirkpatrick et al., PNAS 114, 3521 (2017).
    """

    penalty: float = parameter(30.0, at_least=0, doc="lambda, stiffness of the spring")
    discount: float = parameter(
        1.0, above=0, at_most=1, doc="gamma, share of the stiffness kept per presentation"
    )
    substeps: int = parameter(3, at_least=1, doc="steps per presentation")

    model: ClassVar[str] = "w : 1\nstiffness : 1"
    gate_text: ClassVar[str] = "anchor = w\nspring = learning_rate*penalty*stiffness"
    remember_text: ClassVar[str] = "stiffness = discount*stiffness + A"

    step, rest, gate = Rule.step, Rule.rest, Rule.gate  # type: ignore[assignment]  # from the text

    @property
    def before(self) -> str:
        step = "w = (w + learning_rate*(target - w) + spring*anchor)/(1 + spring)\n"
        return f"{self.gate_text}\n{self.target_text}\n{step * self.substeps}".strip()


@plasticity_rule
class CovarianceProxy(Leaky):
    r"""Curvature guessed from weight and rates instead of a coincidence trace.

    If the weight were the covariance, :math:`p_{ij} = w_{ij} + f (r_i + r_j) - f^2`; the trace
    follows r_i + r_j, and F = p (1 - p) closes the gate above a threshold.
    """

    curvature_threshold: float = parameter(0.09, above=0, doc="F_c, curvature closing the gate")
    trace_rate: float = parameter(0.02, above=0, at_most=1, doc="a, trace update per presentation")

    model: ClassVar[str] = "w : 1\ntrace : 1"
    gate_text: ClassVar[str] = (
        "proxy = w + coding_level*trace - coding_level**2\n"
        "gate = 1.0*int(proxy*(1 - proxy) < curvature_threshold)"
    )
    remember_text: ClassVar[str] = "trace += trace_rate*(2*A + M - trace)"

    step, rest, gate = Rule.step, Rule.rest, Rule.gate  # type: ignore[assignment]  # from the text
