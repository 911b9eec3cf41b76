"""A rule of one's own, beside the same rule without its idea.

Synapses of units that have been active often are less plastic. The rule is text that Brian2 and
NumPy read alike: here it runs in rates; `SpikingMemory(..., rule=...)` and
`Synapses(E, E, **rule.synapses(...))` take the same object.
"""

import numpy as np

from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import Rule, plasticity_rule
from spikeconsol.data import corrupt, sparse_patterns
from spikeconsol.parameters import parameter
from spikeconsol.statistics import dice
from spikeconsol.testing import check_rule


@plasticity_rule
class Tiring(Rule):
    """Potentiation at coincidences, depression at mismatches, both weaker after use."""

    coding_level: float = parameter(0.05, above=0, below=1, doc="share of active units")
    rate: float = parameter(0.3, above=0, doc="step of an unused synapse")
    tiring: float = parameter(5.0, at_least=0, doc="how much use slows it down")

    model = "w : 1\nuse : 1"
    gate_text = "gate = 1/(1 + tiring*use)"
    change_text = "w += gate*rate*(A*(1 - w) - 0.05*M*w)"
    remember_text = "use = 0.99*use + 0.1*A"


def recalled(rule, units=200, stored=150, tested=50, seed=1):
    """Share of the newest patterns that come back from damaged cues."""
    patterns = sparse_patterns(stored, units, coding_level=rule.coding_level, seed=seed)
    network = HopfieldNetwork(units, rule=rule, seed=seed)
    network.store(patterns)
    newest = patterns[-tested:]
    found = network.recall(corrupt(newest, deleted=0.2, added=0.2, seed=seed))
    return float(np.mean(dice(found, newest) >= 0.9))


if __name__ == "__main__":
    check_rule(Tiring())  # Brian2 and NumPy agree to 1e-12
    for name, rule in (("tiring", Tiring()), ("the same, tireless", Tiring(tiring=0.0))):
        print(f"{name}: {recalled(rule):.2f} of the newest 50 of 150 recalled")
