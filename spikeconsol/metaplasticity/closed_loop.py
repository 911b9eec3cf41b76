r"""A plastic recurrent network in a closed loop, with a cell of its own that says when to learn.

.. math::
   y(t) &= \tanh\bigl((w + \alpha H(t))\,y(t-1) + U x(t) + b\bigr), \qquad
   o(t) = V y(t) + c, \\
   M(t) &= \tanh\bigl(m \cdot y(t) + d\bigr)

and with the coincidence :math:`C(t) = y(t)\,y(t-1)^T` the traces follow one of

.. math::
   \text{none:}\quad & H(t+1) = \gamma H(t) + (1-\gamma)\,C(t) \\
   \text{constant:}\quad & H(t+1) = [H(t) + (1-\gamma)\,C(t)]_{-1}^{1} \\
   \text{simple:}\quad & H(t+1) = [H(t) + M(t)\,C(t)]_{-1}^{1} \\
   \text{retroactive:}\quad & H(t+1) = [H(t) + M(t)\,E(t)]_{-1}^{1}, \quad
   E(t+1) = \gamma E(t) + (1-\gamma)\,C(t)

The modulating cell :math:`M` hears the whole network and is heard by every synapse: a third factor
beside pre and post that is learned. Answers are yes or no, so the reward does not change with
parameters (almost everywhere), and the gradient through an episode is exact.

References
----------
Miconi, T., Rawal, A., Clune, J., Stanley, K. O. (2019). Backpropamine: training self-modifying
neural networks with differentiable neuromodulated plasticity. ICLR. arXiv:2002.10585.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol.metaplasticity.layer import Activity
from spikeconsol.metaplasticity.network import Named, Network, Outcome
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.task import Episodes, Task
from spikeconsol.parameters import ParameterError

__all__ = ["ClosedLoop"]

Array = Any


class ClosedLoop(Network):
    """N tanh cells with inputs, a readout and a modulating cell, for `CueReward`.

    Parameters are ``w`` and ``alpha``, (N, N), ``b``, (N,), inputs ``U``, (N, K), the readout ``V``
    and ``c``, the modulating cell's ``m``, (N,), and ``d``, where there is one, and the logit of a
    learned decay, one for the network. Training in NumPy needs numba (the extra ``fast``).
    """

    penalised_names = frozenset({"w", "alpha"})

    def __init__(self, task: Task, plasticity: Plasticity, gradient: str = "exact") -> None:
        if gradient != "exact":
            raise ValueError(f"gradient: got {gradient!r}; allowed: exact, in a closed loop")
        if plasticity.rule != "hebb":
            raise ParameterError(f"rule: got {plasticity.rule!r}; allowed: hebb, in a closed loop")
        if plasticity.decay == "synapse":
            raise ParameterError("decay: got 'synapse'; allowed: fixed, layer, in a closed loop")
        if plasticity.decay != "fixed" and task.gamma == 0:
            raise ParameterError("gamma: got 0.0; allowed: > 0 as the start of a learned decay")
        N, K = task.cells[0], task.inputs
        shapes: dict[str, tuple[int, ...]] = {"w": (N, N), "alpha": (N, N), "b": (N,), "U": (N, K)}
        shapes |= {"V": (1, N), "c": (1,)}
        if plasticity.modulation in ("simple", "retroactive"):
            shapes |= {"m": (N,), "d": (1,)}
        if plasticity.decay != "fixed":
            shapes["logit_gamma"] = (1, 1)
        super().__init__(task, plasticity, gradient, shapes)

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run, the same for every kind of modulation."""
        N, K = self.task.cells[0], self.task.inputs
        w = rng.standard_normal((N, N)) / np.sqrt(N)
        start = {
            "w": self.plasticity.weight_start(w),
            "alpha": self.plasticity.alpha_start(rng.standard_normal((N, N))),
            "b": np.zeros(N),
            "U": rng.standard_normal((N, K)) / np.sqrt(K),
            "V": rng.standard_normal((1, N)) / np.sqrt(N),
            "c": np.zeros(1),
            "m": rng.standard_normal(N) / np.sqrt(N),
            "d": np.zeros(1),
        }
        if "logit_gamma" in self.shapes:
            start["logit_gamma"] = np.full((1, 1), np.log(self.task.gamma / (1 - self.task.gamma)))
        return {name: start[name] for name in self.shapes}

    def gamma(self, parameters: Named, xp: Any = np) -> Array:
        """Return the decay of traces or eligibilities, a number or an array as its logit."""
        if "logit_gamma" in parameters:
            return 1 / (1 + xp.exp(-parameters["logit_gamma"]))
        return self.task.gamma

    def forward(self, parameters: Named, episodes: Episodes) -> tuple[Array, Array]:
        """Run episodes, without learning.

        Parameters
        ----------
        parameters : mapping of ndarray, shape (R, ...)
        episodes : Episodes
            Arrays of shape (..., R, T, K).

        Returns
        -------
        o, M : ndarray, shape (T, ..., R)
            Outputs, positive for yes, and the activity of the modulating cell.
        """
        # The axes of an episode first, runs last: (T, K, ..., R).
        x = np.moveaxis(episodes.x, (-2, -1), (0, 1))
        target = np.moveaxis(episodes.target[..., 0], -1, 0)
        p = runs_last(parameters, between=x.ndim - 3)
        carry, found = self.silent(p, x.shape[2:]), []
        for x_t, target_t in zip(x, target, strict=True):
            carry, seen = self.step(p, carry, x_t, target_t)
            found.append(seen)
        o, M = zip(*found, strict=True)
        return np.stack(o), np.stack(M)

    def silent(self, p: Named, shape: tuple[int, ...], xp: Any = np) -> tuple[Array, ...]:
        """Return traces, eligibilities, activity, and reward and answer before an episode."""
        N, kind = self.task.cells[0], p["w"].dtype
        H, E = (xp.zeros((N, N, *shape), kind) for _ in range(2))
        return H, E, xp.zeros((N, *shape), kind), xp.zeros((2, *shape))

    def step(
        self, p: Named, carry: tuple[Array, ...], x: Array, target: Array, xp: Any = np
    ) -> tuple[tuple[Array, ...], tuple[Array, Array]]:
        """Take one step; with runs last, every operation is a vector's.

        Parameters
        ----------
        p : mapping of ndarray, shape (..., R)
            Of `runs_last`.
        carry : tuple
            What `silent` returned, or the last step.
        x, target : ndarray, shape (K, ..., R) and (..., R)
            Target is -1 or 1 where an answer is wanted, else 0.
        xp : module
            ``numpy`` or ``jax.numpy``.
        """
        H, E, before, told = carry
        heard = ((p["w"] + p["alpha"] * H) * before).sum(axis=1)
        shown = xp.concatenate([x[:-2], told])
        y = xp.tanh(heard + (p["U"] * shown).sum(axis=1) + p["b"])
        o = (p["V"][0] * y).sum(axis=0) + p["c"][0]
        # What was answered, and its reward, are told at the next step.
        answer = xp.where(target == 0, 0.0, xp.sign(o.real))
        H, E, M = self._learn(p, H, E, y[:, None] * before, y, xp)
        return (H, E, y, xp.stack([answer * target, answer])), (o, M)

    def _learn(
        self, p: Named, H: Array, E: Array, C: Array, y: Array, xp: Any
    ) -> tuple[Array, Array, Array]:
        """Return traces and eligibilities after coincidences C, and what the modulator said."""
        gamma = self.gamma(p, xp)
        gamma = gamma[0, 0] if "logit_gamma" in p else gamma
        kind = self.plasticity.modulation
        if kind in ("none", "constant"):
            kept, one = (gamma, lambda H: H) if kind == "none" else (1.0, clipped(xp))
            return one(kept * H + (1 - gamma) * C), E, 0 * y[0]
        M = xp.tanh((p["m"] * y).sum(axis=0) + p["d"][0])
        if kind == "simple":
            return clipped(xp)(H + M * C), E, M
        return clipped(xp)(H + M * E), gamma * E + (1 - gamma) * C, M

    def loss(self, parameters: Named, episode: Episodes) -> Array:
        """Return the summed logistic loss of the answers, shape (...)."""
        o, _ = self.forward(parameters, episode)
        return losses(o, np.moveaxis(episode.target[..., 0], -1, 0)).sum(axis=0)

    def run(self, parameters: Named, episodes: Episodes) -> Outcome:
        """Run episodes, arrays of shape (..., R, T, K), without learning."""
        return self.outcome(np.moveaxis(self.forward(parameters, episodes)[0], 0, -1), episodes)

    def outcome(self, o: NDArray, episodes: Episodes, activity: Activity | None = None) -> Outcome:
        """Return losses and right answers of outputs, shape (..., R, T)."""
        target = episodes.target[..., 0]
        error, right = losses(o, target), (np.sign(o) == target) & (target != 0)
        count = (target != 0).sum(axis=-1)
        return Outcome(error.sum(-1) / count, right.sum(-1) / count, error, right.astype(float))

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        from spikeconsol.metaplasticity.closed_loop_kernel import KINDS, gradient

        p, kind = parameters, KINDS.index(self.plasticity.modulation)
        for part in out.values():
            part[...] = 0
        N = self.task.cells[0]
        runs, silent = len(p["w"]), np.zeros(N)
        T = episode.x.shape[-2]
        o, (H, E) = np.empty((runs, T)), np.empty((2, T + 1, N, N))
        for r in range(runs):
            m, d = (p["m"][r], p["d"][r, 0]) if "m" in p else (silent, 0.0)
            gamma = self.gamma(p)[r, 0, 0] if "logit_gamma" in p else self.task.gamma
            d_c, d_d, d_gamma = gradient(
                kind, p["w"][r], p["alpha"][r], p["b"][r], p["U"][r], p["V"][r, 0], p["c"][r, 0],
                m, d, gamma, episode.x[r], episode.target[r, :, 0],
                out["w"][r], out["alpha"][r], out["b"][r], out["U"][r], out["V"][r, 0],
                out["m"][r] if "m" in out else silent.copy(), o[r], H, E,
            )  # fmt: skip
            out["c"][r] = d_c
            if "d" in out:
                out["d"][r] = d_d
            if "logit_gamma" in out:
                out["logit_gamma"][r] = d_gamma * gamma * (1 - gamma)
        return o


def runs_last(parameters: Named, between: int = 0, xp: Any = np) -> dict[str, Array]:
    """Return parameters, (R, ...), with runs as the last axis and axes of one before it."""
    moved = {name: xp.moveaxis(value, 0, -1) for name, value in parameters.items()}
    return {
        name: value.reshape(*value.shape[:-1], *(1,) * between, value.shape[-1])
        for name, value in moved.items()
    }


def clipped(xp: Any) -> Any:
    """Return what keeps traces from -1 to 1."""
    return lambda H: xp.where(xp.abs(H.real) < 1, H, xp.sign(H.real))


def losses(o: Array, target: Array, xp: Any = np) -> Array:
    """Return logistic losses in nat, 0 where no answer is wanted."""
    z = -o * target
    # Without overflow, and differentiable by complex steps.
    positive = xp.where(z.real > 0, z, 0)
    return xp.where(target == 0, 0, positive + xp.log(xp.exp(-positive) + xp.exp(z - positive)))
