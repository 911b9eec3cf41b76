r"""A recurrent network with plastic connections, trained by back-propagation through time.

.. math::
   H(t) = \gamma H(t-1) + (1-\gamma)\,y(t-1)\,y(t-2)^T, \qquad
   y(t) = \tanh\bigl((w + \alpha H(t))\,y(t-1) + u(t)\bigr)

Rows are post-synaptic, columns pre-synaptic; the pre-synaptic factor is one step older, so a trace
strengthens what led to what. Exact, and of the order T N^2 where real-time recurrent learning,
which carries the derivative of every trace by every weight, is of the order T N^4.

References
----------
Miconi, T., BOHP_RNN (program, 2016), superseded by: Miconi, T., Clune, J., Stanley, K. O. (2018).
Differentiable plasticity: training plastic neural networks with backpropagation. ICML.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol.metaplasticity.network import Named, Network, Outcome, Plasticity
from spikeconsol.metaplasticity.rules import RULES, Activity, State
from spikeconsol.metaplasticity.tasks import AutoAssociation, Episodes
from spikeconsol.parameters import ParameterError

__all__ = ["Recurrent"]

Array = Any


class Recurrent(Network):
    """N tanh cells, each connected to all, for `AutoAssociation`.

    Parameters are ``w`` and ``alpha``, both (N, N); no connection of a cell onto itself is
    plastic. The learned coefficients start small and positive.
    """

    def __init__(
        self, task: AutoAssociation, plasticity: Plasticity, gradient: str = "exact"
    ) -> None:
        if gradient != "exact":
            raise ValueError(f"gradient: got {gradient!r}; allowed: exact, in a recurrent network")
        if plasticity.decay != "fixed":
            raise ParameterError(
                f"decay: got {plasticity.decay!r}; allowed: fixed, in a recurrent network"
            )
        N = task.cells[0]
        super().__init__(task, plasticity, gradient, {"w": (N, N), "alpha": (N, N)})
        self._rule = RULES[plasticity.rule]

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run; `Plasticity.alpha_scale` is in units of 0.1."""
        N = self.task.cells[0]
        w = 1.1 / np.sqrt(N) * rng.standard_normal((N, N))
        alpha = 0.1 * self.plasticity.alpha_scale * rng.uniform(0, 1, (N, N))
        np.fill_diagonal(alpha, 0)
        return {"w": w * self.plasticity.fixed_part, "alpha": alpha}

    def forward(self, parameters: Named, u: Array) -> tuple[Array, list[State]]:
        """Run one episode.

        Parameters
        ----------
        parameters : mapping of ndarray, shape (..., N, N)
        u : ndarray, shape (..., T, N)
            External drive.

        Returns
        -------
        y : ndarray, shape (T + 2, ..., N)
            Activity, with the two silent steps before the episode.
        states : list of State
            State of the traces that acted at each step.
        """
        w, alpha = parameters["w"], parameters["alpha"]
        steps, shape = u.shape[-2], np.broadcast_shapes(u.shape[:-2], w.shape[:-2])
        dtype = np.result_type(u, w, alpha)
        y = np.zeros((steps + 2, *shape, w.shape[-1]), dtype)
        state: State = tuple(
            np.zeros((*shape, *w.shape[-2:]), dtype) for _ in range(self._rule.size)
        )
        states = []
        for t in range(steps):
            older, newer = y[t], y[t + 1]
            state = self._rule.step(
                state, older[..., None, :], newer[..., :, None], self.task.gamma
            )
            states.append(state)
            a = ((w + alpha * state[0]) @ newer[..., None])[..., 0]
            y[t + 2] = np.tanh(a + u[..., t, :])
        return y, states

    def loss(self, parameters: Named, episode: Episodes) -> Array:
        """Return half the squared error of the last step, shape (...)."""
        y, _ = self.forward(parameters, episode.x)
        difference = y[-1][..., : self.task.outputs] - episode.target[..., -1, :]
        return 0.5 * (difference * difference).sum(axis=-1)

    def run(self, parameters: Named, episodes: Episodes) -> Outcome:
        """Run episodes, arrays of shape (..., T, N), without learning."""
        y, _ = self.forward(parameters, episodes.x)
        return self.outcome(np.moveaxis(y[2:], 0, -2)[..., : self.task.outputs], episodes)

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        w, alpha = parameters["w"], parameters["alpha"]
        y, states = self.forward(parameters, episode.x)
        g_y = np.zeros_like(y)
        Z = self.task.outputs
        g_y[-1][..., :Z] = y[-1][..., :Z] - episode.target[..., -1, :]
        adjoint: State = tuple(np.zeros_like(part) for part in states[-1])
        d_w, d_alpha = out["w"], out["alpha"]
        d_w[...] = 0
        d_alpha[...] = 0
        for t in reversed(range(len(states))):
            older, newer, H = y[t], y[t + 1], states[t][0]
            lam = (1 - y[t + 2] ** 2) * g_y[t + 2]
            outer = lam[..., :, None] * newer[..., None, :]
            d_w += outer
            d_alpha += outer * H
            adjoint = (adjoint[0] + alpha * outer, *adjoint[1:])
            before = states[t - 1] if t else tuple(np.zeros_like(part) for part in states[0])
            adjoint, to_older, to_newer = self._rule.pullback(
                before, older[..., None, :], newer[..., :, None], self.task.gamma, adjoint
            )
            g_y[t + 1] += (lam[..., None, :] @ (w + alpha * H))[..., 0, :]
            g_y[t + 1] += to_newer.sum(axis=-1)
            g_y[t] += to_older.sum(axis=-2)
        return y[-1][..., None, :Z]

    def outcome(self, o: NDArray, episodes: Episodes, activity: Activity | None = None) -> Outcome:
        """Return summed absolute errors and fractions of blanked elements that are right.

        Of all steps in `o`, shape (..., T, Z), against the pattern wanted at the last one.
        """
        wanted = episodes.target[..., -1:, :]
        error = np.abs(o - wanted).sum(axis=-1)
        blanked = episodes.x[..., -1:, : self.task.outputs] == 0
        right = (np.sign(o) == wanted) & blanked
        accuracy = right.sum(axis=-1) / blanked.sum(axis=-1)
        return Outcome(error[..., -1], accuracy[..., -1], error, accuracy)

    def _learned_parts(self) -> Mapping[str, NDArray]:  # type: ignore[override]
        parts = dict(super()._learned_parts())
        parts["alpha"] = parts["alpha"] * (1 - np.eye(self.task.cells[0]))
        return parts
