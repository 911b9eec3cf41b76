"""Which network a task is learned with."""

from __future__ import annotations

from spikeconsol.metaplasticity.closed_loop import ClosedLoop
from spikeconsol.metaplasticity.lstm import LSTM
from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.task import Task
from spikeconsol.parameters import ParameterError

__all__ = ["build"]


def build(task: Task, plasticity: Plasticity | None = None, gradient: str = "exact") -> Network:
    """Return the network that a task is learned with: recurrent if the task says so."""
    task.check()
    plasticity = plasticity or Plasticity()
    if not (plasticity.label_plasticity or task.label_inputs):
        raise ParameterError(
            f"label_plasticity: got False; allowed: True, as {type(task).__name__} has no labels"
        )
    if plasticity.lstm is not None:
        return LSTM(task, plasticity, gradient)
    if task.closed_loop:
        return ClosedLoop(task, plasticity, gradient)
    if plasticity.modulation != "none":
        raise ParameterError(
            f"modulation: got {plasticity.modulation!r}; allowed: none, but for tasks in a closed "
            "loop (CueReward)"
        )
    kind = Recurrent if task.recurrent else FeedForward
    return kind(task, plasticity, gradient)
