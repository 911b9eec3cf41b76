"""Working memories of the spiking network: how each begins, and the constants of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from spikeconsol.bottleneck.hsic import Objective, label_similarity
from spikeconsol.bottleneck.reservoir import Reservoir, ReservoirParameters, Silenced
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoir, SpikingReservoirParameters
from spikeconsol.parameters import ParameterError

__all__ = ["ClassCells", "Liquid", "MemoryCells", "RateCells", "WindowCells"]

Arrays = dict[str, NDArray]


class MemoryCells(Protocol):
    """What the classifier asks of a memory; arrays and scalars go by the names of the program."""

    @property
    def kind(self) -> str:
        """Memory, as it is called in `spikeconsol.bottleneck.spiking_network`."""

    @property
    def cells(self) -> int:
        """Cells of the memory of a layer."""

    def begin(
        self, number: int, inputs: int, units: int, rng: np.random.Generator
    ) -> tuple[Arrays, Arrays]:
        """Draw the memory of a hidden layer: what changes while it is used, and what does not."""

    def constants(self, number: int) -> Mapping[str, float]:
        """Scalars of the memory of a hidden layer."""


@dataclass(frozen=True)
class ClassCells:
    """One cell per class, which keeps a mean code.

    With `fixed_vectors` the means are random and stay: the control whose signal depends on the
    class alone.
    """

    kind: str
    classes: int
    objective: Objective
    rate: float
    fixed_vectors: bool = False

    @property
    def cells(self) -> int:
        return self.classes

    def begin(
        self, number: int, inputs: int, units: int, rng: np.random.Generator
    ) -> tuple[Arrays, Arrays]:
        known, means = np.zeros(self.classes), np.zeros(units * self.classes)
        if self.fixed_vectors:
            known, means = np.ones_like(known), rng.standard_normal(means.size)
        return {f"memory{number}.known": known, f"trace{number}.m": means}, {}

    def constants(self, number: int) -> dict[str, float]:
        rate = 0.0 if self.fixed_vectors else self.rate
        return _objective(number, self.objective) | {f"memory{number}.memory_rate": rate}


@dataclass(frozen=True)
class WindowCells:
    """One cell per remembered sample."""

    length: int
    classes: int
    objective: Objective
    kind: str = "window"

    @property
    def cells(self) -> int:
        return self.length

    def begin(
        self, number: int, inputs: int, units: int, rng: np.random.Generator
    ) -> tuple[Arrays, Arrays]:
        n = self.length
        return {
            f"memory{number}.known": np.zeros(n),
            f"memory{number}.slot_label": np.zeros(n, np.int32),
            f"memory{number}.cursor": np.zeros(n, np.int32),
            f"trace{number}.m": np.zeros(units * n),
            f"image{number}.x": np.zeros(inputs * n),
            f"pairs{number}.A": np.zeros(n * n),
        }, {}

    def constants(self, number: int) -> dict[str, float]:
        return _objective(number, self.objective) | {
            f"memory{number}.input_weight": self.objective.input_weight,
            f"memory{number}.input_width": self.objective.widths[0],
            f"memory{number}.other_class": label_similarity(self.classes, self.objective.widths[1]),
        }


@dataclass(frozen=True)
class RateCells:
    """A recurrent network of rate cells, one step per sample, whose readout is trained before."""

    parameters: ReservoirParameters
    classes: int
    window: int
    objective: Objective
    silenced: bool
    kind: str = "reservoir"

    @property
    def cells(self) -> int:
        return self.parameters.cells

    def begin(
        self, number: int, inputs: int, units: int, rng: np.random.Generator
    ) -> tuple[Arrays, Arrays]:
        p, classes = self.parameters, self.classes
        kind = Silenced if self.silenced else Reservoir
        trained = kind.trained(
            inputs, units, classes, self.window, self.objective, p, rng=rng
        )  # fmt: skip
        gates = np.arange(classes) if p.gated else np.zeros(classes, int)
        _, class_gain, code_gain = p.input_gains
        centred = class_gain * (np.eye(classes) - 1 / classes)
        by_class, by_code = np.split(trained.input[gates], [classes], axis=2)
        echo, from_class, from_code, constant = np.split(
            trained.readout[gates], [p.cells, p.cells + classes, p.cells + classes + units], axis=2
        )
        # The class is the same for all that a gate lets through: its readout is one more constant.
        constant = constant + np.einsum("kuc,kc->ku", from_class, centred)[:, :, None]
        direct = np.concatenate([code_gain * from_code, constant], axis=2)
        state = {
            f"reservoir{number}.u": np.zeros(p.cells),
            f"reservoir{number}.rate": np.zeros(p.cells),
        }
        return state, {
            f"hear{number}.w": code_gain * by_code.transpose(2, 1, 0).ravel(),
            f"class_drive{number}": np.einsum("knc,kc->kn", by_class, centred),
            f"echo{number}.w": trained.recurrent.T.ravel(),
            **_readout(number, echo, direct),
        }

    def constants(self, number: int) -> dict[str, float]:
        return {
            f"reservoir{number}.leak": 1 / self.parameters.time_constant,
            f"reservoir{number}.audible": float(not self.silenced),
        }


@dataclass(frozen=True)
class Liquid:
    """A recurrent network of spiking cells, whose readout is trained before."""

    parameters: SpikingReservoirParameters
    classes: int
    window: int
    objective: Objective
    layer: SpikingLayer
    silenced: bool
    target: str | None
    kind: str = "spiking_reservoir"

    @property
    def cells(self) -> int:
        return self.parameters.cells

    def begin(
        self, number: int, inputs: int, units: int, rng: np.random.Generator
    ) -> tuple[Arrays, Arrays]:
        trained = SpikingReservoir.trained(
            inputs,
            units,
            self.classes,
            self.window,
            self.objective,
            self.parameters,
            layer=self.layer,
            silenced=self.silenced,
            target=self.target,
            rng=rng,
        )
        state = {
            f"liquid{number}.v": trained.potential,
            f"liquid{number}.current": np.zeros(self.cells),
            f"liquid{number}.trace": np.zeros(self.cells),
        }
        return state, trained.arrays(number) | _readout(number, trained.readout, trained.direct)

    def constants(self, number: int) -> dict[str, float]:
        return self.parameters.constants(number, silenced=self.silenced)


def require_one_step(p: ReservoirParameters) -> None:
    """Refuse what a rate reservoir cannot do inside the spiking network."""
    wanted = ReservoirParameters(steps=1, direct=True)
    for name in ("steps", "feedback", "cell_noise", "output_noise", "direct"):
        if getattr(p, name) != getattr(wanted, name):
            raise ParameterError(
                f"reservoir.{name}: got {getattr(p, name)!r}; allowed: "
                f"{getattr(wanted, name)!r}, in spikes"
            )
    if p.training != "ridge" or p.input_gains[0] != 0:
        raise ParameterError(
            f"reservoir.training, input_gains: got {p.training!r}, {p.input_gains!r}; "
            "allowed: 'ridge' and 0 for network inputs, in spikes"
        )


def _objective(number: int, objective: Objective) -> dict[str, float]:
    return {
        f"memory{number}.gamma": objective.gamma,
        f"memory{number}.code_weight": objective.code_weight,
        f"memory{number}.code_width": objective.widths[2],
    }


def _readout(number: int, echo: NDArray, direct: NDArray) -> Arrays:
    """Synapses of a readout of shapes (classes, units, cells) and (classes, units, units + 1)."""
    return {
        f"read{number}.w": echo.transpose(2, 1, 0).ravel(),
        f"direct{number}.w": direct.transpose(2, 1, 0).ravel(),
    }
