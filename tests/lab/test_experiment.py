"""What an experiment is made of: each wrong part is one line."""

import dataclasses

import pytest

from spikeconsol.lab import Condition, Experiment
from spikeconsol.parameters import Parameters, parameter


@dataclasses.dataclass(frozen=True)
class Some(Parameters):
    x: float = parameter(1.0, doc="x")


def experiment(**changes):
    good = {
        "name": "model/some",
        "summary": "one line",
        "parameters": Some,
        "conditions": lambda parameters: (Condition("a"),),
        "run": lambda parameters, condition, seeds: None,
        "columns": ("x",),
    }
    return Experiment(**{**good, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, "name: got ''; allowed: "),
        ({"name": "../up"}, "name: got '../up'; allowed: "),
        ({"name": 3}, "name: got 3; allowed: "),
        ({"summary": None}, "summary: got None; allowed: text"),
        ({"parameters": Some()}, "parameters: got Some.* allowed: a class"),
        ({"parameters": dict}, "parameters: got .*; allowed: a class"),
        ({"conditions": (Condition("a"),)}, "conditions: got .*; allowed: a function"),
        ({"run": "run"}, "run: got 'run'; allowed: a function"),
        ({"columns": "kept"}, "columns: got 'kept'; allowed: a tuple of names"),
        ({"columns": (1,)}, "columns: got "),
        ({"batched": "yes"}, "batched: got 'yes'; allowed: True or False"),
        ({"seeds": 5}, r"seeds: got 5; allowed: \(first seed, number of seeds\)"),
        ({"seeds": (0, 0)}, "seeds: got 0; allowed: a whole number >= 1"),
        ({"seeds": (-1, 5)}, "seeds: got -1"),
        ({"presets": {"demo": 3}}, "presets: got "),
        ({"figures": "one"}, "figures: got 'one'; allowed: a tuple of names"),
        ({"program": 3}, "program: got 3; allowed: a function"),
    ],
)
def test_an_experiment_checks_what_it_is_given(changes, message):
    assert experiment().name == "model/some"
    with pytest.raises((ValueError, TypeError), match=message) as error:
        experiment(**changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("changes", [{"name": ""}, {"name": "a/b"}, {"name": 3}, {"level": "x/y"}])
def test_a_condition_checks_what_it_is_given(changes):
    with pytest.raises(ValueError, match=r"got .*; allowed: "):
        Condition(**{"name": "a", **changes})
