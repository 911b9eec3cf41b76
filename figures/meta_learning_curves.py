"""Learning curves of the three tasks, exact and as published, and what medians hide."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

#: (experiment, title, condition with exact gradients, with those of 2016, error at chance)
TASKS = (
    ("completion", "Completion", "rate-exact-0.75", "rate-legacy-0.75", None),
    ("one-shot", "One-shot association", "rate-exact", "rate-legacy", np.log(2)),
    ("reversal", "Reversal", "rate-exact", "rate-legacy", np.log(2)),
)
GRADIENTS = (("exact gradients", "gate"), ("gradients of 2016", "leaky"))
SMOOTHING = 50


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Quartiles against episodes above, the error of every run after training below."""
    fig, axes = style.figure(
        style.TWO_COLUMNS, 3.9, rows=2, columns=3, height_ratios=(1.7, 1), sharey=False
    )
    for column, (name, title, *stems, chance) in enumerate(TASKS):
        found = results[f"meta-hebbian/{name}"]
        top, bottom = axes[:, column]
        for position, (stem, (label, color)) in enumerate(zip(stems, GRADIENTS, strict=True)):
            if stem in found:
                _curve(top, found[stem], label, style.COLORS[color])
                _runs(bottom, found[stem], position, style.COLORS[color])
        if chance:
            top.axhline(chance, color=style.COLORS["control"], lw=0.6, ls=":")
            top.annotate("chance", (0, chance), (3, 1), textcoords="offset points", fontsize=6)
        top.set(title=title, yscale="log", xlabel="Episode")
        bottom.set(xscale="log", xlabel="Error after training", ylim=(1.6, -0.6))
        solved_below = next(iter(found.values())).attrs["solved_below"]
        bottom.axvline(solved_below, color=style.COLORS["control"], lw=0.6, ls="--")
        bottom.set_yticks([0, 1], ["exact", "2016"] if column == 0 else [])
        bottom.tick_params(axis="y", length=0)
    style.panel_labels(axes)
    axes[0, 0].set_ylabel("Summed squared error")
    axes[0, 1].set_ylabel("Cross-entropy (nat)")
    axes[0, 0].legend(loc="upper right")
    return fig


def _curve(ax: Axes, dataset: xr.Dataset, label: str, color: str) -> None:
    """Median and quartiles over runs at every episode, averaged over blocks of episodes."""
    lower, median, upper = np.quantile(dataset.error, (0.25, 0.5, 0.75), axis=0)
    size = max(1, min(SMOOTHING, median.size // 20))
    blocks = median.size // size
    episode = (np.arange(blocks) + 0.5) * size

    def average(values: np.ndarray) -> np.ndarray:
        return values[: blocks * size].reshape(blocks, size).mean(axis=1)

    ax.plot(episode, average(median), color=color, label=label, lw=1)
    ax.fill_between(episode, average(lower), average(upper), color=color, alpha=0.25, lw=0)


def _runs(ax: Axes, dataset: xr.Dataset, position: int, color: str) -> None:
    """One point for each run, and how many of them solve the task."""
    error = np.sort(dataset.test_error)
    spread = np.resize([-0.15, 0.05, -0.05, 0.15], error.size)
    ax.plot(error, position + spread, "o", ms=2.5, mew=0, color=color, alpha=0.7)
    ax.annotate(
        f"{int(dataset.solved.sum())} of {error.size} solve it",
        (0.98, position - 0.35),
        xycoords=("axes fraction", "data"),
        ha="right",
        va="bottom",
        fontsize=6,
        color=color,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
    )


FIGURES = (
    Figure(
        name="meta_learning_curves",
        needs=tuple(f"meta-hebbian/{name}" for name, *_ in TASKS),
        caption=(
            "Learning to learn with Hebbian plasticity. (a-c) Median (line) and quartiles (band) "
            "of the error over n = {n} networks against the number of episodes, averaged over "
            "blocks of 50 episodes, with exact gradients and with those of the original program; "
            "nothing is learned in the last 500 episodes. (d-f) Mean error of every network over "
            "these last episodes; dashed: the limit below which a network counts as having solved "
            "the task. Medians hide that some networks never do."
        ),
        draw=draw,
    ),
)
