"""What a sweep shows, drawn: a line with its interval over one parameter, a heat map over two."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from spikeconsol.lab.table import heading
from spikeconsol.statistics import mean_and_interval

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["sweep_pictures"]

#: Conditions of a heat map side by side, and columns that are drawn.
_MOST_MAPS, _MOST_COLUMNS = 4, 3


def sweep_pictures(
    datasets: Sequence[xr.Dataset],
    points: Sequence[Mapping[str, Any]],
    names: Mapping[str, str],
    columns: Sequence[str],
) -> Iterator[tuple[bytes, str]]:
    """Draw the first columns of a sweep over one or two parameters of numbers.

    Parameters
    ----------
    datasets : sequence of xarray.Dataset
        One result of each condition at each point.
    points : sequence of mapping
        The swept values of each.
    names : mapping of str to str
        What the axes are called.
    columns : sequence of str
        Variables of dims ``("seed",)``.

    Yields
    ------
    (bytes, str)
        PNG file and caption.
    """
    axes = [key for key in names if len({point.get(key) for point in points}) > 1]
    values = [point.get(key) for point in points for key in axes]
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
    if len(axes) not in (1, 2) or not numbers:
        return
    from spikeconsol.figures import style

    by_label: dict[str, list[int]] = {}
    for index, dataset in enumerate(datasets):
        parts = (dataset.attrs.get("level", ""), dataset.attrs.get("label", ""))
        by_label.setdefault(", ".join(filter(None, map(str, parts))), []).append(index)
    n = min(dataset.sizes["seed"] for dataset in datasets)
    for name in columns[:_MOST_COLUMNS]:
        summary = [mean_and_interval(dataset[name].values) for dataset in datasets]
        found = np.array(summary, float)  # mean and half-width of each
        places = np.array([[float(point[key]) for key in axes] for point in points])
        title = heading(datasets[0][name])
        with style.context():
            if len(axes) == 1:
                drawing = _lines(style, by_label, places[:, 0], found)
                drawing.axes[0].set(xlabel=names[axes[0]], ylabel=title)
                what = f"{title} against {names[axes[0]]}; mean and 95% CI over {n} seeds."
            else:
                drawing = _maps(by_label, places, found[:, 0], [names[key] for key in axes], title)
                over = " and ".join(names[key] for key in axes)
                what = f"{title} over {over}; mean of {n} seeds."
            image = io.BytesIO()
            drawing.savefig(image, format="png", dpi=200, metadata={"Software": None})
        yield image.getvalue(), what


def _lines(
    style: Any, by_label: Mapping[str, Sequence[int]], x: np.ndarray, found: np.ndarray
) -> Any:
    drawing, ax = style.figure(style.ONE_COLUMN, 2.6)
    for label, indices in by_label.items():
        order = sorted(indices, key=lambda index: x[index])
        mean, half = found[order].T
        (line,) = ax.plot(x[order], mean, marker="o", markersize=3, label=label)
        ax.fill_between(x[order], mean - half, mean + half, alpha=0.2, color=line.get_color())
    ax.legend()
    return drawing


def _maps(
    by_label: Mapping[str, Sequence[int]],
    places: np.ndarray,
    mean: np.ndarray,
    names: Sequence[str],
    title: str,
) -> Any:
    from matplotlib.figure import Figure

    shown = dict(list(by_label.items())[:_MOST_MAPS])
    ticks = [np.unique(places[:, axis]) for axis in (0, 1)]
    drawing = Figure(figsize=(1 + 2.2 * len(shown), 2.6), layout="constrained")
    low, high = np.nanmin(mean), np.nanmax(mean)
    for ax, (label, indices) in zip(
        np.atleast_1d(drawing.subplots(1, len(shown), sharey=True)), shown.items(), strict=True
    ):
        grid = np.full((len(ticks[1]), len(ticks[0])), np.nan)
        for index in indices:
            column, row = (np.searchsorted(ticks[axis], places[index, axis]) for axis in (0, 1))
            grid[row, column] = mean[index]
        image = ax.imshow(grid, origin="lower", aspect="auto", vmin=low, vmax=high, cmap="viridis")
        ax.set(xlabel=names[0], title=label)
        ax.set_xticks(range(len(ticks[0])), [f"{tick:g}" for tick in ticks[0]], rotation=45)
        ax.set_yticks(range(len(ticks[1])), [f"{tick:g}" for tick in ticks[1]])
    drawing.axes[0].set_ylabel(names[1])
    drawing.colorbar(image, ax=drawing.axes, label=title)
    return drawing
