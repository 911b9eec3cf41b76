"""n-back in spikes: layers of spiking cells learn as well as their memory serves."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.figures.bottleneck_relational import accuracies, lag
from spikeconsol.lab import Figure


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Draw the conditions, and what learning owes to the signal that the memory makes."""
    found = results["bottleneck/spiking-nback"]
    figure, axes = style.figure(style.TWO_COLUMNS, 2.6, columns=2)
    accuracies(axes[0], found, f"Test accuracy, n-back in spikes, lag {lag(found)}")
    groups = (
        ("exact memory", "instant", "s", ("exact",)),
        ("liquids", "gate", "o", ("liquid", "shift", "dale", "continuous")),
        ("controls", "control", "^", ("silenced", "constant", "shuffled", "late", "permuted")),
    )
    for label, color, marker, names in groups:
        chosen = [found[f"spiking-{name}"] for name in names if f"spiking-{name}" in found]
        cosine = np.concatenate([dataset.cosine.mean("layer") for dataset in chosen])
        accuracy = np.concatenate([dataset.accuracy for dataset in chosen])
        axes[1].plot(cosine, accuracy, marker, ms=4, color=style.COLORS[color], label=label)
    axes[1].set(
        xlabel="Cosine of signals to the exact ones",
        ylabel="Test accuracy",
        ylim=(0, 1),
    )
    axes[1].legend(loc="lower right")
    style.panel_labels(axes)
    return figure


FIGURES = (
    Figure(
        name="spiking_relational",
        needs=("bottleneck/spiking-nback",),
        caption=(
            "Spiking layers told only whether a digit is of the class of the one some samples "
            "before. (a) Conditions that differ in their memory; dots are seeds, line: frozen "
            "layers. (b) Accuracy against the cosine, in use, of the layers' signals to those of "
            "an exact memory; dots are seeds. n = {n} seeds."
        ),
        draw=draw,
    ),
)
