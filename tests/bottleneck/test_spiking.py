import numpy as np
import pytest
from sklearn.base import clone

from spikeconsol.bottleneck import (
    ClassMeans,
    Descent,
    FromMemory,
    InputCode,
    Objective,
    Place,
    Protection,
    Prototypes,
    Reservoir,
    SpikingBottleneckClassifier,
    SpikingLayer,
    Window,
)
from spikeconsol.data import xor_task
from spikeconsol.parameters import ParameterError

SPLIT = xor_task(0, train=40, test=20)
OBJECTIVE = Objective(10.0, (0.5, 0.25, 2.0), 1.0, 0.5)
UNITS, INPUTS, WINDOW = 6, 10, 4
RESERVOIR = Reservoir(cells=20, steps=1, samples=200, block=50, window=WINDOW)
MEMORIES = {
    "window": Window(WINDOW),
    "prototypes": Prototypes(0.1),
    "class means": ClassMeans(0.1),
    "reservoir": RESERVOIR,
    "silenced": RESERVOIR.replace(silenced=True),
    "late": RESERVOIR.replace(held="late"),
}


def classifier(**settings):
    defaults = {
        "hidden": (UNITS,),
        "objective": OBJECTIVE,
        "memory": Window(WINDOW),
        "input_code": InputCode(5, (-0.2, 1.2)),
        "target": "numpy",
        "random_state": 0,
    }
    return SpikingBottleneckClassifier(**(defaults | settings))


@pytest.fixture(scope="module")
def learned():
    """A network that has seen five samples; for tests that leave it as it is."""
    return classifier().partial_fit(SPLIT.X[:5], SPLIT.y[:5], classes=[0, 1])


def numpy_memory(memory):
    # The same stream of random numbers as in the network.
    rng = np.random.default_rng(0).spawn(4)[2]
    return memory.begin(Place(INPUTS, UNITS, 2, OBJECTIVE, rng=rng))


@pytest.mark.parametrize("memory", MEMORIES.values(), ids=MEMORIES)
def test_equations_give_the_signal_of_the_numpy_memory(memory):
    net = classifier(memory=memory)
    X, y = SPLIT.X[:16], SPLIT.y[:16]
    record = net.record(X, y, classes=[0, 1])
    memory = numpy_memory(memory)
    if isinstance(memory, Reservoir):
        memory.membrane[:] = 0
    codes, power, expected = net.network_.layer.codes(record.counts[0]), 0.0, []
    for level, label, z in zip(net.input_levels(X), y, codes, strict=True):
        memory.push(level, label, z)
        signal = memory.signal()
        square = np.mean(signal**2)
        power = 0.99 * power + 0.01 * square if power > 0 else square
        carried = signal - signal.mean() - z * np.mean(signal * z)
        expected.append(np.clip(carried / np.sqrt(power + 1e-30), -3, 3))
    np.testing.assert_allclose(record.modulators[0], expected, atol=1e-9)
    assert np.abs(expected).max() > 0.5


@pytest.mark.parametrize("importance", ["coincidence", "fisher"])
def test_weights_change_by_eligibility_times_modulator(importance):
    """Rebuild the change of every weight and of its importance from the recorded spikes."""
    net = classifier(
        memory="prototypes", optimiser=Descent(0.05, 0.03), protection=Protection(importance)
    )
    net.partial_fit(SPLIT.X[:10], SPLIT.y[:10], classes=[0, 1])
    before = net.weights_[0].astype(float)
    trace = net.network_.state["feedforward0.importance"].reshape(before.shape).astype(float)
    record = net.record(SPLIT.X[10:11], SPLIT.y[10:11])
    w, p = before, net.network_.layer
    v, eligibility = np.zeros(UNITS), np.zeros_like(w)
    spikes = np.zeros((50, INPUTS))
    np.add.at(spikes, (np.rint(record.input_times / p.time_step).astype(int),
                       record.input_cells), 1)  # fmt: skip
    count = np.zeros(UNITS)
    for step in range(50):
        v *= np.exp(-p.time_step / p.membrane_time)
        open_now = (v > 0) * np.exp(-(49 - step) * p.time_step / p.eligibility_time)
        fired = v > 1
        v += spikes[step] @ w
        eligibility += np.outer(spikes[step], open_now)
        v -= fired
        count += fired
    np.testing.assert_array_equal(count, record.counts[0][0])
    unit = net.network_.units[0]
    expected = np.clip(w - 0.05 * unit * record.modulators[0][0] * eligibility, -6 * unit, 6 * unit)
    np.testing.assert_allclose(net.weights_[0], expected, atol=1e-6)
    assert np.abs(expected - before).max() > 1e-3
    modulated = record.modulators[0][0] * eligibility
    trace += eligibility * count if importance == "coincidence" else modulated**2
    found = net.network_.state["feedforward0.importance"].reshape(before.shape)
    np.testing.assert_allclose(found, trace, rtol=1e-5, atol=1e-6)


def test_complete_damping_stops_hidden_cells_but_not_the_readout():
    net = classifier(protection=Protection("uniform", 1e30))
    net.partial_fit(SPLIT.X[:5], SPLIT.y[:5], classes=[0, 1])
    before, readout = net.weights_[0].copy(), net.readout_.copy()
    net.partial_fit(SPLIT.X[5:10], SPLIT.y[5:10])
    np.testing.assert_array_equal(net.weights_[0], before)
    assert not np.array_equal(net.readout_, readout)


