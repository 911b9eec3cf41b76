"""Local rules that store one pattern per presentation, each seen once; see `base` and `text`.

One family a file: `covariance` (and bounds), `gates` (curvature), `weight_gates`, `damping`,
`whole_network`, `controls`; published models: `importance` (MAS, SI), `bayesian` (BCPNN, MESU),
`complex_synapses` (few states, cascades, chains), `clocks`; `bounded` holds the forms that spikes
drive, `events` puts any of them into a Brian2 network of your own.
"""

from spikeconsol.consolidation.rules.base import Rule, State
from spikeconsol.consolidation.rules.bayesian import (
    BCPNN,
    MESU,
    BoundedBCPNN,
)
from spikeconsol.consolidation.rules.bounded import (
    BoundedAdditive,
    BoundedBayesianWeight,
    BoundedCurvatureGate,
    BoundedDepressionGate,
    BoundedExponentialWeight,
    BoundedLeaky,
    BoundedSmoothCurvatureGate,
    BoundedWeightThreshold,
    RandomGate,
    spiking_form,
)
from spikeconsol.consolidation.rules.clocks import (
    Timer,
    WillshawClock,
)
from spikeconsol.consolidation.rules.complex_synapses import (
    AmitFusi,
    BennaFusi,
    Cascade,
    Multistate,
    SerialTransfer,
)
from spikeconsol.consolidation.rules.controls import RateProduct, Shuffled, Ungated
from spikeconsol.consolidation.rules.covariance import (
    Covariance,
    HardBounds,
    Leaky,
    SpikeGatedLeaky,
)
from spikeconsol.consolidation.rules.damping import (
    CovarianceProxy,
    CurvatureDamping,
    ElasticConsolidation,
    Precision,
)
from spikeconsol.consolidation.rules.definition import plasticity_rule, registry
from spikeconsol.consolidation.rules.events import EventDriven
from spikeconsol.consolidation.rules.gates import (
    CurvatureGate,
    CurvatureThreshold,
    DepressionGate,
    RefreshedCurvatureGate,
    SmoothCurvatureGate,
)
from spikeconsol.consolidation.rules.importance import (
    MAS,
    BoundedMAS,
    SynapticIntelligence,
)
from spikeconsol.consolidation.rules.weight_gates import (
    BayesianWeight,
    ExponentialWeight,
    WeightThreshold,
)
from spikeconsol.consolidation.rules.whole_network import (
    ContrastiveDivergence,
    HistoryMask,
    StablePerceptron,
)

__all__ = [
    "BCPNN",
    "MAS",
    "MESU",
    "AmitFusi",
    "BayesianWeight",
    "BennaFusi",
    "BoundedAdditive",
    "BoundedBCPNN",
    "BoundedBayesianWeight",
    "BoundedCurvatureGate",
    "BoundedDepressionGate",
    "BoundedExponentialWeight",
    "BoundedLeaky",
    "BoundedMAS",
    "BoundedSmoothCurvatureGate",
    "BoundedWeightThreshold",
    "Cascade",
    "ContrastiveDivergence",
    "Covariance",
    "CovarianceProxy",
    "CurvatureDamping",
    "CurvatureGate",
    "CurvatureThreshold",
    "DepressionGate",
    "ElasticConsolidation",
    "EventDriven",
    "ExponentialWeight",
    "HardBounds",
    "HistoryMask",
    "Leaky",
    "Multistate",
    "Precision",
    "RandomGate",
    "RateProduct",
    "RefreshedCurvatureGate",
    "Rule",
    "SerialTransfer",
    "Shuffled",
    "SmoothCurvatureGate",
    "SpikeGatedLeaky",
    "StablePerceptron",
    "State",
    "SynapticIntelligence",
    "Timer",
    "Ungated",
    "WeightThreshold",
    "WillshawClock",
    "plasticity_rule",
    "registry",
    "spiking_form",
]
