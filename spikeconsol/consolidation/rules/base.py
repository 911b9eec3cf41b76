r"""What a rule is: a frozen class of constants with its formula written once, as text.

A rule sees of one presentation, at the synapse between cells i and j, two numbers in [0, 1]: the
coincidence A (both were active) and the mismatch M (exactly one was). For binary activity s,

    A = s_i s_j,    M = s_i + s_j - 2 s_i s_j.

It changes the weight w and, where it has them, its other variables. The order inside a presentation
matters: (i) the gate is read from the variables as they were *before* this presentation, (ii) the
weight changes, (iii) what decays decays, and the presentation is remembered. A trace updated first
would let a synapse block its own learning.

The same text runs in rates (`HopfieldNetwork`), in spikes with a pattern clock (`SpikingMemory`)
and, at every spike and without any clock, in anybody's Brian2 network (`Rule.synapses`)::

    @plasticity_rule
    class SoftBounds(Rule):
        \"\"\"Steps in proportion to the distance from the bounds 0 and 1.\"\"\"

        up: float = parameter(0.8, at_least=0, at_most=1, doc="potentiation at A = 1")
        down: float = parameter(0.05, at_least=0, at_most=1, doc="depression at M = 1")
        change_text = "w += up*A*(1 - w) - down*M*w"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.consolidation.rules import text as language
from spikeconsol.parameters import Parameters

__all__ = ["Rule", "State"]

State = dict[str, NDArray[np.floating]]


@dataclass(frozen=True)
class Rule(Parameters):
    """A local rule; a subclass says its formula in text and is made a rule by `plasticity_rule`.

    What the texts may read is listed in `spikeconsol.consolidation.rules.text`.

    Attributes
    ----------
    model : str
        Variables of a synapse, a line each: ``w : 1``, or ``dq/dt = -q/T : 1`` for one that decays
        with time, which is counted in presentations.
    cell_model, cell_text : str
        Variables of a cell, in the same form, and the statements of one presentation over them and
        the cell's activity ``S``. Synapses read them as ``name_i`` and ``name_j``.
    initial : mapping of str to float or str
        Values at the start, as numbers or names of constants; 0 where none is given.
    gate_text, change_text : str
        Statements over the variables as they were before the presentation.
    remember_text : str
        Statements after everything that decays has decayed and cells have been updated.
    local : bool
        False for a rule that needs the whole network; it has a `step` in NumPy and no text.
    """

    model: ClassVar[str] = "w : 1"
    cell_model: ClassVar[str] = ""
    initial: ClassVar[Mapping[str, float | str]] = {}
    gate_text: ClassVar[str] = ""
    change_text: ClassVar[str] = ""
    remember_text: ClassVar[str] = ""
    cell_text: ClassVar[str] = ""
    local: ClassVar[bool] = True
    #: What else a network must tell this rule, by names of its own.
    told: ClassVar[tuple[str, ...]] = ()

    # ------------------------------------------------------------------------------- texts

    @cached_property
    def traces(self) -> tuple[str, ...]:
        """Variables of a synapse besides the weight."""
        return tuple(name for name in language.variables(self.model) if name != "w")

    @cached_property
    def cell_traces(self) -> tuple[str, ...]:
        """Variables of a cell."""
        return tuple(language.variables(self.cell_model))

    @property
    def parameters_in_text(self) -> dict[str, float]:
        """Constants that the texts may read: every number among the fields."""
        return {
            name: float(value)
            for name, value in self.flat().items()
            if isinstance(value, int | float) and not isinstance(value, bool) and "." not in name
        }

    @cached_property
    def constants(self) -> dict[str, float]:
        """Values of the names in `statements`: the fields, factor and rest of what decays."""
        found = self.parameters_in_text
        decays = {}
        for model in (self.model, self.cell_model):
            for name, (factor, rest) in language.decays(model, found).items():
                decays[f"{name}_factor"] = factor
                if rest:
                    decays[f"{name}_rest"] = rest
        return found | decays

    @property
    def before(self) -> str:
        """Statements over the variables as they were before the presentation."""
        return _joined(self.gate_text, self.change_text)

    @cached_property
    def after(self) -> str:
        """Statements that let variables decay and remember the presentation."""
        return _joined(*self._decay(self.model), self.remember_text)

    @cached_property
    def statements(self) -> str:
        """Brian2 statements of one presentation at a synapse; names as in the module `text`."""
        return _joined(self.before, self.after)

    @cached_property
    def cell_statements(self) -> str:
        """Brian2 statements of one presentation at a cell, between `before` and `after`."""
        return _joined(*self._decay(self.cell_model), self.cell_text)

    @property
    def silence(self) -> tuple[str, str] | None:
        """What a presentation does to a synapse whose cells are silent, and whether it does it.

        A condition, and the statements of all that decays, both empty where nothing does; None for
        a rule that does more than that. In spikes, with weights in [0, 1] and, where no spikes tell
        the size of a pattern, a ceiling of 0.
        """
        weights, ceilings = (lambda rng: rng.uniform(0, 1, 2000)), np.arange(2000) % 2
        decays = self._decays_of_silent(weights, ceilings)
        if decays is None:
            return None
        constants = self.constants
        levels = {name: f"{name}_rest" for name in decays}
        changed = [f"{name} != {rest if rest in constants else 0}" for name, rest in levels.items()]
        return " or ".join(changed), _joined(*self._decay(self.model))

    def _decay(self, model: str) -> list[str]:
        # Not in place: on its numpy target Brian2 would change copies made before, too.
        constants = self.constants
        return [
            f"{name} = {name}_rest + ({name} - {name}_rest)*{name}_factor"
            if f"{name}_rest" in constants
            else f"{name} = {name}*{name}_factor"
            for name, equation in language.variables(model).items()
            if equation
        ]

    # ------------------------------------------------------------------------------- NumPy

    def state(self, shape: Sequence[int]) -> State:
        """Return the variables of an empty memory: of synapses (..., N, N), of cells (..., N)."""
        start = {
            name: self.parameters_in_text[value] if isinstance(value, str) else value
            for name, value in self.initial.items()
        }
        synapses = {
            name: np.full(tuple(shape), float(start.get(name, 0.0))) for name in ("w", *self.traces)
        }
        return synapses | {
            name: np.full(tuple(shape[:-1]), float(start.get(name, 0.0)))
            for name in self.cell_traces
        }

    def step(
        self,
        state: State,
        A: NDArray,
        M: NDArray,
        *,
        S: ArrayLike | None = None,
        ceiling: ArrayLike = 1.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Apply one presentation, in place.

        Parameters
        ----------
        state : dict of ndarray, shape (..., N, N)
            Weights ``"w"`` and further variables, as made by `state`.
        A, M : ndarray of float, broadcastable to (..., N, N)
            Coincidence and mismatch of each pair, in [0, 1].
        S : array_like of float, shape (..., N), optional
            Activity of each cell, for rules that read it.
        ceiling : array_like of float, broadcastable to (..., N, N), optional
            Largest weight that the network allows each pair.
        rng : numpy.random.Generator, optional
            Source of ``rand()``; pairs (i, j) and (j, i) draw the same number.
        """
        values: dict[str, Any] = {**self.constants, **state, "A": A, "M": M, "ceiling": ceiling}
        shape = state["w"].shape
        values["rand"] = lambda: _symmetric(_needed(rng, "rng", "draws").random(shape))
        self._tell_cells(values, state, S)
        values = language.compiled(self.before)(values)
        if self.cell_traces:
            own = {**self.constants, **{name: state[name] for name in self.cell_traces}}
            own = language.compiled(self.cell_statements)(own | {"S": _needed(S, "S", "reads")})
            for name in self.cell_traces:
                state[name][...] = own[name]
            self._tell_cells(values, state, S)
        values = language.compiled(self.after)(values)
        for name in ("w", *self.traces):
            state[name][...] = values[name]

    def _tell_cells(self, values: dict[str, Any], state: State, S: ArrayLike | None) -> None:
        cells = {name: state[name] for name in self.cell_traces}
        if S is not None:
            cells["S"] = np.asarray(S, float)
        for name, array in cells.items():
            values[f"{name}_i"], values[f"{name}_j"] = array[..., :, None], array[..., None, :]

    def rest(self, state: State) -> None:
        """Apply a presentation, in place, to synapses whose cells are both silent."""
        if self.fading is None:
            if self.flowing is None:
                self.step(state, np.zeros(()), np.zeros(()))
                return
            flow, inflow = self.flowing
            arrays = [state[name] for name in ("w", *self.traces)]
            values = flow @ np.stack(arrays).reshape(len(arrays), -1) + inflow
            for array, changed in zip(arrays, values, strict=True):
                array[...] = changed.reshape(array.shape)
            return
        for name, (factor, level) in self.fading.items():
            if level:
                state[name] -= level
            state[name] *= factor
            if level:
                state[name] += level

    @cached_property
    def fading(self) -> dict[str, tuple[float, float]] | None:
        """Factor and rest of what decays, if nothing else happens at a silent pair.

        None where something does. Found by trying the texts on random variables.
        """
        return self._decays_of_silent(lambda rng: rng.normal(0, 2, 2000), 1.0)

    def _decays_of_silent(
        self, weights: Callable[[np.random.Generator], NDArray], ceiling: ArrayLike
    ) -> dict[str, tuple[float, float]] | None:
        if not self.local or self.told or self.cell_traces or self.reads_cells:
            return None
        rng = np.random.default_rng(0)
        before: State = {"w": weights(rng)}
        for name in self.traces:
            before[name] = 10 ** rng.uniform(-6, 1, 2000)
        after: State = {name: array.copy() for name, array in before.items()}
        zero = np.zeros(())
        Rule.step(self, after, zero, zero, rng=rng, ceiling=ceiling)
        decays = language.decays(self.model, self.parameters_in_text)
        for name, array in before.items():
            factor, level = decays.get(name, (1.0, 0.0))
            if not np.allclose(after[name], level + (array - level) * factor, rtol=1e-12, atol=0):
                return None
        return decays

    @cached_property
    def flowing(self) -> tuple[NDArray, NDArray] | None:
        """Matrix and inflow, if what happens at a silent pair is linear in many variables."""
        names = ("w", *self.traces)
        if not self.elementwise or len(names) < 3:
            return None
        zero, size = np.zeros(()), len(names)

        def after(values: NDArray) -> NDArray:
            state: State = {name: row.copy() for name, row in zip(names, values, strict=True)}
            with np.errstate(all="ignore"):  # values of any size: what is not finite is not linear
                Rule.step(self, state, zero, zero)
            return np.stack([state[name] for name in names])

        values = np.random.default_rng(0).normal(0, 2, (size, 200))
        inflow = after(np.zeros((size, 1)))
        flow = after(np.eye(size)) - inflow
        if not np.all(np.isfinite(flow)):
            return None
        linear = np.allclose(after(values), flow @ values + inflow, rtol=1e-12, atol=1e-12)
        return (flow, inflow) if linear else None

    @cached_property
    def elementwise(self) -> bool:
        """Whether a synapse needs nothing but its own variables, A and M, and no number at rest."""
        own = self.local and not self.told and not self.cell_traces and not self.reads_cells
        return own and not (self.stochastic and self.fading is None)

    @cached_property
    def stochastic(self) -> bool:
        """Whether the rule draws random numbers."""
        return "rand(" in self.statements.replace(" ", "")

    @cached_property
    def reads_cells(self) -> bool:
        """Whether the texts tell the two sides of a synapse apart."""
        return bool({"S_i", "S_j"} & language.names(self.statements)[0])

    def gate(self, state: State) -> NDArray | float:
        """Plasticity of each synapse from its variables before a presentation, if it has a gate."""
        if not self.gate_text:
            return 1.0
        zero = np.zeros(())
        values: dict[str, Any] = {**self.constants, **state, "A": zero, "M": zero, "ceiling": 1.0}
        self._tell_cells(values, state, None)
        return language.compiled(self.gate_text)(values)["gate"]

    def ungated(self) -> Rule:
        """Return the same rule with a gate that is always open; what it remembers stays.

        Raises
        ------
        ParameterError
            If the rule has no gate.
        """
        from spikeconsol.consolidation.rules.controls import Ungated

        if "residual_plasticity" in self.parameters_in_text:
            return self.replace(residual_plasticity=1.0)
        return Ungated(rule=self)

    # ------------------------------------------------------------------------------ spikes

    def synapses(self, **arguments: Any) -> dict[str, Any]:
        """Return what makes `brian2.Synapses` follow this rule; see `EventDriven.synapses`.

        Of a rate rule its form for spikes is taken, see `spiking_form`.
        """
        from spikeconsol.consolidation.rules.events import EventDriven

        return EventDriven(self).synapses(**arguments)

    def latched(self, **arguments: Any) -> tuple[dict[str, Any], str]:
        """Return the same for learning at the ticks of a clock; see `EventDriven.latched`."""
        from spikeconsol.consolidation.rules.events import EventDriven

        return EventDriven(self).latched(**arguments)

    def check(self, **rates: Any) -> str:
        """Say what spikes of given rates do to a pair; see `EventDriven.check`."""
        from spikeconsol.consolidation.rules.events import EventDriven

        return EventDriven(self).check(**rates)


def _joined(*parts: str) -> str:
    return "\n".join(part.strip() for part in parts if part.strip())


def _symmetric(drawn: NDArray) -> NDArray:
    """Give both directions of a pair the same number."""
    if drawn.ndim < 2 or drawn.shape[-1] != drawn.shape[-2]:
        return drawn
    upper = np.triu(drawn, 1)
    return upper + np.swapaxes(upper, -1, -2)


def _needed(value: Any, name: str, verb: str) -> Any:
    if value is None:
        raise TypeError(f"{name}: missing; the rule {verb} it")
    return value
