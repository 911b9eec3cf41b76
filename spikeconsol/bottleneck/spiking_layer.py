"""Constants of spiking cells and synapses, and the code that their spikes stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["SpikingLayer"]


@dataclass(frozen=True)
class SpikingLayer(Parameters):
    """Constants of cells, synapses and input spikes."""

    time_step: float = parameter("1 ms", unit="second", above=0, doc="integration step")
    sample_time: float = parameter("50 ms", unit="second", above=0, doc="time a sample is shown")
    membrane_time: float = parameter("20 ms", unit="second", above=0, doc="of hidden cells")
    eligibility_time: float = parameter("50 ms", unit="second", above=0, doc="decay of eligibility")
    peak_rate: float = parameter("150 Hz", unit="hertz", above=0, doc="rate of an input of 1")
    initial_drive: float = parameter(
        4.0, above=0, doc="deviation of a sample's summed input at first, in thresholds"
    )
    weight_bound: float = parameter(
        6.0, above=0, doc="largest weight, in deviations of initial weights"
    )
    count_variance: float = parameter(
        0.1, above=0, doc="added to the variance of spike counts in layer normalisation"
    )
    power_decay: float = parameter(
        0.99, at_least=0, below=1, doc="of the running mean square by which signals are divided"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = self.sample_time / self.time_step
        if abs(steps - round(steps)) > 1e-6:
            raise ParameterError(
                f"sample_time: got {self.sample_time:g} second; allowed: multiples of time_step, "
                f"{self.time_step:g} second"
            )

    @property
    def exact_step(self) -> float:
        """Time step in so few binary digits that its multiples are exact, in seconds.

        Otherwise the clocks of steps and samples differ in the last digit after a minute, and
        Brian2's compiled loop takes differences of more than 1e-14 s for different times.
        """
        return float(np.float32(self.time_step))

    @property
    def sample_steps(self) -> int:
        """Time steps per sample."""
        return round(self.sample_time / self.time_step)

    def codes(self, counts: NDArray) -> NDArray[np.float64]:
        """Layer-normalised spike counts, shape (n, cells), of counts of the same shape."""
        centred = counts - counts.mean(axis=1, keepdims=True)
        variance = np.mean(centred**2, axis=1, keepdims=True)
        return centred / np.sqrt(variance + self.count_variance)
