"""Constants of the spiking memory: cells, synapses, inhibition, phases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from spikeconsol.parameters import ParameterError, Parameters, parameter

__all__ = [
    "Cells",
    "ContinuousTrace",
    "Cued",
    "Evidence",
    "Inhibition",
    "Integrated",
    "Phases",
    "Shown",
    "SpikingParameters",
    "Stored",
]


#: Where constants of earlier pair counters have gone.
EVIDENCE = "evidence, in other equations"


@dataclass(frozen=True)
class Cells(Parameters):
    """What the excitatory cells get and send; currents in units of the rheobase.

    The model of the cells themselves is in `spikeconsol.consolidation.cells`.
    """

    input_current: float = parameter(2.0, above=1, doc="drive of a cell that is part of the input")
    input_rate: float = parameter(
        0.0,
        unit="hertz",
        at_least=0,
        below=150,
        doc="0: regular firing from the drive; else Poisson input at this rate while storing",
    )
    tonic_current: float = parameter(0.8, at_least=0, below=1, doc="drive of all cells in recall")
    noise: float = parameter(
        0.15, at_least=0, doc="membrane noise, standard deviation times root 2"
    )
    background_rate: float = parameter(
        0.0, unit="hertz", at_least=0, doc="forced background firing of every cell, in all phases"
    )
    background_correlation: float = parameter(
        0.0, at_least=0, below=1, doc="correlation of background spike counts between any two cells"
    )
    synaptic_time: float = parameter("20 ms", above=0, doc="decay of recurrent excitation")
    recurrent_gain: float = parameter(
        18.0, at_least=0, doc="recurrent excitation of ten active units by full weights"
    )
    delay: float = parameter("1 ms", above=0, doc="delay of recurrent synapses")
    facilitation_time: float = parameter(
        "80 ms", above=0, doc="decay of the facilitation of a cell's output"
    )
    facilitation_jump: float = parameter(
        0.3, above=0, at_most=1, doc="jump of facilitation at a spike, times 1 - facilitation"
    )
    burst_rate: float = parameter(
        "42 Hz", above=0, doc="rate of regular firing above which a cell is heard"
    )
    facilitation_range: float = parameter(
        0.05, above=0, doc="range above the threshold over which transmission rises to 1"
    )
    afterdepolarisation: float = parameter(
        2.2, at_least=0, doc="depolarisation after burst spikes, at ten active units"
    )
    afterdepolarisation_time: float = parameter(
        "40 ms", above=0, doc="decay of the afterdepolarisation"
    )

    _formerly: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("membrane_time", "refractory_time"),
        "a constant of LIF, which SpikingMemory takes as cells",
    ) | dict.fromkeys(
        ("burst_time", "burst_jump", "burst_scale", "burst_threshold", "facilitation_threshold"),
        "cells.burst_rate, in other equations",
    )

    @property
    def facilitation_threshold(self) -> float:
        """Facilitation that spikes of the burst rate find in steady state."""
        left = math.exp(-1 / (self.burst_rate * self.facilitation_time))
        return self.facilitation_jump * left / (1 - (1 - self.facilitation_jump) * left)


@dataclass(frozen=True)
class Inhibition(Parameters):
    """Feedback inhibition: fires after about k spikes and silences everybody."""

    cells: int = parameter(1, at_least=1, doc="inhibitory cells; 1 unit or a population")
    membrane_time: float = parameter("10 ms", above=0, doc="membrane time constant")
    threshold: float = parameter(
        0.45, above=0, doc="excitatory spikes that make it fire, as a fraction of the active units"
    )
    refractory_time: float = parameter("3 ms", above=0, doc="refractory period")
    strength: float = parameter(18.0, above=0, doc="inhibition of every cell by one volley")
    decay_time: float = parameter("8 ms", above=0, doc="decay of inhibition")
    noise: float = parameter(0.1, at_least=0, doc="membrane noise, in a population only")
    delay: float = parameter("1.5 ms", above=0, doc="delay from excitatory to inhibitory cells")
    balance: float = parameter(
        0.5, at_least=0, doc="share of the mean recurrent excitation that graded inhibition cancels"
    )
    scaling: float = parameter(
        0.3, at_least=0, at_most=1, doc="share of a cell's own mean weight in that mean"
    )


@dataclass(frozen=True)
class Evidence(Parameters):
    """What the heard spikes of two cells say of their pair."""

    evidence: float = parameter(
        2.0, above=0, doc="heard spikes of a pair that say nothing yet; twice as many say all"
    )
    coincident_share: float = parameter(
        0.5, above=0, below=1, doc="share of spikes with a bursting partner that is neutral"
    )
    slope: float = parameter(5.0, above=0, doc="slope of coincidence and mismatch around it")
    ceiling: float = parameter(
        0.6, above=0, doc="weights saturate at sqrt(ceiling f N/k) in a pattern of size k"
    )


@dataclass(frozen=True)
class ContinuousTrace(Parameters):
    """The same rule without any pattern clock: everything decays in real time.

    Two traces q and q_2 make the same jumps but decay at different speeds. Their difference is zero
    right after a coincidence and rises later, so that a synapse does not block its own learning.
    """

    counter_time: float = parameter("100 ms", above=0, doc="decay of the counters")
    potentiation: float = parameter(0.3, at_least=0, at_most=1, doc="potentiation per spike")
    depression: float = parameter(0.02, at_least=0, at_most=1, doc="depression per spike")
    trace_jump: float = parameter(0.15, above=0, at_most=1, doc="jump of both traces per spike")
    window: float = parameter(
        "0.3 s", above=0, doc="time for which the gate stays open at a coincidence"
    )
    steepness: float = parameter(16.0, at_least=1, doc="exponent of the gate")

    _formerly: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("coincidence_threshold", "coincidence_gain", "mismatch_threshold", "mismatch_gain"),
        EVIDENCE,
    ) | {"fast_time": "continuous.window, from which it follows"}

    def constants(self, lifetime: float, threshold: float) -> dict[str, float]:
        """Return all constants, with the two time constants that close and reopen the gate.

        The difference of the traces after a coincidence, exp(-t/trace_time) - exp(-t/fast_time),
        crosses the threshold q_c at the window and again at the lifetime [s].

        Raises
        ------
        ParameterError
            If no two time constants do that.
        """
        fast = 0.0
        for _ in range(100):
            slow = -lifetime / math.log(threshold + (math.exp(-lifetime / fast) if fast else 0.0))
            left = math.exp(-self.window / slow) - threshold
            if not 0 < left < 1 or slow <= 0:
                break
            before, fast = fast, -self.window / math.log(left)
            if abs(fast - before) < 1e-12 * fast:
                values = {k: v for k, v in self.flat().items() if k != "window"}
                return values | {"trace_time": slow, "fast_time": fast}
        raise ParameterError(
            f"continuous.window: got {self.window:g} second for a protection of {lifetime:g} "
            "second; allowed: a window that is much shorter than the protection"
        )


@dataclass(frozen=True)
class Stored(Parameters):
    """What an experiment stores: so many sparse patterns in so many units."""

    units: int = parameter(200, at_least=20, doc="number of units N")
    coding_level: float = parameter(0.05, above=0, at_most=0.5, doc="fraction f of active units")
    stored: int = parameter(300, at_least=20, doc="number of patterns stored")


@dataclass(frozen=True)
class Cued(Stored):
    """The same, recalled from damaged cues."""

    units: int = parameter(200, at_least=10, doc="number of units N")
    deleted: float = parameter(0.2, at_least=0, at_most=1, doc="cue: share of active units lost")
    added: float = parameter(0.2, at_least=0, doc="cue: spurious units, as a share of the active")


@dataclass(frozen=True)
class Shown(Parameters):
    """For how long patterns and cues are shown; all durations are multiples of a bin."""

    bin: float = parameter("50 ms", above=0, doc="time grid of the protocol")
    present: float = parameter("250 ms", above=0, doc="a pattern is shown")
    cue: float = parameter("50 ms", above=0, doc="a cue is shown")


@dataclass(frozen=True)
class Phases(Shown):
    """Durations of storage and recall."""

    gap: float = parameter("50 ms", at_least=0, doc="silence after a pattern")
    recall: float = parameter("400 ms", above=0, doc="recall, with its cue")
    pause: float = parameter("100 ms", at_least=0, doc="silence after a recall")
    read_out: float = parameter(
        "300 ms", above=0, doc="last part of recall, in which spikes are counted"
    )
    read_out_fraction: float = parameter(
        0.6, above=0, doc="spikes that make a unit active, per inhibitory volley"
    )
    volleys: int = parameter(
        4, at_least=1, doc="volleys in the read-out below which nothing counts as recalled"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("present", "gap", "cue", "recall", "pause", "read_out"):
            bins = getattr(self, name) / self.bin
            if abs(bins - round(bins)) > 1e-6:
                raise ParameterError(
                    f"phases.{name}: got {getattr(self, name):g} second; allowed: multiples of "
                    f"the bin, {self.bin:g} second"
                )
        for name in ("cue", "read_out"):
            if getattr(self, name) > self.recall:
                raise ParameterError(
                    f"phases.{name}: got {getattr(self, name):g} second; allowed: <= "
                    f"{self.recall:g} second, the duration of recall"
                )


@dataclass(frozen=True)
class Integrated(Parameters):
    """How networks of spikes are integrated."""

    time_step: float = parameter("0.5 ms", above=0, doc="integration time step")


@dataclass(frozen=True)
class SpikingParameters(Integrated):
    """All constants of a `SpikingMemory`."""

    coding_level: float | None = parameter(
        None, above=0, below=1, doc="fraction of active units; none: as the rule says, or 0.05"
    )
    cells: Cells = parameter(Cells(), doc="excitatory cells")
    inhibition: Inhibition = parameter(Inhibition(), doc="inhibitory cells")
    evidence: Evidence = parameter(Evidence(), doc="from spikes to coincidence and mismatch")
    continuous: ContinuousTrace = parameter(ContinuousTrace(), doc="constants without a clock")
    phases: Phases = parameter(Phases(), doc="durations")
    trace: str = parameter(
        "latched",
        choices=("latched", "continuous"),
        doc="weights change at pattern ends, or at every spike without any clock",
    )
    symmetric: bool = parameter(
        True, doc="store each pair once; False stores both directions (any rule, twice the time)"
    )
    precision: str = parameter("single", choices=("single", "double"), doc="of synaptic variables")

    _formerly: ClassVar[Mapping[str, str]] = {"latch": EVIDENCE}
