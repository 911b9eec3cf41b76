"""Constants of the classifiers: how layers are made, how weights change, what protects them.

Constants of the objective are in `hsic`, those of memories and signals with these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "IMPORTANCES",
    "Adam",
    "Descent",
    "InputCode",
    "InputSpikes",
    "Optimiser",
    "Protection",
    "RateLayer",
    "SpikingLayer",
]

IMPORTANCES = ("none", "uniform", "coincidence", "fisher")


@dataclass(frozen=True)
class Optimiser(Parameters):
    """How fast weights follow their signals; use `Adam` or `Descent`."""

    learning_rate: float = parameter(1e-3, at_least=0, doc="of the hidden layers")
    readout_learning_rate: float = parameter(1e-3, at_least=0, doc="of the readout")
    final_rate: float = parameter(
        0.02, at_least=0, at_most=1, doc="fraction to which rates fall over the epochs of a fit"
    )
    update_every: int = parameter(1, at_least=1, doc="samples accumulated before weights change")


@dataclass(frozen=True)
class Adam(Optimiser):
    """Running averages of gradients and their squares at every synapse; among rates only."""


@dataclass(frozen=True)
class Descent(Optimiser):
    """Signals of a layer are divided by their running root mean square: no state per synapse."""


@dataclass(frozen=True)
class Protection(Parameters):
    r"""What damps a synapse once a call of `partial_fit`, a task, is over.

    Its changes are divided by :math:`1 + \lambda\, \Omega / \langle\Omega\rangle`, with the
    importance :math:`\Omega` summed over samples: how much both sides have been active together
    (``"coincidence"``), the squared changes (``"fisher"``), or 1 for all (``"uniform"``, the
    control: a lower learning rate).
    """

    importance: str = parameter("none", choices=IMPORTANCES, doc="what damps a synapse")
    damping: float = parameter(0.0, at_least=0, doc="lambda, the strength of damping")
    separate_tasks: bool = parameter(
        False, doc="in a call of partial_fit the readout compares only the classes in it"
    )

    def plasticity(self, gathered: NDArray) -> NDArray:
        r"""Factor on changes of a layer's synapses whose importance :math:`\Omega` is given."""
        share = gathered / max(gathered.mean(), 1e-30)
        if self.importance == "uniform":
            share = np.ones_like(gathered)
        return 1 / (1 + self.damping * share)


@dataclass(frozen=True)
class RateLayer(Parameters):
    """Units of the hidden layers of a rate network."""

    activation: str = parameter(
        "relu",
        choices=("relu", "tanh"),
        doc="rectified with layer normalisation, or tanh without it as in the 2021 program",
    )
    neuron: str = parameter(
        "instant",
        choices=("instant", "leaky"),
        doc="leaky units integrate 20 steps per sample and learn at each (the paper's LIF)",
    )


@dataclass(frozen=True)
class InputCode(Parameters):
    """How features become intensities of input cells, 0 to 1."""

    receptive_fields: int = parameter(
        0,
        at_least=0,
        doc="cells with Gaussian tuning per feature; 0: features are intensities themselves",
    )
    feature_range: tuple[float, ...] = parameter((0.0, 1.0), doc="first and last tuning centre")

    def __post_init__(self) -> None:
        super().__post_init__()
        increasing = len(self.feature_range) == 2 and self.feature_range[0] < self.feature_range[1]
        if self.receptive_fields == 1 or not increasing:
            raise ParameterError(
                f"receptive_fields, feature_range: got {self.receptive_fields!r}, "
                f"{self.feature_range!r}; allowed: 0 or >= 2 fields, an increasing range"
            )

    def levels(self, X: NDArray) -> NDArray[np.floating]:
        """Intensities of the input cells, shape (n, inputs), for features of shape (n, features).

        Raises
        ------
        ParameterError
            If features are outside 0..1 and not coded by receptive fields.
        """
        if self.receptive_fields:
            first, last = self.feature_range
            centres = np.linspace(first, last, self.receptive_fields)
            spacing = centres[1] - centres[0]
            # Neighbouring tuning curves overlap widely.
            distance = (X[:, :, None] - centres) / (1.3 * spacing)
            return np.exp(-(distance**2) / 2).reshape(len(X), -1)
        if X.size and not (X.min() >= 0 and X.max() <= 1):
            raise ParameterError(
                f"X: got values from {X.min():g} to {X.max():g}; allowed: 0 to 1, or any with "
                "receptive fields in the input code"
            )
        return X


@dataclass(frozen=True)
class InputSpikes(Parameters):
    """Time and spikes of networks whose inputs are Poisson spike trains."""

    time_step: float = parameter("1 ms", above=0, doc="integration step")
    peak_rate: float = parameter("150 Hz", above=0, doc="rate of an input of 1")

    #: Names of times that are whole numbers of steps.
    whole: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in self.whole:
            time = getattr(self, name)
            if abs(time / self.time_step - self.steps(name)) > 1e-6:
                raise ParameterError(
                    f"{name}: got {time:g} second; allowed: multiples of time_step, "
                    f"{self.time_step:g} second"
                )

    def steps(self, name: str) -> int:
        """Time steps of one of the times."""
        return round(getattr(self, name) / self.time_step)

    @property
    def exact_step(self) -> float:
        """Time step in so few binary digits that its multiples are exact, in seconds.

        Otherwise the clocks of steps and samples differ in the last digit after a minute, and
        Brian2's compiled loop takes differences of more than 1e-14 s for different times.
        """
        return float(np.float32(self.time_step))


@dataclass(frozen=True)
class SpikingLayer(InputSpikes):
    """Constants of cells, synapses and input spikes."""

    sample_time: float = parameter("50 ms", above=0, doc="time a sample is shown")
    membrane_time: float = parameter("20 ms", above=0, doc="of hidden cells")
    eligibility_time: float = parameter("50 ms", above=0, doc="decay of eligibility")
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

    whole = ("sample_time",)

    @property
    def sample_steps(self) -> int:
        """Time steps per sample."""
        return self.steps("sample_time")

    def codes(self, counts: NDArray) -> NDArray[np.float64]:
        """Layer-normalised spike counts, shape (n, cells), of counts of the same shape."""
        centred = counts - counts.mean(axis=1, keepdims=True)
        variance = np.mean(centred**2, axis=1, keepdims=True)
        return centred / np.sqrt(variance + self.count_variance)
