"""What working memories hold of the past, and whether it is enough to learn."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

#: Condition, colour, line style.
LAGS = (
    ("window", "instant", "-"),
    ("rehearsed", "gate", "-"),
    ("ungated", "rate", "--"),
    ("fast", "bounds", "-"),
    ("saturated", "leaky", "-"),
    ("class-means", "accent", "-"),
    ("silenced", "control", "-"),
)
ACCURACIES = (
    ("window", "instant"),
    ("prototypes", "accent"),
    ("class-means", "accent"),
    ("reservoir", "gate"),
    ("reservoir-lms", "rate"),
    ("reservoir-hebb", "rate"),
    ("silenced", "control"),
    ("silenced-lms", "control"),
    ("per-class", "control"),
    ("permuted", "control"),
    ("frozen", "control"),
)
RELEASE = (
    ("same_sample", "just\nlearned"),
    ("frozen_known", "frozen,\nknown"),
    ("frozen_unknown", "frozen,\nnew"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Lag curves, the exact signal read out, the published reservoir, and learning."""
    capacity = results["bottleneck/reservoir-capacity"]
    fig, axes = style.figure(style.TWO_COLUMNS, 5.0, rows=2, columns=2)
    _lags(axes[0, 0], capacity)
    _readout(axes[0, 1], capacity)
    _release(axes[1, 0], results["bottleneck/release-reservoir"])
    _learning(axes[1, 1], results["bottleneck/memories"])
    style.panel_labels(axes)
    return fig


def _lags(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    for name, color, line in LAGS:
        dataset = found[f"rate-{name}"]
        recall = dataset.recall.clip(min=0)
        style.band(ax, dataset.lag, recall, color=color, linestyle=line)
    ax.set(xlabel="Lag (samples)", ylabel="$R^2$ of past codes", ylim=(-0.02, 1.05))
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="upper right")


def _readout(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    for row, (name, color, _) in enumerate(LAGS):
        mean, half = mean_and_interval(found[f"rate-{name}"].readout_r2)
        ax.barh(row, mean, xerr=half, color=style.COLORS[color], height=0.7, error_kw={"lw": 0.8})
    memoryless = float(found["rate-window"].memoryless_r2.mean())
    ax.axvline(memoryless, color=style.COLORS["control"], linestyle=":", linewidth=1)
    ax.annotate("current sample only", (memoryless + 0.02, -0.8), fontsize=6, va="center")
    ax.set(
        yticks=range(len(LAGS)),
        xlabel="$R^2$ of the exact signal, unseen samples",
        xlim=(0, 1.02),
        ylim=(len(LAGS) - 0.5, -1.1),
    )
    ax.set_yticklabels([found[f"rate-{name}"].attrs["label"] for name, *_ in LAGS], fontsize=6)


def _release(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    colors = {"published": "leaky", "scaled-input": "bounds"}
    for shift, (name, color) in enumerate(colors.items()):
        dataset = found[f"rate-{name}"]
        values = np.stack([dataset[variable] for variable, _ in RELEASE], axis=1)
        mean, half = mean_and_interval(values)
        ax.bar(
            np.arange(len(RELEASE)) + 0.4 * shift - 0.2,
            mean,
            0.38,
            yerr=half,
            color=style.COLORS[color],
            label=dataset.attrs["label"],
            error_kw={"lw": 0.8},
        )
    ax.axhline(1, color=style.COLORS["control"], linestyle=":", linewidth=1)
    ax.annotate("a constant", (-0.45, 1), xytext=(0, 2), textcoords="offset points", fontsize=6)
    ax.set_yscale("log")
    ax.set_xticks(range(len(RELEASE)), [text for _, text in RELEASE])
    ax.set_ylabel("Normalised error of the readout")
    ax.set_ylim(1e-8, 3e3)
    ax.legend(loc="upper right")


def _learning(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    names = [(name, color) for name, color in ACCURACIES if f"rate-xor-{name}" in found]
    for row, (name, color) in enumerate(names):
        dataset = found[f"rate-xor-{name}"]
        mean, half = mean_and_interval(dataset.accuracy)
        ax.errorbar(mean, row, xerr=half, fmt="o", markersize=4, color=style.COLORS[color])
        jitter = row + np.linspace(-0.2, 0.2, dataset.sizes["seed"])
        ax.plot(dataset.accuracy, jitter, ".", markersize=4, color="#555555")
    labels = [found[f"rate-xor-{name}"].attrs["label"].split(": ")[1] for name, _ in names]
    ax.set(yticks=range(len(names)), xlabel="Test accuracy, XOR with 10 and 2 units")
    ax.set_xlim(0.35, 1.02)
    ax.set_yticklabels(labels, fontsize=6)
    ax.invert_yaxis()
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="lower right")


FIGURES = (
    Figure(
        name="bottleneck_memory",
        needs=(
            "bottleneck/reservoir-capacity",
            "bottleneck/release-reservoir",
            "bottleneck/memories",
        ),
        caption=(
            "(a) How well a linear readout recalls the code shown some samples before, from each "
            "memory (colours as in b). (b) How well the exact signal can be read from memory and "
            "current sample, with one readout per class, on samples it was not fitted to; dotted: "
            "from the current sample alone. (c) The published training of the reservoir: error "
            "right after learning on a sample, and with the readout frozen. (d) Accuracy on XOR "
            "of networks that differ in their memory only; dots are seeds. Means and 95% "
            "confidence intervals over seeds, as stated in the panels; n = 3 in (c)."
        ),
        draw=draw,
    ),
)
