r"""Weights as what a synapse believes: log-odds that two units belong together.

`BCPNN` estimates probabilities of activity by running averages and makes their log-ratio the
weight; `MESU` keeps a Gaussian belief about a log-odds, whose variance is the plasticity.
"""

from __future__ import annotations

import math
from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.bounded import FORMS
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["BCPNN", "MESU", "BoundedBCPNN"]

#: Running average of coincidences.
JOINT = "joint += averaging_rate*((1 - chance**2)*A + chance**2 - joint)\n"


@plasticity_rule
class BCPNN(Rule):
    r"""Bayesian confidence propagation with running averages: a palimpsest.

    .. math:: w = \ln \frac{p_{ij}}{p_i p_j}

    with p_i, p_j and p_ij of activity and coincidence, which a share `chance` of firing keeps
    from zero.

    References
    ----------
    A. Sandberg, A. Lansner, K. M. Petersson, O. Ekeberg, Network 13, 179 (2002).
    """

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")
    averaging_rate: float = parameter(
        0.005, above=0, at_most=1, doc="alpha, update of the averages per presentation"
    )
    chance: float = parameter(0.01, above=0, below=1, doc="lambda_0, share of chance firing")

    model: ClassVar[str] = "w : 1\njoint : 1"
    cell_model: ClassVar[str] = "usage : 1"
    initial: ClassVar[dict[str, float | str]] = {"usage": "coding_level", "joint": "independent"}
    cell_text: ClassVar[str] = "usage += averaging_rate*((1 - chance)*S + chance - usage)"
    remember_text: ClassVar[str] = JOINT + "w = log((joint + 1e-12)/(usage_i*usage_j + 1e-12))"

    @property
    def parameters_in_text(self) -> dict[str, float]:
        # Coincidences of units that are active independently of each other.
        return super().parameters_in_text | {"independent": self.coding_level**2}


@plasticity_rule
class BoundedBCPNN(BCPNN):
    """BCPNN with weights in [0, 1] that knows its own synapse only, as spikes drive it.

    The geometric mean of p_i and p_j is replaced by the arithmetic one, a trace of 2 A + M, and
    log-ratios from 0 to `top` are the weights from 0 to 1. The spiking memory recalls next to
    nothing with it (docs/spiking_memory.md), as weights stay too small, and warns of it.
    """

    top: float = parameter(3.0, above=0, doc="log-ratio at which a weight is 1")

    model: ClassVar[str] = "w : 1\njoint : 1\nusage : 1"
    cell_model: ClassVar[str] = ""
    cell_text: ClassVar[str] = ""
    remember_text: ClassVar[str] = JOINT + (
        "usage += averaging_rate*((1 - chance)*(A + M/2) + chance - usage)\n"
        "w = clip(log((joint + 1e-12)/(usage**2 + 1e-12))/top, 0, 1)*clip(ceiling, 0, 1)"
    )


@plasticity_rule
class MESU(Rule):
    r"""Metaplasticity from synaptic uncertainty, for a Bernoulli likelihood.

    The mean of the belief is the weight, the log-odds of A against M where a side is active, and
    its variance v is the learning rate; both drift back to the prior in N presentations, so that
    old evidence is forgotten.

    References
    ----------
    D. Bonnet et al., Bayesian continual learning and forgetting in neural networks,
    Nature Communications (2025); the binary kind of metaplasticity: A. Laborieux, M. Ernoult,
    T. Hirtzlin, D. Querlioz, Nature Communications 12, 2549 (2021).
    """

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")
    prior_variance: float = parameter(3.0, above=0, doc="sigma^2, variance of the prior")
    forgetting: float = parameter(0.03, at_least=0, at_most=1, doc="1/N, inverse memory window")

    model: ClassVar[str] = "w : 1\nvariance : 1"
    initial: ClassVar[dict[str, float | str]] = {
        "w": "prior_mean",
        "variance": "prior_variance",
    }
    change_text: ClassVar[str] = (
        "event = int(A + M > 0)\n"
        "odds = 1/(1 + exp(-clip(w, -30, 30)))\n"
        "w += event*variance*(A*(1 - odds) - M*odds"
        " + forgetting/prior_variance*(prior_mean - w))\n"
        "certain = variance/(1 + event*variance*odds*(1 - odds))\n"
        "variance = certain"
        " + event*forgetting*clip(certain/prior_variance, 0, 1)*(prior_variance - certain)"
    )

    @property
    def prior_mean(self) -> float:
        """Log-odds of a coincidence against a mismatch by chance."""
        return math.log(self.coding_level / (2 * (1 - self.coding_level)))

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return super().parameters_in_text | {"prior_mean": self.prior_mean}


FORMS[BCPNN] = lambda rule: BoundedBCPNN(
    coding_level=rule.coding_level, averaging_rate=rule.averaging_rate, chance=rule.chance
)
