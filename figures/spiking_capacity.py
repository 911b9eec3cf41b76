"""The spiking memory against size, background firing and cue quality; spikes against rates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.lab import Figure
from spikeconsol.statistics import mean_and_interval

Results = Mapping[str, Mapping[str, xr.Dataset]]
RULES = (("gate", "curvature gate"), ("bounds", "hard bounds, tuned"), ("leaky", "leaky, tuned"))


def draw_capacity(results: Results) -> Drawing:
    """Size, background firing and cues, with controls where they were run."""
    fig, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=3)
    _size(axes[0], results["spiking-capacity/size"])
    _background(axes[1], results["spiking-capacity/background"])
    _cues(axes[2], results["spiking-capacity/cue-quality"])
    style.panel_labels(axes)
    n = next(iter(results["spiking-capacity/size"].values())).sizes["seed"]
    style.state_n(axes[1], n, corner="lower left")
    return fig


def _size(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    """Power laws, so both axes are logarithmic; the slope is that of a straight line there."""
    for stem, label, color in (
        ("rate-covariance", "batch covariance, rates", "instant"),
        *((f"spiking-{rule}", label, rule) for rule, label in RULES),
    ):
        for active, fill in ((10, "full"), (20, "none")):
            prefix, suffix = f"{stem}-n", f"-k{active}"
            cells = sorted(
                int(s.removeprefix(prefix).removesuffix(suffix))
                for s in found
                if s.startswith(prefix) and s.endswith(suffix)
            )
            kept = [found[f"{prefix}{n}{suffix}"].kept for n in cells]
            if kept:
                text = None if active == 20 else label
                if len(cells) > 2:
                    means = [float(values.mean()) for values in kept]
                    text = f"{text}: N$^{{{np.polyfit(np.log(cells), np.log(means), 1)[0]:.1f}}}$"
                line = "--" if color == "instant" else "-"
                style.points(ax, cells, kept, color=color, fillstyle=fill, label=text, ls=line)
    ax.set(xscale="log", yscale="log", xlabel="Cells N", ylabel="Patterns kept", title="Size")
    ax.set_xticks([100, 200, 300, 400], ["100", "200", "300", "400"])
    ax.set_yticks([50, 100, 200, 500, 1000], ["50", "100", "200", "500", "1000"])
    ax.minorticks_off()
    ax.set_ylim(25, 3500)
    ax.legend(loc="upper left", title="k = 10 (open: k = 20)")


def _background(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    for kind, color, label, line in (
        ("both", "gate", "storage and recall", "-"),
        ("late", "rate", "later facilitation", "--"),
    ):
        stems = sorted(stem for stem in found if stem.startswith(f"spiking-{kind}-"))
        if stems:
            kept = [found[stem].kept for stem in stems]
            rates = [int(stem[-2:]) for stem in stems]
            style.points(ax, rates, kept, color=color, label=label, ls=line)
    for stem, color, label, marker, aside in (
        ("storage-04", "accent", "storage only", "^", -0.35),
        ("recall-04", "shuffled", "recall only", "v", 0.35),
        ("correlated-10", "control", "correlated (0.1)", "s", 0.0),
        ("bounds-04", "bounds", "hard bounds", "o", 0.0),
        ("leaky-04", "leaky", "leaky", "o", 0.0),
    ):
        if f"spiking-{stem}" in found:
            kept = found[f"spiking-{stem}"].kept
            shape = {"marker": marker, "ms": 3.5, "ls": "none"}
            style.points(ax, [4 + aside], [kept], color=color, label=label, **shape)
    ax.set_xticks([0, 2, 4, 8, 12])
    ax.set(xlabel="Background firing (Hz)", ylim=(0, 380), title="Background firing")
    ax.legend(loc="upper right")


def _cues(ax: Axes, found: Mapping[str, xr.Dataset]) -> None:
    cues = ("0-0", "30-0", "20-20", "40-40")
    for rule, label in RULES:
        stems = [f"spiking-{rule}-{cue}" for cue in cues]
        kept = {x: found[stem].kept for x, stem in enumerate(stems) if stem in found}
        if kept:
            style.points(ax, list(kept), list(kept.values()), color=rule, label=label)
    ax.set_xticks(range(4), ["0/0", "30/0", "20/20", "40/40"])
    ax.set(xlabel="Cue: deleted/spurious (%)", ylim=(0, None), title="Cue quality")
    ax.legend(loc="lower left")


def draw_lesion(results: Results) -> Drawing:
    """Patterns kept against the fraction of synapses deleted."""
    found = results["spiking-capacity/lesion"]
    fig, ax = style.figure(style.ONE_COLUMN, 2.4)
    for name, label, color in (
        ("curvature", "highest curvature", "gate"),
        ("weight", "largest weight", "bounds"),
        ("random", "at random", "control"),
        ("flat", "lowest curvature", "accent"),
    ):
        stems = sorted(stem for stem in found if stem.startswith(f"spiking-{name}-"))
        kept = [found[stem].kept for stem in ("spiking-none", *stems)]
        lesioned = [0, *(int(stem[-2:]) for stem in stems)]
        style.points(ax, lesioned, kept, color=color, label=label)
    ax.set(xlabel="Synapses deleted (%)", ylabel="Patterns kept", ylim=(0, None))
    ax.legend(loc="upper right", bbox_to_anchor=(1, 0.86), title="Deleted")
    style.state_n(ax, found["spiking-none"].sizes["seed"], corner="lower left")
    return fig


def draw_spike_against_rate(results: Results) -> Drawing:
    """Weights learned by spikes against those learned by rates; both ways of recall."""
    found = results["spiking-capacity/spike-vs-rate"]
    fig, (left, right) = style.figure(style.TWO_COLUMNS, 2.5, columns=2, width_ratios=[1, 1.4])
    example = found["spikes-spikes"]
    left.scatter(
        example.rate_weight,
        example.spike_weight,
        s=1.5,
        alpha=0.15,
        lw=0,
        rasterized=True,
        color=style.COLORS["spiking"],
    )
    r, half = mean_and_interval(example.weight_correlation)
    left.text(0.04, 0.94, f"r = {r:.3f} ± {np.nan_to_num(half):.3f}", transform=left.transAxes)
    left.set(xlabel="Weight, learned by rates", ylabel="Weight, learned by spikes")
    for offset, reading, color, label in (
        (-0.2, "rates", "rate", "recall by k winners (rates)"),
        (0.2, "spikes", "spiking", "recall by spikes"),
    ):
        stats = [mean_and_interval(found[f"{who}-{reading}"].kept) for who in ("rates", "spikes")]
        means, halves = zip(*stats, strict=True)
        right.bar(
            np.arange(2) + offset,
            means,
            0.36,
            yerr=np.nan_to_num(halves),
            color=style.COLORS[color],
            label=label,
            error_kw={"lw": 0.8},
        )
    right.set_xticks([0, 1], ["learned by rates", "learned by spikes"])
    right.set(ylabel="Patterns kept", ylim=(0, 260))
    right.legend(loc="upper left", ncols=1)
    style.state_n(right, example.sizes["seed"], corner="upper right")
    style.panel_labels([left, right])
    return fig


_STREAM = "patterns kept of a stream, each stored once, in steady state, mean and 95% CI (n = {n})"

FIGURES = (
    Figure(
        name="spiking_capacity",
        needs=(
            "spiking-capacity/size",
            "spiking-capacity/background",
            "spiking-capacity/cue-quality",
        ),
        caption=(
            f"Spiking memory: {_STREAM}. (a) Network size at k = 10 active cells (filled) and "
            "k = 20 (open), beside covariance learning of all patterns at once, read by k winners "
            "(90% recalled). (b) Forced background firing of all cells in both phases, with the "
            "default and with a higher threshold of facilitation; at 4 Hz with counts correlated "
            "by 0.1, in one phase only, and for the controls. (c) Quality of the cue."
        ),
        draw=draw_capacity,
    ),
    Figure(
        name="spiking_lesion",
        needs=("spiking-capacity/lesion",),
        caption=(
            f"Lesions of the spiking memory: {_STREAM}, after deletion of synapses chosen by their "
            "curvature (Fisher information from the coincidence trace), by weight or at random."
        ),
        draw=draw_lesion,
    ),
    Figure(
        name="spike_against_rate",
        needs=("spiking-capacity/spike-vs-rate",),
        caption=(
            "(a) Every weight after the same stream, learned by spikes and by the same rule on "
            "binary rates (one network; r over n = {n} seeds). (b) Patterns kept when the weights "
            "of either are read by the spiking network or by k-winners recall: storage by spikes "
            "loses little, and recall by spikes keeps more than recall by k winners."
        ),
        draw=draw_spike_against_rate,
    ),
)
