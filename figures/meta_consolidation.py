"""What becomes of traces that are made permanent."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib
import matplotlib.colors
import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Memory across episodes; memory within them."""
    fig, axes = style.figure(0.75 * style.TWO_COLUMNS, 2.4, columns=2)
    transfer = results["meta-hebbian/transfer"]
    rows = sorted(transfer.values(), key=lambda dataset: float(dataset.attrs["fraction"]))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.85, len(rows)))
    colors = [matplotlib.colors.to_hex(shade) for shade in shades]
    for dataset, color in zip(rows, colors, strict=True):
        later = np.arange(dataset.sizes["episode"])
        label = f"{float(dataset.attrs['fraction']):g}"
        style.band(axes[0], later, dataset.old, label=label, color=color)
        style.band(axes[1], later, dataset.new, label=label, color=color)
    for ax in axes:
        ax.axhline(0.5, color=style.COLORS["control"], lw=0.6, ls=":")
        ax.set(ylim=(0.45, 1.02), ylabel="Accuracy")
    axes[0].set(xlabel="Episodes since", title="First patterns, from $w$ alone")
    axes[1].set(xlabel="Episodes before", title="Patterns of the episode")
    axes[0].legend(title="part made\npermanent", loc="upper right")
    style.state_n(axes[1], rows[0].sizes["seed"], corner="lower left")
    style.panel_labels(axes)
    return fig


FIGURES = (
    Figure(
        name="meta_consolidation",
        needs=("meta-hebbian/transfer",),
        caption=(
            "One-shot networks that move a part of their plastic weights into the fixed ones at "
            "the end of every episode: (a) recall of the first patterns by the fixed weights "
            "alone, and (b) accuracy on the patterns of the current episode. Mean and "
            "95% confidence interval over n = {n} networks; dotted: chance."
        ),
        draw=draw,
    ),
)
