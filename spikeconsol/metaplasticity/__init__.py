"""Meta-learned Hebbian plasticity: which synapses should be plastic at all? (Miconi 2016)."""

from spikeconsol.metaplasticity import tasks
from spikeconsol.metaplasticity.optimiser import SGD, Adam, RMSClip
from spikeconsol.metaplasticity.parameters import Plasticity
from spikeconsol.metaplasticity.result import Evaluation, Trained, Training
from spikeconsol.metaplasticity.rules import TraceRule, trace_rule
from spikeconsol.metaplasticity.train import evaluate, published_protocol, train

__all__ = [
    "SGD",
    "Adam",
    "Evaluation",
    "Plasticity",
    "RMSClip",
    "TraceRule",
    "Trained",
    "Training",
    "evaluate",
    "published_protocol",
    "tasks",
    "trace_rule",
    "train",
]
