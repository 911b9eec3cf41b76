"""What trained networks have found: signs, life of traces, curvature, consolidation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikeconsol import checks
from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.tasks import Episodes, OneShot

__all__ = ["Transfer", "alpha_sign", "task_curvature", "trace_growth", "transfer"]

Named = Mapping[str, NDArray]


def alpha_sign(alpha: NDArray, label_inputs: int = 0) -> NDArray[np.int_]:
    """Return the sign that all coefficients of a cell share, else 0.

    Parameters
    ----------
    alpha : ndarray, shape (..., Y, K)
        Plasticity coefficients.
    label_inputs : int, optional
        Leading inputs to leave out.

    Returns
    -------
    ndarray of int, shape (..., Y)
    """
    alpha = checks.array("alpha", alpha)
    if alpha.ndim < 2:
        raise ValueError(f"alpha: got shape {alpha.shape}; allowed: (..., cells, inputs)")
    part = alpha[..., checks.whole("label_inputs", label_inputs, at_least=0) :]
    return (part > 0).all(axis=-1).astype(int) - (part < 0).all(axis=-1).astype(int)


def trace_growth(trace: NDArray, start: int, stop: int) -> NDArray[np.float64]:
    """Return the growth per step of traces between two steps, by least squares on logarithms.

    Parameters
    ----------
    trace : ndarray, shape (..., T, Y)
        Mean magnitude of the traces of each cell at each step.
    start, stop : int
        First step and the one after the last.

    Returns
    -------
    ndarray, shape (..., Y)
        Negative where traces fade; ln(2) over its magnitude is their half-life in steps.
    """
    trace = checks.array("trace", trace)
    start, stop = checks.whole("start", start), checks.whole("stop", stop)
    if trace.ndim < 2 or not trace.size:
        raise ValueError(f"trace: got shape {trace.shape}; allowed: (..., steps, cells)")
    if not 0 <= start < stop - 1 < trace.shape[-2]:
        raise ValueError(
            f"start, stop: got {start}, {stop}; allowed: two steps or more of {trace.shape[-2]}"
        )
    time = np.arange(start, stop) - (start + stop - 1) / 2
    logarithm = np.log(trace[..., start:stop, :])
    return np.einsum("t,...ty->...y", time, logarithm) / (time @ time)


def task_curvature(
    network: Network, parameters: Named, episodes: Episodes, *, step: float = 1e-4
) -> NDArray[np.float64]:
    r"""Curvature of a task's loss along every fixed weight, :math:`\partial^2 L/\partial w^2`.

    By central differences of the exact gradient, averaged over episodes.

    Parameters
    ----------
    network : Network
    parameters : mapping of ndarray, shape (R, ...)
        Trained parameters.
    episodes : Episodes
        Arrays of shape (E, R, T, ...).
    step : float, optional
        Displacement of a weight.

    Returns
    -------
    ndarray, shape (R, Y, K)
    """
    checks.instance("network", network, Network)
    checks.instance("parameters", parameters, Mapping, "arrays by their names")
    checks.instance("episodes", episodes, Episodes)
    step = checks.number("step", step, above=0)
    theta = network.flatten(parameters)
    E, R = episodes.x.shape[:2]
    # Every episode of every run is a run of its own here.
    flat = episodes.reshape(E * R)
    Y, K = network.shapes["w"]
    curvature = np.empty((R, Y * K))
    every_w = network.views(np.arange(network.size))["w"].ravel()
    for column, index in enumerate(every_w):
        slopes = []
        for sign in (1, -1):
            moved = theta.copy()
            moved[:, index] += sign * step
            g, _ = network.learn(np.tile(moved, (E, 1)), flat)
            slopes.append(g[:, index].reshape(E, R).mean(axis=0))
        curvature[:, column] = (slopes[0] - slopes[1]) / (2 * step)
    return curvature.reshape(R, Y, K)


@dataclass(frozen=True)
class Transfer:
    """Memory across episodes when a part of each trace moves into the fixed weights.

    Attributes
    ----------
    old : ndarray, shape (R, M)
        Accuracy on the patterns of the first episode, shown without labels and without traces,
        after 0 to M - 1 further episodes.
    new : ndarray, shape (R, M)
        Accuracy within each episode, on its own patterns.
    """

    old: NDArray
    new: NDArray


def transfer(
    network: Network,
    parameters: Named,
    *,
    fraction: float,
    episodes: int,
    lives: int,
    rng: np.random.Generator,
) -> Transfer:
    r"""Consolidate at the end of every episode, :math:`w \leftarrow w + \rho\,\alpha H`.

    Parameters
    ----------
    network : Network
        Of a `OneShot` task.
    parameters : mapping of ndarray, shape (R, ...)
        Trained parameters.
    fraction : float
        The part :math:`\rho` of the plastic weight that becomes fixed.
    episodes : int
        Episodes M in a life; each has its own patterns.
    lives : int
        Independent repeats, over which accuracies are averaged.
    rng : numpy.random.Generator
        Of the episodes.
    """
    checks.instance("network", network, Network)
    checks.instance("parameters", parameters, Mapping, "arrays by their names")
    checks.instance("rng", rng, np.random.Generator)
    fraction = checks.number("fraction", fraction, at_least=0)
    episodes = checks.whole("episodes", episodes, at_least=1)
    lives = checks.whole("lives", lives, at_least=1)
    task = network.task
    if not isinstance(task, OneShot) or task.layers > 1:
        raise ValueError(f"task: got {task}; allowed: OneShot, of one layer")
    R = len(parameters["w"])
    # Leading dimensions (lives, runs): every life has its own fixed weights.
    state = {
        name: np.broadcast_to(value, (lives, *value.shape)) for name, value in parameters.items()
    }
    old, new = np.empty((2, R, episodes))
    first: Episodes | None = None
    for m in range(episodes):
        shown = task.draw(rng, lives * R).reshape(lives, R)
        outcome = network.run(state, shown)
        new[:, m] = outcome.accuracy.mean(axis=0)
        assert outcome.activity is not None
        w = state["w"] + fraction * state["alpha"] * outcome.activity.final_trace
        state = {**state, "w": w}
        first = shown if first is None else first
        # Traces start at zero in every call, and the labels are taken away.
        x = first.x[:, :, : task.patterns].copy()
        x[..., : task.patterns] = 0
        recall = network.run(
            state,
            Episodes(x, first.target[:, :, : task.patterns], np.ones((*x.shape[:-1], 1), bool)),
        )
        old[:, m] = recall.accuracy.mean(axis=0)
    return Transfer(old, new)
