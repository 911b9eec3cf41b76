"""Diagonal and eigenvalues of the Fisher information matrix against load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from spikeconsol.figures.style import (
    COLORS,
    TWO_COLUMNS,
    band,
    figure,
    panel_labels,
    points,
    state_n,
)
from spikeconsol.lab import Figure

NEED = "curvature-capacity/spectra"


def draw(results: Mapping[str, Mapping[str, Any]]) -> Any:
    """Sorted diagonal, sorted eigenvalues, effective numbers of both; small free networks."""
    found = results[NEED]
    drawing, axes = figure(TWO_COLUMNS, 2.3, columns=4)
    held, free = (
        {int(stem[-3:]): found[stem] for stem in sorted(found) if f"-{kind}-" in stem}
        for kind in ("held", "free")
    )
    shades = matplotlib.colormaps["cividis"]
    for place, (load, case) in enumerate(held.items()):
        shade = to_hex(shades(0.9 * place / max(1, len(held) - 1)))
        count = case.sizes["synapse"]
        some = np.unique(np.geomspace(1, count, 120).astype(int)) - 1
        diagonal = np.where(case.diagonal > 0, case.diagonal, np.nan)[:, some]
        band(axes[0], some + 1, diagonal, color=shade, label=f"{load}")
        modes = case.eigenvalue.values[:, : load - 1]
        band(axes[1], 1 + np.arange(load - 1), modes, color=shade, label=f"{load}")
    axes[0].set(xscale="log", yscale="log", xlabel="synapse, ranked", ylabel="information F")
    axes[1].set(xscale="log", yscale="log", xlabel="direction, ranked", ylabel="eigenvalue")
    axes[1].legend(title="patterns", loc="upper right", fontsize=6, borderaxespad=0)
    for measure, label, color in (
        ("synapses", "synapses", "leaky"),
        ("directions", "directions", "gate"),
    ):
        values = [case[measure].values for case in held.values()]
        points(axes[2], list(held), values, color=color, label=label)
    axes[2].plot(
        list(held), np.array(list(held)) - 1, color=COLORS["instant"], ls=":", label="P − 1"
    )
    axes[2].set(xscale="log", yscale="log", xlabel="patterns P", ylabel="effective number")
    axes[2].legend(loc="center right")
    for load, color in zip(free, ("rate", "gate", "instant"), strict=False):
        values = free[load].eigenvalue.values
        band(
            axes[3],
            1 + np.arange(values.shape[1]),
            np.log10(values.clip(1e-12)),
            color=color,
            label=f"{load}",
        )
    axes[3].set(xlabel="direction, ranked", ylabel="log$_{10}$ eigenvalue", title="free, 12 units")
    axes[3].legend(title="patterns", loc="upper right")
    state_n(axes[3], free[load].sizes["seed"], corner="lower left")
    panel_labels(axes)
    return drawing


FIGURES = (
    Figure(
        name="information_spectra",
        needs=(NEED,),
        caption=(
            "Fisher information of a network held in its patterns (N = 200, f = 0.05). (a) The "
            "diagonal, synapses in order. (b) The eigenvalues of the whole matrix, of which there "
            "are one less than patterns. (c) Participation ratio of both. (d) Eigenvalues of small "
            "free networks, over all states. Mean and 95% CI over {n} seeds."
        ),
        draw=draw,
    ),
)
