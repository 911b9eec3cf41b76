import copy

import numpy as np
import pytest

from spikeconsol.bottleneck import (
    InputCode,
    Objective,
    Place,
    SpikingBottleneckClassifier,
    SpikingLayer,
    SpikingReservoir,
    Window,
)
from spikeconsol.bottleneck.hsic import cosine
from spikeconsol.bottleneck.memory import cells, class_structured_stream
from spikeconsol.brian import backend
from spikeconsol.data import xor_task
from spikeconsol.parameters import ParameterError

SPLIT = xor_task(0, train=12, test=2)
OBJECTIVE = Objective(10.0, (0.5, 0.25, 2.0))
UNITS, INPUTS, WINDOW = 6, 10, 4
SMALL = SpikingReservoir(cells=30, samples=30, block=10, window=WINDOW)
LAYER = SpikingLayer()


def place(rng, target="numpy"):
    return Place(INPUTS, UNITS, 2, OBJECTIVE, rng=rng, layer=LAYER, target=target)


def reservoir(memory=SMALL):
    # The stream of random numbers that the network below takes its memory from.
    return memory.begin(place(np.random.default_rng(0).spawn(4)[2]))


def recorded(memory=SMALL):
    net = SpikingBottleneckClassifier(
        (UNITS,),
        objective=OBJECTIVE,
        memory=memory,
        input_code=InputCode(5, (-0.2, 1.2)),
        target="numpy",
        random_state=0,
    )
    return net.record(SPLIT.X, SPLIT.y, classes=[0, 1])


def drawn(memory, rng, target="numpy"):
    made = copy.copy(memory)
    made.place = place(rng, target)
    made.draw(made.place)
    return made


def rehearsed(memory, target="numpy", samples=10):
    rng = np.random.default_rng(1)
    made = drawn(memory, rng, target)
    _, y, activity = class_structured_stream(INPUTS, UNITS, 2, samples, samples, rng=rng)
    return made.rehearse(y, 2 * activity, 5)


@pytest.fixture(scope="module")
def alive():
    return recorded()


def test_signal_is_the_class_gated_readout_of_traces_and_code(alive):
    twin, codes = reservoir(), LAYER.codes(alive.counts[0])
    expected = [
        twin.read(trace, label, z)
        for trace, label, z in zip(alive.traces[0], SPLIT.y, codes, strict=True)
    ]
    np.testing.assert_allclose(alive.signals[0], expected, atol=1e-9)
    assert np.abs(twin.readout).max() > 0
    assert np.abs(expected).max() > 1e-3


def test_silenced_liquid_leaves_exactly_the_direct_readout():
    silent, twin = (make(SMALL.replace(silenced=True)) for make in (recorded, reservoir))
    assert not silent.traces[0].any()
    assert len(silent.liquid_cells[0]) == 0
    np.testing.assert_array_equal(twin.readout, 0)
    codes = LAYER.codes(silent.counts[0])
    expected = [
        twin.direct[label] @ np.append(z, 1) for label, z in zip(SPLIT.y, codes, strict=True)
    ]
    np.testing.assert_allclose(silent.signals[0], expected, atol=1e-12)


@pytest.mark.parametrize("held", ["constant", "shuffled", "late"])
def test_controls_of_the_state_change_nothing_but_what_the_readout_sees(held, alive, monkeypatch):
    monkeypatch.setattr(cells, "FROZEN", 4)
    monkeypatch.setattr(cells, "KEPT", 5)
    spoilt, twin = recorded(SMALL.replace(held=held)), reservoir()
    codes, traces = LAYER.codes(spoilt.counts[0]), spoilt.traces[0]
    np.testing.assert_array_equal(traces[0], alive.traces[0][0])  # the liquid itself goes on
    assert np.abs(traces - traces[0]).max() > 0.5
    ages = []
    for now, (signal, label, z) in enumerate(zip(spoilt.signals[0], SPLIT.y, codes, strict=True)):
        before = traces[:now] if now else np.zeros((1, SMALL.cells))
        states = {
            "constant": [before[:4].mean(axis=0)],
            "late": before[-1:],
            "shuffled": before[-5:],
        }
        off = [np.abs(signal - twin.read(state, label, z)).max() for state in states[held]]
        assert min(off) < 1e-9
        ages.append(len(off) - int(np.argmin(off)))
    if held == "shuffled":
        assert len(set(ages[5:])) > 2


