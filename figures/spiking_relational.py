"""n-back in spikes: what a liquid must hold for layers of spiking cells to learn."""

from __future__ import annotations

from collections.abc import Mapping

import xarray as xr
from matplotlib.figure import Figure as Drawing

from spikeconsol.figures import style
from spikeconsol.figures.bottleneck_relational import accuracies, against_cells, against_recall
from spikeconsol.lab import Figure


def draw(results: Mapping[str, Mapping[str, xr.Dataset]]) -> Drawing:
    """Draw the controls, and what learning owes to the size of the liquid."""
    figure, axes = style.figure(style.TWO_COLUMNS, 2.4, columns=3)
    accuracies(axes[0], results["bottleneck/spiking-nback"], "Test accuracy, n-back in spikes")
    against_cells(axes[1], results["bottleneck/spiking-nback-capacity"])
    against_recall(axes[2], results["bottleneck/spiking-nback-capacity"])
    for letter, ax in zip("abc", axes, strict=True):
        style.panel_label(ax, letter)
    return figure


FIGURES = (
    Figure(
        name="spiking_relational",
        needs=("bottleneck/spiking-nback", "bottleneck/spiking-nback-capacity"),
        caption=(
            "Spiking layers told only whether a digit is of the class of the one four samples "
            "before. (a) Conditions that differ in their memory; line: frozen layers. (b) Accuracy "
            "against the size of a gated liquid and the lag. (c) The same networks, against what "
            "their liquids recall of random codes; dots are seeds. Means and 95% confidence "
            "intervals over seeds, as stated in the panels."
        ),
        draw=draw,
    ),
)
