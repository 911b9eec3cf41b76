"""Memory cells task after task: who remembers, what a full pool keeps, and the same in spikes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Results = Mapping[str, Mapping[str, xr.Dataset]]
DOMAIN, PERMUTED, POOL, SPIKING = (
    f"continual-memory/{name}" for name in ("domain", "permuted", "pool", "spiking-domain")
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


def draw(results: Results) -> Drawing:
    """Course of the first task, accuracies at the end, full pools, and spikes."""
    fig, axes = style.figure(style.TWO_COLUMNS, 4.8, rows=2, columns=2)
    _course(axes[0, 0], results[DOMAIN])
    _bars(
        axes[0, 1],
        {"domain": results[DOMAIN], "permuted": results[PERMUTED]},
        (*CELLS, *BESIDE),
        "rate",
    )
    _ages(axes[1, 0], results[POOL])
    _bars(axes[1, 1], {"domain, spikes": results[SPIKING]}, CELLS, "spiking")
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        style.panel_label(ax, letter)
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
    found: Mapping[str, Mapping[str, xr.Dataset]],
    shown: Sequence[tuple[str, str, str]],
    level: str,
) -> None:
    """Accuracy at the end; where there are two streams, the second in lighter bars."""
    width = 0.8 / len(found)
    for offset, datasets in enumerate(found.values()):
        for x, (stem, _, color) in enumerate(shown):
            if f"{level}-{stem}" not in datasets:
                continue
            mean, half = mean_and_interval(datasets[f"{level}-{stem}"].final)
            at = x + width * (offset - (len(found) - 1) / 2)
            ax.bar(at, mean, 0.9 * width, color=style.COLORS[color], alpha=0.9 - 0.45 * offset)
            ax.errorbar([at], [mean], [np.nan_to_num(half)], color="black", capsize=1.5, lw=0.8)
    ax.set_xticks(range(len(shown)), [label for _, label, _ in shown], rotation=35, ha="right")
    ax.set(ylabel="Accuracy at the end (%)", ylim=(50, 100))
    names = list(found)
    title = names[0] if len(names) == 1 else f"{names[0]} (full), {names[1]} (light)"
    ax.set_title(title[0].upper() + title[1:])


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
        needs=(DOMAIN, PERMUTED, POOL, SPIKING),
        caption=(
            "Task after task without task labels. (a) Accuracy on all tasks so far, five domains "
            "of MNIST, each image seen once. (b) Accuracy at the end of the five domains (full "
            "bars) and of ten permutations of the pixels (light bars), with memory cells two by "
            "two and the simplest opponents. (c) Fifty permuted tasks in pools of 30 cells a "
            "class, by the age of the task (means over five neighbours): which cell gives way to "
            "what is new. (d) Domains in spikes. Means and 95% confidence intervals, n = {n} "
            "seeds."
        ),
        draw=draw,
    ),
)
