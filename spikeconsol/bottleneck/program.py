"""The compiled program behind the spiking classifier: its state, and how samples run through it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.bottleneck.memory import SpikingForm
from spikeconsol.bottleneck.memory.cells import numbered
from spikeconsol.bottleneck.parameters import Protection, SpikingLayer
from spikeconsol.bottleneck.runs import Runs, at_ends, content_seeds, draw_weights, layer_constants
from spikeconsol.brian import backend

__all__ = ["LearningRecord", "SpikingProgram"]

#: Inputs with a value for every sample.
_PER_SAMPLE = ("samples", "labels", "memory_labels", "schedule", "noise_seeds", "first_steps")

Arrays = dict[str, NDArray]


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


@dataclass
class SpikingProgram:
    """State of a spiking network, carried from one run of its program to the next.

    Attributes
    ----------
    sizes : list of int
        Inputs, hidden layers, classes.
    layer : SpikingLayer
    signal : str
        Brian2 statements that change what the memories say.
    importance : str
        What damps synapses.
    forms : list of SpikingForm
        The memory of every hidden layer.
    units : ndarray
        Units of the weights onto every hidden layer.
    state, fixed : dict of ndarray
        What changes while the network learns, and what only a caller changes, by input name.
    """

    sizes: list[int]
    layer: SpikingLayer
    signal: str
    importance: str
    forms: list[SpikingForm]
    units: NDArray[np.float64]
    state: Arrays = field(default_factory=dict)
    fixed: Arrays = field(default_factory=dict)

    @classmethod
    def drawn(
        cls,
        levels: NDArray,
        sizes: list[int],
        forms: list[SpikingForm],
        *,
        layer: SpikingLayer,
        signal: str,
        importance: str,
        rng: np.random.Generator,
    ) -> SpikingProgram:
        """Draw the weights of a network for samples such as those given."""
        units, drawn = draw_weights(levels, sizes[:-1], layer, rng)
        made = cls(sizes, layer, signal, importance, forms, units)
        made.state["readout.r"] = np.zeros(sizes[-2] * sizes[-1])
        made.fixed["outputs.compared"] = np.ones(sizes[-1])
        for i, weights in enumerate(drawn):
            made.state[f"feedforward{i}.w"] = weights
            made.state[f"hub{i}.power"] = np.zeros(1)
            if importance != "none":
                made.state[f"feedforward{i}.importance"] = np.zeros(weights.size, np.float32)
                made.fixed[f"feedforward{i}.plasticity"] = np.ones(weights.size, np.float32)
            made.state |= {numbered(name, i): array for name, array in forms[i].state.items()}
            made.fixed |= {numbered(name, i): array for name, array in forms[i].fixed.items()}
        return made

    def weights(self) -> list[NDArray[np.float32]]:
        """Weights onto every hidden layer, in thresholds."""
        return [
            self.state[f"feedforward{i}.w"].reshape(below, -1)
            for i, below in enumerate(self.sizes[:-2])
        ]

    def readout(self) -> NDArray[np.float64]:
        """Weights of the readout, shape (cells, classes)."""
        return self.state["readout.r"].reshape(self.sizes[-2], -1)

    def damp(self, protection: Protection) -> None:
        """Take account of what has been important so far."""
        for i in range(len(self.units)):
            gathered = self.state[f"feedforward{i}.importance"]
            self.fixed[f"feedforward{i}.plasticity"] = protection.plasticity(gathered)

    @property
    def runs(self) -> Runs:
        """How many samples the program takes at once."""
        return Runs.of(self.sizes[0])

    def program(self, *, recorded: bool = False) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters.

        Parameters
        ----------
        recorded : bool
            Record spikes and the modulator too.
        """
        structure = self.runs.structure(self.layer, self.sizes) | {
            "memories": [form.structure() for form in self.forms],
            "signal": self.signal,
            "importance": self.importance,
            "recorded": recorded,
        }
        layers = range(len(self.sizes) - 2)
        outputs = [*self.state, *(f"samples{i}.count" for i in layers)]
        if recorded:
            outputs += ["input_spikes.i", "input_spikes.t"]
            for i in layers:
                outputs += [f"samples{i}.signal", f"samples{i}.modulator"]
                outputs += [f"spikes{i}.i", f"spikes{i}.t"]
                for cells in self.recorded_memories(i):
                    outputs += [f"{cells}_spikes{i}.i", f"{cells}_spikes{i}.t"]
                    outputs += [f"{cells}_samples{i}.trace"]
        constants = self._constants(0.0, 0.0, surprise_gate=False)
        return backend.Program(
            name="spiking-bottleneck",
            builder="spikeconsol.bottleneck.equations:build",
            structure=structure,
            inputs=(*self.state, *self.fixed, *constants, *_PER_SAMPLE),
            outputs=tuple(outputs),
        )

    def recorded_memories(self, number: int) -> list[str]:
        """Populations of a layer's memory whose spikes and filtered spikes are recorded."""
        parts = self.forms[number].parts
        return [part.name for part in parts if "trace" in getattr(part, "recorded", ())]

    def _constants(
        self, rate: float, readout_rate: float, *, surprise_gate: bool
    ) -> dict[str, float]:
        """All scalar run-time values, by input name."""
        values: dict[str, float] = {
            "inputs.peak_rate": self.layer.peak_rate,
            "teacher.surprise_gate": float(surprise_gate),
            "readout.readout_rate": readout_rate,
        }
        for i, unit in enumerate(self.units):
            values |= layer_constants(self.layer, i, unit, rate)
            values |= {numbered(name, i): value for name, value in self.forms[i].constants.items()}
        return values

    def learn(
        self,
        tables: Mapping[str, NDArray],
        *,
        noise_seed: int,
        rates: tuple[float, float],
        surprise_gate: bool,
        target: str | None,
        recorded: bool = False,
    ) -> Arrays:
        """Learn from the samples of one run; return what the program put out.

        Parameters
        ----------
        tables : dict of ndarray
            Levels of the ``samples``, their ``labels``, ``memory_labels`` that the memories are
            told, and the ``schedule``, as for `Network.learn`.
        noise_seed : int
            Of the input's spikes.
        rates : tuple of float
            Learning rates of hidden layers and readout.
        """
        n = len(tables["samples"])
        values = self._constants(*rates, surprise_gate=surprise_gate) | {
            **tables,
            "noise_seeds": np.full(n, noise_seed),
            "first_steps": np.zeros(n),
        }
        program = self.program(recorded=recorded)
        result = self._run(program, values, n, program.outputs, target)
        self.state = {name: result[name] for name in self.state}
        return result

    def counts(self, levels: NDArray, target: str | None) -> list[NDArray[np.float64]]:
        """Spikes of every hidden cell in response to samples, one (n, cells) array per layer.

        Nothing is learned, and what is found for a sample depends on that sample alone: its input
        spikes follow from its content.
        """
        program = self.program()
        tested = [name for name in program.outputs if name not in self.state]
        seeds = content_seeds(levels)
        found = []
        for part in self.runs.parts(len(levels)):
            n = part.stop - part.start
            values = self._constants(0.0, 0.0, surprise_gate=False) | {
                "samples": levels[part],
                "noise_seeds": seeds[part],
                "first_steps": self.layer.sample_steps * np.arange(n),
            }
            found.append(self.per_sample(self._run(program, values, n, tested, target), "count"))
        return [np.concatenate(counts) for counts in zip(*found, strict=True)]

    def _run(
        self,
        program: backend.Program,
        values: Mapping[str, ArrayLike],
        samples: int,
        outputs: tuple[str, ...] | list[str],
        target: str | None,
    ) -> Arrays:
        tables = {name: values.get(name, ()) for name in _PER_SAMPLE}
        values = {**values, **self.state, **self.fixed}
        return self.runs.run(
            program, values, tables, samples, self.layer, outputs=outputs, target=target
        )

    def per_sample(self, result: Arrays, variable: str) -> list[NDArray[np.float64]]:
        """Values at the ends of samples, an array (samples, cells) for each layer."""
        return [at_ends(result, i, variable, n) for i, n in enumerate(self.sizes[1:-1])]
