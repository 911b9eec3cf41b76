"""Relative change of synapses against their size, and how their sizes are distributed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from spikeconsol import plot
from spikeconsol.figures.style import COLORS, TWO_COLUMNS, band, figure, panel_labels, state_n
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NEED = "curvature-capacity/relative-change"
RULES = (
    ("curvature-gate", "curvature\ngate", "gate", "-"),
    ("timer", "timer", "shuffled", "--"),
    ("hard-bounds", "hard\nbounds", "bounds", "-"),
    ("soft-bounds", "soft\nbounds", "leaky", "-"),
    ("signed-gate", "gate,\nsigned", "gate", "-"),
    ("signed-bounds", "bounds,\nsigned", "bounds", "-"),
    ("signed-leaky", "leaky,\nsigned", "leaky", "-"),
)
#: SD of ln(EPSP) of the log-normal of Song and others (2005), quoted.
SD = 0.9355


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """One day of one network by rule; correlations and their control; sizes beside the data's."""
    found = results[NEED]
    mosaic = [list("aabbccdd"), list("eeeeefff")]
    drawing, axes = figure(TWO_COLUMNS, 4.3, mosaic=mosaic)
    for panel, (name, label, *_) in zip("abcd", RULES, strict=False):
        _day(axes[panel], found[f"spiking-{name}"], label)
    axes["a"].set_ylabel("|dw| / w in a day")
    _correlations(axes["e"], found)
    _sizes(axes["f"], found)
    n = found["spiking-curvature-gate"].sizes["seed"]
    state_n(axes["e"], n, corner="upper right")
    state_n(axes["f"], n, corner="upper right")
    panel_labels([axes[panel] for panel in "abcdef"])
    return drawing


def _day(ax: Axes, data: Any, label: str) -> None:
    """Draw the first day of the first seed."""
    looks = data.weight.values[0].astype(float)
    n = round((1 + np.sqrt(1 + 8 * looks.shape[1])) / 2)
    before, after = np.zeros((2, n, n))
    upper = np.triu_indices(n, 1)
    before[upper], after[upper] = looks
    plot.weight_change(before, after, ax=ax)
    ax.set(title=label.replace("\n", " "), xlabel="weight w", ylabel="")
    ax.set(xlim=(0.01, 1.3), ylim=(1e-4, 30))
    ax.legend().remove()


def _correlations(ax: Axes, found: Mapping[str, Any]) -> None:
    for place, (name, _, color, _) in enumerate(RULES):
        for level, side, marker in (("rate", -0.16, "o"), ("spiking", 0.16, "s")):
            if f"{level}-{name}" not in found:
                continue
            for measure, fill in (("control", "white"), ("relative", COLORS[color])):
                mean, half = mean_and_interval(found[f"{level}-{name}"][measure].values)
                shape: dict[str, Any] = {"fmt": marker, "ms": 4, "mfc": fill, "lw": 0.8}
                bar = np.nan_to_num(half)
                ax.errorbar(place + side, mean, bar, color=COLORS[color], **shape)
    ax.axhline(0, color="#888888", lw=0.5)
    ax.set_xticks(range(len(RULES)), [label for _, label, *_ in RULES], fontsize=6)
    ax.set(ylabel="Spearman, |dw| / w with w", ylim=(-1, 0.2))
    for marker, fill, label in (
        ("o", "#555555", "rates"),
        ("s", "#555555", "spikes"),
        ("o", "white", "changes at random"),
    ):
        ax.plot([], [], marker, ms=4, mfc=fill, color="#555555", label=label)
    ax.legend(loc="lower left", handletextpad=0.2)


def _sizes(ax: Axes, found: Mapping[str, Any]) -> None:
    for name, label, color, line in RULES[:4]:
        data = found[f"spiking-{name}"]
        density = np.maximum(data.density.values, 1e-6)
        band(ax, data.size, density, label=label.replace("\n", " "), color=color, ls=line)
    # Relative to the mean, exp(mean of the logarithm + SD^2 / 2).
    x = np.linspace(0.02, 5, 300)
    curve = np.exp(-((np.log(x) + SD**2 / 2) ** 2) / (2 * SD**2)) / (x * SD * np.sqrt(2 * np.pi))
    ax.plot(x, curve, color=COLORS["instant"], lw=1, ls=":", label="log-normal (EPSPs)")
    ax.set(yscale="log", xlabel="size / mean size", ylabel="density", ylim=(1e-3, 1e5), xlim=(0, 5))
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.92))


FIGURES = (
    Figure(
        name="relative_change",
        needs=(NEED,),
        caption=(
            "Synapses in the steady state, looked at day by day (N = 200, f = 0.05, 10 patterns a "
            "day). (a-d) Relative change against size in spikes, one day of one network; dots: "
            "pairs, line: median of ten classes. (e) Rank correlation of relative change and "
            "size; open: the same changes handed out to the synapses at random, which is what "
            "dividing by the size brings alone. (f) Sizes in spikes, beside a log-normal whose SD "
            "of ln(EPSP), 0.9355, is quoted from Song and others (2005). Mean and 95% CI over "
            "{n} seeds."
        ),
        draw=draw,
    ),
)
