"""Synaptic variables of the pairs of a spiking memory, and their form as matrices."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol import checks
from spikeconsol.brian.layout import TILE, pair_indices
from spikeconsol.consolidation.wiring import Wiring


class Pairs:
    """Synaptic variables, one value for each pair of cells that is joined.

    Parameters
    ----------
    n : int
        Number of cells.
    wiring : Wiring
    rng : numpy.random.Generator
        For a random wiring.
    half : bool
        Store pairs that are joined both ways once.
    tile : int, optional
        Rows of a band in memory, see `spikeconsol.brian.layout.pair_indices`.

    Attributes
    ----------
    i, j : ndarray of int, shape (pairs,)
        Presynaptic and postsynaptic cell; where all are joined made when they are asked for, since
        they take more memory than the weights.
    listed : bool
        Whether the program has to be told which pairs there are.
    symmetric : bool
        Whether one synapse serves both directions.
    state : dict of ndarray, shape (pairs,)
        The variables.
    """

    def __init__(
        self,
        n: int,
        wiring: Wiring,
        rng: np.random.Generator,
        *,
        half: bool,
        tile: int = TILE,
    ) -> None:
        self.n = n
        self.tile = tile
        self.symmetric = wiring.symmetric and half
        joined = wiring.pairs(n, rng)
        self.listed = joined is not None
        if joined is not None:
            i, j = joined
            if wiring.symmetric and not half:
                i, j = np.r_[i, j], np.r_[j, i]
            order = np.lexsort((i, j, i // tile))
            self._ends = i[order], j[order]
        self.state: dict[str, NDArray] = {}

    @cached_property
    def _ends(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        return pair_indices(self.n, self.tile, symmetric=self.symmetric)

    @property
    def i(self) -> NDArray[np.int32]:
        return self._ends[0]

    @property
    def j(self) -> NDArray[np.int32]:
        return self._ends[1]

    def __len__(self) -> int:
        if self.listed:
            return len(self.i)
        return self.n * (self.n - 1) // (2 if self.symmetric else 1)

    def filled(self, value: float, dtype: type[np.floating]) -> NDArray:
        """Return a variable that has one value at all pairs; zeros take no memory yet."""
        values = np.zeros(len(self), dtype)
        if value:
            values[:] = value
        return values

    @property
    def in_degree(self) -> NDArray[np.int64]:
        """Number of presynaptic cells of each cell."""
        ends = np.r_[self.i, self.j] if self.symmetric else self.j
        return np.bincount(ends, minlength=self.n)

    def mean_weight(self) -> NDArray[np.float64]:
        """Mean weight onto each cell from all others; where there is no synapse it is 0."""
        w = self.state["w"]
        if self.symmetric and self.tile == 1 and not self.listed:
            received, sent = np.zeros((2, self.n))
            for i, row in enumerate(self._rows(w)):
                received[i + 1 :] += row
                sent[i] = np.cumsum(row, dtype=float)[-1]  # in order, as the sums below
            return (received + sent) / (self.n - 1)
        total = np.bincount(self.j, w, self.n)
        if self.symmetric:
            total += np.bincount(self.i, w, self.n)
        return total / (self.n - 1)

    def _rows(self, values: NDArray) -> list[NDArray]:
        """Cut values that lie row by row, each from behind the diagonal on."""
        return np.split(values, np.cumsum(np.arange(self.n - 1, 1, -1)))

    def matrix(self, values: NDArray) -> NDArray:
        """Return values of all pairs as a matrix, shape (N, N), zero where there is no pair."""
        matrix = np.zeros((self.n, self.n), np.result_type(values, np.float64))
        matrix[self.i, self.j] = values
        return matrix + matrix.T if self.symmetric else matrix

    def assign(self, variable: str, values: ArrayLike, name: str) -> None:
        """Replace a variable by the entries of a matrix, refused where it does not fit."""
        values = checks.array(name, values, finite=False).astype(float)
        if values.shape != (self.n, self.n):
            raise ValueError(f"{name}: got shape {values.shape}; allowed: {(self.n, self.n)}")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: got a value that is not finite; allowed: finite numbers")
        if self.symmetric and not np.allclose(values, values.T, atol=1e-6):
            raise ValueError(
                f"{name}: got an asymmetric matrix; allowed: a symmetric one, "
                "or parameters with symmetric=False"
            )
        if self.listed:
            nowhere = (values != 0) & (self.matrix(np.ones(len(self))) == 0)
            np.fill_diagonal(nowhere, False)
            if nowhere.any():
                i, j = np.argwhere(nowhere)[0]
                raise ValueError(
                    f"{name}: got {values[i, j]:g} from {i} to {j}; allowed: 0 where the wiring "
                    "has no synapse"
                )
        self.state[variable] = values[self.i, self.j].astype(self.state[variable].dtype)

    def partners(self, order: NDArray[np.intp]) -> NDArray[np.int32]:
        """Return, for each pair (i, j), the number of the pair (order[i], order[j]).

        Raises
        ------
        ValueError
            If the wiring lacks one of them.
        """
        number = np.full((self.n, self.n), -1)
        number[self.i, self.j] = np.arange(len(self))
        if self.symmetric:
            number[self.j, self.i] = np.arange(len(self))
        partners = number[order[self.i], order[self.j]]
        if np.any(partners < 0):
            raise ValueError("rule: got a shuffled gate; allowed: where all cells are joined")
        return partners.astype(np.int32)
