"""Importance weights of continual learning as local rules: plasticity falls with what counted.

Both add up an importance of every synapse and damp its later changes by it. Published for networks
trained on tasks by gradients; here a task is one pattern, seen once, and importance fades, without
which the memory would fill up and stop learning. MAS is a near twin of the curvature gate: what it
adds up for a Hebbian network is the coincidence of the two units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.bounded import FORMS, BoundedLeaky
from spikeconsol.consolidation.rules.covariance import CovarianceRule
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.parameters import parameter

__all__ = ["MAS", "BoundedMAS", "SynapticIntelligence"]


@dataclass(frozen=True)
class Importance(Rule):
    """A step towards the covariance target at pairs with an active side, damped by importance."""

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")
    learning_rate: float = parameter(0.1, above=0, at_most=1, doc="eta, change per presentation")
    strength: float = parameter(30.0, at_least=0, doc="lambda, damping by importance")
    memory_time: float = parameter(100.0, above=0, doc="decay of importance, in presentations")

    model: ClassVar[str] = "w : 1\ndimportance/dt = -importance/memory_time : 1"
    gate_text: ClassVar[str] = "gate = int(A + M > 0)/(1 + strength*importance)"


@plasticity_rule
class MAS(Importance):
    """Memory aware synapses, local: importance is a fading sum of coincidences.

    References
    ----------
    R. Aljundi, F. Babiloni, M. Elhoseiny, M. Rohrbach, T. Tuytelaars, ECCV (2018), section 4.3:
    for a layer of Hebbian units the importance of a weight is the mean product of their activity.
    """

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\nw += learning_rate*gate*(target - w)"
    )
    remember_text: ClassVar[str] = "importance += A"


@plasticity_rule
class SynapticIntelligence(Importance):
    """Synaptic intelligence, local: importance is the drop in error that a change brought.

    The error of a synapse is its distance from the target, so that a change dw brings
    dw (t - w), which is set against the change squared.

    References
    ----------
    F. Zenke, B. Poole, S. Ganguli, ICML (2017).
    """

    strength: float = parameter(10.0, at_least=0, doc="lambda, damping by importance")
    damping: float = parameter(0.03, above=0, doc="xi, keeps importance finite at small changes")

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\n"
        "change = learning_rate*gate*(target - w)\n"
        "importance += change*(target - w)/(change**2 + damping)\n"
        "w += change"
    )


@plasticity_rule
class BoundedMAS(BoundedLeaky):
    """Memory aware synapses with weights in [0, 1], as spikes drive them."""

    depression: float = parameter(0.13, at_least=0, at_most=1, doc="rate towards 0 at M = 1")
    strength: float = parameter(300.0, at_least=0, doc="lambda, damping by importance")
    memory_time: float = parameter(40.0, above=0, doc="decay of importance, in presentations")

    model: ClassVar[str] = Importance.model
    gate_text: ClassVar[str] = "gate = 1/(1 + strength*importance)"
    remember_text: ClassVar[str] = MAS.remember_text


#: In spikes MAS has constants of its own, tuned there.
FORMS[MAS] = lambda rule: BoundedMAS()
