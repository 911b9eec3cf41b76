"""Maps of fixed weights and plasticity coefficients of trained networks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

TASKS = (
    ("completion", "Completion", "rate-exact-0.75"),
    ("one-shot", "One-shot association", "rate-exact"),
    ("reversal", "Reversal", "rate-exact"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """One column for each task, weights above coefficients; labels apart from patterns."""
    fig, axes = style.figure(
        style.TWO_COLUMNS, 3.4, rows=2, columns=3, width_ratios=(0.8, 1, 1), height_ratios=(1, 1)
    )
    for column, (name, title, stem) in enumerate(TASKS):
        dataset = results[f"meta-hebbian/{name}"][stem]
        run = int(np.argmin(dataset.test_error.values))
        labels = int(dataset.attrs["label_inputs"])
        for row, (variable, text) in enumerate(
            (("w", "Fixed weight $w$"), ("alpha", "Plasticity $\\alpha$"))
        ):
            ax = axes[row, column]
            _map(fig, ax, dataset[variable].values[run], labels)
            if column == 0:
                ax.set_ylabel(f"{text}\n\nCell")
        axes[0, column].set_title(title)
    style.panel_labels(axes[0])
    return fig


def _map(fig: Drawing, ax: Axes, values: np.ndarray, labels: int) -> None:
    """Heat map whose label inputs stand half a column apart, with its own symmetric scale."""
    cells, inputs = values.shape
    limit = np.abs(values).max()
    gap = 0.5 if labels else 0.0
    for start, stop, shift in ((0, labels, 0.0), (labels, inputs, gap)):
        if stop > start:
            image = ax.imshow(
                values[:, start:stop],
                cmap="RdBu_r",
                vmin=-limit,
                vmax=limit,
                extent=(start + shift, stop + shift, cells, 0),
                aspect="auto",
                interpolation="nearest",
            )
    ax.set(xlim=(0, inputs + gap), ylim=(cells, 0))
    ax.set_yticks(np.arange(cells) + 0.5, [str(cell + 1) for cell in range(cells)])
    if labels:
        ax.set_xticks([labels / 2, labels + gap + (inputs - labels) / 2], ["labels", "pattern"])
    else:
        ax.set_xticks([inputs / 2], ["pattern"])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    fig.colorbar(image, ax=ax, shrink=0.9, pad=0.03)


FIGURES = (
    Figure(
        name="meta_maps",
        needs=tuple(f"meta-hebbian/{name}" for name, *_ in TASKS),
        caption=(
            "What training finds: fixed weights (top) and plasticity coefficients (bottom) of the "
            "network with the smallest error out of {n}. (a) Completion: each cell is driven by "
            "its own input and is plastic from all others. (b) One-shot: labels drive the cells "
            "through fixed weights, patterns through plastic ones of one sign for each cell. (c) "
            "Reversal: connections from labels are plastic, too."
        ),
        draw=draw,
    ),
)
