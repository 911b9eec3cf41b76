"""Layer-wise information-bottleneck (HSIC) learning from a working memory."""

from spikeconsol.bottleneck.hsic import Objective, layer_objective, modulatory_signal
from spikeconsol.bottleneck.memory import ClassMeans, Memory, Prototypes, Window
from spikeconsol.bottleneck.rate import BottleneckClassifier
from spikeconsol.bottleneck.relational import RelationalBottleneck
from spikeconsol.bottleneck.relational_spiking import SpikingRelationalBottleneck
from spikeconsol.bottleneck.reservoir import Reservoir, ReservoirParameters, Silenced
from spikeconsol.bottleneck.spiking import SpikingBottleneckClassifier
from spikeconsol.bottleneck.spiking_layer import SpikingLayer
from spikeconsol.bottleneck.spiking_reservoir import SpikingReservoir, SpikingReservoirParameters

__all__ = [
    "BottleneckClassifier",
    "ClassMeans",
    "Memory",
    "Objective",
    "Prototypes",
    "RelationalBottleneck",
    "Reservoir",
    "ReservoirParameters",
    "Silenced",
    "SpikingBottleneckClassifier",
    "SpikingLayer",
    "SpikingRelationalBottleneck",
    "SpikingReservoir",
    "SpikingReservoirParameters",
    "Window",
    "layer_objective",
    "modulatory_signal",
]
