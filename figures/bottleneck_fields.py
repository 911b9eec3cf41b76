"""MNIST by local rules: accuracy of each rule, and what units of the first layer listen to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

RULES = (
    ("backprop", "instant"),
    ("gated-prototypes", "accent"),
    ("wide-gated-prototypes", "accent"),
    ("gated-window", "gate"),
    ("gate", "gate"),
    ("prototypes", "accent"),
    ("exact", "gate"),
    ("online-exact", "gate"),
    ("diag-release", "leaky"),
    ("online-diag-release", "leaky"),
    ("frozen", "control"),
    ("permuted", "control"),
)
FIELDS = (
    ("frozen", "frozen"),
    ("exact", "exact"),
    ("gated-prototypes", "prototypes, gated"),
    ("backprop", "back-propagation"),
)
SHOWN = 8


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Accuracies on the left, receptive fields of the first units on the right."""
    found = results["bottleneck/mnist"]
    fields = [(name, label) for name, label in FIELDS if f"rate-{name}" in found]
    mosaic = [["accuracy", *(f"{name}{unit}" for unit in range(SHOWN))] for name, _ in fields]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.9, mosaic=mosaic, width_ratios=(5, *(1,) * SHOWN))
    _accuracies(axes["accuracy"], found)
    for name, label in fields:
        images = found[f"rate-{name}"].receptive_field.values
        for unit in range(SHOWN):
            _field(axes[f"{name}{unit}"], images[unit])
        axes[f"{name}0"].set_title(label, loc="left", fontsize=7)
    style.panel_label(axes["accuracy"], "a")
    style.panel_label(axes[f"{fields[0][0]}0"], "b")
    return fig


def _accuracies(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    names = [(name, color) for name, color in RULES if f"rate-{name}" in found]
    for row, (name, color) in enumerate(names):
        accuracy = 100 * found[f"rate-{name}"].accuracy
        mean, half = mean_and_interval(accuracy)
        ax.errorbar(mean, row, xerr=half, fmt="o", markersize=3.5, color=style.COLORS[color])
        if mean > 80:  # written to the left, where the axis has room
            ax.annotate(
                f"{mean:.1f}",
                (float(mean), row),
                xytext=(-8, 0),
                textcoords="offset points",
                fontsize=6,
                ha="right",
                va="center",
            )
    ax.set(yticks=range(len(names)), xlabel="Test accuracy (%)")
    ax.set_yticklabels([found[f"rate-{name}"].attrs["label"] for name, _ in names], fontsize=6)
    ax.invert_yaxis()
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="upper left")


def _field(ax: Axes, image: np.ndarray) -> None:
    limit = np.abs(image).max()
    ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set_visible(False)


FIGURES = (
    Figure(
        name="bottleneck_fields",
        needs=("bottleneck/mnist",),
        caption=(
            "(a) Accuracy on the 10,000 MNIST test images of 784-128-64-10 networks (the wide one "
            "784-512-256-10) trained by local rules, with controls and back-propagation through "
            "the same network; means and 95% confidence intervals, n = {n} seeds. (b) Weights of "
            "the first {shown} units of the first hidden layer (red excitatory, blue inhibitory; "
            "each scaled to its own maximum), after learning by each rule."
        ).replace("{shown}", str(SHOWN)),
        draw=draw,
    ),
)
