"""One presentation of any rule in Brian2, to compare with its NumPy form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from brian2 import Clock, Network, NeuronGroup, Synapses, second
from numpy.typing import NDArray

from spikeconsol.brian import backend
from spikeconsol.consolidation.rules.base import Rule, State, _symmetric
from spikeconsol.consolidation.rules.text import variables

__all__ = ["brian_step", "build"]

#: What a synapse is told; the number of draws is that of the rule.
TOLD = ("A", "M", "ceiling", "trace_elsewhere")


def brian_step(rule: Rule, state: State, seen: Mapping[str, NDArray]) -> State:
    """Run one presentation on Brian2's numpy target and return the state after it.

    Parameters
    ----------
    rule : Rule
        Rule with texts.
    state : dict of ndarray, shape (N, N) or (N,)
        State before; it is not changed.
    seen : dict
        ``"A"`` and ``"M"``, shape (N, N), and ``"S"``, shape (N,).
    """
    n = len(seen["S"])
    texts, draws = [], 0
    for text in (rule.before, rule.after):
        while "rand()" in text:
            text = text.replace("rand()", f"drawn_{draws}", 1)
            draws += 1
        texts.append(text)
    rng = np.random.default_rng(0)
    told = {f"drawn_{k}": _symmetric(rng.random((n, n))) for k in range(draws)}
    told |= {"A": seen["A"], "M": seen["M"], "ceiling": np.ones((n, n))}
    order = getattr(rule, "permutation", lambda n: np.arange(n))(n)
    told["trace_elsewhere"] = state.get("trace", np.zeros((n, n)))[order[:, None], order]
    structure = {
        "dt": 1e-3,
        "n": n,
        "before": texts[0],
        "cells": rule.cell_statements,
        "after": texts[1],
        "constants": rule.constants,
        "synaptic": list(variables(rule.model)),
        "cellular": list(rule.cell_traces),
        "draws": draws,
    }
    places = {f"pairs.{name}": name for name in ("w", *rule.traces)}
    places |= {f"cells.{name}": name for name in rule.cell_traces}
    program = backend.Program(
        name="rule-check",
        builder=f"{__name__}:build",
        structure=structure,
        inputs=(*places, *(f"pairs.{name}" for name in told), "cells.S"),
        outputs=tuple(places),
    )
    values = {place: state[name].ravel() for place, name in places.items()}
    values |= {f"pairs.{name}": array.ravel() for name, array in told.items()}
    values["cells.S"] = seen["S"]
    found = backend.run(program, values, steps=1, target="numpy")
    return {name: found[place].reshape(state[name].shape) for place, name in places.items()}


def build(structure: Mapping[str, Any]) -> backend.Built:
    """Build all ordered pairs of n cells, on which the texts run once."""
    n, constants = structure["n"], structure["constants"]
    clock = Clock(structure["dt"] * second, name="step")
    cells = NeuronGroup(
        n,
        "\n".join(f"{name} : 1" for name in ("S", *structure["cellular"])),
        clock=clock,
        namespace=constants,
        name="cells",
    )
    told = (*TOLD, *(f"drawn_{k}" for k in range(structure["draws"])))
    pairs = Synapses(
        cells,
        cells,
        "\n".join(f"{name} : 1" for name in (*structure["synaptic"], *told)),
        clock=clock,
        namespace=constants,
        name="pairs",
    )
    i, j = (index.ravel() for index in np.indices((n, n)))
    pairs.connect(i=i, j=j)
    steps = {"before": pairs, "cells": cells, "after": pairs}
    for order, (name, group) in enumerate(steps.items()):
        if structure[name]:
            text = with_sides(structure[name], structure["cellular"])
            group.run_regularly(text, clock=clock, order=order, name=f"update_{name}")
    return backend.Built(Network(cells, pairs), clock)


def with_sides(text: str, cellular: list[str]) -> str:
    """Write the variables of the cells on either side as Brian2 calls them."""
    import re

    for name in ("S", *cellular):
        text = re.sub(rf"\b{name}_i\b", f"{name}_pre", text)
        text = re.sub(rf"\b{name}_j\b", f"{name}_post", text)
    return text
