r"""A liquid of spiking cells that remembers past spike counts, and its fixed readout.

Leaky integrate-and-fire cells hear the spikes of a layer and one another. What their synapses
gather during a sample is released at its end and drives them during the next: a rhythm that is
locked to the samples, without which random recurrence forgets within two of them. Firing is
nearly linear in the drive, so that the recurrence decides what is kept and for how long.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.memory.liquid import SpikingReservoir, dale_weights
from spikeconsol.bottleneck.memory.past import BLOCK, LiveMemory, PastCodes
from spikeconsol.bottleneck.memory.rehearsal import rehearse
from spikeconsol.bottleneck.memory.reservoir import class_structured_stream
from spikeconsol.parameters import ParameterError, parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.parameters import SpikingLayer

__all__ = ["FittedLiquid", "GatedLiquid", "Liquid"]

Array = NDArray[np.floating]

#: Random codes on which what a readout recalls is tested.
TESTED = 1000


@dataclass(frozen=True)
class Liquid(PastCodes):
    """What liquids share: cells, homeostasis of their input, and the fit of the readout."""

    #: How charge reaches the cells: a key of `spikeconsol.bottleneck.equations.relational.LIQUIDS`.
    rhythm: ClassVar[str]

    cells: int = parameter(400, at_least=2, doc="number of cells")
    membrane_time: float = parameter("20 ms", above=0, doc="of cells")
    bias: float = parameter(1.5, at_least=0, doc="mean drive, in thresholds")
    bias_spread: float = parameter(0.2, at_least=0, doc="its deviation over cells")
    homeostasis_rate: float = parameter(
        0.01, at_least=0, at_most=1, doc="of the running deviation that input is divided by"
    )
    regularisation: float = parameter(
        1e-3, above=0, doc="ridge penalty, in mean squares of a feature summed over samples"
    )
    samples: int = parameter(8000, at_least=BLOCK, doc="random codes that the readout is fitted to")
    spikes: float = parameter(2.0, above=0, doc="expected spikes per unit of random activity")
    silent: bool = parameter(False, doc="control: the cells never fire, the readout is fitted so")

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        name = type(self).__name__
        raise ParameterError(f"memory: got a {name}; allowed: in spiking networks only")

    def fitted(
        self,
        units: int,
        lag: int,
        layer: SpikingLayer,
        rng: np.random.Generator,
        target: str | None = None,
    ) -> FittedLiquid:
        """Draw a liquid for a layer, and fit its readout of the counts `lag` samples before."""
        heard, recurrent = self.draw(units, lag, layer, rng)
        bias = self.bias + self.bias_spread * rng.standard_normal(self.cells)
        # Cells fire at their drive less the mean potential, about half the threshold.
        bias -= (self.bias - 0.5) * recurrent.sum(axis=0)
        heard = heard - heard.mean(axis=0)
        made = FittedLiquid(self, *self.charges(heard, recurrent, layer), bias)
        made.fit(units, lag, layer, rng, target)
        return made

    def draw(
        self, units: int, lag: int, layer: SpikingLayer, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        """Draw what drives the cells: a layer's counts, and the drives before, row to column."""
        raise NotImplementedError

    def charges(self, heard: Array, recurrent: Array, layer: SpikingLayer) -> tuple[Array, Array]:
        """Return the charge of a spike that gives these drives."""
        raise NotImplementedError

    def scalars(self) -> dict[str, float]:
        """Constants of the cells, by name."""
        return {"membrane_time": self.membrane_time, "audible": float(not self.silent)}

    def at_rest(self) -> dict[str, Array]:
        """State of the cells at the beginning, by name."""
        phases = (np.arange(self.cells) * 0.6180339887) % 1
        return {"v": phases, "current": np.zeros(self.cells)}


