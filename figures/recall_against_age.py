"""Fraction of patterns recalled against their age: rates, spikes, controls and instant limits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.lines import Line2D

from spikeconsol.figures import style
from spikeconsol.lab import Figure

#: (name of the condition, label, colour, line style)
RATE = (
    ("curvature-gate", "curvature gate", "gate", "-"),
    ("hard-bounds", "hard bounds, tuned", "bounds", "-"),
    ("slow-leaky", "leaky, tuned", "leaky", "-"),
    ("leaky", "leaky, rates of the gated rule", "leaky", ":"),
    ("shuffled-gate", "shuffled gate", "shuffled", "-"),
)
SPIKING = (
    RATE[0],
    ("curvature-gate-background", "curvature gate, background firing", "gate", "--"),
    *RATE[1:],
)
LIMITS = (
    ("instant-covariance", "covariance"),
    ("instant-clipped", "clipped"),
    ("instant-willshaw", "Willshaw"),
)
SMOOTHING = 10


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """One panel for each level that was run, with the same axes."""
    found = results["sequential-memory"]
    levels = (("rate", "Rate network", RATE), ("spiking", "Spiking network", SPIKING))
    panels = [level for level in levels if any(stem.startswith(level[0]) for stem in found)]
    width = style.TWO_COLUMNS if len(panels) > 1 else style.ONE_COLUMN
    fig, axes = style.figure(width, 3.1, columns=len(panels), sharey=True)
    axes = np.atleast_1d(axes)
    lines = {}
    for ax, letter, (level, title, curves) in zip(axes, "ab", panels, strict=False):
        for name, label, color, line in curves:
            if f"{level}-{name}" in found:
                lines[label] = curve(ax, found[f"{level}-{name}"], color, line)
        _limits(ax, found, level)
        ax.set_title(title, loc="left", pad=18)
        ax.set(xlabel="Age (patterns stored since)", ylim=(0, 1.02))
        style.panel_label(ax, letter)
    axes[0].set_ylabel("Fraction recalled")
    style.state_n(axes[0], next(iter(found.values())).sizes["seed"], corner="upper right")
    fig.legend(lines.values(), lines.keys(), loc="outside lower center", ncols=1 + len(panels))
    return fig


def curve(ax: Axes, dataset: xr.Dataset, color: str, line: str) -> Line2D:
    """Mean over blocks of ages, so that a point stands for several patterns of every seed."""
    kept = dataset.kept_by_age.astype(float).coarsen(age=SMOOTHING, boundary="trim").mean()
    return style.band(ax, kept.age, kept, color=color, linestyle=line)


def _limits(ax: Axes, found: Mapping[str, xr.Dataset], level: str) -> None:
    """Mark how many patterns each instant rule holds when it learns nothing else."""
    for name, text in LIMITS:
        dataset = found.get(f"{level}-{name}")
        if dataset is None:
            continue
        load = float(dataset.p90.mean())
        ax.set_xlim(right=max(ax.get_xlim()[1], 1.05 * load))
        ax.axvline(load, color=style.COLORS["instant"], linewidth=0.6, linestyle=(0, (1, 1)))
        ax.annotate(
            f"instant\n{text}",
            (load, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 1),
            textcoords="offset points",
            fontsize=6,
            ha="center",
            va="bottom",
            linespacing=0.95,
        )


FIGURES = (
    Figure(
        name="recall_against_age",
        needs=("sequential-memory",),
        caption=(
            "Fraction of patterns recalled against their age after a stream of patterns, each "
            "stored once, in a rate network (a) and in a spiking network (b): the curvature gate "
            "and its controls, in steady state. Means over blocks of 10 ages and 95% confidence "
            "bands over n = {n} seeds. Vertical lines: number of patterns that a batch rule holds "
            "(90% recalled) when it learns only these, all at once, read out by the same network "
            "with gain and inhibition tuned for it."
        ),
        draw=draw,
    ),
)
