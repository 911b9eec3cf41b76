"""Memory cells task after task: who remembers, what a full pool keeps, relations for labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Patch

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Results = Mapping[str, Mapping[str, xr.Dataset]]
DOMAIN, PERMUTED, POOL, SPIKING, RELATIONS = (
    f"continual-memory/{name}"
    for name in ("domain", "permuted", "pool", "spiking-domain", "relations")
)
CELLS = (
    ("use-novelty", "1/use, novelty", "gate"),
    ("use-arrival", "1/use, first come", "rate"),
    ("fixed-novelty", "fixed rate, novelty", "leaky"),
    ("fixed-arrival", "fixed rate, first come", "bounds"),
    ("never-novelty", "never move", "control"),
)
BESIDE = (
    ("pixels", "linear on pixels", "instant"),
    ("frozen", "frozen 2048", "shuffled"),
    ("replay", "replay of 200", "accent"),
)
WAYS = (
    ("gate", "gate", "gate"),
    ("weakest", "weakest trace", "rate"),
    ("least-used", "least used", "bounds"),
    ("least-recent", "least recent", "accent"),
    ("oldest", "first in, first out", "leaky"),
    ("random", "random", "shuffled"),
    ("none", "none gives way", "control"),
)


TOLD = (
    ("mixed", "all at once", "accent"),
    ("told", "told classes", "instant"),
    ("permuted-bits", "bits permuted", "shuffled"),
    ("k-means", "no bits, k-means", "control"),
    ("layers", "layers, same bits", "control"),
)


def draw(results: Results) -> Drawing:
    """Course over tasks, accuracies at the end, full pools, and relations instead of labels."""
    fig, axes = style.figure(style.TWO_COLUMNS, 4.8, rows=2, columns=2)
    _course(axes[0, 0], results[DOMAIN])
    streams = {
        "domains": (results[DOMAIN], "rate", ""),
        "permuted pixels": (results[PERMUTED], "rate", "...."),
        "domains in spikes": (results[SPIKING], "spiking", "////"),
    }
    _bars(axes[0, 1], streams, (*CELLS, *BESIDE), "final")
    axes[0, 1].set_title("At the end of the stream")
    kinds = [
        Patch(facecolor="white", edgecolor="black", hatch=hatch, label=name, lw=0.5)
        for name, (_, _, hatch) in streams.items()
    ]
    axes[0, 1].legend(handles=kinds, fontsize=5.5, loc="upper right")
    _ages(axes[1, 0], results[POOL])
    told = {"": (results[RELATIONS], "rate", "")}
    _bars(axes[1, 1], told, (*CELLS, *TOLD), "accuracy")
    axes[1, 1].set_title("Bits of n-back for labels, digits")
    n = results[RELATIONS]["rate-use-novelty"].sizes["seed"]
    style.state_n(axes[1, 1], n, corner="upper right")
    style.panel_labels(axes)
    return fig


def _course(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Accuracy on the tasks so far, as tasks are learned."""
    for stem, label, color in (CELLS[0], CELLS[3], CELLS[4], *BESIDE):
        if f"rate-{stem}" not in found:
            continue
        so_far = np.nanmean(found[f"rate-{stem}"].course.values, axis=2)
        style.band(ax, np.arange(1, 6), so_far, label=label, color=color, marker="o", ms=2.5)
    ax.set(
        xlabel="Tasks learned",
        ylabel="Accuracy on tasks so far (%)",
        xticks=range(1, 6),
        title="Domains, rates",
    )
    ax.legend(fontsize=5.5, loc="lower left")
    style.state_n(ax, found["rate-use-novelty"].sizes["seed"], corner="upper right")


def _bars(
    ax: Axes,
    streams: Mapping[str, tuple[Mapping[str, xr.Dataset], str, str]],
    shown: Sequence[tuple[str, str, str]],
    variable: str,
) -> None:
    """Bars of every condition side by side, one for each stream in which it has been measured."""
    shown = [
        condition
        for condition in shown
        if any(f"{level}-{condition[0]}" in found for found, level, _ in streams.values())
    ]
    width = 0.84 / len(streams)
    for x, (stem, _, color) in enumerate(shown):
        measured = [
            (found[f"{level}-{stem}"], hatch)
            for found, level, hatch in streams.values()
            if f"{level}-{stem}" in found
        ]
        for place, (data, hatch) in enumerate(measured):
            mean, half = mean_and_interval(data[variable])
            at = x + width * (place - (len(measured) - 1) / 2)
            ax.bar(at, mean, 0.92 * width, color=style.COLORS[color], alpha=0.8, hatch=hatch)
            ax.errorbar([at], [mean], [np.nan_to_num(half)], color="black", capsize=1.5, lw=0.8)
    ax.set_xticks(range(len(shown)), [label for _, label, _ in shown], rotation=35, ha="right")
    ax.set(ylabel="Accuracy (%)", ylim=(0, 112))


def _ages(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Accuracy by the age of a task in full pools, over five neighbouring tasks."""
    for stem, label, color in WAYS:
        if f"rate-{stem}" not in found:
            continue
        data = found[f"rate-{stem}"].by_age.values
        blocks = data.reshape(len(data), -1, 5).mean(axis=2)
        ages = 5 * np.arange(blocks.shape[1]) + 2
        style.band(ax, ages, blocks, label=label, color=color, marker="o", ms=2)
    ax.set(
        xlabel="Tasks learned since",
        ylabel="Accuracy on the task (%)",
        ylim=(0, 100),
        title="Full pools, permuted pixels",
    )
    ax.legend(fontsize=5.5, ncols=2, loc="upper right")
    style.state_n(ax, found["rate-gate"].sizes["seed"], corner="lower left")


FIGURES = (
    Figure(
        name="continual_memory",
        needs=(DOMAIN, PERMUTED, POOL, SPIKING, RELATIONS),
        caption=(
            "Task after task without task labels. (a) Accuracy on all tasks so far, five domains "
            "of MNIST, each image seen once. (b) Accuracy at the end of the five domains (plain "
            "bars), of ten permutations of the pixels (dotted) and of the domains in spikes, "
            "10,000 images (hatched), with memory cells two by two and the simplest opponents; "
            "only bars that have been measured. (c) Fifty permuted tasks in pools of 30 cells a "
            "class, by the age of the task (means over five neighbours): which cell gives way to "
            "what is new. (d) Pairs of digits one after another, no labels: bits of n-back bond "
            "cells, whose groups are assigned to classes at the end; the last five bars are "
            "controls. Means and 95% confidence intervals, n = {n} seeds."
        ),
        draw=draw,
    ),
)
