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
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Learn from the episodes, arrays of shape (E, R, ...), one after another."""
    with jax.enable_x64(True):
        _feed_forward(network)
        found = _compiled(network.task, network.plasticity, optimiser)(
            theta, state, episodes.x, episodes.target, episodes.scored, done
        )
        # Copies: the training goes on changing what it gets.
        return tuple(np.array(part) for part in found)  # type: ignore[return-value]


def gradient(network: Network, theta: NDArray, episode: Episodes) -> NDArray:
    """Return the gradient on one episode of each run by automatic differentiation, (R, P)."""
    network = _feed_forward(network)
    with jax.enable_x64(True):
        found = jax.grad(lambda parameters: _loss(network, parameters, episode)[0])(
            jnp.asarray(theta)
        )
        return np.array(network.constrain(found, jnp))


def _feed_forward(network: Network) -> FeedForward:
    if not isinstance(network, FeedForward) or network.gradient != "exact":
        raise ValueError(
            "backend: got 'jax'; allowed: numpy, for recurrent networks and for legacy gradients"
        )
    return network


def _loss(network: FeedForward, theta: Array, episode: Episodes) -> tuple[Array, Any]:
    """Return the loss, summed over runs, with errors and accuracies."""
    parameters = network.views(theta)
    rule = RULES[network.plasticity.rule]
    x = jnp.moveaxis(jnp.asarray(episode.x), -2, 0)
    for layer in network.layers(parameters, jnp):

        def step(state: Any, x_t: Array, layer: Any = layer) -> tuple[Any, Array]:
            effective = layer.w + layer.alpha * state[0]
            y = jnp.tanh((effective * x_t[..., None, :]).sum(axis=-1) + layer.b)
            return rule.step(state, x_t[..., None, :], y[..., None], layer.gamma), y

        start = tuple(jnp.zeros(layer.w.shape) for _ in range(rule.size))
        _, x = lax.scan(step, start, x)
    o = network.readout(parameters, jnp.moveaxis(x, 0, -2))
    losses, _ = network.losses(o, episode.target, jnp)
    outcome = network.outcome(losses, o, episode)
    total = (losses * episode.scored[..., 0]).sum()
    return total, (outcome.error, outcome.accuracy)


@lru_cache(maxsize=16)
def _compiled(task: Task, plasticity: Plasticity, optimiser: Optimiser) -> Callable[..., Any]:
    network = FeedForward(task, plasticity)
    differentiate = jax.grad(lambda theta, episode: _loss(network, theta, episode), has_aux=True)

    def learn(carry: Any, episode: Any) -> tuple[Any, Any]:
        theta, state, count = carry
        g, scores = differentiate(theta, Episodes(*episode))
        theta, state = optimiser.step(
            theta, network.constrain(g, jnp), state, count, network.penalised, jnp
        )
        return (network.project(theta, jnp), state, count + 1), scores

    @jax.jit
    def chunk(
        theta: Array, state: Array, x: Array, target: Array, scored: Array, done: Array
    ) -> Any:
        (theta, state, _), scores = lax.scan(learn, (theta, state, done), (x, target, scored))
        return theta, state, *scores

    return chunk
