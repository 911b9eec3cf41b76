"""Meta-learned Hebbian plasticity: which synapses should be plastic at all? (Miconi 2016)."""

from spikeconsol.metaplasticity import tasks
from spikeconsol.metaplasticity.network import Plasticity
from spikeconsol.metaplasticity.optimiser import Adam, RMSClip
from spikeconsol.metaplasticity.rate import evaluate, published_protocol, train
from spikeconsol.metaplasticity.result import Evaluation, Training

__all__ = [
    "Adam",
    "Evaluation",
    "Plasticity",
    "RMSClip",
    "Training",
    "evaluate",
    "published_protocol",
    "tasks",
    "train",
]
