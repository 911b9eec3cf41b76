"""What every spiking network of this wing does to drive its program: weights, samples, runs."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.bottleneck.parameters import SpikingLayer
from spikeconsol.brian import backend

__all__ = ["Runs", "at_ends", "content_seeds", "draw_weights", "layer_constants"]

#: Spikes that a hidden cell is expected to fire per sample, which sets the unit of the weights
#: onto the next layer.
EXPECTED_SPIKES = 2.0


@dataclass(frozen=True)
class Runs:
    """Samples that a program with input tables of a fixed length takes in one run.

    Parameters
    ----------
    capacity : int
        Samples of a run.
    """

    capacity: int

    @classmethod
    def of(cls, inputs: int, *, values: int = 2**21, most: int = 4096) -> Runs:
        """Return runs of at most so many input values, and so many samples."""
        return cls(max(1, min(most, values // inputs)))

    def parts(self, samples: int) -> Iterator[slice]:
        """Cut a number of samples into runs."""
        for start in range(0, samples, self.capacity):
            yield slice(start, min(samples, start + self.capacity))

    def structure(self, layer: SpikingLayer, sizes: Sequence[int]) -> dict[str, Any]:
        """What every program of such layers is built from."""
        return {
            "dt": layer.exact_step,
            "sample_time": layer.sample_steps * layer.exact_step,
            "samples": self.capacity,
            "sizes": list(sizes),
        }

    def run(
        self,
        program: backend.Program,
        values: Mapping[str, ArrayLike],
        tables: Mapping[str, ArrayLike],
        samples: int,
        layer: SpikingLayer,
        *,
        outputs: Sequence[str] | None = None,
        target: str | None,
    ) -> dict[str, NDArray]:
        """Run a program over samples, whose own values are in `tables`."""
        return backend.run(
            program,
            {**values, **{name: self.padded(table) for name, table in tables.items()}},
            # One step more than the samples: the last one is learned at its very end.
            steps=samples * layer.sample_steps + 1,
            outputs=outputs,
            target=target,
        )

    def padded(self, values: ArrayLike) -> NDArray[np.float64]:
        """Fill up values of samples with zeros to the length of the tables."""
        values = np.asarray(values)
        whole = np.zeros((self.capacity, *values.shape[1:]))
        whole[: len(values)] = values
        return whole


def at_ends(
    result: Mapping[str, NDArray], layer: int, variable: str, cells: int
) -> NDArray[np.float64]:
    """Values of a layer at the ends of samples, shape (samples, cells)."""
    # The first row is from before anything was shown.
    return result[f"samples{layer}.{variable}"].reshape(-1, cells)[1:]


def content_seeds(levels: NDArray) -> NDArray[np.int64]:
    """Seeds of the input spikes of samples in tests, which follow from their content."""
    return np.array([zlib.crc32(row.tobytes()) >> 2 for row in levels.astype(float)])


def draw_weights(
    levels: NDArray, sizes: Sequence[int], layer: SpikingLayer, rng: np.random.Generator
) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
    """Draw the weights onto the hidden layers of a network for samples such as those given.

    Returns
    -------
    units : ndarray, shape (layers,)
        Deviations of the weights onto each layer, by which its constants are scaled.
    weights : list of ndarray, shape (below, cells)
    """
    expected = levels * layer.peak_rate * layer.sample_time
    norms = [np.sqrt(np.mean(np.sum(expected**2, axis=1)))]
    norms += [EXPECTED_SPIKES * np.sqrt(cells) for cells in sizes[1:-1]]
    units = layer.initial_drive / np.maximum(norms, 1e-12)
    weights = []
    for unit, below, cells in zip(units, sizes, sizes[1:], strict=False):
        drawn = rng.standard_normal((below, cells)) * unit
        bound = layer.weight_bound * unit
        weights.append(np.clip(drawn, -bound, bound).astype(np.float32))
    return units, weights


def layer_constants(layer: SpikingLayer, number: int, unit: float, rate: float) -> dict[str, float]:
    """Run-time values of one hidden layer that learns at `rate` times its unit."""
    return {
        f"cells{number}.membrane_time": layer.membrane_time,
        f"cells{number}.eligibility_time": layer.eligibility_time,
        f"hub{number}.count_variance": layer.count_variance,
        f"hub{number}.power_decay": layer.power_decay,
        f"feedforward{number}.step": rate * unit,
        f"feedforward{number}.bound": layer.weight_bound * unit,
    }
