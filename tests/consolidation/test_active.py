"""Storage that visits pairs of cells that took part against storage that visits all of them."""

import numpy as np
import pytest

from spikeconsol.brian.backend import default_target
from spikeconsol.consolidation import Sparse, SpikingMemory, SpikingParameters
from spikeconsol.consolidation.rules import (
    BoundedCurvatureGate,
    Shuffled,
    plasticity_rule,
    registry,
    spiking_form,
)
from spikeconsol.consolidation.rules.base import Rule
from spikeconsol.data import sparse_patterns
from spikeconsol.parameters import ParameterError
from spikeconsol.testing import weights_stay_in_unit_interval

#: As in test_spiking.py, so that the gate's program is compiled once.
N, F = 60, 0.1
DOUBLE = SpikingParameters(coding_level=F, precision="double")
GATE = BoundedCurvatureGate(protection_time=6.0)
#: The first three cells fire twice with a presentation between, the last ones never.
PATTERNS = np.array([np.isin(np.arange(N), cells) for cells in ([0, 1, 2], [3, 4, 5], [0, 1, 6])])


def forms():
    """Every rule for spikes, once."""
    found = {}
    for kind in registry.values():
        try:
            rule = kind()
            if "coding_level" in kind.fields():
                rule = kind(coding_level=F)
            form = spiking_form(rule)
        except ParameterError:
            continue
        found[type(form).__name__] = form
    return found


FORMS = forms()


def random_state(memory):
    """Random variables of all pairs; strengths of binary synapses are 0 or 1."""
    rng = np.random.default_rng(5)
    for name, values in memory._pairs.state.items():
        drawn = rng.random(values.shape)
        if type(memory.rule).__name__ in ("AmitFusi", "Cascade") and name == "w":
            drawn = np.rint(drawn)
        memory._pairs.state[name] = drawn.astype(values.dtype)


def same(rule, *, parameters=DOUBLE, wiring=None):
    """Store on both paths, from the same random state."""
    if default_target() != "standalone":
        pytest.skip("no compiler here")
    visited, plain = (
        SpikingMemory(N, rule=rule, seed=1, parameters=parameters, wiring=wiring, target=target)
        for target in ("standalone", "numpy")
    )
    for memory in (visited, plain):
        random_state(memory)
    before = plain.weights
    for memory in (visited, plain):
        memory.store(PATTERNS)
    np.testing.assert_array_equal(visited.recording.cells, plain.recording.cells)
    assert np.any(plain.weights != before)
    for name, expected in plain._pairs.state.items():
        found = visited._pairs.state[name]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12, err_msg=name)


def test_visited_pairs_learn_as_all_pairs_do():
    same(GATE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FORMS) - {"BoundedCurvatureGate"}))
def test_every_rule_learns_so(name):
    same(FORMS[name])


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"parameters": DOUBLE.replace(symmetric=False)},
        {"wiring": Sparse(probability=0.5)},
        {"wiring": Sparse(probability=0.5, symmetric=True)},
    ],
    ids=["full", "directed", "listed"],
)
def test_every_layout_does(options):
    same(GATE, **options)


def test_rules_that_change_silent_pairs_are_known():
    changing = {name for name, rule in FORMS.items() if rule.silence is None}
    assert changing == {"BoundedBCPNN", "Shuffled", "WillshawClock"}


def test_a_rule_of_ones_own_that_changes_silent_pairs_visits_all():
    @plasticity_rule
    class Drifting(Rule):
        """Weights that fall back everywhere, in no form that `model` declares."""

        change_text = "w += 0.5*A*(1 - w) - 0.1*w"

    try:
        rule = Drifting()
        assert weights_stay_in_unit_interval(rule)
        assert rule.silence is None
        assert GATE.silence == ("trace != 0", "trace = trace*trace_factor")
        assert Shuffled(rule=GATE).silence is None
    finally:
        del registry["Drifting"]


@pytest.mark.parametrize("wrong", [-0.1, 1.1])
def test_weights_that_no_rule_for_spikes_leaves_are_refused(wrong):
    memory = SpikingMemory(N, rule=GATE, seed=1, parameters=DOUBLE)
    memory.weights = np.full((N, N), wrong)  # recall reads any weights
    with pytest.raises(ValueError, match=r"weights: got .*1; allowed: 0 to 1"):
        memory.store(sparse_patterns(1, N, coding_level=memory.coding_level, seed=1))
