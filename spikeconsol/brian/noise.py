r"""Counter-based noise: the same numbers on every target, one compiled program for every seed.

A draw is a stateless function of (seed, stream, step, neuron). The 64-bit mixing function of
SplitMix64 turns seed, stream and step into the key of one time step, and key plus neuron into 64
random bits,

.. code-block:: none

    key  = mix(mix(seed, stream) + step * golden)
    bits = mix(key + (neuron + 1) * golden).

Nothing depends on the order of evaluation, so that compilers may vectorise the loop over neurons
and a run can be continued at any step. All arithmetic up to the last multiplication is on
integers: C++, Cython and NumPy give the same values to the last bit.

``uniform`` uses the upper 53 bits. ``normal`` adds a triangular dither from two 16-bit fields to
the population count of the other 32 bits,

.. code-block:: none

    z = (count - 16) + (a - b) / 65536,    count ~ Binomial(32, 1/2),

which is a piecewise linear density through the binomial's: variance 8 + 1/6 (scaled to 1), excess
kurtosis -0.060, largest value 5.9 standard deviations.

References
----------
Steele, Lea, Flood 2014, Fast splittable pseudorandom number generators, OOPSLA.
Salmon, Moraes, Dror, Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, SC11.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from brian2 import Function

__all__ = ["CPP_HEADER", "functions", "normal", "uniform"]

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
#: Standard deviation of count + dither, in units of 1/65536; (1 - 2**-32)/6 is the dither's part.
_SCALE = 1 / (65536 * math.sqrt(8 + (1 - 2**-32) / 6))


def uniform(seed: ArrayLike, stream: int, step: ArrayLike, neuron: ArrayLike) -> NDArray:
    """Uniform numbers in [0, 1).

    Parameters
    ----------
    seed : array_like of int
        Seed of the run, 0 to 2**31 - 1.
    stream : int
        Number of the noise source; sources with different numbers are independent.
    step : array_like of int
        Index of the time step.
    neuron : array_like of int
        Index of the neuron.

    Returns
    -------
    ndarray of float
        Draws, of the broadcast shape of the arguments.
    """
    return (_bits(seed, stream, step, neuron) >> np.uint64(11)) * 2.0**-53


def normal(seed: ArrayLike, stream: int, step: ArrayLike, neuron: ArrayLike) -> NDArray:
    """Standard normal numbers; arguments as for `uniform`."""
    bits = _bits(seed, stream, step, neuron)
    low = (bits & np.uint64(0xFFFFFFFF)).astype(np.int64)
    low = low - ((low >> 1) & 0x55555555)
    low = (low & 0x33333333) + ((low >> 2) & 0x33333333)
    low = (low + (low >> 4)) & 0x0F0F0F0F
    count = ((low * 0x01010101) >> 24) & 0xFF
    dither = (bits >> np.uint64(48)).astype(np.int64) - (
        (bits >> np.uint64(32)) & np.uint64(0xFFFF)
    ).astype(np.int64)
    return ((count - 16) * 65536 + dither) * _SCALE


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(_FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(_SECOND)
    return z ^ (z >> np.uint64(31))


def _bits(seed: ArrayLike, stream: ArrayLike, step: ArrayLike, neuron: ArrayLike) -> NDArray:
    # At least one dimension: NumPy warns of the intended overflow for scalars only.
    seed, stream, step, neuron = (
        np.atleast_1d(np.asarray(value)).astype(np.uint64) for value in (seed, stream, step, neuron)
    )
    key = _mix((seed << np.uint64(32)) + stream + np.uint64(_GOLDEN))
    key = _mix(key + step * np.uint64(_GOLDEN))
    return _mix(key + (neuron + np.uint64(1)) * np.uint64(_GOLDEN))


#: C++ source of both functions, for compiled targets.
CPP_HEADER = f"""
#ifndef SPIKECONSOL_NOISE
#define SPIKECONSOL_NOISE
#include <cstdint>
static inline uint64_t spikeconsol_mix(uint64_t z) {{
    z = (z ^ (z >> 30)) * {_FIRST}ULL;
    z = (z ^ (z >> 27)) * {_SECOND}ULL;
    return z ^ (z >> 31);
}}
static inline uint64_t spikeconsol_bits(int64_t seed, int64_t stream, int64_t step, int64_t i) {{
    uint64_t key = spikeconsol_mix(((uint64_t)seed << 32) + (uint64_t)stream + {_GOLDEN}ULL);
    key = spikeconsol_mix(key + (uint64_t)step * {_GOLDEN}ULL);
    return spikeconsol_mix(key + ((uint64_t)i + 1) * {_GOLDEN}ULL);
}}
static inline double spikeconsol_uniform(int64_t seed, int64_t stream, int64_t step, int64_t i) {{
    return (double)(int64_t)(spikeconsol_bits(seed, stream, step, i) >> 11) * {2.0**-53!r};
}}
static inline double spikeconsol_normal(int64_t seed, int64_t stream, int64_t step, int64_t i) {{
    const uint64_t bits = spikeconsol_bits(seed, stream, step, i);
    uint32_t low = (uint32_t)bits;  // population count in a form that every compiler vectorises
    low = low - ((low >> 1) & 0x55555555u);
    low = (low & 0x33333333u) + ((low >> 2) & 0x33333333u);
    low = (low + (low >> 4)) & 0x0F0F0F0Fu;
    const int32_t count = (int32_t)((low * 0x01010101u) >> 24);
    const int32_t dither = (int32_t)(bits >> 48) - (int32_t)((bits >> 32) & 0xFFFF);
    return (double)((count - 16) * 65536 + dither) * {_SCALE!r};
}}
#endif
"""


@cache
def functions() -> dict[str, Function]:
    """Brian2 functions ``normal`` and ``uniform`` of (seed, stream, step, neuron).

    In equations, for example ``normal(noise_seed, 1, t_in_timesteps, i)``, with ``noise_seed`` an
    integer that is shared and constant. Both are pure: the same arguments give the same number.
    """
    from brian2 import Function

    made = {}
    for name, in_numpy in {"normal": normal, "uniform": uniform}.items():
        function = Function(in_numpy, arg_units=[1, 1, 1, 1], return_unit=1, stateless=True)
        function.implementations.add_implementation("numpy", _broadcast(in_numpy))
        function.implementations.add_implementation("cpp", CPP_HEADER, name=f"spikeconsol_{name}")
        function.implementations.add_implementation(
            "cython",
            f'''
cdef extern from *:
    """{CPP_HEADER}"""
    double spikeconsol_{name}(long long seed, long long stream, long long step, long long i)
''',
            name=f"spikeconsol_{name}",
        )
        made[name] = function
    return made


def _broadcast(function):  # type: ignore[no-untyped-def]
    def draw(seed: ArrayLike, stream: int, step: ArrayLike, neuron: ArrayLike) -> NDArray:
        drawn = function(seed, stream, step, neuron)
        return drawn if np.ndim(neuron) else drawn[0]

    return draw
