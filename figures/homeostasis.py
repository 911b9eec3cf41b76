"""Capacity in the steady state with and without homeostasis of excitability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, figure, panel_label, state_n
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NEED = "curvature-capacity/homeostasis"
RULES = (
    ("depression-gate", "depression\ngate", "accent"),
    ("refreshed-gate", "refreshed\ngate", "gate"),
    ("smooth-gate", "smooth\ngate", "rate"),
    ("hard-bounds", "hard\nbounds", "bounds"),
    ("leaky", "spike-gated\nleaky", "leaky"),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Pairs of bars at two coding levels, relative to batch covariance learning."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 2.3, columns=2, sharey=True)
    for ax, f, letter in zip(axes, (0.05, 0.1), "ab", strict=True):
        instant = float(found[f"rate-f={f:g}-instant"].p90_blank.mean())
        for place, (name, _, color) in enumerate(RULES):
            for side, suffix in ((-0.2, ""), (0.2, "-homeostasis")):
                stem = f"rate-f={f:g}-{name}{suffix}"
                values = found[stem].p90_steady.values
                mean, half = mean_and_interval(values)
                fill = {"color": COLORS[color]} if suffix else {"fc": "white", "ec": COLORS[color]}
                ax.bar(place + side, mean, 0.36, **fill)
                ax.errorbar(place + side, mean, yerr=half, color="#333333", lw=0.8)
        ax.axhline(instant, color=COLORS["instant"], lw=0.7, ls="--")
        ax.text(
            len(RULES) - 0.55, instant + 2, "batch covariance", fontsize=6, ha="right", va="bottom"
        )
        ax.set(title=f"N = 200, f = {f:g}")
        ax.set_xticks(range(len(RULES)), [label for _, label, _ in RULES])
        ax.tick_params(axis="x", length=0)
        panel_label(ax, letter)
    axes[0].set_ylabel("steady-state capacity P90 (patterns)")
    axes[1].bar(0, 0, fc="white", ec="#555555", label="without")
    axes[1].bar(0, 0, color="#555555", label="with homeostasis")
    axes[1].legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    state_n(axes[1], len(values), corner="upper left")
    return drawing


FIGURES = (
    Figure(
        name="homeostasis",
        needs=(NEED,),
        caption=(
            "Homeostasis of excitability: each unit's field is reduced by a share of what it "
            "receives on average, so that units used more often are no easier to excite. "
            "Capacity after a background of four times the capacity, every rule tuned with and "
            "without homeostasis on separate seeds. Dashed: batch covariance learning, which gains "
            "nothing from it. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
