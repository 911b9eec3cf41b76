"""Slices through the energy landscape along a stiff and a loose synapse."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeconsol.figures.style import COLORS, ONE_COLUMN, figure, panel_label
from spikeconsol.lab import Figure

NEED = "curvature-capacity/fisher-weights"


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Divergence against the change of one weight, and its quadratic approximation."""
    drawing, axes = figure(ONE_COLUMN, 1.9, columns=2)
    cases = (
        ("rate-exact-binary-f=0.17", "{0, 1} units, f = 1/6"),
        ("rate-exact-spin-f=0.5", "−1/+1 units"),
    )
    for ax, (stem, title), letter in zip(axes, cases, "ab", strict=True):
        case = results[NEED][stem]
        for kind, color in (("stiff", "leaky"), ("loose", "gate")):
            ax.plot(case["shift"], case[f"slice_{kind}"], color=COLORS[color], label=kind)
            parabola = float(case[f"fisher_{kind}"]) * case["shift"] ** 2 / 2
            label = f"{kind}, F d²/2"
            ax.plot(case["shift"], parabola, ":", color=COLORS[color], lw=1, label=label)
        ax.set(xlabel="change d of the weight", title=title)
        panel_label(ax, letter)
    axes[0].set_ylabel("divergence (nat)")
    for ax in axes:
        ax.set_ylim(0, None)
    axes[0].legend(loc="upper center")
    return drawing


FIGURES = (
    Figure(
        name="landscape",
        needs=(NEED,),
        caption=(
            "Kullback-Leibler divergence between a network of 12 units and the same network with "
            "one weight moved by d, from the sum over all states, along the synapses of highest "
            "(stiff) and lowest (loose) Fisher information F. Dotted: F d^2 / 2. One example "
            "network per code."
        ),
        draw=draw,
    ),
)
