"""Working memories: what remembers past samples and supplies the modulatory signal.

==================  ==============================================================================
`Window`            the last samples themselves
`Prototypes`        one mean code per class, seen through the code kernel
`ClassMeans`        the same, used linearly
`Reservoir`         an echo in a recurrent network of rate cells
`SpikingReservoir`  an echo in a liquid of spiking cells
==================  ==============================================================================
"""

from spikeconsol.bottleneck.memory.base import Memory, Place, require_sample
from spikeconsol.bottleneck.memory.cells import Cells, SpikingForm, Wires
from spikeconsol.bottleneck.memory.liquid import SpikingReservoir
from spikeconsol.bottleneck.memory.prototypes import ClassMeans, Prototypes
from spikeconsol.bottleneck.memory.reservoir import Reservoir, class_structured_stream
from spikeconsol.bottleneck.memory.window import Window

__all__ = [
    "SHORT_FORMS",
    "Cells",
    "ClassMeans",
    "Memory",
    "Place",
    "Prototypes",
    "Reservoir",
    "SpikingForm",
    "SpikingReservoir",
    "Window",
    "Wires",
    "class_structured_stream",
    "require_sample",
]

#: Names by which the memories of the library can be asked for.
SHORT_FORMS: dict[str, Memory] = {
    "window": Window(),
    "prototypes": Prototypes(),
    "class_means": ClassMeans(),
    "reservoir": Reservoir(),
    "silenced": Reservoir(silenced=True),
    "spiking_reservoir": SpikingReservoir(),
    "spiking_silenced": SpikingReservoir(silenced=True),
}
