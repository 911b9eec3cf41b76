r"""A recurrent network with plastic connections, trained by back-propagation through time.

.. math::
   H(t) = \gamma H(t-1) + (1-\gamma)\,y(t-1)\,y(t-2)^T, \qquad
   y(t) = \tanh\bigl((w + \alpha H(t))\,y(t-1) + u(t)\bigr)

or, where inputs are clamped, :math:`y(t) = u(t)` for all cells that have an input. Rows are
post-synaptic, columns pre-synaptic; the pre-synaptic factor is one step older, so a trace
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

from spikeconsol import checks
from spikeconsol.metaplasticity import recurrent_kernel
from spikeconsol.metaplasticity.layer import Activity
from spikeconsol.metaplasticity.network import Named, Network, Outcome
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.rules import State, find_rule
from spikeconsol.metaplasticity.task import Episodes, Task
from spikeconsol.parameters import ParameterError

__all__ = ["Recalling", "Recurrent"]

Array = Any


#: Cells from which on traces are not carried step by step, see `recurrent_kernel`.
LARGE = 100


class Recalling(Network):
    """What recurrent networks share: they must hold a pattern at the last step."""

    gradients = ("exact",)

    def recalled(self, parameters: Named, u: Array) -> Array:
        """Return outputs, (..., T, Z), at every step of an episode, (..., T, N)."""
        raise NotImplementedError

    def loss(self, parameters: Named, episode: Episodes) -> Array:
        """Return half the squared error of the last step, shape (...)."""
        o = self.recalled(parameters, episode.x)[..., -1, :]
        return 0.5 * ((o - episode.target[..., -1, :]) ** 2).sum(axis=-1)

    def run(self, parameters: Named, episodes: Episodes) -> Outcome:
        """Run episodes, arrays of shape (..., T, N), without learning."""
        return self.outcome(self.recalled(parameters, episodes.x), episodes)

    def outcome(self, o: NDArray, episodes: Episodes, activity: Activity | None = None) -> Outcome:
        """Return summed absolute errors and fractions of blanked elements that are right.

        Of all steps in `o`, shape (..., T, Z), against the pattern wanted at the last one.
        """
        wanted = episodes.target[..., -1:, :]
        error = np.abs(o - wanted).sum(axis=-1)
        blanked = episodes.x[..., -1:, : self.task.outputs] == 0
        right = (np.sign(o) == np.sign(wanted)) & blanked
        accuracy = right.sum(axis=-1) / blanked.sum(axis=-1)
        return Outcome(error[..., -1], accuracy[..., -1], error, accuracy)


class Recurrent(Recalling):
    """N tanh cells, each connected to all, for `AutoAssociation`.

    Parameters are ``w`` and ``alpha``, both (N, N), and, where it is learned, the logit of the
    decay, one for the network or one per synapse; no connection of a cell onto itself is plastic.
    The learned coefficients start small and positive.
    """

    penalised_names = frozenset({"w", "alpha"})

    def __init__(self, task: Task, plasticity: Plasticity, gradient: str = "exact") -> None:
        checks.instance("task", task, Task)
        checks.instance("plasticity", plasticity, Plasticity)
        if plasticity.decay != "fixed" and task.gamma == 0:
            raise ParameterError("gamma: got 0.0; allowed: > 0 as the start of a learned decay")
        N = task.cells[0]
        shapes: dict[str, tuple[int, ...]] = {"w": (N, N), "alpha": (N, N)}
        if plasticity.decay != "fixed":
            shapes["logit_gamma"] = (1, 1) if plasticity.decay == "layer" else (N, N)
        super().__init__(task, plasticity, gradient, shapes)
        self.rule = find_rule(plasticity.rule)
        self._blocked = plasticity.rule == "hebb" and plasticity.decay != "synapse" and N >= LARGE

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run; `Plasticity.alpha_scale` is in units of 0.1."""
        N = self.task.cells[0]
        w = 1.1 / np.sqrt(N) * rng.standard_normal((N, N))
        # Positive where no sign is asked for, as in the original program.
        alpha = 0.1 * self.plasticity.alpha_start(rng.uniform(0, 1, (N, N)))
        np.fill_diagonal(alpha, 0)
        start = {"w": self.plasticity.weight_start(w), "alpha": alpha}
        if "logit_gamma" in self.shapes:
            logit = np.log(self.task.gamma / (1 - self.task.gamma))
            start["logit_gamma"] = np.full(self.shapes["logit_gamma"], logit)
        return start

    def gamma(self, parameters: Named, xp: Any = np) -> Array:
        """Return the decay of traces, a number or of shape (..., 1 or N, 1 or N)."""
        if "logit_gamma" in parameters:
            return 1 / (1 + xp.exp(-parameters["logit_gamma"]))
        return self.task.gamma

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
        w, alpha, gamma = parameters["w"], parameters["alpha"], self.gamma(parameters)
        steps, shape = u.shape[-2], np.broadcast_shapes(u.shape[:-2], w.shape[:-2])
        dtype = np.result_type(u, w, alpha)
        y = np.zeros((steps + 2, *shape, w.shape[-1]), dtype)
        state: State = tuple(
            np.zeros((*shape, *w.shape[-2:]), dtype) for _ in range(self.rule.size)
        )
        states = []
        for t in range(steps):
            older, newer = y[t], y[t + 1]
            state = self.rule.step(state, older[..., None, :], newer[..., :, None], gamma)
            states.append(state)
            a = ((w + alpha * state[0]) @ newer[..., None])[..., 0]
            y[t + 2] = self.activity(a, u[..., t, :])
        return y, states

    def activity(self, a: Array, u: Array, xp: Any = np) -> Array:
        """Return what cells do whose input from others is `a`, and from outside `u`."""
        return xp.where(u != 0, u, xp.tanh(a)) if self.task.clamped else xp.tanh(a + u)

    def recalled(self, parameters: Named, u: Array) -> Array:
        """Return outputs, (..., T, Z), at every step of an episode, (..., T, N)."""
        if self._blocked and np.isrealobj(parameters["w"]):
            constants = self._constants(parameters)
            y = recurrent_kernel.forward(*constants, u, self.task.clamped).y
        else:
            y, _ = self.forward(parameters, u)
        return np.moveaxis(y[2:], 0, -2)[..., : self.task.outputs]

    def _constants(self, parameters: Named) -> tuple[Array, Array, Array]:
        """Return weights, coefficients and one decay for each network."""
        gamma = self.gamma(parameters)
        return parameters["w"], parameters["alpha"], gamma[..., 0, 0] if np.ndim(gamma) else gamma

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        if self._blocked:
            constants = self._constants(parameters)
            done = recurrent_kernel.forward(*constants, episode.x, self.task.clamped)
            g_y = self._error(done.y, episode)
            d_w, d_alpha, d_gamma = recurrent_kernel.backward(*constants, done, g_y)
            out["w"][...], out["alpha"][...] = d_w, d_alpha
            if "logit_gamma" in out:
                out["logit_gamma"][...] = (d_gamma * constants[2] * (1 - constants[2]))[
                    ..., None, None
                ]
            return done.y[-1][..., None, : self.task.outputs]
        return self._stepped_gradient(parameters, episode, out)

    def _error(self, y: NDArray, episode: Episodes) -> NDArray:
        """Return the derivative of the loss as it reaches each activity, (T + 2, ..., N)."""
        g_y, Z = np.zeros_like(y), self.task.outputs
        g_y[-1][..., :Z] = y[-1][..., :Z] - episode.target[..., -1, :]
        return g_y

    def _stepped_gradient(
        self, parameters: Named, episode: Episodes, out: dict[str, Array]
    ) -> NDArray:
        """Fill `out` with the gradient, for any trace rule; return the outputs."""
        w, alpha, gamma = parameters["w"], parameters["alpha"], self.gamma(parameters)
        y, states = self.forward(parameters, episode.x)
        g_y = self._error(y, episode)
        adjoint: State = tuple(np.zeros_like(part) for part in states[-1])
        d_w, d_alpha = out["w"], out["alpha"]
        d_w[...] = 0
        d_alpha[...] = 0
        d_gamma = np.zeros_like(adjoint[0])
        for t in reversed(range(len(states))):
            older, newer, H = y[t], y[t + 1], states[t][0]
            lam = (1 - y[t + 2] ** 2) * g_y[t + 2]
            if self.task.clamped:
                lam *= episode.x[..., t, :] == 0
            outer = lam[..., :, None] * newer[..., None, :]
            d_w += outer
            d_alpha += outer * H
            adjoint = (adjoint[0] + alpha * outer, *adjoint[1:])
            before = states[t - 1] if t else tuple(np.zeros_like(part) for part in states[0])
            activity = before, older[..., None, :], newer[..., :, None], gamma
            if "logit_gamma" in out:
                d_gamma += self.rule.decay_pullback(*activity, adjoint)
            adjoint, to_older, to_newer = self.rule.pullback(*activity, adjoint)
            g_y[t + 1] += (lam[..., None, :] @ (w + alpha * H))[..., 0, :]
            g_y[t + 1] += to_newer.sum(axis=-1)
            g_y[t] += to_older.sum(axis=-2)
        if "logit_gamma" in out:
            d_logit = d_gamma * gamma * (1 - gamma)
            shared = self.plasticity.decay == "layer"
            out["logit_gamma"][...] = (
                d_logit.sum(axis=(-2, -1), keepdims=True) if shared else d_logit
            )
        return y[-1][..., None, : self.task.outputs]

    def _learned_parts(self) -> Mapping[str, NDArray]:  # type: ignore[override]
        parts = dict(super()._learned_parts())
        parts["alpha"] = parts["alpha"] * (1 - np.eye(self.task.cells[0]))
        return parts
