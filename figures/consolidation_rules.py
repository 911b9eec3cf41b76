"""What every model of synaptic memory holds in the steady state, recall tuned alike for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikeconsol.figures.style import COLORS, TWO_COLUMNS, band, figure, panel_labels, state_n
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NEED = "consolidation-rules/steady"
LINES = (
    ("rate-refreshed-gate", "refreshed curvature gate", "accent", "-"),
    ("rate-timer", "timer", "shuffled", "-"),
    ("rate-mas", "memory aware synapses", "gate", "-"),
    ("rate-bcpnn", "BCPNN", "rate", "-"),
    ("rate-hard-bounds", "hard bounds", "bounds", "-"),
    ("rate-benna-fusi", "Benna-Fusi chain", "leaky", "-"),
    ("rate-willshaw-clock", "Willshaw with a clock", "instant", "--"),
)
SMOOTHING = 15


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Draw P90 of all, best first, with plain and tuned recall; recall against age of some."""
    found = results[NEED]
    order = sorted(found, key=lambda stem: float(found[stem].p90.mean()))
    fig, (left, right) = figure(TWO_COLUMNS, 0.16 * len(order) + 0.9, columns=2)
    for place, stem in enumerate(order):
        data = found[stem]
        limit = stem.startswith("limit") or stem == "rate-willshaw-clock"
        color = COLORS["control"] if limit else COLORS["gate"]
        plain, plain_half = mean_and_interval(data.p90_plain.values)
        mean, half = mean_and_interval(data.p90.values)
        left.plot([plain, mean], [place, place], color=color, lw=0.6, alpha=0.5)
        left.errorbar(
            plain, place, xerr=plain_half, fmt="o", ms=3, mfc="white", color=color, lw=0.8
        )
        left.errorbar(mean, place, xerr=half, fmt="o", ms=3.5, color=color, lw=0.8)
    labels = [found[stem].attrs["label"] + ", batch" * stem.startswith("limit") for stem in order]
    left.set_yticks(range(len(order)), labels, fontsize=6)
    left.set(xlabel="P90 (patterns)", xlim=(0, None))
    left.plot([], [], "o", ms=3, mfc="white", color=COLORS["gate"], label="c = h = 0")
    left.plot([], [], "o", ms=3.5, color=COLORS["gate"], label="recall tuned")
    left.plot([], [], "o", ms=3.5, color=COLORS["control"], label="limits")
    left.legend(loc="lower right")
    for stem, label, color, line in LINES:
        if stem in found:
            kept = found[stem].by_age.values
            window = min(SMOOTHING, kept.shape[1])
            smooth = np.apply_along_axis(
                np.convolve, 1, kept, np.full(window, 1 / window), mode="valid"
            )
            age = np.arange(smooth.shape[1]) + (window - 1) / 2
            band(right, age, smooth, color=COLORS[color], label=label, ls=line)
    right.axhline(0.9, color="#888888", lw=0.5, ls=":")
    right.set(xlabel="patterns stored since", ylabel="fraction recalled", ylim=(0, 1.15))
    right.legend(loc="lower left", fontsize=6)
    state_n(right, found[order[-1]].sizes["seed"], corner="upper right")
    panel_labels([left, right])
    return fig


FIGURES = (
    Figure(
        name="consolidation_rules",
        needs=(NEED,),
        caption=(
            "Published models of synaptic memory and the curvature gates, every one at its best "
            "constants. (a) Newest patterns of which 90% are recalled in the steady state, with "
            "plain recall (open) and with self-coupling and homeostasis tuned for each (filled); "
            "grey: limits that see the patterns together or clear each synapse by a clock. (b) "
            "Recall against age. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
