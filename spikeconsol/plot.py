"""Pictures of memories, recordings, classifiers and trainings, in the style of the figures.

Each function draws into `ax`, or into axes of a new figure, and returns the axes::

    from spikeconsol import plot
    ax = plot.raster(memory.recording, patterns)
    ax.figure.savefig("raster.pdf")
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.figures import style
from spikeconsol.statistics import dice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from spikeconsol.brian.recording import Recording

__all__ = [
    "codes",
    "curvature",
    "fields",
    "learning",
    "plasticity",
    "raster",
    "recall_by_age",
    "weight_change",
    "weights",
]


@contextmanager
def _drawing(ax: Axes | None, width: float = style.ONE_COLUMN, height: float = 2.6) -> Iterator:
    """Give the axes asked for, or those of a new figure that a notebook shows."""
    import matplotlib as mpl

    with style.context():
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
        interactive = mpl.is_interactive()  # a notebook turns it on with its first figure
        yield ax
    mpl.interactive(interactive)


def _matrix(memory: Any, name: str) -> NDArray[np.float64]:
    values = memory if isinstance(memory, np.ndarray) else getattr(memory, name, None)
    if values is None:
        raise TypeError(
            f"memory: got {type(memory).__name__}; allowed: a memory with {name}, or a matrix"
        )
    values = values.toarray() if hasattr(values, "toarray") else np.asarray(values, float)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise ValueError(f"{name}: got shape {values.shape}; allowed: one square matrix")
    return values


def _order(patterns: ArrayLike | None, n: int) -> NDArray[np.intp]:
    """Cells by the first pattern that they belong to, then all others."""
    if patterns is None:
        return np.arange(n)
    patterns = np.asarray(patterns, bool)
    if patterns.ndim != 2 or patterns.shape[1] != n:
        raise ValueError(f"patterns: got shape {patterns.shape}; allowed: (patterns, {n})")
    first = np.where(patterns.any(axis=0), patterns.argmax(axis=0), len(patterns))
    return np.argsort(first, kind="stable")


def raster(
    recording: Recording,
    patterns: ArrayLike | None = None,
    *,
    order: str = "pattern",
    ax: Axes | None = None,
) -> Axes:
    """Draw the spikes of a recording, those of the shown pattern's cells apart from all others.

    Parameters
    ----------
    recording : Recording
        ``memory.recording`` after `store` or `recall`.
    patterns : array_like of bool, shape (slots, N), optional
        Pattern of each slot: what was stored, or what should be recalled.
    order : {"pattern", "index"}, optional
        Cells of the first pattern at the bottom, then of the second, ...; or as they are numbered.
    ax : matplotlib.axes.Axes, optional

    Returns
    -------
    matplotlib.axes.Axes
        Inhibitory volleys are the bars on top.
    """
    if order not in ("pattern", "index"):
        raise ValueError(f"order: got {order!r}; allowed: pattern, index")
    if recording is None:
        raise ValueError("recording: got None; allowed: one, after store or recall")
    place = np.argsort(_order(patterns if order == "pattern" else None, recording.n))
    times, cells, onsets = recording.times, recording.cells, recording.onsets
    member = np.zeros(len(times), bool)
    if patterns is not None:
        shown = np.asarray(patterns, bool)
        if len(shown) != len(onsets):
            raise ValueError(f"patterns: got {len(shown)}; allowed: one a slot, {len(onsets)}")
        slot = np.clip(np.searchsorted(onsets, times + 1e-6, side="right") - 1, 0, None)
        member = shown[slot, cells]
    with _drawing(ax, style.TWO_COLUMNS) as ax:
        groups = [(member, "gate", "cells of the pattern"), (~member, "leaky", "other cells")]
        if patterns is None:
            groups = [(~member, "gate", "spikes")]
        for inside, color, label in groups:
            ax.plot(
                times[inside],
                place[cells[inside]],
                "|",
                markersize=2.5,
                markeredgewidth=0.6,
                color=style.COLORS[color],
                label=label,
                rasterized=inside.sum() > 20_000,
            )
        top = recording.n
        ax.vlines(
            recording.inhibitory_times,
            top * 1.01,
            top * 1.04,
            color=style.COLORS["instant"],
            lw=0.5,
        )
        for onset in (*onsets, recording.end):
            ax.axvline(onset, color="#CCCCCC", linewidth=0.5, zorder=0)
        ordered = patterns is not None and order == "pattern"
        ax.set(
            xlabel="Time (s)",
            ylabel="Cell (ordered by pattern)" if ordered else "Cell",
            xlim=(0, recording.end),
            ylim=(-1, top * 1.05),
        )
        if patterns is not None:
            ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, markerscale=2)
    return ax


def weights(memory: Any, patterns: ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the weight matrix, cells of the same pattern side by side where patterns are given.

    Parameters
    ----------
    memory : SpikingMemory, HopfieldNetwork, CorticalMemory or ndarray, shape (N, N)
    patterns : array_like of bool, shape (P, N), optional
        The first ones order the cells.
    ax : matplotlib.axes.Axes, optional
    """
    return _map(_matrix(memory, "weights"), patterns, "Weight", ax)


