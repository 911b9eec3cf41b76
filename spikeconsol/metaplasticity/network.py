"""Networks of plastic layers with a trained readout, many runs at a time.

A network knows the names, shapes and initial values of its parameters, which of them are learned,
and the error, accuracy and exact gradient on an episode. Parameters of all runs are one flat
array (R, P); `Network.views` opens it into named arrays (R, ...).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState
from numpy.typing import NDArray

from spikeconsol.metaplasticity.kernel import KernelLayer
from spikeconsol.metaplasticity.rules import GRADIENTS, RULES, Activity, PlasticLayer
from spikeconsol.metaplasticity.tasks import Episodes, Task
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["FeedForward", "Network", "Outcome", "Plasticity", "gradient_error"]

Array = Any
Named = Mapping[str, Array]


@dataclass(frozen=True)
class Plasticity(Parameters):
    """What is plastic in a network, and what of it is learned.

    Defaults are the published network; the others are its controls and extensions.
    """

    rule: str = parameter("hebb", choices=tuple(RULES), doc="how traces follow activity")
    alpha: str = parameter(
        "learned",
        choices=("learned", "shared", "nonnegative", "fixed"),
        doc="plasticity coefficients: one per synapse, one for all, clipped, or as drawn",
    )
    alpha_scale: float = parameter(0.1, at_least=0, doc="standard deviation of alpha at the start")
    alpha_sign: str = parameter(
        "random", choices=("random", "negative", "positive"), doc="sign of alpha at the start"
    )
    decay: str = parameter(
        "fixed", choices=("fixed", "layer", "synapse"), doc="decay of traces: given, or learned"
    )
    fixed_part: bool = parameter(True, doc="whether weights have a part that is not plastic")
    label_plasticity: bool = parameter(True, doc="whether connections from labels are plastic")

    def alpha_start(self, drawn: NDArray) -> NDArray:
        """Turn standard normal draws, shape (Y, K), into coefficients."""
        alpha = self.alpha_scale * drawn
        if self.alpha_sign != "random":
            alpha = np.abs(alpha) * (-1 if self.alpha_sign == "negative" else 1)
        if self.alpha == "shared":
            alpha = np.full_like(alpha, alpha.flat[0])
        return np.maximum(alpha, 0) if self.alpha == "nonnegative" else alpha


@dataclass(frozen=True)
class Outcome:
    """How runs did on episodes.

    Attributes
    ----------
    error, accuracy : ndarray, shape (...)
        Mean over the scored steps.
    step_error, step_accuracy : ndarray, shape (..., T)
        The same for every step, scored or not.
    activity : Activity or None
        Forward pass of the first plastic layer; none in recurrent networks.
    """

    error: NDArray
    accuracy: NDArray
    step_error: NDArray
    step_accuracy: NDArray
    activity: Activity | None = None


class Network:
    """Parameters by name, in one flat array.

    Parameters
    ----------
    task : Task
    plasticity : Plasticity
    gradient : {"exact", "legacy2016"}
    shapes : dict of tuple
        Shape of every parameter of one run.
    """

    #: Parameters that weight penalties apply to, without the number of their layer.
    penalised_names: frozenset[str] = frozenset()

    def __init__(
        self,
        task: Task,
        plasticity: Plasticity,
        gradient: str,
        shapes: Mapping[str, tuple[int, ...]],
    ) -> None:
        if gradient not in GRADIENTS:
            raise ValueError(f"gradient: got {gradient!r}; allowed: one of {', '.join(GRADIENTS)}")
        self.task, self.plasticity, self.gradient = task, plasticity, gradient
        self.shapes = dict(shapes)
        stops = np.cumsum([prod(shape) for shape in self.shapes.values()])
        self._slices = {
            name: slice(int(stop) - prod(shape), int(stop))
            for (name, shape), stop in zip(self.shapes.items(), stops, strict=True)
        }
        self.size = int(stops[-1])
        #: 1 where a parameter is learned, else 0; shape (P,).
        self.learned = self._flat_mask(self._learned_parts())
        self.penalised = self.learned * self._flat_mask(
            {
                name: np.full(shape, name.rstrip("0123456789") in self.penalised_names)
                for name, shape in self.shapes.items()
            }
        )
        self._is_alpha = self._flat_mask(
            {name: np.full(s, name.startswith("alpha")) for name, s in self.shapes.items()}
        )

    def views(self, flat: Array) -> dict[str, Array]:
        """Return named views, shape (..., *shape), of flat parameters, shape (..., P)."""
        return {
            name: flat[..., self._slices[name]].reshape(*flat.shape[:-1], *shape)
            for name, shape in self.shapes.items()
        }

    def flatten(self, named: Named) -> NDArray:
        """Return flat parameters, shape (..., P), of named ones."""
        parts = []
        for name, shape in self.shapes.items():
            values = np.asarray(named[name])
            leading = values.shape[: values.ndim - len(shape)]
            parts.append(values.reshape(*leading, -1))
        return np.concatenate(parts, axis=-1)

    def initial(self, rng: Generator | RandomState) -> dict[str, NDArray]:
        """Draw the parameters of one run."""
        raise NotImplementedError

    def learn(self, theta: NDArray, episode: Episodes) -> tuple[NDArray, NDArray]:
        """Return the gradient, (R, P), on one episode of each run, and the outputs.

        Outputs are what `outcome` takes, so that many episodes can be judged at once.
        """
        g = np.empty_like(theta)
        o = self._gradient(self.views(theta), episode, self.views(g))
        return self.constrain(g), o

    def constrain(self, g: Array, xp: Any = np) -> Array:
        """Return a gradient, (R, P), without what is not learned, and summed where it is shared."""
        g = g * self.learned
        if self.plasticity.alpha != "shared":
            return g
        summed = (g * self._is_alpha).sum(axis=-1, keepdims=True)
        return xp.where(self._is_alpha == 1, summed, g) * self.learned

    def project(self, theta: Array, xp: Any = np) -> Array:
        """Return parameters with coefficients clipped at 0, if that is asked for."""
        if self.plasticity.alpha != "nonnegative":
            return theta
        return xp.where(self._is_alpha == 1, xp.maximum(theta, 0), theta)

    def loss(self, parameters: Named, episode: Episodes) -> Array:
        """Return the scalar whose gradient `learn` computes, shape (...)."""
        raise NotImplementedError

    def run(self, parameters: Named, episodes: Episodes) -> Outcome:
        """Run episodes, arrays of shape (..., T, K), without learning."""
        raise NotImplementedError

    def outcome(self, o: NDArray, episodes: Episodes, activity: Activity | None = None) -> Outcome:
        """Return error and accuracy of outputs."""
        raise NotImplementedError

    def _gradient(self, parameters: Named, episode: Episodes, out: dict[str, Array]) -> NDArray:
        raise NotImplementedError

    def _learned_parts(self) -> dict[str, NDArray]:
        parts = {name: np.ones(shape) for name, shape in self.shapes.items()}
        for name, part in parts.items():
            kind = name.rstrip("0123456789")
            if kind == "alpha" and self.plasticity.alpha == "fixed":
                part[...] = 0
            if name == "alpha" and not self.plasticity.label_plasticity:
                part[..., : self.task.label_inputs] = 0
            if kind == "w" and not self.plasticity.fixed_part:
                part[...] = 0
        return parts

    def _flat_mask(self, parts: Mapping[str, NDArray]) -> NDArray:
        return np.concatenate([np.asarray(parts[name], float).ravel() for name in self.shapes])


class FeedForward(Network):
    """Plastic layers, the last one read out through trained weights.

    Parameters are ``w``, ``alpha`` and ``b`` of the first layer (``w2``, ... of the next), ``V``
    and ``c`` of the readout and, where it is learned, the logit of the decay.
    """

    penalised_names = frozenset({"w", "alpha", "V"})

    def __init__(self, task: Task, plasticity: Plasticity, gradient: str = "exact") -> None:
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
            start[f"w{suffix}"] = normal(f"w{suffix}")
            start[f"b{suffix}"] = normal(f"b{suffix}")
        # Drawn and thrown away where outputs are the cells, as the original program did.
        V = np.abs(0.1 * rng.standard_normal((self.task.outputs, self.task.cells[-1])))
        if "V" in self.shapes:
            start["V"] = V
        start["c"] = normal("c")
        for suffix in self._suffixes:
            name = f"alpha{suffix}"
            start[name] = self.plasticity.alpha_start(rng.standard_normal(self.shapes[name]))
            if not self.plasticity.fixed_part:
                start[f"w{suffix}"][...] = 0
            if self.plasticity.decay != "fixed":
                logit = np.log(self.task.gamma / (1 - self.task.gamma))
                start[f"logit_gamma{suffix}"] = np.full(self.shapes[f"logit_gamma{suffix}"], logit)
        if not self.plasticity.label_plasticity:
            start["alpha"][:, : self.task.label_inputs] = 0
        return start

    def layers(self, parameters: Named, xp: Any = np) -> list[PlasticLayer]:
        """Return the plastic layers with their parameters in place."""
        rule = RULES[self.plasticity.rule]
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
        else:
            d_o = self._softmax(o) - episode.target
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
        return -xp.log((self._softmax(o, xp, axis) * target).sum(axis=axis))

    def correct(self, o: Array, target: Array, axis: int = -1) -> Array:
        """Return the fraction of right answers at every step; `axis` is that of the outputs."""
        if self.task.loss == "squared":
            middle = self.task.middle
            return ((o > middle) == (target > middle)).mean(axis=axis)
        return ((o * target).sum(axis=axis) >= o.max(axis=axis)).astype(float)

    @staticmethod
    def _softmax(o: Array, xp: Any = np, axis: int = -1) -> Array:
        """Return the softmax; the original program added 1e-8 to the denominator.

        The derivative of the logarithmic loss is the softmax minus the target all the same.
        """
        largest = o.real.max(axis=axis, keepdims=True)
        z = xp.exp(o - largest)
        return z / (z.sum(axis=axis, keepdims=True) + 1e-8 * xp.exp(-largest))

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


def gradient_error(
    network: Network, parameters: Named, episode: Episodes, step: float = 1e-30
) -> dict[str, float]:
    """Compare the gradient with the complex-step derivative of the loss.

    Parameters
    ----------
    network : Network
        With ``gradient="exact"``.
    parameters : mapping of ndarray, shape (R, ...)
        Parameters by name.
    episode : Episodes
        One episode of each run.
    step : float, optional
        Imaginary step; without cancellation, so it can be as small as is wanted.

    Returns
    -------
    dict of float
        Largest absolute error over the largest absolute gradient, for every parameter array.
    """
    theta = network.flatten(parameters)
    g, _ = network.learn(theta, episode)
    reference = np.empty_like(theta)
    for index in range(theta.shape[1]):
        moved = theta.astype(complex)
        moved[:, index] += 1j * step
        reference[:, index] = network.loss(network.views(moved), episode).imag / step
    found, wanted = network.views(g), network.views(reference * network.learned)
    return {
        name: float(np.abs(found[name] - wanted[name]).max() / np.abs(wanted[name]).max())
        for name in network.shapes
    }
