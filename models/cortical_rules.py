"""Rules that stand beside the curvature gate in the always-on cortical network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from spikeconsol.consolidation.rules import BoundedBCPNN, CurvatureGate
from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.consolidation.rules.bounded import BoundedAdditive, BoundedLeaky, RandomGate
from spikeconsol.consolidation.rules.events import POTENTIATION, EventDriven
from spikeconsol.consolidation.rules.importance import BoundedMAS
from spikeconsol.parameters import ParameterError, parameter

#: Share of a presentation that a spike is, as `EventDriven` has it.
MISMATCH_SHARE = 0.077
#: Lifetime at which constants of controls were searched; what sets how long they remember goes by
#: the lifetime [s].
SEARCHED = 20.0


def gate(lifetime: float) -> EventDriven:
    """The curvature gate."""
    return CurvatureGate.for_lifetime(lifetime)


def ungated(depression: float = 0.02) -> Callable[[float], EventDriven]:
    """An open gate: soft bounds, w grows towards 1 and falls towards 0 in shares of the way."""

    def rule(lifetime: float) -> EventDriven:
        opened = CurvatureGate.for_lifetime(lifetime).ungated()
        return opened.replace(mismatch_share=opened.mismatch_share * depression / 0.02)

    return rule


def bounds(depression: float) -> Callable[[float], EventDriven]:
    """Steps of .1, and of `depression`, between hard bounds."""
    rule = BoundedAdditive(potentiation=POTENTIATION, depression=depression / MISMATCH_SHARE)
    return lambda lifetime: EventDriven(rule=rule)


def random_gate(share: float, depression: float) -> Callable[[float], EventDriven]:
    """A gate that is open for a random share of all events; depression a spike at T = 20 s."""

    def rule(lifetime: float) -> EventDriven:
        return EventDriven(
            rule=RandomGate(
                potentiation=POTENTIATION, depression=slower(depression, lifetime), share=share
            )
        )

    return rule


def memory_aware(strength: float, depression: float) -> Callable[[float], EventDriven]:
    """Memory aware synapses, whose importance fades over the lifetime; depression at T = 20 s."""

    def rule(lifetime: float) -> EventDriven:
        return EventDriven(
            rule=BoundedMAS(
                potentiation=POTENTIATION,
                depression=slower(depression, lifetime),
                strength=strength,
                memory_time=lifetime,
            )
        )

    return rule


def slower(depression: float, lifetime: float) -> float:
    """Depression a presentation, from that a spike at T = 20 s: in longer lifetimes, less."""
    return depression / MISMATCH_SHARE * SEARCHED / lifetime


@dataclass(frozen=True)
class Leak(EventDriven):
    """A rule whose weights also fall towards zero all the time.

    A spike is sent with the weight as it was at the last spike of either cell: what it has lost
    since then, the time between two spikes over `leak_time`, comes too late.
    """

    leak_time: float = parameter("100 s", above=0, doc="decay of weights")

    @property
    def constants(self) -> dict[str, float]:
        """Values of the names in the texts; times in seconds."""
        return super().constants | {"leak_time": self.leak_time}

    def _variables(self) -> dict[str, str | None]:
        return super()._variables() | {"w": "leak_time"}


def leaky(leak: float) -> Callable[[float], EventDriven]:
    """Weights that grow towards 1 with coincidences and fall with time, over `leak` lifetimes."""
    rule = BoundedLeaky(potentiation=POTENTIATION, depression=0.0)
    return lambda lifetime: Leak(rule=rule, leak_time=leak * lifetime)


def bayesian(memory: float, top: float = 3.0) -> Callable[[float], EventDriven]:
    """BCPNN with averages over so many lifetimes."""

    def rule(lifetime: float) -> EventDriven:
        rate = min(1.0, 1 / (memory * lifetime))
        return EventDriven(rule=BoundedBCPNN(averaging_rate=rate, top=top))

    return rule


@dataclass(frozen=True)
class TripletSTDP(EventDriven):
    r"""Triplet STDP with hard bounds and homeostasis, which knows no bursts and no gate.

    Depression at a spike of the sender, by the receiver's last ones; potentiation at a spike of the
    receiver, by the sender's last ones and the receiver's own before,

    .. math:: \Delta w = -A_2^- (\bar r / r_0)^2 o_1, \qquad \Delta w = A_3^+ r_1 o_2,

    all-to-all, in the minimal form for visual cortex. The receiver's mean rate sets depression,
    as the sliding threshold of the paper does.

    References
    ----------
    J.-P. Pfister, W. Gerstner, Journal of Neuroscience 26, 9673 (2006), table 4.
    """

    rule: Rule = parameter(BoundedLeaky(), doc="says that a weight is zero at first, no more")
    potentiation: float = parameter(6.5e-3, at_least=0, doc="A3+")
    depression: float = parameter(7.1e-3, at_least=0, doc="A2-, at the rate r0")
    sender_time: float = parameter("16.8 ms", above=0, doc="decay of r1")
    receiver_time: float = parameter("33.7 ms", above=0, doc="decay of o1")
    slow_time: float = parameter("114 ms", above=0, doc="decay of o2")
    rate_time: float = parameter("10 s", above=0, doc="window of the mean rate")
    target_rate: float = parameter("3 Hz", above=0, doc="r0")

    def __post_init__(self) -> None:
        super().__post_init__()
        unread = EventDriven(rule=BoundedLeaky())
        for name in (field.name for field in fields(unread)):
            given, allowed = getattr(self, name), getattr(unread, name)
            if given != allowed:
                raise ParameterError(
                    f"{name}: got {given!r}; allowed: {allowed!r}, as triplet STDP does not read it"
                )

    @property
    def constants(self) -> dict[str, float]:
        """Values of the names in the texts; times in seconds."""
        names = ("potentiation", "depression", "sender_time", "receiver_time", "slow_time")
        found = {name: getattr(self, name) for name in (*names, "rate_time")}
        return found | {"spikes_at_target": self.target_rate * self.rate_time}

    def _variables(self) -> dict[str, str | None]:
        return {
            "w": None,
            "sender": "sender_time",
            "receiver": "receiver_time",
            "receiver_slow": "slow_time",
            "receiver_rate": "rate_time",
        }

    def _at_spike(self, own: str, partner: str) -> str:
        decays = [f"{x} *= exp(-elapsed/{time})" for x, time in self._variables().items() if time]
        at_sender = (
            "w = clip(w - depression*(receiver_rate/spikes_at_target)**2*receiver, 0, 1)",
            "sender += 1",
        )
        at_receiver = (
            "w = clip(w + potentiation*sender*receiver_slow, 0, 1)",
            "receiver += 1",
            "receiver_slow += 1",
            "receiver_rate += 1",
        )
        return "\n".join(
            (
                "elapsed = (t - updated)/second",
                *decays,
                "updated = t",
                *(at_sender if own == "i" else at_receiver),
            )
        )


def triplet(potentiation: float, depression: float) -> Callable[[float], EventDriven]:
    """Triplet STDP, its amplitudes in units of those of the paper."""
    paper = TripletSTDP()
    rule = paper.replace(
        potentiation=paper.potentiation * potentiation, depression=paper.depression * depression
    )
    return lambda lifetime: rule
