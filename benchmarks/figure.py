"""Time and memory of the spiking memory against the number of cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import Row
from spikeconsol.figures import style

LOOKS = {
    "spikeconsol": (style.COLORS["gate"], "o"),
    "Brian2 standalone": (style.COLORS["leaky"], "s"),
    "loop in C": ("0.4", "^"),
}


def draw(rows: Sequence[Row], stem: Path) -> list[Path]:
    """Draw the figure as PDF and PNG; returns nothing where there are too few sizes."""
    storage = [entry for entry in rows if entry["benchmark"] == "storage"]
    if len({entry["N"] for entry in storage}) < 3:
        return []
    with style.context():
        fig, (left, right) = style.figure(style.TWO_COLUMNS, 2.5, columns=2)
        for name, (color, marker) in LOOKS.items():
            own = [entry for entry in storage if entry["contender"] == name]
            n, middle, low, high = _series(own, "events")
            times = 1e3 / middle
            slope = np.polyfit(np.log(n), np.log(times), 1)[0]
            errors = np.abs(1e3 / np.array([high, low]) - times)
            left.errorbar(
                n, times, errors, color=color, marker=marker, label=f"{name} (slope {slope:+.2f})"
            )
            n, middle, low, high = _series(own, "peak memory per ordered pair")
            if len(n):
                right.plot(n, middle, color=color, marker=marker, label=name)
        large = [entry for entry in rows if entry["quantity"] == "peak memory of the program"]
        for entry in large:
            size = int(entry["N"])  # type: ignore[call-overload]
            peak = 1e9 * float(entry["value"]) / size**2  # type: ignore[arg-type]
            right.plot(size, peak, color=LOOKS["spikeconsol"][0], marker="o")
        sizes = sorted({*(int(entry["N"]) for entry in storage)})  # type: ignore[call-overload]
        for axes, ticks in ((left, sizes), (right, [1000, 2000, 4000, 10_000])):
            axes.set_xscale("log")
            axes.set_xlabel("Cells N")
            axes.set_xticks(ticks, map(str, ticks))
        left.set_yscale("log")
        left.set_yticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
        left.set_ylabel("CPU time per synaptic event (ns)")
        right.set_ylim(bottom=0)
        right.set_ylabel("Peak memory per cell pair (bytes)")
        for axes in (left, right):
            axes.minorticks_off()
            axes.legend()
        style.panel_label(left, "a")
        style.panel_label(right, "b")
        paths = [stem.with_suffix(suffix) for suffix in (".pdf", ".png")]
        for path in paths:
            fig.savefig(path)
    return paths


def _series(rows: Sequence[Row], quantity: str) -> tuple[np.ndarray, ...]:
    chosen = sorted((e for e in rows if e["quantity"] == quantity), key=lambda e: int(e["N"]))  # type: ignore[call-overload]
    return tuple(
        np.array([float(e[name]) for e in chosen])  # type: ignore[arg-type]
        for name in ("N", "value", "lowest", "highest")
    )
