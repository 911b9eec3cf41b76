"""Capacity of every rule against batch learning and theory, and recall against age."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import (
    COLORS,
    ONE_COLUMN,
    TWO_COLUMNS,
    band,
    figure,
    panel_label,
    state_n,
)
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NEED = "curvature-capacity/rules"

GROUPS = {
    "batch": (
        "instant-covariance",
        "instant-clipped-covariance",
        "instant-willshaw",
        "instant-storkey",
        "instant-perceptron",
    ),
    "no protection": ("leaky-0.3", "leaky-0.01", "spike-gated-0.3", "spike-gated-0.07"),
    "bounds": ("hard-bounds-0.55", "hard-bounds-1"),
    "weight": ("weight-bayes", "weight-exp", "weight-threshold", "weight-threshold-tuned"),
    "curvature": (
        "damping-30",
        "elastic-30",
        "mask-5%",
        "mask-all",
        "smooth-gate",
        "curvature-gate",
    ),
    "control": ("shuffled-gate", "rate-gate"),
}
GROUP_COLORS = {
    "batch": "instant",
    "no protection": "leaky",
    "bounds": "bounds",
    "weight": "accent",
    "curvature": "gate",
    "control": "shuffled",
}


def draw_capacity(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Bars from a blank start and in the steady state, with the limits as lines."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 4.3, columns=2, sharey=True, sharex=True)
    position, places, labels = 0.0, [], []
    for group, names in GROUPS.items():
        for name in names:
            case = found[f"rate-{name}"]
            for ax, protocol in zip(axes, ("blank", "steady"), strict=True):
                values = case[f"p90_{protocol}"].values
                if np.isnan(values).any():
                    ax.text(
                        2, position, "learns at once", va="center", fontsize=5.5, color="#777777"
                    )
                    continue
                mean, half = mean_and_interval(values)
                ax.barh(position, mean, 0.75, color=COLORS[GROUP_COLORS[group]])
                ax.errorbar(mean, position, xerr=half, color="#333333", lw=0.8)
            places.append(position)
            labels.append(case.attrs.get("label", name))
            position += 1
        position += 0.6
    batch = found["rate-instant-covariance"]
    instant = float(batch.p90_blank.mean())
    for ax, title, letter in zip(axes, ("blank start", "steady state"), "ab", strict=True):
        ax.axvline(instant, color=COLORS["instant"], lw=0.7, ls="--")
        ax.axvline(float(batch.mean_field), color="#888888", lw=0.7, ls=":")
        ax.set(xlabel="capacity P90 (patterns)", title=title, xlim=(0, 265))
        panel_label(ax, letter)
    axes[0].set_yticks(places, labels)
    axes[0].tick_params(axis="y", length=0)
    axes[1].tick_params(axis="y", length=0)
    axes[0].invert_yaxis()
    axes[1].plot([], [], "--", color=COLORS["instant"], lw=0.7, label="batch covariance")
    bound = float(batch.gardner)
    axes[1].plot([], [], ":", color="#888888", lw=0.7, label="mean field, large N")
    legend = axes[1].legend(
        loc="lower right",
        bbox_to_anchor=(1.02, 0.08),
        title=f"Gardner bound: {bound:.0f}",
        frameon=True,
        framealpha=1,
        edgecolor="none",
    )
    legend.get_title().set_fontsize(6.5)
    state_n(axes[1], case.sizes["seed"])
    return drawing


def draw_age(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Share of patterns recalled against the number of patterns stored since."""
    found = results[NEED]
    drawing, ax = figure(ONE_COLUMN, 2.3)
    bins = 10
    lines = (
        ("curvature-gate", "gate", "-"),
        ("smooth-gate", "rate", "-"),
        ("hard-bounds-0.55", "bounds", "--"),
        ("leaky-0.01", "leaky", "-"),
        ("leaky-0.3", "leaky", ":"),
        ("shuffled-gate", "shuffled", "-."),
    )
    for name, color, dashes in lines:
        case = found[f"rate-{name}"]
        age = case.by_age_steady.coarsen(age=bins).mean()
        band(ax, age.age, age.values, label=case.attrs.get("label", name), color=color, ls=dashes)
    instant = float(found["rate-instant-covariance"].p90_blank.mean())
    ax.axvline(instant, color=COLORS["instant"], lw=0.7, ls="--")
    ax.text(instant + 3, 1.02, "P90 of batch learning", fontsize=5.5, va="bottom", ha="center")
    ax.set(
        xlabel="patterns stored since", ylabel="recalled fraction", xlim=(0, 300), ylim=(0, 1.02)
    )
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.95))
    state_n(ax, case.sizes["seed"], corner="lower right")
    return drawing


FIGURES = (
    Figure(
        name="capacity",
        needs=(NEED,),
        caption=(
            "Patterns held at 90% recall (P90; Dice at least 0.9 from cues with 20% of the active "
            "units lost and as many spurious ones added) for every rule, each pattern shown once; "
            "N = 200, f = 0.05. (a) From empty weights. (b) After 300 background patterns. Dashed: "
            "batch covariance learning; dotted: mean-field capacity of the covariance rule for "
            "large N. Mean and 95% CI over {n} seeds."
        ),
        draw=draw_capacity,
    ),
    Figure(
        name="capacity_against_age",
        needs=(NEED,),
        caption=(
            "Recall against the age of a pattern in a full memory (300 patterns after 300 "
            "background patterns), N = 200, f = 0.05. The curvature gates hold a pattern at full "
            "strength and then let it go. Mean and 95% CI over {n} seeds, bins of 10 patterns."
        ),
        draw=draw_age,
    ),
)