def test_traces_are_filtered_spikes_that_no_sample_clears(alive):
    """Rebuild the traces at the ends of samples from the liquid's spikes."""
    ends = LAYER.sample_steps * np.arange(1, len(SPLIT.y) + 1)
    steps = np.rint(alive.liquid_times[0] / LAYER.exact_step)
    # A spike is counted at the end of its step, and decays from the next one on.
    age = (ends[:, None] - 1 - steps) * LAYER.exact_step
    filtered = np.where(age >= 0, np.exp(-age / SMALL.trace_time), 0)
    expected = np.stack(
        [filtered[:, alive.liquid_cells[0] == cell].sum(axis=1) for cell in range(SMALL.cells)],
        axis=1,
    )
    np.testing.assert_allclose(alive.traces[0], expected, atol=1e-9)
    assert expected.max() > 1


def test_repeats_are_identical(alive):
    again = recorded()
    np.testing.assert_array_equal(again.traces[0], alive.traces[0])
    np.testing.assert_array_equal(again.signals[0], alive.signals[0])


def test_liquid_obeys_dales_law_and_has_the_spectral_radius_asked_for():
    p = SpikingReservoir(cells=100, gain=0.6)
    made = drawn(p, np.random.default_rng(0))
    excitatory, inhibitory = np.split(made.recurrent, [80])
    assert excitatory.min() == 0 < excitatory.max()
    assert inhibitory.max() == 0 > inhibitory.min()
    rates_by_rates = made.recurrent * p.synaptic_time / p.membrane_time
    assert np.abs(np.linalg.eigvals(rates_by_rates)).max() == pytest.approx(0.6)
    np.testing.assert_allclose(made.input.sum(axis=1), 0, atol=1e-12)


def test_liquid_neither_dies_nor_runs_away():
    p = SpikingReservoir(cells=100)
    _, traces = rehearsed(p, samples=30)
    rates = traces[10:] / p.trace_time
    assert 5 < rates.mean() < 60
    assert np.mean(rates.mean(axis=0) > 1) > 0.7
    # Not in step: cells differ much more than their mean does in time.
    assert rates.mean(axis=1).std() < 0.3 * rates.std(axis=1).mean()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("cells", 1), ("inhibitory", 1.0), ("gain", -1.0), ("trace_time", "0 ms"), ("block", 1)],
)
def test_impossible_liquids_are_refused(setting, value):
    with pytest.raises(ParameterError, match=rf"^{setting}\b.*allowed"):
        SpikingReservoir(**{setting: value})


@pytest.mark.slow
def test_targets_agree_over_the_first_samples():
    runs = [rehearsed(SMALL, target) for target in ("numpy", "cython", "standalone")]
    for counts, traces in runs[1:]:
        np.testing.assert_array_equal(counts, runs[0][0])
        np.testing.assert_allclose(traces, runs[0][1], atol=1e-9)


@pytest.mark.slow
@pytest.mark.skipif(backend.default_target() != "standalone", reason="needs a C++ compiler")
def test_frozen_readout_gives_the_exact_signal_on_unseen_samples_unless_silenced():
    p = SpikingReservoir(cells=100, samples=4000, window=WINDOW)
    cosines = []
    for silenced in (False, True):
        rng = np.random.default_rng(0)
        made = p.replace(silenced=silenced).begin(place(rng, None))
        X, y, activity = class_structured_stream(INPUTS, UNITS, 2, p.samples, p.block, rng=rng)
        counts, traces = made.rehearse(y, p.spikes * activity, 6)
        codes, window = LAYER.codes(counts), Window(WINDOW).begin(place(rng))
        found, exact = [], []
        for x, trace, label, z in zip(X, traces, y, codes, strict=True):
            window.push(x, label, z)
            exact.append(window.signal())
            found.append(made.read(trace, label, z))
        cosines.append(np.mean(cosine(np.array(found[WINDOW:]), np.array(exact[WINDOW:]))))
    assert cosines[0] > 0.6
    assert cosines[1] < cosines[0] - 0.2
