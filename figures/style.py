"""The look of all figures: widths, colours and the few forms that they share.

Nothing here touches matplotlib's global state: figures are made without pyplot, and the style
sheet is in force only inside `context`, in which the pipeline draws and saves.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from spikeconsol.statistics import mean_and_interval

__all__ = [
    "COLORS",
    "ONE_COLUMN",
    "TWO_COLUMNS",
    "band",
    "context",
    "figure",
    "panel_label",
    "panel_labels",
    "points",
    "state_n",
]

#: Widths of a journal's columns in inches.
ONE_COLUMN = 3.35
TWO_COLUMNS = 6.9

#: Colours that stay apart for colour-blind readers (Okabe and Ito 2008) and in grey.
COLORS = {
    "gate": "#0072B2",
    "instant": "#000000",
    "leaky": "#D55E00",
    "shuffled": "#CC79A7",
    "bounds": "#E69F00",
    "control": "#7F7F7F",
    "rate": "#56B4E9",
    "spiking": "#0072B2",
    "accent": "#009E73",
}


def context() -> AbstractContextManager[None]:
    """Put the style sheet in force for the length of a ``with`` block."""
    return matplotlib.style.context(
        ["default", str(Path(__file__).with_name("spikeconsol.mplstyle"))]
    )


def figure(
    width: float,
    height: float,
    *,
    rows: int = 1,
    columns: int = 1,
    mosaic: Any = None,
    **options: Any,
) -> tuple[Figure, Any]:
    """Make a figure of a given size and its axes, laid out without overlaps.

    Parameters
    ----------
    width, height : float
        Size in inches; see `ONE_COLUMN` and `TWO_COLUMNS`.
    rows, columns : int, optional
        Grid of axes.
    mosaic : str or sequence of sequences of str, optional
        Named axes in place of a grid, as in `matplotlib.figure.Figure.subplot_mosaic`.
    **options
        Passed on to `subplots` or `subplot_mosaic`, for example ``width_ratios`` or ``sharey``.

    Returns
    -------
    figure : matplotlib.figure.Figure
    axes : Axes, ndarray of Axes or dict of Axes
        One Axes, an array for a grid, a dictionary for a mosaic.
    """
    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(drawing)
    if mosaic is not None:
        return drawing, drawing.subplot_mosaic(mosaic, **options)
    return drawing, drawing.subplots(rows, columns, **options)


def band(
    ax: Axes,
    x: ArrayLike,
    values_over_seeds: ArrayLike,
    *,
    label: str | None = None,
    color: str | None = None,
    **line: Any,
) -> Line2D:
    """Draw the mean over seeds as a line and its 95% confidence interval as a band.

    Parameters
    ----------
    ax : Axes
    x : array_like, shape (points,)
    values_over_seeds : array_like, shape (seeds, points)
        With fewer than three seeds there is no band: thin lines show each.
    label, color : str, optional
        `color` is a name in `COLORS` or any colour of matplotlib.
    **line
        Passed on to `Axes.plot`.
    """
    mean, half = mean_and_interval(values_over_seeds)
    (drawn,) = ax.plot(x, mean, label=label, color=COLORS.get(color or "", color), **line)
    if len(np.asarray(values_over_seeds)) < 3:
        thin = {**line, "lw": 0.5, "alpha": 0.5}
        ax.plot(x, np.asarray(values_over_seeds).T, color=drawn.get_color(), **thin)
    elif np.isfinite(half).any():
        ax.fill_between(
            np.asarray(x), mean - half, mean + half, color=drawn.get_color(), alpha=0.2, lw=0
        )
    return drawn


def points(
    ax: Axes,
    x: ArrayLike,
    values_over_seeds: Sequence[ArrayLike],
    *,
    color: str,
    marker: str = "o",
    ms: float = 3,
    **line: Any,
) -> None:
    """Draw means over seeds as points and their 95% confidence intervals as bars.

    Parameters
    ----------
    ax : Axes
    x : array_like, shape (points,)
    values_over_seeds : sequence of array_like, each of shape (seeds,)
        As many for each point as there happen to be; with one there is no bar.
    color : str
        Name in `COLORS`.
    marker, ms
        As for `Axes.plot`.
    **line
        Passed on to `Axes.errorbar`; ``ls="none"`` leaves points unjoined.
    """
    means, halves = zip(*map(mean_and_interval, values_over_seeds), strict=True)
    bars = np.nan_to_num(halves)
    ax.errorbar(x, means, bars, color=COLORS[color], marker=marker, ms=ms, **line)


def panel_label(ax: Axes, letter: str) -> None:
    """Write a bold panel letter outside the upper left corner of the axes."""
    ax.annotate(
        letter,
        xy=(0, 1),
        xycoords="axes fraction",
        xytext=(-24, 6),
        textcoords="offset points",
        fontsize=9,
        fontweight="bold",
        ha="left",
        va="bottom",
        annotation_clip=False,
    )


def panel_labels(axes: ArrayLike) -> None:
    """Letter panels a, b, c and so on, row by row."""
    for ax, letter in zip(np.ravel(axes), ascii_lowercase, strict=False):
        panel_label(ax, letter)


def state_n(ax: Axes, n: int, *, corner: str = "lower right") -> None:
    """Say in a corner of the axes how many seeds are behind the bands."""
    vertical, horizontal = corner.split()
    text = {1: "n = 1 seed", 2: "n = 2 seeds, mean and each"}.get(n, f"n = {n} seeds, 95% CI")
    ax.text(
        {"left": 0.02, "right": 0.98}[horizontal],
        {"lower": 0.03, "upper": 0.97}[vertical],
        text,
        transform=ax.transAxes,
        ha=horizontal,
        va={"lower": "bottom", "upper": "top"}[vertical],
        fontsize=6,
        color="#555555",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )
