"""Recall from a half: a thousand bits, and photographs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

NETWORKS = (
    ("rate-plastic", "plastic", "gate", "-"),
    ("rate-fixed", "not plastic", "control", "--"),
)
EXAMPLES = 5


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Learning curves of both tasks; pieces of photographs that were never trained on."""
    bits, pieces = (results[f"meta-hebbian/{n}"] for n in ("thousand-bits", "image-completion"))
    fig, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3, width_ratios=(1, 1, 1.15))
    _curves(axes[0], bits, "wrong_curve", bins=5)
    axes[0].axhline(0.01, color="black", lw=0.6, ls=":", label="1%")
    axes[0].set(ylabel="Wrong bits, of 1,000", ylim=(0, 0.6))
    axes[0].set_yscale("symlog", linthresh=1e-3)
    axes[0].set_yticks([0, 1e-3, 1e-2, 1e-1], ["0", "0.001", "0.01", "0.1"])
    axes[0].legend(loc="center right")
    _curves(axes[1], pieces, "curve", bins=50)
    plastic = pieces["rate-plastic"]
    grey = float(plastic.grey_difference.mean())
    axes[1].axhline(grey, color="black", lw=0.6, ls=":", label="left grey")
    axes[1].set(ylabel="Difference of a hidden pixel", ylim=(0, None))
    axes[1].legend(loc="center right")
    _examples(axes[2], pieces)
    for ax, letter in zip(axes, "abc", strict=True):
        style.panel_label(ax, letter)
    return fig


def _curves(ax: Axes, found: Mapping[str, xr.Dataset], name: str, bins: int) -> None:
    """Means over a few episodes, the learned ones, of every network and over networks."""
    for stem, label, color, line in NETWORKS:
        values = found[stem][name].values
        count = values.shape[1] // bins
        means = values[:, : count * bins].reshape(len(values), count, bins).mean(axis=-1)
        at = (np.arange(count) + 0.5) * bins
        ax.plot(at, means.T, color=style.COLORS[color], lw=0.5, ls=line, alpha=0.6)
        ax.plot(at, means.mean(axis=0), color=style.COLORS[color], ls=line, label=label)
    ax.set(xlabel="Episodes of training")
    ax.set_title(f"n = {len(values)} networks, mean and each", fontsize=6, color="#555555")


def _examples(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Pieces of one network: shown, completed by both networks, and as they were."""
    plastic, fixed = (found[stem].isel(seed=0) for stem in ("rate-plastic", "rate-fixed"))
    rows = (plastic.shown, plastic.completed, fixed.completed, plastic.wanted)
    names = ("shown", "plastic", "not plastic", "photograph")
    side = round(plastic.sizes["pixel"] ** 0.5)
    count = min(EXAMPLES, plastic.sizes["example"])
    canvas = np.full((len(rows) * (side + 1) - 1, count * (side + 1) - 1), np.nan)
    for row, values in enumerate(rows):
        for column in range(count):
            place = row * (side + 1), column * (side + 1)
            piece = values.values[column].reshape(side, side)
            canvas[place[0] : place[0] + side, place[1] : place[1] + side] = piece
    ax.imshow(canvas, cmap="gray", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_yticks([row * (side + 1) + side / 2 for row in range(len(rows))], names)
    ax.set_xticks([])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)


FIGURES = (
    Figure(
        name="meta_recall",
        needs=("meta-hebbian/thousand-bits", "meta-hebbian/image-completion"),
        caption=(
            "Recurrent networks recall from a half what they saw a few times, if their connections "
            "are plastic. (a) Five patterns of 1,000 bits: wrong bits of the recalled one. (b) "
            "Three pieces of photographs: mean difference of a pixel that was hidden, in grey "
            "values of -1 to 1; dotted: if all were left grey. (c) Pieces of photographs that "
            "were never trained on, of one network: the half shown at the test, completed by the "
            "plastic network and by the one that is not, and whole. Lines: means of n = {n} "
            "networks, and each of them."
        ),
        draw=draw,
    ),
)
