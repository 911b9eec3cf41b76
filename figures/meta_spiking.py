"""The trained network on spikes, beside the rate network it was taken from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

SIZES = (5, 10, 20, 40, 80)
TIMES = (50, 100, 200, 400)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """An episode; accuracy against the size of the populations and against time."""
    found = results["meta-hebbian/spiking"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3, width_ratios=(1.3, 1, 1))
    _episode(axes[0], found["spiking-default"])
    sizes = [(size, "default" if size == 40 else f"pairs-{size}") for size in SIZES]
    times = [(time, "default" if time == 200 else f"present-{time}") for time in TIMES]
    _accuracy(axes[1], found, sizes, "Pairs of neurons per unit")
    _accuracy(axes[2], found, times, "Time per presentation (ms)")
    style.panel_labels(axes)
    style.state_n(axes[1], found["spiking-default"].sizes["seed"], corner="lower left")
    axes[2].legend(loc="center right")
    return fig


def _episode(ax: Axes, dataset: xr.Dataset) -> None:
    """Activity of the cells of one network in one episode."""
    step = np.arange(dataset.sizes["step"])
    for cell in range(dataset.sizes["cell"]):
        place = {"seed": 0, "example": 0, "cell": cell}
        color = style.COLORS["gate" if cell == 0 else "bounds"]
        ax.plot(step, dataset.rate_activity.isel(place), color=color, lw=0.8)
        ax.plot(step, dataset.activity.isel(place), "o", color=color, ms=3, mew=0)
    ax.plot([], [], color="black", lw=0.8, label="rates")
    ax.plot([], [], "o", color="black", ms=3, mew=0, label="spikes")
    ax.axhline(0, color=style.COLORS["control"], lw=0.5)
    ax.set(xlabel="Step of the episode", ylabel="Activity $y$", ylim=(-1.1, 1.5))
    ax.set_xticks(step[::4])
    ax.legend(loc="upper right", ncols=2)


def _accuracy(
    ax: Axes, found: Mapping[str, xr.Dataset], places: list[tuple[int, str]], label: str
) -> None:
    """Mean and 95% confidence interval, on a logarithmic axis."""
    rows = [(x, found[f"spiking-{stem}"]) for x, stem in places if f"spiking-{stem}" in found]
    values = np.stack([dataset.accuracy.values for _, dataset in rows])
    mean, half = mean_and_interval(values, axis=1)
    ax.errorbar(
        [x for x, _ in rows],
        mean,
        half,
        fmt="o-",
        ms=3,
        lw=1,
        color=style.COLORS["spiking"],
        label="spikes",
    )
    for stem, color, line, text in (
        ("rate-one-shot", "rate", "-", "rates"),
        ("spiking-alpha-zero", "control", "--", "spikes, α = 0"),
    ):
        if stem in found:
            mean, half = mean_and_interval(found[stem].accuracy.values)
            ax.axhline(float(mean), color=style.COLORS[color], lw=1, ls=line, label=text)
            ax.axhspan(
                float(mean - half), float(mean + half), color=style.COLORS[color], alpha=0.2, lw=0
            )
    ax.set(xscale="log", xlabel=label, ylabel="Accuracy", ylim=(0.4, 1.02))
    ax.set_xticks([x for x, _ in rows], [str(x) for x, _ in rows])
    ax.minorticks_off()


FIGURES = (
    Figure(
        name="meta_spiking",
        needs=("meta-hebbian/spiking",),
        caption=(
            "The one-shot network on spikes, without retraining. (a) Activity of the two cells in "
            "one episode: the rate network (lines) and the difference between the rates of "
            "opposed populations (points). (b, c) Accuracy against the number of pairs of neurons "
            "per unit and against the time for which each pattern is shown, beside the rate "
            "network on the same episodes and the spiking network without plasticity; mean and "
            "95% confidence interval over n = {n} networks."
        ),
        draw=draw,
    ),
)
