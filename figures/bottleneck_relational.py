"""Tasks in which layers must remember: what a reservoir holds, and what layers learn from it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

#: Colours of lags, from short to long.
SHADES = ("#56B4E9", "#0072B2", "#009E73", "#E69F00", "#D55E00")
MARKERS = "osD^v"
#: Conditions with a memory of cells that is left as it is.
MEMORIES = ("reservoir", "liquid", "shift", "dale", "continuous")


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Draw the controls of both tasks, and what learning owes to the size of the memory."""
    mosaic = [["nback", "capacity"], ["contiguity", "recall"], ["contiguity", "cosine"]]
    figure, axes = style.figure(style.TWO_COLUMNS, 6.0, mosaic=mosaic)
    nback = results["bottleneck/nback"]
    accuracies(axes["nback"], nback, f"Test accuracy, n-back, lag {lag(nback)}")
    accuracies(axes["contiguity"], results["bottleneck/contiguity"], "Test accuracy, contiguity")
    capacity = results["bottleneck/nback-capacity"]
    against_cells(axes["capacity"], capacity)
    against_recall(axes["recall"], capacity)
    _against_cosine(axes["cosine"], nback, capacity)
    panels = ("nback", "contiguity", "capacity", "recall", "cosine")
    style.panel_labels([axes[name] for name in panels])
    return figure


def lag(found: Mapping[str, xr.Dataset]) -> int:
    """Say how far back the samples were that results compare."""
    return int(json.loads(next(iter(found.values())).attrs["parameters"])["lag"])


def accuracies(ax: Axes, found: Mapping[str, xr.Dataset], label: str) -> None:
    """Draw one row per condition, the best first: mean, interval and seeds; grey: controls."""
    found = dict(sorted(found.items(), key=lambda item: -float(item[1].accuracy.mean())))
    frozen = next(name for name in found if name.endswith("-frozen"))
    ax.axvline(float(found[frozen].accuracy.mean()), color="#BBBBBB", lw=1, zorder=0)
    for row, (name, dataset) in enumerate(found.items()):
        kind = name.partition("-")[2]
        color = "instant" if kind == "exact" else "gate" if kind in MEMORIES else "control"
        mean, half = mean_and_interval(dataset.accuracy)
        shown = half if dataset.sizes["seed"] > 2 else None
        ax.errorbar(mean, row, xerr=shown, fmt="o", ms=4, color=style.COLORS[color])
        jitter = row + np.linspace(-0.2, 0.2, dataset.sizes["seed"])
        ax.plot(dataset.accuracy, jitter, ".", ms=2.5, color="#555555")
    ax.set(yticks=range(len(found)), xlabel=label, xlim=(0, 1))
    ax.set_yticklabels([dataset.attrs["label"] for dataset in found.values()], fontsize=6)
    ax.invert_yaxis()
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="lower right")


def sizes(found: Mapping[str, xr.Dataset]) -> dict[int, dict[int | None, xr.Dataset]]:
    """Sort results by lag and number of cells (none: exact memory)."""
    table: dict[int, dict[int | None, xr.Dataset]] = {}
    for name, dataset in found.items():
        match = re.fullmatch(r"\w+-lag-(\d+)-(\d+|exact)", name)
        if match:
            cells = None if match[2] == "exact" else int(match[2])
            table.setdefault(int(match[1]), {})[cells] = dataset
    return table


def against_cells(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Draw accuracy against the size of the memory, one line per lag; open: exact memory."""
    table = sizes(found)
    for (ago, row), color, marker in zip(table.items(), SHADES, MARKERS, strict=False):
        cells = [n for n in row if n is not None]
        values = np.stack([row[n].accuracy for n in cells], axis=1)
        style.band(ax, cells, values, label=f"lag {ago}", color=color, marker=marker, ms=3)
        if None in row:
            mean, half = mean_and_interval(row[None].accuracy)
            place = 2 * max(cells) * 1.08 ** list(table).index(ago)
            shown = half if row[None].sizes["seed"] > 2 else None
            ax.errorbar(place, mean, yerr=shown, fmt=marker, mfc="white", color=color, ms=4)
    ax.set(xscale="log", xlabel="Cells", ylabel="Test accuracy", ylim=(0, 1))
    ax.legend(loc="lower right", fontsize=6, ncols=2)
    style.state_n(ax, next(iter(found.values())).sizes["seed"], corner="upper left")


def against_recall(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Draw every seed's accuracy against what its memory recalls of random codes."""
    variable = "random_recall"
    for (ago, row), color, marker in zip(sizes(found).items(), SHADES, MARKERS, strict=False):
        chosen = [dataset for cells, dataset in row.items() if cells is not None]
        recall = [dataset[variable].values.reshape(dataset.sizes["seed"], -1) for dataset in chosen]
        points = np.concatenate([values[:, -1] for values in recall])
        accuracy = np.concatenate([dataset.accuracy for dataset in chosen])
        ax.plot(points, accuracy, marker, ms=3, color=color, label=f"lag {ago}")
    ax.set(xlabel="$R^2$ of recalled random codes, top layer", ylabel="Test accuracy", ylim=(0, 1))
    ax.legend(loc="lower right", fontsize=6, ncols=2)


def _against_cosine(
    ax: Axes, controls: Mapping[str, xr.Dataset], capacity: Mapping[str, xr.Dataset]
) -> None:
    """Draw accuracy against the signal's cosine in use, of reservoirs and of controls."""
    groups: Sequence[tuple[str, str, str, list[xr.Dataset]]] = (
        ("reservoirs", "gate", "o", [d for name, d in capacity.items() if "exact" not in name]),
        ("exact memory", "instant", "s", [d for name, d in capacity.items() if "exact" in name]),
        (
            "controls",
            "control",
            "^",
            [d for n, d in controls.items() if n[5:] not in ("exact", "reservoir", "frozen")],
        ),
    )
    for label, color, marker, chosen in groups:
        cosine = np.concatenate([dataset.top_cosine for dataset in chosen])
        accuracy = np.concatenate([dataset.accuracy for dataset in chosen])
        ax.plot(cosine, accuracy, marker, ms=3, color=style.COLORS[color], label=label)
    ax.set(xlabel="Cosine of the signal to the exact one", ylabel="Test accuracy", ylim=(0, 1))
    ax.legend(loc="lower right", fontsize=6)


FIGURES = (
    Figure(
        name="bottleneck_relational",
        needs=(
            "bottleneck/nback",
            "bottleneck/nback-capacity",
            "bottleneck/contiguity",
        ),
        caption=(
            "Digits learned without classes. (a) n-back: layers are told only whether a sample is "
            "of the class of the one some samples before; conditions differ in what stands for "
            "the remembered code. Line: frozen layers. (b) Contiguity: nothing is told, the stream "
            "stays eight samples in a class; in the last rows the beginnings of stays are told. "
            "(c) n-back against the size of the reservoir and the lag; open: exact memory. (d) The "
            "same networks, against what their reservoirs recall of random codes. (e) Accuracy "
            "against the cosine of the top layer's signal, in use, to that of an exact memory. "
            "Dots are seeds; means and 95% confidence intervals where there are three or more."
        ),
        draw=draw,
    ),
)
