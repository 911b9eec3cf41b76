r"""Other ways to protect a synapse, and controls, each beside the rules of `rules`.

Three families, in the notation of `rules` (A coincidence, M mismatch, t covariance target):

* gates on the weight itself, which need no trace: `WeightThreshold`, `BayesianWeight`,
  `ExponentialWeight`;
* forms of curvature protection: `CurvatureThreshold`, `RefreshedCurvatureGate`, `DepressionGate`,
  `CurvatureDamping`, `Precision`, `ElasticConsolidation`, `HistoryMask`, `CovarianceProxy`, and
  the control `RateProduct`;
* error-driven learning of each pattern with damping: `StablePerceptron`, `ContrastiveDivergence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules import (
    CurvatureGate,
    Leaky,
    Rule,
    SmoothCurvatureGate,
    SpikeGatedLeaky,
    State,
)
from spikeconsol.parameters import parameter

__all__ = [
    "BayesianWeight",
    "ContrastiveDivergence",
    "CovarianceProxy",
    "CurvatureDamping",
    "CurvatureThreshold",
    "DepressionGate",
    "ElasticConsolidation",
    "ExponentialWeight",
    "HistoryMask",
    "Precision",
    "RateProduct",
    "RefreshedCurvatureGate",
    "StablePerceptron",
    "WeightThreshold",
]


@dataclass(frozen=True)
class Gated(Leaky, register=False):
    """Leaky rule behind a gate, which may also wait for a spike on either side."""

    spike_gated: bool = parameter(
        False, doc="whether synapses with two silent sides keep their weight"
    )

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        gate = self.gate(state)
        if self.spike_gated:
            gate = gate * (A + M > 0)
        self.change(state["w"], gate, A, M)
        self.remember(state, A)

    def rest(self, state: State) -> None:
        if self.spike_gated:
            self.remember(state, np.zeros(()))
        else:
            super().rest(state)

    @property
    def statements(self) -> str:
        spikes = "gate *= int(A + M > 0)" if self.spike_gated else ""
        parts = (self.gate_text, spikes, self.change_text, self.remember_text)
        return "\n".join(part for part in parts if part)

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class WeightThreshold(Gated):
    """Protect weights above a threshold: g = eps + (1 - eps) [w < c]."""

    weight_threshold: float = parameter(0.1, doc="c, weight from which a synapse is protected")
    residual_plasticity: float = parameter(
        0.0, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )

    gate_text: ClassVar[str] = (
        "gate = residual_plasticity + (1 - residual_plasticity)*int(w < weight_threshold)"
    )

    def gate(self, state: State) -> NDArray | float:
        eps = self.residual_plasticity
        return eps + (1 - eps) * (state["w"] < self.weight_threshold)


@dataclass(frozen=True)
class BayesianWeight(Gated):
    """Plasticity that falls off with the size of the weight: g = c / (c + |w|)."""

    weight_scale: float = parameter(0.05, above=0, doc="c, weight that halves the plasticity")

    gate_text: ClassVar[str] = "gate = weight_scale/(weight_scale + abs(w))"

    def gate(self, state: State) -> NDArray | float:
        return self.weight_scale / (self.weight_scale + np.abs(state["w"]))


@dataclass(frozen=True)
class ExponentialWeight(Gated):
    """Plasticity that falls off with the size of the weight: g = exp(-c |w|)."""

    sharpness: float = parameter(20.0, above=0, doc="c, inverse weight at 1/e of the plasticity")

    gate_text: ClassVar[str] = "gate = exp(-sharpness*abs(w))"

    def gate(self, state: State) -> NDArray | float:
        return np.exp(-self.sharpness * np.abs(state["w"]))


@dataclass(frozen=True)
class CurvatureThreshold(CurvatureGate):
    """Curvature gate that closes completely and does not wait for spikes."""

    protection_time: float = parameter(
        110.0, above=0, doc="T, patterns for which a potentiated synapse is protected"
    )
    trace_decay: float = parameter(
        2.2, above=0, doc="a T, decay of the trace over the protection time in e-folds"
    )
    residual_plasticity: float = parameter(
        0.0, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )

    gate_text: ClassVar[str] = CurvatureGate.gate_text.replace("int(A + M > 0)*", "")

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        Rule.step(self, state, A, M)

    def rest(self, state: State) -> None:
        Rule.rest(self, state)

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
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

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class DepressionGate(RefreshedCurvatureGate):
    r"""Refreshed curvature gate on depression alone: every coincidence potentiates.

    A pair that has coincided n times while protected has a weight in proportion to
    :math:`1 - (1 - \eta)^n`. Curvature keeps what has been learned and does not keep the synapse
    from learning more.
    """

    learning_rate: float = parameter(0.8, above=0, at_most=1, doc="eta, change per presentation")
    trace_decay: float = parameter(
        4.0, above=0, doc="a T, decay of the trace over the protection time in e-folds"
    )
    steepness: float = parameter(64.0, at_least=1, doc="h, exponent of the gate")

    gate_text: ClassVar[str] = RefreshedCurvatureGate.gate_text + "\ngate += A*(1 - gate)"

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        gate = self.gate(state)
        self.change(state["w"], gate + A * (1 - gate), A, M)
        self.remember(state, A)


@dataclass(frozen=True)
class Traced(Gated, register=False):
    """Base of the gates that read an exponential average p of coincidences."""

    trace_rate: float = parameter(0.02, above=0, at_most=1, doc="a, trace update per presentation")

    traces: ClassVar[tuple[str, ...]] = ("trace",)
    remember_text: ClassVar[str] = "trace += trace_rate*(A - trace)"

    def remember(self, state: State, A: NDArray) -> None:
        state["trace"] += self.trace_rate * (A - state["trace"])


@dataclass(frozen=True)
class CurvatureDamping(Traced):
    """Plasticity damped in proportion to curvature: g = 1 / (1 + lambda F / f^2)."""

    damping: float = parameter(30.0, at_least=0, doc="lambda, strength of the damping")

    gate_text: ClassVar[str] = "gate = 1/(1 + damping*trace*(1 - trace)/coding_level**2)"

    def gate(self, state: State) -> NDArray | float:
        fisher = state["trace"] * (1 - state["trace"])
        return 1 / (1 + self.damping * fisher / self.coding_level**2)


@dataclass(frozen=True)
class Precision(Leaky):
    r"""Gaussian posterior of every synapse: a precision that grows with each presentation.

    :math:`\Lambda \leftarrow \gamma \Lambda + 1`, dw = (t - w) / Lambda. Without discount the
    weight is the running mean of its targets, which is batch covariance learning.
    """

    discount: float = parameter(
        1.0, above=0, at_most=1, doc="gamma, share of the precision kept per presentation"
    )

    traces: ClassVar[tuple[str, ...]] = ("precision",)
    gate_text: ClassVar[str] = "precision = discount*precision + 1"
    change_text: ClassVar[str] = Leaky.target_text + "\nw += (target - w)/precision"

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        state["precision"] *= self.discount
        state["precision"] += 1
        state["w"] += (self.target(A, M) - state["w"]) / state["precision"]

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
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

    traces: ClassVar[tuple[str, ...]] = ("stiffness",)

    @property
    def statements(self) -> str:
        step = "w = (w + learning_rate*(target - w) + spring*anchor)/(1 + spring)\n" * self.substeps
        return (
            f"{self.target_text}\nanchor = w\nspring = learning_rate*penalty*stiffness\n"
            f"{step}stiffness = discount*stiffness + A"
        )

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        w, target = state["w"], self.target(A, M)
        anchor = w.copy()
        spring = self.learning_rate * self.penalty * state["stiffness"]
        for _ in range(self.substeps):
            w += self.learning_rate * (target - w) + spring * anchor
            w /= 1 + spring
        state["stiffness"] *= self.discount
        state["stiffness"] += A

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class HistoryMask(Leaky):
    """Freeze the synapses with the highest curvature over the whole history; not local.

    A synapse is frozen if its F = p (1 - p), with p averaged over all patterns so far, is above
    the quantile of all synapses that leaves `fraction` above it, and above zero.
    """

    fraction: float = parameter(
        0.05, above=0, at_most=1, doc="largest fraction of synapses that may be frozen"
    )

    elementwise: ClassVar[bool] = False
    traces: ClassVar[tuple[str, ...]] = ("trace", "seen")

    @property
    def statements(self) -> str:
        return ""  # the quantile is not local

    def gate(self, state: State) -> NDArray | float:
        fisher = state["trace"] * (1 - state["trace"])
        rank = round((1 - self.fraction) * (fisher.size - 1))
        cut = np.partition(fisher, rank, axis=None)[rank]
        return (fisher <= cut) | (fisher <= 0)

    def remember(self, state: State, A: NDArray) -> None:
        state["seen"] += 1
        state["trace"] += (A - state["trace"]) / state["seen"]

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class CovarianceProxy(Leaky):
    r"""Curvature guessed from weight and rates instead of a coincidence trace.

    If the weight were the covariance, :math:`p_{ij} = w_{ij} + f (r_i + r_j) - f^2`; the trace
    follows r_i + r_j, and F = p (1 - p) closes the gate above a threshold.
    """

    curvature_threshold: float = parameter(0.09, above=0, doc="F_c, curvature closing the gate")
    trace_rate: float = parameter(0.02, above=0, at_most=1, doc="a, trace update per presentation")

    traces: ClassVar[tuple[str, ...]] = ("trace",)
    gate_text: ClassVar[str] = (
        "proxy = w + coding_level*trace - coding_level**2\n"
        "gate = 1.0*int(proxy*(1 - proxy) < curvature_threshold)"
    )
    remember_text: ClassVar[str] = "trace += trace_rate*(2*A + M - trace)"

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        self.change(state["w"], self.gate(state), A, M)
        state["trace"] += self.trace_rate * (2 * A + M - state["trace"])

    def gate(self, state: State) -> NDArray | float:
        proxy = state["w"] + self.coding_level * state["trace"] - self.coding_level**2
        return proxy * (1 - proxy) < self.curvature_threshold

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class RateProduct(SpikeGatedLeaky):
    """Control: a hard gate on the product of the two units' rates, blind to coincidences."""

    trace_rate: float = parameter(0.03, above=0, at_most=1, doc="a, trace update per presentation")
    curvature_threshold: float = parameter(0.0025, above=0, doc="F_c, curvature closing the gate")
    residual_plasticity: float = parameter(
        0.06, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )

    elementwise: ClassVar[bool] = False
    traces: ClassVar[tuple[str, ...]] = ("trace",)

    @property
    def statements(self) -> str:
        return ""  # its trace belongs to units, not to synapses

    def gate(self, state: State) -> NDArray | float:
        rates = state["trace"]  # every row holds the rate of its unit
        product = rates * np.swapaxes(rates, -1, -2)
        eps = self.residual_plasticity
        return eps + (1 - eps) * (product * (1 - product) < self.curvature_threshold)

    def remember(self, state: State, A: NDArray) -> None:
        active = np.diagonal(A, axis1=-2, axis2=-1)[..., None]
        state["trace"] += self.trace_rate * (active - state["trace"])

    def bounded(self) -> Rule:
        return Rule.bounded(self)


