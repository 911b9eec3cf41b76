"""Layer-wise information-bottleneck (HSIC) learning from a working memory."""

from spikeconsol.bottleneck.hsic import Objective, layer_objective, modulatory_signal
from spikeconsol.bottleneck.memory import (
    ClassMeans,
    Memory,
    Place,
    Prototypes,
    Reservoir,
    SpikingReservoir,
    Window,
)
from spikeconsol.bottleneck.memory_classifier import MemoryClassifier
from spikeconsol.bottleneck.parameters import (
    Adam,
    Descent,
    InputCode,
    Protection,
    RateLayer,
    SpikingLayer,
)
from spikeconsol.bottleneck.rate import BottleneckClassifier
from spikeconsol.bottleneck.relational import RelationalBottleneck
from spikeconsol.bottleneck.relational_memory import RelationalMemory
from spikeconsol.bottleneck.relational_spiking import SpikingRelationalBottleneck
from spikeconsol.bottleneck.signals import FromMemory, Signal
from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier
from spikeconsol.bottleneck.spiking_memory_classifier import (
    SpikingMemoryCells,
    SpikingMemoryClassifier,
)

__all__ = [
    "Adam",
    "BottleneckClassifier",
    "ClassMeans",
    "Descent",
    "FromMemory",
    "InputCode",
    "Memory",
    "MemoryClassifier",
    "Objective",
    "Place",
    "Protection",
    "Prototypes",
    "RateLayer",
    "RelationalBottleneck",
    "RelationalMemory",
    "Reservoir",
    "Signal",
    "SpikingBottleneckClassifier",
    "SpikingLayer",
    "SpikingMemoryCells",
    "SpikingMemoryClassifier",
    "SpikingRelationalBottleneck",
    "SpikingReservoir",
    "Window",
    "layer_objective",
    "modulatory_signal",
]
