"""What happens at the end of a sample, and when."""

from __future__ import annotations

from brian2 import Clock, NeuronGroup, StateMonitor, Synapses, second

#: What happens at the end of a sample, in this order.
ORDER = (
    "begin",
    "sum counts",
    "code",
    "remember",
    "compare",
    "kernel",
    "write pairs",
    "sum kernel",
    "coefficients",
    "signal",
    "change signal",
    "sum signal",
    "normalise",
    "modulate",
    "learn",
    "record",
    "rest",
)


class Schedule:
    """Run statements at the ends of samples, in the order of `ORDER`.

    Parameters
    ----------
    dt, sample_time : float
        Time step and duration of a sample, in seconds.

    Attributes
    ----------
    step, sample : brian2.Clock
        Clocks of the two.
    """

    def __init__(self, dt: float, sample_time: float) -> None:
        self.step = Clock(dt * second, name="step")
        self.sample = Clock(sample_time * second, name="sample_clock")

    def __call__(self, owner: NeuronGroup | Synapses, moment: str, statements: str) -> None:
        owner.run_regularly(
            statements,
            clock=self.sample,
            when="start",
            order=ORDER.index(moment),
            name=f"{owner.name}_{moment.replace(' ', '_')}",
        )

    def record(self, cells: NeuronGroup, variables: list[str], name: str) -> StateMonitor:
        """Record variables at the ends of samples."""
        return StateMonitor(
            cells,
            variables,
            record=True,
            clock=self.sample,
            when="start",
            order=ORDER.index("record"),
            name=name,
        )
