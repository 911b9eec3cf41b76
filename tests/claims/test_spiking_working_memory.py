"""Spiking layers learn relations from a spiking liquid."""

import pytest

from spikeconsol.models import relational_spiking as spiking


@pytest.mark.slow
def test_spiking_layers_learn_nback_from_a_spiking_liquid_and_not_from_a_late_one():
    parameters = spiking.SpikingNBack(presentations=8000)
    found = {
        c.name: float(spiking.learn(parameters, c, (100,)).accuracy[0])
        for c in spiking.EXPERIMENTS[0].conditions(parameters)
        if c.name in ("liquid", "frozen", "constant")
    }
    assert found["liquid"] >= 0.7
    assert found["frozen"] <= 0.4
    assert found["constant"] <= 0.4
