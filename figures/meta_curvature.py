"""Plasticity, curvature and information of synapses within a cell, and lesions of each."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

TASKS = (("rate-one-shot", "one-shot"), ("rate-reversal", "reversal"), ("rate-graded", "graded"))
MEASURES = (
    ("alpha", "|α|", "gate", "o"),
    ("curvature", "curvature", "leaky", "s"),
    ("fisher", "Fisher", "accent", "^"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Reliability and correlation within cells; plasticity by element; lesions."""
    found = results["meta-hebbian/plasticity-and-curvature"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3, width_ratios=(1.1, 0.9, 1.1))
    _correlations(axes[0], found)
    _elements(axes[1], found["rate-graded"])
    _lesions(axes[2], found["rate-graded"])
    style.panel_labels(axes)
    return fig


def _learned(dataset: xr.Dataset, name: str) -> np.ndarray:
    """Return the values of the networks that learned their task."""
    learned = dataset["learned"].values > 0.5
    return dataset[name].values[learned if learned.any() else ~learned]


def _correlations(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Each measure with itself, measured again, and with |alpha|."""
    tasks = [row for row in TASKS if row[0] in found]
    for number, (name, label, color, marker) in enumerate(MEASURES):
        for kind, filled in (("reliability", False), ("within", True)):
            if f"{name}_{kind}" not in found[tasks[0][0]]:
                continue
            for position, (stem, _) in enumerate(tasks):
                mean, half = mean_and_interval(_learned(found[stem], f"{name}_{kind}"))
                place = position + 0.2 * (number - 1) + (0.07 if filled else -0.03)
                fill = style.COLORS[color] if filled else "white"
                ax.errorbar(
                    place, mean, half, fmt=marker, ms=3.5, mfc=fill, color=style.COLORS[color]
                )
        ax.plot([], [], marker, ms=3.5, color=style.COLORS[color], label=label)
    for fill, label in (("white", "with itself"), ("black", "with |α|")):
        ax.plot([], [], "o", ms=3.5, color="black", mfc=fill, label=label)
    ax.axhline(0, color=style.COLORS["control"], lw=0.5)
    ax.set_xticks(range(len(tasks)), [title for _, title in tasks])
    ax.set(ylabel="Rank correlation in a cell", ylim=(-1.05, 2.1), xlim=(-0.5, len(tasks) - 0.5))
    ax.set_yticks([-1, -0.5, 0, 0.5, 1])
    ax.legend(loc="upper left", fontsize=5.5, ncols=2, columnspacing=1)


def _elements(ax: Axes, dataset: xr.Dataset) -> None:
    """Coefficients against the noise of the element they come from."""
    labels = dataset.attrs["label_inputs"]
    alpha = np.abs(dataset.alpha.transpose("seed", "cell", "input").values[..., labels:])
    style.band(ax, dataset.element_noise.values, alpha.mean(axis=1), color="gate", marker="o", ms=3)
    ax.set(xlabel="Noise of the element", ylabel="|α|", ylim=(0, None))
    style.state_n(ax, len(alpha), corner="upper right")


def _lesions(ax: Axes, dataset: xr.Dataset) -> None:
    """Accuracy lost by freezing the synapses of highest and lowest values."""
    for number, (name, _, color, _) in enumerate(MEASURES):
        for end, strength in (("highest", 1.0), ("lowest", 0.4)):
            mean, half = mean_and_interval(_learned(dataset, f"freeze_{end}_{name}"))
            place = number + (-0.2 if end == "highest" else 0.2)
            ax.bar(
                place, mean, 0.36, yerr=half, color=style.COLORS[color], alpha=strength, ecolor="k"
            )
            if number == 0:
                ax.annotate(
                    end, (place, mean + half), (0, 2), textcoords="offset points", ha="center",
                    fontsize=6,
                )  # fmt: skip
    mean, half = mean_and_interval(_learned(dataset, "freeze_random"))
    ax.bar(len(MEASURES), mean, 0.36, yerr=half, color=style.COLORS["control"], ecolor="k")
    ax.set_xticks(range(len(MEASURES) + 1), [row[1] for row in MEASURES] + ["random"])
    ax.set(ylabel="Accuracy lost by freezing", ylim=(0, None))


FIGURES = (
    Figure(
        name="meta_curvature",
        needs=("meta-hebbian/plasticity-and-curvature",),
        caption=(
            "Plasticity, curvature and information. (a) Rank correlation over the pattern synapses "
            "of a cell, mean over cells: of each measure with itself (open; curvature and Fisher "
            "information from two halves of the episodes, |α| before and after further training) "
            "and with |α| (filled), in tasks whose elements are alike and in one whose elements "
            "have graded noise. (b) |α| against the noise of the element, in the graded task. (c) "
            "Accuracy lost there when the plasticity of two pattern synapses of each cell is taken "
            "away: those of highest and lowest value of each measure, and random ones. Mean and "
            "95% confidence interval over the networks of n = {n} that learned their task."
        ),
        draw=draw,
    ),
)
