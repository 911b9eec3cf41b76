"""The gradient of `closed_loop` by back-propagation through time, compiled with numba.

Small networks in single steps are bound by the overhead of arrays, which loops over their synapses
do not have. Automatic differentiation (JAX) gives the same to rounding, as the tests say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import numba
except ImportError as error:
    raise ImportError(
        "backend: got 'numpy', which needs numba in a closed loop, and that is not installed; "
        "allowed: pip install 'spikeconsol[fast]', or backend='jax'"
    ) from error

__all__ = ["KINDS", "gradient"]

Array = Any

#: Kinds of modulation by number.
KINDS = ("none", "constant", "simple", "retroactive")
_NONE, _CONSTANT, _SIMPLE, _RETROACTIVE = range(4)


@numba.njit(cache=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")
def gradient(  # pragma: no cover
    kind: int,
    w: NDArray, alpha: NDArray, b: NDArray, U: NDArray, V: NDArray, c: float,
    m: NDArray, d: float, gamma: float, x: NDArray, target: NDArray,
    d_w: NDArray, d_alpha: NDArray, d_b: NDArray, d_U: NDArray, d_V: NDArray, d_m: NDArray,
    o: NDArray, H: NDArray, E: NDArray,
) -> tuple[float, float, float]:  # fmt: skip
    """Add one run's gradient on one episode to ``d_...``; fill outputs `o`, (T,).

    Arguments are those of `ClosedLoop` for one run, x (T, K), target (T,). H and E, both
    (T + 1, N, N), are overwritten. Returns the derivatives by c, d and gamma.
    """
    T, K, N = x.shape[0], x.shape[1], w.shape[0]
    H[0] = 0
    E[0] = 0
    y, M, shown = np.zeros((T + 1, N)), np.zeros(T), x.copy()
    for t in range(T):
        n, before, C_rate, E_kept = y[t + 1], y[t], 1 - gamma, 0.0
        for i in range(N):
            a = b[i]
            w_i, alpha_i, H_i = w[i], alpha[i], H[t, i]
            for j in range(N):
                a += (w_i[j] + alpha_i[j] * H_i[j]) * before[j]
            for k in range(K):
                a += U[i, k] * shown[t, k]
            n[i] = np.tanh(a)
        o[t] = c + np.dot(V, n)
        if target[t] != 0 and t + 1 < T:
            shown[t + 1, K - 1] = np.sign(o[t])
            shown[t + 1, K - 2] = np.sign(o[t]) * target[t]
        if kind >= _SIMPLE:
            M[t] = np.tanh(d + np.dot(m, n))
        if kind == _SIMPLE:
            C_rate = M[t]
        if kind == _RETROACTIVE:
            C_rate, E_kept = 0.0, M[t]
        kept = gamma if kind == _NONE else 1.0
        limit = np.inf if kind == _NONE else 1.0
        for i in range(N):
            H_i, after, E_i, E_after = H[t, i], H[t + 1, i], E[t, i], E[t + 1, i]
            for j in range(N):
                moved = kept * H_i[j] + C_rate * n[i] * before[j] + E_kept * E_i[j]
                after[j] = min(max(moved, -limit), limit)
            if kind != _RETROACTIVE:
                E_after[:] = 0
            else:
                for j in range(N):
                    E_after[j] = gamma * E_i[j] + (1 - gamma) * n[i] * before[j]
    d_c, d_d, d_gamma = 0.0, 0.0, 0.0
    Q, R = np.zeros((N, N)), np.zeros((N, N))  # adjoints of H and E
    g_y, earlier, d_C = np.zeros(N), np.zeros(N), np.zeros(N)
    for t in range(T - 1, -1, -1):
        n, before = y[t + 1], y[t]
        if target[t] != 0:
            d_o = -target[t] / (1 + np.exp(target[t] * o[t]))
            d_c += d_o
            for i in range(N):
                d_V[i] += d_o * n[i]
                g_y[i] += d_o * V[i]
        earlier[:] = 0
        d_M = 0.0
        for i in range(N):
            Q_i, R_i, H_i, E_i, after = Q[i], R[i], H[t, i], E[t, i], H[t + 1, i]
            if kind == _NONE:
                for j in range(N):
                    d_gamma += Q_i[j] * (H_i[j] - n[i] * before[j])
                    d_C[j] = (1 - gamma) * Q_i[j]
                    Q_i[j] *= gamma
            else:
                for j in range(N):
                    # What was clipped passes nothing on.
                    Q_i[j] = Q_i[j] if abs(after[j]) < 1 else 0.0
            if kind == _CONSTANT:
                for j in range(N):
                    d_C[j] = (1 - gamma) * Q_i[j]
                    d_gamma -= Q_i[j] * n[i] * before[j]
            if kind == _SIMPLE:
                for j in range(N):
                    d_C[j] = M[t] * Q_i[j]
                    d_M += Q_i[j] * n[i] * before[j]
            if kind == _RETROACTIVE:
                for j in range(N):
                    d_C[j] = (1 - gamma) * R_i[j]
                    d_gamma += R_i[j] * (E_i[j] - n[i] * before[j])
                    d_M += Q_i[j] * E_i[j]
                    R_i[j] = gamma * R_i[j] + M[t] * Q_i[j]
            to_post = 0.0
            for j in range(N):
                to_post += d_C[j] * before[j]
            for j in range(N):
                earlier[j] += d_C[j] * n[i]
            g_y[i] += to_post
        if kind >= _SIMPLE:
            d_M *= 1 - M[t] ** 2
            d_d += d_M
            for i in range(N):
                d_m[i] += d_M * n[i]
                g_y[i] += d_M * m[i]
        for i in range(N):
            lam = (1 - n[i] ** 2) * g_y[i]
            d_b[i] += lam
            w_i, alpha_i, H_i, Q_i = w[i], alpha[i], H[t, i], Q[i]
            d_w_i, d_alpha_i = d_w[i], d_alpha[i]
            for j in range(N):
                d_w_i[j] += lam * before[j]
                d_alpha_i[j] += lam * before[j] * H_i[j]
            for j in range(N):
                earlier[j] += (w_i[j] + alpha_i[j] * H_i[j]) * lam
            for j in range(N):
                Q_i[j] += alpha_i[j] * lam * before[j]
            for k in range(K):
                d_U[i, k] += lam * shown[t, k]
        g_y, earlier = earlier, g_y
    return d_c, d_d, d_gamma
