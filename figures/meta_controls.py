"""Controls of the published tasks: accuracy of every network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

TASKS = (
    ("completion", "Completion"),
    ("one-shot", "One-shot association"),
    ("reversal", "Reversal"),
)
CONTROLS = (
    ("learned", "α learned"),
    ("alpha-zero", "α = 0"),
    ("alpha-fixed-0.1", "α random, sd 0.1"),
    ("alpha-fixed-1", "α random, sd 1"),
    ("alpha-shared", "one α for all"),
    ("alpha-nonnegative", "α ≥ 0"),
    ("no-fixed-part", "w = 0"),
    ("no-label-plasticity", "labels not plastic"),
    ("no-l1", "no L1 penalty"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """One row for each control, one panel for each task."""
    found = results["meta-hebbian/controls"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=3, sharey=True)
    for ax, letter, (task, title) in zip(axes, "abc", TASKS, strict=True):
        for position, (control, _) in enumerate(CONTROLS):
            dataset = found.get(f"rate-{task}-{control}")
            if dataset is None:
                ax.text(0.5, position, "(no labels)", fontsize=6, va="center", ha="left")
                continue
            accuracy = dataset.test_accuracy.values
            color = style.COLORS["gate" if control == "learned" else "control"]
            spread = np.resize([-0.2, 0.1, -0.1, 0.2], accuracy.size)
            ax.plot(np.sort(accuracy), position + spread, "o", ms=2, mew=0, alpha=0.5, color=color)
            mean, half = mean_and_interval(accuracy)
            ax.errorbar(mean, position, xerr=half, fmt="|", color="black", ms=7, elinewidth=0.8)
        ax.axvline(0.5, color=style.COLORS["control"], lw=0.6, ls=":")
        ax.set(title=title, xlabel="Accuracy after training", xlim=(0.44, 1.02))
        ax.set_ylim(len(CONTROLS) - 0.4, -0.6)
        style.panel_label(ax, letter)
    axes[0].set_yticks(range(len(CONTROLS)), [label for _, label in CONTROLS])
    return fig


FIGURES = (
    Figure(
        name="meta_controls",
        needs=("meta-hebbian/controls",),
        caption=(
            "Controls: accuracy after training (points: n = {n} networks; bars: mean and 95% "
            "confidence interval; dotted: chance). Without plasticity, or with small random "
            "coefficients, nothing is learned; coefficients that cannot be negative do for the "
            "one-shot task but not for the reversal."
        ),
        draw=draw,
    ),
)
