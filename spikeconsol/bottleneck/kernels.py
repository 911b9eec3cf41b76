"""The loop of `Network.learn` compiled with numba, on the same arrays.

Two things decide the speed by a factor of ten each: ``error_model="numpy"`` (a branch for division
by zero would keep the Adam loop from using vector instructions), and the floors added to Adam's
moments (see `network.FLOORS`). Scalars are cast to the arrays' type, else single precision would
be computed in double.

All of it is one file on purpose: numba compiles a stored function again when its own file changes,
but not when a function that it calls has changed in another one.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np

from spikeconsol.bottleneck.hsic import VARIANTS
from spikeconsol.bottleneck.network import DECAYS, FLOORS, POWER_DECAY
from spikeconsol.bottleneck.parameters import IMPORTANCES

jit = numba.njit(cache=True, fastmath=True, error_model="numpy")

#: Memories and signals, as numbers.
NONE, WINDOW, PROTOTYPES, CLASS_MEANS = range(4)
MEMORY, FROZEN, RANDOM, PER_CLASS, HEBB, BACKPROP = range(6)
_EXACT, _ROW_CENTRED, _DIAG_RELEASE, _DIAG_PREFIX, _PHSIC = (
    VARIANTS.index(name)
    for name in ("exact", "row_centred", "diag_release", "diag_prefix", "phsic")
)
_COINCIDENCE, _FISHER = (IMPORTANCES.index(name) for name in ("coincidence", "fisher"))
_B1, _B2 = DECAYS
_EPSILON = 1e-8
_FLOOR1, _FLOOR2 = FLOORS


class Weights(NamedTuple):
    """Arrays of a network, of all layers."""

    weights: Any
    gradients: Any
    first_moments: Any
    second_moments: Any
    membranes: Any
    codes: Any
    class_vectors: Any
    power: Any
    deviations: Any
    counters: Any
    importance: Any
    plasticity: Any
    compared: Any


class Samples(NamedTuple):
    """The inputs that windows share."""

    inputs: Any
    labels: Any
    kernel_row: Any
    cursor: Any


class Windows(NamedTuple):
    """Windows of all layers."""

    codes: Any
    code_kernel_row: Any
    contrast: Any


class Means(NamedTuple):
    """Prototypes or class means of all layers."""

    means: Any
    seen: Any
    code: Any
    cursor: Any


class Constants(NamedTuple):
    """Numbers; real ones in the type of the arrays."""

    signal: int
    variant: int
    memory: int
    tanh: bool
    gate: bool
    carried: bool
    adam: bool
    importance: int
    protected: bool
    steps: int
    update_every: int
    leak: Any
    rate: Any
    readout_rate: Any
    gamma: Any
    input_scale: Any  # 1 / (2 s_x^2 d_x)
    other_class: Any
    input_weight: Any
    code_weight: Any
    code_width: Any
    memory_rate: Any


@jit
def learn(X, labels, memory_labels, noise, schedule, weight, net, samples, windows, means, c):  # type: ignore[no-untyped-def]
    """Learn from samples in the order given; all arrays are those of the network."""
    layers = len(net.membranes)
    real = X.dtype.type
    classes = net.weights[layers].shape[1]
    p = np.empty(classes, X.dtype)
    widest = 0
    for layer in range(layers):
        widest = max(widest, len(net.membranes[layer]))
    xi = np.empty(widest, X.dtype)
    above = np.empty(widest, X.dtype)
    most = 0
    for layer in range(layers + 1):
        most = max(most, len(net.weights[layer]))
    active = np.empty((layers + 1, most), np.int64)  # presynaptic units that are not silent
    n_active = np.empty(layers + 1, np.int64)
    at_once = c.update_every == 1 and not c.protected  # no need to accumulate
    pair = np.empty(samples.inputs.shape[0], X.dtype)
    column = np.empty(samples.inputs.shape[0], X.dtype)
    for i in range(len(X)):
        x, label, memory_label = X[i], labels[i], memory_labels[i]
        for step in range(c.steps):
            for layer in range(layers):
                below = x if layer == 0 else net.codes[layer - 1]
                z = net.codes[layer]
                n_active[layer] = _affine(below, net.weights[layer], z, active[layer])
                _activate(z, layer, net, c)
            top = net.codes[layers - 1]
            n_active[layers] = _affine(top, net.weights[layers], p, active[layers])
            _softmax(p, net.compared)
            gate = c.leak * (real(1) - p[label]) if c.gate else c.leak
            p[label] -= real(1)
            if c.signal == BACKPROP:
                _matvec(net.weights[layers], p, above)
            net.counters[1] += 1
            if net.counters[1] == c.update_every:
                net.counters[0] += 1
            rate = c.readout_rate * schedule[i]
            presynaptic = active[layers, : n_active[layers]]
            _learn_weights(net, layers, top, p, presynaptic, weight[i], rate, at_once, c)
            if c.signal != FROZEN:
                if c.memory == WINDOW and step == 0:
                    _push_sample(samples, x, memory_label, c)
                start = 0
                for layer in range(layers):
                    start += len(net.membranes[layer])
                for down in range(layers):
                    layer = layers - 1 - down
                    z = net.codes[layer]
                    start -= len(z)
                    if c.memory == WINDOW:
                        _revise_window(samples, windows, layer, z, c)
                        _window_signal(samples, windows, layer, pair, column, xi, c)
                    elif c.memory == PROTOTYPES or c.memory == CLASS_MEANS:
                        _push_mean(means, layer, memory_label, z, step == 0, c)
                        if c.memory == PROTOTYPES:
                            _prototype_signal(means, layer, xi, c)
                        else:
                            _class_mean_signal(means, layer, xi, c)
                    else:
                        for j in range(len(z)):
                            if c.signal == BACKPROP:
                                xi[j] = above[j]
                            elif c.signal == RANDOM:
                                xi[j] = noise[i, start + j]
                            elif c.signal == PER_CLASS:
                                xi[j] = net.class_vectors[layer][label, j]
                            else:
                                xi[j] = real(-1)
                    du = xi[: len(z)]
                    _to_membrane(du, layer, net, gate, c)
                    if c.signal == BACKPROP and layer > 0:
                        _matvec(net.weights[layer], du, above)
                    if not c.adam:
                        _normalise(du, layer, net)
                    below = x if layer == 0 else net.codes[layer - 1]
                    presynaptic = active[layer, : n_active[layer]]
                    rate = c.rate * schedule[i]
                    _learn_weights(net, layer, below, du, presynaptic, weight[i], rate, at_once, c)
                    if c.importance == _COINCIDENCE or c.importance == _FISHER:
                        _gather_importance(net, layer, below, du, c)
            if net.counters[1] == c.update_every:
                if not at_once:
                    first = layers if c.signal == FROZEN else 0
                    for layer in range(first, layers + 1):
                        rate = c.readout_rate if layer == layers else c.rate
                        _update(net, layer, rate * schedule[i], c)
                net.counters[1] = 0


@jit
def _affine(below, weights, out, active):  # type: ignore[no-untyped-def]
    """Weighted sum of the inputs that are not silent; lists these and returns their number."""
    n = 0
    for k in range(len(below)):
        active[n] = k
        n += below[k] != 0
    for j in range(len(out)):
        out[j] = weights[len(below), j]
    # Four rows at a time, so that the sums are loaded and stored less often.
    i = 0
    while i + 3 < n:
        k0, k1, k2, k3 = active[i], active[i + 1], active[i + 2], active[i + 3]
        a0, a1, a2, a3 = below[k0], below[k1], below[k2], below[k3]
        for j in range(len(out)):
            out[j] += a0 * weights[k0, j] + a1 * weights[k1, j]
            out[j] += a2 * weights[k2, j] + a3 * weights[k3, j]
        i += 4
    while i < n:
        k0 = active[i]
        a0 = below[k0]
        for j in range(len(out)):
            out[j] += a0 * weights[k0, j]
        i += 1
    return n


@jit
def _activate(z, layer, net, c):  # type: ignore[no-untyped-def]
    """Membranes from their input in z; then z from the membranes."""
    u = net.membranes[layer]
    units = len(u)
    real = u.dtype.type
    mean = real(0)
    for j in range(units):
        u[j] += c.leak * (z[j] - u[j])
        if c.tanh:
            z[j] = np.tanh(u[j])
        else:
            z[j] = max(u[j], real(0))
            mean += z[j]
    if not c.tanh:
        mean /= real(units)
        variance = real(0)
        for j in range(units):
            z[j] -= mean
            variance += z[j] * z[j]
        deviation = np.sqrt(variance / real(units) + real(1e-6))
        net.deviations[layer] = deviation
        for j in range(units):
            z[j] /= deviation


@jit
def _softmax(p, compared):  # type: ignore[no-untyped-def]
    largest = p[compared > 0].max()
    total = p.dtype.type(0)
    for k in range(len(p)):
        p[k] = np.exp(p[k] - largest) if compared[k] > 0 else p.dtype.type(0)
        total += p[k]
    for k in range(len(p)):
        p[k] /= total


@jit
def _learn_weights(net, layer, below, du, active, weight, rate, at_once, c):  # type: ignore[no-untyped-def]
    """Change the weights at once, or accumulate the change."""
    if not at_once:
        _add_outer(net.gradients[layer], below, du, active, weight)
    elif c.adam:
        _adam_outer(net, layer, below, du, weight, rate)
    else:
        _add_outer(net.weights[layer], below, du, active, -rate * weight)


@jit
def _add_outer(target, below, du, active, scale):  # type: ignore[no-untyped-def]
    for i in range(len(active)):
        k = active[i]
        a = below[k] * scale
        for j in range(len(du)):
            target[k, j] += a * du[j]
    last = len(below)
    for j in range(len(du)):
        target[last, j] += scale * du[j]


@jit
def _gather_importance(net, layer, below, du, c):  # type: ignore[no-untyped-def]
    importance, u = net.importance[layer], net.membranes[layer]
    for k in range(len(below)):
        for j in range(len(du)):
            if c.importance == _FISHER:
                importance[k, j] += (below[k] * du[j]) ** 2
            elif u[j] > 0:
                importance[k, j] += abs(below[k])


@jit
def _unbias(net, rate):  # type: ignore[no-untyped-def]
    """Factors on the running averages of Adam that correct for their beginning at zero."""
    real, updates = net.power.dtype.type, net.counters[0]
    return rate * real(1 / (1 - _B1**updates)), real(1 / (1 - _B2**updates))


@jit
def _adam_row(weights, m, v, du, a, step, unbias):  # type: ignore[no-untyped-def]
    """Adam step of a row of weights with the gradient a x du, which is never stored."""
    real = weights.dtype.type
    b1, b2, epsilon = real(_B1), real(_B2), real(_EPSILON)
    new1, new2 = real(1 - _B1), real(1 - _B2)
    floor1, floor2 = real(_FLOOR1), real(_FLOOR2)
    for j in range(len(du)):
        g = a * du[j]
        new_m = b1 * m[j] + new1 * g + floor1
        new_v = b2 * v[j] + new2 * g * g + floor2
        m[j] = new_m
        v[j] = new_v
        weights[j] -= step * new_m / (np.sqrt(new_v * unbias) + epsilon)


@jit
def _adam_outer(net, layer, below, du, weight, rate):  # type: ignore[no-untyped-def]
    weights, m, v = net.weights[layer], net.first_moments[layer], net.second_moments[layer]
    step, unbias = _unbias(net, rate)
    for k in range(len(weights)):
        a = below[k] * weight if k < len(below) else weight
        _adam_row(weights[k], m[k], v[k], du, a, step, unbias)


@jit
def _matvec(weights, vector, out):  # type: ignore[no-untyped-def]
    for k in range(len(weights) - 1):
        total = vector.dtype.type(0)
        for j in range(len(vector)):
            total += weights[k, j] * vector[j]
        out[k] = total


@jit
def _mean_square_kernel(rows, newest, scale, out):  # type: ignore[no-untyped-def]
    """Gaussian kernel of one row with all; scale = 1 / (2 s^2 d)."""
    here = rows[newest]
    for p in range(len(rows)):
        there = rows[p]
        total = rows.dtype.type(0)
        for k in range(len(here)):
            difference = there[k] - here[k]
            total += difference * difference
        out[p] = np.exp(-total * scale)


@jit
def _push_sample(samples, x, label, c):  # type: ignore[no-untyped-def]
    length = len(samples.inputs)
    newest = (samples.cursor[0] + 1) % length
    samples.cursor[0] = newest
    samples.cursor[1] = min(samples.cursor[1] + 1, length)
    samples.inputs[newest] = x
    samples.labels[newest] = label
    _mean_square_kernel(samples.inputs, newest, c.input_scale, samples.kernel_row)


@jit
def _revise_window(samples, windows, layer, z, c):  # type: ignore[no-untyped-def]
    now = samples.cursor[0]
    codes, kz = windows.codes[layer], windows.code_kernel_row[layer]
    real = codes.dtype.type
    codes[now] = z
    _mean_square_kernel(codes, now, real(0.5) / (c.code_width * c.code_width * real(len(z))), kz)
    contrast = windows.contrast[layer]
    for p in range(len(codes)):
        same = samples.labels[p] == samples.labels[now]
        ky = real(1) if same else c.other_class
        value = (
            c.input_weight * samples.kernel_row[p] + real(2) * c.code_weight * kz[p] - c.gamma * ky
        )
        contrast[now, p] = value
        contrast[p, now] = value


@jit
def _window_signal(samples, windows, layer, weights, column, xi, c):  # type: ignore[no-untyped-def]
    now, held = samples.cursor[0], samples.cursor[1]
    A, codes, kz = windows.contrast[layer], windows.codes[layer], windows.code_kernel_row[layer]
    real = codes.dtype.type
    units = codes.shape[1]
    for j in range(units):
        xi[j] = 0
    if held < 2:
        return
    # A is symmetric: row means are column means.
    N = real(held)
    for p in range(held):
        column[p] = 0
    for q in range(held):
        for p in range(held):
            column[p] += A[q, p]
    grand, trace = real(0), real(0)
    for p in range(held):
        grand += column[p]
        trace += A[p, p]
        column[p] /= N
    scale = real(2) / ((N - real(1)) * (N - real(1)))
    pair_mean = (grand - trace) / (N * (N - real(1)))
    grand /= N * N
    previous = (now - 1) % len(codes)
    for p in range(held):
        if c.variant == _EXACT:
            w = -scale * (A[now, p] - column[now] - column[p] + grand)
        elif c.variant == _ROW_CENTRED:
            w = -scale * (A[now, p] - column[now])
        elif c.variant == _PHSIC:
            w = pair_mean - A[now, p] if p == previous else real(0)
        else:
            w = A[now, now] - column[now]
            if c.variant == _DIAG_RELEASE:
                w += A[p, p] - column[p]
            w *= scale / N
        weights[p] = w * kz[p] / (c.code_width * c.code_width * real(units))
    for p in range(held):
        if p != now:
            for j in range(units):
                xi[j] += weights[p] * (codes[now, j] - codes[p, j])


@jit
def _push_mean(means, layer, label, z, first, c):  # type: ignore[no-untyped-def]
    code, cursor = means.code[layer], means.cursor[layer]
    before = cursor[0]
    if first and before >= 0:
        mean = means.means[layer][before]
        rate = c.memory_rate if means.seen[layer][before] else z.dtype.type(1)
        for j in range(len(z)):
            mean[j] += rate * (code[j] - mean[j])
        means.seen[layer][before] += 1
    cursor[0] = label
    code[:] = z


@jit
def _prototype_signal(means, layer, xi, c):  # type: ignore[no-untyped-def]
    mean, seen, z = means.means[layer], means.seen[layer], means.code[layer]
    label = means.cursor[layer][0]
    real = z.dtype.type
    units = len(z)
    for j in range(units):
        xi[j] = 0
    k = np.zeros(len(mean), z.dtype)
    a = np.zeros(len(mean), z.dtype)
    average, known = real(0), 0
    inverse = real(1) / (c.code_width * c.code_width * real(units))
    for m in range(len(mean)):
        if seen[m]:
            total = real(0)
            for j in range(units):
                difference = z[j] - mean[m, j]
                total += difference * difference
            k[m] = np.exp(-real(0.5) * total * inverse)
            a[m] = real(2) * c.code_weight * k[m]
            if m == label:
                a[m] -= c.gamma
            average += a[m]
            known += 1
    if known < 2:
        return
    average /= real(known)
    for m in range(len(mean)):
        if seen[m]:
            w = -real(2) * inverse * (a[m] - average) * k[m]
            for j in range(units):
                xi[j] += w * (z[j] - mean[m, j])


@jit
def _class_mean_signal(means, layer, xi, c):  # type: ignore[no-untyped-def]
    mean, seen = means.means[layer], means.seen[layer]
    label = means.cursor[layer][0]
    real = mean.dtype.type
    units = mean.shape[1]
    for j in range(units):
        xi[j] = 0
    known = 0
    for m in range(len(mean)):
        if seen[m]:
            known += 1
    if known < 2 or seen[label] == 0:
        return
    scale = real(2) * c.gamma / (c.code_width * c.code_width * real(units))
    for m in range(len(mean)):
        if seen[m]:
            for j in range(units):
                xi[j] += scale / real(known) * mean[m, j]
    for j in range(units):
        xi[j] -= scale * mean[label, j]


@jit
def _to_membrane(xi, layer, net, gate, c):  # type: ignore[no-untyped-def]
    z, u = net.codes[layer], net.membranes[layer]
    real = z.dtype.type
    units = len(z)
    if c.tanh:
        for j in range(units):
            xi[j] *= gate * (real(1) - z[j] * z[j])
        return
    mean, slope, scale = real(0), real(0), gate
    if c.carried:
        for j in range(units):
            mean += xi[j]
            slope += xi[j] * z[j]
        mean /= real(units)
        slope /= real(units)
        scale = gate / net.deviations[layer]
    for j in range(units):
        xi[j] = (xi[j] - mean - z[j] * slope) * scale if u[j] > 0 else real(0)


@jit
def _normalise(du, layer, net):  # type: ignore[no-untyped-def]
    real = du.dtype.type
    square = real(0)
    for j in range(len(du)):
        square += du[j] * du[j]
    square /= real(len(du))
    if net.power[layer] > 0:
        decay = real(POWER_DECAY)
        square = decay * net.power[layer] + (real(1) - decay) * square
    net.power[layer] = square
    if square > 0:
        factor = real(1) / np.sqrt(square)
        for j in range(len(du)):
            du[j] *= factor


@jit
def _update(net, layer, rate, c):  # type: ignore[no-untyped-def]
    """Change the weights by what has been accumulated, each as much as it may."""
    all_weights, gradients = net.weights[layer], net.gradients[layer]
    share = net.power.dtype.type(1) / net.power.dtype.type(net.counters[1])
    step, unbias = _unbias(net, rate)
    before = np.empty(all_weights.shape[1], all_weights.dtype)
    for k in range(len(all_weights)):
        weights, gradient = all_weights[k], gradients[k]
        if c.protected:
            before[:] = weights
        if c.adam:
            m, v = net.first_moments[layer][k], net.second_moments[layer][k]
            _adam_row(weights, m, v, gradient, share, step, unbias)
        else:
            for j in range(len(weights)):
                weights[j] -= rate * share * gradient[j]
        if c.protected:
            plasticity = net.plasticity[layer][k]
            for j in range(len(weights)):
                weights[j] = before[j] + plasticity[j] * (weights[j] - before[j])
        gradient[:] = 0
