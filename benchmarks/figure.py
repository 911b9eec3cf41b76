"""Time of storage and recall in the spiking memory against the number of cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.common import Row
from benchmarks.storage import DENSE, FIRST, LAZY, OURS, SPARSE
from spikeconsol.figures import style

LOOKS = {
    OURS: (style.COLORS["gate"], "o"),
    FIRST: (style.COLORS["leaky"], "s"),
    LAZY: ("0.4", "^"),
}


def draw(rows: Sequence[Row], stem: Path) -> list[Path]:
    """Draw the figure as PDF and PNG; returns nothing where there are too few sizes."""
    own = [entry for entry in rows if entry["quantity"] == "CPU of a pattern"]
    if len({entry["N"] for entry in own if entry["benchmark"] == "storage"}) < 3:
        return []
    with style.context():
        fig, (few, many, recall) = style.figure(style.TWO_COLUMNS, 2.5, columns=3)
        panels = (
            (few, "storage, k = 10", SPARSE, "storage, k = 10"),
            (many, "storage", DENSE, "storage, k = N/20"),
            (recall, "recall", DENSE, "recall, k = N/20"),
        )
        for letter, (axes, benchmark, sizes, title) in zip("abc", panels, strict=True):
            chosen = [entry for entry in own if entry["benchmark"] == benchmark]
            for name, (color, marker) in LOOKS.items():
                _line(axes, [e for e in chosen if e["contender"] == name], name, color, marker)
            axes.set(xscale="log", yscale="log", xlabel="Cells N", title=title)
            axes.set_xticks(list(sizes), [f"{n}" for n in sizes])
            ticks = [5, 10, 20, 50] if axes is few else [1, 10, 100, 1000]
            axes.set_yticks(ticks, [f"{milliseconds:,}" for milliseconds in ticks])
            axes.set_ylim(top=4 * axes.get_ylim()[1])  # room for the legend
            axes.minorticks_off()
            axes.legend()
            style.panel_label(axes, letter)
        few.set_ylabel("CPU time of a pattern (ms)")
        paths = [stem.with_suffix(suffix) for suffix in (".pdf", ".png")]
        for path in paths:
            fig.savefig(path)
    return paths


def _line(axes, rows: Sequence[Row], name: str, color: str, marker: str) -> None:  # type: ignore[no-untyped-def]
    """Medians with ranges, and the slope of the logarithms."""
    if not rows:
        return
    rows = sorted(rows, key=lambda e: int(e["N"]))  # type: ignore[call-overload]
    n, middle, low, high = (
        np.array([float(e[key]) for e in rows])  # type: ignore[arg-type]
        for key in ("N", "value", "lowest", "highest")
    )
    slope = np.polyfit(np.log(n), np.log(middle), 1)[0]
    label = f"{name}, N$^{{{slope:.2f}}}$"
    axes.errorbar(n, middle, (middle - low, high - middle), color=color, marker=marker, label=label)
