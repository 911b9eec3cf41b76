r"""The decaying Hebbian trace without its traces: the same layer, several times faster.

With one decay per layer, what step :math:`u` left behind acts on step :math:`t` through one number
per cell,

.. math:: S(t,u) = (1-\gamma)\,\gamma^{t-u-1} \sum_l \alpha_l x_l(t) x_l(u), \qquad u < t,

so the summed input is :math:`w x(t) + b + \sum_{u<t} S(t,u)\,y(u)` and no synaptic trace has to be
carried along. The published gradient recursion is a sum over the same kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.metaplasticity.layer import LayerGradient, PlasticLayer, slopes
from spikeconsol.metaplasticity.rules import Array

__all__ = ["KernelActivity", "KernelLayer", "Sensitivities", "forward_recursion"]


@lru_cache(maxsize=32)
def _lags(steps: int) -> tuple[NDArray, NDArray]:
    """Return the exponents t - u - 1 (0 where u >= t) and the mask u < t."""
    lag = np.arange(steps)[:, None] - np.arange(steps)[None, :] - 1
    return np.maximum(lag, 0).astype(float), (lag >= 0).astype(float)


def decay_kernel(gamma: Array, steps: int) -> Array:
    r"""Return :math:`C(t,u) = (1-\gamma)\gamma^{t-u-1}` for u < t, shape (..., T, T)."""
    lag, causal = _lags(steps)
    return (1 - gamma) * gamma**lag * causal


def _time_first(values: Array) -> Array:
    """Return a view (T, ..., Y) of (..., T, Y); quicker than ``np.moveaxis``."""
    n = values.ndim
    return values.transpose(n - 2, *range(n - 2), n - 1)


def _time_second_last(values: Array) -> Array:
    """Return a view (..., T, Y) of (T, ..., Y)."""
    n = values.ndim
    return values.transpose(*range(1, n - 1), 0, n - 1)


def _time_last(values: Array) -> Array:
    """Return a view (..., Y, T) of (T, ..., Y)."""
    return values.transpose(*range(1, values.ndim), 0)


@dataclass(frozen=True)
class KernelActivity:
    """Forward pass of a `KernelLayer`; traces are computed only when asked for.

    Attributes
    ----------
    x, y
        As of any `Activity`.
    C : ndarray, shape (..., T, T)
        Decay of a trace between two steps.
    S : ndarray, shape (T, T, ..., Y)
        Effect on the summed input at one step of the activity at an earlier one.
    gamma : float or ndarray, shape (..., 1, 1)
        Decay.
    """

    x: Array
    y: Array
    C: Array
    S: Array
    gamma: Array

    @cached_property
    def traces(self) -> NDArray:
        """Traces that acted at each step, shape (..., T, Y, K)."""
        products = self.y[..., :, :, None] * self.x[..., :, None, :]
        return np.einsum("...tu,...uyk->...tyk", self.C, products)

    @property
    def final_trace(self) -> NDArray:
        """Trace after the last step, shape (..., Y, K)."""
        last = self.y[..., -1, :, None] * self.x[..., -1, None, :]
        return self.gamma * self.traces[..., -1, :, :] + (1 - self.gamma) * last


@dataclass(frozen=True)
class KernelLayer(PlasticLayer):
    """A `PlasticLayer` of decaying Hebbian traces with one decay, by its kernel.

    Same numbers as the parent, but O(T^2) per cell instead of O(T K), in whole-array operations.
    `gamma` is a number or has shape (..., 1, 1).
    """

    def forward(self, x: Array) -> KernelActivity:
        """Run one episode; see `PlasticLayer.forward`."""
        steps = x.shape[-2]
        C = decay_kernel(self.gamma, steps)
        x_cells = x[..., None, :, :]
        pairs = (self.alpha[..., :, None, :] * x_cells) @ x_cells.swapaxes(-1, -2)
        pairs *= C[..., None, :, :]
        # Time leads, so that each step below works on contiguous blocks.
        n = pairs.ndim
        S = np.ascontiguousarray(pairs.transpose(n - 2, n - 1, *range(n - 2)))
        a = np.ascontiguousarray(_time_first(x @ self.w.swapaxes(-1, -2) + self.b[..., None, :]))
        y = np.empty(S.shape[1:], S.dtype)
        for t in range(steps):
            np.tanh(a[t], out=y[t])
            # Felt in the summed input of all later steps at once.
            a[t + 1 :] += S[t + 1 :, t] * y[t]
        return KernelActivity(x, _time_second_last(y), C, S, self.gamma)

    def gradient(self, activity: Any, e: Array, gradient: str = "exact") -> LayerGradient:
        r"""Carry the derivative of a loss back; see `PlasticLayer.gradient`.

        :math:`\lambda(t) = D(t)\,[e(t) + \sum_{u>t} S(u,t)\,\lambda(u)]`. The derivatives with
        respect to the inputs and to the decay are left out: a layer that feeds on another one, or
        that learns its decay, is a `PlasticLayer`.
        """
        x, S = activity.x, activity.S
        y, e = _time_first(activity.y), _time_first(e)
        D, final_D = slopes(y, gradient)
        lam = np.array(np.broadcast_to(e, y.shape), np.result_type(e, y), order="C")
        for t in reversed(range(len(y))):
            lam[t] *= D[t]
            lam[:t] += S[t, :t] * lam[t]
        bias = lam if gradient == "exact" else e * final_D
        lam = _time_last(lam)
        pairs = lam[..., None] * _time_last(y)[..., None, :]
        through_traces = (pairs * activity.C[..., None, :, :]) @ x[..., None, :, :]
        return LayerGradient(
            w=lam @ x,
            alpha=(through_traces * x[..., None, :, :]).sum(axis=-2),
            b=bias.sum(axis=0),
        )


@dataclass(frozen=True)
class Sensitivities:
    """Derivatives of every step's activity with respect to the parameters of its own cell.

    Attributes
    ----------
    w, alpha : ndarray, shape (..., T, Y, K)
    b : ndarray, shape (..., T, Y)
    """

    w: Array
    alpha: Array
    b: Array

    def gradient(self, e: Array) -> LayerGradient:
        """Combine with the derivative `e` of a loss with respect to y, shape (..., T, Y)."""
        return LayerGradient(
            w=(e[..., None] * self.w).sum(axis=-3),
            alpha=(e[..., None] * self.alpha).sum(axis=-3),
            b=(e * self.b).sum(axis=-2),
        )


def forward_recursion(
    layer: KernelLayer, activity: KernelActivity, gradient: str = "exact"
) -> Sensitivities:
    r"""Carry sensitivities forward in time, as the paper derives them.

    .. math::
       \frac{\partial y(t)}{\partial w_k} = D(t) \Bigl[x_k(t)
       + \sum_{u<t} S(t,u) \frac{\partial y(u)}{\partial w_k}\Bigr]

    and the same for :math:`\alpha_k` with :math:`x_k(t) H_k(t)` and for the bias with 1. The
    exponent in the kernel is t - u - 1 (the paper prints t - u), and its sum runs over all inputs
    of the cell, because changing one weight changes the activity and with it every trace.

    Slower than `KernelLayer.gradient`; kept for the reader and as an independent check.
    """
    x, y, S, traces = activity.x, activity.y, activity.S, activity.traces
    D, final_D = slopes(y, gradient)
    steps = x.shape[-2]
    J_w, J_alpha = np.zeros_like(traces), np.zeros_like(traces)
    J_b = np.zeros_like(y)
    for t in range(steps):
        earlier = S[t, :t]
        x_t = x[..., t, None, :]
        slope = D[..., t, :]
        for J, direct in ((J_w, x_t), (J_alpha, x_t * traces[..., t, :, :])):
            indirect = np.einsum("u...y,...uyk->...yk", earlier, J[..., :t, :, :])
            J[..., t, :, :] = slope[..., None] * (direct + indirect)
        J_b[..., t, :] = slope * (1 + np.einsum("u...y,...uy->...y", earlier, J_b[..., :t, :]))
    return Sensitivities(J_w, J_alpha, J_b if gradient == "exact" else final_D)
