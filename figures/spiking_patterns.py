"""The spiking memory with patterns of unequal size, unequal use of cells, other constants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Found = Mapping[str, xr.Dataset]

SIZES = (("equal", "10"), ("narrow", "8–12"), ("wide", "5–15"), ("binomial", "binomial"))
#: (suffix or prefix of the condition, label, colour, line style)
CURVES = (
    ("spiking-{}", "spikes", "gate", "-"),
    ("spiking-{}-background", "spikes, 4 Hz background", "spiking", "--"),
    ("rate-{}", "rates, size told", "rate", ":"),
)
CONTROLS = (
    ("bounds", "hard bounds, tuned", "bounds", "s"),
    ("leaky", "leaky, tuned", "leaky", "^"),
)
POINTS = (
    ("default", "default"),
    ("drive-14", "drive 1.4"),
    ("drive-40", "drive 4"),
    ("shown-150", "150 ms a pattern"),
    ("shown-500", "500 ms a pattern"),
    ("membrane-05", "membrane 5 ms"),
    ("membrane-20", "membrane 20 ms"),
    ("refractory-03", "refractory 3 ms"),
    ("refractory-12", "refractory 12 ms"),
    ("synaptic-14", "synapses 14 ms"),
    ("synaptic-30", "synapses 30 ms"),
    ("facilitation-040", "facilitation 40 ms"),
    ("facilitation-160", "facilitation 160 ms"),
    ("told-040", "told f = 0.04"),
    ("told-065", "told f = 0.065"),
    ("adex", "AdEx cells"),
    ("izhikevich", "Izhikevich cells"),
    ("sparse-80", "80% connected"),
    ("sparse-50", "50% connected"),
    ("sparse-20", "20% connected"),
)


def draw(results: Mapping[str, Found]) -> Drawing:
    """Sizes, use, and a list of operating points."""
    fig, axes = style.figure(style.TWO_COLUMNS, 3.2, columns=3, width_ratios=[1.1, 1, 1.1])
    sizes = [(name, x) for x, (name, _) in enumerate(SIZES)]
    _curves(axes[0], results["spiking-capacity/unequal"], sizes, "binomial")
    axes[0].set_xticks(range(len(SIZES)), [label for _, label in SIZES])
    axes[0].set(xlabel="Active cells of a pattern", ylabel="Patterns kept", title="Size")
    uses: list[tuple[str, float]] = [
        (f"usage-{round(100 * spread):03d}", spread) for spread in (0.25, 0.5, 0.75)
    ]
    together = dict(results["spiking-capacity/usage"])
    for stem in ("spiking-equal", "rate-equal"):
        if stem in results["spiking-capacity/unequal"]:
            together[stem] = results["spiking-capacity/unequal"][stem]
    _curves(axes[1], together, [("equal", 0.0), *uses], "usage-050")
    axes[1].set(xlabel="Spread of use (log-normal)", title="Use of cells", ylim=axes[0].get_ylim())
    _points(axes[2], results["spiking-capacity/operating-point"])
    style.panel_labels(axes)
    n = next(iter(results["spiking-capacity/unequal"].values())).sizes["seed"]
    style.state_n(axes[1], n, corner="lower left")
    return fig


def _curves(ax: Axes, found: Found, places: Sequence[tuple[str, float]], last: str) -> None:
    for form, label, color, line in CURVES:
        drawn = {x: found[form.format(name)] for name, x in places if form.format(name) in found}
        if drawn:
            kept = [dataset.kept for dataset in drawn.values()]
            style.points(ax, list(drawn), kept, color=color, ls=line, label=label)
    where = dict(places)[last]
    for short, label, color, marker in CONTROLS:
        stem = f"spiking-{last}-{short}"
        if stem in found:
            shape = {"marker": marker, "ms": 3.5, "ls": "none"}
            style.points(ax, [where], [found[stem].kept], color=color, label=label, **shape)
    ax.set_ylim(0, 240)
    if last == "binomial":
        ax.legend(loc="lower left", fontsize="x-small")


def _points(ax: Axes, found: Found) -> None:
    present = [(label, found[f"spiking-{s}"]) for s, label in POINTS if f"spiking-{s}" in found]
    for row, (_, dataset) in enumerate(present):
        mean, half = mean_and_interval(dataset.kept)
        color = style.COLORS["gate" if row == 0 else "spiking"]
        ax.errorbar([mean], [row], xerr=[np.nan_to_num(half)], color=color, marker="o", ms=3)
    ax.set_yticks(range(len(present)), [label for label, _ in present], fontsize="x-small")
    ax.invert_yaxis()
    ax.set(xlabel="Patterns kept", xlim=(0, 240), title="Operating point")


FIGURES = (
    Figure(
        name="spiking_patterns",
        needs=(
            "spiking-capacity/unequal",
            "spiking-capacity/usage",
            "spiking-capacity/operating-point",
        ),
        caption=(
            "Spiking memory, one set of constants: patterns kept of the newest 240 of a stream, "
            "mean and 95% CI (n = {n}). (a) Patterns of unequal size, with and without background "
            "firing; the rate network is told each pattern's size. (b) Cells of unequal use. "
            "(c) Other drive, durations, time constants, coding level told, cells and wiring."
        ),
        draw=draw,
    ),
)
