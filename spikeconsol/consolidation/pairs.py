"""Synaptic variables of the pairs of a spiking memory, and their form as matrices."""

from __future__ import annotations

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
        Presynaptic and postsynaptic cell.
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
        self.i, self.j = joined or pair_indices(n, tile, symmetric=self.symmetric)
        if self.listed and wiring.symmetric and not half:
            self.i, self.j = np.r_[self.i, self.j], np.r_[self.j, self.i]
        if self.listed:
            order = np.lexsort((self.i, self.j, self.i // tile))
            self.i, self.j = self.i[order], self.j[order]
        self.state: dict[str, NDArray] = {}

    def __len__(self) -> int:
        return len(self.i)

    @property
    def in_degree(self) -> NDArray[np.int64]:
        """Number of presynaptic cells of each cell."""
        ends = np.r_[self.i, self.j] if self.symmetric else self.j
        return np.bincount(ends, minlength=self.n)

    def mean_weight(self) -> NDArray[np.float64]:
        """Mean weight onto each cell from all others; where there is no synapse it is 0."""
        w = self.state["w"].astype(float)
        total = np.bincount(self.j, w, self.n)
        if self.symmetric:
            total += np.bincount(self.i, w, self.n)
        return total / (self.n - 1)

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
