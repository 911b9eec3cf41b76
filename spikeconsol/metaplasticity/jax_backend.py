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
            theta, state, episodes.x, episodes.target, episodes.scored, done
        )
        theta, state, o = (np.asarray(part) for part in found)
        return theta, state, o


def gradient(network: Network, theta: NDArray, episode: Episodes) -> NDArray:
    """Return the gradient on one episode of each run by automatic differentiation, (R, P)."""
    forward = _feed_forward(network)
    with jax.enable_x64(True):
        found = jax.jit(jax.grad(lambda theta: _loss(forward, theta, episode)[0]))(theta)
        return np.asarray(network.constrain(found, jnp))


def _feed_forward(network: Network) -> FeedForward:
    if not isinstance(network, FeedForward) or network.gradient != "exact":
        raise ValueError(
            "backend: got 'jax'; allowed: numpy, for recurrent networks and for legacy gradients"
        )
    return network


def _loss(network: FeedForward, theta: Array, episode: Episodes) -> tuple[Array, Array]:
    """Return the loss, summed over runs, and the outputs, (R, T, Z)."""
    parameters = network.views(theta)
    rule = RULES[network.plasticity.rule]
    x = jnp.transpose(jnp.asarray(episode.x), (1, 2, 0))
    # Runs are the last axis here, (Y, K, R), which compiles to vector instructions.
    for layer in network.layers(parameters, jnp):
        w, alpha, gamma = (
            jnp.moveaxis(part, 0, -1) if jnp.ndim(part) == 3 else part
            for part in (layer.w, layer.alpha, layer.gamma)
        )
        b = layer.b.T

        def step(
            state: Any, x_t: Array, w: Array = w, alpha: Array = alpha, b: Array = b, g: Any = gamma
        ) -> tuple[Any, Array]:
            y = jnp.tanh(((w + alpha * state[0]) * x_t).sum(axis=1) + b)
            return rule.step(state, x_t, y[:, None], g), y

        start = tuple(jnp.zeros(w.shape) for _ in range(rule.size))
        _, x = lax.scan(step, start, x)
    o = network.readout(parameters, jnp.transpose(x, (2, 0, 1)))
    leading = (jnp.moveaxis(part, -1, 0) for part in (o, episode.target))
    losses = network.losses(*leading, xp=jnp, axis=0)
    return (losses * episode.scored[..., 0]).sum(), o


@lru_cache(maxsize=16)
def _compiled(task: Task, plasticity: Plasticity, optimiser: Optimiser) -> Callable[..., Any]:
    network = FeedForward(task, plasticity)
    differentiate = jax.grad(lambda theta, episode: _loss(network, theta, episode), has_aux=True)

    def learn(carry: Any, episode: Any) -> tuple[Any, Array]:
        theta, state, count = carry
        g, o = differentiate(theta, Episodes(*episode))
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
