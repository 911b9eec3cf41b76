"""Order in which the synapses of a group with itself lie in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["TILE", "pair_indices"]

#: Rows of a band. A spike visits its cell's row and its column of the matrix of pairs. In row-major
#: order a column visits one cache line for each pair; in bands, one for `TILE` pairs.
TILE = 4


def pair_indices(
    n: int, tile: int = TILE, *, symmetric: bool
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the pairs in bands of `tile` rows, column after column within a band.

    Parameters
    ----------
    n : int
        Number of cells.
    tile : int, optional
        Rows of a band.
    symmetric : bool
        Pairs i < j only; otherwise all i != j.

    Returns
    -------
    i, j : ndarray of int, shape (n_pairs,)
    """
    bands = []
    for first in range(0, n, tile):
        rows = np.arange(first, min(first + tile, n), dtype=np.int32)
        columns = np.arange(first if symmetric else 0, n, dtype=np.int32)
        i, j = np.tile(rows, len(columns)), np.repeat(columns, len(rows))
        kept = i < j if symmetric else i != j
        bands.append((i[kept], j[kept]))
    return np.concatenate([i for i, _ in bands]), np.concatenate([j for _, j in bands])
