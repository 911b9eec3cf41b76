"""Rates against spikes on four tasks, every memory on XOR, and reservoirs, with their controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Results = Mapping[str, Mapping[str, xr.Dataset]]
TASKS = (("linear", "linear"), ("xor", "XOR"), ("digits", "digits"), ("mnist", "MNIST"))
SIGNALS = (
    ("window", "exact window", "gate", "o"),
    ("prototypes", "prototypes", "accent", "s"),
    ("gate", "prototypes, surprise gate", "leaky", "D"),
    ("permuted", "permuted labels", "shuffled", "v"),
    ("frozen", "frozen cells", "control", "X"),
)
MEMORIES = (
    ("window", "exact window", "gate"),
    ("prototypes", "prototypes", "accent"),
    ("class-means", "class means", "accent"),
    ("reservoir", "rate reservoir", "leaky"),
    ("liquid", "spiking reservoir", "leaky"),
    ("silenced", "rate res. silenced", "control"),
    ("liquid-silenced", "spiking res. silenced", "control"),
    ("per-class", "vector per class", "control"),
    ("permuted", "permuted labels", "control"),
    ("frozen", "frozen cells", "control"),
)


def draw(results: Results) -> Drawing:
    """Tasks in rates and spikes; memories on XOR."""
    fig, axes = style.figure(style.TWO_COLUMNS, 2.8, columns=2, width_ratios=(1.5, 1))
    _tasks(axes[0], results)
    _memories(axes[1], results["bottleneck/spiking-memories"])
    style.panel_labels(axes)
    return fig


def _tasks(ax: Axes, results: Results) -> None:
    for x, (task, _) in enumerate(TASKS):
        found = results[f"bottleneck/spiking-{task}"]
        shown = [signal for signal in SIGNALS if f"spiking-{signal[0]}" in found]
        for offset, (stem, label, color, marker) in enumerate(shown):
            for level, shift, fill in (("rate", -0.04, "white"), ("spiking", 0.04, None)):
                if f"{level}-{stem}" not in found:
                    continue
                style.points(
                    ax,
                    [x + 0.18 * (offset - (len(shown) - 1) / 2) + shift],
                    [100 * found[f"{level}-{stem}"].accuracy],
                    color=color,
                    marker=marker,
                    mfc=fill or style.COLORS[color],
                    ms=4,
                    ls="none",
                    label=label if task == "mnist" else None,
                )
    ax.set(
        xticks=range(len(TASKS)),
        xticklabels=[
            f"{label}\nn = {results[f'bottleneck/spiking-{task}']['spiking-window'].sizes['seed']}"
            for task, label in TASKS
        ],
        ylabel="Test accuracy (%)",
        ylim=(5, 102),
    )
    ax.legend(loc="lower left", fontsize=6, title="filled: spikes, open: rates", title_fontsize=6)


def _memories(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    rows: Sequence[tuple[str, str, str]] = [row for row in MEMORIES if f"spiking-{row[0]}" in found]
    for y, (stem, _, color) in enumerate(rows):
        accuracy = 100 * found[f"spiking-{stem}"].accuracy
        mean, half = mean_and_interval(accuracy)
        bar = {"xerr": [np.nan_to_num(half)], "color": style.COLORS[color]}
        ax.errorbar([mean], [y], marker="o", ms=4, capsize=2, **bar)
    ax.set(
        yticks=range(len(rows)),
        yticklabels=[label for _, label, _ in rows],
        xlabel="Test accuracy on XOR (%)",
        xlim=(45, 103),
    )
    ax.axvline(50, color="#999999", linewidth=0.6, linestyle=":", zorder=0)  # chance
    ax.invert_yaxis()
    n = found["spiking-window"].sizes["seed"]
    ax.set_title(f"n = {n} seeds, 95% CI", fontsize=6, loc="right")


#: Kinds of reservoir: name, label, colour, time constant [samples] at which sizes are compared.
RESERVOIRS = (("reservoir", "rate", "bounds", 3), ("liquid", "spiking", "gate", 2))
SIZES = (30, 100, 300)


def draw_reservoir(results: Results) -> Drawing:
    """What rate and spiking reservoirs hold, and what is learned from them."""
    found = results["bottleneck/spiking-reservoir"]
    fig, axes = style.figure(style.TWO_COLUMNS, 2.5, columns=4)
    for name, label, color, tau in RESERVOIRS:
        held = found[f"spiking-{name}-n300-tau{tau:02}"]
        style.band(axes[0], held.lag, held.lag_r2, label=f"{label} cells", color=color)
    silent = found["spiking-liquid-silenced"]
    style.band(axes[0], silent.lag, silent.lag_r2, label="silenced", color="control", ls="--")
    axes[0].set(
        xlabel="Lag (samples)",
        ylabel="Past code explained ($R^2$)",
        ylim=(-0.1, 0.95),
        xticks=range(2, 13, 2),
    )
    sizes = {name: [f"n{n:03}-tau{tau:02}" for n in SIZES] for name, _, _, tau in RESERVOIRS}
    _compare(axes[1], found, SIZES, sizes, "accuracy", "Test accuracy on XOR")
    _compare(axes[2], found, SIZES, sizes, "signal_cosine", "Cosine to the exact signal")
    for ax in axes[1:3]:
        ax.set(xlabel="Reservoir cells")
    times = {name: (1, tau, 10) for name, _, _, tau in RESERVOIRS}
    stems = {name: [f"n300-tau{tau:02}" for tau in times[name]] for name in times}
    _compare(axes[3], found, times, stems, "signal_cosine", "Cosine to the exact signal")
    axes[3].set(xlabel="Time (samples)")
    axes[1].set(ylim=(0.6, 1.02))
    axes[0].legend(fontsize=6)
    style.panel_labels(axes)
    style.state_n(axes[1], silent.sizes["seed"])
    return fig


def _compare(
    ax: Axes,
    found: Mapping[str, xr.Dataset],
    places: Sequence[int] | Mapping[str, Sequence[int]],
    stems: Mapping[str, Sequence[str]],
    variable: str,
    label: str,
) -> None:
    """One quantity for both kinds of reservoir, and with silenced cells as lines."""
    ticks: set[int] = set()
    for name, _, color, _ in RESERVOIRS:
        x = places[name] if isinstance(places, Mapping) else places
        values = [found[f"spiking-{name}-{stem}"][variable].values for stem in stems[name]]
        style.points(ax, x, values, color=color)
        silent = found[f"spiking-{name}-silenced"][variable].values
        ax.axhline(np.mean(silent), color=style.COLORS[color], ls="--", lw=0.8)
        ticks |= set(x)
    ax.set(xscale="log", ylabel=label)
    ax.set_xticks(sorted(ticks), [str(tick) for tick in sorted(ticks)])
    ax.minorticks_off()


FIGURES = (
    Figure(
        name="spiking_bottleneck",
        needs=(
            *(f"bottleneck/spiking-{task}" for task, _ in TASKS),
            "bottleneck/spiking-memories",
        ),
        caption=(
            "Learning in spikes and in rates. (a) Test accuracy with two memories and two "
            "controls; filled symbols spiking, open symbols rate networks of the same size. "
            "(b) Spiking XOR from every memory; in grey the controls without a memory of the "
            "right samples. Error bars: 95% confidence intervals over seeds."
        ),
        draw=draw,
    ),
    Figure(
        name="spiking_bottleneck_reservoir",
        needs=("bottleneck/spiking-reservoir",),
        caption=(
            "Reservoirs of rate cells and of spiking cells as working memory of a spiking network. "
            "(a) How well codes of past samples can be read from 300 cells. (b) XOR learned from "
            "reservoirs of several sizes. (c) How well their frozen readout gives the exact signal "
            "on the codes of the trained network. (d) The same with 300 cells and other time "
            "constants: of rate cells; of currents and spike filters. Dashed: the same readouts "
            "with silenced cells (n = {n} seeds, 95% confidence intervals)."
        ),
        draw=draw_reservoir,
    ),
)
