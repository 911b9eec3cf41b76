r"""A liquid of spiking cells that holds a sliding window of a layer's rates, without any clock.

Every rate is kept as the coefficients of orthonormal Legendre polynomials over the last theta
seconds, which follow from their own past alone,

.. math::
    \theta \dot m = A m + b u, \quad
    A_{ij} = \sqrt{(2i + 1)(2j + 1)} \cdot
    \begin{cases} -1 & i < j \\ (-1)^{i-j+1} & i \ge j \end{cases}, \quad
    b_i = \sqrt{2i + 1} (-1)^i .

Orthonormal ones have equal variance, so that the noise of spikes harms none more than others.
Cells stand for random directions in the space of all coefficients and fire linearly in their drive
as long as it is above threshold: hence a bias that makes them fire fast. A synapse that filters
with a time constant tau turns the equation into recurrence I + tau A/theta and input tau b/theta.

References
----------
Voelker A R, Eliasmith C (2018). Neural Computation 30:569-609.
Voelker A R, Kajic I, Eliasmith C (2019). Legendre memory units, NeurIPS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.memory.gated_liquid import Liquid
from spikeconsol.parameters import parameter

if TYPE_CHECKING:
    from spikeconsol.bottleneck.parameters import SpikingLayer

__all__ = ["ContinuousLiquid", "legendre"]

Array = NDArray[np.floating]


def legendre(order: int) -> tuple[Array, Array]:
    """Return A, shape (order, order), and b, shape (order,), of the equation above."""
    i = np.arange(order, dtype=float)
    sign = np.where(i[:, None] < i, -1.0, (-1.0) ** (i[:, None] - i + 1))
    norm = np.sqrt(2 * i + 1)
    return norm[:, None] * sign * norm, norm * (-1.0) ** i


@dataclass(frozen=True)
class ContinuousLiquid(Liquid, bias=3.0):
    """Constants of a liquid that nothing clocks, and of the fit of its readout."""

    rhythm: ClassVar[str] = "continuous"

    order: int | None = parameter(
        None,
        at_least=1,
        doc="polynomials of each unit; none: 4 and 2 for each sample of the lag, beyond which they "
        "run away; fewer if there are not 7 cells for 4",
    )
    synaptic_time: float = parameter("100 ms", unit="second", above=0, doc="decay of currents")
    trace_time: float = parameter(
        "50 ms", unit="second", above=0, doc="of the spikes' filter, which is read out"
    )

    def draw(
        self, units: int, lag: int, layer: SpikingLayer, rng: np.random.Generator
    ) -> tuple[Array, Array]:
        wanted = 4 + 2 * lag if self.order is None else self.order
        order = max(min(wanted, 4 * self.cells // (7 * units)), 1)
        A, b = legendre(order)
        step = self.synaptic_time / (layer.sample_time * (lag + 1))
        # Cells stand for directions in the space of all units' coefficients.
        stages = rng.standard_normal((units * order, self.cells))
        stages /= np.linalg.norm(stages, axis=0)
        each = np.eye(units)
        onwards = np.kron(each, np.eye(order) + step * A.T)
        # Of input that is independent from sample to sample, coefficients have a variance of
        # 1/(lag + 1); drives are to have 1.
        inwards = np.sqrt(lag + 1) * step * np.kron(each, b)
        return inwards @ stages, np.linalg.pinv(stages) @ onwards @ stages

    def charges(self, heard: Array, recurrent: Array, layer: SpikingLayer) -> tuple[Array, Array]:
        # A count of 1 is a rate of 1/sample_time, a drive of 1 one of 1/membrane_time.
        times = layer.sample_time / self.synaptic_time, self.membrane_time / self.synaptic_time
        return heard * times[0], recurrent * times[1]

    def scalars(self) -> dict[str, float]:
        own = {"synaptic_time": self.synaptic_time, "trace_time": self.trace_time}
        return super().scalars() | own

    def at_rest(self) -> dict[str, Array]:
        return super().at_rest() | {name: np.zeros(self.cells) for name in ("heard", "trace")}
