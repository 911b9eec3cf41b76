"""The sign of plasticity early in training, and success at its end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

CONDITIONS = (
    ("rate-published", "as published"),
    ("rate-negative-start", "start at α < 0"),
    ("rate-positive-start", "start at α > 0"),
    ("rate-nonnegative", "α clipped at 0"),
)


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Plasticity through training; what foretells success; what decides it."""
    found = results["meta-hebbian/early-sign"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.3, columns=3, width_ratios=(1.1, 1, 1))
    published = found["rate-published"]
    _paths(axes[0], published)
    _agreement(axes[1], published)
    _success(axes[2], found)
    style.panel_labels(axes)
    return fig


def _paths(ax: Axes, dataset: xr.Dataset) -> None:
    """Mean coefficient of the more negative cell of every network."""
    lowest = dataset.mean_alpha.min("cell").transpose("seed", "look").values
    solved = dataset.solved.values > 0.5
    for chosen, color, label in ((solved, "gate", "solve"), (~solved, "leaky", "fail")):
        for n, path in enumerate(lowest[chosen]):
            ax.plot(
                dataset.look,
                path,
                color=style.COLORS[color],
                lw=0.7,
                alpha=0.8,
                label=None if n else f"{chosen.sum()} {label}",
            )
    ax.axhline(0, color=style.COLORS["control"], lw=0.6)
    ax.axvline(dataset.attrs["predicted_at"], color=style.COLORS["control"], lw=0.6, ls="--")
    ax.set_xscale("symlog", linthresh=100)
    ax.set_yscale("symlog", linthresh=0.1)
    ax.set_yticks([-1, -0.1, 0, 0.1, 1], ["-1", "-0.1", "0", "0.1", "1"])
    ax.minorticks_off()
    ax.set_xticks([0, 100, 300, 1000], ["0", "100", "300", "1000"])
    ax.set(xlabel="Episodes learned", ylabel="Mean α, lower of the two cells", xlim=(0, None))
    ax.legend(loc="upper left", title="in the end")


def _agreement(ax: Axes, dataset: xr.Dataset) -> None:
    """Fraction of networks whose end was foretold, at every look."""
    rows = (
        ("agreement", "a cell of α < 0", "gate", "o-"),
        ("agreement_by_error", "lowest errors", "leaky", "s--"),
    )
    for name, label, color, form in rows:
        mean = dataset[name].mean("seed")
        ax.plot(dataset.look, mean, form, ms=3, color=style.COLORS[color], label=label)
    majority = max(float(dataset.solved.mean()), 1 - float(dataset.solved.mean()))
    ax.axhline(majority, color=style.COLORS["control"], lw=0.6, ls=":", label="the same for all")
    ax.axvline(dataset.attrs["predicted_at"], color=style.COLORS["control"], lw=0.6, ls="--")
    ax.set_xscale("symlog", linthresh=100)
    ax.minorticks_off()
    ax.set_xticks([0, 100, 300, 1000], ["0", "100", "300", "1000"])
    ax.set(xlabel="Episodes learned", ylabel="Success foretold", ylim=(0.2, 1.05), xlim=(0, None))
    ax.legend(loc="lower right", title="foretold by")


def _success(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Networks that solve the task, by their sign when success is foretold."""
    labels: list[str] = []
    for name, title in CONDITIONS:
        if name not in found:
            continue
        dataset = found[name]
        solved = dataset.solved.values > 0.5
        negative = dataset.negative_early.values > 0.5
        row = len(labels)
        labels.append(title)
        left = 0
        for group, color in ((negative, "gate"), (~negative, "leaky")):
            for chosen, strength in ((group & solved, 1.0), (group & ~solved, 0.35)):
                count = int(np.sum(chosen))
                ax.barh(
                    row, count, left=left, height=0.6, color=style.COLORS[color], alpha=strength
                )
                if count:
                    ax.text(left + count / 2, row, str(count), ha="center", va="center", fontsize=6)
                left += count
    for color, strength, label in (
        ("gate", 1.0, "α < 0 early, solves"),
        ("gate", 0.35, "α < 0 early, fails"),
        ("leaky", 1.0, "no such cell, solves"),
        ("leaky", 0.35, "no such cell, fails"),
    ):
        ax.barh(0, 0, color=style.COLORS[color], alpha=strength, label=label)
    ax.set_yticks(range(len(labels)), labels)
    ax.set(ylim=(len(labels) - 0.5, -2.0), xlabel="Networks")
    ax.legend(loc="upper left", ncols=1, fontsize=5.5, borderaxespad=0.1)


FIGURES = (
    Figure(
        name="meta_early_sign",
        needs=("meta-hebbian/early-sign",),
        caption=(
            "The sign of plasticity foretells who learns the reversal. (a) Mean coefficient of the "
            "pattern connections of the lower of a network's two cells, during training; every "
            "line is one network. (b) Fraction of networks whose final success was foretold by "
            "having a cell of negative mean, by having one of the lowest errors (as many networks "
            "as have such a cell) and by foretelling the same for all. (c) Networks by sign after "
            "300 episodes (dashed in a and b) and by success, under starts of one sign and with "
            "coefficients clipped at zero. n = {n} networks for each row."
        ),
        draw=draw,
    ),
)
