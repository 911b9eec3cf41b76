"""Controls: gates that protect the wrong synapses, or none in particular."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules import text as language
from spikeconsol.consolidation.rules.base import Rule, State
from spikeconsol.consolidation.rules.constants import residual_parameter
from spikeconsol.consolidation.rules.covariance import Leaky
from spikeconsol.consolidation.rules.definition import plasticity_rule
from spikeconsol.consolidation.rules.gates import CurvatureGate, SmoothCurvatureGate
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["RateProduct", "Shuffled", "Ungated"]


class _Changed(Rule):
    """Base of the controls that are another rule with one thing changed."""

    rule: Rule

    @property
    def model(self) -> str:  # type: ignore[override]
        return self.rule.model

    @property
    def coding_level(self) -> float:
        """Coding level of the rule."""
        return self.rule.coding_level  # type: ignore[attr-defined]

    @property
    def parameters_in_text(self) -> dict[str, float]:
        return self.rule.parameters_in_text

    @property
    def after(self) -> str:
        return self.rule.after

    def _require(self, fits: bool, allowed: str) -> None:
        if not fits:
            raise ParameterError(f"rule: got {type(self.rule).__name__}; allowed: {allowed}")


@plasticity_rule
class Shuffled(_Changed):
    """Control: the same rule, gated by the trace of another, fixed, randomly chosen pair.

    One permutation of the unit labels gives every synapse its partner, so that the gates have
    exactly the statistics of the true ones but protect the wrong synapses. In its text the trace
    that the gate reads is ``trace_elsewhere``.
    """

    rule: Rule = parameter(CurvatureGate(), doc="rule whose gate is shuffled")
    seed: int = parameter(0, at_least=0, doc="seed of the permutation")

    told: ClassVar[tuple[str, ...]] = ("trace_elsewhere",)

    def __post_init__(self) -> None:
        super().__post_init__()
        fits = "trace" in self.rule.traces and not isinstance(self.rule, type(self))
        self._require(fits, "a rule with a trace")

    @property
    def elementwise(self) -> bool:
        return False

    def permutation(self, n: int) -> NDArray[np.intp]:
        """Fixed permutation of the labels of `n` units."""
        return np.random.default_rng([self.seed, n]).permutation(n)

    def state(self, shape: Sequence[int]) -> State:
        return self.rule.state(shape)

    def step(self, state: State, A: NDArray, M: NDArray, **seen: Any) -> None:
        own = {name: array.copy() for name, array in state.items() if name != "w"}
        trace = state["trace"]
        order = self.permutation(trace.shape[-1])
        elsewhere = state | {"trace": trace[..., order[:, None], order]}
        self.rule.step(own | {"w": state["w"].copy()}, A, M, **seen)  # for what it remembers
        self.rule.step(elsewhere, A, M, **seen)  # w is shared; the shuffled trace is dropped
        for name, array in own.items():
            state[name][...] = array

    @property
    def before(self) -> str:
        gate = re.sub(r"\btrace\b", "trace_elsewhere", self.rule.gate_text)
        return f"{gate}\n{self.rule.change_text}"


@plasticity_rule
class Ungated(_Changed):
    """Control: the same rule with its gate always open."""

    rule: Rule = parameter(SmoothCurvatureGate(), doc="rule whose gate is held open")

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require("gate" in language.names(self.rule.before)[1], "a rule with a gate")

    @property
    def before(self) -> str:
        gate = self.rule.gate_text
        return self.rule.before.replace(gate.strip(), f"{gate.strip()}\ngate = 1.0", 1)


@plasticity_rule
class RateProduct(Leaky):
    """Control: a hard gate on the product of the two units' rates, blind to coincidences."""

    trace_rate: float = parameter(0.03, above=0, at_most=1, doc="a, trace update per presentation")
    curvature_threshold: float = parameter(0.0025, above=0, doc="F_c, curvature closing the gate")
    residual_plasticity: float = residual_parameter(0.06)

    cell_model: ClassVar[str] = "rate : 1"
    cell_text: ClassVar[str] = "rate += trace_rate*(S - rate)"
    gate_text: ClassVar[str] = (
        "product = rate_i*rate_j\n"
        "gate = residual_plasticity"
        " + (1 - residual_plasticity)*int(product*(1 - product) < curvature_threshold)"
    )
    change_text: ClassVar[str] = "gate *= int(A + M > 0)\n" + Leaky.change_text

    step, rest, gate = Rule.step, Rule.rest, Rule.gate  # type: ignore[assignment]  # from the text
