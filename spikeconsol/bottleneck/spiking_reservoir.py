r"""A liquid of spiking cells as working memory, read out into the modulatory signal.

Excitatory and inhibitory leaky integrate-and-fire cells hear the spikes of a hidden layer through
synapses that are open while a sample of their class is shown. Slow synapses, recurrence and a slow
filter on the liquid's spikes keep an echo of the last samples: nothing is cleared between them.
At the end of a sample a readout, one per class, turns the filtered spikes, the code and a constant
into the modulatory signal. It is trained beforehand by ridge regression, the layer's spikes being
forced at random class-structured rates that have nothing to do with the task.

References
----------
Maass W, Natschlaeger T, Markram H (2002). Neural Computation 14:2531-2560.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.bottleneck.memory import Window
from spikeconsol.bottleneck.reservoir import class_structured_stream, ridge
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.brian import backend
from spikeconsol.parameters import Parameters, parameter

__all__ = ["SpikingReservoir", "SpikingReservoirParameters", "dale_weights"]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class SpikingReservoirParameters(Parameters):
    """Constants of a liquid and of the training of its readout."""

    cells: int = parameter(300, at_least=2, doc="number of cells")
    inhibitory: float = parameter(0.2, above=0, below=1, doc="fraction of inhibitory cells")
    connection_probability: float = parameter(
        0.1, above=0, at_most=1, doc="probability of a recurrent connection"
    )
    gain: float = parameter(
        0.5, at_least=0, doc="spectral radius of recurrence, of firing rates driven by rates"
    )
    membrane_time: float = parameter("20 ms", unit="second", above=0, doc="of cells")
    synaptic_time: float = parameter("100 ms", unit="second", above=0, doc="decay of currents")
    trace_time: float = parameter("100 ms", unit="second", above=0, doc="of the spikes' filter")
    background: float = parameter(1.1, at_least=0, doc="mean constant drive, in thresholds")
    background_spread: float = parameter(0.2, at_least=0, doc="its deviation over cells")
    input_scale: float = parameter(
        0.1, at_least=0, doc="deviation of the current from a layer with one spike per cell"
    )
    class_scale: float = parameter(0.1, at_least=0, doc="deviation of the drive by the class")
    regularisation: float = parameter(300.0, above=0, doc="ridge penalty")
    samples: int = parameter(16000, at_least=2, doc="samples of training beforehand")
    block: int = parameter(50, at_least=2, doc="samples between new random class structures")
    spikes: float = parameter(
        2.0, above=0, doc="expected spikes per unit of random activity in training"
    )

    def constants(self, number: int, *, silenced: bool) -> dict[str, float]:
        """Scalars of the liquid of a hidden layer, by the name of a program's input."""
        return {
            f"liquid{number}.membrane_time": self.membrane_time,
            f"liquid{number}.synaptic_time": self.synaptic_time,
            f"liquid{number}.trace_time": self.trace_time,
            f"liquid{number}.audible": float(not silenced),
        }


