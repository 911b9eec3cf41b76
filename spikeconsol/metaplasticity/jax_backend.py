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

from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.closed_loop import ClosedLoop, losses, runs_last
from spikeconsol.metaplasticity.lstm import LSTM
from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.optimiser import Learned, Learner, Optimiser
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.rules import find_rule
from spikeconsol.metaplasticity.task import Episodes, Task

try:
    import jax
    import jax.numpy as jnp
    from jax import lax
except ImportError as error:
    raise ImportError(
        "backend: got 'jax', but JAX is not installed; allowed: pip install 'spikeconsol[jax]', "
        "or backend='numpy'"
    ) from error

__all__ = ["gradient", "learner"]

Array = Any


def learner(network: Network, optimiser: Optimiser) -> Learner:
    """Return what does as `train` on its own for ``backend="numpy"``."""
    _differentiable(network)

    def learn(theta: NDArray, state: NDArray, episodes: Episodes, done: int) -> Learned:
        with jax.enable_x64(True):
            chunk = _compiled(network.task, network.plasticity, optimiser)
            found = chunk(theta, state, (episodes.x, episodes.target, episodes.scored), done)
            theta, state, error, accuracy = (np.asarray(part) for part in found)
        return theta, state, error, accuracy

    return learn


def gradient(network: Network, theta: NDArray, episode: Episodes) -> NDArray:
    """Return the gradient on one episode of each run by automatic differentiation, (R, P)."""
    forward = _differentiable(network)
    with jax.enable_x64(True):
        differentiate = jax.jit(jax.grad(lambda *parts: _loss(forward, *parts)[0]))
        g = differentiate(theta, (episode.x, episode.target, episode.scored))
        return np.asarray(forward.constrain(g, jnp))


def _differentiable(network: Network) -> Network:
    if network.gradient != "exact":
        raise ValueError("backend: got 'jax'; allowed: numpy, for legacy gradients")
    return network


def _loss(
    network: Network, theta: Array, episode: tuple[Array, Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    """Return the loss, summed over runs, and error and accuracy of each run, (R,)."""
    if isinstance(network, Recurrent):
        return _recurrent_loss(network, theta, episode)
    if isinstance(network, LSTM):
        return _lstm_loss(network, theta, episode)
    if isinstance(network, ClosedLoop):
        return _closed_loop_loss(network, theta, episode)
    assert isinstance(network, FeedForward)
    return _feed_forward_loss(network, theta, episode)


def _recurrent_loss(
    network: Recurrent, theta: Array, episode: tuple[Array, Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    parameters, u = network.views(theta), episode[0]
    w, alpha, gamma = parameters["w"], parameters["alpha"], network.gamma(parameters, jnp)

    @jax.checkpoint
    def step(carry: Any, u_t: Array) -> tuple[Any, None]:
        state, older, newer = carry
        state = network.rule.step(state, older[:, None, :], newer[:, :, None], gamma)
        a = ((w + alpha * state[0]) @ newer[:, :, None])[:, :, 0]
        return (state, newer, network.activity(a, u_t, jnp)), None

    silent = jnp.zeros(w.shape[:2])
    start = tuple(jnp.zeros(w.shape) for _ in range(network.rule.size))
    (_, _, y), _ = lax.scan(step, (start, silent, silent), jnp.moveaxis(u, 1, 0))
    return _recall(y[:, : network.task.outputs], episode)


def _lstm_loss(
    network: LSTM, theta: Array, episode: tuple[Array, Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    parameters, u = network.views(theta), episode[0]
    drive, held = (jnp.moveaxis(part, 1, 0) for part in network.driven(parameters, u, jnp))

    @jax.checkpoint
    def step(carry: Any, now: Any) -> tuple[Any, None]:
        drive, held = now
        return network.step(parameters["R"], carry, drive, held, jnp)[0], None

    (h, _), _ = lax.scan(step, network.silent(u.shape[:1], jnp), (drive, held))
    return _recall(h[:, : network.task.outputs], episode)


def _recall(o: Array, episode: tuple[Array, Array, Array]) -> tuple[Array, tuple[Array, Array]]:
    """Return the loss of outputs of the last step, (R, Z); error and accuracy of each run."""
    u, target, _ = episode
    wanted, blanked = target[:, -1], u[:, -1, : o.shape[1]] == 0
    right = ((jnp.sign(o) == jnp.sign(wanted)) & blanked).sum(axis=1) / blanked.sum(axis=1)
    return 0.5 * ((o - wanted) ** 2).sum(), (jnp.abs(o - wanted).sum(axis=1), right)


def _closed_loop_loss(
    network: ClosedLoop, theta: Array, episode: tuple[Array, Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    p = runs_last(network.views(theta), xp=jnp)
    x, target = jnp.moveaxis(episode[0], 0, -1), jnp.moveaxis(episode[1][..., 0], 0, -1)

    @jax.checkpoint
    def step(carry: Any, now: Any) -> tuple[Any, Array]:
        x_now, wanted = now
        carry, (o, _) = network.step(p, carry, x_now, wanted, jnp)
        return carry, o

    _, o = lax.scan(step, network.silent(p, x.shape[2:], jnp), (x, target))
    error, count = losses(o, target, jnp).sum(axis=0), (target != 0).sum(axis=0)
    right = ((jnp.sign(o) == target) & (target != 0)).sum(axis=0)
    return error.sum(), (error / count, right / count)


def _feed_forward_loss(
    network: FeedForward, theta: Array, episode: tuple[Array, Array, Array]
) -> tuple[Array, tuple[Array, Array]]:
    # With runs as the last axis, every step compiles to vector instructions: (T, ..., R).
    x, target, scored = (jnp.moveaxis(part, 0, -1) for part in episode)
    scored = scored[:, 0]
    # Parameters of all layers and of the readout with runs last: w is (Y, K, R).
    parameters = {name: jnp.moveaxis(value, 0, -1) for name, value in network.views(theta).items()}
    rule = find_rule(network.plasticity.rule)
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
    count = scored.sum(axis=0)
    summed = (network.losses(o, target, jnp, axis=1) * scored).sum(axis=0)
    right = (network.correct(o, target, axis=1) * scored).sum(axis=0)
    return summed.sum(), (summed / count, right / count)


@lru_cache(maxsize=16)
def _compiled(task: Task, plasticity: Plasticity, optimiser: Optimiser) -> Callable[..., Any]:
    network = build(task, plasticity)
    differentiate = jax.grad(lambda *parts: _loss(network, *parts), has_aux=True)

    def learn(carry: Any, episode: Any) -> tuple[Any, tuple[Array, Array]]:
        theta, state, count = carry
        g, outcome = differentiate(theta, episode)
        theta, state = optimiser.step(
            theta, network.constrain(g, jnp), state, count, network.penalised, jnp
        )
        return (network.project(theta, jnp), state, count + 1), outcome

    @jax.jit
    def chunk(theta: Array, state: Array, episodes: Any, done: Array) -> Any:
        (theta, state, _), (error, accuracy) = lax.scan(learn, (theta, state, done), episodes)
        return theta, state, error, accuracy

    return chunk
