"""Trained networks on episodes they were not trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

SIMILARITY = (("rate-independent", "independent", "gate"), ("rate-one-bit", "one bit", "bounds"))
RETENTION = (
    ("rate-decay-0.98", "γ = 0.98", "gate"),
    ("rate-decay-0.9", "γ = 0.9", "leaky"),
    ("rate-trained-with-delay", "γ = 0.98, with delay", "accent"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Similarity and noise; intervening patterns and length of the episode."""
    fig, axes = style.figure(style.TWO_COLUMNS, 3.8, rows=2, columns=2)
    (by_distance, by_noise), (by_delay, by_step) = axes
    similarity = results["meta-hebbian/similarity"]
    for stem, label, color in SIMILARITY:
        if stem in similarity:
            d = similarity[stem]
            style.band(
                by_distance,
                d.differing,
                d.accuracy_by_distance,
                label=label,
                color=color,
                marker="o",
            )
            style.band(by_noise, d.noise, d.accuracy_by_noise, label=label, color=color, marker="o")
    retention = results["meta-hebbian/retention"]
    for stem, label, color in RETENTION:
        if stem in retention:
            d = retention[stem]
            delay = np.arange(d.sizes["delay"])
            style.band(
                by_delay, delay, d.accuracy_after_delay, label=label, color=color, marker="o"
            )
            by_delay.set_xticks(delay, [str(int(value)) for value in d.delay.values])
            # Patterns alternate: a point is the mean over one presentation of each.
            pairs = d.long_step_accuracy.coarsen(long_step=2).mean()
            step = 2 * np.arange(pairs.sizes["long_step"])[1:] + 0.5
            style.band(by_step, step, pairs[:, 1:], label=label, color=color)
    by_distance.set(xlabel="Elements in which the patterns differ", ylabel="Accuracy")
    by_noise.set(xlabel="Probability that an element is flipped", ylabel="Accuracy")
    by_delay.set(xlabel="Other patterns between label and test", ylabel="Accuracy")
    by_step.set(xlabel="Step of the episode", ylabel="Accuracy")
    by_step.axvline(20, color=style.COLORS["control"], lw=0.6, ls="--")
    by_step.annotate(
        "length in training", (20, 0.42), (3, 0), textcoords="offset points", fontsize=6
    )
    for ax, letter in zip(axes.flat, "abcd", strict=True):
        ax.axhline(0.5, color=style.COLORS["control"], lw=0.6, ls=":")
        ax.set_ylim(0.4, 1.02)
        style.panel_label(ax, letter)
    by_distance.legend(loc="center right", title="trained on patterns that are")
    by_delay.legend(loc="center left", title="trained with")
    n = next(iter(similarity.values())).sizes["seed"]
    style.state_n(by_noise, n, corner="lower left")
    return fig


FIGURES = (
    Figure(
        name="meta_generalisation",
        needs=("meta-hebbian/similarity", "meta-hebbian/retention"),
        caption=(
            "One-shot networks on other episodes than those they learned from; mean and 95% "
            "confidence band over n = {n} networks, dotted: chance. Accuracy against the number of "
            "differing elements (a) and against noise (b), after training on independent patterns "
            "or on patterns that differ in one element; first test of each pattern after other "
            "patterns have been shown (c); every step of an episode of 100 steps after training "
            "on 20 (d)."
        ),
        draw=draw,
    ),
)
