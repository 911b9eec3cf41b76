r"""The recurrent network with decaying Hebbian traces, a block of steps at a time.

Within a block that starts at step :math:`s` a trace is what it was before the block and one rank
for each step since,

.. math:: H(t) = \gamma^{t-s+1} H(s-1) + \sum_c \sigma_c(t)\,n_c\,o_c^T, \qquad
   \sigma_c(t) = \gamma\,\sigma_c(t-1) + (1-\gamma)\,[c = c(t)]

with the newer and the older activity of the products :math:`c`, :math:`n = y(t-1)` and
:math:`o = y(t-2)`. Steps with the same activity share a product, and a block ends when it has
`PRODUCTS` of them. So an N by N array is written once for each block and not at every step, and
what is plastic acts by products of :math:`\alpha` with a few vectors at once,
:math:`A_c(t) = \alpha\,[n(t) * o_c]`, which the way back needs again:

.. math::
   (\alpha * H(t))\,n(t) = \gamma^{t-s+1} (\alpha * H(s-1))\,n(t) + \sum_c \sigma_c(t)\,n_c * A_c(t)

The adjoint of the traces, :math:`Q(t)`, is treated alike: only its products with :math:`o_c` and
:math:`n_c` are carried from step to step. A cell within 1e-12 of -1 or 1 counts as saturated: its
slope is 0, and a step that repeats the one before is not computed again. So a driven network costs
about as much as the steps at which it is not driven.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "BlockedPass", "backward", "forward"]

Array = Any

#: Products of a block: enough to spare memory traffic, few enough not to be arithmetic instead.
PRODUCTS = 12
#: A cell this near to -1 or 1 counts as saturated: far below any error that could matter.
SATURATED = 1e-12


def times(matrix: Array, vector: Array) -> Array:
    """Multiply matrices (..., M, N) by vectors (..., N)."""
    return (matrix @ vector[..., None])[..., 0]


def from_left(vector: Array, matrix: Array) -> Array:
    """Multiply vectors (..., M) by matrices (..., M, N)."""
    return (vector[..., None, :] @ matrix)[..., 0, :]


def transposed(matrix: Array) -> Array:
    """Exchange the last two axes."""
    return np.swapaxes(matrix, -1, -2)


@dataclass(frozen=True)
class Block:
    """What a block of B steps keeps of the forward pass.

    Attributes
    ----------
    start : int
        Its first step.
    H : ndarray, shape (..., N, N)
        Traces before it.
    newer, older : ndarray, shape (..., N, PRODUCTS)
        Factors of its products.
    product : list of int
        For every step, its product: the last of those there are by then.
    share : list of ndarray, shape (..., C)
        For every step, how much of each of the C products there are is in the traces.
    A : list of ndarray, shape (..., N, C)
        For every step, alpha times the newest activity's products with the older ones.
    carried : list of ndarray, shape (..., N)
        For every step, what the traces from before the block give to it, undecayed.
    """

    start: int
    H: NDArray
    newer: NDArray
    older: NDArray
    product: list[int] = field(default_factory=list)
    share: list[NDArray] = field(default_factory=list)
    A: list[NDArray] = field(default_factory=list)
    carried: list[NDArray] = field(default_factory=list)

    @property
    def steps(self) -> range:
        """Steps of the episode that belong to it."""
        return range(self.start, self.start + len(self.product))

    def take(self, n: NDArray, o: NDArray, same: bool, g: NDArray) -> int:
        """Take the product of a step into the traces; return the number of products."""
        share = g * self.share[-1] if self.share else np.zeros((*n.shape[:-1], 0))
        if not same:
            C = share.shape[-1]
            self.newer[..., C], self.older[..., C] = n, o
            share = np.concatenate([share, np.zeros((*n.shape[:-1], 1))], axis=-1)
        share[..., -1] += 1 - g[..., 0]
        self.share.append(share)
        self.product.append(share.shape[-1] - 1)
        return share.shape[-1]


@dataclass(frozen=True)
class BlockedPass:
    """Forward pass of one episode.

    Attributes
    ----------
    y : ndarray, shape (T + 2, ..., N)
        Activity, with the two silent steps before the episode.
    slope : ndarray, shape (T, ..., N)
        Its derivative with respect to the summed input: 0 for a saturated or clamped cell.
    blocks : list of Block
    """

    y: NDArray
    slope: NDArray
    blocks: list[Block]


def forward(w: Array, alpha: Array, gamma: Array, u: Array, clamped: bool = False) -> BlockedPass:
    """Run one episode.

    Parameters
    ----------
    w, alpha : ndarray, shape (..., N, N)
    gamma : float or ndarray, shape (...)
        Decay, one for each network.
    u : ndarray, shape (..., T, N)
        External drive.
    clamped : bool, optional
        Whether it takes the place of what the others give.
    """
    steps, N = u.shape[-2:]
    leading = np.broadcast_shapes(u.shape[:-2], w.shape[:-2])
    g = np.broadcast_to(np.asarray(gamma)[..., None], (*leading, 1))
    y = np.zeros((steps + 2, *leading, N))
    H = np.zeros((*leading, N, N))
    plastic = np.empty_like(H)
    done = BlockedPass(y, np.zeros((steps, *leading, N)), [])
    t = 0
    while t < steps:
        block = Block(t, H, *np.empty((2, *leading, N, PRODUCTS)))
        done.blocks.append(block)
        if block.start:  # before the first block there are no traces
            np.multiply(alpha, H, out=plastic)
        fixed_part: Array = None
        while t < steps:
            o, n = y[t], y[t + 1]
            still = t > block.start and np.array_equal(n, y[t])
            same = still and np.array_equal(o, y[t - 1])
            if not same and block.product and block.product[-1] == PRODUCTS - 1:
                break
            C = block.take(n, o, same, g)
            if not still:
                fixed_part = times(w, n)
                carried = times(plastic, n) if block.start else np.zeros_like(n)
                A = alpha @ (block.older[..., :C] * n[..., None])
            elif not same:
                # The newest activity is that of a step ago: only the newest product is another.
                A = np.concatenate([A, alpha @ (o * n)[..., None]], axis=-1)
            block.A.append(A)
            block.carried.append(carried)
            a = fixed_part + g ** (t - block.start + 1) * carried
            a += times(block.newer[..., :C] * A, block.share[-1])
            now = np.tanh(a if clamped else a + u[..., t, :])
            now = np.where(1 - np.abs(now) < SATURATED, np.sign(now), now)
            free = u[..., t, :] == 0 if clamped else True
            y[t + 2], done.slope[t] = np.where(free, now, u[..., t, :]), (1 - now**2) * free
            t += 1
        C = block.product[-1] + 1
        left = block.newer[..., :C] * block.share[-1][..., None, :]
        added = np.matmul(left, transposed(block.older[..., :C]))
        if block.start:
            added += np.multiply(H, g[..., None] ** len(block.product), out=plastic)
        H = added
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
    g = np.broadcast_to(np.asarray(gamma)[..., None], (*y.shape[1:-1], 1))
    lam = np.zeros_like(y[2:])
    Q = np.zeros((*y.shape[1:], y.shape[-1]))
    d_alpha, d_gamma = np.zeros_like(Q), np.zeros(y.shape[1:-1])
    # Two N by N arrays for all that is large and passing.
    plastic, scratch = np.empty((2, *Q.shape))
    left, right = [], []
    for block in reversed(done.blocks):
        C = block.product[-1] + 1
        newer, older = block.newer[..., :C], block.older[..., :C]
        Q_older = Q @ older
        # Q(t) times what is older in each product, and what is newer times Q(t).
        for_newer, for_older = Q_older.copy(), transposed(Q) @ newer
        if block.start:
            np.multiply(alpha, block.H, out=plastic)
        for t in reversed(block.steps):
            here, n = t - block.start, y[t + 1]
            c = block.product[here]
            lam[t] = done.slope[t] * g_y[t + 2]
            for_newer *= g[..., None]
            for_older *= g[..., None]
            if lam[t].any():
                g_y[t + 1] += from_left(lam[t], w)
                if block.start:
                    g_y[t + 1] += g ** (here + 1) * from_left(lam[t], plastic)
                # Vectors from the left: twice as fast as the transposed matrix.
                back = transposed(transposed(lam[t][..., None] * newer[..., : c + 1]) @ alpha)
                g_y[t + 1] += times(older[..., : c + 1] * back, block.share[here])
                for_older[..., : c + 1] += n[..., None] * back
                for_newer[..., : c + 1] += lam[t][..., None] * block.A[here]
            g_y[t + 1] += (1 - g) * for_newer[..., c]
            g_y[t] += (1 - g) * for_older[..., c]
        d_gamma += _decay(block, g, lam, Q, Q_older)
        if block.start:
            Q *= g[..., None] ** len(block.steps)
        active = [t for t in block.steps if lam[t].any()]
        if not active:
            continue
        late = np.array(active) - block.start
        lams, newest = np.moveaxis(lam[active], 0, -1), np.moveaxis(y[1:][active], 0, -2)
        # The traces of the block in the gradient: factors of one product for all blocks, ...
        k, c = np.array([(k, c) for k, t in enumerate(late) for c in range(block.product[t] + 1)]).T
        shares = np.concatenate([block.share[t] for t in late], axis=-1)[..., None, :]
        left.append(lams[..., k] * newer[..., c] * shares)
        right.append(newest[..., k, :] * transposed(older)[..., c, :])
        if not block.start:
            break
        # ... those from before it, and what these get back.
        np.matmul(lams * (g**late)[..., None, :], newest, out=plastic)
        Q += np.multiply(alpha, plastic, out=scratch)
        plastic *= g[..., None]
        d_alpha += np.multiply(block.H, plastic, out=scratch)
    if left:
        d_alpha += np.matmul(np.concatenate(left, -1), np.concatenate(right, -2), out=scratch)
    moved = lam.any(axis=tuple(range(1, lam.ndim)))
    d_w = np.moveaxis(lam[moved], 0, -1) @ np.moveaxis(y[1:-1][moved], 0, -2)
    return d_w, d_alpha, d_gamma


def _decay(block: Block, g: NDArray, lam: NDArray, Q: NDArray, Q_older: NDArray) -> NDArray:
    r"""Return a block's part of :math:`\sum_t \langle Q(t), H(t-1) - n(t)\,o(t)^T \rangle`.

    Before the block the traces are H(s-1), after it their adjoint is Q; each is that, decayed, and
    the steps between.
    """
    B, C, product = len(block.steps), Q_older.shape[-1], block.product
    lam_H, lam_rank = np.zeros((*g.shape[:-1], B)), np.zeros((*g.shape[:-1], B, C))
    for k, t in enumerate(block.steps):
        if lam[t].any():
            c = product[k] + 1
            lam_H[..., k] = (lam[t] * block.carried[k]).sum(axis=-1)
            lam_rank[..., k, :c] = from_left(lam[t], block.newer[..., :c] * block.A[k])
    Q_rank = (block.newer[..., :C] * Q_older).sum(axis=-2)[..., product]
    step = np.arange(B)
    apart = step[:, None] - step
    g_ = g[..., None]
    # What of H(t-1) - n(t) o(t)^T is from each step, and what of Q(t).
    of_H = np.tril((1 - g_) * g_ ** np.maximum(apart - 1, 0), -1) - np.eye(B)
    of_Q = np.triu(g_ ** np.maximum(-apart, 0))
    later = g ** (B - step)
    return (
        B * g[..., 0] ** B * np.einsum("...ij,...ij->...", Q, block.H)
        + np.einsum("...t,...tj,...j->...", later, of_H, Q_rank)
        + np.einsum("...t,...tk,...k->...", g**step, of_Q, lam_H)
        + np.einsum("...tk,...kj,...tj->...", of_Q, lam_rank[..., product], of_H)
    )
