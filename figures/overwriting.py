"""Learning curves of old patterns and of a new one, with some synapses frozen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeconsol.figures.style import TWO_COLUMNS, band, figure, panel_labels, state_n
from spikeconsol.lab import Figure

NEED = "curvature-capacity/overwriting"
LINES = (
    ("fisher-top", "highest F", "gate", "-"),
    ("fisher-weights", "highest F, from w", "rate", "--"),
    ("size-top", "largest |w|", "leaky", "-"),
    ("random", "random", "control", "-"),
    ("fisher-bottom", "lowest F", "shuffled", ":"),
    ("none", "none", "instant", ":"),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Old patterns over all steps, the new one over the first; two loads."""
    found = results[NEED]
    loads = sorted({int(stem.removeprefix("rate-").split("-")[0]) for stem in found})
    drawing, axes = figure(TWO_COLUMNS, 3.8, rows=2, columns=2, height_ratios=[1.5, 1])
    for column, load in zip(axes.T, loads, strict=True):
        for name, label, color, line in LINES:
            case = found[f"rate-{load}-{name}"]
            shape = {"label": label, "color": color, "ls": line}
            band(column[0], case.step, case.old.values, **shape)
            band(column[1], case.step, case.new.values, **shape)
        column[0].set(title=f"{load} old patterns", ylim=(0, 1.05), xlabel="steps of learning")
        column[1].set(xlim=(0, 300), ylim=(0, 1.05), xlabel="steps of learning")
        state_n(column[1], case.sizes["seed"])
    axes[0, 0].set_ylabel("Dice, old patterns")
    axes[1, 0].set_ylabel("Dice, new pattern")
    axes[0, 1].legend(title="frozen", loc="lower left")
    panel_labels(axes)
    return drawing


FIGURES = (
    Figure(
        name="overwriting",
        needs=(NEED,),
        caption=(
            "One new pattern is learned in steps of 0.001 of the way (N = 100, f = 0.1), while 5% "
            "of all pairs are frozen: those of highest or lowest Fisher information over the old "
            "patterns, of highest information read off the present weights, of largest |w|, or "
            "random ones. (a, b) Dice coefficient of the old patterns, recalled from themselves "
            "with a fixed threshold, (c, d) of the new one. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
