"""Layers that are told relations only need a memory, and a reservoir is one."""

import numpy as np
import pytest

from spikeconsol.models import relational as model

SEEDS = (100, 101, 102)


def nback(name, seeds=SEEDS, **settings):
    parameters = model.NBack(**settings)
    (condition,) = (c for c in model._named(model.NBACK) if c.name == name)
    return np.array(
        [float(model.learn_nback(parameters, condition, (s,)).accuracy[0]) for s in seeds]
    )


def contiguity(name, seeds=SEEDS, **settings):
    parameters = model.Contiguity(**settings)
    (condition,) = (c for c in model._named(model.CONTIGUITY) if c.name == name)
    return np.array(
        [float(model.learn_contiguity(parameters, condition, (s,)).accuracy[0]) for s in seeds]
    )


def test_a_reservoir_teaches_what_it_does_not_when_its_state_is_frozen():
    short = {"lag": 2, "presentations": 5000, "cells": 150, "rehearsed": 2000}
    living, constant = (nback(name, (100, 101), **short) for name in ("reservoir", "constant"))
    assert living.mean() > constant.mean() + 0.1
    assert living.mean() > nback("frozen", (100, 101), **short).mean() + 0.1


@pytest.mark.slow
def test_nback_is_learned_from_a_reservoir_as_from_exact_memory():
    five = range(100, 105)
    exact, reservoir = nback("exact", five), nback("reservoir", five)
    assert reservoir.mean() >= 0.84
    assert abs(reservoir.mean() - exact.mean()) <= 0.03
    assert nback("frozen").mean() <= 0.55
    for control in ("silenced", "constant"):
        assert nback(control).mean() <= 0.6


@pytest.mark.slow
def test_accuracy_follows_the_capacity_of_the_memory():
    few, some, many = (nback("reservoir", (100, 101), cells=n).mean() for n in (5, 25, 400))
    assert few + 0.05 < some
    assert some + 0.1 < many


@pytest.mark.slow
def test_contiguity_teaches_without_a_teacher_as_long_as_there_is_an_order():
    assert contiguity("exact").mean() >= 0.85
    assert contiguity("reservoir").mean() >= 0.82
    for control in ("destroyed", "destroyed-reservoir", "constant"):
        assert contiguity(control).mean() <= 0.62
