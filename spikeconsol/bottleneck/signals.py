"""Where the modulatory signal of a layer comes from: its memory, or a control.

An own signal is a class with a `__call__`, and with `in_spikes` if it is to run in spikes too::

    @dataclass(frozen=True)
    class Sign(FromMemory):
        def __call__(self, sample):
            return np.sign(super().__call__(sample))

        def in_spikes(self):
            return "signal = sign(signal)"
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikeconsol.bottleneck.hsic import VARIANTS
from spikeconsol.bottleneck.memory import ClassMeans, Memory, Place, SpikingForm
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "SHORT_FORMS",
    "Backprop",
    "FromMemory",
    "Frozen",
    "Hebb",
    "PerClass",
    "Permuted",
    "RandomSignal",
    "Sample",
    "Signal",
    "require_own_text",
]

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Sample:
    """What a signal may use at a sample, one layer at a time.

    Attributes
    ----------
    label : int
        Class.
    code : ndarray, shape (units,)
    memory : Memory or None
        The layer's, which holds the sample already; None for signals that ask for none.
    above : ndarray, shape (units,)
        Error sent back by the layer above; only back-propagation uses it.
    noise : ndarray, shape (units,)
        Normal numbers, if the signal asks for them.
    class_vector : ndarray, shape (units,)
        A fixed random vector of the class.
    """

    label: int
    code: Array
    memory: Memory | None
    above: Array
    noise: Array
    class_vector: Array


@dataclass(frozen=True)
class Signal(Parameters, ABC):
    """Source of the modulatory signal."""

    surprise_gate: bool = parameter(
        False, doc="multiply by 1 - p(correct class) of the readout: one more global scalar"
    )

    #: Whether layers have memories; whether these are told random labels.
    remembers: ClassVar[bool] = False
    misinforms: ClassVar[bool] = False
    #: Whether hidden layers learn; whether normal numbers are drawn.
    teaches: ClassVar[bool] = True
    draws: ClassVar[bool] = False
    #: Whether the signal is carried back through layer normalisation.
    carried: ClassVar[bool] = True
    #: Brian2 statements that turn a cell's ``signal`` from its memory into this one.
    spiking_text: ClassVar[str | None] = None

    @property
    def variant(self) -> str:
        """Form of the gradient that the memory follows."""
        return "exact"

    @abstractmethod
    def __call__(self, sample: Sample) -> Array:
        """Return the signal of a layer, shape (units,)."""

    def in_spikes(self) -> str:
        """Return Brian2 statements that turn a cell's ``signal`` from its memory into this one.

        They run on the cells of a layer at the end of a sample.
        """
        if self.spiking_text is None:
            raise ParameterError(
                f"signal: got {self!r}; allowed: exact, frozen, permuted, per_class or one with "
                "in_spikes, in spikes"
            )
        return self.spiking_text


@dataclass(frozen=True)
class FromMemory(Signal):
    """What the memory says: the exact gradient, or what published programs computed for it."""

    form: str = parameter("exact", choices=VARIANTS, doc="form of the gradient")

    remembers: ClassVar[bool] = True

    @property
    def variant(self) -> str:
        """Form of the gradient that the memory follows."""
        return self.form

    def __call__(self, sample: Sample) -> Array:
        """Ask the memory."""
        assert sample.memory is not None
        return sample.memory.signal()

    def in_spikes(self) -> str:
        """Leave the signal as it is."""
        if self.form != "exact":
            raise ParameterError(f"signal: got {self.form!r}; allowed: exact, in spikes")
        return ""


@dataclass(frozen=True)
class Permuted(FromMemory):
    """Control: the memory is told random labels, as frequent as the true ones."""

    misinforms: ClassVar[bool] = True


@dataclass(frozen=True)
class Frozen(Signal):
    """Control: hidden layers do not learn."""

    teaches: ClassVar[bool] = False
    spiking_text: ClassVar[str] = ""  # the learning rate is zero

    def __call__(self, sample: Sample) -> Array:
        """Nothing."""
        return np.zeros_like(sample.code)


@dataclass(frozen=True)
class RandomSignal(Signal):
    """Control: normal numbers."""

    draws: ClassVar[bool] = True

    def __call__(self, sample: Sample) -> Array:
        """Noise."""
        return sample.noise


@dataclass(frozen=True)
class PerClass(Signal):
    """Control: a fixed random vector per class; in spikes, attraction to a fixed random code."""

    spiking_text: ClassVar[str] = ""  # as `FixedCodes` says

    def __call__(self, sample: Sample) -> Array:
        """The vector of the class."""
        return sample.class_vector


@dataclass(frozen=True)
class Hebb(Signal):
    """Control: plain Hebbian growth, without anything global."""

    # A constant vanishes under layer normalisation.
    carried: ClassVar[bool] = False

    def __call__(self, sample: Sample) -> Array:
        """The same for all."""
        return -np.ones(len(sample.code), sample.code.dtype)


@dataclass(frozen=True)
class Backprop(Signal):
    """Reference: the error of the readout, sent back through the weights."""

    def __call__(self, sample: Sample) -> Array:
        """The error from above."""
        return sample.above


@dataclass
class FixedCodes(ClassMeans):
    """Class means that are random and stay: the spiking form of `PerClass`."""

    def start(self, place: Place) -> None:
        """Draw the means."""
        super().start(place)
        self.means = place.rng.standard_normal(place.units * place.classes)

    def push(self, x: ArrayLike, y: int, z: ArrayLike) -> None:
        """Learn nothing."""

    def in_spikes(self) -> SpikingForm:
        """Class means whose rate is zero."""
        form = super().in_spikes()
        form.state.update({"memory.known": np.ones(self.place.classes), "trace.m": self.means})
        form.constants["memory.memory_rate"] = 0.0
        return form


def require_own_text(owner: Any, *changed: str) -> None:
    """Refuse an object that would run in spikes as the class it was derived from.

    Raises
    ------
    ParameterError
        If a method among `changed` is newer than the class's `in_spikes`.
    """

    def defines(*names: str) -> type:
        return next(kind for kind in type(owner).__mro__ if not vars(kind).keys().isdisjoint(names))

    text = defines("in_spikes", "spiking_text")
    for name in changed:
        if not issubclass(text, defines(name)):
            word = "signal" if isinstance(owner, Signal) else "memory"
            raise ParameterError(
                f"{word}: got {owner!r}, whose {name} is its own but whose in_spikes is that of "
                f"{text.__name__}; allowed: a class that says what it is in spikes too"
            )


#: Names by which the signals of the library can be asked for.
SHORT_FORMS: dict[str, Signal] = {
    **{name: FromMemory(form=name) for name in VARIANTS},
    "frozen": Frozen(),
    "permuted": Permuted(),
    "random": RandomSignal(),
    "per_class": PerClass(),
    "hebb": Hebb(),
    "backprop": Backprop(),
}
