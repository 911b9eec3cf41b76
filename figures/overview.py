"""The spiking memory in one picture: its network, its rule, and what it keeps."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Circle

from spikeconsol.figures import recall_against_age, store_and_recall, style
from spikeconsol.lab import Figure

#: Curves of panel d: the rule, tuned controls, and a gate that reads the wrong synapse.
CURVES = tuple(curve for curve in recall_against_age.RATE if curve[0] != "leaky")


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Network, a recalled sequence, one synapse, and the fraction recalled against age."""
    found = results["sequential-memory"]
    example = found["spiking-curvature-gate"]
    fig, axes = style.figure(
        style.TWO_COLUMNS,
        4.2,
        mosaic=[["network", "recall"], ["synapse", "kept"]],
        width_ratios=[1, 1.35],
    )
    _network(axes["network"])
    store_and_recall.raster(axes["recall"], example, "recall", float(example.slot_recall))
    axes["recall"].set_title("Recall from damaged cues", loc="left", pad=12)
    axes["recall"].set_ylabel("Cell (ordered by pattern)")
    store_and_recall.synapse(axes["synapse"], example)
    axes["synapse"].set_title("One synapse: held while it matters", loc="left")
    axes["synapse"].set_xlabel("Patterns since the cells fired together")
    for name, label, color, line in CURVES:
        drawn = recall_against_age.curve(axes["kept"], found[f"spiking-{name}"], color, line)
        drawn.set_label(label)
    axes["kept"].set_title("What is kept", loc="left")
    axes["kept"].set(xlabel="Age (patterns stored since)", ylabel="Fraction recalled")
    axes["kept"].set(xlim=(0, 240), ylim=(0, 1.18), yticks=[0, 0.2, 0.4, 0.6, 0.8, 1])
    axes["kept"].legend(loc="lower left", bbox_to_anchor=(0.0, 0.1))
    style.state_n(axes["kept"], example.sizes["seed"], corner="upper right")
    style.panel_labels([axes[name] for name in ("network", "recall", "synapse", "kept")])
    return fig


def _network(ax: Axes) -> None:
    """Excitatory cells that excite one another, and the inhibition that they share."""
    ax.set(xlim=(0, 10), ylim=(0, 8), aspect="equal")
    ax.set_title("Network", loc="left", pad=12)
    ax.axis("off")
    excitatory = [(2.1, 6.3), (4.3, 7.0), (6.4, 6.2), (3.1, 4.3), (5.5, 4.0)]
    active = (0, 1, 3)
    for k, place in enumerate(excitatory):
        inside = k in active
        for m, other in enumerate(excitatory):
            if k != m:
                together = inside and m in active
                color, width = (style.COLORS["gate"], 1.4) if together else ("#C8C8C8", 0.5)
                _arrow(ax, place, other, color, width, zorder=1 + together)
        color = style.COLORS["gate"]
        ax.add_patch(Circle(place, 0.42, fc=color if inside else "white", ec=color, zorder=3))
    ax.add_patch(Circle((4.2, 1.1), 0.5, color=style.COLORS["leaky"], zorder=3))
    _arrow(ax, (3.4, 3.9), (3.8, 1.3), style.COLORS["gate"], 1.2)
    _arrow(ax, (4.6, 1.3), (5.2, 3.7), style.COLORS["leaky"], 1.2, head="-[,widthB=0.25,lengthB=0")
    for x, y, text in (
        (7.2, 7.0, "cells of a pattern\n(filled) and others"),
        (7.2, 4.3, "plastic synapses"),
        (5.0, 0.75, "shared inhibition"),
    ):
        ax.text(x, y, text, fontsize=7, va="center")


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    width: float,
    *,
    head: str = "-|>",
    zorder: int = 2,
) -> None:
    drawn = {"arrowstyle": head, "connectionstyle": "arc3,rad=0.12", "mutation_scale": 5}
    near = {"shrinkA": 7, "shrinkB": 7, "color": color, "lw": width, "zorder": zorder}
    ax.annotate("", end, start, arrowprops=drawn | near)


FIGURES = (
    Figure(
        name="overview",
        needs=("sequential-memory",),
        caption=(
            "The spiking memory. (a) Excitatory cells excite one another through plastic synapses, "
            "and all excite and hear one inhibitory unit. (b) Recall of four patterns from cues "
            "with 20% of the cells deleted and 20% spurious cells added. (c) The rule: a synapse "
            "whose cells fire together once jumps, and its coincidence trace, from which its "
            "curvature follows, holds it (shaded) until the trace has decayed below the threshold "
            "(dotted). (d) Fraction recalled against age beside tuned controls; means over blocks "
            "of 10 ages and 95% confidence bands over n = {n} seeds."
        ),
        draw=draw,
    ),
)
