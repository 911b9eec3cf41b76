r"""The recurrent network with decaying Hebbian traces, a block of steps at a time.

Within a block that starts at step :math:`s` a trace is what it was before the block and one rank
for each step since,

.. math:: H(t) = \gamma^{t-s+1} H(s-1) + (1-\gamma) \sum_{k=s}^{t} \gamma^{t-k}\,n(k)\,o(k)^T,

with the newer and the older activity :math:`n(k) = y(k-1)` and :math:`o(k) = y(k-2)`. So an N by N
array is written once for each block and not at every step, and what is plastic acts by products of
:math:`\alpha` with a few vectors at once,
:math:`A(t,k) = \alpha\,[n(t) * o(k)]`, which the way back needs again:

.. math::
   (\alpha * H(t))\,n(t) = \gamma^{t-s+1} (\alpha * H(s-1))\,n(t)
   + (1-\gamma) \sum_k \gamma^{t-k}\,n(k) * A(t,k)

The adjoint of the traces is treated alike. A cell within 1e-12 of -1 or 1 counts as saturated: its
slope is 0, and a step that repeats the one before is not computed again. So a driven network costs
about as much as the steps at which it is not driven.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["BlockedPass", "backward", "forward"]

Array = Any

#: Steps of a block: enough to spare memory traffic, few enough not to be arithmetic instead.
BLOCK = 12
#: A cell this near to -1 or 1 counts as saturated: far below any error that could matter.
SATURATED = 1e-12


def times(matrix: Array, vector: Array) -> Array:
    """Multiply matrices (..., M, N) by vectors (..., N)."""
    return (matrix @ vector[..., None])[..., 0]


def from_left(vector: Array, matrix: Array) -> Array:
    """Multiply vectors (..., M) by matrices (..., M, N)."""
    return (vector[..., None, :] @ matrix)[..., 0, :]


@dataclass(frozen=True)
class BlockedPass:
    """Forward pass of one episode.

    Attributes
    ----------
    y : ndarray, shape (T + 2, ..., N)
        Activity, with the two silent steps before the episode.
    H : list of ndarray, shape (..., N, N)
        Traces before each block.
    A : list of ndarray, shape (..., N, k)
        For every step, alpha times the products of the newest activity with the older ones of
        the block.
    carried : ndarray, shape (T, ..., N)
        What the traces from before the block give to every step, undecayed.
    """

    y: NDArray
    H: list[NDArray]
    A: list[NDArray]
    carried: NDArray

    def block(self, number: int) -> tuple[int, int]:
        """Return the first step of a block and the one after its last."""
        return number * BLOCK, min((number + 1) * BLOCK, len(self.y) - 2)


def forward(w: Array, alpha: Array, gamma: Array, u: Array) -> BlockedPass:
    """Run one episode.

    Parameters
    ----------
    w, alpha : ndarray, shape (..., N, N)
    gamma : float or ndarray, shape (...)
        Decay, one for each network.
    u : ndarray, shape (..., T, N)
        External drive.
    """
    steps, N = u.shape[-2:]
    leading = np.broadcast_shapes(u.shape[:-2], w.shape[:-2])
    g = np.asarray(gamma)[..., None]
    y = np.zeros((steps + 2, *leading, N))
    done = BlockedPass(y, [], [], np.zeros((steps, *leading, N)))
    H = np.zeros((*leading, N, N))
    plastic = np.empty_like(H)
    for number in range(-(-steps // BLOCK)):
        start, stop = done.block(number)
        done.H.append(H)
        np.multiply(alpha, H, out=plastic)
        fixed_part: Array = None
        for t in range(start, stop):
            n, older = y[t + 1], np.moveaxis(y[start : t + 1], 0, -1)
            if t > start and np.array_equal(n, y[t]):
                # The same activity as a step ago: only the newest of the products is another.
                done.carried[t] = done.carried[t - 1]
                last = done.A[t - 1][..., -1:]
                if not np.array_equal(y[t], y[t - 1]):
                    last = alpha @ (older[..., -1:] * n[..., None])
                done.A.append(np.concatenate([done.A[t - 1], last], axis=-1))
            else:
                fixed_part, done.carried[t] = times(w, n), times(plastic, n)
                done.A.append(alpha @ (older * n[..., None]))
            a = fixed_part + g ** (t - start + 1) * done.carried[t] + u[..., t, :]
            for k in range(start, t + 1):
                a += (1 - g) * g ** (t - k) * y[k + 1] * done.A[t][..., k - start]
            y[t + 2] = np.tanh(a)
            saturated = 1 - np.abs(y[t + 2]) < SATURATED
            y[t + 2][saturated] = np.sign(y[t + 2][saturated])
        rank = (1 - g) * g ** np.arange(stop - start)[::-1]
        newer = np.moveaxis(y[start + 1 : stop + 1], 0, -1) * rank[..., None, :]
        H = g[..., None] ** (stop - start) * H
        H += np.matmul(newer, np.moveaxis(y[start:stop], 0, -2), out=plastic)
    return done


def backward(
    w: Array, alpha: Array, gamma: Array, done: BlockedPass, g_y: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    r"""Carry the derivative of a loss back through the episode.

    Parameters
    ----------
    w, alpha, gamma
        As in `forward`.
    done : BlockedPass
        The forward pass.
    g_y : ndarray, shape (T + 2, ..., N)
        Derivative of the loss with respect to each :math:`y` as it reaches the output; overwritten.

    Returns
    -------
    d_w, d_alpha : ndarray, shape (..., N, N)
    d_gamma : ndarray, shape (...)
    """
    y = done.y
    g = np.asarray(gamma)[..., None]
    N = y.shape[-1]
    lam = np.zeros_like(y[2:])
    Q = np.zeros((*y.shape[1:], N))
    d_alpha, d_gamma = np.zeros_like(Q), np.zeros(y.shape[1:-1])
    # One N by N array for all that is large and passing.
    scratch = np.empty_like(Q)
    for number in reversed(range(len(done.H))):
        start, stop = done.block(number)
        H = done.H[number]
        plastic = np.multiply(alpha, H, out=scratch)
        older, newer = (np.moveaxis(y[start + d : stop + d], 0, -1) for d in (0, 1))
        Q_older, Q_newer = Q @ older, np.swapaxes(Q, -1, -2) @ newer
        # What Q(t) gives to the older activity, by steps of the block.
        to_older = np.zeros_like(Q_newer)
        for t in reversed(range(start, stop)):
            here, n = t - start, y[t + 1]
            lam[t] = (1 - y[t + 2] ** 2) * g_y[t + 2]
            if lam[t].any():
                g_y[t + 1] += from_left(lam[t], w) + g ** (here + 1) * from_left(lam[t], plastic)
                # Vectors from the left: twice as fast as the transposed matrix.
                back = np.moveaxis(lam[t] * y[start + 1 : t + 2], 0, -2) @ alpha
                back = np.swapaxes(back, -1, -2)
                decay = g[..., None] ** (here - np.arange(here + 1))
                g_y[t + 1] += ((1 - g[..., None]) * decay * older[..., : here + 1] * back).sum(-1)
                to_older[..., : here + 1] += decay * n[..., None] * back
            Q_n = g ** (stop - t) * Q_older[..., here]
            for k in range(t, stop):
                Q_n = Q_n + g ** (k - t) * lam[k] * done.A[k][..., here]
            g_y[t + 1] += (1 - g) * Q_n
            g_y[t] += (1 - g) * (g ** (stop - t) * Q_newer[..., here] + to_older[..., here])
        d_gamma += _decay(done, number, g[..., 0], lam, Q, Q_older)
        lam_block, newer_T = np.moveaxis(lam[start:stop], 0, -1), np.swapaxes(newer, -1, -2)
        # The traces from before the block, and those of the block, in the gradient.
        before = (g ** np.arange(1, stop - start + 1))[..., None, :]
        d_alpha += np.multiply(H, np.matmul(lam_block * before, newer_T, out=scratch), out=scratch)
        late, early = np.tril_indices(stop - start)
        rank = ((1 - g) * g ** (late - early))[..., None, :]
        products = np.swapaxes(newer[..., late] * older[..., early], -1, -2)
        d_alpha += np.matmul(lam_block[..., late] * newer[..., early] * rank, products, out=scratch)
        after = (g ** np.arange(stop - start))[..., None, :]
        Q *= g[..., None] ** (stop - start)
        Q += np.multiply(alpha, np.matmul(lam_block * after, newer_T, out=scratch), out=scratch)
    d_w = np.moveaxis(lam, 0, -1) @ np.moveaxis(y[1:-1], 0, -2)
    return d_w, d_alpha, d_gamma


def _decay(
    done: BlockedPass, number: int, g: NDArray, lam: NDArray, Q: NDArray, Q_older: NDArray
) -> NDArray:
    r"""Return a block's part of :math:`\sum_t \langle Q(t), H(t-1) - n(t)\,o(t)^T \rangle`."""
    start, stop = done.block(number)
    y, H = done.y, done.H[number]
    B = stop - start

    def dot(a: NDArray, b: NDArray) -> NDArray:
        return (a * b).sum(axis=-1)

    Q_H = np.einsum("...ij,...ij->...", Q, H)
    Q_rank = [dot(y[start + j + 1], Q_older[..., j]) for j in range(B)]
    lam_H = [dot(lam[start + k], done.carried[start + k]) for k in range(B)]
    lam_rank = {
        (k, j): dot(lam[start + k] * y[start + j + 1], done.A[start + k][..., j])
        for k in range(B)
        for j in range(k + 1)
    }
    total = np.zeros_like(Q_H)
    for t in range(B):
        total += g ** (B - t) * (g**t * Q_H - Q_rank[t])
        for k in range(t, B):
            total += g ** (k - t) * (g**t * lam_H[k] - lam_rank[k, t])
        for j in range(t):
            part = (1 - g) * g ** (t - 1 - j)
            total += part * g ** (B - t) * Q_rank[j]
            for k in range(t, B):
                total += part * g ** (k - t) * lam_rank[k, j]
    return total