def test_input_spikes_are_poisson_at_the_rates_of_the_samples():
    net = classifier(hidden=(2,), input_code=None, layer=SpikingLayer(peak_rate=200.0))
    X = np.tile([0.0, 0.5, 1.0], (40, 1))
    y = np.arange(40) % 2
    record = net.record(X, y, classes=[0, 1])
    expected = 200 * 2 * np.array([0, 0.5, 1])  # 40 samples of 50 ms
    found = np.bincount(record.input_cells, minlength=3)
    assert np.all(np.abs(found - expected) <= 4 * np.sqrt(expected))


def test_zero_modulator_leaves_hidden_weights_exactly_unchanged(learned):
    few = SPLIT.X[:5], SPLIT.y[:5]
    net = classifier(signal="frozen").partial_fit(SPLIT.X[:1], SPLIT.y[:1], classes=[0, 1])
    before, readout = net.weights_[0].copy(), net.readout_.copy()
    net.partial_fit(*few)
    np.testing.assert_array_equal(net.weights_[0], before)
    assert not np.array_equal(net.readout_, readout)
    assert not np.array_equal(learned.weights_[0], before)


def test_tests_change_nothing(learned):
    state = {name: array.copy() for name, array in learned.network_.state.items()}
    first = learned.transform(SPLIT.X_test[:5])
    np.testing.assert_array_equal(first, learned.transform(SPLIT.X_test[:5]))
    for name, array in learned.network_.state.items():
        np.testing.assert_array_equal(array, state[name])


def test_memory_is_carried_from_chunk_to_chunk():
    """The signal after several calls is that of a NumPy memory that saw all samples."""
    net, memory = classifier(), numpy_memory(Window(WINDOW))
    for part in (slice(0, 5), slice(5, 10)):
        record = net.record(SPLIT.X[part], SPLIT.y[part], classes=[0, 1])
        codes, levels = net.network_.layer.codes(record.counts[0]), net.input_levels(SPLIT.X[part])
        for level, label, z in zip(levels, SPLIT.y[part], codes, strict=True):
            memory.push(level, label, z)
    signal, z = memory.signal(), codes[-1]
    carried = signal - signal.mean() - z * np.mean(signal * z)
    expected = np.clip(carried / np.sqrt(net.network_.state["hub0.power"][0]), -3, 3)
    np.testing.assert_allclose(record.modulators[0][-1], expected, atol=1e-9)


def test_repeats_are_identical_and_seeds_differ(learned):
    again, other = (
        clone(learned)
        .set_params(random_state=seed)
        .partial_fit(SPLIT.X[:5], SPLIT.y[:5], classes=[0, 1])
        for seed in (0, 1)
    )
    np.testing.assert_array_equal(learned.weights_[0], again.weights_[0])
    np.testing.assert_array_equal(*(net.predict(SPLIT.X_test[:5]) for net in (learned, again)))
    assert not np.array_equal(learned.weights_[0], other.weights_[0])


def test_controls_start_from_the_same_weights():
    nets = [
        classifier(**setup, optimiser=Descent(0.0, 0.03)).fit(SPLIT.X[:2], SPLIT.y[:2])
        for setup in ({}, {"memory": "prototypes"}, {"signal": "permuted"}, {"signal": "per_class"})
    ]
    for net in nets[1:]:
        np.testing.assert_array_equal(net.weights_[0], nets[0].weights_[0])


def test_two_layers_and_the_surprise_gate():
    net = classifier(hidden=(8, 4), memory="prototypes", signal=FromMemory(surprise_gate=True))
    record = net.record(SPLIT.X[:8], SPLIT.y[:8], classes=[0, 1])
    assert [counts.shape for counts in record.counts] == [(8, 8), (8, 4)]
    assert record.counts[1].sum() > 0
    assert all(np.any(modulators) for modulators in record.modulators)
    assert net.transform(SPLIT.X_test[:3], layer=0).shape == (3, 8)
    np.testing.assert_allclose(net.predict_proba(SPLIT.X_test[:3]).sum(axis=1), 1)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"memory": "tape"}, "memory"),
        ({"signal": "loud"}, "signal"),
        ({"hidden": ()}, "hidden"),
        ({"epochs": 0}, "epochs"),
        ({"optimiser": Descent(update_every=2)}, "optimiser"),
        ({"signal": "hebb"}, "signal"),
        ({"input_code": None}, "X"),
        ({"memory": Reservoir()}, "memory.steps"),
        ({"target": "gpu"}, "target"),
    ],
)
def test_impossible_settings_are_refused(settings, name):
    with pytest.raises(ParameterError, match=rf"^{name}\b.*allowed"):
        classifier(**settings).fit(SPLIT.X, SPLIT.y)


def test_labels_that_are_unknown_are_refused(learned):
    with pytest.raises(ValueError, match="y: got class 7"):
        learned.partial_fit(SPLIT.X[:1], [7])


@pytest.mark.slow
@pytest.mark.parametrize("other", ["numpy", "cython"])
def test_compiled_program_gives_the_spikes_of_the_other_targets(other):
    # Long enough for the clocks of steps and samples to part, were they able to.
    X, y = (np.tile(a, (40, 1))[:1500] for a in (SPLIT.X, SPLIT.y[:, None]))
    nets = [
        classifier(target=target, memory="prototypes").fit(X, y.ravel())
        for target in (other, "standalone")
    ]
    np.testing.assert_array_equal(*(net.spike_counts(SPLIT.X_test)[0] for net in nets))
    np.testing.assert_allclose(nets[0].weights_[0], nets[1].weights_[0], atol=1e-5)
