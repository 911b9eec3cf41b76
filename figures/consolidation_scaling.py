"""Lifetime against the size of the network for models of synaptic memory, beside theory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, figure, panel_labels, state_n
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NEED = "consolidation-rules/scaling"
LINES = (
    ("rate-curvature-gate", "curvature gate", "gate", "-", "o"),
    ("rate-refreshed-gate", "refreshed gate", "gate", ":", "P"),
    ("rate-depression-gate-searched", "depression gate", "accent", "-", "X"),
    ("rate-timer", "timer", "shuffled", "-", "s"),
    ("rate-mas", "memory aware synapses", "rate", "-", "s"),
    ("rate-hard-bounds", "hard bounds", "bounds", "-", "^"),
    ("rate-leaky", "leaky", "leaky", "-", "v"),
    ("limit-covariance", "covariance, batch", "instant", "--", "D"),
    ("limit-willshaw", "Willshaw, batch", "control", "--", "D"),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Draw P90 against N at a fixed coding level and at a fixed number of active units."""
    found = results[NEED]
    fig, axes = figure(TWO_COLUMNS, 3.0, columns=2)
    for ax, way, title in zip(axes, "fk", ("f = 0.05", "k = 10 active units"), strict=True):
        theory: dict[int, tuple[float, float]] = {}
        for stem, label, color, line, marker in LINES:
            sizes = sorted(
                int(name.rsplit("-", 1)[1]) for name in found if name.startswith(f"{stem}-{way}-")
            )
            if not sizes:
                continue
            cases = [found[f"{stem}-{way}-{size:04d}"] for size in sizes]
            values = np.stack([case.p90.values for case in cases], axis=1)
            mean, half = mean_and_interval(values)
            style = {"color": COLORS[color], "ls": line, "marker": marker, "ms": 3}
            ax.errorbar(sizes, mean, half, label=label, elinewidth=0.7, lw=1.1, **style)
            for size, case in zip(sizes, cases, strict=True):
                theory[size] = float(case.binary[0]), float(case.mean_field[0])
        if not theory:
            continue
        sizes = sorted(theory)
        binary, mean_field = np.array([theory[size] for size in sizes]).T
        for values, dashes, label in (
            (binary, (0, (1, 1)), "ln 2 / $f^2$"),
            (mean_field, (0, (3, 1)), "mean field of covariance"),
        ):
            ax.plot(sizes, values, color="#999999", lw=0.8, ls=dashes, label=label)
        ax.set(xscale="log", yscale="log", xlabel="Number of units N", title=title)
        ax.set_xticks(sizes, [str(size) for size in sizes])
        ax.set_ylim(20, 1500)
        ax.set_yticks((ticks := [20, 50, 100, 200, 500, 1000]), [str(tick) for tick in ticks])
        ax.minorticks_off()
    axes[0].set(ylabel="Lifetime P90 (patterns)")
    axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=6)
    state_n(axes[0], next(iter(found.values())).sizes["seed"], corner="upper left")
    panel_labels(axes)
    return fig


FIGURES = (
    Figure(
        name="consolidation_scaling",
        needs=(NEED,),
        caption=(
            "How long models of synaptic memory remember, against the number of units, each with "
            "its memory and its recall searched again at every size. (a) At a fixed share of "
            "active units. (b) At a fixed number of them. Dashed: limits that see all patterns "
            "together; grey: theory. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