def curvature(memory: Any, patterns: ArrayLike | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the curvature (Fisher information) of every pair, like `weights`."""
    return _map(_matrix(memory, "curvature"), patterns, "Curvature $p(1-p)$", ax)


def _map(values: NDArray, patterns: ArrayLike | None, label: str, ax: Axes | None) -> Axes:
    order = _order(patterns, len(values))
    values = values[np.ix_(order, order)]
    negative = values.min() < 0
    limit = np.abs(values).max() or 1.0
    with _drawing(ax, height=2.9) as ax:
        image = ax.imshow(
            values,
            cmap="RdBu_r" if negative else "cividis",
            vmin=-limit if negative else 0,
            vmax=limit,
            interpolation="nearest",
        )
        ordered = " (ordered by pattern)" if patterns is not None else ""
        ax.set(xlabel=f"Postsynaptic cell{ordered}", ylabel=f"Presynaptic cell{ordered}")
        ax.figure.colorbar(image, ax=ax, label=label)
    return ax


def recall_by_age(
    recalled: ArrayLike, patterns: ArrayLike, *, threshold: float = 0.9, ax: Axes | None = None
) -> Axes:
    """Draw how well each pattern is recalled against its age.

    Parameters
    ----------
    recalled, patterns : array_like of bool, shape (P, N)
        What came back, and what was stored, the newest last.
    threshold : float, optional
        Dice coefficient from which a pattern counts as recalled.
    ax : matplotlib.axes.Axes, optional
    """
    overlap = np.asarray(dice(recalled, patterns))[::-1]
    age = np.arange(len(overlap))
    block = max(1, len(overlap) // 12)
    edges = np.arange(0, len(overlap) + 1, block)
    kept = overlap >= threshold
    with _drawing(ax) as ax:
        ax.plot(age, overlap, ".", color=style.COLORS["rate"], markersize=3, label="each pattern")
        ax.plot(
            (edges[:-1] + edges[1:] - 1) / 2,
            [kept[a:b].mean() for a, b in itertools.pairwise(edges)],
            color=style.COLORS["gate"],
            label=f"fraction with Dice of at least {threshold:g}",
        )
        ax.set(
            xlabel="Age (patterns stored since)",
            ylabel="Dice coefficient, fraction",
            ylim=(0, 1.03),
        )
        ax.legend(loc="lower left")
        ax.set_title(f"{kept.sum()} of {len(kept)} recalled", loc="left")
    return ax


def weight_change(before: Any, after: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the relative change of weights against their size before.

    Parameters
    ----------
    before, after : memory or ndarray, shape (N, N)
        Two states; keep ``memory.weights.copy()`` for the first.
    ax : matplotlib.axes.Axes, optional
        Dots are synapses (2000 at most), the line is the median in ten classes of equal number.
    """
    first, second = _matrix(before, "weights"), _matrix(after, "weights")
    if first.shape != second.shape:
        raise ValueError(f"after: got shape {second.shape}; allowed: {first.shape}")
    there = np.abs(first) > 1e-6 * max(np.abs(first).max(), 1e-300)
    size = np.abs(first[there])
    change = np.abs(second[there] - first[there]) / size
    if len(size) < 10:
        raise ValueError(f"before: got {len(size)} weights above zero; allowed: at least 10")
    order = np.argsort(size)
    some = order[:: max(1, len(order) // 2000)]
    with _drawing(ax) as ax:
        ax.loglog(size[some], np.maximum(change[some], 1e-6), ".", ms=1.5, alpha=0.4,
                  color=style.COLORS["rate"], rasterized=True)  # fmt: skip
        parts = np.array_split(order, 10)
        ax.loglog(
            [np.median(size[part]) for part in parts],
            [max(np.median(change[part]), 1e-6) for part in parts],
            "o-",
            ms=3,
            color=style.COLORS["gate"],
            label="median",
        )
        ax.set(xlabel="Weight before", ylabel="Relative change")
        ax.legend()
    return ax


def fields(
    classifier: Any, *, shape: tuple[int, int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw what the first cells of a classifier's first layer listen to.

    Parameters
    ----------
    classifier : estimator
        A fitted one.
    shape : (int, int), optional
        Height and width of the images; by default they are square.
    ax : matplotlib.axes.Axes, optional
    """
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(classifier)
    first = np.asarray(classifier.network_.weights[0], float)  # the last row is a bias, if any
    inputs = classifier.n_features_in_
    first = first[:inputs]
    if shape is None:
        side = round(inputs**0.5)
        shape = (side, side)
    if shape[0] * shape[1] != inputs:
        raise ValueError(f"shape: got {shape}; allowed: with {inputs} pixels")
    count = min(first.shape[1], 32)
    columns = min(8, count)
    rows = -(-count // columns)
    gap = np.full((rows * (shape[0] + 1) - 1, columns * (shape[1] + 1) - 1), np.nan)
    for k in range(count):
        top, left = (k // columns) * (shape[0] + 1), (k % columns) * (shape[1] + 1)
        image = first[:, k].reshape(shape)
        gap[top : top + shape[0], left : left + shape[1]] = image / (np.abs(image).max() or 1)
    with _drawing(ax, style.TWO_COLUMNS, 0.8 * rows + 0.3) as ax:
        ax.imshow(gap, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        ax.set_title(f"{count} of {first.shape[1]} cells, each on its own scale", loc="left")
    return ax


def codes(classifier: Any, X: ArrayLike, y: ArrayLike, *, ax: Axes | None = None) -> Axes:
    """Draw the codes of samples in their two principal directions, coloured by class."""
    found = np.asarray(classifier.transform(X), float)
    centred = found - found.mean(axis=0)
    _, size, directions = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ directions[:2].T
    share = size[:2] ** 2 / (size**2).sum()
    with _drawing(ax, height=3.0) as ax:
        classes = np.unique(y)
        for k, label in enumerate(classes):
            inside = np.asarray(y) == label
            ax.plot(*flat[inside].T[:2], ".", ms=3, color=f"C{k % 10}", label=str(label))
        ax.set(
            xlabel=f"First direction ({100 * share[0]:.0f}% of variance)",
            ylabel=f"Second direction ({100 * share[1]:.0f}%)",
        )
        ax.legend(title="class", loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
    return ax


def _of_training(training: Any, name: str) -> Any:
    if not hasattr(training, name):
        raise TypeError(f"training: got {type(training).__name__}; allowed: a Training")
    return getattr(training, name)


def plasticity(training: Any, *, run: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw fixed weights (top) and plasticity coefficients (bottom) of a training's best run.

    Parameters
    ----------
    training : Training
        Its parameters ``w`` and ``alpha`` are drawn, each on its own scale.
    run : int, optional
        By default the run with the smallest error.
    ax : matplotlib.axes.Axes, optional
    """
    missing = {"w", "alpha"} - set(_of_training(training, "parameters"))
    if missing:
        raise ValueError(
            f"training: got one without {' and '.join(sorted(missing))}; allowed: a network with "
            "plastic connections"
        )
    run = int(np.argmin(training.test_error)) if run is None else run
    if not 0 <= run < training.runs:
        raise ValueError(f"run: got {run}; allowed: 0 to {training.runs - 1}")
    blocks = []
    for name in ("w", "alpha"):
        values = np.atleast_2d(np.asarray(training.parameters[name][run], float))
        blocks.append(values / (np.abs(values).max() or 1))
    rows, columns = blocks[0].shape
    with _drawing(ax, height=2.2) as ax:
        both = np.vstack([blocks[0], np.full((1, columns), np.nan), blocks[1]])
        ax.imshow(both, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
        ax.set_yticks([(rows - 1) / 2, rows + 1 + (rows - 1) / 2], ["$w$", r"$\alpha$"])
        ax.set(xlabel="Input")
        ax.set_title(f"run {run}, each on its own scale", loc="left")
    return ax


def learning(training: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the error of all runs over episodes: median and the middle half."""
    errors = np.asarray(_of_training(training, "errors"), float)
    block = max(1, len(errors) // 100)
    used = errors[: len(errors) // block * block]
    smooth = used.reshape(-1, block, errors.shape[1]).mean(axis=1)
    episode = (np.arange(len(smooth)) + 0.5) * block
    low, middle, high = np.quantile(smooth, (0.25, 0.5, 0.75), axis=1)
    with _drawing(ax) as ax:
        ax.fill_between(episode, low, high, color=style.COLORS["gate"], alpha=0.2, lw=0)
        ax.plot(episode, middle, color=style.COLORS["gate"])
        ax.set(xlabel="Episode", ylabel="Error per scored step", ylim=(0, None))
        runs = errors.shape[1]
        ax.set_title(f"median and quartiles of {runs} run{'s' * (runs > 1)}", loc="left")
    return ax