class SpikingReservoir:
    """Connections of a liquid, and its readout of the modulatory signal.

    The liquid itself runs in Brian2; this object draws it, trains the readout, and gives the
    signal of traces that were recorded.

    Parameters
    ----------
    units, classes : int
        Sizes of the layer and of the set of classes.
    parameters : SpikingReservoirParameters, optional
    silenced : bool
        Control: the same readout and training, but the cells of the liquid never fire.
    rng : numpy.random.Generator

    Attributes
    ----------
    input : ndarray, shape (classes, units, cells)
        Weights from the layer. Those onto a cell sum to zero, so that, as in the code, a common
        rise of all counts is not heard.
    recurrent : ndarray, shape (cells, cells)
        Weights, row to column; excitatory cells first.
    drive : ndarray, shape (classes, cells)
        Constant drive while a class is shown.
    potential : ndarray, shape (cells,)
        Membrane potentials at the beginning.
    readout : ndarray, shape (classes, units, cells)
    direct : ndarray, shape (classes, units, units + 1)
        Readout of the code and of a constant.
    """

    def __init__(
        self,
        units: int,
        classes: int,
        parameters: SpikingReservoirParameters | None = None,
        *,
        silenced: bool = False,
        rng: np.random.Generator,
    ) -> None:
        self.parameters = p = parameters or SpikingReservoirParameters()
        self.silenced = silenced
        weights = rng.standard_normal((classes, units, p.cells))
        weights -= weights.mean(axis=1, keepdims=True)
        self.input = p.input_scale / np.sqrt(units) * weights
        self.recurrent = dale_weights(p, rng)
        self.drive = p.background + p.background_spread * rng.standard_normal(p.cells)
        self.drive = self.drive + p.class_scale * rng.standard_normal((classes, p.cells))
        self.potential = rng.random(p.cells)
        self.readout = np.zeros((classes, units, p.cells))
        self.direct = np.zeros((classes, units, units + 1))

    @classmethod
    def trained(
        cls,
        inputs: int,
        units: int,
        classes: int,
        window: int,
        objective: Objective,
        parameters: SpikingReservoirParameters | None = None,
        *,
        layer: SpikingLayer,
        silenced: bool = False,
        target: str | None = None,
        rng: np.random.Generator,
    ) -> Self:
        """Make a liquid that can be used at once.

        Parameters
        ----------
        inputs : int
            Size of the network input, which the exact signal depends on.
        window : int
            Length of the exact window that gives the targets.
        layer : SpikingLayer
            Constants of the layer: durations of samples and steps, layer normalisation.
        target : str, optional
            Where Brian2 runs.
        """
        made = cls(units, classes, parameters, silenced=silenced, rng=rng)
        p = made.parameters
        X, y, activity = class_structured_stream(
            inputs, units, classes, p.samples, p.block, rng=rng
        )
        noise_seed = int(rng.integers(2**31))
        counts, traces = made.rehearse(y, p.spikes * activity, layer, noise_seed, target)
        codes = layer.codes(counts)
        teacher = Window(window, inputs, units, classes, objective=objective)
        targets = np.empty_like(codes)
        for row, (x, label, z) in enumerate(zip(X, y, codes, strict=True)):
            teacher.push(x, int(label), z)
            targets[row] = teacher.signal()
        seen = np.concatenate([traces, codes, np.ones((len(codes), 1))], axis=1)
        for label in np.unique(y):
            rows = y == label
            weights = ridge(seen[rows], targets[rows], p.regularisation)
            made.readout[label], made.direct[label] = np.split(weights, [p.cells], axis=1)
        return made

    def signal(self, trace: ArrayLike, y: int, z: ArrayLike) -> Array:
        """Modulatory signal, shape (units,), of a trace (cells,), a class and a code (units,)."""
        return self.readout[y] @ np.asarray(trace) + self.direct[y] @ np.append(z, 1.0)

    def arrays(self, number: int) -> dict[str, Array]:
        """Weights and drive of the liquid of a hidden layer, by the name of a program's input."""
        return {
            f"hear{number}.w": self.input.transpose(1, 2, 0).ravel(),
            f"echo{number}.w": self.recurrent.ravel(),
            f"class_drive{number}": self.drive,
        }

    def rehearse(
        self,
        y: NDArray[np.int64],
        expected: Array,
        layer: SpikingLayer,
        noise_seed: int,
        target: str | None = None,
    ) -> tuple[Array, Array]:
        """Force spikes of a layer on the liquid.

        Parameters
        ----------
        y : ndarray of int, shape (samples,)
        expected : ndarray, shape (samples, units)
            Expected spikes per sample; they are Poisson.

        Returns
        -------
        counts : ndarray, shape (samples, units)
            Spikes of the layer.
        traces : ndarray, shape (samples, cells)
            Filtered spikes of the liquid at the ends of samples.
        """
        samples, units = expected.shape
        values = {
            **self.arrays(0),
            **self.parameters.constants(0, silenced=self.silenced),
            "liquid0.v": self.potential,
            "rehearsed.noise_seed": noise_seed,
            "expected_spikes": expected,
            "memory_labels": y,
        }
        program = backend.Program(
            name="liquid-rehearsal",
            builder="spikeconsol.bottleneck.spiking_network:build_rehearsal",
            structure={
                "dt": layer.exact_step,
                "sample_time": layer.sample_steps * layer.exact_step,
                "samples": samples,
                "units": units,
                "classes": len(self.drive),
                "cells": self.parameters.cells,
            },
            inputs=tuple(values),
            outputs=("rehearsed_samples.count", "liquid_samples.trace"),
        )
        # One step more than the samples; the first record is from before anything was shown.
        result = backend.run(program, values, steps=samples * layer.sample_steps + 1, target=target)
        counts, traces = (
            result[name].reshape(-1, cells)[1:]
            for name, cells in zip(program.outputs, (units, self.parameters.cells), strict=True)
        )
        return counts, traces


def dale_weights(p: SpikingReservoirParameters, rng: np.random.Generator) -> Array:
    """Sparse weights that obey Dale's law, of opposite and equal sums onto each cell on average.

    In the linear range a cell fires at its drive over its membrane time, and a spike gives a
    charge of its weight times the synaptic time: hence the factor from weights to gain.
    """
    connected = rng.random((p.cells, p.cells)) < p.connection_probability
    inhibitory = np.arange(p.cells) >= round((1 - p.inhibitory) * p.cells)
    sign = np.where(inhibitory, -(1 - p.inhibitory) / p.inhibitory, 1.0)
    strength = sign[:, None] * connected * np.abs(rng.standard_normal(connected.shape))
    radius = np.abs(np.linalg.eigvals(strength)).max()
    return p.gain * p.membrane_time / p.synaptic_time * strength / max(radius, 1e-12)
