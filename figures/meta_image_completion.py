"""Recall from a half: a thousand bits, fifty bits, and photographs."""

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
    ("rate-lstm", "LSTM, as many cells", "leaky", "-."),
)
EXAMPLES = 5


def draw_bits(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Learning curves of the thousand bits."""
    fig, ax = style.figure(style.ONE_COLUMN, 2.3)
    _curves(ax, results["meta-hebbian/thousand-bits"], "wrong_curve", bins=5)
    ax.axhline(0.01, color="black", lw=0.6, ls=":", label="1%")
    ax.set_yscale("symlog", linthresh=1e-3)
    ax.set(ylabel="Fraction of wrong bits", ylim=(0, 0.6))
    ax.set_yticks([0, 1e-3, 1e-2, 1e-1], ["0", "0.001", "0.01", "0.1"])
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.71))
    return fig


def draw_fifty(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Learning curves of fifty bits, with the LSTMs."""
    found = results["meta-hebbian/fifty-bits"]
    fig, ax = style.figure(style.ONE_COLUMN, 2.3)
    bins = max(1, found["rate-plastic"].sizes["episode"] // 20)
    _curves(ax, found, "wrong_curve", bins=bins)
    ax.set(ylabel="Fraction of wrong bits", ylim=(0, 0.3))
    ax.legend(loc="lower left")
    return fig


def draw_photographs(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Learning curves, and pieces of photographs that were never trained on."""
    found = results["meta-hebbian/image-completion"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=2, width_ratios=(1, 1.2))
    _curves(axes[0], found, "curve", bins=20)
    grey = float(found["rate-plastic"].grey_difference.mean())
    axes[0].axhline(grey, color="black", lw=0.6, ls=":", label="left grey")
    axes[0].set(ylabel="Difference of a hidden pixel", ylim=(0, None))
    axes[0].legend(loc="lower right")
    _examples(axes[1], found)
    for ax, letter in zip(axes, "ab", strict=True):
        style.panel_label(ax, letter)
    return fig


def _curves(ax: Axes, found: Mapping[str, xr.Dataset], name: str, bins: int) -> None:
    """Means over a few episodes, the learned ones, of every network and over networks."""
    for stem, label, color, line in NETWORKS:
        if stem not in found:  # in results of earlier versions
            continue
        values = found[stem][name].values
        count = values.shape[1] // bins
        means = values[:, : count * bins].reshape(len(values), count, bins).mean(axis=-1)
        at = (np.arange(count) + 0.5) * bins
        ax.plot(at, means.T, color=style.COLORS[color], lw=0.5, ls=line, alpha=0.6)
        ax.plot(at, means.mean(axis=0), color=style.COLORS[color], ls=line, label=label)
    ax.set(xlabel="Episodes of training")
    ax.set_title(f"n = {len(values)} networks, mean and each", fontsize=6, color="#555555")


def _examples(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Pieces of one seed: shown, completed by each network, and as they were."""
    first = {label: found[stem].isel(seed=0) for stem, label, *_ in NETWORKS if stem in found}
    plastic = first["plastic"]
    rows = (plastic.shown, *(each.completed for each in first.values()), plastic.wanted)
    names = ("shown", *(label.partition(",")[0] for label in first), "photograph")
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
        name="meta_thousand_bits",
        needs=("meta-hebbian/thousand-bits",),
        caption=(
            "Recurrent networks recall one of five patterns of 1,000 bits from a random half. "
            "Wrong bits of the recalled pattern in training, means of five episodes; thin: each "
            "network, thick: mean of n = {n} networks. The published curve ends near 1%."
        ),
        draw=draw_bits,
    ),
    Figure(
        name="meta_fifty_bits",
        needs=("meta-hebbian/fifty-bits",),
        caption=(
            "Networks recall one of two patterns of 50 bits, each shown once, from a random half. "
            "Wrong bits of the recalled pattern in training, means of its twentieths; thin: each "
            "network, thick: mean of n = {n} networks. Chance is 0.25, as what is shown is right."
        ),
        draw=draw_fifty,
    ),
    Figure(
        name="meta_image_completion",
        needs=("meta-hebbian/image-completion",),
        caption=(
            "Recurrent networks complete a piece of a photograph from its upper or lower half. (a) "
            "Mean difference of a pixel that was hidden, in grey values of -1 to 1, during "
            "training, means of twenty episodes; thin: each network, thick: mean of n = {n} "
            "networks; dotted: if all were left grey. (b) Pieces of photographs that were never "
            "trained on, of the first network: the half that is shown at the test, completed by "
            "the networks, and the photograph."
        ),
        draw=draw_photographs,
    ),
)
