"""Numbers that cannot be: refused in one line by everything that is public.

What is public is found, not listed: every name in the ``__all__`` of every module but the
laboratory's, which has a command line (see tests/lab/test_fuzz.py).
"""

import dataclasses
import importlib
import inspect
import os
import pkgutil
import random
import signal
import types
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import SGDClassifier

import spikeconsol
from spikeconsol import checks
from spikeconsol.bottleneck import Objective, Place, Window
from spikeconsol.bottleneck.memory.code_reservoir import CodeReservoir
from spikeconsol.consolidation import HopfieldNetwork, SpikingMemory
from spikeconsol.consolidation.cells import LIF
from spikeconsol.consolidation.cortical_parameters import Wiring
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import CurvatureGate, Leaky
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.metaplasticity.tasks import OneShot
from spikeconsol.parameters import Parameters
from spikeconsol.statistics import confidence_interval, dice

#: Calls of the public API with nothing but odd values: they are refused in milliseconds.
CALLS = 2000 * int(os.environ.get("FUZZ", "1"))
SECONDS = 30

PATTERNS = np.eye(20, dtype=bool)[:4]
HIDDEN = np.ma.array(PATTERNS, mask=PATTERNS)
#: What no argument of a model or a measure can be.
IMPOSSIBLE = {
    "NaN": float("nan"),
    "an object": object(),
    "a module": types,
    "a masked array": HIDDEN,
    "a sparse matrix": scipy.sparse.csr_matrix(PATTERNS),
    "ragged": [[0, 1], [1]],
    "NaN in an array": np.full((4, 20), np.nan),
    "complex": 1 + 2j,
    "text in an array": np.array([["a", "b"]]),
    "bytes": b"\0\xff",
    "dates": np.array(["2020-01-01"], "datetime64[D]"),
}
ODD = {
    **IMPOSSIBLE,
    "minus": -1,
    "infinity": float("inf"),
    "nothing": None,
    "empty": [],
    "no rows": np.zeros((0, 20), bool),
    "text": "abc\n\x1b[31m",
    "huge": 10**40,
    "half": 2.5,
    "true": True,
    "a class": CurvatureGate,
    "zeros": np.zeros((4, 20)),
    "a dictionary": {},
}
#: Of these, what may be right somewhere.
SOME = {*ODD} - {*IMPOSSIBLE}
#: What functions and tasks return: arrays stand in them as they are.
RECORDS = {"Capacity", "Course", "Episodes", "Evaluation", "FittedLiquid", "Gains", "Prediction"}
RECORDS |= {"Recorded", "Sample", "Split", "Task", "TaskStream", "Transfer"}
#: Wings that check their arguments here.
PACKAGES = ("data", "statistics", "parameters", "consolidation", "bottleneck", "metaplasticity")
#: Public, but for rules, networks and tasks to call: arrays go in and out without a look.
INNER = {"change_by", "raise_to", "probability"}
INNER |= {"contrast", "pair_weights", "layer_norm", "layer_norm_gradient"}
INNER |= {"match_signal", "trace_signal", "window_signal", "require_sample", "require_own_text"}
INNER |= {"random_signs", "stack", "samples", "BottleneckEstimator", "ObjectSettings"}
INNER |= {"agreement", "chosen", "generator", "GoingOn", "PoolClassifier", "RelationalEstimator"}
#: Modules of which the same is true: what estimators and trainings are made of.
INNER_MODULES = {
    f"{wing}.{name}"
    for wing, names in {
        "bottleneck": "archive compiled equations kernels memory_cells network program "
        "layer runs stream",
        "metaplasticity": "build closed_loop_kernel equations jax_backend kernel layer network "
        "rate recurrent recurrent_kernel stream",
    }.items()
    for name in names.split()
}


def modules():
    yield from (importlib.import_module(f"spikeconsol.{name}") for name in PACKAGES)
    for name in PACKAGES:
        module = importlib.import_module(f"spikeconsol.{name}")
        for found in pkgutil.iter_modules(getattr(module, "__path__", ())):
            if f"{name}.{found.name}" not in INNER_MODULES:
                yield importlib.import_module(f"{module.__name__}.{found.name}")


def public():
    """All public classes and functions of those wings, by their full names."""
    found = {}
    for module in modules():
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            own = getattr(thing, "__module__", "").startswith("spikeconsol")
            raised = isinstance(thing, type) and issubclass(thing, Exception)
            plain = callable(thing) and own and not raised and name not in INNER
            if plain and thing.__module__.partition(".")[2] not in INNER_MODULES:
                found[f"{thing.__module__}.{name}"] = thing
    return dict(sorted(found.items()))


