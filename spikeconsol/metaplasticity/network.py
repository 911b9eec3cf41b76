"""What all trained networks share, many runs at a time.

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

from spikeconsol import checks
from spikeconsol.metaplasticity.layer import GRADIENTS, Activity
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.task import Episodes, Task

__all__ = ["Network", "Outcome", "gradient_error"]

Array = Any
Named = Mapping[str, Array]


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
    #: Gradients that it has.
    gradients: tuple[str, ...] = GRADIENTS

    def __init__(
        self,
        task: Task,
        plasticity: Plasticity,
        gradient: str,
        shapes: Mapping[str, tuple[int, ...]],
    ) -> None:
        checks.choice("gradient", gradient, self.gradients)
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
        self._kept_positive = self._flat_mask(
            {
                name: np.full(shape, name.rstrip("0123456789") in ("w", "alpha", "V"))
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
        """Return parameters with coefficients or all weights clipped, if that is asked for."""
        if self.plasticity.positive:
            # The original program's option, with its smallest weight.
            theta = xp.where(self._kept_positive * self.learned, xp.maximum(theta, 1e-6), theta)
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
