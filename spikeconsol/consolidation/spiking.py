"""Spiking associative memory: cells that fire, with a curvature-gated rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.brian import backend
from spikeconsol.brian.layout import TILE
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation.bounded import BoundedCurvatureGate
from spikeconsol.consolidation.cells import LIF, AdEx, CellModel, Izhikevich, Spread
from spikeconsol.consolidation.pairs import Pairs
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import Rule, Shuffled
from spikeconsol.consolidation.wiring import AllToAll, Wiring
from spikeconsol.data.patterns import active_units, check_patterns, warn_activity
from spikeconsol.parameters import ParameterError

__all__ = ["SpikingMemory"]

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


class SpikingMemory:
    """Associative memory of spiking cells with the surface of `HopfieldNetwork`.

    Parameters
    ----------
    n : int
        Number of excitatory cells N.
    rule : Rule
        A rule with weights in [0, 1], see `spikeconsol.consolidation.bounded`; of a rate rule its
        `bounded` form is taken.
    seed : int
        Seed of all noise, of a random wiring and of spread constants. The same seed and the same
        calls give the same spikes.
    cells : CellModel, optional
        Model of the excitatory cells: `LIF` (default), `AdEx`, `Izhikevich`, or a `Cell` by text.
    wiring : Wiring, optional
        Which cells are joined: `AllToAll` (default), `Sparse` or `Joined`.
    spread : Spread, optional
        Constants of the cells that differ from cell to cell.
    parameters : SpikingParameters, optional
        All other constants. The coding level is said once: by the rule or here.
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.

    Attributes
    ----------
    recording : Recording or None
        Spikes of the last call.

    Notes
    -----
    Every call starts from rest with empty pair counters; weights and traces are carried over.
    Recall follows the idea of a descending threshold: inhibition fires after about k spikes and
    silences everybody, then decays, and the best supported cells cross first and call it again.

    The input to a cell is divided by the share of all cells from which it gets synapses, so that
    sparse wiring leaves the mean input as it is.
    """

    def __init__(
        self,
        n: int,
        *,
        rule: Rule,
        seed: int,
        cells: CellModel | None = None,
        wiring: Wiring | None = None,
        spread: Spread | None = None,
        parameters: SpikingParameters | None = None,
        target: str | None = None,
    ) -> None:
        if n < 2:
            raise ValueError(f"n: got {n!r}; allowed: >= 2")
        for name, value, kind in (
            ("cells", cells, CellModel),
            ("wiring", wiring, Wiring),
            ("spread", spread, Spread),
            ("parameters", parameters, SpikingParameters),
        ):
            if value is not None and not isinstance(value, kind):
                raise TypeError(f"{name}: got {value!r}; allowed: a {kind.__name__}")
        self.n = n
        self.parameters = SpikingParameters() if parameters is None else parameters
        self.coding_level = _coding_level(rule, self.parameters)
        self.active = active_units(n, self.coding_level)
        self.rule = rule.bounded()
        self.cells = LIF() if cells is None else cells
        self.target = target
        self.recording: Recording | None = None
        self._seeds = np.random.SeedSequence(seed)
        self._check_rule()
        for_wiring, for_spread = np.random.SeedSequence(seed, spawn_key=(2**31,)).spawn(2)
        self._pairs = Pairs(
            n,
            AllToAll() if wiring is None else wiring,
            np.random.default_rng(for_wiring),
            half=self.parameters.symmetric,
        )
        empty = self.rule.state((len(self._pairs),))
        if self._continuous:
            empty = {"w": empty["w"], "trace": empty["trace"], "fast": empty["trace"]}
        self._pairs.state = {name: array.astype(self._dtype) for name, array in empty.items()}
        if isinstance(self.rule, Shuffled):
            self._partners = self._pairs.partners(self.rule.permutation(n))
        self._spread = self._spread_constants(spread, np.random.default_rng(for_spread))
        if type(self.cells) not in (LIF, AdEx, Izhikevich):
            backend.check(self.program())

    # ------------------------------------------------------------------------------- state

    @property
    def _dtype(self) -> type[np.floating]:
        return np.float32 if self.parameters.precision == "single" else np.float64

    @property
    def _continuous(self) -> bool:
        return self.parameters.trace == "continuous"

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights, shape (N, N), in [0, 1] with a zero diagonal; assign to replace them."""
        return self._matrix("w", "weights")

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        self._pairs.assign("w", weights, "weights")

    @property
    def trace(self) -> NDArray[np.float64]:
        """Coincidence trace of every pair, shape (N, N); assign to replace it."""
        return self._matrix("trace", "trace")

    @trace.setter
    def trace(self, trace: ArrayLike) -> None:
        self._matrix("trace", "trace")
        self._pairs.assign("trace", trace, "trace")

    def _matrix(self, variable: str, name: str) -> NDArray[np.float64]:
        if variable not in self._pairs.state:
            raise ValueError(f"{name}: got a {type(self.rule).__name__} rule, which keeps none")
        return self._pairs.matrix(self._pairs.state[variable])

    @property
    def curvature(self) -> NDArray[np.float64]:
        """Fisher information p (1 - p) of every pair, with p = q decay / T from the trace q."""
        rule = self.rule.rule if isinstance(self.rule, Shuffled) else self.rule
        if not isinstance(rule, BoundedCurvatureGate):
            raise ValueError(
                f"curvature: got a {type(rule).__name__} rule; allowed: one with a trace"
            )
        p = self.trace * rule.trace_decay / rule.protection_time
        return p * (1 - p)

    # ------------------------------------------------------------------------------- phases

    def store(self, patterns: ArrayLike, *, durations: ArrayLike | None = None) -> None:
        """Present patterns one after another, each once.

        Parameters
        ----------
        patterns : array_like of bool, shape (P, N)
            Patterns in the order of presentation.
        durations : array_like of float, shape (P,), optional
            Time for which each pattern is shown [s]; by default the same for all. Other durations
            need the continuous trace, since the latched one has a clock.
        """
        patterns = check_patterns(patterns, n=self.n)
        warn_activity(patterns, self.coding_level)
        phases = self.parameters.phases
        shown = np.full(len(patterns), self._bins(phases.present))
        if durations is not None:
            shown = self._checked_durations(durations, len(patterns))
        total = shown + self._bins(phases.gap)
        recordings = []
        for part in self._parts(total):
            result = self._run(patterns[part], shown[part], shown[part], total[part], storing=True)
            for name in self._pairs.state:
                self._pairs.state[name] = result[f"pairs.{name}"]
            recordings.append(self._recorded(result, total[part]))
        self.recording = Recording.joined(recordings)

    def recall(self, cues: ArrayLike) -> NDArray[np.bool_]:
        """Let the network complete each cue; weights do not change.

        Parameters
        ----------
        cues : array_like of bool, shape (P, N)
            Cues; each drives its cells for a short time, then the network is on its own.

        Returns
        -------
        ndarray of bool, shape (P, N)
            Cells that fired with (nearly) every inhibitory volley of the read-out window.
        """
        cues = check_patterns(cues, n=self.n, name="cues")
        phases = self.parameters.phases
        shown, window, pause = (
            np.full(len(cues), self._bins(duration))
            for duration in (phases.cue, phases.recall, phases.pause)
        )
        total = window + pause
        recordings = []
        for part in self._parts(total):
            result = self._run(cues[part], shown[part], window[part], total[part], storing=False)
            recordings.append(self._recorded(result, total[part]))
        self.recording = Recording.joined(recordings)
        spikes, volleys = self.recording.counts(phases.recall - phases.read_out, phases.recall)
        cycles = volleys / self.parameters.inhibition.cells
        self._warn_of_cycles(cycles)
        recalled = spikes >= np.maximum(phases.read_out_fraction * cycles, 1)[:, None]
        return recalled & (cycles >= phases.volleys)[:, None]

    def _warn_of_cycles(self, cycles: NDArray[np.float64]) -> None:
        """Warn where recall died out, or went on too slowly for cells to hear each other."""
        phases, burst_rate = self.parameters.phases, self.parameters.cells.burst_rate
        going = cycles >= phases.volleys
        if not going.all():
            warnings.warn(
                f"recall: inhibition fell silent in {np.sum(~going)} of {len(cycles)} recalls, in "
                "which nothing counts as recalled; more cells.recurrent_gain, cells.tonic_current "
                "or better cues would keep it going",
                stacklevel=3,
            )
        rate = np.median(cycles[going]) / phases.read_out if going.any() else burst_rate
        if rate < burst_rate:
            warnings.warn(
                f"recall: {rate:.3g} cycles a second, fewer than the {burst_rate:.3g} Hz above "
                "which cells hear each other; a lower cells.burst_rate, shorter refractory and "
                "membrane times or more cells.recurrent_gain would mend it",
                stacklevel=3,
            )

    def _bins(self, duration: float) -> int:
        return round(duration / self.parameters.phases.bin)

    def _checked_durations(self, durations: ArrayLike, count: int) -> NDArray[np.int64]:
        """Durations in bins, or what is wrong with them."""
        durations = np.asarray(durations, float)
        step = self.parameters.phases.bin
        if not self._continuous:
            raise ValueError("durations: given; allowed: with parameters of trace='continuous'")
        if durations.shape != (count,):
            raise ValueError(f"durations: got shape {durations.shape}; allowed: {(count,)}")
        bins = np.rint(durations / step).astype(int)
        wrong = durations[(np.abs(durations / step - bins) > 1e-6) | (bins < 1)]
        if wrong.size:
            raise ValueError(
                f"durations: got {wrong[0]:g} second; allowed: multiples of the bin, "
                f"{step:g} second"
            )
        return bins

    def _parts(self, total: NDArray[np.int64]) -> Iterator[slice]:
        """Cut a stream, of so many bins for each pattern, into what the program can hold."""
        start = 0
        while start < len(total):
            fitting = np.searchsorted(np.cumsum(total[start:]), self._bin_capacity)
            stop = start + max(1, min(self._rows - 1, int(fitting)))
            yield slice(start, stop)
            start = stop

    # ------------------------------------------------------------------------------ program

    @property
    def _rows(self) -> int:
        return max(64, min(1024, 2**20 // self.n)) + 1

    @property
    def _bin_capacity(self) -> int:
        return 10 * self._rows

    def program(self, *, storing: bool = True) -> backend.Program:
        """Return the program that stores, or the one that recalls.

        It is the same for all values of the parameters.
        """
        p = self.parameters
        cell = self.cells
        structure = {
            "phase": "store" if storing else "recall",
            "n": self.n,
            "dt": p.time_step,
            "delay": p.cells.delay,
            "bin": p.phases.bin,
            "bins": self._bin_capacity,
            "rows": self._rows,
            "cell": {
                "equations": cell.equations,
                "threshold": cell.threshold,
                "reset": cell.reset,
                "refractory": cell.refractory,
                "constants": {name: unit for name, (_, unit) in cell.constants.items()},
            },
            "per_cell": sorted({*self._spread, *(["recurrent_gain"] if self._pairs.listed else [])}),
            "symmetric": self._pairs.symmetric,
            "tile": TILE,
            "pairs": len(self._pairs) if self._pairs.listed else None,
            "precision": p.precision,
            "forced": p.cells.background_rate > 0 or (storing and p.cells.input_rate > 0),
            "poisson": storing and p.cells.input_rate > 0,
        }
        if storing:
            structure |= {
                "slot": None if self._continuous else p.phases.present + p.phases.gap,
                "rule": "" if self._continuous else self.rule.statements,
                "rule_constants": () if self._continuous else tuple(self.rule.constants),
                "traces": [name for name in self._pairs.state if name != "w"],
                "elsewhere": isinstance(self.rule, Shuffled),
            }
            outputs = (*(f"pairs.{name}" for name in self._pairs.state), "pairs.c")
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
                *self._constants(storing=storing, noise_seed=0),
                *self._synapses(storing=storing),
                *("row", "window", "table"),
            ),
            outputs=(*outputs, "spikes.i", "spikes.t"),
        )

    def _synapses(self, *, storing: bool) -> dict[str, ArrayLike]:
        """Synaptic variables that a run starts from, by input name."""
        pairs = self._pairs
        values = dict(pairs.state) if storing else {"w": pairs.state["w"]}
        if storing and isinstance(self.rule, Shuffled):
            values["partner"] = self._partners
        if pairs.listed:
            values |= {"source_cell": pairs.i, "target_cell": pairs.j}
        return {f"pairs.{name}": value for name, value in values.items()}

    def _constants(self, *, storing: bool, noise_seed: int) -> dict[str, ArrayLike]:
        """Constants of a phase, by input name."""
        p = self.parameters
        cells = self._cell_constants()
        pairs: dict[str, ArrayLike] = {}
        inhibition: dict[str, ArrayLike] = {}
        pool: dict[str, ArrayLike] = {}
        if storing:
            for name in RECALLING_ONLY:
                del cells[name]
            pairs = self._pair_constants()
            if self._continuous:
                cells["counter_time"] = pool["counter_time"] = p.continuous.counter_time
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

    def _cell_constants(self) -> dict[str, ArrayLike]:
        """Constants of the cells and their initial values, by name."""
        p = self.parameters
        cells: dict[str, ArrayLike] = dict(p.cells.flat())
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
        gain = p.cells.recurrent_gain / self.active * (self.active / 10) ** 0.15
        cells["recurrent_gain"] = gain * REFERENCE_TIME / p.cells.synaptic_time
        cells["balance"] = p.inhibition.balance
        mean = self._pairs.mean_weight()
        cells["load"] = mean.mean() + p.inhibition.scaling * (mean - mean.mean())
        if self._pairs.listed:
            share = self._pairs.in_degree / (self.n - 1)
            cells["recurrent_gain"] /= np.where(share > 0, share, 1.0)
        cells["afterdepolarisation_peak"] = cells.pop("afterdepolarisation")
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
        self._spread: dict[str, NDArray[np.float64]] = {}
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

    def _pair_constants(self) -> dict[str, ArrayLike]:
        """Constants of the plastic synapses, by name."""
        p, rule = self.parameters, self.rule
        evidence = p.evidence.flat()
        evidence["ceiling_size"] = evidence.pop("ceiling") * self.coding_level * self.n
        if not self._continuous:
            return evidence | rule.constants
        assert isinstance(rule, BoundedCurvatureGate)
        lifetime = rule.protection_time * (p.phases.present + p.phases.gap)
        return evidence | p.continuous.constants(lifetime, rule.trace_threshold) | {
            "trace_threshold": rule.trace_threshold,
            "residual_plasticity": rule.residual_plasticity,
        }

    def _run(
        self,
        patterns: NDArray[np.bool_],
        shown: NDArray[np.int64],
        window: NDArray[np.int64],
        total: NDArray[np.int64],
        *,
        storing: bool,
    ) -> dict[str, NDArray]:
        """Run one piece of the protocol.

        Every pattern drives its cells for the first `shown` of its `total` bins; learning or
        recall is on for the first `window`.
        """
        slot = np.repeat(np.arange(len(patterns)), total)
        phase = np.arange(len(slot)) - np.repeat(np.cumsum(total) - total, total)
        rows, windows = np.zeros((2, self._bin_capacity))
        rows[: len(slot)] = np.where(phase < shown[slot], slot + 1, 0)
        windows[: len(slot)] = phase < window[slot]
        table = np.zeros((self._rows, self.n))
        table[1 : len(patterns) + 1] = patterns
        noise_seed = int(self._seeds.spawn(1)[0].generate_state(1)[0] >> 1)
        values = self._constants(storing=storing, noise_seed=noise_seed)
        values |= self._synapses(storing=storing)
        values |= {"row": rows, "window": windows, "table": table}
        if storing:
            outputs = [f"pairs.{name}" for name in self._pairs.state]
        else:
            outputs = ["inhibitory_spikes.i", "inhibitory_spikes.t"]
        # The last pattern is latched at the very end of the protocol, one step more; and another,
        # because Brian2 takes clocks that differ by rounding (1e-14 s) one after the other.
        steps = round(len(slot) * self.parameters.phases.bin / self.parameters.time_step) + 2
        return backend.run(
            self.program(storing=storing),
            values,
            steps=steps,
            outputs=[*outputs, "spikes.i", "spikes.t"],
            target=self.target,
        )

    def _recorded(self, result: dict[str, NDArray], total: NDArray[np.int64]) -> Recording:
        edges = np.r_[0, np.cumsum(total)] * self.parameters.phases.bin
        return Recording(
            cells=result["spikes.i"],
            times=result["spikes.t"],
            inhibitory_cells=result.get("inhibitory_spikes.i", np.zeros(0, np.int32)),
            inhibitory_times=result.get("inhibitory_spikes.t", np.zeros(0)),
            onsets=edges[:-1],
            end=float(edges[-1]),
            n=self.n,
        )

    def _check_rule(self) -> None:
        """Refuse combinations that the network cannot run."""
        if self._continuous and type(self.rule) is not BoundedCurvatureGate:
            raise ParameterError(
                f"rule: got {type(self.rule).__name__}; allowed: CurvatureGate, "
                "the only rule with a continuous trace"
            )


def _coding_level(rule: Rule, parameters: SpikingParameters) -> float:
    """Return the coding level that rule or parameters say, refused where they disagree."""
    of_rule, ours = getattr(rule, "coding_level", None), parameters.coding_level
    if of_rule is not None and ours is not None and of_rule != ours:
        raise ParameterError(
            f"coding_level: got {ours:g} in the parameters and {of_rule:g} in the rule; "
            "allowed: one of the two, or the same in both"
        )
    return next(level for level in (ours, of_rule, 0.05) if level is not None)
