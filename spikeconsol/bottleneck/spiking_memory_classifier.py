"""`MemoryClassifier` in spikes: memory cells that compete by inhibition, one program for all."""

from __future__ import annotations

import zlib
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from spikeconsol import checks
from spikeconsol.bottleneck.parameters import InputSpikes
from spikeconsol.bottleneck.pools import PoolClassifier
from spikeconsol.bottleneck.runs import Runs
from spikeconsol.bottleneck.settings import generator
from spikeconsol.brian import backend
from spikeconsol.parameters import ParameterError, parameter

__all__ = ["SpikingMemoryCells", "SpikingMemoryClassifier"]

#: Weight of a free cell: as much excitation as feed-forward inhibition.
_FREE = 0.5


@dataclass(frozen=True)
class SpikingMemoryCells(InputSpikes):
    """Constants of input spikes, and of the ramp by which cells compete."""

    shown_time: float = parameter("50 ms", above=0, doc="time a sample is shown")
    read_time: float = parameter("100 ms", above=0, doc="time of the ramp after it")
    reach: float = parameter(
        200.0, above=0, doc="squared distance that the ramp has reached at its end"
    )

    whole = ("shown_time", "read_time")


@dataclass(eq=False, repr=False)
class SpikingMemoryClassifier(PoolClassifier):
    """Memory cells whose plasticity falls with their own spike count, recruited by novelty.

    The network is described in `spikeconsol.bottleneck.equations.memory_cells`; the rule is that of
    `MemoryClassifier`, with squared distances estimated from spikes.

    Parameters
    ----------
    cells : int
        Memory cells of every class.
    plasticity : "use" or float
        ``"use"``: a cell's rate is one over its spike count. A number from 0 to 1: a fixed rate.
    novelty : float
        Squared distance above which a free cell is recruited. 0: in order of arrival. Distances
        include the variance of the input spikes, so that the value is above that for rates.
    constants : SpikingMemoryCells, optional
    target : {"standalone", "cython", "numpy"}, optional
        Where Brian2 runs; see `spikeconsol.brian.backend`.
    random_state : int, RandomState instance or None
        Draws the spikes of training samples. Those of a test sample depend on the sample only.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
    centres_ : ndarray, shape (classes, cells, features)
        Weights onto the cells; 1/2 onto those that are free.
    uses_ : ndarray of int, shape (classes, cells)
    n_features_in_ : int
    """

    novelty: float = 80.0
    _: KW_ONLY
    constants: SpikingMemoryCells | None = None
    target: str | None = None

    def _scores(self, X: NDArray) -> NDArray[np.float64]:
        """How long before the end of the ramp every class has fired [s].

        0 where inhibition by the first spike came before, or the ramp did not reach the cells.
        """
        X = self._intensities(X)
        seeds = [zlib.crc32(np.ascontiguousarray(x, np.float32)) >> 1 for x in X]
        return np.concatenate(
            [
                self._earliness(
                    self._run(X[part], np.full(len(X[part]), -1), seeds[part]), len(X[part])
                )
                for part in self._runs.parts(len(X))
            ]
        )

    @property
    def centres_(self) -> NDArray[np.float32]:
        """Weights onto the cells, shape (classes, cells, features)."""
        w = self._state["hear.w"].reshape(self.n_features_in_, len(self.classes_), -1)
        return np.moveaxis(w, 0, -1)

    @property
    def uses_(self) -> NDArray[np.int64]:
        """Spikes that have taught each cell, shape (classes, cells)."""
        return self._state["cells.uses"].reshape(len(self.classes_), -1).astype(np.int64)

    def program(self) -> backend.Program:
        """Return the program that runs this network: the same for all values of its parameters."""
        check_is_fitted(self, "classes_")
        p = self._constants
        return backend.Program(
            name="spiking-memory-cells",
            builder="spikeconsol.bottleneck.equations.memory_cells:build",
            structure={
                "dt": p.exact_step,
                "shown": p.steps("shown_time"),
                "read": p.steps("read_time"),
                "samples": self._runs.capacity,
                "inputs": self.n_features_in_,
                "classes": len(self.classes_),
                "cells": int(self.cells),
            },
            inputs=(*self._state, *self._scalars(), "samples", "labels", "seeds"),
            outputs=(*self._state, "spikes.i", "spikes.t"),
        )

    @property
    def _constants(self) -> SpikingMemoryCells:
        return SpikingMemoryCells() if self.constants is None else self.constants

    @property
    def _period(self) -> int:
        return self._constants.steps("shown_time") + self._constants.steps("read_time")

    @property
    def _runs(self) -> Runs:
        return Runs.of(self.n_features_in_)

    def _scalars(self) -> dict[str, float]:
        p, by_use = self._constants, self.plasticity == "use"
        return {
            "inputs.peak_rate": p.peak_rate,
            "inputs.spike_value": 1 / (p.peak_rate * p.shown_time),
            "cells.ramp": p.reach * p.time_step / p.read_time,
            "cells.by_use": float(by_use),
            "cells.fixed_rate": 0.0 if by_use else float(self.plasticity),
        }

    def _check_settings(self) -> None:
        super()._check_settings()
        if self.constants is not None:
            checks.instance("constants", self.constants, SpikingMemoryCells)
        reach = self._constants.reach
        if not 0 <= checks.number("novelty", self.novelty) < reach:
            allowed = f">= 0 and < {reach:g}, the ramp's reach"
            raise checks.wrong("novelty", self.novelty, allowed)
        if self.target is not None:
            backend.checked_target(self.target)

    def _checked(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray, NDArray]:
        X, y = super()._checked(X, y, reset=reset)
        return self._intensities(X), y

    def _intensities(self, X: NDArray) -> NDArray:
        if not (X.min() >= 0 and X.max() <= 1):
            raise ParameterError(
                f"X: got values from {X.min():g} to {X.max():g}; allowed: intensities, 0 to 1"
            )
        return X

    def _begin(self, classes: NDArray, X: NDArray) -> None:
        self._rng = generator(self.random_state)
        self.classes_ = classes
        cells = len(classes) * int(self.cells)
        square = _FREE**2 * self.n_features_in_
        self._state = {
            "hear.w": np.full(self.n_features_in_ * cells, _FREE, np.float32),
            "cells.square": np.full(cells, square),
            "cells.offset": np.full(cells, square - self.novelty),
            "cells.uses": np.zeros(cells),
            "cells.ready": (np.arange(cells) % int(self.cells) == 0).astype(float),
        }

    def _learn(self, X: NDArray, labels: NDArray[np.int64]) -> None:
        seeds = self._rng.integers(2**31, size=len(X))
        for part in self._runs.parts(len(X)):
            result = self._run(X[part], labels[part], seeds[part])
            self._state = {name: result[name] for name in self._state}

    def _run(self, X: NDArray, labels: NDArray, seeds: ArrayLike) -> dict[str, NDArray]:
        program, padded = self.program(), self._runs.padded
        testing = labels[0] < 0
        return backend.run(
            program,
            {
                **self._scalars(),
                **self._state,
                "samples": padded(X),
                "labels": padded(labels),
                "seeds": padded(seeds),
            },
            steps=len(X) * self._period,
            outputs=("spikes.i", "spikes.t") if testing else program.outputs,
            target=self.target,
        )

    def _earliness(self, result: dict[str, NDArray], samples: int) -> NDArray[np.float64]:
        """Time from the first spike of every class to the ramp's end, shape (n, classes) [s]."""
        step = self._constants.exact_step
        steps = np.round(result["spikes.t"] / step).astype(np.int64)
        found = np.zeros((samples, len(self.classes_)))
        places = steps // self._period, result["spikes.i"] // int(self.cells)
        np.maximum.at(found, places, (self._period - steps % self._period) * step)
        return found
