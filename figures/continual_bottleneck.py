"""Tasks one after another: accuracy of every task over time, and what is forgotten."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Results = Mapping[str, Mapping[str, xr.Dataset]]
KINDS = (
    ("none", "undamped", "instant"),
    ("uniform", "uniform", "bounds"),
    ("fisher", "squared gradients", "leaky"),
    ("coincidence", "coincidence trace", "gate"),
    ("frozen", "frozen layers", "control"),
    ("interleaved", "all at once", "accent"),
)
RATE, SPIKING = "continual-bottleneck/rate-mnist", "continual-bottleneck/spiking-mnist"


def draw(results: Results) -> Drawing:
    """Course of every task undamped and damped; final accuracies and forgetting."""
    fig, axes = style.figure(style.TWO_COLUMNS, 4.6, rows=2, columns=2)
    for ax, (level, name, title) in zip(
        axes[0],
        (("rate", RATE, "Rates, split MNIST"), ("spiking", SPIKING, "Spikes, split MNIST")),
        strict=True,
    ):
        _course(ax, results[name], level)
        ax.set_title(title)
    _bars(axes[1, 0], results, "final", "Accuracy at the end (%)", (45, 101))
    _bars(axes[1, 1], results, "forgotten", "Accuracy lost (points)", (-5, None))
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        style.panel_label(ax, letter)
    return fig


def _course(ax: Axes, found: Mapping[str, xr.Dataset], level: str) -> None:
    """Accuracy of each task from when it was learned, as later ones come."""
    for stem, label, color in KINDS:
        if stem not in ("none", "coincidence"):
            continue
        data = found[f"{level}-{stem}"]
        for task in data.task.values:
            after = data.after.values[task - 1 :]
            course = data.course.sel(task=task).values[:, task - 1 :]
            line = {"color": style.COLORS[color]}
            # Seeds apart: which task suffers from which differs between them.
            ax.plot(after, course.T, lw=0.5, alpha=0.5, **line)
            name = label if task == 1 else None
            ax.plot(after, course.mean(axis=0), marker="o", ms=2.5, label=name, **line)
    bound = found[f"{level}-interleaved"].final.mean()
    ax.axhline(bound, color=style.COLORS["accent"], ls="--", lw=0.8, label="all at once")
    ax.set(
        xlabel="Tasks learned",
        ylabel="Accuracy of each task (%)",
        xticks=range(1, 6),
        ylim=(0 if level == "rate" else 50, 102),
    )
    ax.legend(loc="lower left")
    n = found[f"{level}-none"].sizes["seed"]
    ax.set_title(f"n = {n} seeds, mean and each", fontsize=6, loc="right")


def _bars(
    ax: Axes, results: Results, variable: str, label: str, limits: tuple[float, float | None]
) -> None:
    for offset, (level, name, fill) in enumerate((("rate", RATE, 0.9), ("spiking", SPIKING, 0.45))):
        for x, (stem, _, color) in enumerate(KINDS):
            if f"{level}-{stem}" not in results[name]:
                continue
            if variable == "forgotten" and stem == "interleaved":
                continue
            mean, half = mean_and_interval(results[name][f"{level}-{stem}"][variable])
            at = x + 0.4 * (offset - 0.5)
            ax.bar(at, mean, 0.36, color=style.COLORS[color], alpha=fill)
            ax.errorbar([at], [mean], [np.nan_to_num(half)], color="black", capsize=1.5, lw=0.8)
    ax.axhline(0, color="black", lw=0.5)
    ax.set_xticks(range(len(KINDS)), [kind[1] for kind in KINDS], rotation=30, ha="right")
    ax.set(ylabel=label, ylim=limits)
    ax.set_title("left bars: rates, right bars: spikes", fontsize=6, loc="right")


FIGURES = (
    Figure(
        name="continual_bottleneck",
        needs=(RATE, SPIKING),
        caption=(
            "Five two-class tasks one after another. (a) Accuracy of every task from the moment "
            "it has been learned, in a rate network on split MNIST, each image seen once, without "
            "damping and with synapses damped by their coincidence trace. (b) The same in a "
            "spiking network on the same tasks. (c) Accuracy over all tasks at the end and "
            "(d) accuracy lost since each task was learned, with all controls; mean and 95% "
            "confidence interval over seeds."
        ),
        draw=draw,
    ),
)
