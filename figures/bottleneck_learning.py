"""Accuracy and the layers' objective while networks learn by local rules, with their controls."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

#: Condition, colour, line style.
CURVES = (
    ("exact", "gate", "-"),
    ("prototypes", "accent", "-"),
    ("diag-release", "leaky", "-"),
    ("per-class", "bounds", "--"),
    ("permuted", "shuffled", "-"),
    ("frozen", "control", "-"),
    ("backprop", "instant", ":"),
)
TASKS = (("bottleneck/xor", "XOR, 2-10-4-2"), ("bottleneck/digits", "Digits, 64-64-16-10"))


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Accuracy above, objective of the first hidden layer below, one column per task."""
    fig, axes = style.figure(style.TWO_COLUMNS, 4.2, rows=2, columns=2, sharex="col")
    for column, (experiment, title) in enumerate(TASKS):
        found = results[experiment]
        upper, lower = axes[:, column]
        for name, color, line in CURVES:
            dataset = found.get(f"rate-{name}")
            if dataset is None:
                continue
            label = dataset.attrs["label"]
            style.band(
                upper, dataset.epoch, dataset.course, label=label, color=color, linestyle=line
            )
            objective = dataset.objective.isel(layer=0)
            style.band(lower, dataset.epoch, objective, color=color, linestyle=line)
        upper.set(title=title, ylim=(0.4, 1.01))
        lower.set(xlabel="Epoch")
        style.state_n(upper, next(iter(found.values())).sizes["seed"])
        _whole_epochs(lower)
    axes[0, 0].set_ylabel("Test accuracy")
    axes[1, 0].set_ylabel(r"HSIC(X, Z) $-\ \gamma$ HSIC(Y, Z)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside lower center", ncols=4)
    style.panel_labels(axes)
    return fig


def _whole_epochs(ax: Axes) -> None:
    ax.set_xticks(np.arange(2, 11, 2))


FIGURES = (
    Figure(
        name="bottleneck_learning",
        needs=("bottleneck/xor", "bottleneck/digits"),
        caption=(
            "Layers that learn by themselves. Accuracy on held-out samples (a, b) and objective of "
            "the first hidden layer over 200 held-out samples (c, d) against epochs, for the exact "
            "local signal, for prototypes in place of the window, for the signal of the released "
            "program, and for controls: a fixed random vector per class, labels permuted, hidden "
            "layers frozen; back-propagation through the same network as reference. Means and 95% "
            "confidence bands over seeds (n = 10 for XOR, 5 for digits)."
        ),
        draw=draw,
    ),
)
