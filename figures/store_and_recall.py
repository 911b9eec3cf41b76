"""A store-and-recall sequence of the spiking memory, and one synapse over its protection time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Rasters of storage and recall above, weight and trace of a synapse below."""
    example = results["sequential-memory"]["spiking-curvature-gate"]
    fig, axes = style.figure(
        style.TWO_COLUMNS,
        4.3,
        mosaic=[["store", "recall"], ["synapse", "synapse"]],
        height_ratios=[1.5, 1],
        width_ratios=[1, 1.5],
    )
    raster(axes["store"], example, "store", float(example.slot_store))
    raster(axes["recall"], example, "recall", float(example.slot_recall))
    axes["store"].set_ylabel("Cell (ordered by pattern)")
    axes["recall"].set_title("Recall from damaged cues", pad=12)
    axes["store"].set_title("Storage of four patterns", pad=12)
    axes["recall"].tick_params(labelleft=False)
    synapse(axes["synapse"], example)
    style.panel_labels([axes[name] for name in ("store", "recall", "synapse")])
    return fig


def _order(example: xr.Dataset) -> np.ndarray:
    """Rank of every cell, cells of the first pattern at the bottom, then of the second, ..."""
    patterns = example.example_pattern.values.astype(bool)
    first = np.where(patterns.any(axis=0), patterns.argmax(axis=0), len(patterns))
    return np.argsort(np.argsort(first, kind="stable"), kind="stable")


def raster(ax: Axes, example: xr.Dataset, phase: str, slot: float) -> None:
    """Spikes of one phase, cells of the same pattern side by side."""
    order = _order(example)
    patterns = example.example_pattern.values.astype(bool)
    cues = example.example_cue.values.astype(bool)
    times, cells = example[f"{phase}_time"].values, example[f"{phase}_cell"].values
    shown = 4 * len(patterns[0]) // 16  # the cells of the four patterns and some others
    owner = np.minimum(np.floor(times / slot + 1e-6).astype(int), len(patterns) - 1)
    member = patterns[owner, cells]
    for inside, color, label in (
        (member, "gate", "cells of the pattern"),
        (~member, "leaky", "other cells"),
    ):
        ax.scatter(
            times[inside],
            order[cells[inside]],
            s=2.5,
            marker="|",
            linewidths=0.6,
            color=style.COLORS[color],
            label=label,
        )
    if phase == "recall":
        for number, cue in enumerate(cues):
            ax.hlines(
                order[np.flatnonzero(cue)],
                number * slot,
                number * slot + 0.05,
                color=style.COLORS["accent"],
                linewidth=1.6,
                alpha=0.6,
                label="cue" if number == 0 else "_",
            )
        ax.vlines(
            example.volley_time,
            shown,
            shown * 1.04,
            color=style.COLORS["instant"],
            linewidth=0.5,
            label="inhibitory volley",
            clip_on=False,
        )
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for number in range(len(patterns) + 1):
        ax.axvline(number * slot, color="#CCCCCC", linewidth=0.5, zorder=0)
    ax.set(xlabel="Time (s)", xlim=(0, len(patterns) * slot), ylim=(-1, shown))


def synapse(ax: Axes, example: xr.Dataset) -> None:
    """Weight and trace of a synapse whose cells fire together once."""
    threshold = float(example.trace_threshold)
    presentation = example.presentation
    trace, weight = example.example_trace, example.example_weight
    ax.plot(presentation, weight, color=style.COLORS["gate"], label="weight")
    ax.set(xlabel="Presentations since the two cells were active together", ylabel="Weight")
    ax.set(ylim=(0, 1.05), xlim=(presentation[0], presentation[-1]))
    right = ax.twinx()
    right.spines["right"].set_visible(True)
    right.semilogy(
        presentation, np.maximum(trace, 1e-6), color=style.COLORS["bounds"], label="trace"
    )
    right.axhline(threshold, color=style.COLORS["bounds"], linewidth=0.6, linestyle=":")
    right.set(ylabel="Coincidence trace", ylim=(threshold / 20, 2))
    closed = trace.values > threshold
    ax.fill_between(
        presentation,
        0,
        1.05,
        where=closed,
        color=style.COLORS["bounds"],
        alpha=0.12,
        lw=0,
        step="mid",
    )
    ax.text(
        float(presentation[closed].mean()),
        0.5,
        "consolidated",
        ha="center",
        fontsize=7,
        color=style.COLORS["control"],
    )
    ax.legend(
        [*ax.get_lines(), right.get_lines()[0]],
        ["weight", "trace"],
        loc="lower left",
        bbox_to_anchor=(0.06, 0.05),
    )


FIGURES = (
    Figure(
        name="store_and_recall",
        needs=("sequential-memory",),
        caption=(
            "Spiking memory in steady state. (a) Spikes while four patterns are stored, each shown "
            "once for 250 ms. (b) Recall of the same patterns from cues with 20% of the cells "
            "deleted and 20% spurious cells added: the cue is on for 50 ms, then the network is on "
            "its own; bars on top are volleys of the inhibitory unit. The tonic drive of recall "
            "makes every cell fire once at its start; such single spikes find no facilitation and "
            "are not transmitted. (c) A synapse whose two "
            "cells coincide once: its weight jumps, its coincidence trace jumps with it and decays "
            "over the next presentations; while the trace is above the threshold (dotted) the "
            "synapse is consolidated (shaded). One network of n = {n}."
        ),
        draw=draw,
    ),
)
