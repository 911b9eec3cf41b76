r"""Synapses with few states and many: how the forgetting of bounded synapses has been slowed down.

Bounded synapses that learn fast forget fast (Amit and Fusi 1994); answers are more levels of
strength (`Multistate`), states that are ever harder to leave (`Cascade`), stages that copy one
another (`SerialTransfer`) and variables coupled like a chain of beakers (`BennaFusi`). Depression
at a mismatch is rarer than potentiation at a coincidence by rho = f / (2 (1 - f)), which balances
the two in a sparse code, times a ratio r.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.covariance import CovarianceRule
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["AmitFusi", "BennaFusi", "Cascade", "Multistate", "SerialTransfer"]

#: What happens at a presentation: at most one of the two, by chance.
EVENTS = (
    "up = int(rand() < potentiation*A)\ndown = (1 - up)*int(rand() < potentiation*depression*M)\n"
)


@dataclass(frozen=True)
class Stochastic(Rule):
    """Coincidences potentiate and mismatches depress, by chance."""

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")
    potentiation: float = parameter(
        1.0, above=0, at_most=1, doc="q, probability of potentiation at A = 1"
    )
    depression_ratio: float = parameter(
        2.0, at_least=0, doc="r, depression relative to potentiation, on average"
    )

    @property
    def depression(self) -> float:
        """Probability of depression at M = 1, as a share of q: r f / (2 (1 - f))."""
        f = self.coding_level
        return self.depression_ratio * f / (2 * (1 - f))

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return super().parameters_in_text | {"depression": self.depression}


@plasticity_rule
class AmitFusi(Stochastic):
    """Binary synapses with stochastic transitions.

    References
    ----------
    D. Amit, S. Fusi, Neural Computation 6, 957 (1994).
    """

    change_text: ClassVar[str] = EVENTS + "w += up*(1 - w) - down*w"


@plasticity_rule
class Multistate(Stochastic):
    """Synapses of n equidistant strengths from 0 to 1, with hard bounds.

    References
    ----------
    S. Fusi, L. F. Abbott, Nature Neuroscience 10, 485 (2007).
    """

    strengths: int = parameter(3, at_least=2, doc="n, number of strengths")

    change_text: ClassVar[str] = EVENTS + (
        "one_step = 1/(strengths - 1)\nw += up*clip(1 - w, 0, one_step) - down*clip(w, 0, one_step)"
    )


@plasticity_rule
class Cascade(Stochastic):
    """Binary synapses that are the harder to change, the more often they were confirmed.

    A synapse at depth i of n switches its strength with probability x^i, to the top of the other
    strength, and goes one deeper with x^(i+1) / (1 - x) when its strength is confirmed; at the
    last depth it switches with x^(n-1) / (1 - x), which keeps all depths equally filled.

    References
    ----------
    S. Fusi, P. J. Drew, L. F. Abbott, Neuron 45, 599 (2005).
    """

    depths: int = parameter(4, at_least=1, doc="n, number of states of each strength")
    ratio: float = parameter(0.5, above=0, at_most=0.5, doc="x, ratio of successive probabilities")

    model: ClassVar[str] = "w : 1\nstate_depth : 1"
    change_text: ClassVar[str] = EVENTS + (
        "bottom = int(state_depth > depths - 1.5)\n"
        "switching = ratio**state_depth*(1 + bottom*int(depths > 1.5)*ratio/(1 - ratio))\n"
        "deeper = ratio**(state_depth + 1)/(1 - ratio)*(1 - bottom)\n"
        "chance = rand()\n"
        "switched = (up*(1 - w) + down*w)*int(chance < switching)\n"
        "sunk = (up*w + down*(1 - w))*int(chance < deeper)\n"
        "w += switched*(1 - 2*w)\n"
        "state_depth = (state_depth + sunk)*(1 - switched)"
    )


@plasticity_rule
class SerialTransfer(Stochastic):
    """Binary synapses in a row of stages; each stage copies the one before, ever more rarely.

    Patterns reach the first stage only. Stage k + 1 copies stage k with probability
    `transfer` ratio^(k-1), at presentations in which one of its cells is active. The weight is
    the mean over stages.

    References
    ----------
    A. Roxin, S. Fusi, PLoS Computational Biology 9, e1003146 (2013).
    """

    transfer: float = parameter(
        0.2, at_least=0, at_most=1, doc="probability that the second stage copies the first"
    )
    ratio: float = parameter(0.5, above=0, at_most=1, doc="ratio of successive probabilities")

    # "second" alone would be the unit of time.
    model: ClassVar[str] = "w : 1\nfirst : 1\nsecond_stage : 1\nthird : 1"
    change_text: ClassVar[str] = EVENTS + (
        "event = int(A + M > 0)\n"
        "third += event*int(rand() < transfer*ratio)*(second_stage - third)\n"
        "second_stage += event*int(rand() < transfer)*(first - second_stage)\n"
        "first += up*(1 - first) - down*first\n"
        "w += event*((first + second_stage + third)/3 - w)"
    )


@plasticity_rule
class BennaFusi(Rule):
    r"""A chain of variables of growing size, coupled like beakers by ever thinner tubes.

    With :math:`C_k = b^{k-1}` and :math:`g_k = \alpha b^{-(k-1)}`, the first variable being the
    weight and driven by the covariance target,

    .. math:: C_k \Delta u_k = g_{k-1} (u_{k-1} - u_k) - g_k (u_k - u_{k+1}), \quad u_{m+1} = 0.

    References
    ----------
    M. K. Benna, S. Fusi, Nature Neuroscience 19, 1697 (2016).
    """

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")
    variables: int = parameter(8, at_least=2, at_most=20, doc="m, variables of a synapse")
    base: float = parameter(3.0, above=1, doc="b, ratio of successive sizes")
    flow: float = parameter(0.003, above=0, at_most=0.5, doc="alpha, flow to the second variable")

    @property
    def _names(self) -> list[str]:
        return ["w", *(f"u{k}" for k in range(2, self.variables + 1))]

    @property
    def model(self) -> str:  # type: ignore[override]
        return "\n".join(f"{name} : 1" for name in self._names)

    @property
    def change_text(self) -> str:  # type: ignore[override]
        names = [*self._names, "0"]
        flows = [
            f"flow{k} = flow/base**{k - 1}*({here} - {there})"
            for k, (here, there) in enumerate(pairwise(names), 1)
        ]
        beakers = [
            f"{name} += (flow{k - 1} - flow{k})/base**{k - 1}"
            for k, name in enumerate(self._names[1:], 2)
        ]
        return "\n".join([CovarianceRule.target_text, *flows, "w += target - flow1", *beakers])
