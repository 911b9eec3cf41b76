"""Brian2 text and builders of the spiking network; importing it does not import Brian2.

Everything, from the Poisson input to the change of the weights, is an equation or a synapse. A
sample is shown for a fixed time; at its end the statements run once, in the order of
`schedule.ORDER`. Sums over a layer are collected by a single hub cell and heard by all cells of
the layer: the broadcast that layer normalisation and its Jacobian need. The working memory brings
along its own cells and synapses (`spikeconsol.bottleneck.memory.cells`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spikeconsol.brian.backend import Built

__all__ = ["build", "build_rehearsal", "build_relational", "build_relational_rehearsal"]


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network: see `network.build`."""
    from spikeconsol.bottleneck.equations import network

    return network.build(structure)


def build_rehearsal(structure: Mapping[str, Any]) -> Built:
    """Build a liquid that hears forced spikes: see `network.build_rehearsal`."""
    from spikeconsol.bottleneck.equations import network

    return network.build_rehearsal(structure)


def build_relational(structure: Mapping[str, Any]) -> Built:
    """Build layers that learn from relations: see `relational.build_relational`."""
    from spikeconsol.bottleneck.equations import relational

    return relational.build_relational(structure)


def build_relational_rehearsal(structure: Mapping[str, Any]) -> Built:
    """Build a liquid that hears forced spikes: see `relational.build_relational_rehearsal`."""
    from spikeconsol.bottleneck.equations import relational

    return relational.build_relational_rehearsal(structure)
