"""What a working memory is, for rates and for spikes.

A memory object holds constants. `begin` makes of it the memory of one layer, empty, which takes in
samples and says by which modulatory signal the newest of them should be learned::

    memory = Window(8).begin(Place(inputs=64, units=16, classes=10))
    memory.push(x, y, z)      # a sample: network input, class, code of the layer
    memory.signal()           # one value per unit

Networks call `begin` for every layer; the object given to them stays as it is. An own memory says
three things, and runs wherever those of the library do::

    class LastOfClass(Memory):
        def start(self, place):
            self.codes = np.zeros((place.classes, place.units))

        def push(self, x, y, z):
            self.before, self.newest = self.codes.copy(), (y, z)
            self.codes[y] = z

        def signal(self):
            y, z = self.newest
            return self.before.mean(axis=0) - self.before[y]

In a spiking network it brings along what it is there: see `Memory.in_spikes`.
"""

from __future__ import annotations

import copy
import dataclasses
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from spikeconsol import checks
from spikeconsol.bottleneck.hsic import Objective
from spikeconsol.parameters import Declared, ParameterError

if TYPE_CHECKING:
    from spikeconsol.bottleneck.memory.cells import SpikingForm
    from spikeconsol.bottleneck.parameters import SpikingLayer

__all__ = ["Memory", "Place", "require_sample"]

Array = NDArray[np.floating]


@dataclasses.dataclass(frozen=True)
class Place:
    """The hidden layer that a memory serves.

    Attributes
    ----------
    inputs, units, classes : int
        Sizes of the network's input, of the layer's code and of the set of classes.
    objective : Objective
        What the layer minimises.
    variant : str
        One of `spikeconsol.bottleneck.hsic.VARIANTS`; only a `Window` can follow another than
        ``"exact"``.
    dtype : data-type
    rng : numpy.random.Generator
        For what a memory draws.
    below : Memory, optional
        The memory of the layer below, which has heard each sample before.
    layer : SpikingLayer, optional
        Constants of spiking cells; None among rates.
    target : str, optional
        Where Brian2 runs.
    """

    inputs: int
    units: int
    classes: int
    objective: Objective = dataclasses.field(default_factory=Objective)
    variant: str = "exact"
    dtype: DTypeLike = float
    rng: np.random.Generator = dataclasses.field(default_factory=np.random.default_rng)
    below: Memory | None = None
    layer: SpikingLayer | None = None
    target: str | None = None

    def __post_init__(self) -> None:
        for name in ("inputs", "units", "classes"):
            checks.whole(name, getattr(self, name), at_least=1)
        checks.instance("objective", self.objective, Objective)
        checks.instance("rng", self.rng, np.random.Generator)


class Memory(Declared, ABC):
    """What remembers samples, so that one at a time can be judged against others.

    Constants are fields of a dataclass (see `spikeconsol.parameters.parameter`); they cannot be
    changed once they are set. Everything else is state, which `start` allocates.
    """

    place: Place
    #: Whether the memory can follow other forms of the gradient than the exact one.
    follows_variants: ClassVar[bool] = False

    def begin(self, place: Place) -> Self:
        """Return an empty memory of the same kind and constants that serves a layer."""
        memory = copy.copy(self)
        memory.place = place
        memory.start(place)
        return memory

    @abstractmethod
    def start(self, place: Place) -> None:
        """Make room: allocate what changes, all arrays as attributes."""

    @abstractmethod
    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Take in a sample: network input (inputs,), class, and code of the layer (units,)."""

    @abstractmethod
    def signal(self) -> Array:
        """Return the modulatory signal of the newest sample, shape (units,)."""

    def revise(self, z: ArrayLike) -> None:
        """Replace the code of the newest sample, for units that settle while it is shown."""
        raise ParameterError(f"memory: got {self!r}; allowed: one that can revise its newest code")

    def features(self) -> Array:
        """Return all that a readout could see of the memory, as a vector."""
        return np.concatenate([np.ravel(array).astype(float) for array in self.state().values()])

    def state(self) -> dict[str, NDArray]:
        """Return the live arrays that make up the memory, by name, for saving and restoring.

        By default all arrays, and those of memories begun inside this one.
        """
        arrays: dict[str, NDArray] = {}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                arrays[name] = value
            elif isinstance(value, Memory) and "place" in vars(value):
                arrays |= {f"{name}.{inner}": array for inner, array in value.state().items()}
        return arrays

    def in_spikes(self) -> SpikingForm:
        """Return the cells, synapses and Brian2 statements that are this memory in a network.

        Asked of a memory that serves a layer. A class that changes `start`, `push` or `signal` of
        another says anew what it is in spikes.
        """
        raise ParameterError(f"memory: got {self!r}; allowed: one with `in_spikes`, in spikes")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in vars(self) and name in _constants(self):
            raise AttributeError(f"{name}: a constant of {type(self).__name__}; use replace")
        object.__setattr__(self, name, value)


def _constants(memory: Memory) -> tuple[str, ...]:
    if not dataclasses.is_dataclass(memory):
        return ()
    return tuple(field.name for field in dataclasses.fields(memory))


def require_sample(held: int) -> None:
    """Refuse to give a signal before there is a sample."""
    if held < 1:
        raise ParameterError("memory: got no sample; allowed: push a sample before its signal")
