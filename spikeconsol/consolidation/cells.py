"""Models of the excitatory cells of a spiking memory: three that ship, any other by its text."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from spikeconsol.parameters import ParameterError, Parameters, in_si, parameter
from spikeconsol.values import shown

__all__ = ["LIF", "AdEx", "Cell", "CellModel", "Izhikevich", "Spread"]


@dataclass(frozen=True)
class CellModel(Parameters):
    """A cell model as Brian2 text.

    The text reads its input from ``current``, in units of the cell's rheobase: with 1 it just
    fires. ``awake`` is 0 during the refractory period and 1 otherwise. Fields are the constants
    of the text, by name and with their unit.
    """

    equations: ClassVar[str]
    threshold: ClassVar[str]
    reset: ClassVar[str]
    refractory: ClassVar[str] = "refractory_time"
    #: Initial values of state variables: a number, or the name of a constant.
    start: ClassVar[Mapping[str, str | float]] = {}

    @property
    def constants(self) -> dict[str, tuple[float, str]]:
        """Values in SI units and units of the constants, by name."""
        declared = self.fields()
        return {name: (value, declared[name]["unit"]) for name, value in self.flat().items()}

    @property
    def noise_time(self) -> float:
        """Time constant over which membrane noise is averaged [s]."""
        raise NotImplementedError

    def interval(self, current: float) -> float | None:
        """Interval between spikes at a constant current [s]; None if there is no formula."""
        return None


@dataclass(frozen=True)
class LIF(CellModel):
    """Leaky integrate-and-fire cell; the potential is in units of the threshold."""

    membrane_time: float = parameter("10 ms", above=0, doc="membrane time constant")
    refractory_time: float = parameter("6 ms", above=0, doc="refractory period")

    equations: ClassVar[str] = "dv/dt = awake*(current - v)/membrane_time : 1"
    threshold: ClassVar[str] = "v > 1"
    reset: ClassVar[str] = "v = 0"

    @property
    def noise_time(self) -> float:
        return self.membrane_time

    def interval(self, current: float) -> float | None:
        if current <= 1:
            return math.inf
        return self.refractory_time + self.membrane_time * math.log(current / (current - 1))


@dataclass(frozen=True)
class Capacitor(CellModel):
    """A cell with a capacitance, and a leak by which the membrane averages noise."""

    C: float = parameter("100 pF", above=0, doc="membrane capacitance")

    #: Name of the constant that is the leak conductance.
    leak: ClassVar[str]

    @property
    def noise_time(self) -> float:
        return self.C / getattr(self, self.leak)


@dataclass(frozen=True)
class AdEx(Capacitor):
    """Adaptive exponential integrate-and-fire cell (Brette and Gerstner 2005).

    The rheobase is that without adaptation, of which the default constants have none.
    """

    # Names are those of the paper.
    g_L: float = parameter("10 nS", above=0, doc="leak conductance")  # noqa: N815
    E_L: float = parameter("-70 mV", doc="resting potential")
    V_T: float = parameter("-50 mV", doc="threshold of the exponential")
    Delta_T: float = parameter("2 mV", above=0, doc="its slope")
    V_reset: float = parameter("-58 mV", doc="reset")
    V_peak: float = parameter("0 mV", doc="potential at which a spike is counted")
    a: float = parameter("0 nS", doc="subthreshold adaptation")
    b: float = parameter("0 pA", at_least=0, doc="adaptation per spike")
    tau_w: float = parameter("30 ms", above=0, doc="decay of adaptation")
    refractory_time: float = parameter("4 ms", above=0, doc="refractory period")

    equations: ClassVar[str] = """
    dv/dt = awake*(g_L*(E_L - v) + g_L*Delta_T*exp(clip((v - V_T)/Delta_T, -50, 10))
            - adaptation + current*g_L*(V_T - Delta_T - E_L))/C    : volt
    dadaptation/dt = (a*(v - E_L) - adaptation)/tau_w              : amp
    """
    threshold: ClassVar[str] = "v > V_peak"
    reset: ClassVar[str] = "v = V_reset\nadaptation += b"
    start: ClassVar[Mapping[str, str | float]] = {"v": "E_L"}
    leak: ClassVar[str] = "g_L"


@dataclass(frozen=True)
class Izhikevich(Capacitor, C="50 pF"):
    """Quadratic integrate-and-fire cell with recovery (Izhikevich 2003, in the form of 2007).

    C dv/dt = k (v - v_r)(v - v_t) - u + I; the rheobase k (v_t - v_r)^2/4 is that without recovery.
    """

    gain: float = parameter("14 nS", above=0, doc="k (v_t - v_r)")
    v_r: float = parameter("-60 mV", doc="resting potential")
    v_t: float = parameter("-40 mV", doc="instantaneous threshold")
    v_peak: float = parameter("35 mV", doc="potential at which a spike is counted")
    v_reset: float = parameter("-50 mV", doc="reset")
    recovery_time: float = parameter("33 ms", above=0, doc="1/a, of recovery")
    b: float = parameter("0 nS", doc="subthreshold recovery")
    d: float = parameter("10 pA", doc="recovery per spike")
    refractory_time: float = parameter("4 ms", above=0, doc="refractory period")

    equations: ClassVar[str] = """
    dv/dt = awake*(gain*(v - v_r)*(v - v_t)/(v_t - v_r) - recovery
            + current*gain*(v_t - v_r)/4)/C                        : volt
    drecovery/dt = (b*(v - v_r) - recovery)/recovery_time          : amp
    """
    threshold: ClassVar[str] = "v > v_peak"
    reset: ClassVar[str] = "v = v_reset\nrecovery += d"
    start: ClassVar[Mapping[str, str | float]] = {"v": "v_r"}
    leak: ClassVar[str] = "gain"


class Cell(CellModel):
    """A cell model of one's own, by its text.

    Parameters
    ----------
    equations : str
        Brian2 equations, a unit per line. Input is ``current``, in units of the rheobase.
    threshold, reset : str
        Condition of a spike, and statements that follow it.
    refractory : str, optional
        Refractory period, with a unit: an expression or the name of a constant.
    constants : dict, optional
        Values of the names in the text: numbers, text with a unit or Brian2 quantities.
    start : dict, optional
        Initial values of state variables: numbers in SI units or names of constants; otherwise 0.
    noise_time : str or Quantity, optional
        Time over which the membrane averages noise.

    Examples
    --------
    >>> from spikeconsol.consolidation import Cell
    >>> quadratic = Cell(
    ...     "dv/dt = awake*(v*(v - 1) + current/4)/tau : 1",
    ...     threshold="v > 3",
    ...     reset="v = 0.5",
    ...     refractory="5*ms",
    ...     constants={"tau": "10 ms"},
    ... )
    """

    def __init__(
        self,
        equations: str,
        *,
        threshold: str,
        reset: str,
        refractory: str = "0*ms",
        constants: Mapping[str, Any] | None = None,
        start: Mapping[str, str | float] | None = None,
        noise_time: Any = "10 ms",
    ) -> None:
        for name, mapping in (("constants", constants), ("start", start)):
            if mapping is not None and not isinstance(mapping, Mapping):
                raise ParameterError(f"{name}: got {shown(mapping)}; allowed: a dictionary")
        values = {name: in_si(value, name) for name, value in (constants or {}).items()}
        noise_value, unit = in_si(noise_time, "noise_time")
        if unit not in ("second", "second**1") or not noise_value > 0:
            raise ParameterError(f"noise_time: got {noise_time!r}; allowed: a time > 0")
        for name, value in (start or {}).items():
            if isinstance(value, str) and value not in values:
                raise ParameterError(
                    f"start: got {value!r} for {name}; allowed: a number in SI units, or one of "
                    f"{', '.join(values) or 'the constants, of which there are none'}"
                )
        texts = {"equations": equations, "threshold": threshold, "reset": reset}
        for name, value in (texts | {"refractory": refractory}).items():
            if not isinstance(value, str) or not value.strip():
                raise ParameterError(f"{name}: got {shown(value)}; allowed: Brian2 text")
            object.__setattr__(self, name, value)
        object.__setattr__(self, "start", dict(start or {}))
        object.__setattr__(self, "_constants", values)
        object.__setattr__(self, "_noise_time", noise_value)

    @property
    def constants(self) -> dict[str, tuple[float, str]]:
        return dict(self._constants)  # type: ignore[attr-defined]

    @property
    def noise_time(self) -> float:
        return self._noise_time  # type: ignore[attr-defined]

    def described(self) -> dict[str, Any]:
        """Return its text and constants, to compare; a file does not bring code of its own."""
        texts = {name: getattr(self, name) for name in ("equations", "threshold", "reset")}
        about = {"refractory": self.refractory, "start": self.start, "noise_time": self.noise_time}
        values = {name: list(value) for name, value in self.constants.items()}
        return {"class": "text:Cell", "constants": texts | about | {"constants": values}}


@dataclass(frozen=True)
class Spread(Parameters):
    """Constants that differ from cell to cell, each times exp(share z) with a normal z.

    Parameters
    ----------
    share : float
        Standard deviation of the logarithm; for small values that of the constant, as a share.
    of : tuple of str, optional
        Constants of the cell model or of `Cells` that are spread; by default all of the model.
    """

    share: float = parameter(doc="spread as a share of the value", at_least=0, at_most=1)
    of: tuple[str, ...] = parameter((), doc="names of the constants; all of the model if empty")
