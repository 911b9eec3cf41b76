r"""The HSIC objective of a layer and the modulatory signal that descends it.

A layer with codes :math:`Z` (one row per sample of a window of :math:`N`), driven by inputs
:math:`X` with targets :math:`Y`, minimises

.. math::
    L = a\,\mathrm{HSIC}(X, Z) + b\,\mathrm{HSIC}(Z, Z) - \gamma\,\mathrm{HSIC}(Y, Z),
    \qquad \mathrm{HSIC}(A, B) = \frac{\operatorname{tr}(K_A C K_B C)}{(N-1)^2},

with Gaussian Gram matrices :math:`K` and the centring matrix :math:`C = I - 11^T/N`. The paper's
objective has :math:`a = 1, b = 0`. The newest sample :math:`c` is the last row. Every signal here
is a weighted sum of the kernel's pulls towards the other samples of the window,

.. math:: \xi = \sum_p w_p D_p, \qquad D_p = K_Z[c,p]\,(z_c - z_p) / S_z^2 ,

and the published rules differ in the weights :math:`w_p` only (`pair_weights`).

References
----------
Daruwalla K, Lipasti M (2024). Front Comput Neurosci 18:1240348 (arXiv:2111.13187).
Pogodin R, Latham P (2020). NeurIPS 33 (arXiv:2006.07123), for pHSIC.
Gretton A et al. (2005). Measuring statistical dependence with Hilbert-Schmidt norms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from spikeconsol import checks
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "VARIANTS",
    "Objective",
    "contrast",
    "cosine",
    "gaussian_kernel",
    "hsic",
    "label_similarity",
    "layer_norm",
    "layer_norm_gradient",
    "layer_objective",
    "modulatory_signal",
    "pair_weights",
    "sliding_signals",
]

#: The exact gradient and the approximations that have been published for it.
VARIANTS = ("exact", "row_centred", "diag_release", "diag_prefix", "phsic")
#: Windows whose kernels are computed at once.
_BLOCK = 256

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Objective(Parameters):
    """Constants of the layer objective.

    Kernel widths are given before scaling with the dimension: a width of 0.5 compares the root
    mean squared difference per component with 0.5.
    """

    gamma: float = parameter(2.0, at_least=0, doc="weight of HSIC(Y, Z), the prediction term")
    widths: tuple[float, ...] = parameter(
        (0.5, 0.1, 1.0), above=0, doc="kernel widths of inputs, targets and codes"
    )
    input_weight: float = parameter(
        1.0, at_least=0, doc="weight of HSIC(X, Z), the compression term"
    )
    code_weight: float = parameter(0.0, at_least=0, doc="weight of HSIC(Z, Z), off in the paper")

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.widths) != 3:
            raise ParameterError(
                f"widths: got {self.widths!r}; allowed: three values, for inputs, targets and codes"
            )


def gaussian_kernel(A: ArrayLike, B: ArrayLike, width: float) -> Array:
    r"""Gaussian kernel whose width scales with the root of the dimension.

    Parameters
    ----------
    A : array_like, shape (n, d)
    B : array_like, shape (m, d)
    width : float
        :math:`s` in :math:`\exp(-\|a-b\|^2 / (2 s^2 d))`.

    Returns
    -------
    ndarray, shape (n, m)
    """
    width = checks.number("width", width, above=0)
    A, B = checks.array("A", A, ndim=2), checks.array("B", B, ndim=2)
    if A.shape[1] != B.shape[1]:
        raise ParameterError(f"B: got {B.shape[1]} columns; allowed: {A.shape[1]}, as in A")
    return np.exp(-cdist(A, B, "sqeuclidean") / (2 * width**2 * A.shape[1]))


def label_similarity(classes: int, width: float) -> float:
    """Gaussian kernel between one-hot targets of two different classes (1 for the same class)."""
    classes = checks.whole("classes", classes, at_least=1)
    return float(np.exp(-1 / (checks.number("width", width, above=0) ** 2 * classes)))


def hsic(Ka: ArrayLike, Kb: ArrayLike) -> float:
    """Hilbert-Schmidt independence criterion of two Gram matrices of shape (N, N)."""
    Ka, Kb = checks.array("Ka", Ka, ndim=2), checks.array("Kb", Kb, ndim=2)
    for name, K in (("Ka", Ka), ("Kb", Kb)):
        if K.shape != (len(Ka), len(Ka)) or len(Ka) < 2:
            raise ParameterError(f"{name}: got shape {K.shape}; allowed: (N, N), N >= 2, of both")
    return float(np.sum(_doubly_centred(Ka) * Kb) / (len(Ka) - 1) ** 2)


def layer_objective(
    X: ArrayLike,
    Y: ArrayLike,
    Z: ArrayLike,
    *,
    gamma: float,
    widths: tuple[float, float, float],
    input_weight: float = 1.0,
    code_weight: float = 0.0,
) -> float:
    """Objective that a layer minimises over a window.

    Parameters
    ----------
    X : array_like, shape (N, dx)
        Inputs of the network.
    Y : array_like, shape (N, C)
        One-hot targets.
    Z : array_like, shape (N, d)
        Codes of the layer.
    gamma, widths, input_weight, code_weight
        See `Objective`.

    Raises
    ------
    ParameterError
        If the rows do not match, are fewer than two or are not finite, or a constant is impossible.
    """
    objective = Objective(gamma, widths, input_weight, code_weight)
    X, Y, Z = _window(X, Y, Z)
    sx, sy, sz = objective.widths
    Kz = gaussian_kernel(Z, Z, sz)
    return (
        objective.input_weight * hsic(gaussian_kernel(X, X, sx), Kz)
        + objective.code_weight * hsic(Kz, Kz)
        - objective.gamma * hsic(gaussian_kernel(Y, Y, sy), Kz)
    )


def modulatory_signal(
    X: ArrayLike,
    Y: ArrayLike,
    Z: ArrayLike,
    *,
    gamma: float,
    widths: tuple[float, float, float],
    variant: str = "exact",
    input_weight: float = 1.0,
    code_weight: float = 0.0,
) -> Array:
    r"""Modulatory signal of the newest (last) sample, one value per unit.

    Parameters
    ----------
    X, Y, Z, gamma, widths, input_weight, code_weight
        As for `layer_objective`.
    variant : {"exact", "row_centred", "diag_release", "diag_prefix", "phsic"}
        ``"exact"`` is :math:`\partial L / \partial z_c`. The others are what was published: see
        `pair_weights`. ``"phsic"`` has its own objective, pHSIC(Z, Z) - gamma pHSIC(Y, Z), and
        ignores `input_weight` and `code_weight`.

    Returns
    -------
    ndarray, shape (d,)

    Raises
    ------
    ParameterError
        If the rows do not match, are fewer than two or are not finite, or a constant is impossible.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, Z = rng.random((8, 5)), rng.standard_normal((8, 3))
    >>> Y = np.eye(2)[rng.integers(2, size=8)]
    >>> modulatory_signal(X, Y, Z, gamma=2, widths=(0.5, 0.1, 1)).shape
    (3,)
    """
    checks.choice("variant", variant, VARIANTS)
    objective = Objective(gamma, widths, input_weight, code_weight)
    X, Y, Z = _window(X, Y, Z)
    return _signals(X, Y, Z, len(Z), objective, variant)[0]


def contrast(
    kx: ArrayLike, ky: ArrayLike, kz: ArrayLike, objective: Objective, *, variant: str = "exact"
) -> Array:
    r"""Derivative of the objective by the codes' kernel before centring, :math:`A`.

    :math:`A = a K_X + 2 b K_Z - \gamma K_Y`: large where two codes should differ, negative where
    they should agree. For pHSIC, :math:`2 K_Z - \gamma K_Y`.
    """
    kx, ky, kz = np.asarray(kx), np.asarray(ky), np.asarray(kz)
    a, b = (0.0, 1.0) if variant == "phsic" else (objective.input_weight, objective.code_weight)
    return a * kx + 2 * b * kz - objective.gamma * ky


def pair_weights(A: Array, *, variant: str = "exact", newest: int = -1) -> Array:
    r"""Weights :math:`w_p` of the pulls :math:`D_p` in the modulatory signal.

    ================  ==============================================================
    ``exact``         :math:`-2 M_{cp}/(N-1)^2` with :math:`M = CAC`
    ``row_centred``   :math:`M_{cp}` replaced by :math:`A_{cp} - \bar A_{c}`: the poster of 2021
    ``diag_release``  :math:`2 [(A_{pp} - \bar A_p) + (A_{cc} - \bar A_c)] / (N (N-1)^2)`: the
                      released program, twice the gradient of the trace of the elementwise product
    ``diag_prefix``   its second bracket only: the program that made the figures of 2024
    ``phsic``         :math:`-(A_{cq} - \bar A)` for the sample :math:`q` just before, else 0;
                      :math:`\bar A` is the mean over the pairs of the window (zero for N = 2)
    ================  ==============================================================

    Parameters
    ----------
    A : ndarray, shape (N, N)
        See `contrast`; rows in order of arrival up to a rotation (a ring buffer).
    variant : str
    newest : int
        Row of the newest sample.

    Returns
    -------
    ndarray, shape (N,)
    """
    N = len(A)
    row = A[newest]
    if variant == "exact":
        return -2 / (N - 1) ** 2 * (row - row.mean() - A.mean(axis=0) + A.mean())
    if variant == "row_centred":
        return -2 / (N - 1) ** 2 * (row - row.mean())
    if variant == "phsic":
        weights = np.zeros_like(row)
        pair_mean = (A.sum() - np.trace(A)) / (N * (N - 1))
        weights[newest - 1] = pair_mean - row[newest - 1]
        return weights
    excess = np.diagonal(A) - A.mean(axis=1)
    others = excess if variant == "diag_release" else np.zeros_like(excess)
    return 2 / (N * (N - 1) ** 2) * (others + excess[newest])


def sliding_signals(
    X: ArrayLike,
    Y: ArrayLike,
    Z: ArrayLike,
    *,
    window: int,
    variant: str = "exact",
    **constants: Any,
) -> Array:
    """Modulatory signals along a stream, one for each full window.

    Parameters
    ----------
    X, Y, Z : array_like, shapes (n, dx), (n, C) and (n, d)
    window : int
        Number of samples in the window, at least 2.
    variant : str
        As for `modulatory_signal`.
    **constants
        Those of an `Objective`.

    Returns
    -------
    ndarray, shape (n - window + 1, d)
    """
    checks.choice("variant", variant, VARIANTS)
    objective = Objective(**constants)
    X, Y, Z = _window(X, Y, Z)
    window = checks.whole("window", window, at_least=2, at_most=len(Z))
    return _signals(X, Y, Z, window, objective, variant)


def _signals(
    X: Array, Y: Array, Z: Array, window: int, objective: Objective, variant: str
) -> Array:
    """Signals of all windows of a stream; kernels are computed once for a block of them."""
    sx, sy, sz = objective.widths
    found = []
    for first in range(0, len(Z) - window + 1, _BLOCK):
        block = slice(first, first + _BLOCK + window - 1)
        z = Z[block]
        Kx, Ky = gaussian_kernel(X[block], X[block], sx), gaussian_kernel(Y[block], Y[block], sy)
        Kz = gaussian_kernel(z, z, sz)
        A = contrast(Kx, Ky, Kz, objective, variant=variant)
        for end in range(window, len(z) + 1):
            rows = slice(end - window, end)
            # A copy: sums over a part of an array are made in another order.
            weights = pair_weights(A[rows, rows].copy(), variant=variant)
            found.append(_weighted_pulls(weights, Kz[end - 1, rows], z[rows], z[end - 1], sz))
    return np.stack(found)


def cosine(a: ArrayLike, b: ArrayLike) -> Array:
    """Cosine between signals along the last axis; 0 where one of them vanishes."""
    a, b = checks.array("a", a), checks.array("b", b)
    if not a.ndim or a.shape[-1:] != b.shape[-1:]:
        raise ParameterError(f"b: got shape {b.shape}; allowed: as many columns as a, {a.shape}")
    norms = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return np.sum(a * b, axis=-1) / np.where(norms > 0, norms, np.inf)


def layer_norm(h: ArrayLike, *, epsilon: float = 1e-6) -> tuple[Array, Array]:
    """Parameter-free layer normalisation over the last axis.

    Returns
    -------
    z : ndarray, shape (..., d)
        Codes with zero mean and unit (population) variance.
    deviation : ndarray, shape (..., 1)
        Standard deviation by which the activities were divided.
    """
    h = np.asarray(h)
    centred = h - h.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.mean(centred**2, axis=-1, keepdims=True) + epsilon)
    return centred / deviation, deviation


def layer_norm_gradient(signal: ArrayLike, z: ArrayLike, deviation: ArrayLike) -> Array:
    """Carry a signal at the codes back through `layer_norm` to the activities.

    Two averages over the layer, which a broadcast can supply, keep this local to the layer.
    """
    signal, z = np.asarray(signal), np.asarray(z)
    mean = signal.mean(axis=-1, keepdims=True)
    slope = np.mean(signal * z, axis=-1, keepdims=True)
    return (signal - mean - z * slope) / np.asarray(deviation)


def _weighted_pulls(weights: Array, kz: Array, Z: Array, z: Array, width: float) -> Array:
    """Sum of w_p D_p, with D_p = kz_p (z - z_p) / (width^2 d)."""
    pulls = weights * kz
    return (pulls.sum() * z - pulls @ Z) / (width**2 * len(z))


def _doubly_centred(K: Array) -> Array:
    return K - K.mean(axis=0) - K.mean(axis=1, keepdims=True) + K.mean()


def _window(X: ArrayLike, Y: ArrayLike, Z: ArrayLike) -> tuple[Array, Array, Array]:
    arrays: list[Array] = []
    for name, value in (("X", X), ("Y", Y), ("Z", Z)):
        array = checks.array(name, value).astype(float)
        if array.ndim != 2 or len(array) < 2:
            raise ParameterError(
                f"{name}: got shape {array.shape}; allowed: two or more rows, one per sample"
            )
        if arrays and len(array) != len(arrays[0]):
            raise ParameterError(
                f"{name}: got {len(array)} rows; allowed: {len(arrays[0])}, as in X"
            )
        arrays.append(array)
    return arrays[0], arrays[1], arrays[2]
