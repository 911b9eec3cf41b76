"""Recall and pattern energy after lesions chosen by curvature, by weight and at random."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spikeconsol.figures.style import TWO_COLUMNS, band, figure, panel_label, state_n
from spikeconsol.lab import Figure

NEED = "curvature-capacity/lesion"
LINES = (
    ("fisher-top", "highest F", "gate", "-"),
    ("weight-top", "largest w", "leaky", "--"),
    ("random", "random", "control", "-"),
    ("weight-bottom", "smallest w", "leaky", ":"),
    ("fisher-bottom", "lowest F", "gate", ":"),
)


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Deleted and disturbed synapses, recalled fraction and energy."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 2.2, columns=3)
    panels = (
        ("delete", "recalled", "deleted: recall", "recalled fraction"),
        ("delete", "energy", "deleted: energy", "energy of patterns / intact"),
        ("disturb", "recalled", "disturbed: recall", "recalled fraction"),
    )
    for ax, (kind, measure, title, ylabel), letter in zip(axes, panels, "abc", strict=True):
        for name, label, color, dashes in LINES:
            case = found[f"rate-{kind}-{name}"]
            x = 100 * case.fraction
            band(ax, x, case[measure].values, label=label, color=color, ls=dashes)
        ax.set(xlabel="synapses lesioned (%)", ylabel=ylabel, title=title, ylim=(0, 1.05))
        panel_label(ax, letter)
    axes[1].legend(loc="lower left", bbox_to_anchor=(0.22, 0.02))
    state_n(axes[2], case.sizes["seed"], corner="lower left")
    return drawing


FIGURES = (
    Figure(
        name="lesion",
        needs=(NEED,),
        caption=(
            "A memory of 100 patterns (N = 200, f = 0.05, curvature gate) loses (a, b) or has "
            "disturbed (c, by half the largest weight, random sign) a growing share of its "
            "synapses, taken from the top or the bottom of the order by Fisher information or by "
            "signed weight, or at random. Once the 20-30% of synapses that carry the memory are "
            "gone, recall returns: the depressed ones hold its negative, until they go too. Mean "
            "and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
