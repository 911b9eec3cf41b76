"""Checks for what users add to the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spikeconsol.parameters import ParameterError

if TYPE_CHECKING:
    from spikeconsol.consolidation.rules import Rule

__all__ = ["check_rule", "check_step"]


def check_rule(rule: Rule) -> None:
    """Check that a rule means the same wherever it runs.

    On random states and presentations, binary and graded: its NumPy form against its text, its text
    in Brian2 (numpy target) against NumPy to 1e-12, and that a presentation leaves no value behind
    that is not finite.

    Raises
    ------
    ParameterError
        With the variable, what each form gives, and the difference.
    """
    from spikeconsol.consolidation.rules.brian_check import brian_step
    from spikeconsol.consolidation.rules.definition import check_definition, rule_instance

    check_definition(type(rule_instance(rule)))
    if not rule.local:
        return
    # Both kinds of units in one network: building it takes longer than running it.
    state, seen = _example(rule, seed=5, graded=slice(None, None, 2))
    expected = {name: array.copy() for name, array in state.items()}
    rule.step(expected, **seen, rng=np.random.default_rng(0))
    _compare(rule, brian_step(rule, state, seen), expected, "Brian2", "NumPy")


def check_step(rule: Rule) -> None:
    """Check that the NumPy form of a rule does what its text says.

    Raises
    ------
    ParameterError
        With the variable, what each form gives, and the difference.
    """
    from spikeconsol.consolidation.rules.base import Rule
    from spikeconsol.consolidation.rules.definition import rule_instance

    rule_instance(rule)
    for graded in (slice(0), slice(None)):
        state, seen = _example(rule, seed=3, graded=graded)
        by_hand = {name: array.copy() for name, array in state.items()}
        rule.step(by_hand, seen["A"], seen["M"])
        Rule.step(rule, state, **seen, rng=np.random.default_rng(0))
        _compare(rule, by_hand, state, "step", "the text")
    state, seen = _example(rule, seed=4, graded=slice(0))
    silent = {name: array.copy() for name, array in state.items()}
    rule.rest(silent)
    zero = np.zeros_like(seen["A"])
    Rule.step(rule, state, zero, zero, S=np.zeros(len(zero)), rng=np.random.default_rng(0))
    _compare(rule, silent, state, "rest", "the text")


def _example(rule: Rule, *, seed: int, graded: slice):  # type: ignore[no-untyped-def]
    """Make a random state, whose traces straddle all thresholds, and a presentation."""
    rng = np.random.default_rng(seed)
    n = 16
    state = rule.state((n, n))
    for name, array in state.items():
        array[:] = rng.random(array.shape)
        if name != "w":
            array[:] = 10 ** (5 * array - 5)
        if array.ndim == 2:
            array[:] = np.triu(array) + np.triu(array, 1).T
    S = (rng.random(n) < 0.4).astype(float)
    S[graded] *= rng.random(n)[graded]
    A = np.outer(S, S)
    return state, {"A": A, "M": np.clip(S[:, None] + S - 2 * A, 0, 1), "S": S}


def _compare(rule, found, expected, first, second) -> None:  # type: ignore[no-untyped-def]
    for name, array in expected.items():
        if not np.isfinite(array).all():
            raise ParameterError(f"{type(rule).__name__}: {name} is not finite after a step")
        difference = np.abs(found[name] - array)
        worst = np.unravel_index(difference.argmax(), difference.shape)
        if difference[worst] > 1e-12 * max(1.0, float(np.abs(array).max())):
            raise ParameterError(
                f"{type(rule).__name__}: {name} differs, {first} gives {found[name][worst]:.6g}, "
                f"{second} gives {array[worst]:.6g}; allowed: the same to 1e-12"
            )


def weights_stay_in_unit_interval(rule: Rule) -> bool:
    """Whether random presentations, from the start, leave all weights in [0, 1]."""
    from spikeconsol.consolidation.rules.base import Rule
    from spikeconsol.consolidation.rules.definition import rule_instance

    rule_instance(rule)
    rng = np.random.default_rng(1)
    state = rule.state((8, 8))
    for s in (rng.random((60, 8)) < 0.4).astype(float):
        S = s * rng.random(8)
        A = np.outer(S, S)
        Rule.step(rule, state, A, np.clip(S[:, None] + S - 2 * A, 0, 1), S=S, rng=rng)
        if not ((state["w"] >= 0) & (state["w"] <= 1)).all():
            return False
    return True
