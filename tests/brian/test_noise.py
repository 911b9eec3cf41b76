"""Noise: equal on all targets to the last bit, and random by a calibrated battery of tests.

A battery is a dictionary of p-values. It rejects a generator if the smallest of its K p-values is
below ALPHA / K (Bonferroni), so that it rejects a perfect generator with probability at most ALPHA.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from spikeconsol.brian import noise
from spikeconsol.brian.backend import TARGETS, Program, run

ALPHA = 1e-3
STEPS, NEURONS = 1000, 200
EXCESS = -(4 + 1 / 60) / (8 + 1 / 6) ** 2  # -0.060
N = 10
#: The program of test_backend.py, so that it is compiled once.
PROGRAM = Program(
    name="counting",
    builder=f"{Path(__file__).with_name('counting.py')}:build",
    structure={"dt": 1e-4, "n": N},
    inputs=("cells.gain", "cells.noise_seed", "cells.stream", "cells.y", "table"),
    outputs=("cells.y", "cells.steps", "cells.shown", "cells.normal_draw", "cells.uniform_draw"),
)


# -------------------------------------------------------------------------------- exactness


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(("seed", "stream", "steps"), [(0, 0, 1), (1, 3, 2), (2**31 - 1, 7, 500)])
def test_every_target_draws_the_same_bits(target, seed, stream, steps):
    values = {"cells.noise_seed": seed, "cells.stream": stream}
    drawn = run(PROGRAM, values, steps=steps, target=target)
    for kind, function in {"normal": noise.normal, "uniform": noise.uniform}.items():
        expected = function(seed, stream, steps - 1, np.arange(N))
        np.testing.assert_array_equal(drawn[f"cells.{kind}_draw"], expected)


def test_draws_do_not_depend_on_shape_or_order():
    steps, neurons = np.arange(7)[:, None], np.arange(5)
    table = noise.normal(3, 1, steps, neurons)
    for step in (6, 0, 3):
        np.testing.assert_array_equal(noise.normal(3, 1, step, neurons[::-1]), table[step, ::-1])


def test_normal_takes_its_distribution_of_two_uniforms_and_a_binomial():
    """Moments in closed form from the cumulants: -4 of the binomial, -1/60 of the dither."""
    variance = 8 + 1 / 6
    assert pytest.approx(variance**-0.5 / 65536, rel=1e-9) == noise._SCALE
    z = noise.normal(np.arange(20)[:, None], 1, 0, np.arange(100_000))
    excess = np.mean(z**4) / np.mean(z**2) ** 2 - 3
    assert abs(excess - EXCESS) < 4 * np.sqrt(24 / z.size)
    assert np.abs(z).max() < 17 * variance**-0.5


# ---------------------------------------------------------------------------------- battery


def correlation(x, y):
    """p-value of no correlation; under the null hypothesis r sqrt(n) is standard normal."""
    x, y = np.ravel(x) - np.mean(x), np.ravel(y) - np.mean(y)
    r = np.dot(x, y) / np.sqrt(np.dot(x, x) * np.dot(y, y))
    return 2 * stats.norm.sf(abs(r) * np.sqrt(x.size))


def battery(normal, uniform, seed, duration=STEPS):
    """p-values of a generator, two functions of (seed, stream, step, neuron)."""
    steps, neurons = np.arange(duration)[:, None], np.arange(NEURONS)
    z = normal(seed, 1, steps, neurons)
    u = uniform(seed, 1, steps, neurons)
    n = z.size

    def two_sided(estimate, expected, variance):
        return 2 * stats.norm.sf(abs(estimate - expected) / np.sqrt(variance / n))

    cells = np.bincount((u * 256).astype(int).ravel(), minlength=256)
    pairs = np.bincount(((u[1:] * 16).astype(int) * 16 + (u[:-1] * 16).astype(int)).ravel())
    p = {
        "mean": two_sided(z.mean(), 0, 1),
        "variance": two_sided(np.mean(z**2), 1, 2 + EXCESS),
        "skewness": two_sided(np.mean(z**3), 0, 15 + 15 * EXCESS),
        "kurtosis": two_sided(np.mean(z**4) - 6 * np.mean(z**2), EXCESS - 3, 24),
        "means of neurons": stats.chi2.sf(duration * np.sum(z.mean(axis=0) ** 2), NEURONS),
        "means of steps": stats.chi2.sf(NEURONS * np.sum(z.mean(axis=1) ** 2), duration),
        "uniform, chi-square": stats.chisquare(cells).pvalue,
        "uniform, Kolmogorov-Smirnov": stats.kstest(u.ravel(), "uniform").pvalue,
        "uniform, pairs of steps": stats.chisquare(pairs).pvalue if len(pairs) == 256 else 0.0,
        "streams": correlation(z, normal(seed, 2, steps, neurons)),
        "neighbouring seeds": correlation(z, normal(seed + 1, 1, steps, neurons)),
        "seed for stream": correlation(z, normal(1, seed, steps, neurons)),
        "step for neuron": correlation(
            z[:NEURONS][np.triu_indices(NEURONS, 1)], z[:NEURONS].T[np.triu_indices(NEURONS, 1)]
        ),
    }
    for lag in (1, 2, 3, 10, 100):
        p[f"steps, lag {lag}"] = correlation(z[lag:], z[:-lag])
        p[f"neurons, lag {lag}"] = correlation(z[:, lag:], z[:, :-lag])
        p[f"squares over steps, lag {lag}"] = correlation(z[lag:] ** 2, z[:-lag] ** 2)
        p[f"squares over neurons, lag {lag}"] = correlation(z[:, lag:] ** 2, z[:, :-lag] ** 2)
        p[f"diagonal, lag {lag}"] = correlation(z[lag:, lag:], z[:-lag, :-lag])
    return p


def rejected(p):
    return {name: value for name, value in p.items() if not value >= ALPHA / len(p)}


@pytest.mark.parametrize("seed", [5, 123, 2**31 - 2])
def test_noise_passes_the_battery(seed):
    assert not rejected(battery(noise.normal, noise.uniform, seed))


def test_p_values_are_calibrated():
    """Of a perfect generator, and of ours, each p-value is uniform: one in twenty below 0.05."""
    ours, numpys = [], []
    for seed in range(20):
        ours += battery(noise.normal, noise.uniform, seed + 1000, NEURONS).values()
        rng = np.random.default_rng(seed)

        def draw_normal(seed, stream, step, neuron, rng=rng):
            scale = np.sqrt(8 + 1 / 6)  # the same distribution, from another generator
            shape = np.broadcast_shapes(np.shape(step), np.shape(neuron))
            dither = rng.random(shape) - rng.random(shape)
            return (rng.binomial(32, 0.5, shape) - 16 + dither) / scale

        def draw_uniform(seed, stream, step, neuron, rng=rng):
            return rng.random(np.broadcast_shapes(np.shape(step), np.shape(neuron)))

        numpys += battery(draw_normal, draw_uniform, seed, NEURONS).values()
    for p in (ours, numpys):
        n = len(p)
        below = np.sum(np.array(p) < 0.05)
        # Four standard deviations of the binomial; the p-values are nearly independent.
        assert abs(below - 0.05 * n) < 4 * np.sqrt(0.05 * 0.95 * n), below / n


# ---------------------------------------------------------------------------- bad generators


def of_words(words):
    """Make normal and uniform numbers of a function that returns 32-bit words."""

    def uniform(*counter):
        return (words(*counter) & 0xFFFFFFFF) / 2**32

    def normal(*counter):
        return stats.norm.ppf(np.clip(uniform(*counter), 1e-12, 1 - 1e-12)) * 1.0

    return normal, uniform


def weyl(seed, stream, step, neuron):
    """Counter without mixing."""
    return (seed * 7919 + stream * 104729 + step * 0x9E3779B9 + neuron * 0x85EBCA6B) & 0xFFFFFFFF


def linear_congruential(seed, stream, step, neuron):
    """One step of a plain linear congruential generator from the counter."""
    return (1664525 * (seed * 65537 + stream * 257 + step * NEURONS + neuron) + 1013904223) >> 4


def without_stream(seed, stream, step, neuron):
    """Our mixing, with the stream left out."""
    return noise._bits(seed, 0, step, neuron).astype(np.uint64) >> np.uint64(32)


def stuck_bit(seed, stream, step, neuron):
    """Our mixing, with a stuck bit of sixteen."""
    return noise._bits(seed, stream, step, neuron).astype(np.int64) | (1 << 28)


def wrong_increment(seed, stream, step, neuron):
    """Our mixing, with neuron and step in one sum: diagonals repeat."""
    return noise._bits(seed, stream, 0, np.asarray(step) + neuron).astype(np.uint64)


@pytest.mark.parametrize(
    ("words", "caught_by"),
    [
        (weyl, "steps, lag 1"),
        (linear_congruential, "neurons, lag 1"),
        (without_stream, "streams"),
        (stuck_bit, "uniform, chi-square"),
        (wrong_increment, "step for neuron"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_battery_rejects_bad_generators(words, caught_by):
    normal, uniform = of_words(lambda *counter: np.asarray(words(*counter)).astype(np.int64))
    assert caught_by in rejected(battery(normal, uniform, 5))
