"""Layer-wise information-bottleneck (HSIC) learning from a working memory."""

from spikeconsol.bottleneck.hsic import Objective, layer_objective, modulatory_signal
from spikeconsol.bottleneck.memory import ClassMeans, Memory, Prototypes, Window
from spikeconsol.bottleneck.memory_classifier import MemoryClassifier
from spikeconsol.bottleneck.rate import BottleneckClassifier
from spikeconsol.bottleneck.reservoir import Reservoir, ReservoirParameters, Silenced
from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_memory_classifier import (
    SpikingMemoryCells,
    SpikingMemoryClassifier,
)
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoir, SpikingReservoirParameters

__all__ = [
    "BottleneckClassifier",
    "ClassMeans",
    "Memory",
    "MemoryClassifier",
    "Objective",
    "Prototypes",
    "Reservoir",
    "ReservoirParameters",
    "Silenced",
    "SpikingBottleneckClassifier",
    "SpikingLayer",
    "SpikingMemoryCells",
    "SpikingMemoryClassifier",
    "SpikingReservoir",
    "SpikingReservoirParameters",
    "Window",
    "layer_objective",
    "modulatory_signal",
]
