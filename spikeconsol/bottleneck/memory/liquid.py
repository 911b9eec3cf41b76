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

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.bottleneck.equations.reservoirs import GATED, LIQUID, ONSET
from spikeconsol.bottleneck.memory.base import Array, Memory, Place
from spikeconsol.bottleneck.memory.cells import (
    Cells,
    SpikingForm,
    Wires,
    echo_readout,
    held_parameter,
    numbered,
    readout_weights,
)
from spikeconsol.bottleneck.memory.rehearsal import rehearse
from spikeconsol.bottleneck.memory.reservoir import class_structured_stream, ridge
from spikeconsol.bottleneck.memory.window import Window
from spikeconsol.parameters import ParameterError, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.parameters import SpikingLayer

__all__ = ["SpikingReservoir", "dale_weights"]


@dataclass
class SpikingReservoir(Memory):
    """A liquid of spiking cells, read out into the modulatory signal.

    Made from the spikes of a layer, it serves spiking networks only.

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

    cells: int = parameter(300, at_least=2, doc="number of cells")
    inhibitory: float = parameter(0.2, above=0, below=1, doc="fraction of inhibitory cells")
    connection_probability: float = parameter(
        0.1, above=0, at_most=1, doc="probability of a recurrent connection"
    )
    gain: float = parameter(
        0.5, at_least=0, doc="spectral radius of recurrence, of firing rates driven by rates"
    )
    membrane_time: float = parameter("20 ms", above=0, doc="of cells")
    synaptic_time: float = parameter("100 ms", above=0, doc="decay of currents")
    trace_time: float = parameter("100 ms", above=0, doc="of the spikes' filter")
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
    window: int = parameter(8, at_least=2, doc="samples in the window that teaches the readout")
    silenced: bool = parameter(
        False, doc="control: the same readout and training, but cells that never fire"
    )
    held: str = held_parameter()

    def start(self, place: Place) -> None:
        """Draw the liquid; train its readout on random spikes."""
        layer = self.draw(place)
        rng = place.rng
        X, y, activity = class_structured_stream(
            place.inputs, place.units, place.classes, self.samples, self.block, rng=rng
        )
        noise_seed = int(rng.integers(2**31))
        counts, traces = self.rehearse(y, self.spikes * activity, noise_seed)
        codes = layer.codes(counts)
        teacher = Window(self.window).begin(dataclasses.replace(place, below=None))
        targets = np.empty_like(codes)
        for row, (x, label, z) in enumerate(zip(X, y, codes, strict=True)):
            teacher.push(x, int(label), z)
            targets[row] = teacher.signal()
        seen = np.concatenate([traces, codes, np.ones((len(codes), 1))], axis=1)
        for label in np.unique(y):
            rows = y == label
            weights = ridge(seen[rows], targets[rows], self.regularisation)
            self.readout[label], self.direct[label] = np.split(weights, [self.cells], axis=1)

    def draw(self, place: Place) -> SpikingLayer:
        """Draw the liquid, with a readout of zero; return the constants of the layer it hears."""
        if place.layer is None:
            raise ParameterError(
                "memory: got a spiking reservoir; allowed: any other memory, among rates"
            )
        rng, units, classes = place.rng, place.units, place.classes
        weights = rng.standard_normal((classes, units, self.cells))
        weights -= weights.mean(axis=1, keepdims=True)
        self.input = self.input_scale / np.sqrt(units) * weights
        self.recurrent = dale_weights(self, rng)
        drive = self.background + self.background_spread * rng.standard_normal(self.cells)
        self.drive = drive + self.class_scale * rng.standard_normal((classes, self.cells))
        self.potential = rng.random(self.cells)
        self.readout = np.zeros((classes, units, self.cells))
        self.direct = np.zeros((classes, units, units + 1))
        return place.layer

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Refuse: the liquid hears spikes."""
        raise ParameterError("memory: got a code; allowed: spikes, for a spiking reservoir")

    def signal(self) -> Array:
        """Refuse: the liquid runs in Brian2."""
        raise ParameterError("memory: got a code; allowed: spikes, for a spiking reservoir")

    def read(self, trace: ArrayLike, y: int, z: ArrayLike) -> Array:
        """Modulatory signal, shape (units,), of a trace (cells,), a class and a code (units,)."""
        return self.readout[y] @ np.asarray(trace) + self.direct[y] @ np.append(z, 1.0)

    def in_spikes(self) -> SpikingForm:
        """Cells that hear the layer's spikes through class-gated synapses, and a readout."""
        units = self.place.units
        read, held = echo_readout("liquid", "trace", units, self.cells, self.held)
        state = {
            "liquid.v": self.potential,
            "liquid.current": np.zeros(self.cells),
            "liquid.trace": np.zeros(self.cells),
            **held,
        }
        fixed = self._weights() | readout_weights(self.readout, self.direct)
        return SpikingForm((*self._liquid(), *read), state, fixed, self._constants())

    def _liquid(self) -> tuple[Cells | Wires, ...]:
        population = Cells(
            "liquid",
            self.cells,
            LIQUID,
            {"rest": ONSET},
            threshold="audible*v > 1",
            reset="v -= 1\ntrace += 1",
            method="exponential_euler",
            tables=("class_drive",),
            recorded=("trace",),
        )
        hear = Wires(
            "hear",
            "cells",
            "liquid",
            GATED,
            "current_post += w*int(class_gate == class_now_post)",
            per_class=True,
        )
        return population, hear, Wires("echo", "liquid", "liquid", "w : 1", "current_post += w")

    def _weights(self) -> dict[str, Array]:
        return {
            "hear.w": self.input.transpose(1, 2, 0).ravel(),
            "echo.w": self.recurrent.ravel(),
            "class_drive": self.drive,
        }

    def _constants(self) -> dict[str, float]:
        return {
            "liquid.membrane_time": self.membrane_time,
            "liquid.synaptic_time": self.synaptic_time,
            "liquid.trace_time": self.trace_time,
            "liquid.audible": float(not self.silenced),
        }

    def rehearse(
        self, y: NDArray[np.int64], expected: Array, noise_seed: int
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
        layer = self.place.layer
        assert layer is not None
        ours = self._weights() | self._constants() | {"liquid.v": self.potential}
        values = {
            **{numbered(name, 0): value for name, value in ours.items()},
            "rehearsed.noise_seed": noise_seed,
            "expected_spikes": expected,
            "memory_labels": y,
        }
        heard = ("liquid_samples0.trace", self.cells)
        structure = {
            "classes": len(self.drive),
            "memory": SpikingForm(self._liquid()).structure(),
        }
        return rehearse(
            "liquid", "build_rehearsal", values, structure, heard, layer, self.place.target
        )


def dale_weights(p: SpikingReservoir, rng: np.random.Generator) -> Array:
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
