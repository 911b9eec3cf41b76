r"""A layer whose weights follow Hebbian traces, and its exact gradient.

The strength of connection :math:`k` onto a cell at step :math:`t` is
:math:`w_k + \alpha_k H_k(t)`: a fixed part, and a trace of recent activity scaled by a plasticity
coefficient. Traces start at zero in every episode and follow a `TraceRule`; :math:`w`,
:math:`\alpha`, the biases and, if wanted, the decay of the traces are found by gradient descent
through them.

Shapes: leading dimensions ``...`` (independent runs, episodes) broadcast everywhere;
K inputs, Y cells, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.metaplasticity.rules import Array, Hebb, State, TraceRule

__all__ = ["GRADIENTS", "Activity", "LayerGradient", "PlasticLayer", "SteppedActivity", "slopes"]

#: The exact gradient, and the one the program behind the published figures computed.
GRADIENTS = ("exact", "legacy2016")


class Activity(Protocol):
    """What one forward pass of a layer did.

    Attributes
    ----------
    x : ndarray, shape (..., T, K)
        Inputs.
    y : ndarray, shape (..., T, Y)
        Activity of the cells.
    traces : ndarray, shape (..., T, Y, K)
        Traces that acted at each step, that is, from before it.
    final_trace : ndarray, shape (..., Y, K)
        Trace after the last step.
    """

    @property
    def x(self) -> Array: ...
    @property
    def y(self) -> Array: ...
    @property
    def traces(self) -> NDArray: ...
    @property
    def final_trace(self) -> NDArray: ...


@dataclass(frozen=True)
class SteppedActivity:
    """Forward pass of a `PlasticLayer`, with the state before each step and after the last."""

    x: Array
    y: Array
    states: tuple[State, ...]

    @cached_property
    def traces(self) -> NDArray:
        """Traces that acted at each step, shape (..., T, Y, K)."""
        return np.stack([state[0] for state in self.states[:-1]], axis=-3)

    @property
    def final_trace(self) -> NDArray:
        """Trace after the last step, shape (..., Y, K)."""
        return self.states[-1][0]


@dataclass(frozen=True)
class LayerGradient:
    """Derivatives of a loss with respect to everything that enters a layer.

    Attributes
    ----------
    w, alpha : ndarray, shape (..., Y, K)
    b : ndarray, shape (..., Y)
    gamma : ndarray, shape (..., Y, K), or None if it was not computed
        Per synapse; a decay shared by synapses receives the sum.
    x : ndarray, shape (..., T, K), or None if it was not computed
    """

    w: Array
    alpha: Array
    b: Array
    gamma: Array | None = None
    x: Array | None = None


@dataclass(frozen=True)
class PlasticLayer:
    r"""A layer of tanh cells with Hebbian plastic input weights.

    .. math:: y(t) = \tanh\bigl((w + \alpha H(t))\,x(t) + b\bigr)

    The trace that acts at a step is the one from before it (the published output equation, read
    literally, would make :math:`y(t)` depend on itself).

    Parameters
    ----------
    w, alpha : ndarray, shape (..., Y, K)
        Fixed weights and plasticity coefficients.
    b : ndarray, shape (..., Y)
        Biases.
    gamma : float or ndarray, broadcastable to (..., Y, K)
        Fraction of a trace that survives one step.
    rule : TraceRule, optional
        How traces follow activity.
    learns_decay : bool, optional
        Whether `gradient` includes the decay.
    """

    w: Array
    alpha: Array
    b: Array
    gamma: Array
    rule: TraceRule = Hebb()
    learns_decay: bool = False

    def forward(self, x: Array) -> Any:
        """Run one episode.

        Parameters
        ----------
        x : ndarray, shape (..., T, K)
            Inputs.
        """
        leading = np.broadcast_shapes(x.shape[:-2], self.w.shape[:-2])
        dtype = np.result_type(x, self.w, self.alpha, self.b, self.gamma)
        steps, shape = x.shape[-2], leading + self.w.shape[-2:]
        state: State = tuple(np.zeros(shape, dtype) for _ in range(self.rule.size))
        states, y = [state], np.empty((*leading, steps, shape[-2]), dtype)
        for t in range(steps):
            x_t = x[..., t, None, :]
            y[..., t, :] = np.tanh(((self.w + self.alpha * state[0]) * x_t).sum(axis=-1) + self.b)
            state = self.rule.step(state, x_t, y[..., t, :, None], self.gamma)
            states.append(state)
        return SteppedActivity(x, y, tuple(states))

    def gradient(self, activity: Any, e: Array, gradient: str = "exact") -> LayerGradient:
        r"""Carry the derivative of a loss back through the episode.

        With :math:`Q` the adjoint of the traces and :math:`\lambda(t)` that of the summed input,
        :math:`\lambda(t) = (1-y^2)(e + \ldots)`, backwards in time.

        Parameters
        ----------
        activity : Activity
            The forward pass.
        e : ndarray, shape (..., T, Y)
            Derivative of the loss with respect to each :math:`y(t)` as it reaches the output.
        gradient : {"exact", "legacy2016"}
            ``"legacy2016"`` repeats the two slips of the original program, needed to reproduce
            its learning curves: the slope of the squashing function is taken at :math:`y` instead
            of at the summed input, and the bias ignores its effect through the traces.
        """
        x, y = activity.x, activity.y
        D, final_D = slopes(y, gradient)
        adjoint: State = tuple(np.zeros_like(part) for part in activity.states[-1])
        d_w, d_alpha, d_gamma = (np.zeros_like(adjoint[0]) for _ in range(3))
        d_x = np.zeros((*y.shape[:-1], x.shape[-1]), adjoint[0].dtype)
        d_b = np.zeros_like(y[..., 0, :])
        for t in reversed(range(x.shape[-2])):
            state, x_t, y_t = activity.states[t], x[..., t, None, :], y[..., t, :, None]
            if self.learns_decay:
                d_gamma += self.rule.decay_pullback(state, x_t, y_t, self.gamma, adjoint)
            adjoint, to_x, to_y = self.rule.pullback(state, x_t, y_t, self.gamma, adjoint)
            lam = D[..., t, :] * (e[..., t, :] + to_y.sum(axis=-1))
            through = lam[..., None] * x_t
            d_w += through
            d_alpha += through * state[0]
            d_b += lam
            d_x[..., t, :] = (lam[..., None] * (self.w + self.alpha * state[0]) + to_x).sum(axis=-2)
            adjoint = (adjoint[0] + through * self.alpha, *adjoint[1:])
        if gradient == "legacy2016":
            d_b = (e * final_D).sum(axis=-2)
        return LayerGradient(d_w, d_alpha, d_b, d_gamma if self.learns_decay else None, d_x)


def slopes(y: Array, gradient: str) -> tuple[Array, Array]:
    r"""Return the slope of tanh used inside the episode, and the true one, :math:`1-y^2`."""
    checks.choice("gradient", gradient, GRADIENTS)
    true = 1 - y * y
    return (true if gradient == "exact" else 1 - np.tanh(y) ** 2), true
