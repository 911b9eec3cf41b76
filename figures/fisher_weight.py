"""Fisher information against weight: where large weights matter, and where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, band, figure, panel_label, state_n
from spikeconsol.lab import Figure

NEED = "curvature-capacity/fisher-weights"


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Three codes as clouds of synapses with the closed form, and the correlations."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 2.1, columns=4)
    for ax, f, letter in ((axes[0], 0.05, "a"), (axes[1], 0.2, "b")):
        case = found[f"rate-clamped-f={f:g}"]
        _cloud(ax, case.weight, case.fisher, case.closed_form)
        ax.set(xlabel="weight W", title=f"{{0, 1}} units, f = {f:g}")
        panel_label(ax, letter)
    axes[0].set_ylabel("Fisher information F")
    axes[0].legend(loc="upper left")
    # A covariance of {0, 1} units is a quarter of the correlation of -1/+1 units.
    case = found["rate-clamped-f=0.5"]
    _cloud(axes[2], 4 * case.weight, 16 * case.fisher_centred, 16 * case.closed_form_centred)
    axes[2].set(xlabel="correlation C", title="−1/+1 units, f = 0.5")
    panel_label(axes[2], "c")

    levels = [0.02, 0.05, 0.1, 0.2, 0.5]
    cases = [found[f"rate-clamped-f={f:g}"] for f in levels]
    for name, label, color, dashes in (
        ("centred_weight", "W", "gate", "-"),
        ("centred_size", "|W|", "leaky", "--"),
    ):
        values = np.stack([case[name] for case in cases], axis=1)
        band(axes[3], levels, values, label=label, color=color, ls=dashes, marker="o")
    axes[3].axhline(0, color="#888888", lw=0.5)
    axes[3].set(xscale="log", xlabel="coding level f", ylim=(-1.1, 1.4))
    axes[3].set_ylabel("correlation with centred F", labelpad=0)
    axes[3].set_xticks(levels, [f"{f:g}" for f in levels])
    axes[3].minorticks_off()
    axes[3].legend(loc="lower left")
    state_n(axes[3], cases[0].sizes["seed"], corner="upper right")
    panel_label(axes[3], "d")
    return drawing


def _cloud(ax: Any, weight: Any, fisher: Any, closed_form: Any) -> None:
    order = np.argsort(weight.values)
    x, y = weight.values[order], closed_form.values[order]
    ax.plot(x, y, color=COLORS["instant"], lw=1, label="all units at f")
    ax.plot(weight, fisher, ".", ms=1.5, alpha=0.4, color=COLORS["rate"], zorder=3, rasterized=True)


FIGURES = (
    Figure(
        name="fisher_weight",
        needs=(NEED,),
        caption=(
            "Fisher information against the weight left by the covariance rule, one dot per "
            "synapse of one network (N = 200, 100 patterns); lines: closed form for units that are "
            "all active with probability f. (a, b) With sparse {{0, 1}} units the information "
            "grows with the signed weight. (c) With -1/+1 units the largest correlations, of "
            "either sign, have the lowest information. (d) Correlation over synapses of the "
            "centred Fisher information with the weight and with its size; mean and 95% CI over "
            "{n} seeds."
        ),
        draw=draw,
    ),
)
