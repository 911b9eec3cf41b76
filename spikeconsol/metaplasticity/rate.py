"""The reference: plastic layers of rates, the last one read out through trained weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol.metaplasticity.kernel import KernelLayer
from spikeconsol.metaplasticity.layer import Activity, PlasticLayer
from spikeconsol.metaplasticity.network import Named, Network, Outcome
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.rules import Array, find_rule
from spikeconsol.metaplasticity.task import Episodes, Task
from spikeconsol.optimise import softmax
from spikeconsol.parameters import ParameterError

__all__ = ["FeedForward"]

#: Of the softmax, as in the original program. The derivative of the logarithmic loss is the softmax
#: minus the target all the same.
FLOOR = 1e-8


class FeedForward(Network):
    """Plastic layers, the last one read out through trained weights.

    Parameters are ``w``, ``alpha`` and ``b`` of the first layer (``w2``, ... of the next), ``V``
    and ``c`` of the readout and, where it is learned, the logit of the decay.
    """

    penalised_names = frozenset({"w", "alpha", "V"})

    def __init__(self, task: Task, plasticity: Plasticity, gradient: str = "exact") -> None:
        if gradient == "legacy2016" and (plasticity.rule, plasticity.decay) != ("hebb", "fixed"):
            raise ValueError(
                f"gradient: got 'legacy2016' with the rule {plasticity.rule!r} and decay "
                f"{plasticity.decay!r}; allowed: with hebb and a fixed decay, as in 2016"
            )
        if plasticity.decay != "fixed" and task.gamma == 0:
            raise ParameterError("gamma: got 0.0; allowed: > 0 as the start of a learned decay")
        sizes = (task.inputs, *task.cells)
        suffixes = ["" if n == 0 else str(n + 1) for n in range(len(task.cells))]
        shapes: dict[str, tuple[int, ...]] = {}
        for suffix, K, Y in zip(suffixes, sizes[:-1], sizes[1:], strict=True):
            shapes |= {f"w{suffix}": (Y, K), f"alpha{suffix}": (Y, K), f"b{suffix}": (Y,)}
            if plasticity.decay != "fixed":
                shapes[f"logit_gamma{suffix}"] = (1, 1) if plasticity.decay == "layer" else (Y, K)
        if task.readout == "linear":
            shapes["V"] = (task.outputs, sizes[-1])
        shapes["c"] = (task.outputs,)
        self._suffixes = suffixes
        super().__init__(task, plasticity, gradient, shapes)

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run, in the order of the original program."""

        def normal(name: str) -> NDArray:
            return 0.1 * rng.standard_normal(self.shapes[name])

        start = {}
        for suffix in self._suffixes:
            start[f"w{suffix}"] = self.plasticity.weight_start(normal(f"w{suffix}"))
            start[f"b{suffix}"] = normal(f"b{suffix}")
        # Drawn and thrown away where outputs are the cells, as the original program did.
        V = np.abs(0.1 * rng.standard_normal((self.task.outputs, self.task.cells[-1])))
        if "V" in self.shapes:
            start["V"] = V
        start["c"] = normal("c")
        for suffix in self._suffixes:
            name = f"alpha{suffix}"
            start[name] = self.plasticity.alpha_start(rng.standard_normal(self.shapes[name]))
            if self.plasticity.decay != "fixed":
                logit = np.log(self.task.gamma / (1 - self.task.gamma))
                start[f"logit_gamma{suffix}"] = np.full(self.shapes[f"logit_gamma{suffix}"], logit)
        if not self.plasticity.label_plasticity:
            start["alpha"][:, : self.task.label_inputs] = 0
        return start

    def layers(self, parameters: Named, xp: Any = np) -> list[PlasticLayer]:
        """Return the plastic layers with their parameters in place."""
        rule = find_rule(self.plasticity.rule)
        learns_decay = self.plasticity.decay != "fixed"
        fast = self.plasticity.rule == "hebb" and not learns_decay and len(self._suffixes) == 1
        return [
            (KernelLayer if fast else PlasticLayer)(
                parameters[f"w{suffix}"],
                parameters[f"alpha{suffix}"],
                parameters[f"b{suffix}"],
                1 / (1 + xp.exp(-parameters[f"logit_gamma{suffix}"]))
                if learns_decay
                else self.task.gamma,
                rule,
                learns_decay,
            )
            for suffix in self._suffixes
        ]

    def readout(self, parameters: Named, y: Array) -> Array:
        """Return outputs before any softmax, shape (..., T, Z)."""
        if "V" in self.shapes:
            y = y @ np.swapaxes(parameters["V"], -1, -2)
        return y + parameters["c"][..., None, :]

    def loss(self, parameters: Named, episode: Episodes) -> Array:
        """Return the summed loss of the scored steps, shape (...)."""
        y = self._forward(self.layers(parameters), episode.x)[-1].y
        losses = self.losses(self.readout(parameters, y), episode.target)
        return (losses * episode.scored[..., 0]).sum(axis=-1)

    def run(self, parameters: Named, episodes: Episodes) -> Outcome:
        """Run episodes, arrays of shape (..., T, K), without learning."""
        layers = self.layers(parameters)
        passes = self._forward(layers, episodes.x)
        return self.outcome(self.readout(parameters, passes[-1].y), episodes, passes[0])

    @staticmethod
    def _forward(layers: list[PlasticLayer], x: Array) -> list[Any]:
        passes = []
        for layer in layers:
            passes.append(layer.forward(x))
            x = passes[-1].y
        return passes

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        layers = self.layers(parameters)
        passes = self._forward(layers, episode.x)
        y = passes[-1].y
        o = self.readout(parameters, y)
        if self.task.loss == "squared":
            d_o = 2 * (o - episode.target)
        elif self.task.loss == "manhattan":
            d_o = np.sign(o - episode.target)
        else:
            d_o = softmax(o, floor=FLOOR) - episode.target
        d_o *= episode.scored
        out["c"][...] = d_o.sum(axis=-2)
        e = d_o
        if "V" in self.shapes:
            out["V"][...] = np.swapaxes(d_o, -1, -2) @ y
            e = d_o @ parameters["V"]
        for suffix, layer, activity in zip(
            reversed(self._suffixes), reversed(layers), reversed(passes), strict=True
        ):
            found = layer.gradient(activity, e, self.gradient)
            out[f"w{suffix}"][...] = found.w
            out[f"alpha{suffix}"][...] = found.alpha
            out[f"b{suffix}"][...] = found.b
            if found.gamma is not None:
                d_logit = found.gamma * layer.gamma * (1 - layer.gamma)
                shared = self.plasticity.decay == "layer"
                out[f"logit_gamma{suffix}"][...] = (
                    d_logit.sum(axis=(-2, -1), keepdims=True) if shared else d_logit
                )
            e = found.x
        return o

    def losses(self, o: Array, target: Array, xp: Any = np, axis: int = -1) -> Array:
        """Return the loss of every step; `axis` is that of the outputs."""
        if self.task.loss == "squared":
            return ((o - target) ** 2).sum(axis=axis)
        if self.task.loss == "manhattan":
            difference = o - target
            return (difference * xp.sign(difference.real)).sum(axis=axis)
        return -xp.log((softmax(o, axis=axis, floor=FLOOR, xp=xp) * target).sum(axis=axis))

    def correct(self, o: Array, target: Array, axis: int = -1) -> Array:
        """Return the fraction of right answers at every step; `axis` is that of the outputs."""
        if self.task.loss != "cross-entropy":
            middle = self.task.middle
            return ((o > middle) == (target > middle)).mean(axis=axis)
        return ((o * target).sum(axis=axis) >= o.max(axis=axis)).astype(float)

    def outcome(self, o: NDArray, episodes: Episodes, activity: Activity | None = None) -> Outcome:
        """Return error and accuracy of outputs, shape (..., T, Z)."""
        scored = episodes.scored[..., 0]
        # Outputs are few and steps are many: with outputs leading, all is contiguous.
        o, target = (np.ascontiguousarray(np.moveaxis(v, -1, 0)) for v in (o, episodes.target))
        losses, correct = self.losses(o, target, axis=0), self.correct(o, target, axis=0)
        count = scored.sum(axis=-1)
        return Outcome(
            (losses * scored).sum(axis=-1) / count,
            (correct * scored).sum(axis=-1) / count,
            losses,
            correct,
            activity,
        )
