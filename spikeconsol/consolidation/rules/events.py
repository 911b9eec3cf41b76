r"""Any rule in anybody's Brian2 network: always on, without phases and without a pattern clock.

A presentation becomes a stream of spikes. Either side of a synapse keeps a burst trace; above
`burst_threshold` spikes within `burst_time` it counts as active, and every spike is then a small
presentation,

    A = coincidence_share active_i active_j,    M = mismatch_share active_own (1 - active_partner),

on which the rule's own text runs. What decays does so in real time, `presentation` seconds for one
presentation. The gate has to read a trace as it was before the present burst: every decaying
variable q has a fast twin that makes the same jumps, and the gate reads q - q_fast, which is zero
right after a jump, reaches the gate's level after `window` and from then on follows q,

    D(t) = exp(-t/T_q) - exp(-t/T_fast),    D(window) = level
    =>  T_fast = -window / ln(exp(-window/T_q) - level).

No line goes into the cells: all that a synapse knows of them are their spikes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.consolidation.rules import text as language
from spikeconsol.consolidation.rules.base import Rule, State
from spikeconsol.consolidation.rules.bounded import (
    BoundedCurvatureGate,
    BoundedLeaky,
    spiking_form,
)
from spikeconsol.consolidation.rules.controls import Shuffled
from spikeconsol.parameters import ParameterError, Parameters, parameter

if TYPE_CHECKING:
    from brian2 import Quantity, Synapses

__all__ = ["EventDriven"]

#: With a share of .15, a weight takes a tenth of its way to 1 at every spike.
POTENTIATION = 2 / 3
#: Everything decays by the time since the synapse's last spike. This is said here and not left to
#: Brian2's event-driven equations, which need an exponential for every variable and fail on names
#: that SymPy has a function for, as ``trace``.
DECAY = """
elapsed = (t - updated)/second
fade = exp(-elapsed/burst_time)
burst_i *= fade
burst_j *= fade
"""
#: Activity of both sides, before anything else a spike does.
ACTIVITY_OF_SIDES = """
active_i = clip((burst_i - burst_threshold)/burst_range, 0, 1)
active_j = clip((burst_j - burst_threshold)/burst_range, 0, 1)
"""
PRESENTATION = """
A = coincidence_share*active_i*active_j
M = mismatch_share*active_{own}*(1 - active_{partner})
"""
#: Activity of either cell, for rules that read it.
ACTIVITY = """
S_i = coincidence_share*active_i
S_j = coincidence_share*active_j
"""
#: With a pattern clock: spikes are counted, and a pattern's counts are one presentation. Of a pair
#: that was active together most of its counts are coincidences, whatever the number of spikes.
COUNT = """
c += active_{own}*active_{partner}
m += active_{own}*(1 - active_{partner})
"""
LATCH = """
ceiling = 1.0
heard = clip((c + m)/2 - 1, 0, 1)
together = c/clip(c + m, 1e-9, 1e9)
A = heard*clip(5*(together - 0.5), 0, 1)
M = heard*clip(5*(0.5 - together), 0, 1)
"""


@dataclass(frozen=True)
class EventDriven(Parameters):
    """A rule at the spikes of a network of your own.

    Defaults suit cells that fire at 60 to 100 Hz for 0.4 s when they are driven, against a
    background of 1 to 3 Hz.

    Parameters
    ----------
    rule : Rule
        Rule; of a rate rule its form for spikes is taken.

    Examples
    --------
    >>> from spikeconsol.consolidation.rules import CurvatureGate
    >>> rule = CurvatureGate.for_lifetime("60 s")
    >>> sorted(rule.synapses(on_pre="ge_post += w*0.3*nS"))
    ['model', 'namespace', 'on_post', 'on_pre']

    and in a script, ``Synapses(E, E, **rule.synapses(on_pre="ge_post += w*0.3*nS"))``.
    """

    rule: Rule = parameter(doc="rule")
    presentation: float = parameter("1 s", above=0, doc="time that counts as one presentation")
    window: float = parameter(
        "0.4 s", above=0, doc="time after a jump at which a trace begins to act"
    )
    level: float = parameter(
        0.2, above=0, below=1, doc="level at which it acts, where the rule has no threshold"
    )
    burst_time: float = parameter("100 ms", above=0, doc="decay of burst traces")
    burst_threshold: float = parameter(
        2.0, at_least=0, doc="spikes within a burst from which a cell counts as active"
    )
    burst_range: float = parameter(1.0, above=0, doc="spikes over which activity rises to 1")
    coincidence_share: float = parameter(
        0.15, above=0, at_most=1, doc="A of a spike while both sides are active"
    )
    mismatch_share: float = parameter(
        0.077, at_least=0, at_most=1, doc="M of a spike while the other side is silent"
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", spiking_form(self.rule))
        super().__post_init__()
        if isinstance(self.rule, Shuffled):
            raise ParameterError(
                "rule: got Shuffled; allowed here: a rule that reads its own synapse only"
            )
        for name in self._decaying:
            self._fast_time(name)

    # ------------------------------------------------------------------------------- times

    @property
    def _decaying(self) -> tuple[str, ...]:
        """Variables of a synapse that decay, and so get a fast twin."""
        model = language.variables(self.rule.model)
        return tuple(name for name, equation in model.items() if equation)

    def decay_time(self, name: str) -> float:
        """Time constant of a decaying variable [s].

        Raises
        ------
        ValueError
            If the rule has no decaying variable of this name.
        """
        constants = self.rule.parameters_in_text
        for model in (self.rule.model, self.rule.cell_model):
            decays = language.decays(model, constants)
            if name in decays:
                return -self.presentation / math.log(decays[name][0])
        raise ValueError(f"name: got {name!r}; allowed: {', '.join(self._decaying)}")

    @property
    def gate_level(self) -> float:
        """Level of the trace at which the gate acts: the rule's own, where it has one."""
        return float(getattr(self.rule, "trace_threshold", self.level))

    def _fast_time(self, name: str) -> float:
        """Time constant of the fast twin [s]; see the module."""
        slow, window, level = self.decay_time(name), self.window, self.gate_level
        rest = math.exp(-window / slow) - level
        fast = -window / math.log(rest) if 0 < rest < 1 else math.inf
        if fast < slow:
            peak = math.log(slow / fast) * slow * fast / (slow - fast)
            height = math.exp(-peak / slow) - math.exp(-peak / fast)
            if peak > window and height > 1.5 * level:
                return fast
        raise ParameterError(
            f"window: got {window:g} second; allowed: short against the decay of {name}, "
            f"{slow:g} second, so that {name} outlasts it above the level {level:g}"
        )

    @property
    def constants(self) -> dict[str, float]:
        """Values of the names in the texts; times in seconds."""
        own = ("burst_threshold", "burst_range", "coincidence_share", "mismatch_share")
        found = {name: getattr(self, name) for name in own}
        found |= {"burst_time": self.burst_time, "ceiling": 1.0}
        for name in (*self._decaying, *self._decaying_cells):
            found[f"{name}_time"] = self.decay_time(name)
        found |= {f"{name}_fast_time": self._fast_time(name) for name in self._decaying}
        return self.rule.constants | found

    @property
    def _decaying_cells(self) -> tuple[str, ...]:
        model = language.variables(self.rule.cell_model)
        return tuple(name for name, equation in model.items() if equation)

    # ------------------------------------------------------------------------------- texts

    def synapses(
        self,
        *,
        on_pre: str = "",
        on_post: str = "",
        model: str = "",
        weight: str = "w",
        prefix: str = "",
        constants: str = "namespace",
    ) -> dict[str, Any]:
        """Return the arguments that make `brian2.Synapses` follow the rule.

        Parameters
        ----------
        on_pre, on_post, model : str, optional
            Your own statements (transmission, as ``"ge_post += w*0.3*nS"``) and variables. They
            run before the rule's.
        weight : str, optional
            Name of the weight. Brian2 refuses a synaptic ``w`` where a cell has one.
        prefix : str, optional
            Put before every name of the rule, where one would meet a name of yours.
        constants : {"namespace", "shared"}, optional
            Constants as a namespace, or as variables ``(shared, constant)``, to be set by
            `assign` or as run-time values of a compiled program.

        Returns
        -------
        dict
            ``model``, ``on_pre``, ``on_post`` and, for constants in a namespace, ``namespace``.

        Raises
        ------
        ParameterError
            If a name of yours is one of the rule's.
        """
        texts = {
            "model": _lines(*(f"{name} : 1" for name in self._variables()), "updated : second"),
            "on_pre": self._at_spike("i", "j"),
            "on_post": self._at_spike("j", "i"),
        }
        own = {"on_pre": on_pre, "on_post": on_post, "model": model}
        return self._arguments(texts, weight=weight, prefix=prefix, constants=constants, **own)

    def latched(self, **arguments: str) -> tuple[dict[str, Any], str]:
        """Return the arguments for synapses that learn at the ticks of a pattern clock.

        Spikes only count; at the end of each pattern the counts become A and M and the rule takes
        one step, as in `SpikingMemory`::

            arguments, latch = rule.latched(on_pre="ge_post += w*0.3*nS")
            S = Synapses(E, E, **arguments)
            S.run_regularly(latch, dt=0.5*second)

        Parameters
        ----------
        **arguments : str
            `on_pre`, `on_post`, `model`, `weight`, `prefix` and `constants` as for `synapses`.

        Returns
        -------
        arguments : dict
            For `brian2.Synapses`.
        latch : str
            Statements for its ``run_regularly``, every pattern.

        Raises
        ------
        ParameterError
            If the rule reads its cells, or a name of yours is one of the rule's.
        """
        if self.rule.cell_traces or self.rule.reads_cells:
            raise ParameterError(
                f"rule: got {type(self.rule).__name__}; allowed with a clock: a rule that reads "
                "A, M and its own synapse only"
            )
        variables = ("w", *self.rule.traces, "burst_i", "burst_j", "c", "m")
        count = DECAY + "updated = t\n" + ACTIVITY_OF_SIDES + COUNT + "burst_{own} += 1"
        texts = {
            "model": _lines(*(f"{name} : 1" for name in variables), "updated : second"),
            "on_pre": _lines(count.format(own="i", partner="j")),
            "on_post": _lines(count.format(own="j", partner="i")),
            "latch": _lines(LATCH, self.rule.statements, "c = 0", "m = 0"),
        }
        found = self._arguments(texts, **arguments)
        return found, found.pop("latch")

    def _arguments(
        self,
        texts: dict[str, str],
        *,
        weight: str = "w",
        prefix: str = "",
        constants: str = "namespace",
        **own: str,
    ) -> dict[str, Any]:
        """Name everything as asked for, refuse clashes, and join the user's lines to the rule's."""
        if unknown := own.keys() - {"on_pre", "on_post", "model"}:
            raise TypeError(f"{min(unknown)}: unknown argument; allowed: on_pre, on_post, model")
        own = {"on_pre": "", "on_post": "", "model": ""} | own
        for name, value in (*own.items(), ("weight", weight), ("prefix", prefix)):
            if not isinstance(value, str):
                raise ParameterError(f"{name}: got {value!r}; allowed: text")
        if constants not in ("namespace", "shared"):
            raise ParameterError(f"constants: got {constants!r}; allowed: namespace, shared")
        used = _identifiers("\n".join(texts.values()))
        values = {name: value for name, value in self.constants.items() if name in used}
        if constants == "shared":
            lines = (f"{name} : 1 (shared, constant)" for name in values)
            texts["model"] = _lines(texts["model"], *lines)
        ours = {*values, *_defined("\n".join(texts.values()))}
        rename = {name: f"{prefix}{name}" for name in ours} | {"w": weight}
        for name, new in rename.items():
            if not new.isidentifier() or new.startswith("_"):
                raise ParameterError(f"prefix: got {prefix!r}, weight {weight!r}; allowed: names")
            if name == "w" and language.refused_name(new) == "Brian2":
                raise ParameterError(f"weight: got {weight!r}, a name of Brian2; allowed: another")
        taken = set(rename.values()) - {weight}
        for where, text in own.items():
            declared = {weight} if where == "model" else set()
            for name in sorted(_defined(text) & (taken | declared)):
                raise ParameterError(
                    f"{where}: defines {name!r}, a name of the rule; "
                    "allowed: another name, or prefix='rule_'"
                )
        arguments: dict[str, Any] = {key: _renamed(text, rename) for key, text in texts.items()}
        arguments["model"] = _lines(arguments["model"], own["model"])
        for side in ("on_pre", "on_post"):
            arguments[side] = _lines(own[side], arguments[side])
        if constants == "namespace":
            arguments["namespace"] = {rename[name]: value for name, value in values.items()}
        return arguments

    def _at_spike(self, own: str, partner: str) -> str:
        """Statements of the rule at a spike of one side."""
        rule = self.rule
        before = rule.before
        for name in self._decaying:
            before = re.sub(rf"\b{name}\b", f"({name} - {name}_fast)", before)
        # Both jump by the same: the twin holds its distance from the trace.
        kept = [f"{name}_fast -= {name}" for name in self._decaying]
        jumped = [f"{name}_fast += {name}" for name in self._decaying]
        cells = re.sub(r"\bS\b", f"S_{own}", rule.cell_text)
        for name in rule.cell_traces:
            cells = re.sub(rf"\b{name}\b", f"{name}_{own}", cells)
        decays = []
        for name, time in self._variables().items():
            if time is not None and not name.startswith("burst_"):
                rest = f"{time.removesuffix('_time')}_rest"
                moved = f"{rest} + ({name} - {rest})*" if rest in self.constants else f"{name}*"
                decays.append(f"{name} = {moved}exp(-elapsed/{time})")
        return _lines(
            DECAY,
            *decays,
            "updated = t",
            ACTIVITY_OF_SIDES,
            PRESENTATION.format(own=own, partner=partner),
            ACTIVITY if rule.reads_cells or rule.cell_traces else "",
            before,
            cells,
            *(kept if rule.remember_text else ()),
            rule.remember_text,
            *(jumped if rule.remember_text else ()),
            f"burst_{own} += 1",
        )

    # ------------------------------------------------------------------------------- state

    def assign(self, synapses: Synapses, *, prefix: str = "") -> None:
        """Set initial values, and constants that were declared as shared.

        Parameters
        ----------
        synapses : brian2.Synapses
            Synapses made with `synapses`, and connected.
        prefix : str, optional
            As given to `synapses`.
        """
        start = self.rule.state((1, 1))
        for name, value in self.constants.items():
            if f"{prefix}{name}" in synapses.variables:
                setattr(synapses, f"{prefix}{name}", value)
        for name in self.rule.traces:
            setattr(synapses, f"{prefix}{name}", float(start[name].flat[0]))
        for name in self.rule.cell_traces:
            for side in "ij":
                setattr(synapses, f"{prefix}{name}_{side}", float(start[name].flat[0]))

    def state(
        self, synapses: Synapses, now: Quantity | float, *, weight: str = "w", prefix: str = ""
    ) -> State:
        """Return all variables of the synapses as they are now.

        Variables decay by events, so that the stored ones are those of each synapse's last spike;
        here they are brought to the same moment.

        Parameters
        ----------
        synapses : brian2.Synapses
            Synapses made with `synapses`.
        now : Quantity or float
            Time of the network, ``network.t`` [s].
        weight, prefix : str, optional
            As given to `synapses`.

        Returns
        -------
        dict of ndarray, shape (n_synapses,)
            By the rule's own names.
        """
        elapsed = float(now) - np.asarray(getattr(synapses, f"{prefix}updated")[:])
        constants, found = self.constants, {}
        for name, time in self._variables().items():
            place = weight if name == "w" else f"{prefix}{name}"
            values = np.array(getattr(synapses, place)[:], float)
            if time is not None:
                rest = constants.get(f"{name}_rest", 0.0)
                values = rest + (values - rest) * np.exp(-elapsed / constants[time])
            found[name] = values
        return found

    def restore(
        self,
        synapses: Synapses,
        state: Mapping[str, NDArray],
        now: Quantity | float = 0.0,
        *,
        weight: str = "w",
        prefix: str = "",
    ) -> None:
        """Give synapses the variables that `state` returned, at the time `now` of their network.

        Parameters
        ----------
        synapses : brian2.Synapses
            As many as those whose state it is.
        state : dict of ndarray, shape (n_synapses,)
        now, weight, prefix
            As for `state`.

        Raises
        ------
        ValueError
            If a variable is missing.
        """
        missing = [name for name in self._variables() if name not in state]
        if missing:
            raise ValueError(f"state: has no {missing[0]!r}; allowed: what `state` returned")
        for name in self._variables():
            setattr(synapses, weight if name == "w" else f"{prefix}{name}", state[name])
        synapses.variables[f"{prefix}updated"].set_value(float(now))

    def _variables(self) -> dict[str, str | None]:
        """All variables of a synapse, each with the name of its time constant if it decays."""
        found: dict[str, str | None] = {"w": None, "burst_i": "burst_time", "burst_j": "burst_time"}
        for name in self.rule.traces:
            found[name] = f"{name}_time" if name in self._decaying else None
        found |= {f"{name}_fast": f"{name}_fast_time" for name in self._decaying}
        for name in self.rule.cell_traces:
            slow = f"{name}_time" if name in self._decaying_cells else None
            found |= {f"{name}_i": slow, f"{name}_j": slow}
        return found

    def check(self, driven: Any = "60 Hz", background: Any = "3 Hz", shown: Any = "0.4 s") -> str:
        """Return what the rule does at these rates: a table, before hours of simulation.

        Parameters
        ----------
        driven, background : Quantity or str
            Rates of cells that are driven, and of all others.
        shown : Quantity or str
            Time for which cells are driven.

        Returns
        -------
        str
            How soon a driven pair is imprinted, what other pairs learn meanwhile, which share of
            them closes its gate by mistake, and for how long a gate stays closed.
        """
        from spikeconsol.consolidation.rules.pair_check import table

        return table(self, driven=driven, background=background, shown=shown)

    # ------------------------------------------------------------------------------- variants

    def ungated(self) -> EventDriven:
        """Return the same with a gate that is always open."""
        return self.replace(rule=self.rule.ungated())

    @classmethod
    def for_lifetime(
        cls, rule: Rule, lifetime: Any, *, window: Any = "0.4 s", level: float = 0.2
    ) -> EventDriven:
        """Make a curvature gate protect for a time; see `CurvatureGate.for_lifetime`."""
        level = checks.number("level", level, above=0, below=1)
        time = cls(rule=BoundedLeaky(), presentation=lifetime).presentation  # reads the unit
        form = spiking_form(rule)
        changes = {
            "protection_time": time,  # in presentations of a second each
            "trace_decay": math.log(1 / level),
            "residual_plasticity": 0.0,
        }
        if type(form) is BoundedCurvatureGate:
            changes["potentiation"] = POTENTIATION
        return cls(rule=form.replace(**changes), window=window)

    @property
    def lifetime(self) -> float:
        """Time for which a coincidence protects [s], of a rule with a threshold on its trace."""
        return self.decay_time("trace") * math.log(1 / self.gate_level)


def _identifiers(text: str) -> set[str]:
    """Names in equations or statements; numbers such as 1e3 hold none."""
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text))


def _defined(text: str) -> set[str]:
    """Names that a user's statements assign or her model declares."""
    name = r"^\s*(?:d(?=\w+\s*/\s*dt))?(\w+)(?=\s*(?:/\s*dt\s*)?[-+*/]?=|\s*:)"
    return set(re.findall(name, text, re.MULTILINE))


def _renamed(text: str, rename: Mapping[str, str]) -> str:
    text = re.sub(r"\bd(\w+)(\s*/\s*dt)\b", lambda m: f"d{rename.get(m[1], m[1])}{m[2]}", text)
    return re.sub(r"(?<![\w.])[A-Za-z_]\w*", lambda m: rename.get(m[0], m[0]), text)


def _lines(*parts: str) -> str:
    return "\n".join(line.strip() for part in parts for line in part.splitlines() if line.strip())
