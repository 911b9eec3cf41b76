"""What happens when a constant of the rule, or the bound of its control, is set wrongly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, band, figure, panel_label, state_n
from spikeconsol.lab import Figure

NEED, BOUNDS = "curvature-capacity/sensitivity", "curvature-capacity/bounds"
RULES = "curvature-capacity/rules"
PANELS: tuple[tuple[str, str, tuple[float, ...], float | None], ...] = (
    ("T", "protection time T (patterns)", (40, 70, 100, 127, 160, 220), None),
    ("a", "trace update a", (0.005, 0.01, 0.03, 0.06, 0.12), 0.03),
    ("eta", r"learning rate $\eta$", (0.03, 0.1, 0.3, 0.6, 1.0), 0.3),
    ("eps", r"residual plasticity $\epsilon$", (0.0, 0.02, 0.06, 0.15, 0.5), 0.06),
    ("lambda", r"soft damping $\lambda$", (1, 10, 100, 1000), None),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """One panel per constant, from a blank start and in the steady state."""
    found, bounds = results[NEED], results[BOUNDS]
    drawing, grid = figure(TWO_COLUMNS, 3.4, rows=2, columns=3, sharey=True)
    axes = grid.ravel()
    for ax, (name, label, values, usual) in zip(axes, PANELS, strict=False):
        stems = ["T=127" if value == usual else f"{name}={value:g}" for value in values]
        _curves(ax, values, [found[f"rate-{stem}"] for stem in stems])
        ax.set_xlabel(label)
        ax.axvline(
            127 if usual is None and name == "T" else usual or np.nan, color="#BBBBBB", lw=0.6
        )
        if name == "eps":
            ax.set_xscale("symlog", linthresh=0.02)
            ax.set_xticks([0, 0.02, 0.06, 0.5], ["0", "0.02", "0.06", "0.5"])
            ax.minorticks_off()
        elif name != "T":
            ax.set_xscale("log")
    values = (0.1, 0.25, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 1.0, 2.0)
    _curves(axes[5], values, [bounds[f"rate-bound={value:g}"] for value in values], color="bounds")
    axes[5].set(xlabel="control: hard bound on |w|", xscale="log")
    axes[5].set_xticks([0.1, 0.25, 0.5, 1, 2], ["0.1", "0.25", "0.5", "1", "2"])
    axes[5].minorticks_off()
    axes[0].legend(loc="lower right")
    for ax in grid[:, 0]:
        ax.set_ylabel("capacity P90 (patterns)")
    instant = float(results[RULES]["rate-instant-covariance"].p90_blank.mean())
    for ax, letter in zip(axes, "abcdef", strict=True):
        ax.set_ylim(0, 195)
        ax.axhline(instant, color=COLORS["instant"], lw=0.6, ls="--")
        panel_label(ax, letter)
    state_n(axes[5], found["rate-T=127"].sizes["seed"], corner="upper left")
    return drawing


def _curves(ax: Any, x: Any, cases: Any, color: str = "gate") -> None:
    for protocol, label, dashes in (("blank", "blank start", ":"), ("steady", "steady state", "-")):
        values = np.stack([case[f"p90_{protocol}"] for case in cases], axis=1)
        band(ax, x, values, label=label, color=color, ls=dashes, marker="o", ms=2.5)


FIGURES = (
    Figure(
        name="sensitivity",
        needs=(NEED, BOUNDS, RULES),
        caption=(
            "Capacity when one constant of the curvature gate is changed (a-d, vertical line: "
            "default), when the gate is replaced by damping in proportion to curvature (e), and "
            "for the additive rule with hard bounds (f); N = 200, f = 0.05. Dashed: batch "
            "covariance learning. Too long a protection time or too soft a gate does well from a "
            "blank start and fails once the memory is full. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
