"""Rules beside the gate in the always-on network, against their equations by hand."""

import brian2 as b2
import numpy as np
import pytest

from spikeconsol.consolidation.rules import Timer
from spikeconsol.models.cortical_rules import (
    Leak,
    TripletSTDP,
    leaky,
    memory_aware,
    random_gate,
)
from spikeconsol.parameters import ParameterError

SENDER, RECEIVER = [10, 30, 50, 120], [15, 35, 42, 60, 130]  # ms


def pair(rule):
    """One synapse whose cells fire when they are told to, and the network's time."""
    b2.prefs.codegen.target = "numpy"
    b2.start_scope()
    b2.defaultclock.dt = 0.5 * b2.ms
    cells = np.r_[np.zeros(len(SENDER), int), np.ones(len(RECEIVER), int)]
    group = b2.SpikeGeneratorGroup(2, cells, np.r_[SENDER, RECEIVER] * b2.ms)
    synapse = b2.Synapses(group, group, **rule.synapses())
    synapse.connect(i=0, j=1)
    rule.assign(synapse)
    network = b2.Network(group, synapse)
    network.run(200 * b2.ms)
    return rule.state(synapse, network.t)


@pytest.fixture(autouse=True)
def preferences():
    target, dt = b2.prefs.codegen.target, b2.defaultclock.dt
    yield
    b2.prefs.codegen.target = target
    b2.defaultclock.dt = dt


def test_triplets_change_a_weight_as_published():
    rule = TripletSTDP(potentiation=0.1, depression=0.01)
    times = {"r1": 16.8, "o1": 33.7, "o2": 114.0, "rate": 10_000.0}
    traces, w, before = dict.fromkeys(times, 0.0), 0.0, 0.0
    for t, sent in sorted([(t, True) for t in SENDER] + [(t, False) for t in RECEIVER]):
        traces = {x: value * np.exp((before - t) / times[x]) for x, value in traces.items()}
        before = t
        if sent:
            w = max(w - rule.depression * (traces["rate"] / 30) ** 2 * traces["o1"], 0.0)
            traces["r1"] += 1
        else:  # the receiver's own last spikes, without this one
            w = min(w + rule.potentiation * traces["r1"] * traces["o2"], 1.0)
            for x in ("o1", "o2", "rate"):
                traces[x] += 1
    assert 0.1 < w < 1
    assert pair(rule)["w"] == pytest.approx([w], rel=1e-6)


def test_weights_leak_in_real_time():
    rule = Leak(rule=leaky(2.5)(20.0).rule, leak_time=50.0)
    (w,) = pair(rule.replace(burst_threshold=0.0))["w"]
    (slow,) = pair(rule.replace(burst_threshold=0.0, leak_time=5e5))["w"]
    assert 0 < w < slow
    assert w > 0.99 * slow  # of 200 ms, 50 s are 250 times as much


def test_what_triplets_do_not_read_is_refused():
    with pytest.raises(ParameterError, match=r"burst_time: got 0.2; allowed: 0.1"):
        TripletSTDP(burst_time="200 ms")
    with pytest.raises(ParameterError, match="triplet STDP does not read"):
        TripletSTDP(rule=Timer())


def test_controls_remember_in_proportion_to_the_lifetime():
    assert leaky(2.5)(40.0).leak_time == 100.0
    for make in (memory_aware(3.0, 0.02), random_gate(0.5, 0.005)):
        short, long = (make(lifetime).rule.depression for lifetime in (20.0, 40.0))
        assert long == pytest.approx(short / 2)
    assert memory_aware(3.0, 0.02)(40.0).rule.memory_time == 40.0
