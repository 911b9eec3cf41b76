"""Capacity against coding level and network size, beside theory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import TWO_COLUMNS, band, figure, panel_labels, state_n
from spikeconsol.lab import Figure

LEVEL, SIZE = "curvature-capacity/coding-level", "curvature-capacity/size"
LINES = (
    ("instant", "blank", "batch covariance", "instant", "-"),
    ("smooth-gate", "steady", "smooth curvature gate", "rate", "-"),
    ("curvature-gate", "steady", "curvature gate", "gate", "-"),
    ("hard-bounds", "steady", "hard bounds 0.55", "bounds", "--"),
    ("shuffled-gate", "steady", "shuffled gate", "shuffled", "-."),
    ("leaky", "steady", "leaky, rate 0.3", "leaky", ":"),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Patterns per unit against f, and patterns against N."""
    drawing, axes = figure(TWO_COLUMNS, 2.5, columns=2)
    levels = np.array([0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5])
    sizes = np.array([100, 200, 300, 400])
    for rule, protocol, label, color, dashes in LINES:
        style = {"label": label, "color": color, "ls": dashes, "marker": "o", "ms": 2.5}
        values = [results[LEVEL][f"rate-f={f:g}-{rule}"][f"p90_{protocol}"] for f in levels]
        band(axes[0], levels, np.stack(values, axis=1) / 200, **style)
        values = [results[SIZE][f"rate-N={n},k=10-{rule}"][f"p90_{protocol}"] for n in sizes]
        band(axes[1], sizes, np.stack(values, axis=1), **style)
    theory = {"color": "#888888", "lw": 0.8}
    at_levels = [results[LEVEL][f"rate-f={f:g}-instant"] for f in levels]
    at_sizes = [results[SIZE][f"rate-N={n},k=10-instant"] for n in sizes]
    axes[0].plot(levels, [case.mean_field / 200 for case in at_levels], ls=":", **theory)
    axes[0].plot(levels, [case.gardner / 200 for case in at_levels], ls="--", **theory)
    axes[1].plot(sizes, [case.mean_field for case in at_sizes], ls=":", **theory)
    axes[0].text(0.16, 0.36, "mean field", fontsize=6, color="#666666")
    axes[0].text(0.09, 4.9, "Gardner bound", fontsize=6, color="#666666")
    axes[1].text(305, 480, "mean field", fontsize=6, color="#666666", ha="right")
    axes[0].set(xscale="log", yscale="log", ylim=(4e-3, 12), xlabel="coding level f")
    axes[0].set(ylabel="capacity P90 / N (patterns per unit)", title="N = 200")
    axes[0].set_xticks(levels[[0, 2, 4, 6, 8]], ["0.02", "0.05", "0.1", "0.2", "0.5"])
    axes[0].minorticks_off()
    axes[1].set(
        xlabel="network size N", ylabel="capacity P90 (patterns)", title="k = 10 active units"
    )
    axes[1].set(ylim=(0, None))
    axes[1].set_xticks(sizes)
    axes[1].legend(loc="upper left")
    state_n(axes[0], values[0].sizes["seed"], corner="lower left")
    panel_labels(axes)
    return drawing


FIGURES = (
    Figure(
        name="scaling",
        needs=(LEVEL, SIZE),
        caption=(
            "Capacity in the steady state (batch covariance learning: all patterns at once). (a) "
            "Against the coding level f. The curvature gates match batch learning for sparse codes "
            "and fail for dense ones, as the Fisher information predicts; dotted: mean field of "
            "the covariance rule, dashed: Gardner bound. (b) Against the size at k = 10 active "
            "units. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
