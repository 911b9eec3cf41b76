"""Published signals against the exact one, and how long the window must be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

#: Condition, colour, marker.
VARIANTS = (
    ("row-centred", "rate", "s"),
    ("phsic", "bounds", "D"),
    ("diag-release", "leaky", "o"),
    ("diag-prefix", "shuffled", "^"),
)
BARS = (
    ("exact", "gate"),
    ("gated", "gate"),
    ("code-term", "gate"),
    ("row-centred", "rate"),
    ("phsic", "bounds"),
    ("diag-release", "leaky"),
    ("diag-prefix", "shuffled"),
    ("per-class", "control"),
    ("frozen", "control"),
    ("permuted", "control"),
    ("random", "control"),
    ("hebb", "control"),
    ("backprop", "instant"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Cosine to the exact signal, accuracy of all signals, and the window sweep."""
    signals, windows = results["bottleneck/signals"], results["bottleneck/window"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.7, columns=3, width_ratios=(1, 1.15, 1))
    _cosines(axes[0], signals)
    _accuracies(axes[1], signals)
    _windows(axes[2], windows)
    style.panel_labels(axes)
    return fig


def _cosines(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    for name, color, marker in VARIANTS:
        dataset = found[f"rate-{name}"]
        for codes, line in (("learned", "-"), ("random", ":")):
            style.band(
                ax,
                dataset.length,
                dataset.variant_cosine.sel(codes=codes),
                color=color,
                linestyle=line,
                marker=marker,
                markersize=3,
            )
    for codes, line in (("learned codes", "-"), ("random layers", ":")):
        ax.plot([], [], color=style.COLORS["control"], linestyle=line, label=codes)
    _lengths(ax, found["rate-diag-release"].length.values)
    ax.set(ylabel="Cosine to the exact signal", ylim=(-0.05, 1.05))
    ax.legend(loc="lower right")


def _accuracies(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    names = [(name, color) for name, color in BARS if f"rate-{name}" in found]
    for row, (name, color) in enumerate(names):
        dataset = found[f"rate-{name}"]
        mean, half = mean_and_interval(dataset.accuracy)
        ax.barh(row, mean, xerr=half, color=style.COLORS[color], height=0.7, error_kw={"lw": 0.8})
    ax.set(yticks=range(len(names)), xlabel="Test accuracy", xlim=(0, 1.02))
    ax.set_yticklabels([found[f"rate-{name}"].attrs["label"] for name, _ in names], fontsize=6)
    ax.invert_yaxis()


def _windows(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    for kind, color, label in (
        ("length", "gate", "one learning rate"),
        ("confounded", "leaky", "rates of 2021"),
    ):
        datasets = {
            int(stem.rsplit("-", 1)[1]): dataset
            for stem, dataset in sorted(found.items())
            if stem.startswith(f"rate-{kind}-")
        }
        accuracy = np.stack([dataset.accuracy for dataset in datasets.values()], axis=1)
        style.band(ax, list(datasets), accuracy, label=label, color=color, marker="o", markersize=3)
    _lengths(ax, np.array([2, 4, 8, 16, 32, 64]))
    ax.set(ylabel="Test accuracy", ylim=(0.2, 1))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 0.06))
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="lower right")


def _lengths(ax: Axes, lengths: np.ndarray) -> None:
    ax.set_xscale("log", base=2)
    ax.set_xticks(lengths, [str(length) for length in lengths])
    ax.minorticks_off()
    ax.set_xlabel("Window (samples)")


FIGURES = (
    Figure(
        name="bottleneck_signals",
        needs=("bottleneck/signals", "bottleneck/window"),
        caption=(
            "(a) Cosine between published signals (colours as in b) and the exact gradient, in "
            "sliding windows over the top layer's codes of a network trained by the exact signal "
            "and of one with random hidden layers. (b) Test accuracy "
            "on digits of networks trained by each signal; grey: controls. (c) Test accuracy "
            "against the window's length at equal learning rate and equal visits per sample, and "
            "with learning rates that grow with the window as in the sweep of 2021. Means and 95% "
            "confidence intervals, n = {n} seeds."
        ),
        draw=draw,
    ),
)