@dataclass(frozen=True)
class GatedLiquid(Liquid):
    """Constants of a gated liquid and of the fit of its readout."""

    rhythm: ClassVar[str] = "gated"

    recurrence: str = parameter(
        "orthogonal",
        choices=("orthogonal", "shift", "dale"),
        doc="random orthogonal; of low rank, passing each code on to the next of lag + 1 stages; "
        "or sparse, excitatory and inhibitory cells",
    )
    gain: float = parameter(
        0.8, at_least=0, doc="by which recurrence passes on the drive of the sample before"
    )

    def draw(
        self, units: int, lag: int, layer: SpikingLayer, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        if self.recurrence == "shift":
            # Cells stand for directions in the space of all stages' codes.
            stages = rng.standard_normal((units * (lag + 1), self.cells))
            stages /= np.linalg.norm(stages, axis=0)
            onwards = np.eye(len(stages), k=units)
            return stages[:units], np.linalg.pinv(stages) @ onwards @ stages
        return rng.standard_normal((units, self.cells)) / np.sqrt(units), self._random(rng)

    def charges(self, heard: Array, recurrent: Array, layer: SpikingLayer) -> tuple[Array, Array]:
        # A drive of 1 fires a cell at 1/membrane_time: so many spikes per sample.
        return heard, recurrent / (layer.sample_time / self.membrane_time)

    def _random(self, rng: np.random.Generator) -> Array:
        """Recurrence, row to column, that multiplies drives by the gain."""
        if self.recurrence == "orthogonal":
            return self.gain * np.linalg.qr(rng.standard_normal((self.cells, self.cells)))[0]
        return dale_weights(
            SpikingReservoir(
                cells=self.cells, gain=self.gain, membrane_time=1.0, synaptic_time=1.0
            ),
            rng,
        )


class FittedLiquid:
    """A liquid that has been drawn, with its readout.

    Attributes
    ----------
    heard : ndarray, shape (units, cells)
        Weights from the layer. Those onto a cell sum to zero, so that, as in the code, a common
        rise of all counts is not heard.
    recurrent : ndarray, shape (cells, cells)
        Row to column.
    bias : ndarray, shape (cells,)
    readout : ndarray, shape (cells, units)
        Of past counts, from the liquid's counts.
    direct : ndarray, shape (units, units)
        The same from the layer's present counts.
    offset : ndarray, shape (units,)
    mean_count : ndarray, shape (cells,)
        Mean counts of the liquid over random codes.
    variance : float
        Running variance of the layer's counts at the end of the random codes.
    recall : float
        R2 of recalled counts (as codes) on random codes that the readout was not fitted to.
    """

    def __init__(self, constants: Liquid, heard: Array, recurrent: Array, bias: Array) -> None:
        self.constants, self.heard, self.recurrent, self.bias = constants, heard, recurrent, bias

    def fit(
        self,
        units: int,
        lag: int,
        layer: SpikingLayer,
        rng: np.random.Generator,
        target: str | None,
    ) -> None:
        """Fit the readout by ridge regression to spikes of random clustered codes."""
        p = self.constants
        _, _, activity = class_structured_stream(1, units, 10, p.samples + TESTED, BLOCK, rng=rng)
        counts, seen = self.rehearse(p.spikes * activity, layer, int(rng.integers(2**31)), target)
        self.mean_count = seen[:BLOCK].mean(axis=0)
        features = np.concatenate([seen, counts, np.ones((len(counts), 1))], axis=1)[lag:]
        wanted = (counts - counts.mean(axis=1, keepdims=True))[:-lag]
        used, tested = features[: p.samples - lag], features[p.samples - lag :]
        gram = used.T @ used
        gram[np.diag_indices_from(gram)] += p.regularisation * np.trace(gram) / len(gram)
        weights = np.linalg.solve(gram, used.T @ wanted[: len(used)])
        self.readout, self.direct = weights[: p.cells], weights[p.cells : -1]
        self.offset = weights[-1]
        found, right = layer.codes(tested @ weights), layer.codes(wanted[len(used) :])
        self.recall = 1 - np.sum((found - right) ** 2) / np.sum((right - right.mean(axis=0)) ** 2)
        if self.recall < 0 and not p.silent:
            warnings.warn(
                f"memory: a liquid of {p.cells} cells for {units} units recalls random codes "
                f"{lag} samples back with R2 {self.recall:.2f}, worse than a constant; more cells, "
                "a shorter lag, or in a ContinuousLiquid a lower order",
                stacklevel=2,
            )

    def rehearse(
        self, expected: Array, layer: SpikingLayer, noise_seed: int, target: str | None = None
    ) -> tuple[Array, Array]:
        """Force Poisson spikes of a layer on the liquid.

        Parameters
        ----------
        expected : ndarray, shape (samples, units)
            Expected spikes per sample.

        Returns
        -------
        counts : ndarray, shape (samples, units)
            Spikes of the layer in each sample.
        seen : ndarray, shape (samples, cells)
            Spikes of the liquid.
        """
        values = {
            **self.arrays(0),
            **self.scalars(0),
            **self.start(0),
            "liquid0.live": 1.0,
            "rehearsed.noise_seed": noise_seed,
            "expected_spikes": expected,
        }
        heard = ("liquid_samples.seen", self.constants.cells)
        rhythm = self.constants.rhythm
        structure = {"liquid": self.constants.cells, "rhythm": rhythm}
        return rehearse(
            f"{rhythm}-liquid",
            "build_relational_rehearsal",
            values,
            structure,
            heard,
            layer,
            target,
        )

    def arrays(self, number: int) -> dict[str, Any]:
        """Weights that stay as they are, by the name of a program's input."""
        return {
            f"hear{number}.w": self.heard.ravel(),
            f"echo{number}.w": self.recurrent.ravel(),
            f"liquid{number}.bias": self.bias,
        }

    def readout_arrays(self, number: int) -> dict[str, Any]:
        """Weights of the readout, by the name of a program's input."""
        return {
            f"read{number}.w": self.readout.ravel(),
            f"direct{number}.w": self.direct.ravel(),
            f"cells{number}.offset": self.offset,
        }

    def scalars(self, number: int) -> dict[str, float]:
        """Constants, by the name of a program's input."""
        rate = {f"gain{number}.homeostasis_rate": self.constants.homeostasis_rate}
        own = self.constants.scalars()
        return {f"liquid{number}.{name}": value for name, value in own.items()} | rate

    def start(self, number: int) -> dict[str, Any]:
        """State at the beginning, by the name of a program's input."""
        own = self.constants.at_rest()
        state = {f"liquid{number}.{name}": value for name, value in own.items()}
        return state | {f"gain{number}.variance": np.ones(1)}
