r"""A long short-term memory as the opponent of plastic connections in recurrent tasks.

.. math::
   (i, f, o) &= \sigma(W x(t) + R\,h(t-1) + b), \qquad g = \tanh(W x(t) + R\,h(t-1) + b), \\
   c(t) &= f\,c(t-1) + i\,g, \qquad h(t) = o\,\tanh c(t)

each with its own quarter of the rows of W, R and b. The first cells are the outputs and, as in the
program of 2018, take the value of their input where they have one: nobody has to learn to repeat
what is shown. Its memory is activity, so it needs cells where plastic connections need none.

References
----------
Hochreiter, S., Schmidhuber, J. (1997). Long short-term memory. Neural Computation 9, 1735-1780.
Miconi, T., Clune, J., Stanley, K. O. (2018). Differentiable plasticity: training plastic neural
networks with backpropagation. ICML.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.metaplasticity.network import Named
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.recurrent import Recalling
from spikeconsol.metaplasticity.task import Episodes, Task
from spikeconsol.parameters import ParameterError

__all__ = ["LSTM"]

Array = Any


class LSTM(Recalling):
    """N cells that are gated, without plastic connections.

    Parameters are ``W``, (4N, K), ``R``, (4N, N), and ``b``, (4N,), with rows for i, f, o and g in
    turn. They start uniform, up to 1 / sqrt(N) on either side, but for the biases of f, which start
    at 1, so that a state lasts.
    """

    def __init__(self, task: Task, plasticity: Plasticity, gradient: str = "exact") -> None:
        checks.instance("task", task, Task)
        checks.instance("plasticity", plasticity, Plasticity)
        if plasticity.lstm is None:
            raise ParameterError("lstm: got None; allowed: a number of cells")
        N, K = plasticity.lstm, task.inputs
        if not task.recurrent or task.closed_loop:
            raise ParameterError(
                f"lstm: got {N}; allowed: none, but for tasks of recall (AutoAssociation, "
                "ImageCompletion)"
            )
        if N < K:
            raise ParameterError(f"lstm: got {N}; allowed: >= {K}, one cell for each input")
        self.cells = N
        super().__init__(
            task, plasticity, gradient, {"W": (4 * N, K), "R": (4 * N, N), "b": (4 * N,)}
        )

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run."""
        N = self.cells
        start = {
            name: self.plasticity.weight_start(rng.uniform(-1, 1, shape) / np.sqrt(N))
            for name, shape in self.shapes.items()
        }
        start["b"][N : 2 * N] = 1
        return start

    def silent(
        self, shape: tuple[int, ...], xp: Any = np, dtype: Any = float
    ) -> tuple[Array, Array]:
        """Return activity and state before an episode, each of shape (..., N)."""
        return xp.zeros((*shape, self.cells), dtype), xp.zeros((*shape, self.cells), dtype)

    def driven(self, parameters: Named, u: Array, xp: Any = np) -> tuple[Array, Array]:
        """Return what inputs, (..., T, K), give to gates, (..., T, 4N), and to clamped cells."""
        x = u if self.task.clamped else xp.tanh(u)
        rest = xp.zeros((*x.shape[:-1], self.cells - x.shape[-1]))
        drive = x @ xp.swapaxes(parameters["W"], -1, -2) + parameters["b"][..., None, :]
        return drive, xp.concatenate([x, rest], axis=-1)

    def step(
        self, R: Array, carry: tuple[Array, Array], drive: Array, held: Array, xp: Any = np
    ) -> tuple[tuple[Array, Array], Array]:
        """Return activity and state after one step, and the gates (..., 4N)."""
        h, c = carry
        N = self.cells
        a = drive + (R @ h[..., None])[..., 0]
        # One function for all: the logistic function is half a tanh of half.
        gates = xp.concatenate(
            [0.5 + 0.5 * xp.tanh(a[..., : 3 * N] / 2), xp.tanh(a[..., 3 * N :])], axis=-1
        )
        i, f, o, g = (gates[..., n * N : (n + 1) * N] for n in range(4))
        c = f * c + i * g
        return (xp.where(held != 0, held, o * xp.tanh(c)), c), gates

    def forward(self, parameters: Named, u: Array) -> tuple[Array, Array, Array]:
        """Run one episode, (..., T, K): h and c, (T + 1, ..., N), and gates, (T, ..., 4N)."""
        drive, held = self.driven(parameters, u)
        shape = np.broadcast_shapes(u.shape[:-2], parameters["b"].shape[:-1])
        carry, gates = self.silent(shape, dtype=drive.dtype), []
        kept = [carry]
        for t in range(u.shape[-2]):
            carry, one = self.step(parameters["R"], carry, drive[..., t, :], held[..., t, :])
            kept.append(carry)
            gates.append(one)
        h, c = zip(*kept, strict=True)
        return np.stack(h), np.stack(c), np.stack(gates)

    def recalled(self, parameters: Named, u: Array) -> Array:
        """Return outputs at every step, (..., T, Z)."""
        h = self.forward(parameters, u)[0]
        return np.moveaxis(h[1:], 0, -2)[..., : self.task.outputs]

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        N, Z, R = self.cells, self.task.outputs, parameters["R"]
        h, c, gates = self.forward(parameters, episode.x)
        x = episode.x if self.task.clamped else np.tanh(episode.x)
        free = np.ones(h[1:].shape)
        free[..., : x.shape[-1]] = np.moveaxis(x, -2, 0) == 0
        g_h, g_c = np.zeros(c[0].shape), np.zeros(c[0].shape)
        g_h[..., :Z] = h[-1][..., :Z] - episode.target[..., -1, :]
        lam = np.empty(gates.shape)
        for t in reversed(range(len(gates))):
            i, f, o, g = (gates[t][..., n * N : (n + 1) * N] for n in range(4))
            y = np.tanh(c[t + 1])
            g_h = g_h * free[t]
            g_c = g_c + g_h * o * (1 - y * y)
            lam[t] = np.concatenate(
                [g_c * g * i * (1 - i), g_c * c[t] * f * (1 - f), g_h * y * o * (1 - o),
                 g_c * i * (1 - g * g)],
                axis=-1,
            )  # fmt: skip
            g_c = g_c * f
            g_h = (lam[t][..., None, :] @ R)[..., 0, :]
        lam = np.moveaxis(lam, 0, -1)
        out["W"][...] = lam @ x
        out["R"][...] = lam @ np.moveaxis(h[:-1], 0, -2)
        out["b"][...] = lam.sum(axis=-1)
        return h[-1][..., None, :Z]
