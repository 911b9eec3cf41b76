"""Which cells of a spiking memory are joined by plastic synapses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.brian.layout import TILE, pair_indices
from spikeconsol.parameters import Declared, Parameters, parameter

__all__ = ["AllToAll", "Joined", "Sparse", "Wiring"]

Indices = tuple[NDArray[np.int32], NDArray[np.int32]]


class Wiring(Declared):
    """Base of all wirings."""

    #: Whether one synapse may serve both directions of a pair.
    symmetric = False

    def pairs(self, n: int, rng: np.random.Generator) -> Indices | None:
        """Return presynaptic and postsynaptic cells; None for all pairs.

        Where the wiring is symmetric each pair is given once, from the smaller index.
        """
        raise NotImplementedError


class AllToAll(Wiring):
    """Every cell with every other."""

    symmetric = True

    def __repr__(self) -> str:
        return "AllToAll()"

    def pairs(self, n: int, rng: np.random.Generator) -> None:
        return None


@dataclass(frozen=True)
class Sparse(Parameters, Wiring):
    """A random share of all connections, the same number for every seed.

    Parameters
    ----------
    probability : float
        Share of the connections that exist.
    symmetric : bool, optional
        Draw pairs that are joined both ways, in place of directed connections.
    """

    probability: float = parameter(above=0, at_most=1, doc="share of connections that exist")
    symmetric: bool = parameter(False, doc="pairs are joined both ways")

    def pairs(self, n: int, rng: np.random.Generator) -> Indices:
        i, j = pair_indices(n, symmetric=self.symmetric)
        count = max(1, round(self.probability * len(i)))
        kept = np.sort(rng.permutation(len(i))[:count])
        return i[kept], j[kept]


class Joined(Wiring):
    """Connections listed one by one.

    Parameters
    ----------
    i, j : array_like of int, shape (connections,)
        Presynaptic and postsynaptic cell of each, in any order; each at most once.
    """

    def __init__(self, i: ArrayLike, j: ArrayLike) -> None:
        self.i, self.j = (np.atleast_1d(np.asarray(index)) for index in (i, j))
        if self.i.shape != self.j.shape or self.i.ndim != 1 or not self.i.size:
            raise ValueError(
                f"wiring: got i of shape {self.i.shape} and j of shape {self.j.shape}; "
                "allowed: two lists of one length"
            )
        for name, index in (("i", self.i), ("j", self.j)):
            if not np.issubdtype(index.dtype, np.integer):
                raise ValueError(f"wiring: got {name} of {index.dtype}; allowed: whole numbers")
        if np.any(self.i == self.j):
            raise ValueError("wiring: got a cell joined to itself; allowed: pairs of two cells")

    def described(self) -> dict[str, Any]:
        """Return it as plain data, for files."""
        lists = {"i": self.i.tolist(), "j": self.j.tolist()}
        return {"class": f"{__name__}:Joined", "constants": lists}

    def pairs(self, n: int, rng: np.random.Generator) -> Indices:
        for name, index in (("i", self.i), ("j", self.j)):
            wrong = index[(index < 0) | (index >= n)]
            if wrong.size:
                raise ValueError(f"wiring: got {name} = {wrong[0]}; allowed: 0 to {n - 1}")
        order = np.lexsort((self.i, self.j, self.i // TILE))
        i, j = self.i[order].astype(np.int32), self.j[order].astype(np.int32)
        twice = np.flatnonzero((np.diff(i) == 0) & (np.diff(j) == 0))
        if twice.size:
            k = twice[0]
            raise ValueError(f"wiring: got {i[k]} to {j[k]} twice; allowed: each pair once")
        return i, j
