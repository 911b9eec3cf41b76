import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeconsol.parameters import ParameterError, Parameters, parameter


@dataclass(frozen=True)
class Trace(Parameters):
    time_constant: float = parameter("20 ms", unit="second", above=0, doc="decay")
    rate: float = parameter("4 Hz", unit="hertz", at_least=0, doc="background")


@dataclass(frozen=True)
class Model(Parameters):
    cells: int = parameter(200, at_least=1, doc="number of cells")
    coding_level: float = parameter(0.05, above=0, below=1, doc="active fraction")
    rule: str = parameter("gate", choices=("gate", "leaky"), doc="rule")
    latched: bool = parameter(True, doc="latched counters")
    levels: tuple[float, ...] = parameter((0.1, 0.2), above=0, doc="levels")
    bound: float | None = parameter(None, above=0, doc="bound, or none")
    trace: Trace = parameter(Trace(), doc="coincidence trace")


models = st.builds(
    Model,
    cells=st.integers(1, 10**6),
    coding_level=st.floats(1e-6, 0.999),
    rule=st.sampled_from(["gate", "leaky"]),
    latched=st.booleans(),
    levels=st.lists(st.floats(1e-6, 1e6), max_size=4).map(tuple),
    bound=st.none() | st.floats(1e-6, 1e6),
    trace=st.builds(Trace, time_constant=st.floats(1e-6, 1e3), rate=st.floats(0, 1e3)),
)


@given(models)
def test_saved_values_make_the_same_parameters_again(model):
    again = Model().with_settings(json.loads(json.dumps(model.flat())))
    assert again == model
    assert again.fingerprint() == model.fingerprint()


@given(models)
def test_plain_values_typed_as_text_are_read_as_they_are(model):
    typed = {
        name: ",".join(map(repr, value)) if isinstance(value, tuple) else str(value)
        for name, value in model.flat().items()
        if not name.startswith("trace.")
    }
    typed["trace.time_constant"] = f"{model.trace.time_constant!r} s"
    typed["trace.rate"] = f"{model.trace.rate!r} Hz"
    assert Model().with_settings(typed) == model


@given(models, models)
def test_different_values_have_different_fingerprints(one, other):
    assert (one == other) == (one.fingerprint() == other.fingerprint())


def refusal(settings):
    """Apply settings; return "" where they are accepted, else the error."""
    try:
        Model().with_settings(settings)
    except ParameterError as error:
        return str(error)
    return ""


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=8), min_size=1, max_size=3))
def test_any_text_is_accepted_or_refused_in_one_line(settings):
    assert len(refusal(settings).splitlines()) <= 1


@given(st.sampled_from(sorted(Model().flat())), st.text(max_size=10))
def test_any_value_is_accepted_or_refused_and_then_the_field_is_named(name, text):
    error = refusal({name: text})
    assert not error or error.startswith(f"{name.split('.')[-1]}: got ")


@pytest.mark.parametrize(
    ("text", "seconds"), [("10 ms", 0.01), ("10*ms", 0.01), ("1.5 s", 1.5), ("2e3 us", 2e-3)]
)
def test_units_are_converted(text, seconds):
    assert Trace(time_constant=text).time_constant == pytest.approx(seconds)


def test_quantities_of_brian2_are_read_by_their_dimension():
    from brian2 import Hz, ms

    assert Trace(time_constant=10 * ms).time_constant == pytest.approx(0.01)
    with pytest.raises(ParameterError, match=r"time_constant: got .*allowed: a value in seconds"):
        Trace(time_constant=10 * Hz)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cels": "3"}, "cels: unknown name in Model; nearest: cells"),
        ({"trace.time_const": "3 ms"}, "nearest: trace.time_constant"),
        ({"cells": "0"}, "cells: got 0; allowed: >= 1"),
        ({"cells": "2.5"}, "cells: got '2.5'; allowed: a whole number"),
        ({"cells": "many"}, "cells: got 'many'; allowed: a whole number"),
        ({"coding_level": "1"}, "coding_level: got 1.0; allowed: > 0 and < 1"),
        ({"coding_level": "nan"}, "coding_level: got nan; allowed: a number"),
        ({"rule": "bounds"}, "rule: got 'bounds'; allowed: one of gate, leaky"),
        ({"latched": "maybe"}, "latched: got 'maybe'; allowed: true or false"),
        ({"levels": "0.1,-2"}, "levels: got -2.0; allowed: > 0"),
        ({"trace.time_constant": "10"}, "time_constant: got '10'; allowed: a value in seconds"),
        ({"trace.time_constant": "10 Hz"}, "time_constant: got '10 Hz'; allowed: a value in sec"),
        ({"trace.time_constant": "-1 ms"}, "time_constant: got -0.001; allowed: > 0 second"),
        ({"trace.rate": "1.2.3 Hz"}, "rate: got '1.2.3 Hz'; allowed: a value in hertz,"),
    ],
)
def test_bad_settings_name_the_field_the_value_and_what_is_allowed(settings, message):
    with pytest.raises(ParameterError, match=message):
        Model().with_settings(settings)


def test_wrong_types_are_refused_when_made_in_python():
    for wrong in ({"cells": True}, {"trace": 3}, {"levels": 0.1}, {"coding_level": math.nan}):
        with pytest.raises(ParameterError, match=f"{next(iter(wrong))}: got"):
            Model(**wrong)


def test_every_value_has_its_unit_and_its_doc():
    fields = Model.fields()
    assert fields.keys() == Model().flat().keys()
    assert fields["trace.time_constant"]["unit"] == "second"
    assert fields["cells"]["doc"] == "number of cells"


def test_parameters_cannot_be_changed():
    with pytest.raises(AttributeError):
        Model().cells = 3


def test_a_class_statement_gives_other_defaults_to_inherited_fields():
    @dataclass(frozen=True)
    class Slow(Trace, time_constant="50 ms"):
        offset: float = parameter(0.0, doc="offset")

    assert Slow() == Slow(time_constant=0.05, rate=4.0)
    assert list(Slow.fields()) == ["time_constant", "rate", "offset"]
    assert Slow.fields()["time_constant"] == Trace.fields()["time_constant"]
    assert Trace().time_constant == 0.02
    with pytest.raises(ParameterError, match=r"time_constant: got -1.*allowed: > 0 second"):
        Slow(time_constant="-1 s")
    with pytest.raises(ParameterError, match="tau: unknown name in Wrong; nearest: "):

        class Wrong(Trace, tau="50 ms"):
            pass
