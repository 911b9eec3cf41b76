"""The two programs of a spiking memory, and the values that they are run with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.brian import backend
from spikeconsol.consolidation.cells import CellModel, Spread
from spikeconsol.consolidation.pairs import Pairs
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate, Rule, Shuffled
from spikeconsol.data.patterns import active_units
from spikeconsol.parameters import ParameterError

#: Synaptic time for which the gain of recurrent excitation is given [s].
REFERENCE_TIME = 0.02
#: Constants of the cells that the storing network does not have.
RECALLING_ONLY = (
    "tonic_current",
    "synaptic_time",
    "recurrent_gain",
    "balance",
    "load",
    "inhibition_time",
    "afterdepolarisation_peak",
    "afterdepolarisation_time",
)


class Programs:
    """What a memory compiles, and every constant of it by the name of its input.

    Parameters
    ----------
    parameters : SpikingParameters
    coding_level : float
    rule : Rule
        A rule with weights in [0, 1].
    cells : CellModel
    pairs : Pairs
        Synapses with their variables.
    spread : Spread or None
    rng : numpy.random.Generator
        For the spread.
    """

    def __init__(
        self,
        parameters: SpikingParameters,
        coding_level: float,
        rule: Rule,
        cells: CellModel,
        pairs: Pairs,
        spread: Spread | None,
        rng: np.random.Generator,
    ) -> None:
        self.n = pairs.n
        self.parameters = parameters
        self.coding_level = coding_level
        self.active = active_units(self.n, coding_level)
        self.rule = rule
        self.cells = cells
        self.pairs = pairs
        #: Patterns, and bins of the protocol, that one run has room for.
        self.rows = max(64, min(1024, 2**20 // self.n)) + 1
        self.bins = 10 * self.rows
        #: Variables of the cells that the rule has.
        self.cell_state = {
            name: np.full(self.n, rule.state((self.n, 1))[name][0]) for name in rule.cell_traces
        }
        if isinstance(rule, Shuffled):
            self._partners = pairs.partners(rule.permutation(self.n))
        self._spread: dict[str, NDArray[np.float64]] = {}
        self._spread = self._spread_constants(spread, rng)

    @property
    def continuous(self) -> bool:
        """Whether weights change at every spike."""
        return self.parameters.trace == "continuous"

    def program(self, *, storing: bool) -> backend.Program:
        """Return the program that stores, or the one that recalls."""
        p = self.parameters
        cell = self.cells
        structure: dict[str, Any] = {
            "phase": "store" if storing else "recall",
            "n": self.n,
            "dt": p.time_step,
            "delay": p.cells.delay,
            "bin": p.phases.bin,
            "bins": self.bins,
            "rows": self.rows,
            "cell": {
                "equations": cell.equations,
                "threshold": cell.threshold,
                "reset": cell.reset,
                "refractory": cell.refractory,
                "constants": {name: unit for name, (_, unit) in cell.constants.items()},
            },
            "per_cell": sorted({*self._spread, *(["recurrent_gain"] if self.pairs.listed else [])}),
            "symmetric": self.pairs.symmetric,
            "tile": self.pairs.tile,
            "pairs": len(self.pairs) if self.pairs.listed else None,
            "precision": p.precision,
            "forced": p.cells.background_rate > 0 or (storing and p.cells.input_rate > 0),
            "poisson": storing and p.cells.input_rate > 0,
        }
        if storing:
            structure |= {
                "slot": None if self.continuous else p.phases.present + p.phases.gap,
                "rule": ["", ""] if self.continuous else [self.rule.before, self.rule.after],
                "cell_traces": self.rule.cell_traces,
                "cell_rule": self.rule.cell_statements,
                "rule_constants": () if self.continuous else tuple(self.rule.constants),
                "traces": [name for name in self.pairs.state if name != "w"],
                "elsewhere": isinstance(self.rule, Shuffled),
                "silence": None if self.continuous else self.rule.silence,
            }
            outputs = (
                *(f"pairs.{name}" for name in self.pairs.state),
                *(f"cells.{name}" for name in self.cell_state),
            )
        else:
            structure |= {
                "inhibitory_cells": p.inhibition.cells,
                "inhibition_delay": p.inhibition.delay,
            }
            outputs = ("inhibitory_spikes.i", "inhibitory_spikes.t")
        return backend.Program(
            name="spiking-memory" if storing else "spiking-recall",
            builder="spikeconsol.consolidation.equations:build",
            structure=structure,
            inputs=(
                *self._all_but_load(storing=storing, noise_seed=0),
                *self.state(storing=storing),
                *("row", "window", "table"),
            ),
            outputs=(*outputs, "spikes.i", "spikes.t"),
        )

    def state(self, *, storing: bool) -> dict[str, Any]:
        """Variables of synapses, and of cells for the rule, that a run starts from."""
        pairs = self.pairs
        values = dict(pairs.state) if storing else {"w": pairs.state["w"]}
        if storing and isinstance(self.rule, Shuffled):
            values["partner"] = self._partners
        if pairs.listed:
            values |= {"source_cell": pairs.i, "target_cell": pairs.j}
        cells = self.cell_state if storing else {}
        return {f"pairs.{name}": value for name, value in values.items()} | {
            f"cells.{name}": value for name, value in cells.items()
        }

    def constants(self, *, storing: bool, noise_seed: int) -> dict[str, Any]:
        """Constants of a phase, by input name."""
        values = self._all_but_load(storing=storing, noise_seed=noise_seed)
        if not storing:
            own = self.pairs.mean_weight()
            values["cells.load"] = own.mean() + self.parameters.inhibition.scaling * (
                own - own.mean()
            )
        return values

    def _all_but_load(self, *, storing: bool, noise_seed: int) -> dict[str, Any]:
        """The same with 0 for what takes a look at every weight."""
        p = self.parameters
        cells = self._cell_constants()
        pairs: dict[str, Any] = {}
        inhibition: dict[str, Any] = {}
        pool: dict[str, Any] = {}
        if storing:
            for name in RECALLING_ONLY:
                del cells[name]
            pairs = self._pair_constants()
            if self.rule.cell_traces:
                constants = ("evidence", *self.rule.constants)
                cells |= {f"rule_{name}": pairs[name] for name in constants}
            if self.continuous:
                cells["heard_time"] = pool["heard_time"] = p.continuous.counter_time
        else:
            pool["synaptic_time"] = p.cells.synaptic_time
            inhibition = {
                # Half a spike below a whole number of spikes, which the leak never quite reaches.
                "firing_threshold": p.inhibition.threshold * self.active - 0.5,
                "membrane_time": p.inhibition.membrane_time,
                "refractory_time": p.inhibition.refractory_time,
                "strength": p.inhibition.strength / p.inhibition.cells,
                "noise": p.inhibition.noise,
                "noise_seed": noise_seed,
            }
        cells["noise_seed"] = noise_seed
        groups = {"cells": cells, "pool": pool, "inhibition": inhibition, "pairs": pairs}
        return {
            f"{group}.{name}": value
            for group, values in groups.items()
            for name, value in values.items()
        }

    def _cell_constants(self) -> dict[str, Any]:
        """Constants of the cells and their initial values, by name."""
        p = self.parameters
        cells: dict[str, Any] = dict(p.cells.flat())
        del cells["delay"]
        # Forced spikes are drawn outside the refractory period only.
        if p.cells.input_rate:
            refractory = getattr(self.cells, "refractory_time", 0.0)
            cells["input_rate"] = p.cells.input_rate / (1 - p.cells.input_rate * refractory)
        # Rates that are on for a share s of the bins correlate counts by rho if
        # 1/s - 1 = rho / ((1 - rho) times the mean count in a bin).
        correlation = cells.pop("background_correlation")
        mean = p.cells.background_rate * p.phases.bin
        cells["background_share"] = (
            (1 - correlation) * mean / ((1 - correlation) * mean + correlation) if mean else 1.0
        )
        del cells["burst_rate"]
        cells["facilitation_threshold"] = p.cells.facilitation_threshold
        # Excitation of an active cell grows a little with the number of cells that excite it, so
        # as to keep its advantage over the noise of many.
        gain: Any = p.cells.recurrent_gain / self.active * (self.active / 10) ** 0.15
        cells["recurrent_gain"] = gain * REFERENCE_TIME / p.cells.synaptic_time
        cells["balance"] = p.inhibition.balance
        cells["load"] = 0.0
        if self.pairs.listed:
            share = self.pairs.in_degree / (self.n - 1)
            cells["recurrent_gain"] /= np.where(share > 0, share, 1.0)
        # Its own state weighs more in a cell that fewer others support.
        own_state = cells.pop("afterdepolarisation")
        cells["afterdepolarisation_peak"] = own_state * (10 / self.active) ** 0.35
        cells["inhibition_time"] = p.inhibition.decay_time
        cells["noise_time"] = self.cells.noise_time
        cells |= {name: value for name, (value, _) in self.cells.constants.items()}
        for name, factors in self._spread.items():
            cells[name] = cells[name] * factors
        start = {
            name: cells[value] if isinstance(value, str) else value
            for name, value in self.cells.start.items()
        }
        return cells | start

    def _spread_constants(
        self, spread: Spread | None, rng: np.random.Generator
    ) -> dict[str, NDArray[np.float64]]:
        """Factor of every constant that differs from cell to cell."""
        if spread is None:
            return {}
        known = set(self._cell_constants()) - {"noise_time", "background_share", "load"}
        names = spread.of or tuple(self.cells.constants)
        for name in names:
            if name not in known:
                raise ParameterError(
                    f"spread.of: got {name!r}; allowed: {', '.join(sorted(known))}"
                )
        return {name: np.exp(spread.share * rng.standard_normal(self.n)) for name in names}

    def _pair_constants(self) -> dict[str, Any]:
        """Constants of the plastic synapses, by name."""
        p, rule = self.parameters, self.rule
        evidence = p.evidence.flat()
        evidence["ceiling_size"] = evidence.pop("ceiling") * self.coding_level * self.n
        if not self.continuous:
            return evidence | rule.constants
        assert isinstance(rule, BoundedCurvatureGate)
        lifetime = rule.protection_time * (p.phases.present + p.phases.gap)
        return (
            evidence
            | p.continuous.constants(lifetime, rule.trace_threshold)
            | {
                "trace_threshold": rule.trace_threshold,
                "residual_plasticity": rule.residual_plasticity,
            }
        )