PUBLIC = public()


class Hung(BaseException):
    pass


def outcome(call):
    """Call; return what came of it: "", or what is wrong with how it was refused."""

    def hang(*_):
        raise Hung

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except (ValueError, TypeError, MemoryError) as error:
        text = str(error)
        if "\n" in text or "\x1b" in text or not text:
            return f"not one line: {text!r}"
        # Python's own words name neither the argument nor what is allowed.
        inner = error.__traceback__
        while inner.tb_next:
            inner = inner.tb_next
        place = inner.tb_frame.f_globals.get("__name__", "")
        calling = "missing" in text or "unexpected keyword" in text or "abstract" in text
        if not place.startswith("spikeconsol") and not calling:
            return f"raw {type(error).__name__} from {place}: {text}"
        return "refused"
    except Hung:
        return f"took more than {SECONDS} s"
    except Exception as error:
        return f"raw {type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return ""


def arguments(thing):
    found = inspect.signature(thing).parameters.values()
    return [p for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("seed", range(4))
def test_odd_values_are_refused_in_one_line_by_everything_public(seed):
    rng = random.Random(seed)
    wrong = []
    for _ in range(CALLS // 4):
        name, thing = rng.choice([*PUBLIC.items()])
        if not arguments(thing):
            continue  # a loader that takes nothing has nothing to refuse
        values = {p.name: rng.choice([*ODD]) for p in arguments(thing)}
        found = outcome(lambda t=thing, v=values: t(**{key: ODD[odd] for key, odd in v.items()}))
        may_take = name in ESTIMATORS or name.rpartition(".")[2] in RECORDS
        if found not in ("", "refused") or not (found or may_take or {*values.values()} <= SOME):
            wrong.append(f"{name}({values}): {found or 'accepted'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("odd", IMPOSSIBLE)
def test_parameters_take_no_impossible_value(odd):
    accepted = []
    for name, thing in PUBLIC.items():
        if not (isinstance(thing, type) and issubclass(thing, Parameters)) or thing is Parameters:
            continue
        for field in dataclasses.fields(thing):
            found = outcome(lambda t=thing, f=field: t(**{f.name: IMPOSSIBLE[odd]}))
            if found != "refused":
                accepted.append(f"{name}({field.name}={odd}): {found or 'accepted'}")
    assert not accepted, "\n".join(accepted)


SAMPLES = np.eye(6)[np.arange(12) % 6]
CLASSES = np.arange(12) % 2
ESTIMATORS = {
    name: thing
    for name, thing in PUBLIC.items()
    if isinstance(thing, type) and issubclass(thing, BaseEstimator)
}


def learned(kind, settings, X=SAMPLES, y=CLASSES):
    """Make an estimator - they take any setting, as scikit-learn has it - and let it learn."""
    made = kind(**settings)
    if not hasattr(made, "fit"):
        return made.partial_fit(X, y, classes=[0, 1])
    return made.fit(X, y)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_refuse_what_cannot_be_when_they_learn(name):
    kind, wrong = ESTIMATORS[name], []
    for setting in arguments(kind):
        for odd, value in IMPOSSIBLE.items():
            found = outcome(lambda s=setting.name, v=value: learned(kind, {s: v}))
            if found != "refused":
                wrong.append(f"{name}({setting.name}={odd}): {found or 'accepted'}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_refuse_samples_that_cannot_be(name):
    kind, wrong = ESTIMATORS[name], []
    given = {"readout": SGDClassifier()} if "readout" in inspect.signature(kind).parameters else {}
    for odd in ("NaN in an array", "a masked array", "text in an array", "complex", "ragged"):
        for part in ("X", "y") if issubclass(kind, ClassifierMixin) else ("X",):
            try:
                learned(kind, given, **{part: IMPOSSIBLE[odd]})
            except (ValueError, TypeError) as error:
                if "\n" in str(error) or not str(error):
                    wrong.append(f"{name}, {part} {odd}: not one line: {error}")
            except Exception as error:
                wrong.append(f"{name}, {part} {odd}: raw {type(error).__name__}: {error}")
            else:
                wrong.append(f"{name}, {part} {odd}: accepted")
    assert not wrong, "\n".join(wrong)


@pytest.fixture(scope="module")
def network():
    made = HopfieldNetwork(20, rule=Leaky(), seed=1)
    made.store(PATTERNS)
    return made


def one_seed(**changes):
    return sparse_patterns(**{"count": 3, "n": 20, "coding_level": 0.1, "seed": 1, **changes})


REFUSED = {
    "recall(active=-1)": lambda net: net.recall(PATTERNS, active=-1),
    "recall(active=[-1])": lambda net: net.recall(PATTERNS, active=[1, 1, -1, 1]),
    "recall(active=2.5)": lambda net: net.recall(PATTERNS, active=2.5),
    "recall(active=21)": lambda net: net.recall(PATTERNS, active=21),
    "recall(steps=-1)": lambda net: net.recall(PATTERNS, steps=-1),
    "recall(steps=True)": lambda net: net.recall(PATTERNS, steps=True),
    "recall(threshold=nan)": lambda net: net.recall(PATTERNS, threshold=float("nan")),
    "recall of nothing": lambda net: net.recall(np.zeros((0, 20))),
    "recall of a sparse matrix": lambda net: net.recall(scipy.sparse.csr_matrix(PATTERNS)),
    "recall of masked cues": lambda net: net.recall(HIDDEN),
    "store of nothing": lambda net: net.store([]),
    "weights=nan": lambda net: setattr(net, "weights", np.full((20, 20), np.nan)),
    "dice of -1": lambda _: dice([1, -1], [-1, 1]),
    "dice of nan": lambda _: dice([float("nan"), 0], [1, 0]),
    "dice of numbers": lambda _: dice(1, 1),
    "dice of masked": lambda _: dice(HIDDEN, HIDDEN),
    "interval of text": lambda _: confidence_interval(["a", "b"]),
    "interval of nothing": lambda _: confidence_interval([]),
    "seed=None": lambda _: one_seed(seed=None),
    "seed=-1": lambda _: one_seed(seed=-1),
    "n=2.5": lambda _: one_seed(n=2.5),
    "count=0": lambda _: one_seed(count=0),
    "added=inf": lambda _: corrupt(PATTERNS, deleted=0, added=float("inf"), seed=1),
    "rule='curvature'": lambda _: HopfieldNetwork(20, rule="curvature", seed=1),
    "rule=CurvatureGate": lambda _: HopfieldNetwork(20, rule=CurvatureGate, seed=1),
    "n=1": lambda _: HopfieldNetwork(1, rule=Leaky(), seed=1),
    "network seed=None": lambda _: HopfieldNetwork(20, rule=Leaky(), seed=None),
    "homeostasis=nan": lambda _: HopfieldNetwork(20, rule=Leaky(), seed=1, homeostasis=np.nan),
    "spiking rule": lambda _: SpikingMemory(20, rule="curvature", seed=1),
    "spiking rule class": lambda _: SpikingMemory(20, rule=CurvatureGate, seed=1),
    "spiking seed": lambda _: SpikingMemory(20, rule=Leaky(), seed=None),
    "spiking target": lambda _: SpikingMemory(20, rule=Leaky(), seed=1, target="fortran"),
    "learning_rate=inf": lambda _: CurvatureGate(learning_rate=float("inf")),
    "protection_time=nan": lambda _: CurvatureGate(protection_time=float("nan")),
    "protection_time='abc'": lambda _: CurvatureGate(protection_time="abc"),
    "progress('yes')": lambda _: spikeconsol.progress("yes"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_numbers_that_cannot_be_are_refused(network, name):
    weights = network.weights.copy()
    assert outcome(lambda: REFUSED[name](network)) == "refused"
    np.testing.assert_array_equal(network.weights, weights)


def test_the_class_of_a_rule_is_told_from_a_rule():
    with pytest.raises(TypeError, match="rule: got the class CurvatureGate; allowed: a rule"):
        HopfieldNetwork(20, rule=CurvatureGate, seed=1)


def test_whole_numbers_may_come_as_numpy_or_floating_point_numbers():
    for n in (20, 20.0, np.int64(20), np.array(20)):
        assert one_seed(n=n).shape == (3, 20)
        assert HopfieldNetwork(n, rule=Leaky(), seed=1).n == 20


def test_two_units_are_enough():
    pair = HopfieldNetwork(2, rule=Leaky(coding_level=0.5), seed=1)
    pair.store([[1, 0]])
    np.testing.assert_array_equal(pair.recall([[1, 0]]), [[True, False]])


def test_recall_before_anything_is_stored_warns():
    empty = HopfieldNetwork(20, rule=Leaky(), seed=1)
    with pytest.warns(UserWarning, match="recall before anything is stored"):
        empty.recall(PATTERNS)


def test_what_does_not_fit_into_memory_is_refused_at_once(monkeypatch):
    monkeypatch.setattr(checks, "_available", lambda: 8e9)
    with pytest.raises(MemoryError, match=r"n: 20000 cells needs about 12\.8 GB .* 8\.0 GB"):
        SpikingMemory(20_000, rule=Leaky(), seed=1)
    with pytest.raises(MemoryError, match="n: 100000 units"):
        HopfieldNetwork(100_000, rule=Leaky(), seed=1)


FEW = np.eye(8, dtype=bool)[:4]
#: Something that every function can work with, by the name of the argument.
GOOD = {
    "weights": 0.1 * (1 - np.eye(8)), "thresholds": 0.1, "temperature": 1.0, "code": (0.0, 1.0),
    "pair": (0, 1), "shifts": [0.0, 0.1], "activity": 1.0 * FEW, "rate": 0.1, "pre": 1 * FEW,
    "counts": np.ones((3, 4)), "expected": 2.0, "y": [0, 1] * 2, "kept": [True], "seed": 1,
    "count": 3, "n": 20, "coding_level": 0.25, "correlation": 0.5, "deleted": 0.2, "added": 0.2,
    "lag": 2, "length": 20, "stay": 3, "course": np.ones((3, 3)), "alpha": np.ones((3, 3)),
    "gamma": 2.0, "width": 0.5, "widths": (0.5, 0.5, 0.5), "window": 3, "objective": Objective(),
    "memory": Window(3), "inputs": 4, "units": 3, "classes": 3, "samples": 20, "block": 5,
    "excitatory": 400, "active": 5, "probability": 0.2, "lifetime": 50.0, "duration": 1.0,
    "rng": np.random.default_rng(0), "wiring": Wiring(), "cells": LIF(), "rule": Leaky(),
    "parameters": SpikingParameters(), "images": np.zeros((2, 4), np.uint8),
    "task": OneShot(steps=4),
    "series": np.random.default_rng(0).random((50, 3)), "trace": np.exp(np.arange(10.0))[:, None],
    "start": 2, "stop": 8, "seeds": [0], "value": 3.0, "doc": "x", "name": "x",
    **dict.fromkeys(("patterns", "recalled", "cues", "a", "b", "post"), FEW),
    **dict.fromkeys(("A", "B", "Ka", "Kb", "X", "Y", "Z", "predicted", "values"), np.eye(4)),
}  # fmt: skip
#: Other values for some functions.
BETTER = {
    "memory_capacity": {
        "memory": Window(2).begin(Place(40, 40, 2)),
        "X": np.eye(40),
        "Z": np.eye(40),
        "y": [0, 1] * 20,
    },
    "recall_quality": {"memory": CodeReservoir(samples=200), "lag": 1},
    "find_rule": {"name": "hebb"},
    "load_task": {"name": "xor"},
    "train": {"episodes": 4, "frozen": 2},
}
#: Functions of files, classes and trained networks, which have tests of their own.
NOT_HERE = {
    "load_patterns", "read_idx", "load_images", "load_omniglot", "load_cifar10", "plasticity_rule"
}  # fmt: skip
NOT_HERE |= {"trace_rule", "accuracy_course", "task_curvature", "transfer", "evaluate"}
FUNCTIONS = {
    name: thing
    for name, thing in PUBLIC.items()
    if not isinstance(thing, type) and name.rpartition(".")[2] not in NOT_HERE
}
#: NaN is a repeat that is missing; a default may be anything.
TAKEN = {("confidence_interval", "values", "NaN in an array")}
TAKEN |= {("mean_and_interval", "values", "NaN in an array")}
TAKEN |= {("parameter", "default", odd) for odd in IMPOSSIBLE}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_impossible_value_among_good_ones_is_refused(name):
    call, short, wrong = FUNCTIONS[name], name.rpartition(".")[2], []
    good = dict(BETTER.get(short, {}))
    for argument in arguments(call):
        if argument.default is argument.empty and argument.name not in good:
            good[argument.name] = GOOD[argument.name]
    assert outcome(lambda: call(**good)) == ""
    for argument in arguments(call):
        for odd, value in IMPOSSIBLE.items():
            found = outcome(lambda a=argument.name, v=value: call(**{**good, a: v}))
            if found != "refused" and (short, argument.name, odd) not in TAKEN:
                wrong.append(f"{name}({argument.name}={odd}): {found or 'accepted'}")
    assert not wrong, "\n".join(wrong)
