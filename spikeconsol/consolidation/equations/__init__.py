"""All Brian2 text of the spiking memory, and the networks built from it.

There are two networks: one that stores, clamped by its input and plastic, and one that recalls,
whose recurrent synapses transmit and do not change. Everything numeric is a parameter that is set
at run time: only sizes, switches, the text of the cells and that of the rule are compiled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brian2 import Clock, Network, NeuronGroup, SpikeMonitor, second

from spikeconsol.brian.backend import Built
from spikeconsol.consolidation.equations.cells import (
    POOL,
    connect_pool,
    kind,
    make_cells,
    make_inhibition,
    refuse_taken_names,
)
from spikeconsol.consolidation.equations.pairs import make_plastic_pairs, make_transmitting_pairs


def build(structure: Mapping[str, Any]) -> Built:
    """Build the network that stores, or the one that recalls.

    Parameters
    ----------
    structure : dict
        Of both networks: ``phase`` (store or recall), ``n``, ``dt`` [s], ``delay`` [s], ``bin``
        [s], ``bins`` and ``rows`` (capacities of the protocol), ``cell`` (texts of the cell model,
        see `spikeconsol.consolidation.cells`), ``per_cell`` (constants that differ from cell to
        cell), ``symmetric``, ``tile`` and ``pairs`` (see `connect_pairs`), ``precision``,
        ``forced`` (spikes forced by background or Poisson input), ``poisson``. Of the one that
        stores: ``slot`` [s] (period of the latch, None for the continuous trace), ``rule``
        (statements), ``rule_constants``, ``traces``, ``elsewhere`` (the gate reads another pair's
        trace). Of the one that recalls: ``inhibitory_cells``, ``inhibition_delay`` [s].
    """
    refuse_taken_names(structure["cell"])
    # One clock for all: every further one costs time in every step.
    clock = Clock(structure["dt"] * second, name="step")
    pool = NeuronGroup(1, POOL[kind(structure)], method="euler", clock=clock, name="pool")
    cells, timed_arrays = make_cells(structure, clock, pool)
    objects = [
        cells,
        pool,
        SpikeMonitor(cells, name="spikes"),
        connect_pool(cells, pool, structure),
    ]
    if structure["phase"] == "store":
        pairs, finish = make_plastic_pairs(cells, pool, structure, clock)
    else:
        objects += make_inhibition(cells, structure, clock)
        pairs, finish = make_transmitting_pairs(cells, structure, clock)
    return Built(Network(pairs, *objects), clock, timed_arrays, finish)
