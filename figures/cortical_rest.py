"""What becomes of assemblies in a rest: left alone, or half of them cued again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

#: Condition, first assembly and step of the half that is drawn, label, colour, line style.
HALVES = (
    ("alone", slice(None), "left alone", "instant", "-"),
    ("whole", slice(0, None, 2), "whole cues: cued", "gate", "-"),
    ("whole", slice(1, None, 2), "the others", "gate", ":"),
    ("cued", slice(0, None, 2), "damaged cues: cued", "bounds", "-"),
    ("cued", slice(1, None, 2), "the others", "bounds", ":"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Draw what is recalled after every part of the rest, and the weights within assemblies."""
    found = results["cortical-memory/rest"]
    figure, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=2)
    for name, half, label, color, line in HALVES:
        dataset = found[name].isel(assembly=half)
        kept = 100 * (dataset.dice >= 0.8).mean("assembly")
        parts = np.arange(dataset.sizes["part"])
        options = {"color": style.COLORS[color], "ls": line, "label": label}
        axes[0].plot(parts, kept.mean("seed"), **options)
        # Intervals of three networks that go from all to nothing would hide the lines.
        axes[0].plot(parts, kept.T, ".", ms=3, color=options["color"], alpha=0.6)
        style.band(axes[1], parts, dataset.weight.mean("assembly"), **options)
    axes[0].set(ylabel="Recalled (% of assemblies)", ylim=(-3, 103))
    axes[1].set(ylabel="Mean weight within an assembly", ylim=(0, 1))
    for ax in axes:
        ax.set(xlabel="Parts of the rest (5 s each, and cues)")
    axes[1].legend(loc="lower left")
    style.panel_labels(axes)
    return figure


FIGURES = (
    Figure(
        name="cortical_rest",
        needs=("cortical-memory/rest",),
        caption=(
            "Sixteen assemblies in an always-on network that rests. (a) Recalled at a Dice "
            "coefficient of 0.8, on branches, after every 5 s: left alone; or half of the "
            "assemblies cued again after each, by whole cues or by damaged ones (8 s of cues), and "
            "the other half; dots are seeds. (b) Mean weight within assemblies, 95% confidence "
            "intervals. n = {n} seeds."
        ),
        draw=draw,
    ),
)
