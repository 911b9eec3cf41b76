"""The compiled program behind the spiking classifier: its state, and how samples run through it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory_cells import (
    ClassCells,
    Liquid,
    MemoryCells,
    RateCells,
    WindowCells,
)
from spikeconsol.bottleneck.reservoir import ReservoirParameters
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoirParameters
from spikeconsol.brian import backend

__all__ = ["LearningRecord", "SpikingProgram"]

#: Spikes that a hidden cell is expected to fire per sample, which sets the unit of the weights
#: onto the next layer.
EXPECTED_SPIKES = 2.0
#: Input values that a program holds at once, and the most samples.
_VALUES, _SAMPLES = 2**21, 4096


@dataclass(frozen=True)
class LearningRecord:
    """What happened in the network while it learned; lists have one entry per hidden layer.

    Attributes
    ----------
    input_cells, input_times : ndarray
        Input cell and time [s] of every input spike.
    cells, times : list of ndarray
        The same for hidden cells.
    counts, signals, modulators : list of ndarray, shape (n, cells)
        Spikes per sample; at its end the signal of the memory, and what it becomes at the
        membranes.
    traces : list of ndarray, shape (n, liquid cells)
        Filtered spikes of a spiking reservoir at the ends of samples; without one, no entries.
    liquid_cells, liquid_times : list of ndarray
        Its spikes.
    """

    input_cells: NDArray[np.int32]
    input_times: NDArray[np.float64]
    cells: list[NDArray[np.int32]]
    times: list[NDArray[np.float64]]
    counts: list[NDArray[np.float64]]
    signals: list[NDArray[np.float64]]
    modulators: list[NDArray[np.float64]]
    traces: list[NDArray[np.float64]]
    liquid_cells: list[NDArray[np.int32]]
    liquid_times: list[NDArray[np.float64]]


class SpikingProgram:
    """State of a spiking network, carried from one run of its program to the next.

    Settings are those of `SpikingBottleneckClassifier`, which has the surface.
    """

    hidden: tuple[int, ...]
    window: int
    signal: str
    memory: str
    gamma: float
    widths: tuple[float, ...]
    input_weight: float
    code_weight: float
    surprise_gate: bool
    learning_rate: float
    readout_learning_rate: float
    memory_rate: float
    reservoir: ReservoirParameters | None
    spiking_reservoir: SpikingReservoirParameters | None
    importance: str
    damping: float
    layer: SpikingLayer | None
    target: str | None
    random_state: int | np.random.RandomState | None
    classes_: NDArray
    n_epochs_: int

    @property
    def _constants(self) -> SpikingLayer:
        return self.layer or SpikingLayer()

    def _begin(self, classes: NDArray, levels: NDArray) -> None:
        """Draw a new network."""
        rng = self.random_state
        if isinstance(rng, np.random.RandomState):
            rng = rng.randint(2**31)
        # Streams of their own, so that all signals and memories start from the same weights.
        weights_rng, self._order_rng, self._memory_rng, self._noise_rng = np.random.default_rng(
            rng
        ).spawn(4)
        self.classes_ = classes
        self.n_epochs_ = 0
        hidden = [int(units) for units in np.atleast_1d(self.hidden)]
        self._sizes = [levels.shape[1], *hidden, len(classes)]
        self._label_counts = np.zeros(len(classes))
        p = self._constants
        expected = levels * p.peak_rate * p.sample_time
        norms = [np.sqrt(np.mean(np.sum(expected**2, axis=1)))]
        norms += [EXPECTED_SPIKES * np.sqrt(units) for units in hidden[:-1]]
        self._units = [p.initial_drive / norm for norm in norms]
        self._state: dict[str, NDArray] = {"readout.r": np.zeros(hidden[-1] * len(classes))}
        self._fixed: dict[str, NDArray] = {"outputs.compared": np.ones(len(classes))}
        for i, (below, units) in enumerate(zip(self._sizes, hidden, strict=False)):
            weights = weights_rng.standard_normal((below, units)) * self._units[i]
            bound = p.weight_bound * self._units[i]
            self._state[f"feedforward{i}.w"] = np.clip(weights, -bound, bound).astype(np.float32)
            self._state[f"hub{i}.power"] = np.zeros(1)
            if self.importance != "none":
                self._state[f"feedforward{i}.importance"] = np.zeros(weights.size, np.float32)
                self._fixed[f"feedforward{i}.plasticity"] = np.ones(weights.size, np.float32)
            state, fixed = self._memory.begin(i, self._sizes[0], units, self._memory_rng)
            self._state |= state
            self._fixed |= fixed

    def _damp(self) -> None:
        """Take account of what has been important so far."""
        if self.importance == "none":
            return
        for i in range(len(self._units)):
            trace = self._state[f"feedforward{i}.importance"]
            share = trace / max(trace.mean(), 1e-30)
            if self.importance == "uniform":
                share = np.ones_like(trace)
            self._fixed[f"feedforward{i}.plasticity"] = 1 / (1 + self.damping * share)

    @property
    def _objective(self) -> Objective:
        return Objective(self.gamma, self.widths, self.input_weight, self.code_weight)

    @property
    def _memory(self) -> MemoryCells:
        classes, objective = len(self.classes_), self._objective
        silenced = self.memory in ("silenced", "spiking_silenced")
        if self.signal == "per_class":
            return ClassCells("class_means", classes, objective, 0.0, fixed_vectors=True)
        if self.memory == "window":
            return WindowCells(self.window, classes, objective)
        if self.memory in ("reservoir", "silenced"):
            rates = self.reservoir or ReservoirParameters(steps=1)
            return RateCells(rates, classes, self.window, objective, silenced)
        if self.memory in ("spiking_reservoir", "spiking_silenced"):
            return Liquid(
                self.spiking_reservoir or SpikingReservoirParameters(),
                classes,
                self.window,
                objective,
                self._constants,
                silenced,
                self.target,
            )
        return ClassCells(self.memory, classes, objective, self.memory_rate)

    @property
    def _capacity(self) -> int:
        return max(1, min(_SAMPLES, _VALUES // self._sizes[0]))

    def _parts(self, samples: int) -> Iterator[slice]:
        for start in range(0, samples, self._capacity):
            yield slice(start, min(samples, start + self._capacity))

    def program(self, *, recorded: bool = False) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters.

        Parameters
        ----------
        recorded : bool
            Record spikes and the modulator too.
        """
        check_is_fitted(self, "classes_")
        p, memory = self._constants, self._memory
        structure = {
            "dt": p.exact_step,
            "sample_time": p.sample_steps * p.exact_step,
            "samples": self._capacity,
            "sizes": self._sizes,
            "memory": memory.kind,
            "memory_cells": memory.cells,
            "importance": "" if self.importance == "none" else self.importance,
            "recorded": recorded,
        }
        layers = range(len(self._sizes) - 2)
        outputs = [*self._state, *(f"samples{i}.count" for i in layers)]
        if recorded:
            outputs += ["input_spikes.i", "input_spikes.t"]
            for i in layers:
                outputs += [f"samples{i}.signal", f"samples{i}.modulator"]
                outputs += [f"spikes{i}.i", f"spikes{i}.t"]
                if memory.kind == "spiking_reservoir":
                    outputs += [f"liquid_spikes{i}.i", f"liquid_spikes{i}.t"]
                    outputs += [f"liquid_samples{i}.trace"]
        return backend.Program(
            name="spiking-bottleneck",
            builder="spikeconsol.bottleneck.spiking_network:build",
            structure=structure,
            inputs=(
                *self._state,
                *self._fixed,
                *self._scalars(),
                "inputs.noise_seed",
                *("samples", "labels", "memory_labels", "schedule"),
            ),
            outputs=tuple(outputs),
        )

    def _scalars(self) -> dict[str, float]:
        """All scalar run-time values, by input name."""
        p, memory = self._constants, self._memory
        rate = 0.0 if self.signal == "frozen" else self.learning_rate
        values: dict[str, float] = {
            "inputs.peak_rate": p.peak_rate,
            "teacher.surprise_gate": float(self.surprise_gate),
            "readout.readout_rate": self.readout_learning_rate,
        }
        for i, unit in enumerate(self._units):
            values |= {
                f"cells{i}.membrane_time": p.membrane_time,
                f"cells{i}.eligibility_time": p.eligibility_time,
                f"hub{i}.count_variance": p.count_variance,
                f"hub{i}.power_decay": p.power_decay,
                f"feedforward{i}.step": rate * unit,
                f"feedforward{i}.bound": p.weight_bound * unit,
            }
            values |= memory.constants(i)
        return values

    def _learn(
        self,
        levels: NDArray,
        labels: NDArray[np.int64],
        schedule: NDArray,
        *,
        recorded: bool = False,
    ) -> list[dict[str, NDArray]]:
        """Learn chunk by chunk, and return what the program put out for each."""
        results = []
        self._label_counts += np.bincount(labels, minlength=len(self.classes_))
        for part in self._parts(len(levels)):
            told = labels[part]
            if self.signal == "permuted":
                frequencies = self._label_counts / self._label_counts.sum()
                told = self._order_rng.choice(len(frequencies), size=len(told), p=frequencies)
            noise_seed = int(self._noise_rng.integers(2**30, 2**31))
            results.append(
                self._run(
                    levels[part], labels[part], told, schedule[part], noise_seed, recorded=recorded
                )
            )
            self._state = {name: results[-1][name] for name in self._state}
        return results

    def _run(
        self,
        levels: NDArray,
        labels: NDArray[np.int64],
        told: NDArray[np.int64],
        schedule: NDArray,
        noise_seed: int,
        *,
        recorded: bool = False,
    ) -> dict[str, NDArray]:
        """Show samples; learn where the schedule is not zero."""
        capacity, count = self._capacity, len(levels)

        def padded(values: NDArray) -> NDArray:
            whole = np.zeros((capacity, *values.shape[1:]))
            whole[:count] = values
            return whole

        values: dict[str, ArrayLike] = {
            **self._scalars(),
            **self._state,
            **self._fixed,
            "inputs.noise_seed": noise_seed,
            "samples": padded(levels),
            "labels": padded(labels),
            "memory_labels": padded(told),
            "schedule": padded(schedule),
        }
        program = self.program(recorded=recorded)
        tested = [name for name in program.outputs if name not in self._state]
        return backend.run(
            program,
            values,
            # One step more than the samples: the last one is learned at its very end.
            steps=count * self._constants.sample_steps + 1,
            outputs=program.outputs if np.any(schedule) else tested,
            target=self.target,
        )

    def _per_sample(self, result: dict[str, NDArray], variable: str) -> list[NDArray[np.float64]]:
        """Values at the ends of samples; the first is from before anything was shown."""
        return [
            result[f"samples{i}.{variable}"].reshape(-1, units)[1:]
            for i, units in enumerate(self._sizes[1:-1])
        ]
