"""Learned plasticity against curvature, and what becomes of traces that are made permanent."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import matplotlib.colors
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

TASKS = (("completion", "Completion"), ("one-shot", "One-shot"), ("reversal", "Reversal"))
MEASURES = (
    ("task_curvature_all", "curvature of the task, all", "gate", "o"),
    ("task_curvature_patterns", "curvature of the task, patterns", "gate", "s"),
    ("fisher_all", "Fisher information, all", "bounds", "o"),
    ("fisher_patterns", "Fisher information, patterns", "bounds", "s"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Rank correlations; memory across episodes; memory within them."""
    fig, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=3, width_ratios=(1.3, 1, 1))
    _correlations(axes[0], results["meta-hebbian/plasticity-and-curvature"])
    transfer = results["meta-hebbian/transfer"]
    rows = sorted(transfer.values(), key=lambda dataset: float(dataset.attrs["fraction"]))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(rows)))
    colors = [matplotlib.colors.to_hex(shade) for shade in shades]
    for dataset, color in zip(rows, colors, strict=True):
        later = np.arange(dataset.sizes["episode"])
        label = f"{float(dataset.attrs['fraction']):g}"
        style.band(axes[1], later, dataset.old, label=label, color=color)
        style.band(axes[2], later, dataset.new, label=label, color=color)
    for ax in axes[1:]:
        ax.axhline(0.5, color=style.COLORS["control"], lw=0.6, ls=":")
        ax.set(ylim=(0.45, 1.02), ylabel="Accuracy")
    axes[1].set(xlabel="Episodes since", title="First patterns, from $w$ alone")
    axes[2].set(xlabel="Episodes before", title="Patterns of the episode")
    axes[1].legend(title="part made\npermanent", loc="upper right")
    style.state_n(axes[2], rows[0].sizes["seed"], corner="lower left")
    for ax, letter in zip(axes, "abc", strict=True):
        style.panel_label(ax, letter)
    return fig


def _correlations(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Mean rank correlation and 95% confidence interval; crosses: shuffled pairs."""
    tasks = [(stem, title) for stem, title in TASKS if f"rate-{stem}" in found]
    for number, (variable, label, color, marker) in enumerate(MEASURES):
        shift = 0.16 * (number - 1.5)
        drawn = False
        for position, (stem, _) in enumerate(tasks):
            dataset = found[f"rate-{stem}"]
            if variable not in dataset:
                continue
            mean, half = mean_and_interval(dataset[variable].values)
            ax.errorbar(
                position + shift,
                mean,
                half,
                fmt=marker,
                ms=3.5,
                color=style.COLORS[color],
                mfc="white" if marker == "s" else None,
                label=None if drawn else label,
                elinewidth=0.8,
            )
            shuffled = float(dataset[f"{variable}_shuffled"].mean())
            ax.plot(
                position + shift,
                shuffled,
                "x",
                ms=3,
                color=style.COLORS["control"],
                label="shuffled pairs" if number == 0 and not drawn else None,
            )
            drawn = True
    ax.axhline(0, color=style.COLORS["control"], lw=0.5)
    ax.set_xticks(range(len(tasks)), [title for _, title in tasks])
    ax.set(ylabel="Rank correlation with |α|", ylim=(-1.05, 2.0), xlim=(-0.5, len(tasks) - 0.5))
    ax.set_yticks([-1, -0.5, 0, 0.5, 1])
    ax.legend(loc="upper left", fontsize=5.5)


FIGURES = (
    Figure(
        name="meta_consolidation",
        needs=("meta-hebbian/plasticity-and-curvature", "meta-hebbian/transfer"),
        caption=(
            "Plasticity and consolidation. (a) Rank correlation over the connections of a network "
            "of the learned |α| with the curvature of the task's loss along the fixed weight and "
            "with the Fisher information p(1 - p) of the coincidence of the two units; over all "
            "connections (circles) and over those from patterns alone (squares); crosses: "
            "shuffled pairs. (b, c) One-shot networks that move a part of their plastic weights "
            "into the fixed ones at the end of every episode: recall of the first patterns by the "
            "fixed weights alone, and accuracy on the patterns of the current episode. Mean and "
            "95% confidence interval over n = {n} networks; dotted: chance."
        ),
        draw=draw,
    ),
)
