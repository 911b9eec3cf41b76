"""How a class becomes a rule: checked when it is defined, and known by its name ever after."""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any, TypeVar, dataclass_transform

from spikeconsol.consolidation.rules import text as language
from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.parameters import ParameterError
from spikeconsol.values import shown

__all__ = ["check_definition", "checked_rule", "plasticity_rule", "registry", "rule_instance"]

#: Every rule by its class name; a class joins by `plasticity_rule`.
registry: dict[str, type[Rule]] = {}
AnyRule = TypeVar("AnyRule", bound=Rule)


@dataclass_transform(frozen_default=True)
def plasticity_rule(cls: type[AnyRule]) -> type[AnyRule]:
    """Make a subclass of `Rule` a rule: a frozen dataclass, checked, and known by its name.

    Raises
    ------
    ParameterError
        If another rule has this name, a name belongs to Brian2 or C++, a text reads what it is not
        told or says nothing, or a `step` written by hand does not do what the text says.
    """
    if not (isinstance(cls, type) and issubclass(cls, Rule)):
        raise TypeError(f"plasticity_rule: got {shown(cls)}; allowed: a subclass of Rule")
    before = registry.get(cls.__name__)
    interactive = cls.__module__ == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    if before is not None and not (interactive and before.__module__ == "__main__"):
        raise ParameterError(
            f"{cls.__name__}: a rule of this name exists, in {before.__module__}; "
            "allowed: another name"
        )
    made = dataclass(frozen=True)(cls)
    check_definition(made)
    registry[cls.__name__] = made
    return made


def checked_rule(rule: Any) -> Rule:
    """Return a rule that may run, or say why not; a subclass is checked like a decorated class.

    Raises
    ------
    TypeError
        If it is no rule, but for example its class.
    ParameterError
        If its texts and its `step` do not agree.
    """
    rule = rule_instance(rule)
    if type(rule) not in registry.values():
        _check_once(type(rule))  # type: ignore[arg-type]
    return rule


def rule_instance(rule: Any) -> Rule:
    """Return a rule, or say that it is none, but for example its class."""
    if not isinstance(rule, Rule):
        got = f"the class {rule.__name__}" if isinstance(rule, type) else shown(rule)
        raise TypeError(f"rule: got {got}; allowed: a rule, for example CurvatureGate()")
    return rule


@cache
def _check_once(cls: type[Rule]) -> None:
    check_definition(cls)


def check_definition(cls: type[Rule]) -> None:
    """Refuse a class whose texts cannot run, or do not say what its `step` does."""
    owner = cls.__name__
    if any(field.default is MISSING and field.default_factory is MISSING for field in fields(cls)):
        raise ParameterError(f"{owner}: a field has no default; allowed: every constant has one")
    for field in fields(cls):
        if hasattr(Rule, field.name):
            raise ParameterError(
                f"{owner}: {field.name!r} is a name of Rule; allowed for a constant: another one"
            )
    example = cls()
    variables = {**language.variables(example.model), **language.variables(example.cell_model)}
    for name, told in example.parameters_in_text.items():
        if any(field.name == name for field in fields(cls)) and told != getattr(example, name):
            raise ParameterError(
                f"{owner}: parameters_in_text[{name!r}] = {told!r} hides the field of that name, "
                f"{getattr(example, name)!r}; allowed: another name"
            )
    for name in (*variables, *example.parameters_in_text):
        whose = language.refused_name(name)
        if whose is not None and name != "w":
            raise ParameterError(f"{owner}: {name!r} is a name of {whose}; allowed: another one")
    if "w" not in language.variables(example.model):
        raise ParameterError(f"{owner}: model has no weight; allowed: a line 'w : 1'")
    for name, value in example.initial.items():
        if name not in variables or (isinstance(value, str) and value not in example.constants):
            raise ParameterError(
                f"{owner}: initial[{name!r}] = {value!r}; allowed: a variable of the model, "
                "and a number or the name of a constant"
            )
    if not cls.local:
        if cls.step is Rule.step:
            raise ParameterError(f"{owner}: local is False; allowed: with a step of its own")
        return
    _check_texts(example)
    if _by_hand(cls) and not cls.told:
        from spikeconsol.testing import check_step

        check_step(example)


def _check_texts(rule: Rule) -> None:
    owner = type(rule).__name__
    if "w" not in language.names(rule.statements)[1]:
        raise ParameterError(f"{owner}: no text changes w; allowed: change_text = 'w += ...'")
    told = {*rule.constants, "w", *rule.traces, *language.SEEN}
    told |= {f"{name}_{side}" for name in rule.cell_traces for side in "ij"}
    told |= set(rule.told)
    language.check_names(rule.before, told, f"{owner}.change_text")
    language.check_names(rule.after, told, f"{owner}.remember_text")
    known = {*rule.constants, *rule.cell_traces, "S"}
    language.check_names(rule.cell_statements, known, f"{owner}.cell_text")


def _by_hand(cls: type[Rule]) -> bool:
    return cls.step is not Rule.step or cls.gate is not Rule.gate or cls.rest is not Rule.rest
