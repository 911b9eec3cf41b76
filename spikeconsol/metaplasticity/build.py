"""Which network a task is learned with."""

from __future__ import annotations

from spikeconsol.metaplasticity.network import Network
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.task import Task

__all__ = ["build"]


def build(task: Task, plasticity: Plasticity | None = None, gradient: str = "exact") -> Network:
    """Return the network that a task is learned with: recurrent if the task says so."""
    kind = Recurrent if task.recurrent else FeedForward
    return kind(task, plasticity or Plasticity(), gradient)
