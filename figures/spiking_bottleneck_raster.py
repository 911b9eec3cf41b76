"""What happens in the spiking network while it learns: spikes, modulator and one synapse."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

Results = Mapping[str, Mapping[str, xr.Dataset]]


def draw(results: Results) -> Drawing:
    """Input spikes, hidden spikes, modulatory signals at sample ends, and a weight."""
    data = results["bottleneck/spiking-example"]["spiking-window"]
    fig, axes = style.figure(
        style.TWO_COLUMNS, 4.2, rows=4, sharex=True, height_ratios=(2, 1.3, 1.3, 1)
    )
    period = 1e3 * data.attrs["sample_time"]
    ends = period * np.arange(1, data.sizes["sample"] + 1)
    first, second = (int(index) for index in data["synapse"])
    for ax, name, kept, color in (
        (axes[0], "input", first, "rate"),
        (axes[1], "hidden", second, "instant"),
    ):
        times, cells = 1e3 * data[f"{name}_time"].values, data[f"{name}_cell"].values
        mine = cells == kept
        size = {"marker": "|", "s": 10, "lw": 0.6}
        ax.scatter(times[~mine], cells[~mine], color=style.COLORS[color], **size)
        ax.scatter(times[mine], cells[mine], color=style.COLORS["leaky"], **size)
    axes[0].set(ylabel="Input cell")
    axes[1].set(ylabel="Hidden cell", ylim=(-0.7, data.sizes["cell"] - 0.3))
    # The modulatory signal exists at the end of a sample only.
    axes[2].vlines(
        np.repeat(ends, data.sizes["cell"])
        + np.tile(np.linspace(-0.35, 0, data.sizes["cell"]), len(ends)) * period,
        0,
        data["modulator"].values.ravel(),
        color=[
            style.COLORS["leaky" if cell == second else "control"]
            for cell in np.tile(np.arange(data.sizes["cell"]), len(ends))
        ],
        lw=1.2,
    )
    axes[2].axhline(0, color="black", lw=0.5)
    axes[2].set(ylabel="Modulator")
    axes[3].step(np.r_[0, ends], data["weight"].values, where="post", color=style.COLORS["leaky"])
    axes[3].set(ylabel="Weight", xlabel="Time (ms)", xlim=(0, ends[-1] + 1))
    for ax in axes:
        for end in ends[:-1]:
            ax.axvline(end, color="#cccccc", lw=0.5, zorder=0)
    for end, label in zip(ends, data["label"].values, strict=True):
        axes[0].text(
            end - period / 2,
            1.02,
            f"class {label}",
            transform=axes[0].get_xaxis_transform(),
            ha="center",
            va="bottom",
            fontsize=6,
        )
    style.panel_labels(axes)
    return fig


FIGURES = (
    Figure(
        name="spiking_bottleneck_raster",
        needs=("bottleneck/spiking-example",),
        caption=(
            "A spiking network learns XOR. (a) Poisson spikes of twenty tuned input cells during "
            "eight samples of 50 ms. (b) Spikes of the ten hidden cells. (c) At the end of every "
            "sample the working memory sends each hidden cell a modulatory signal (bars, one per "
            "cell, drawn side by side). (d) The weight of the synapse between the two cells in "
            "orange changes by eligibility times that signal (learning rate ten times that of "
            "training, to be seen). One seed."
        ),
        draw=draw,
    ),
)
