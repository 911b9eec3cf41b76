"""PRIVATE, until rule.synapses lands."""

from dataclasses import dataclass
import math


@dataclass(frozen=True)
class Gate:
    lifetime: float = 20.0
    window: float = 0.4
    q_c: float = 0.2
    potentiation: float = 0.1
    depression: float = 0.02
    trace_jump: float = 0.15
    residual: float = 0.0
    burst_time: float = 0.1
    burst_threshold: float = 2.0
    burst_range: float = 1.0

    states = ("burst_i", "burst_j", "q", "q_fast")

    def fingerprint(self):
        return repr(self)

    @property
    def constants(self):
        trace = self.lifetime / math.log(1 / self.q_c)
        fast = -self.window / math.log(math.exp(-self.window / trace) - self.q_c)
        return dict(
            potentiation=self.potentiation,
            depression=self.depression,
            trace_jump=self.trace_jump,
            residual=self.residual,
            burst_time=self.burst_time,
            burst_threshold=self.burst_threshold,
            burst_range=self.burst_range,
            trace_time=trace,
            fast_time=fast,
            trace_threshold=self.q_c,
        )

    @property
    def decay(self):
        c = self.constants
        return dict(
            burst_i=c["burst_time"],
            burst_j=c["burst_time"],
            q=c["trace_time"],
            q_fast=c["fast_time"],
        )

    def synapses(self, on_pre="", **_):
        model = """w : 1
        dburst_i/dt = -burst_i/burst_time : 1 (event-driven)
        dburst_j/dt = -burst_j/burst_time : 1 (event-driven)
        dq/dt = -q/trace_time : 1 (event-driven)
        dq_fast/dt = -q_fast/fast_time : 1 (event-driven)
        burst_time : second (shared, constant)
        trace_time : second (shared, constant)
        fast_time : second (shared, constant)
        burst_threshold : 1 (shared, constant)
        burst_range : 1 (shared, constant)
        potentiation : 1 (shared, constant)
        depression : 1 (shared, constant)
        trace_jump : 1 (shared, constant)
        residual : 1 (shared, constant)
        trace_threshold : 1 (shared, constant)
        """
        text = """
        active_i = clip((burst_i - burst_threshold)/burst_range, 0, 1)
        active_j = clip((burst_j - burst_threshold)/burst_range, 0, 1)
        plastic = residual + (1 - residual)*int(q - q_fast <= trace_threshold)
        w += plastic*(potentiation*active_i*active_j*(1 - w) - depression*active_{own}*(1 - active_{partner})*w)
        jump = trace_jump*active_i*active_j*(1 - q)
        q += jump
        q_fast += jump
        burst_{own} += 1
        """
        return dict(
            model=model,
            on_pre=on_pre + text.format(own="i", partner="j"),
            on_post=text.format(own="j", partner="i"),
        )


@dataclass(frozen=True)
class Ungated(Gate):
    states = ("burst_i", "burst_j")
    weight = "w : 1"
    change = "w += potentiation*active_i*active_j*(1 - w) - depression*active_{own}*(1 - active_{partner})*w"
    names = ("potentiation", "depression", "burst_time", "burst_threshold", "burst_range")
    leak: float = 20.0
    share: float = 0.5

    @property
    def constants(self):
        c = super().constants | {"leak_time": self.leak, "share": self.share}
        return {k: c[k] for k in self.names}

    @property
    def decay(self):
        return dict(burst_i=self.burst_time, burst_j=self.burst_time)

    def synapses(self, on_pre="", **_):
        model = (
            self.weight
            + """
        dburst_i/dt = -burst_i/burst_time : 1 (event-driven)
        dburst_j/dt = -burst_j/burst_time : 1 (event-driven)
        """
            + "\n".join(
                f"{n} : {'second' if n.endswith('time') else '1'} (shared, constant)"
                for n in self.names
            )
        )
        text = (
            """
        active_i = clip((burst_i - burst_threshold)/burst_range, 0, 1)
        active_j = clip((burst_j - burst_threshold)/burst_range, 0, 1)
        """
            + self.change
            + """
        burst_{own} += 1
        """
        )
        return dict(
            model=model,
            on_pre=on_pre + text.format(own="i", partner="j"),
            on_post=text.format(own="j", partner="i"),
        )


@dataclass(frozen=True)
class Bounds(Ungated):
    change = "w = clip(w + potentiation*active_i*active_j - depression*active_{own}*(1 - active_{partner}), 0, 1)"


@dataclass(frozen=True)
class Leaky(Ungated):
    weight = "dw/dt = -w/leak_time : 1 (event-driven)"
    names = (*Ungated.names, "leak_time")

    @property
    def decay(self):
        return super().decay | dict(w=self.leak)


@dataclass(frozen=True)
class Random(Ungated):
    """A random share of the synapses, drawn anew every presentation... per event by a hash of time."""
