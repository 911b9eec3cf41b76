"""Training compiled by JAX: gradients by automatic differentiation, a chunk of episodes per call.

Shares trace rules, losses, optimisers and constraints with the NumPy form; what is its own is the
gradient, which makes it a check of the analytic one. Always in double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikeconsol.metaplasticity.network import FeedForward, Network, Plasticity
from spikeconsol.metaplasticity.optimiser import Optimiser
from spikeconsol.metaplasticity.rules import RULES
from spikeconsol.metaplasticity.tasks import Episodes, Task

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError as error:
    raise ImportError(
        "backend: got 'jax', but JAX is not installed; allowed: pip install 'spikeconsol[jax]', "
        "or backend='numpy'"
    ) from error

__all__ = ["gradient", "learn_chunk"]

Array = Any


def learn_chunk(
    network: Network,
    optimiser: Optimiser,
    theta: NDArray,
    state: NDArray,
    episodes: Episodes,
    done: int,
) -> tuple[NDArray, NDArray, NDArray]:
    """Learn from the episodes, (E, R, ...), one after another; return the outputs with it."""
    _feed_forward(network)
    with jax.enable_x64(True):
        found = _compiled(network.task, network.plasticity, optimiser)(
            theta, state, *_runs_last(episodes), done
        )
        theta, state, o = (np.asarray(part) for part in found)
    return theta, state, np.moveaxis(o, -1, 1)


def gradient(network: Network, theta: NDArray, episode: Episodes) -> NDArray:
    """Return the gradient on one episode of each run by automatic differentiation, (R, P)."""
    forward = _feed_forward(network)
    with jax.enable_x64(True):
        differentiate = jax.jit(jax.grad(lambda theta, *parts: _loss(forward, theta, *parts)[0]))
        parts = (part[0] for part in _runs_last(episode.reshape(1, len(theta))))
        return np.asarray(forward.constrain(differentiate(theta, *parts), jnp))


def _feed_forward(network: Network) -> FeedForward:
    if not isinstance(network, FeedForward) or network.gradient != "exact":
        raise ValueError(
            "backend: got 'jax'; allowed: numpy, for recurrent networks and for legacy gradients"
        )
    return network


def _runs_last(episodes: Episodes) -> tuple[NDArray, NDArray, NDArray]:
    """Return inputs, targets and scored steps as (E, T, ..., R).

    With runs as the last axis, every step compiles to vector instructions.
    """
    return (
        np.moveaxis(episodes.x, 1, -1),
        np.moveaxis(episodes.target, 1, -1),
        np.moveaxis(episodes.scored[..., 0], 1, -1),
    )


def _loss(
    network: FeedForward, theta: Array, x: Array, target: Array, scored: Array
) -> tuple[Array, Array]:
    """Return the loss, summed over runs, and the outputs, (T, Z, R)."""
    # Parameters of all layers and of the readout with runs last: w is (Y, K, R).
    parameters = {name: jnp.moveaxis(value, 0, -1) for name, value in network.views(theta).items()}
    rule = RULES[network.plasticity.rule]
    for layer in network.layers(parameters, jnp):
        # Computing a step again on the way back is quicker than storing it.
        @jax.checkpoint
        def step(state: Any, x_t: Array, layer: Any = layer) -> tuple[Any, Array]:
            effective = layer.w + layer.alpha * state[0]
            y = jnp.tanh((effective * x_t).sum(axis=1) + layer.b)
            return rule.step(state, x_t, y[:, None], layer.gamma), y

        start = tuple(jnp.zeros(layer.w.shape) for _ in range(rule.size))
        _, x = lax.scan(step, start, x)
    o = x
    if "V" in parameters:
        o = (parameters["V"] * x[:, None]).sum(axis=2)
    o = o + parameters["c"]
    return (network.losses(o, target, jnp, axis=1) * scored).sum(), o


@lru_cache(maxsize=16)
def _compiled(task: Task, plasticity: Plasticity, optimiser: Optimiser) -> Callable[..., Any]:
    network = FeedForward(task, plasticity)
    differentiate = jax.grad(lambda *parts: _loss(network, *parts), has_aux=True)

    def learn(carry: Any, episode: Any) -> tuple[Any, Array]:
        theta, state, count = carry
        g, o = differentiate(theta, *episode)
        theta, state = optimiser.step(
            theta, network.constrain(g, jnp), state, count, network.penalised, jnp
        )
        return (network.project(theta, jnp), state, count + 1), o

    @jax.jit
    def chunk(
        theta: Array, state: Array, x: Array, target: Array, scored: Array, done: Array
    ) -> Any:
        (theta, state, _), o = lax.scan(learn, (theta, state, done), (x, target, scored))
        return theta, state, o

    return chunk
