"""Working memories: what remembers past samples and supplies the modulatory signal.

==================  ==============================================================================
`Window`            the last samples themselves
`Prototypes`        one mean code per class, seen through the code kernel
`ClassMeans`        the same, used linearly
`Reservoir`         an echo in a recurrent network of rate cells
`SpikingReservoir`  an echo in a liquid of spiking cells
==================  ==============================================================================

Where no class is known, memories recall past codes instead (`PastCodes`):

==================  ==============================================================================
`Lag`               the code of some samples before
`Traces`            running means, a recent and an older one
`Recent`, `Slots`   the last samples; means of the last episodes
`CodeReservoir`     an echo of codes in a recurrent network of rate cells
`GatedLiquid`       an echo in a liquid of spiking cells, clocked by the samples
`ContinuousLiquid`  a sliding window of rates in such a liquid, without a clock
`Constant`, ...     controls: another memory, spoilt
==================  ==============================================================================
"""

from spikeconsol.bottleneck.memory.base import Memory, Place, require_sample
from spikeconsol.bottleneck.memory.cells import Cells, SpikingForm, Wires
from spikeconsol.bottleneck.memory.code_reservoir import CodeReservoir, recall_quality
from spikeconsol.bottleneck.memory.continuous_liquid import ContinuousLiquid
from spikeconsol.bottleneck.memory.controls import (
    Constant,
    InputFunction,
    Late,
    PermutedBits,
    Shuffled,
    Silenced,
)
from spikeconsol.bottleneck.memory.gated_liquid import FittedLiquid, GatedLiquid, Liquid
from spikeconsol.bottleneck.memory.liquid import SpikingReservoir
from spikeconsol.bottleneck.memory.past import Lag, LiveMemory, PastCodes, Recent, Slots, Traces
from spikeconsol.bottleneck.memory.prototypes import ClassMeans, Prototypes
from spikeconsol.bottleneck.memory.reservoir import Reservoir, class_structured_stream
from spikeconsol.bottleneck.memory.window import Window

__all__ = [
    "SHORT_FORMS",
    "Cells",
    "ClassMeans",
    "CodeReservoir",
    "Constant",
    "ContinuousLiquid",
    "FittedLiquid",
    "GatedLiquid",
    "InputFunction",
    "Lag",
    "Late",
    "Liquid",
    "LiveMemory",
    "Memory",
    "PastCodes",
    "PermutedBits",
    "Place",
    "Prototypes",
    "Recent",
    "Reservoir",
    "Shuffled",
    "Silenced",
    "Slots",
    "SpikingForm",
    "SpikingReservoir",
    "Traces",
    "Window",
    "Wires",
    "class_structured_stream",
    "recall_quality",
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
