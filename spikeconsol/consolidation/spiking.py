"""Spiking associative memory: leaky integrate-and-fire cells with a curvature-gated rule."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.brian import backend
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation.pairs import TILE, pair_indices
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import BoundedCurvatureGate, Rule, Shuffled, spiking_form
from spikeconsol.data.patterns import active_units, check_patterns, warn_activity
from spikeconsol.parameters import ParameterError

__all__ = ["SpikingMemory"]

#: Memory that storing takes for each ordered pair of cells, of this process and the program's.
BYTES_OF_A_PAIR = 32.0


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
        Seed of all noise. The same seed and the same calls give the same spikes.
    parameters : SpikingParameters, optional
        All other constants.
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
    """

    def __init__(
        self,
        n: int,
        *,
        rule: Rule,
        seed: int,
        parameters: SpikingParameters | None = None,
        target: str | None = None,
    ) -> None:
        n = checks.whole("n", n, at_least=2)
        checks.instance("rule", rule, Rule, "a plasticity rule such as CurvatureGate()")
        seed = checks.whole("seed", seed, at_least=0)
        if parameters is not None:
            checks.instance("parameters", parameters, SpikingParameters)
        if target is not None:
            backend.checked_target(target)
        checks.memory(f"n: {n} cells", BYTES_OF_A_PAIR * n * (n - 1.0))
        self.n = n
        self.parameters = SpikingParameters() if parameters is None else parameters
        self.active = active_units(n, self.parameters.coding_level)
        self.rule = spiking_form(rule)
        self.target = target
        self.recording: Recording | None = None
        self._seeds = np.random.SeedSequence(seed)
        self._check_rule()
        self._pairs = pair_indices(n, symmetric=self.parameters.symmetric)
        self._state = {
            name: np.zeros(len(self._pairs[0]), self._dtype) for name in ("w", *self._traces)
        }

    # ------------------------------------------------------------------------------- state

    @property
    def _dtype(self) -> type[np.floating]:
        return np.float32 if self.parameters.precision == "single" else np.float64

    @property
    def _continuous(self) -> bool:
        return self.parameters.trace == "continuous"

    @property
    def _traces(self) -> tuple[str, ...]:
        return ("trace", "fast") if self._continuous else self.rule.traces

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights, shape (N, N), in [0, 1] with a zero diagonal; assign to replace them."""
        return self._matrix("w")

    @weights.setter
    def weights(self, weights: ArrayLike) -> None:
        self._assign("w", weights, "weights")

    @property
    def trace(self) -> NDArray[np.float64]:
        """Coincidence trace of every pair, shape (N, N); assign to replace it."""
        return self._matrix("trace")

    @trace.setter
    def trace(self, trace: ArrayLike) -> None:
        self._assign("trace", trace, "trace")

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

    def _matrix(self, name: str) -> NDArray[np.float64]:
        if name not in self._state:
            raise ValueError(f"{name}: got a {type(self.rule).__name__} rule, which keeps none")
        matrix = np.zeros((self.n, self.n))
        matrix[self._pairs] = self._state[name]
        return matrix + matrix.T if self.parameters.symmetric else matrix

    def _assign(self, variable: str, values: ArrayLike, name: str) -> None:
        values = checks.array(name, values, finite=False).astype(float)
        if values.shape != (self.n, self.n):
            raise ValueError(f"{name}: got shape {values.shape}; allowed: {(self.n, self.n)}")
        if variable not in self._state:
            raise ValueError(f"{name}: got a {type(self.rule).__name__} rule, which keeps none")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: got a value that is not finite; allowed: finite numbers")
        if self.parameters.symmetric and not np.allclose(values, values.T, atol=1e-6):
            raise ValueError(
                f"{name}: got an asymmetric matrix; allowed: a symmetric one, "
                "or parameters with symmetric=False"
            )
        self._state[variable] = values[self._pairs].astype(self._dtype)

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
        warn_activity(patterns, self.parameters.coding_level)
        phases = self.parameters.phases
        shown = np.full(len(patterns), self._bins(phases.present))
        if durations is not None:
            shown = self._checked_durations(durations, len(patterns))
        total = shown + self._bins(phases.gap)
        recordings = []
        for part in self._parts(total):
            result = self._run(patterns[part], shown[part], shown[part], total[part], storing=True)
            self._state = {name: result[f"pairs.{name}"] for name in self._state}
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
        if not self._state["w"].any():
            warnings.warn("recall before anything is stored: all weights are 0", stacklevel=2)
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
        needed = phases.read_out_fraction * volleys / self.parameters.inhibition.cells
        return spikes >= np.maximum(needed, 1)[:, None]

    def _bins(self, duration: float) -> int:
        return round(duration / self.parameters.phases.bin)

    def _checked_durations(self, durations: ArrayLike, count: int) -> NDArray[np.int64]:
        """Durations in bins, or what is wrong with them."""
        durations = checks.array("durations", durations)
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
        # Brian2 cannot read another synapse: the shuffled trace goes in from outside.
        rows = 1 if self._shuffled else self._rows - 1
        start = 0
        while start < len(total):
            fitting = np.searchsorted(np.cumsum(total[start:]), self._bin_capacity)
            stop = start + max(1, min(rows, int(fitting)))
            yield slice(start, stop)
            start = stop

    # ------------------------------------------------------------------------------ program

    @property
    def _rows(self) -> int:
        return max(64, min(1024, 2**20 // self.n)) + 1

    @property
    def _bin_capacity(self) -> int:
        return 10 * self._rows

    def program(self) -> backend.Program:
        """Return the program that runs this memory: the same for all values of its parameters."""
        p = self.parameters
        slot = None if self._continuous else p.phases.present + p.phases.gap
        constants = () if self._continuous else tuple(self.rule.constants)
        structure = {
            "n": self.n,
            "inhibitory_cells": p.inhibition.cells,
            "dt": p.time_step,
            "delay": p.cells.delay,
            "inhibition_delay": p.inhibition.delay,
            "bin": p.phases.bin,
            "slot": slot,
            "bins": self._bin_capacity,
            "rows": self._rows,
            "rule": "" if self._continuous else self.rule.statements,
            "rule_constants": constants,
            "traces": self._traces,
            "elsewhere": self._shuffled,
            "symmetric": p.symmetric,
            "tile": TILE,
            "precision": p.precision,
            "forced": p.cells.background_rate > 0 or p.cells.input_rate > 0,
            "poisson": p.cells.input_rate > 0,
        }
        inputs = (
            *self._constants(storing=True, noise_seed=0),
            *(f"pairs.{name}" for name in self._state),
            *(("pairs.trace_elsewhere",) if self._shuffled else ()),
            "row",
            "window",
            "table",
        )
        outputs = (
            *(f"pairs.{name}" for name in self._state),
            "pairs.c",
            "pairs.m",
            "spikes.i",
            "spikes.t",
            "inhibitory_spikes.i",
            "inhibitory_spikes.t",
        )
        return backend.Program(
            name="spiking-memory",
            builder="spikeconsol.consolidation.network:build",
            structure=structure,
            inputs=inputs,
            outputs=outputs,
        )

    @property
    def _shuffled(self) -> bool:
        return isinstance(self.rule, Shuffled)

    def _constants(self, *, storing: bool, noise_seed: int) -> dict[str, float]:
        """All scalar run-time values, by input name."""
        p, k = self.parameters, self.active
        cells = {
            f"cells.{name}": value for name, value in p.cells.flat().items() if name != "delay"
        }
        # Forced spikes are drawn outside the refractory period only.
        cells["cells.input_rate"] /= 1 - p.cells.input_rate * p.cells.refractory_time
        # Rates that are on for a share s of the bins correlate counts by rho if
        # 1/s - 1 = rho / ((1 - rho) times the mean count in a bin).
        correlation = cells.pop("cells.background_correlation")
        mean = p.cells.background_rate * p.phases.bin
        cells["cells.background_share"] = (
            (1 - correlation) * mean / ((1 - correlation) * mean + correlation) if mean else 1.0
        )
        cells["cells.recurrent_gain"] /= k
        cells["cells.afterdepolarisation_peak"] = cells.pop("cells.afterdepolarisation")
        cells["cells.inhibition_time"] = p.inhibition.decay_time
        inhibition = {
            # Half a spike below a whole number of spikes, which the leak never quite reaches.
            "inhibition.firing_threshold": p.inhibition.threshold * k - 0.5,
            "inhibition.membrane_time": p.inhibition.membrane_time,
            "inhibition.refractory_time": p.inhibition.refractory_time,
            "inhibition.strength": p.inhibition.strength / p.inhibition.cells,
            "inhibition.noise": p.inhibition.noise,
        }
        if self._continuous:
            rule = self.rule
            assert isinstance(rule, BoundedCurvatureGate)
            period = p.phases.present + p.phases.gap
            pairs = p.continuous.flat() | {
                "trace_time": rule.protection_time * period / rule.trace_decay,
                "trace_threshold": rule.trace_threshold,
                "residual_plasticity": rule.residual_plasticity,
            }
        else:
            pairs = p.latch.flat() | self.rule.constants
        return (
            cells
            | inhibition
            | {f"pairs.{name}": value for name, value in pairs.items()}
            | {
                "cells.storing": float(storing),
                "cells.noise_seed": noise_seed,
                "inhibition.noise_seed": noise_seed,
            }
        )

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
        values: dict[str, ArrayLike] = dict(
            self._constants(storing=storing, noise_seed=noise_seed),
            row=rows,
            window=windows,
            table=table,
        )
        values |= {f"pairs.{name}": array for name, array in self._state.items()}
        if self._shuffled:
            values["pairs.trace_elsewhere"] = self._state["trace"][self._partners]
        state = [f"pairs.{name}" for name in self._state] if storing else []
        # The last pattern is latched at the very end of the protocol, one step more; and another,
        # because Brian2 takes clocks that differ by rounding (1e-14 s) one after the other.
        steps = round(len(slot) * self.parameters.phases.bin / self.parameters.time_step) + 2
        return backend.run(
            self.program(),
            values,
            steps=steps,
            outputs=[*state, "spikes.i", "spikes.t", "inhibitory_spikes.i", "inhibitory_spikes.t"],
            target=self.target,
        )

    @cached_property
    def _partners(self) -> NDArray[np.intp]:
        """Index of the pair whose trace gates each pair, for the shuffled control."""
        assert isinstance(self.rule, Shuffled)
        index = np.zeros((self.n, self.n), np.intp)
        index[self._pairs] = np.arange(len(self._pairs[0]))
        if self.parameters.symmetric:
            index += index.T
        order = self.rule.permutation(self.n)
        return index[order[:, None], order][self._pairs]

    def _recorded(self, result: dict[str, NDArray], total: NDArray[np.int64]) -> Recording:
        edges = np.r_[0, np.cumsum(total)] * self.parameters.phases.bin
        return Recording(
            cells=result["spikes.i"],
            times=result["spikes.t"],
            inhibitory_cells=result["inhibitory_spikes.i"],
            inhibitory_times=result["inhibitory_spikes.t"],
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
