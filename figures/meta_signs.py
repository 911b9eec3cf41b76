"""The sign of plasticity: who solves the reversal task, and how long traces live."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure

CONDITIONS = (
    ("rate-exact", "as published"),
    ("rate-four-cells", "four cells"),
    ("rate-negative-start", "negative start"),
    ("rate-nonnegative", "α ≥ 0"),
)
SIGNS = ((-1, "all α negative", "gate"), (1, "all α positive", "leaky"))


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Success by sign; traces within an episode by sign; growth of traces by sign."""
    fig, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3, width_ratios=(1.25, 1, 0.9))
    reversal = results["meta-hebbian/reversal"]
    _success(axes[0], reversal)
    _traces(axes[1], reversal["rate-exact"])
    _growth(
        axes[2],
        [
            ("one-shot", results["meta-hebbian/one-shot"]["rate-exact"]),
            ("reversal", reversal["rate-exact"]),
        ],
    )
    style.panel_labels(axes)
    return fig


def _success(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Networks that solve the task, with and without a cell of negative coefficients only."""
    rows = [row for row in CONDITIONS if row[0] in found]
    for position, (stem, _) in enumerate(rows):
        dataset = found[stem]
        solved = dataset.solved.values > 0.5
        negative = (dataset.alpha_sign == -1).any("cell").values
        left = 0
        for group, color in ((negative, "gate"), (~negative, "leaky")):
            for chosen, strength in ((group & solved, 1.0), (group & ~solved, 0.35)):
                count = int(chosen.sum())
                ax.barh(
                    position,
                    count,
                    left=left,
                    color=style.COLORS[color],
                    alpha=strength,
                    height=0.6,
                )
                if count:
                    word = "solve" if strength == 1 else "fail"
                    inside = count > 3
                    ax.text(
                        left + (count / 2 if inside else count + 0.3),
                        position,
                        f"{count} {word}",
                        ha="center" if inside else "left",
                        va="center",
                        fontsize=6,
                        color="white" if strength == 1 and inside else "black",
                    )
                left += count
    for label, color in (("a cell with all α < 0", "gate"), ("no such cell", "leaky")):
        ax.bar(0, 0, color=style.COLORS[color], label=label)
    ax.set_yticks(range(len(rows)), [label for _, label in rows])
    ax.set(ylim=(len(rows) - 0.5, -1.3), xlabel="Networks", title="Reversal")
    ax.set_xlim(0, 1.16 * max(found[stem].sizes["seed"] for stem, _ in rows))
    ax.legend(loc="upper left", ncols=2, borderaxespad=0.1, handlelength=1, columnspacing=1)


def _traces(ax: Axes, dataset: xr.Dataset) -> None:
    """Mean magnitude of traces on pattern connections, cells pooled by their sign."""
    trace = dataset.trace.transpose("seed", "cell", "step").values
    sign = dataset.alpha_sign.transpose("seed", "cell").values
    step = np.arange(trace.shape[-1])
    for value, label, color in SIGNS:
        chosen = trace[sign == value]
        if len(chosen):
            style.band(ax, step, chosen, label=f"{label}, {len(chosen)} cells", color=color)
    ax.axvline(step.size / 2, ymax=0.78, color=style.COLORS["control"], lw=0.6, ls="--")
    ax.set(
        xlabel="Step of the episode", ylabel="Mean trace $|H|$", title="Reversal", ylim=(0, None)
    )
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    if ax.get_legend_handles_labels()[0]:
        ax.legend(loc="upper left")


def _growth(ax: Axes, rows: list[tuple[str, xr.Dataset]]) -> None:
    """Growth per step of the traces of every cell; open where the other cell has another sign."""
    for position, (_, dataset) in enumerate(rows):
        growth = dataset.trace_growth.transpose("seed", "cell").values
        sign = dataset.alpha_sign.transpose("seed", "cell").values
        alike = np.broadcast_to((sign == sign[:, :1]).all(axis=1)[:, None], sign.shape)
        for value, _, color in SIGNS:
            for same in (True, False):
                chosen = np.sort(growth[(sign == value) & (alike == same)])
                place = position + 0.18 * value + np.resize([-0.07, 0.03, -0.03, 0.07], chosen.size)
                ax.plot(
                    place,
                    chosen,
                    "o",
                    ms=3,
                    mew=0.6,
                    color=style.COLORS[color],
                    mfc=style.COLORS[color] if same else "white",
                )
    for label, fill in (("both cells alike", "black"), ("of either sign", "white")):
        ax.plot([], [], "o", ms=3, mew=0.6, color="black", mfc=fill, label=label)
    for value, text in (
        (np.log(2) / 5, "doubles in 5 steps"),
        (-np.log(2) / 5, "half-life 5 steps"),
    ):
        ax.axhline(value, color=style.COLORS["control"], lw=0.5, ls=":")
        ax.annotate(
            text,
            (len(rows) - 0.42, value),
            (0, 1),
            textcoords="offset points",
            fontsize=5.5,
            ha="right",
        )
    ax.axhline(0, color=style.COLORS["control"], lw=0.6)
    ax.set_xticks(range(len(rows)), [name for name, _ in rows])
    ax.set(xlim=(-0.6, len(rows) - 0.4), ylabel="Growth of traces per step", title="Life of traces")
    ax.set_ylim(None, ax.get_ylim()[1] + 0.12)
    ax.legend(loc="upper left", handletextpad=0.1, borderaxespad=0.1)


FIGURES = (
    Figure(
        name="meta_signs",
        needs=("meta-hebbian/one-shot", "meta-hebbian/reversal"),
        caption=(
            "The sign of plasticity decides. (a) Networks that solve the reversal task (full "
            "colour) and that fail (pale), with and without a cell whose pattern connections all "
            "have negative coefficients; n = {n} networks in each row. (b) Traces within an "
            "episode (labels are exchanged at the dashed line), for cells of either sign; mean and "
            "95% confidence band over cells. (c) Growth of the traces of every cell in the first "
            "half of an episode; open where the network's other cell has the other sign. Beside a "
            "positive cell, a negative one loses its traces; two negative cells have biases that "
            "keep them."
        ),
        draw=draw,
    ),
)
