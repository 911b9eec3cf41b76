"""Spiking associative memory: leaky integrate-and-fire cells with a curvature-gated rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.brian import backend
from spikeconsol.consolidation.bounded import BoundedCurvatureGate
from spikeconsol.consolidation.parameters import SpikingParameters
from spikeconsol.consolidation.rules import Rule, Shuffled
from spikeconsol.data.patterns import active_units, check_patterns, warn_activity
from spikeconsol.parameters import ParameterError

__all__ = ["Recording", "SpikingMemory"]


@dataclass(frozen=True)
class Recording:
    """Spikes of one call of `SpikingMemory.store` or `SpikingMemory.recall`.

    Attributes
    ----------
    cells : ndarray of int
        Index of the cell of each spike.
    times : ndarray of float
        Its time since the start of the call [s].
    inhibitory_cells, inhibitory_times : ndarray
        The same for the inhibitory cells.
    slot : float
        Time from the start of one pattern to the next [s].
    slots : int
        Number of patterns.
    n : int
        Number of excitatory cells.
    """

    cells: NDArray[np.int32]
    times: NDArray[np.float64]
    inhibitory_cells: NDArray[np.int32]
    inhibitory_times: NDArray[np.float64]
    slot: float
    slots: int
    n: int

    def counts(self, start: float, stop: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Count spikes in the same part of every slot.

        Parameters
        ----------
        start, stop : float
            Part of the slot, relative to its beginning [s].

        Returns
        -------
        excitatory : ndarray of int, shape (slots, n)
        inhibitory : ndarray of int, shape (slots,)
            Spikes of all inhibitory cells together.
        """
        slot, inside = self._inside(self.times, start, stop)
        index = slot[inside] * self.n + self.cells[inside]
        excitatory = np.bincount(index, minlength=self.slots * self.n)
        slot, inside = self._inside(self.inhibitory_times, start, stop)
        inhibitory = np.bincount(slot[inside], minlength=self.slots)
        return excitatory.reshape(self.slots, self.n), inhibitory

    def rates(self) -> NDArray[np.float64]:
        """Mean firing rate of every cell in every slot, shape (slots, n) [Hz]."""
        return self.counts(0.0, self.slot)[0] / self.slot

    def _inside(
        self, times: NDArray[np.float64], start: float, stop: float
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        # Spike times are multiples of the time step: a millionth of a slot settles the rounding.
        slot = np.floor(times / self.slot + 1e-6).astype(np.int64)
        phase = times - slot * self.slot
        tiny = 1e-6 * self.slot
        return slot, (phase >= start - tiny) & (phase < stop - tiny) & (slot < self.slots)


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
        if n < 2:
            raise ValueError(f"n: got {n!r}; allowed: >= 2")
        self.n = n
        self.parameters = SpikingParameters() if parameters is None else parameters
        self.active = active_units(n, self.parameters.coding_level)
        self.rule = rule.bounded()
        self.target = target
        self.recording: Recording | None = None
        self._seeds = np.random.SeedSequence(seed)
        self._check_rule()
        upper = np.triu_indices(n, 1)
        self._pairs = upper if self.parameters.symmetric else np.nonzero(~np.eye(n, dtype=bool))
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
        values = np.asarray(values, float)
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

    def store(self, patterns: ArrayLike) -> None:
        """Present patterns one after another, each once.

        Parameters
        ----------
        patterns : array_like of bool, shape (P, N)
            Patterns in the order of presentation.
        """
        patterns = check_patterns(patterns, n=self.n)
        warn_activity(patterns, self.parameters.coding_level)
        phases = self.parameters.phases
        present, gap = self._bins(phases.present), self._bins(phases.gap)
        shown = np.r_[np.ones(present), np.zeros(gap)]
        recordings = []
        for part in self._parts(patterns, present + gap):
            result = self._run(part, shown, shown, storing=True)
            self._state = {name: result[f"pairs.{name}"] for name in self._state}
            recordings.append(self._recorded(result, len(part), present + gap))
        self.recording = _joined(recordings)

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
        recall, pause = self._bins(phases.recall), self._bins(phases.pause)
        window = np.r_[np.ones(recall), np.zeros(pause)]
        cued = np.zeros(recall + pause)
        cued[: self._bins(phases.cue)] = 1
        recordings = []
        for part in self._parts(cues, recall + pause):
            result = self._run(part, cued, window, storing=False)
            recordings.append(self._recorded(result, len(part), recall + pause))
        self.recording = _joined(recordings)
        spikes, volleys = self.recording.counts(phases.recall - phases.read_out, phases.recall)
        needed = phases.read_out_fraction * volleys / self.parameters.inhibition.cells
        return spikes >= np.maximum(needed, 1)[:, None]

    def _bins(self, duration: float) -> int:
        return round(duration / self.parameters.phases.bin)

    def _parts(self, patterns: NDArray[np.bool_], bins: int) -> Iterator[NDArray[np.bool_]]:
        """Cut a stream into pieces that the compiled protocol can hold."""
        size = min(self._rows - 1, (self._bin_capacity - 1) // bins)
        if self._shuffled:
            size = 1  # Brian2 cannot read another synapse: the shuffled trace goes in from outside
        for start in range(0, len(patterns), size):
            yield patterns[start : start + size]

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
        self, patterns: NDArray, shown: NDArray, window: NDArray, *, storing: bool
    ) -> dict[str, NDArray]:
        """Run one piece of the protocol: the same `shown` and `window` bins for every pattern."""
        bins, capacity = len(window) * len(patterns), self._bin_capacity
        rows = np.zeros(capacity)
        rows[:bins] = np.outer(np.arange(1, len(patterns) + 1), shown).ravel()
        windows = np.zeros(capacity)
        windows[:bins] = np.tile(window, len(patterns))
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
        # One step more than the protocol: the last pattern is latched at its very end.
        steps = round(bins * self.parameters.phases.bin / self.parameters.time_step) + 1
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

    def _recorded(self, result: dict[str, NDArray], slots: int, bins: int) -> Recording:
        return Recording(
            cells=result["spikes.i"],
            times=result["spikes.t"],
            inhibitory_cells=result["inhibitory_spikes.i"],
            inhibitory_times=result["inhibitory_spikes.t"],
            slot=bins * self.parameters.phases.bin,
            slots=slots,
            n=self.n,
        )

    def _check_rule(self) -> None:
        """Refuse combinations that the network cannot run."""
        phases = self.parameters.phases
        for name in ("present", "gap", "cue", "recall", "pause", "read_out"):
            duration = getattr(phases, name)
            if abs(duration / phases.bin - self._bins(duration)) > 1e-6:
                raise ParameterError(
                    f"phases.{name}: got {duration:g} second; allowed: multiples of the bin, "
                    f"{phases.bin:g} second"
                )
        for name in ("cue", "read_out"):
            if getattr(phases, name) > phases.recall:
                raise ParameterError(
                    f"phases.{name}: got {getattr(phases, name):g} second; allowed: <= "
                    f"{phases.recall:g} second, the duration of recall"
                )
        if self._continuous and type(self.rule) is not BoundedCurvatureGate:
            raise ParameterError(
                f"rule: got {type(self.rule).__name__}; allowed: CurvatureGate, "
                "the only rule with a continuous trace"
            )


def _joined(recordings: list[Recording]) -> Recording:
    """Join the recordings of consecutive pieces of one stream."""
    first, starts, slots = recordings[0], [], 0
    for part in recordings:
        starts.append(slots * part.slot)
        slots += part.slots
    return Recording(
        cells=np.concatenate([part.cells for part in recordings]),
        times=np.concatenate([r.times + s for r, s in zip(recordings, starts, strict=True)]),
        inhibitory_cells=np.concatenate([part.inhibitory_cells for part in recordings]),
        inhibitory_times=np.concatenate(
            [r.inhibitory_times + s for r, s in zip(recordings, starts, strict=True)]
        ),
        slot=first.slot,
        slots=slots,
        n=first.n,
    )
