"""What the cortical memory keeps: against age, by rule, and without what it is built of."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

Results = Mapping[str, xr.Dataset]

#: (condition, label, colour)
RULES = (
    ("gate", "curvature gate", "gate"),
    ("bounds", "hard bounds", "bounds"),
    ("slow-bounds", "hard bounds, slow", "bounds"),
    ("slow-soft-bounds", "soft bounds, slow", "accent"),
    ("leaky", "leaky", "leaky"),
    ("mas", "MAS", "rate"),
    ("triplet", "triplet STDP", "instant"),
    ("random-gate", "random gate", "shuffled"),
    ("ungated", "ungated", "control"),
)
SMOOTHING = 5


def draw(results: Mapping[str, Results]) -> Drawing:
    """Fraction recalled against age, and the numbers kept, of each rule."""
    found = results["cortical-memory/stream"]
    if found["gate"].sizes["age"] < SMOOTHING:
        raise KeyError(f"{SMOOTHING} assemblies or more to draw against age")
    fig, axes = style.figure(style.TWO_COLUMNS, 2.7, columns=2, width_ratios=[1.3, 1])
    _ages(axes[0], found)
    _kept(axes[1], found)
    style.panel_labels(axes)
    return fig


def _ages(ax: Axes, found: Results) -> None:
    kernel = np.ones(min(SMOOTHING, found["gate"].sizes["age"]))
    for name, label, color in RULES:
        if name not in found:
            continue
        age, agreement = found[name].age, found[name].dice_by_age.values
        weight = np.convolve(np.ones(len(age)), kernel, mode="same")
        kept, exact = (
            np.array([np.convolve(row, kernel, mode="same") for row in agreement >= least]) / weight
            for least in (0.8, 0.9)
        )
        style.band(ax, age, np.clip(kept, 0, 1), label=label, color=color)
        ax.plot(age, exact.mean(axis=0), color=style.COLORS[color], ls="--", lw=0.9)
    ax.plot([], [], color=style.COLORS["control"], ls="--", lw=0.9, label="Dice ≥ 0.9")
    ax.set(xlabel="Age (assemblies shown since)", ylabel="Fraction recalled", ylim=(0, 1.03))
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 0.1))
    style.state_n(ax, found["gate"].sizes["seed"], corner="lower left")


def _kept(ax: Axes, found: Results) -> None:
    rules = [rule for rule in RULES if rule[0] in found]
    for place, (name, _, color) in enumerate(rules):
        for shift, variable, fill in ((-0.13, "kept", "full"), (0.13, "kept_90", "none")):
            values = found[name][variable].values
            jitter = np.linspace(-0.06, 0.06, len(values))
            ax.plot(place + shift + jitter, values, ".", ms=3, color=style.COLORS["control"])
            style.points(ax, [place + shift], [values], color=color, ms=5, fillstyle=fill)
    ax.plot([], [], "o", color=style.COLORS["control"], label="Dice ≥ 0.8")
    ax.plot([], [], "o", color=style.COLORS["control"], fillstyle="none", label="Dice ≥ 0.9")
    labels = [label.replace(", ", "\n").replace(" gate", "\ngate") for _, label, _ in rules]
    ax.set_xticks(range(len(rules)), labels)
    ax.set(ylabel="Assemblies kept", ylim=(0, None), xlim=(-0.5, len(rules) - 0.5))
    ax.legend(loc="lower left", ncols=2)


FIGURES = (
    Figure(
        name="cortical_memory",
        needs=("cortical-memory/stream",),
        caption=(
            "Assemblies kept by the always-on cortical network in the steady state of a stream, "
            "each shown once. (a) Fraction with a Dice coefficient of at least 0.8 (solid, 95% "
            "confidence bands) and 0.9 (dashed) after a damaged cue, against the number of "
            "assemblies shown since (running mean of 5). (b) Number kept, at two criteria: mean, "
            "95% confidence interval and each network, n = {n}, each with connections of its own."
        ),
        draw=draw,
    ),
)
