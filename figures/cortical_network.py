"""The cortical network at work: assemblies stored and recalled, and one synapse through time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from spikeconsol.figures import style
from spikeconsol.lab import Figure

#: Inhibitory cells, and excitatory ones of no assembly shown, that the rasters have room for.
SAMPLE = 40
BIN = 0.01
WIDTH = 3


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Rasters and rates of storage and recall; below, what came of a synapse."""
    example = results["cortical-memory/stream"]["gate"]
    fig, axes = style.figure(
        style.TWO_COLUMNS,
        5.2,
        mosaic=[
            ["store", "recall"],
            ["store_rate", "recall_rate"],
            ["synapse", "synapse"],
        ],
        height_ratios=[2.2, 0.8, 1.2],
    )
    order, groups = _order(example)
    for phase in ("store", "recall"):
        _raster(axes[phase], example, order, phase)
        _rates(axes[f"{phase}_rate"], example, phase)
        axes[phase].tick_params(labelbottom=False)
        axes[phase].sharex(axes[f"{phase}_rate"])
    _name_groups(axes["store"], groups)
    axes["recall"].set_yticks([])
    count = example.sizes["slot"]
    axes["store"].set_title(f"{count} assemblies, each shown once", pad=8)
    axes["recall"].set_title("The same, from damaged cues", pad=8)
    axes["store_rate"].set_ylabel("Rate (Hz)")
    _synapse(axes["synapse"], example)
    style.panel_labels([axes[name] for name in ("store", "recall", "synapse")])
    return fig


def _order(example: xr.Dataset) -> tuple[NDArray[np.int64], list[tuple[str, int]]]:
    """Row of every excitatory cell, -1 where it has none; names and ends of groups of rows."""
    patterns = example.example_pattern.values.astype(bool)
    rows = np.full(patterns.shape[1], -1)
    end, groups = 0, []
    for number, pattern in enumerate(patterns, start=1):
        cells = np.flatnonzero(pattern & (rows < 0))
        rows[cells] = end + np.arange(len(cells))
        end += len(cells)
        groups.append((f"assembly {number}", end))
    others = np.flatnonzero(rows < 0)[:: max(1, (rows < 0).sum() // (2 * SAMPLE))][: 2 * SAMPLE]
    rows[others] = end + np.arange(len(others))
    end += len(others)
    groups.append(("other E", end))
    groups.append(("I", end + SAMPLE))
    return rows, groups


def _raster(ax: Axes, example: xr.Dataset, rows: NDArray[np.int64], phase: str) -> None:
    patterns, cues = (example[f"example_{name}"].values.astype(bool) for name in ("pattern", "cue"))
    slot = float(example[f"slot_{phase}"])
    times = example[f"{phase}_time"].values
    cells = example[f"{phase}_cell"].values
    shown = (patterns if phase == "store" else cues)[
        np.minimum(times // slot, 2).astype(int), cells
    ]
    stimulated = shown & (times % slot < (0.4 if phase == "store" else 0.1))
    inside = rows[cells] >= 0
    dots: dict[str, Any] = {"s": 0.5, "linewidths": 0, "rasterized": True}
    for chosen, color, label in (
        (inside & ~stimulated, style.COLORS["instant"], "E"),
        (inside & stimulated, style.COLORS["leaky"], "E, stimulated"),
    ):
        ax.scatter(times[chosen], rows[cells[chosen]], color=color, label=label, **dots)
    cells, times = (example[f"{phase}_inhibitory_{name}"].values for name in ("cell", "time"))
    few = cells < SAMPLE
    top = int(np.max(rows)) + 1
    ax.scatter(times[few], top + cells[few], color=style.COLORS["gate"], label="I", **dots)
    ax.set(ylim=(-1, top + SAMPLE), xlim=(0, len(patterns) * slot))
    if phase == "recall":
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), markerscale=6)


def _name_groups(ax: Axes, groups: list[tuple[str, int]]) -> None:
    ends = np.array([0, *(end for _, end in groups)])
    ax.set_yticks((ends[1:] + ends[:-1]) / 2, [name for name, _ in groups])
    ax.tick_params(axis="y", length=0)
    for end in ends[1:-1]:
        ax.axhline(end - 0.5, color="#CCCCCC", linewidth=0.5)


def _rates(ax: Axes, example: xr.Dataset, phase: str) -> None:
    """Rates of the three assemblies, and of the inhibitory cells."""
    patterns = example.example_pattern.values.astype(bool)
    end = len(patterns) * float(example[f"slot_{phase}"])
    edges = np.arange(0, end + BIN / 2, BIN)
    times, cells = example[f"{phase}_time"].values, example[f"{phase}_cell"].values
    kernel = np.ones(WIDTH) / WIDTH
    for number, (pattern, color) in enumerate(
        zip(patterns, ("leaky", "accent", "shuffled"), strict=False), start=1
    ):
        counts, _ = np.histogram(times[pattern[cells]], edges)
        rate = np.convolve(counts / BIN / pattern.sum(), kernel, mode="same")
        ax.plot(edges[:-1], rate, color=style.COLORS[color], lw=0.9, label=f"assembly {number}")
    counts, _ = np.histogram(example[f"{phase}_inhibitory_time"].values, edges)
    rate = np.convolve(counts / BIN / (patterns.shape[1] // 4), kernel, mode="same")
    ax.plot(edges[:-1], rate, color=style.COLORS["gate"], lw=0.9, label="I")
    ax.set(xlabel="Time (s)", xlim=(0, end), ylim=(0, None))
    if phase == "recall":
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.1))


def _synapse(ax: Axes, example: xr.Dataset) -> None:
    shown, trace = example.shown.values, example.example_gate_trace.values
    threshold = float(example.trace_threshold)
    ax.plot(shown, example.example_weight, color=style.COLORS["gate"], label="weight")
    ax.plot(
        shown,
        example.example_mean_weight,
        color=style.COLORS["gate"],
        ls="--",
        lw=0.9,
        label="mean weight\ninside the assembly",
    )
    ax.plot(shown, trace, color=style.COLORS["bounds"], label="trace that\nthe gate reads")
    ax.axhline(threshold, color=style.COLORS["bounds"], lw=0.6, ls=":")
    ax.fill_between(
        shown,
        0,
        1.05,
        where=trace > threshold,
        color=style.COLORS["bounds"],
        alpha=0.12,
        lw=0,
        label="gate closed",
    )
    ax.set(
        xlabel="Time since the assembly was first shown (s); another assembly each second",
        ylabel="Weight, trace",
        ylim=(0, 1.05),
        xlim=(shown[0], shown[-1]),
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


FIGURES = (
    Figure(
        name="cortical_network",
        needs=("cortical-memory/stream",),
        caption=(
            "The cortical network at work: the same dynamics, always plastic, in storage and "
            "recall. (a) The three newest assemblies are shown, each once for 400 ms; below, "
            "rates of the three and of the inhibitory cells. Cells of two assemblies are drawn in"
            " the first. (b) 100 ms cues of the same assemblies, with 40% of the cells deleted "
            "and 10% spurious ones added, on a branch of the state: the assembly completes, is "
            "held by slow excitation and ends by adaptation. (c) A synapse inside an assembly "
            "that was shown once, while others follow: its weight, the mean of all weights "
            "inside, and the trace that closes its gate (shaded). One network, n = 1."
        ),
        draw=draw,
    ),
)
