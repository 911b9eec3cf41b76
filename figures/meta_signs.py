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
    for ax, letter in zip(axes, "abc", strict=True):
        style.panel_label(ax, letter)
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
                    ax.text(
                        left + count / 2,
                        position,
                        f"{count} {word}",
                        ha="center",
                        va="center",
                        fontsize=6,
                        color="white" if strength == 1 else "black",
                    )
                left += count
    for label, color in (("a cell with all α < 0", "gate"), ("no such cell", "leaky")):
        ax.bar(0, 0, color=style.COLORS[color], label=label)
    ax.set_yticks(range(len(rows)), [label for _, label in rows])
    ax.set(ylim=(len(rows) - 0.5, -1.3), xlabel="Networks", title="Reversal")
    ax.legend(loc="upper right", ncols=2, borderaxespad=0.1)


def _traces(ax: Axes, dataset: xr.Dataset) -> None:
    """Mean magnitude of traces on pattern connections, cells pooled by their sign."""
    trace = dataset.trace.transpose("seed", "cell", "step").values
    sign = dataset.alpha_sign.transpose("seed", "cell").values
    step = np.arange(trace.shape[-1])
    for value, label, color in SIGNS:
        chosen = trace[sign == value]
        if len(chosen):
            style.band(ax, step, chosen, label=f"{label}, {len(chosen)} cells", color=color)
    ax.axvline(step.size / 2, color=style.COLORS["control"], lw=0.6, ls="--")
    ax.set(
        xlabel="Step of the episode", ylabel="Mean trace $|H|$", title="Reversal", ylim=(0, None)
    )
    ax.set_ylim(0, 1.35 * ax.get_ylim()[1])
    ax.legend(loc="upper left")


def _growth(ax: Axes, rows: list[tuple[str, xr.Dataset]]) -> None:
    """Growth per step of the traces of every cell; zero neither fades nor grows."""
    for position, (_, dataset) in enumerate(rows):
        growth = dataset.trace_growth.transpose("seed", "cell").values
        sign = dataset.alpha_sign.transpose("seed", "cell").values
        for value, _, color in SIGNS:
            chosen = np.sort(growth[sign == value])
            place = position + 0.18 * value
            ax.plot(
                place + np.resize([-0.06, 0.02, -0.02, 0.06], chosen.size),
                chosen,
                "o",
                ms=2.5,
                mew=0,
                alpha=0.7,
                color=style.COLORS[color],
            )
            if chosen.size:
                middle = float(np.median(chosen))
                text = (
                    f"half-life\n{np.log(2) / -middle:.0f} steps"
                    if middle < 0
                    else (f"doubles in\n{np.log(2) / middle:.0f} steps")
                )
                ax.annotate(
                    text,
                    (place, chosen.min() if value < 0 else chosen.max()),
                    (0, -3 if value < 0 else 3),
                    textcoords="offset points",
                    fontsize=5.5,
                    ha="center",
                    va="top" if value < 0 else "bottom",
                    color=style.COLORS[color],
                )
    ax.axhline(0, color=style.COLORS["control"], lw=0.6)
    ax.set_xticks(range(len(rows)), [name for name, _ in rows])
    ax.margins(y=0.25)
    ax.set(xlim=(-0.6, len(rows) - 0.4), ylabel="Growth of traces per step", title="Life of traces")


FIGURES = (
    Figure(
        name="meta_signs",
        needs=("meta-hebbian/one-shot", "meta-hebbian/reversal"),
        caption=(
            "The sign of plasticity decides. (a) Networks that solve the reversal task (full "
            "colour) and that fail (pale), with and without a cell whose pattern connections all "
            "have negative coefficients; n = {n} networks in each row. (b) Traces within an "
            "episode (labels are exchanged at the dashed line), for cells of either sign; mean and "
            "95% confidence band over cells: negative coefficients let a trace fade, positive ones "
            "sustain it. (c) Growth of the traces of every cell in the first half of an episode; "
            "text: half-life or doubling time at the median."
        ),
        draw=draw,
    ),
)
