r"""Local rules that store one pattern per presentation, each seen once.

A rule sees of one presentation, at the synapse between units i and j, two numbers in [0, 1]: the
coincidence A (both were active) and the mismatch M (exactly one was). For binary activity s,

    A = s_i s_j,    M = s_i + s_j - 2 s_i s_j.

It changes the weight w and, where it has one, the coincidence trace. Every rule is told twice: as
NumPy (`Rule.step`) and as the Brian2 statements of the same formula (`Rule.statements`).

The order inside a presentation matters: (i) the gate is read from the trace *before* this
presentation, (ii) the weight changes, (iii) the trace is updated. A trace updated first would let
a synapse block its own learning.

The covariance target is t = (s_i - f)(s_j - f) = f^2 + (1 - 2f) A - f M, and the curvature of the
energy landscape along w is F = p (1 - p) with p the trace of A (Fisher information of a pair).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "Covariance",
    "CurvatureGate",
    "HardBounds",
    "Leaky",
    "Rule",
    "Shuffled",
    "SmoothCurvatureGate",
    "SpikeGatedLeaky",
    "registry",
]

State = dict[str, NDArray[np.floating]]


def raise_to(exponent: float, base: NDArray) -> None:
    """Raise to a power in place; by squaring, which is quicker, where it is 2, 4, 8 ..."""
    doublings = math.log2(exponent)
    if not doublings.is_integer():
        base **= exponent
    else:
        for _ in range(int(doublings)):
            base *= base


#: Every rule by its class name; a class joins by being defined.
registry: dict[str, type[Rule]] = {}


@dataclass(frozen=True)
class Rule(Parameters):
    """A local rule; subclasses define `change` and, where they gate, `gate` and `remember`."""

    #: Synaptic variables besides the weight.
    traces: ClassVar[tuple[str, ...]] = ()
    #: Whether a synapse sees nothing but its own variables, A and M.
    elementwise: ClassVar[bool] = True
    gate_text: ClassVar[str] = ""
    change_text: ClassVar[str] = ""
    remember_text: ClassVar[str] = ""

    def __init_subclass__(cls, **options: bool) -> None:
        super().__init_subclass__()
        if options.get("register", True):
            registry[cls.__name__] = cls

    def state(self, shape: Sequence[int]) -> State:
        """Return the synaptic variables of an empty memory, all of the given shape."""
        return {name: np.zeros(shape) for name in ("w", *self.traces)}

    def step(self, state: State, A: NDArray, M: NDArray, ceiling: NDArray | float = 1.0) -> None:
        """Apply one presentation, in place.

        Parameters
        ----------
        state : dict of ndarray, shape (..., N, N)
            Weights ``"w"`` and traces, as made by `state`.
        A, M : ndarray of float, broadcastable to (..., N, N)
            Coincidence and mismatch of each pair, in [0, 1].
        ceiling : float or ndarray of float, optional
            Largest weight that potentiation reaches; rules with signed weights have none.
        """
        gate = self.gate(state)
        self.change(state["w"], gate, A, M)
        self.remember(state, A)

    def rest(self, state: State) -> None:
        """Apply a presentation, in place, to synapses whose units are both silent."""
        self.step(state, np.zeros(()), np.zeros(()))

    def gate(self, state: State) -> NDArray | float:
        """Plasticity of each synapse, from its trace before the presentation."""
        return 1.0

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        """Change the weights, in place."""
        raise NotImplementedError

    def remember(self, state: State, A: NDArray) -> None:
        """Update the traces, in place, after the weights."""

    @property
    def constants(self) -> dict[str, float]:
        """Values of the names in `statements`."""
        return {name: value for name, value in self.flat().items() if isinstance(value, float)}

    @property
    def statements(self) -> str:
        """Brian2 statements of one presentation, over ``w``, the traces, ``A`` and ``M``.

        A rule whose gate reads another synapse's trace finds it in ``trace_elsewhere``.
        """
        parts = (self.gate_text, self.change_text, self.remember_text)
        return "\n".join(part for part in parts if part)

    def bounded(self) -> Rule:
        """Return the non-negative form of this rule that spikes drive.

        Raises
        ------
        ParameterError
            If the rule has no such form.
        """
        raise ParameterError(f"rule: got {type(self).__name__}; it has no form for spikes")


@dataclass(frozen=True)
class CovarianceRule(Rule, register=False):
    """Base of the rate rules, which move towards the covariance target t of coding level f."""

    coding_level: float = parameter(0.05, above=0, below=1, doc="fraction f of active units")

    target_text: ClassVar[str] = (
        "target = coding_level**2 + (1 - 2*coding_level)*A - coding_level*M"
    )

    def target(self, A: NDArray, M: NDArray) -> NDArray:
        """Covariance target t = (s_i - f)(s_j - f), from coincidence and mismatch."""
        f = self.coding_level
        return f**2 + (1 - 2 * f) * A - f * M


@dataclass(frozen=True)
class Covariance(CovarianceRule):
    """Additive covariance rule, w += t: equal to learning all patterns at once."""

    change_text: ClassVar[str] = CovarianceRule.target_text + "\nw += target"

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        w += self.target(A, M)


@dataclass(frozen=True)
class Leaky(CovarianceRule):
    """Leaky covariance rule, w += eta (t - w): the baseline that forgets."""

    learning_rate: float = parameter(0.3, above=0, at_most=1, doc="eta, change per presentation")

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\nw += learning_rate*gate*(target - w)"
    )
    gate_text: ClassVar[str] = "gate = 1.0"

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        step = self.target(A, M) - w
        if isinstance(gate, float):
            step *= self.learning_rate * gate
        else:  # not with a product of the two, an array more, for which the cache has no room
            step *= gate
            step *= self.learning_rate
        w += step

    def bounded(self) -> Rule:
        from spikeconsol.consolidation import bounded

        return bounded.BoundedLeaky(**bounded.rates(self.learning_rate))


@dataclass(frozen=True)
class SpikeGatedLeaky(Leaky):
    """Leaky rule at synapses with an active side only: no spikes, no change."""

    gate_text: ClassVar[str] = "gate = int(A + M > 0)"

    def step(self, state: State, A: NDArray, M: NDArray, ceiling: NDArray | float = 1.0) -> None:
        self.change(state["w"], self.gate(state) * (A + M > 0), A, M)
        self.remember(state, A)

    def rest(self, state: State) -> None:
        self.remember(state, np.zeros(()))


class CoincidenceTrace:
    """The trace p of coincidences that a curvature gate reads: p += a (A - p), F = p (1 - p)."""

    protection_time: float
    trace_decay: float

    traces: ClassVar[tuple[str, ...]] = ("trace",)
    remember_text: ClassVar[str] = "trace += trace_rate*(A - trace)"

    @property
    def trace_rate(self) -> float:
        """Trace update per presentation, a."""
        return self.trace_decay / self.protection_time

    @property
    def curvature_threshold(self) -> float:
        """Curvature F_c above which the gate closes."""
        raise NotImplementedError

    @property
    def constants(self) -> dict[str, float]:
        return super().constants | {  # type: ignore[misc]
            "trace_rate": self.trace_rate,
            "curvature_threshold": self.curvature_threshold,
        }

    def remember(self, state: State, A: NDArray) -> None:
        state["trace"] *= 1 - self.trace_rate
        if A.any():
            state["trace"] += self.trace_rate * A


@dataclass(frozen=True)
class CurvatureGate(CoincidenceTrace, SpikeGatedLeaky):
    r"""Consolidate a synapse while the curvature of its energy landscape is high.

    dw = eta [s_i + s_j > 0] (eps + (1 - eps) [F < F_c]) (t - w). The trace of coincidences jumps by
    a at a coincidence and decays as exp(-a n) over the next n patterns, so that the gate reopens
    after the protection time T if F_c = q (1 - q), q = a exp(-a T).

    `CurvatureGate.for_capacity` sets all constants from the number of patterns to hold.
    """

    protection_time: float = parameter(
        127.0, above=0, doc="T, patterns for which a potentiated synapse is protected"
    )
    trace_decay: float = parameter(
        3.81, above=0, doc="a T, decay of the trace over the protection time in e-folds"
    )
    residual_plasticity: float = parameter(
        0.06, at_least=0, at_most=1, doc="eps, plasticity that a protected synapse keeps"
    )

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

    def bounded(self) -> Rule:
        from spikeconsol.consolidation import bounded

        return bounded.BoundedCurvatureGate(
            **bounded.rates(self.learning_rate),
            protection_time=self.protection_time,
            trace_decay=self.trace_decay,
            residual_plasticity=min(1.0, bounded.RESIDUAL_RATIO * self.residual_plasticity),
        )


@dataclass(frozen=True)
class SmoothCurvatureGate(CoincidenceTrace, Leaky):
    """Smooth curvature gate, dw = eta (t - w) / (1 + (F / F_c)^h); no spike gate, no residual."""

    learning_rate: float = parameter(0.1, above=0, at_most=1, doc="eta, change per presentation")
    protection_time: float = parameter(
        121.0, above=0, doc="T, patterns for which a potentiated synapse is protected"
    )
    trace_decay: float = parameter(
        2.42, above=0, doc="a T, decay of the trace over the protection time in e-folds"
    )
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

    def bounded(self) -> Rule:
        from spikeconsol.consolidation import bounded

        return bounded.BoundedSmoothCurvatureGate(
            **bounded.rates(self.learning_rate),
            protection_time=self.protection_time,
            trace_decay=self.trace_decay,
            steepness=self.steepness,
        )


@dataclass(frozen=True)
class HardBounds(CovarianceRule):
    """Additive covariance rule with hard bounds: forgets without any trace (Parisi 1986)."""

    bound: float = parameter(0.55, above=0, doc="largest absolute weight, in units of t")

    change_text: ClassVar[str] = (
        CovarianceRule.target_text + "\nw = clip(w + target, -bound, bound)"
    )

    def change(self, w: NDArray, gate: NDArray | float, A: NDArray, M: NDArray) -> None:
        w += self.target(A, M)
        np.clip(w, -self.bound, self.bound, out=w)

    def bounded(self) -> Rule:
        from spikeconsol.consolidation import bounded

        return bounded.BoundedAdditive.from_bound(self.bound, coding_level=self.coding_level)


@dataclass(frozen=True)
class Shuffled(Rule):
    """Control: the same rule, gated by the trace of another, fixed, randomly chosen pair.

    One permutation of the unit labels gives every synapse its partner, so that the gates have
    exactly the statistics of the true ones but protect the wrong synapses.
    """

    rule: Rule = parameter(CurvatureGate(), doc="rule whose gate is shuffled")
    seed: int = parameter(0, at_least=0, doc="seed of the permutation")

    elementwise: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.rule.traces or isinstance(self.rule, Shuffled):
            raise ParameterError(
                f"rule: got {type(self.rule).__name__}; allowed: a rule with a trace"
            )

    @property
    def traces(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.rule.traces

    @property
    def coding_level(self) -> float:
        """Coding level of the shuffled rule."""
        return self.rule.coding_level  # type: ignore[attr-defined]

    def permutation(self, n: int) -> NDArray[np.intp]:
        """Fixed permutation of the labels of `n` units."""
        return np.random.default_rng([self.seed, n]).permutation(n)

    def step(self, state: State, A: NDArray, M: NDArray, ceiling: NDArray | float = 1.0) -> None:
        trace = state["trace"]
        order = self.permutation(trace.shape[-1])
        elsewhere = state | {"trace": trace[..., order[:, None], order]}
        self.rule.step(
            elsewhere, A, M, ceiling
        )  # w is shared; the shuffled copy of the trace is dropped
        self.rule.remember(state, A)

    @property
    def constants(self) -> dict[str, float]:
        return self.rule.constants

    @property
    def statements(self) -> str:
        rule = self.rule
        gate = re.sub(r"\btrace\b", "trace_elsewhere", rule.gate_text)
        return "\n".join((gate, rule.change_text, rule.remember_text))

    def bounded(self) -> Rule:
        return Shuffled(rule=self.rule.bounded(), seed=self.seed)
