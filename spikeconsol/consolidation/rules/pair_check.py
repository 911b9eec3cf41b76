"""What an event-driven rule does to single pairs at given rates, by its own text in NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.consolidation.rules.events import EventDriven
from spikeconsol.consolidation.rules.text import compiled
from spikeconsol.parameters import Parameters, parameter

__all__ = ["pairs", "table"]

PAIRS, DT = 500, 1e-3


@dataclass(frozen=True)
class Rates(Parameters):
    """Rates of a check; reads the units."""

    driven: float = parameter("60 Hz", above=0, below=500, doc="of driven cells")
    background: float = parameter("3 Hz", at_least=0, below=500, doc="of others")
    shown: float = parameter("0.4 s", above=0, doc="time of drive")


def pairs(
    rule: EventDriven, before: float, after: float, duration: float, *, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Return the variables of independent pairs of Poisson cells over time.

    Parameters
    ----------
    rule : EventDriven
        Rule.
    before, after : float
        Rates of the two sides [Hz].
    duration : float
        Time [s].

    Returns
    -------
    dict of ndarray, shape (steps, pairs)
        Steps of 1 ms.
    """
    arguments = rule.synapses()
    steps = {side: compiled(arguments[side]) for side in ("on_pre", "on_post")}
    rng = np.random.default_rng(seed)
    start = rule.rule.state((1, 1))
    state = {name: np.zeros(PAIRS) for name in rule._variables()} | {"updated": np.zeros(PAIRS)}
    for name in ("w", *rule.rule.traces):
        state[name][:] = start[name].flat[0]
    count = round(duration / DT)
    course = {name: np.empty((count, PAIRS)) for name in state}
    for step in range(count):
        for side, rate in (("on_pre", before), ("on_post", after)):
            fired = np.flatnonzero(rng.random(PAIRS) < rate * DT)
            if len(fired):
                own = {name: array[fired] for name, array in state.items()}
                told = {"t": step * DT, "second": 1.0, "rand": lambda: rng.random(len(fired))}  # noqa: B023
                found = steps[side]({**arguments["namespace"], **own, **told})
                for name, array in state.items():
                    array[fired] = found[name]
        for name, array in state.items():
            course[name][step] = array
    return course


def table(rule: EventDriven, **rates: Any) -> str:
    """Return the table of `EventDriven.check`."""
    r = Rates(**rates)
    kinds = {
        "both driven": (r.driven, r.driven),
        "one driven": (r.driven, r.background),
        "none driven": (r.background, r.background),
    }
    lines = [
        f"{type(rule.rule).__name__}: {r.driven:g} Hz driven for {r.shown:g} s, "
        f"{r.background:g} Hz background, {PAIRS} pairs each",
        f"{'':12} {'weight':>8} {'half by':>9} {'gate closed after':>18}",
    ]
    has_gate = "trace" in rule._decaying
    for name, (before, after) in kinds.items():
        course = pairs(rule, before, after, r.shown)
        w = course["w"].mean(axis=1)
        half = f"{np.argmax(w > 0.5) * DT:.2f} s" if (w > 0.5).any() else "never"
        # Closed once the fast twin has decayed: the gate reads what is left of the trace.
        closed = (course["trace"][-1] > rule.gate_level).mean() if has_gate else 0.0
        shut = f"{100 * closed:.1f}%" if has_gate else "no gate"
        lines.append(f"{name:12} {w[-1]:8.3f} {half:>9} {shut:>18}")
    if has_gate:
        lines.append(f"a gate closes {rule.window:g} s after the burst, for {rule.lifetime:.3g} s")
    return "\n".join(lines)
