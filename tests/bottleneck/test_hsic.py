"""The signal against derivatives of the objective, taken independently by complex steps."""

import itertools
import math

import numpy as np
import pytest

from spikeconsol.bottleneck import hsic

WIDTHS = (0.5, 0.25, 1.0)


def draw(n, d=6, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    centres = rng.standard_normal((classes, d))
    X = rng.random((n, 5))
    return X, np.eye(classes)[labels], centres[labels] + rng.standard_normal((n, d))


def gram(A, width):
    difference = A[:, None] - A[None]
    return np.exp(-np.sum(difference * difference, axis=-1) / (2 * width**2 * A.shape[1]))


def pieces(X, Y, Z, gamma, a, b, widths=WIDTHS):
    C = np.eye(len(X)) - 1 / len(X)
    Kx, Ky, Kz = (gram(M, s) for M, s in zip((X, Y, Z), widths, strict=True))
    return C, a * Kx - gamma * Ky + b * Kz, Kz, (len(X) - 1) ** 2


def objective(X, Y, Z, gamma, a=1.0, b=0.0):
    """tr(A C Kz C)/(N-1)^2 as in the definition; holds for complex Z."""
    C, A, Kz, scale = pieces(X, Y, Z, gamma, a, b)
    return np.trace(A @ C @ Kz @ C) / scale


def elementwise_surrogate(X, Y, Z, gamma):
    """Trace of the elementwise instead of the matrix product."""
    C, A, Kz, scale = pieces(X, Y, Z, gamma, 1.0, 0.0)
    return np.sum(np.diag(A @ C) * np.diag(Kz @ C)) / scale


def phsic(X, Y, Z, gamma):
    """pHSIC(Z, Z) - gamma pHSIC(Y, Z) of the two newest samples, means taken as constants."""
    Kz, Ky = gram(Z, WIDTHS[2]), gram(Y, WIDTHS[1])
    pairs = ~np.eye(len(Z), dtype=bool)
    mean_z, mean_y = Kz[pairs].mean().real, Ky[pairs].mean()
    k = Kz[-1, -2]
    return (k.real - mean_z) * 2 * k - gamma * (Ky[-1, -2] - mean_y) * k


def complex_step(function, Z, row=-1, step=1e-30):
    gradient = np.empty(Z.shape[1])
    for unit in range(Z.shape[1]):
        moved = Z.astype(complex)
        moved[row, unit] += 1j * step
        gradient[unit] = function(moved).imag / step
    return gradient


def relative(a, b):
    return np.linalg.norm(a - b) / np.linalg.norm(b)


@pytest.mark.parametrize(("n", "d"), [(2, 4), (3, 7), (8, 16), (32, 12), (64, 5)])
@pytest.mark.parametrize(("a", "b"), [(1.0, 0.0), (0.0, 2.0), (0.7, 1.3)])
def test_exact_is_the_gradient(n, d, a, b):
    X, Y, Z = draw(n, d)
    expected = complex_step(lambda z: objective(X, Y, z, 3.0, a, b), Z)
    got = hsic.modulatory_signal(X, Y, Z, gamma=3.0, widths=WIDTHS, input_weight=a, code_weight=b)
    assert relative(got, expected) < 1e-12
    value = hsic.layer_objective(X, Y, Z, gamma=3.0, widths=WIDTHS, input_weight=a, code_weight=b)
    assert value == pytest.approx(objective(X, Y, Z, 3.0, a, b), rel=1e-10)


@pytest.mark.parametrize("n", [2, 5, 16])
def test_diag_release_is_twice_the_elementwise_surrogate(n):
    X, Y, Z = draw(n)
    expected = 2 * complex_step(lambda z: elementwise_surrogate(X, Y, z, 2.0), Z)
    got = hsic.modulatory_signal(X, Y, Z, gamma=2.0, widths=WIDTHS, variant="diag_release")
    assert relative(got, expected) < 1e-12


def test_phsic_is_the_two_point_gradient():
    X, Y, Z = draw(6)
    expected = complex_step(lambda z: phsic(X, Y, z, 2.0), Z)
    got = hsic.modulatory_signal(X, Y, Z, gamma=2.0, widths=WIDTHS, variant="phsic")
    assert relative(got, expected) < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_two_samples_make_the_variants_coincide(seed):
    X, Y, Z = draw(2, seed=seed)

    def signal(variant):
        return hsic.modulatory_signal(X, Y, Z, gamma=2.0, widths=WIDTHS, variant=variant)

    exact = signal("exact")
    np.testing.assert_allclose(signal("row_centred"), exact, rtol=1e-12)
    np.testing.assert_allclose(signal("diag_release"), exact, rtol=1e-12)
    np.testing.assert_allclose(2 * signal("diag_prefix"), exact, rtol=1e-12)


def test_row_centred_drops_the_column_means_only():
    X, Y, Z = draw(8)
    _, A, Kz, scale = pieces(X, Y, Z, 2.0, 1.0, 0.0)
    pulls = Kz[-1][:, None] * (Z[-1] - Z) / (WIDTHS[2] ** 2 * Z.shape[1])
    dropped = 2 / scale * (A.mean(axis=0) - A.mean()) @ pulls
    exact, row = (
        hsic.modulatory_signal(X, Y, Z, gamma=2.0, widths=WIDTHS, variant=variant)
        for variant in ("exact", "row_centred")
    )
    np.testing.assert_allclose(row + dropped, exact, rtol=1e-10)


def test_wide_code_kernel_gives_the_linear_limit():
    X, Y, Z = draw(8)
    width = 1e4
    C, A, _, scale = pieces(X, Y, Z, 2.0, 1.0, 0.0)
    M = C @ A @ C
    np.testing.assert_allclose(M.sum(axis=0), 0, atol=1e-12)
    expected = 2 / (width**2 * Z.shape[1] * scale) * M[-1] @ Z
    got = hsic.modulatory_signal(X, Y, Z, gamma=2.0, widths=(0.5, 0.25, width))
    np.testing.assert_allclose(got, expected, rtol=1e-6)


def test_newest_term_times_n_is_the_full_gradient_on_average():
    """Over all windows of a stream, in every order: the local rule is unbiased up to 1/N."""
    n, N, d = 6, 4, 3
    X, Y, _ = draw(n, d)
    W = np.random.default_rng(1).standard_normal((5, d)) / np.sqrt(5)
    newest, full = np.zeros_like(W), np.zeros_like(W)
    for window in itertools.combinations(range(n), N):
        x, y = X[[*window]], Y[[*window]]
        for order in itertools.permutations(range(N)):
            z = np.tanh(x @ W)[[*order]]
            xi = hsic.modulatory_signal(x[[*order]], y[[*order]], z, gamma=2.0, widths=WIDTHS)
            newest += np.outer(x[order[-1]], xi * (1 - z[-1] ** 2)) / math.factorial(N)

        def of_weights(w, x=x, y=y):
            return objective(x, y, np.tanh(x @ w), 2.0)

        full += [complex_step(of_weights, W, row) for row in range(len(W))]
    np.testing.assert_allclose(N * newest, full, rtol=1e-10)


def test_layer_norm_gradient():
    rng = np.random.default_rng(2)
    h, signal = rng.random(7), rng.standard_normal(7)
    z, deviation = hsic.layer_norm(h)
    assert z.mean() == pytest.approx(0, abs=1e-12)

    def along(moved):
        centred = moved - moved.mean()
        return signal @ (centred / np.sqrt(np.mean(centred * centred) + 1e-6))

    expected = complex_step(lambda m: along(m[0]), h[None])
    np.testing.assert_allclose(hsic.layer_norm_gradient(signal, z, deviation), expected, rtol=1e-10)


def test_label_similarity_is_the_kernel_of_one_hot_targets():
    Y = np.eye(10)
    assert hsic.gaussian_kernel(Y, Y, 0.2)[0, 1] == pytest.approx(hsic.label_similarity(10, 0.2))


@pytest.mark.parametrize("block", [1, 3, 256])
@pytest.mark.parametrize("variant", hsic.VARIANTS)
def test_sliding_signals_are_those_of_each_window(variant, block, monkeypatch):
    monkeypatch.setattr(hsic, "_BLOCK", block)
    X, Y, Z = draw(12)
    constants = {"gamma": 2.0, "widths": WIDTHS, "variant": variant, "code_weight": 0.3}
    signals = hsic.sliding_signals(X, Y, Z, window=5, **constants)
    assert signals.shape == (8, Z.shape[1])
    for first, signal in enumerate(signals):
        rows = slice(first, first + 5)
        expected = hsic.modulatory_signal(X[rows], Y[rows], Z[rows], **constants)
        np.testing.assert_array_equal(signal, expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"gamma": -1}, "gamma"),
        ({"widths": (0.5, 0.0, 1.0)}, "widths"),
        ({"widths": (0.5, 1.0)}, "widths"),
        ({"variant": "exakt"}, "variant"),
        ({"Z": np.full((8, 6), np.nan)}, "Z"),
        ({"Y": np.eye(3)[[0, 1]]}, "Y"),
        ({"X": np.zeros((1, 5))}, "X"),
    ],
)
def test_bad_input_is_refused(change, message):
    X, Y, Z = draw(8)
    arguments = {"X": X, "Y": Y, "Z": Z, "gamma": 2.0, "widths": WIDTHS} | change
    with pytest.raises(ValueError, match=f"^{message}: got .*; allowed: "):
        hsic.modulatory_signal(**arguments)
