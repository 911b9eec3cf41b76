"""What is plastic in a network, and the constants of its spiking form."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from spikeconsol.metaplasticity.rules import find_rule
from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = ["Plasticity", "SpikingParameters"]


@dataclass(frozen=True)
class Plasticity(Parameters):
    """What is plastic in a network, and what of it is learned.

    Defaults are the published network; the others are its controls and extensions.
    """

    rule: str = parameter("hebb", doc="how traces follow activity")
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
    modulation: str = parameter(
        "none",
        choices=("none", "constant", "simple", "retroactive"),
        doc="third factor of traces in a closed loop: see `closed_loop`",
    )
    fixed_part: bool = parameter(True, doc="whether weights have a part that is not plastic")
    weight_scale: float = parameter(
        1.0, at_least=0, doc="size of the fixed part at the start, 1 as published"
    )
    label_plasticity: bool = parameter(True, doc="whether connections from labels are plastic")
    positive: bool = parameter(
        False, doc="whether weights, coefficients and readout are kept above 0"
    )
    lstm: int | None = parameter(
        None,
        at_least=1,
        doc="cells of a long short-term memory that learns in place of the plastic network, as its "
        "control in recurrent tasks; none: plastic",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lstm is not None:
            usual = {f.name: f.default for f in fields(self)}
            for name, value in self.flat().items():
                if name not in ("lstm", "weight_scale") and value != usual[name]:
                    raise ParameterError(
                        f"{name}: got {value!r}; allowed: {usual[name]!r}, as an LSTM has no "
                        "plastic connections"
                    )
        try:
            find_rule(self.rule)
        except ValueError as error:
            raise ParameterError(str(error)) from None

    def weight_start(self, drawn: NDArray) -> NDArray:
        """Turn weights drawn as published into those of the start."""
        return drawn * (self.weight_scale if self.fixed_part else 0)

    def alpha_start(self, drawn: NDArray) -> NDArray:
        """Turn standard normal draws, shape (Y, K), into coefficients."""
        alpha = self.alpha_scale * drawn
        if self.alpha_sign != "random":
            alpha = np.abs(alpha) * (-1 if self.alpha_sign == "negative" else 1)
        if self.alpha == "shared":
            alpha = np.full_like(alpha, alpha.flat[0])
        return np.maximum(alpha, 0) if self.alpha == "nonnegative" else alpha


@dataclass(frozen=True)
class SpikingParameters(Parameters):
    """Constants of the spiking network and of its time."""

    neurons: str = parameter(
        "escape", choices=("escape", "leaky"), doc="cells: escape noise, or integration and reset"
    )
    readout: str = parameter(
        "counts", choices=("counts", "spikes"), doc="outputs: from counts, or populations that fire"
    )
    pairs: int = parameter(40, at_least=1, doc="pairs of neurons of opposite polarity per unit")
    max_rate: float = parameter("100 Hz", above=0, doc="highest firing rate")
    membrane_time: float = parameter("5 ms", above=0, doc="time constant of the summed input")
    filter_time: float = parameter("10 ms", above=0, doc="filter of own spikes for the trace")
    rest: float = parameter(0.5, below=1, doc="leaky cells: current at rest; the threshold is 1")
    slope: float = parameter(1.6, above=0, doc="leaky cells: current for a summed input of 1")
    noise: float = parameter(0.2, at_least=0, doc="leaky cells: standard deviation, private")
    leak_time: float = parameter("10 ms", above=0, doc="leaky cells: time constant")
    refractory_time: float = parameter("8 ms", at_least=0, doc="leaky cells: after a spike")
    present: float = parameter("200 ms", above=0, doc="time for which input is on")
    gap: float = parameter("20 ms", at_least=0, doc="silence after it")
    settle: float = parameter("20 ms", at_least=0, doc="time before counting starts")
    time_step: float = parameter("1 ms", above=0, doc="integration time step")
    bin: float = parameter("10 ms", above=0, doc="time resolution of the protocol")

    @classmethod
    def sparse(cls) -> SpikingParameters:
        """Return leaky cells at a fifth of their usual rates: below 20 spikes a second at rest.

        All in the cell takes five times as long, so that rates follow its input by the same curve;
        a longer gap lets it come to rest. Too slow for the short steps of recurrent networks.
        """
        return cls(neurons="leaky", readout="spikes").with_settings(
            {"max_rate": "20 Hz", "leak_time": "50 ms", "refractory_time": "40 ms", "gap": "40 ms"}
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, lost in (
            ("settle", self.settle),
            ("filter_time", self.filter_time + self.membrane_time),
        ):
            if lost >= self.present:
                raise ParameterError(
                    f"{name}: got {getattr(self, name):g} second; allowed: < present, "
                    f"{self.present:g} second (with the membrane time for filter_time)"
                )
        if self.max_rate * self.time_step > 0.5:
            raise ParameterError(
                f"time_step: got {self.time_step:g} second; allowed: <= "
                f"{0.5 / self.max_rate:g} second, half an interval at max_rate"
            )
        for name, unit in (("present", "bin"), ("gap", "bin"), ("bin", "time_step")):
            ratio = getattr(self, name) / getattr(self, unit)
            if abs(ratio - round(ratio)) > 1e-6:
                raise ParameterError(
                    f"{name}: got {getattr(self, name):g} second; allowed: multiples of {unit}, "
                    f"{getattr(self, unit):g} second"
                )
