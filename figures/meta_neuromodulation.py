"""Plasticity gated by a cell of the network, on the task of cues and rewards."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

NETWORKS = (
    ("rate-fixed", "not plastic", "control", ":"),
    ("rate-decaying", "plastic, decaying", "leaky", "--"),
    ("rate-constant", "plastic, clipped", "bounds", "-."),
    ("rate-simple", "simple modulation", "gate", "-"),
    ("rate-retroactive", "retroactive modulation", "accent", "-"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Learning curves; accuracy by trial; the modulating cell by event."""
    found = results["meta-hebbian/neuromodulation"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3, width_ratios=(1.1, 1.1, 1))
    learning, trials, modulator = axes
    for name, label, color, line in NETWORKS:
        if name not in found:
            continue
        dataset = found[name]
        episodes = dataset.sizes["episode"]
        size = max(episodes // 40, 1)
        count = episodes // size
        means = dataset.accuracy.values[:, : count * size].reshape(-1, count, size).mean(axis=-1)
        at = (np.arange(count) + 0.5) * size / 1000
        style.band(learning, at, means, label=label, color=color, ls=line)
        style.band(trials, dataset.trial, dataset.trial_accuracy.values, color=color, ls=line)
    first = next(iter(found.values()))
    trials.plot(
        first.trial, first.best_trial_accuracy.mean("seed"), "k", lw=0.6, label="ideal observer"
    )
    for ax in (learning, trials):
        ax.axhline(0.5, color=style.COLORS["control"], lw=0.6)
        ax.set(ylim=(0.45, 1.02))
    learning.set(xlabel="Episodes of training (thousands)", ylabel="Right answers")
    learning.legend(loc="upper left", fontsize=5.5)
    trials.set(xlabel="Trial of an episode", ylabel="Right answers after training")
    trials.legend(loc="center right", bbox_to_anchor=(1, 0.78), fontsize=5.5)
    _modulator(modulator, found)
    style.panel_labels(axes)
    return fig


def _modulator(ax: object, found: Mapping[str, xr.Dataset]) -> None:
    """What the modulating cells say at each event; their sign is arbitrary, so as magnitudes."""
    for shift, (name, label, color, _) in zip((-0.15, 0.15), NETWORKS[3:], strict=True):
        if name not in found:
            continue
        values = found[name].modulator
        mean, half = mean_and_interval(np.abs(values.values))
        rows = np.arange(values.sizes["event"]) + shift
        ax.errorbar(  # type: ignore[attr-defined]
            mean, rows, xerr=half, fmt="o", ms=3, color=style.COLORS[color], label=label
        )
        ax.set_yticks(range(values.sizes["event"]), list(values.event.values))  # type: ignore[attr-defined]
    ax.set(xlabel="|mean of modulator|", xlim=(0, 1))  # type: ignore[attr-defined]
    ax.invert_yaxis()  # type: ignore[attr-defined]


FIGURES = (
    Figure(
        name="meta_neuromodulation",
        needs=("meta-hebbian/neuromodulation",),
        caption=(
            "Plasticity that a cell of the network gates. (a) Right answers during training. (b) "
            "Right answers by trial of an episode, after training, beside an observer that "
            "forgets nothing. (c) Magnitude of the modulating cell's mean activity at each event "
            "of a trial. Lines and points: means of n = {n} networks; bands and bars: 95% "
            "confidence intervals."
        ),
        draw=draw,
    ),
)