@dataclass(frozen=True)
class Gradient(Traced, register=False):
    """Base of the error-driven rules, which learn each pattern in many damped steps."""

    learning_rate: float = parameter(0.02, above=0, doc="weight change per step")
    steps: int = parameter(60, at_least=1, doc="largest number of steps per pattern")
    damping: float = parameter(0.0, at_least=0, doc="lambda, strength of the damping")
    curvature_scale: float = parameter(0.0074, above=0, doc="F_0, curvature that counts as one")

    elementwise: ClassVar[bool] = False

    @property
    def statements(self) -> str:
        return ""  # the error needs the whole network

    def gate(self, state: State) -> NDArray | float:
        fisher = state["trace"] * (1 - state["trace"])
        return 1 / (1 + self.damping * fisher / self.curvature_scale)

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        """Direction of change for pattern s, shape (N,); none when it is learned."""
        raise NotImplementedError

    def step(self, state: State, A: NDArray, M: NDArray) -> None:
        s = np.diagonal(A)
        gate = self.learning_rate * self.gate(state)
        for _ in range(self.steps):
            direction = self.gradient(state["w"], s)
            if direction is None:
                break
            state["w"] += gate * direction
            np.fill_diagonal(state["w"], 0)
        self.remember(state, A)


@dataclass(frozen=True)
class StablePerceptron(Gradient):
    """Perceptron steps until the pattern is a fixed point with a margin, weights symmetric.

    Fields are h = W s - 1; a unit learns while its field is within `margin` of the wrong side.
    """

    margin: float = parameter(0.5, at_least=0, doc="field wanted on the right side")

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        wanted = 2 * s - 1
        error = wanted * (wanted * (w @ s - 1) < self.margin)
        if not error.any():
            return None
        change = np.outer(error, s)
        return change + change.T


@dataclass(frozen=True)
class ContrastiveDivergence(Gradient):
    """Coincidences of the pattern minus those of short Gibbs chains started in it.

    References
    ----------
    G. Hinton, Neural Computation 14, 1771 (2002).
    """

    steps: int = parameter(10, at_least=1, doc="gradient steps per pattern")
    temperature: float = parameter(0.15, above=0, doc="temperature of the chains")
    chains: int = parameter(20, at_least=1, doc="number of chains")
    sweeps: int = parameter(5, at_least=1, doc="sweeps before the chains are read")

    def gradient(self, w: NDArray, s: NDArray) -> NDArray | None:
        from spikeconsol.consolidation import curvature  # brings scipy, slow to import

        states = curvature.gibbs(
            w,
            thresholds=1.0,
            temperature=self.temperature,
            start=s[None],
            chains=self.chains,
            burn_in=self.sweeps - 1,
            sweeps=1,
            seed=int(np.flatnonzero(s) @ np.arange(1, s.sum() + 1)),
        )[0].astype(float)
        return np.outer(s, s) - states.T @ states / self.chains
