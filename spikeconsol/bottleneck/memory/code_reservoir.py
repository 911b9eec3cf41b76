"""A recurrent network of rate cells that remembers past codes, and its fixed readout.

It is told nothing but the codes, one step a sample. Its readout is fitted beforehand, on random
codes that have nothing to do with the task, to what one of the exact memories recalls of them, and
then stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikeconsol import checks
from spikeconsol.bottleneck.memory.past import (
    BLOCK,
    Array,
    Bits,
    Lag,
    LiveMemory,
    PastCodes,
    standardised,
)
from spikeconsol.parameters import parameter

__all__ = ["CodeReservoir", "recall_quality"]


@dataclass(frozen=True)
class CodeReservoir(PastCodes):
    r"""Recurrent rate cells that hear the codes, and a fixed linear readout of past ones.

    .. math::
        \rho \leftarrow (1 - \lambda)\rho + \lambda \tanh(g Q \rho + W z) + \eta, \qquad
        \hat z = R\,[\rho; z; 1]

    Q is a random orthogonal matrix, :math:`\eta` noise. R is fitted by ridge regression to what
    the memory `of` recalls of random codes.
    """

    cells: int = parameter(400, at_least=1, doc="recurrent cells")
    gain: float = parameter(0.95, at_least=0, doc="factor g on the orthogonal recurrence")
    leak: float = parameter(1.0, above=0, at_most=1, doc="fraction by which a cell moves a sample")
    input_scale: float = parameter(
        0.2, above=0, doc="largest input weight, for three units; falls with the root of units"
    )
    noise: float = parameter(0.01, at_least=0, doc="deviation of noise on the cells, each sample")
    regularisation: float = parameter(
        1e-4, above=0, doc="ridge penalty, in mean squares of a feature summed over samples"
    )
    samples: int = parameter(6000, at_least=BLOCK, doc="random codes that the readout is fitted to")
    of: PastCodes = parameter(Lag(), doc="exact memory that the readout imitates")
    silent: bool = parameter(False, doc="control: the cells say nothing, the readout is fitted so")

    @property
    def recalls(self) -> str:
        """What the exact memory recalls."""
        return self.of.recalls

    def begin(self, units: int, lag: int, rng: np.random.Generator) -> LiveMemory:
        codes = self.of.rehearsal(units, self.samples, rng)
        orthogonal = np.linalg.qr(rng.standard_normal((self.cells, self.cells)))[0]
        bound = self.input_scale * np.sqrt(3 / units)
        heard = rng.uniform(-bound, bound, (units, self.cells))
        live = _Echo(self, orthogonal, heard, rng)
        exact = self.of.begin(units, lag, rng)
        blank, told = np.zeros((len(codes), 1)), np.zeros(len(codes))
        wanted = exact.recall(blank, codes, told)
        live.fit(live.states(blank, codes, told), codes, wanted)
        return live


class _Echo(LiveMemory):
    def __init__(
        self, constants: CodeReservoir, orthogonal: Array, heard: Array, rng: np.random.Generator
    ) -> None:
        # Single precision: cells are noisy, and the recurrent matrix is what takes time.
        self.constants, self.rng = constants, rng
        self.recurrent = (constants.gain * orthogonal).astype(np.float32)
        self.heard = heard.astype(np.float32)
        self.cells = np.zeros(constants.cells, np.float32)
        self.readout = np.zeros((constants.cells + len(heard) + 1, 0))
        self.codes = 0

    def states(self, X: Array, Z: Array, relation: Bits) -> Array:
        c = self.constants
        held = np.zeros((len(Z), c.cells), np.float32)
        if c.silent:
            return held
        drive = Z.astype(np.float32) @ self.heard
        noise = np.float32(c.noise) * self.rng.standard_normal(held.shape, np.float32)
        leak, keep = np.float32(c.leak), np.float32(1 - c.leak)
        for t in range(len(Z)):
            moved = leak * np.tanh(self.recurrent @ self.cells + drive[t])
            self.cells = keep * self.cells + moved + noise[t]
            held[t] = self.cells
        return held

    def fit(self, states: Array, Z: Array, wanted: Array) -> None:
        """Fit the readout by ridge regression to the codes wanted, (n, codes, units)."""
        seen = self._seen(states, Z)
        gram = seen.T @ seen
        gram[np.diag_indices_from(gram)] += (
            self.constants.regularisation * np.trace(gram) / len(gram)
        )
        self.codes = wanted.shape[1]
        self.readout = np.linalg.solve(gram, seen.T @ wanted.reshape(len(Z), -1))

    def read(self, states: Array, Z: Array) -> Array:
        recalled = (self._seen(states, Z) @ self.readout).reshape(len(Z), self.codes, -1)
        # A code has unit variance, a running mean has not.
        return standardised(recalled) if self.codes == 1 else recalled

    def _seen(self, states: Array, Z: Array) -> Array:
        return np.concatenate([states, Z, np.ones((len(Z), 1))], axis=1)


def recall_quality(memory: CodeReservoir, units: int, lag: int, seed: int) -> float:
    """R2 of what a reservoir recalls of random codes that its readout was not fitted to."""
    checks.instance("memory", memory, CodeReservoir)
    checks.whole("units", units, at_least=2)
    checks.whole("lag", lag, at_least=1)
    rng = np.random.default_rng(checks.seed("seed", seed))
    live, exact = memory.begin(units, lag, rng), memory.of.begin(units, lag, rng)
    codes = memory.of.rehearsal(units, 2000, rng)
    blank, told = np.zeros((len(codes), 1)), np.zeros(len(codes))
    found = live.recall(blank, codes, told)[BLOCK:]
    wanted = exact.recall(blank, codes, told)[BLOCK:]
    return float(1 - np.sum((found - wanted) ** 2) / np.sum((wanted - wanted.mean(axis=0)) ** 2))
