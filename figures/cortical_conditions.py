"""What an always-on network keeps, against its lifetime, its background and its parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

KEPT = "Assemblies kept (%)"
Found = Mapping[str, xr.Dataset]
#: Variable, label, colour and marker of the two criteria.
CRITERIA = (("kept", "Dice 0.8", "gate", "o"), ("kept_90", "Dice 0.9", "accent", "s"))
#: Of networks that are not as the others are: experiment and conditions.
ABLATIONS = ("intact", "no-adaptation", "no-nmda", "no-nmda-charge", "weak-recruiting")
PARTS = (
    ("ablation", (*ABLATIONS, "weak-stimulus")),
    ("connectivity", ("p40", "p20", "p10", "inhibition-fixed-30", "inhibition-random-30")),
    ("cells", ("adex",)),
)


def draw(results: Mapping[str, Found]) -> Drawing:
    """Draw what is kept at both criteria."""
    widths = (1, 1, 1.3)
    figure, axes = style.figure(style.TWO_COLUMNS, 2.8, columns=3, width_ratios=widths)
    lifetimes = results["cortical-memory/lifetime"]
    seconds = [int(name[1:]) for name in lifetimes]
    _against(axes[0], seconds, lifetimes, "Protection T (s)")
    background = results["cortical-memory/background"]
    rates = [float(dataset.background.mean()) for dataset in background.values()]
    _against(axes[1], rates, background, "Background, E (Hz)")
    for ax in axes[:2]:
        ax.set(ylim=(0, 102), ylabel=KEPT)
    axes[0].legend(loc="upper right")
    _rows(axes[2], [results[f"cortical-memory/{name}"][c] for name, only in PARTS for c in only])
    style.state_n(axes[2], next(iter(background.values())).sizes["seed"])
    style.panel_labels(axes)
    return figure


def _against(ax: Axes, x: Sequence[float], found: Found, label: str) -> None:
    for shift, (variable, criterion, color, marker) in enumerate(CRITERIA):
        aside = [value + 0.015 * shift * max(x) for value in x]
        kept = [_percent(dataset, variable) for dataset in found.values()]
        style.points(ax, aside, kept, color=color, marker=marker, label=criterion, ls="-")
    ax.set(xlabel=label)


def _percent(dataset: xr.Dataset, variable: str) -> xr.DataArray:
    """What is kept, of the assemblies that a run asked for."""
    return 100 * dataset[variable] / dataset[variable].attrs["of"]


def _rows(ax: Axes, datasets: list[xr.Dataset]) -> None:
    """One row for each network."""
    for row, dataset in enumerate(datasets):
        for shift, (variable, _, color, marker) in enumerate(CRITERIA):
            mean, half = mean_and_interval(_percent(dataset, variable))
            place = row + 0.25 * shift
            ax.errorbar(mean, place, xerr=half, fmt=marker, ms=3, color=style.COLORS[color])
    ax.set(yticks=range(len(datasets)), xlim=(0, 102), xlabel=KEPT)
    ax.set_yticklabels([dataset.attrs["label"] for dataset in datasets], fontsize=6)
    ax.invert_yaxis()


FIGURES = (
    Figure(
        name="cortical_conditions",
        needs=(
            "cortical-memory/lifetime",
            "cortical-memory/background",
            "cortical-memory/ablation",
            "cortical-memory/connectivity",
            "cortical-memory/cells",
        ),
        caption=(
            "Assemblies that an always-on network completes, of those asked for, at two criteria. "
            "(a) Against the protection by the gate; streams, and the newest asked for, grow with "
            "it. (b) Against the background firing that a constant drive gives. (c) Networks "
            "without a part or with others, nothing tuned again. Means and 95% confidence "
            "intervals, n = {n} seeds."
        ),
        draw=draw,
    ),
)
