"""Constants of the cortical memory: cells, synapses, wiring, stimuli, plasticity of inhibition."""

from __future__ import annotations

from dataclasses import dataclass

from spikeconsol.consolidation.parameters import Integrated, Shown
from spikeconsol.parameters import Parameters, parameter

__all__ = [
    "Balance",
    "CorticalParameters",
    "ExcitatoryCells",
    "InhibitoryCells",
    "Stimuli",
    "Strengths",
    "Wiring",
]


@dataclass(frozen=True)
class InhibitoryCells(Parameters):
    """Leaky integrate-and-fire cells; conductances are in units of the leak."""

    membrane_time: float = parameter("10 ms", above=0, doc="membrane time constant")
    rest: float = parameter("-70 mV", doc="leak reversal potential")
    drive: float = parameter("13 mV", doc="mean of the background drive")
    noise: float = parameter(
        "4 mV", at_least=0, doc="standard deviation that white noise alone causes"
    )
    firing_threshold: float = parameter("-50 mV", doc="spike threshold")
    reset_potential: float = parameter("-60 mV", doc="potential after a spike")
    refractory_time: float = parameter("2 ms", above=0, doc="refractory period")


@dataclass(frozen=True)
class ExcitatoryCells(
    InhibitoryCells, membrane_time="20 ms", drive="25.5 mV", refractory_time="5 ms"
):
    """Slower cells that adapt."""

    model: str = parameter(
        "lif",
        choices=("lif", "adex"),
        doc="leaky integrate-and-fire, or with exponential spike initiation and subthreshold "
        "adaptation",
    )
    adaptation_jump: float = parameter(
        0.03, at_least=0, doc="potassium conductance that a spike opens"
    )
    adaptation_time: float = parameter("300 ms", above=0, doc="its decay")
    slope: float = parameter("2 mV", above=0, doc="AdEx: sharpness of spike initiation")
    coupling: float = parameter(
        0.02, at_least=0, doc="AdEx: subthreshold adaptation, in units of the leak"
    )


@dataclass(frozen=True)
class Strengths(Parameters):
    """Time constants of the synapses, and their total strengths in units of the leak.

    A strength is divided by an expected number of synapses, see `gains`: that of an assembly for
    what excitatory cells send, that of all inhibitory inputs for what inhibitory cells send.
    """

    ampa_time: float = parameter("5 ms", above=0, doc="decay of fast excitation")
    nmda_time: float = parameter("100 ms", above=0, doc="decay of slow excitation")
    nmda_ratio: float = parameter(
        0.1, at_least=0, doc="jump of slow excitation per jump of fast excitation"
    )
    gaba_time: float = parameter("10 ms", above=0, doc="decay of inhibition")
    excitation: float = parameter("0 mV", doc="reversal potential of excitation")
    inhibition: float = parameter("-80 mV", doc="reversal potential of inhibition")
    recurrent: float = parameter(
        1.8, at_least=0, doc="E to E: jump when a whole assembly fires, all weights being 1"
    )
    recruiting: float = parameter(3.2, at_least=0, doc="E to I: jump when a whole assembly fires")
    inhibiting: float = parameter(7.0, at_least=0, doc="I to E: jump when all inputs fire")
    disinhibiting: float = parameter(4.0, at_least=0, doc="I to I: jump when all inputs fire")
    delay: float = parameter("1 ms", above=0, doc="delay from E to E")
    short_delay: float = parameter("0.5 ms", above=0, doc="all other delays")


@dataclass(frozen=True)
class Wiring(Parameters):
    """Who is connected to whom."""

    probability: float = parameter(
        0.3, above=0, at_most=1, doc="probability of connection E to E, E to I and I to I"
    )
    inhibitory_probability: float = parameter(
        0.6, above=0, at_most=1, doc="probability of connection I to E"
    )
    fixed_fan_in: bool = parameter(
        True, doc="every excitatory cell has the same number of inhibitory inputs"
    )
    seed: int = parameter(0, at_least=0, doc="seed of the connections, apart from that of noise")


@dataclass(frozen=True)
class Stimuli(Shown, present="400 ms", cue="100 ms"):
    """What is shown for how long, and what is read."""

    input_rate: float = parameter("1500 Hz", at_least=0, doc="Poisson input of a stimulated cell")
    input_jump: float = parameter(0.25, at_least=0, doc="jump of fast excitation per input spike")
    pause: float = parameter("600 ms", at_least=0, doc="nothing, after a pattern")
    rest: float = parameter("900 ms", above=0, doc="nothing, after a cue")
    read_start: float = parameter(
        "50 ms", at_least=0, doc="spikes are counted from here after a cue's end"
    )
    read_stop: float = parameter(
        "300 ms", above=0, doc="spikes are counted until here after a cue's end"
    )
    read_spikes: int = parameter(3, at_least=1, doc="spikes that make a cell active")
    branch: int = parameter(8, at_least=1, doc="cues shown on one branch of the state")


@dataclass(frozen=True)
class Balance(Parameters):
    """Plasticity of inhibition, which holds every excitatory cell near a target rate."""

    rate: float = parameter(
        0.0,
        at_least=0,
        doc="change of an inhibitory weight, 1 at first, per pair of spikes; 0: none",
    )
    target_rate: float = parameter(
        "3 Hz", unit="hertz", above=0, doc="rate at which it leaves a cell"
    )
    time: float = parameter("20 ms", unit="second", above=0, doc="within which spikes are near")


@dataclass(frozen=True)
class CorticalParameters(Integrated):
    """All constants of a `CorticalMemory`."""

    coding_level: float = parameter(0.08, above=0, below=1, doc="cells of an assembly, k / N_E")
    excitatory: ExcitatoryCells = parameter(ExcitatoryCells(), doc="excitatory cells")
    inhibitory: InhibitoryCells = parameter(InhibitoryCells(), doc="inhibitory cells")
    strengths: Strengths = parameter(Strengths(), doc="synapses")
    wiring: Wiring = parameter(Wiring(), doc="connections")
    stimuli: Stimuli = parameter(Stimuli(), doc="protocol")
    balance: Balance = parameter(Balance(), doc="plasticity of inhibition")
