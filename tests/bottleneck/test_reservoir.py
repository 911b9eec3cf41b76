import numpy as np
import pytest

from spikeconsol.bottleneck import Objective, Place, Prototypes, Reservoir, Window
from spikeconsol.bottleneck.capacity import Recorded, explained_variance, memory_capacity
from spikeconsol.bottleneck.hsic import layer_norm
from spikeconsol.bottleneck.memory import class_structured_stream

OBJECTIVE = Objective(gamma=5.0, widths=(0.4, 0.3, 1.5))
SMALL = Reservoir(cells=60, samples=400, block=100, window=5)


def place(seed=0):
    return Place(3, 6, 2, OBJECTIVE, rng=np.random.default_rng(seed))


def trained(reservoir=SMALL):
    return reservoir.begin(place())


def stream(n=300, seed=1, block=100):
    rng = np.random.default_rng(seed)
    X, y, activity = class_structured_stream(3, 6, 2, n, block, rng=rng)
    return X, y, layer_norm(activity)[0]


def signals(memory, samples):
    found = []
    for x, y, z in zip(*samples, strict=True):
        memory.push(x, int(y), z)
        found.append(memory.signal())
    return np.array(found)


def test_recursive_least_squares_ends_at_the_ridge_solution():
    ridge, force = trained(), trained(SMALL.replace(training="force"))
    np.testing.assert_allclose(force.readout, ridge.readout, rtol=1e-6, atol=1e-9)


def test_rehearsed_readout_follows_the_exact_signal_on_unseen_samples():
    exact = signals(Window(5).begin(place()), stream())
    alive = explained_variance(signals(trained(SMALL.replace(samples=3000)), stream()), exact)
    silent = explained_variance(
        signals(trained(SMALL.replace(samples=3000, silenced=True)), stream()), exact
    )
    assert alive > 0.3
    assert silent < alive - 0.2


def test_silenced_reservoir_remembers_nothing():
    silenced = trained(SMALL.replace(silenced=True))
    samples = stream(20)
    once = signals(silenced, samples)
    again = signals(silenced, [part[::-1] for part in samples])
    np.testing.assert_allclose(again[::-1], once)
    assert not silenced.features().any()


@pytest.mark.parametrize(
    "training",
    [
        {"training": "lms"},
        {"training": "reward_hebb", "output_noise": 0.5, "learning_rate": 2e-3},
    ],
    ids=str,
)
def test_online_learning_lowers_the_error(training):
    reservoir = trained(SMALL.replace(**training))
    window = Window(5).begin(place())
    samples = stream(2000, seed=2, block=2000)
    error = np.sum((signals(reservoir, samples) - signals(window, samples)) ** 2, axis=1)
    assert error[-500:].mean() < 0.9 * error[:100].mean()


def test_learning_can_be_frozen():
    reservoir = trained(SMALL.replace(training="lms"))
    signals(reservoir, stream(50))
    reservoir.learning = False
    before = reservoir.readout.copy()
    signals(reservoir, stream(50))
    np.testing.assert_array_equal(reservoir.readout, before)


def test_scale_of_recurrent_weights_sets_the_spectral_radius():
    reservoir = trained(Reservoir(cells=400, gain=0.9, samples=2))
    radius = np.abs(np.linalg.eigvals(reservoir.recurrent)).max()
    assert radius == pytest.approx(0.9, rel=0.1)


def test_a_signal_before_any_sample_is_refused():
    reservoir = trained(SMALL.replace(training="lms"))
    with pytest.raises(ValueError, match=r"^memory: got no sample; allowed: push a sample"):
        reservoir.signal()


def test_capacity_of_a_window_is_its_length():
    X, y, Z = stream(600)
    window = Window(5).begin(place())
    found = memory_capacity(window, X, y, Z, objective=OBJECTIVE, window=5, lags=7, penalty=1e-9)
    # The newest code is lag 0, so four earlier ones are held.
    np.testing.assert_allclose(found.lag_r2[:4], 1, atol=1e-4)
    assert np.all(found.lag_r2[4:] < 0.5)
    assert found.signal_r2 == pytest.approx(1)
    assert found.signal_cosine == pytest.approx(1)
    assert found.memoryless_r2 < 0.7


def test_capacity_of_a_record_is_that_of_the_memory_recorded():
    X, y, Z = stream(200)
    window, traces, said = Window(5).begin(place()), [], []
    for x, label, z in zip(X, y, Z, strict=True):
        window.push(x, label, z)
        traces.append(window.features())
        said.append(window.signal())
    live, replayed = (
        memory_capacity(memory, X, y, Z, objective=OBJECTIVE, window=5, lags=3)
        for memory in (
            Window(5).begin(place()),
            Recorded(np.array(traces), np.array(said)),
        )
    )
    np.testing.assert_array_equal(replayed.lag_r2, live.lag_r2)
    assert replayed.signal_r2 == live.signal_r2


def test_capacity_of_a_reservoir_falls_with_the_lag():
    X, y, Z = stream(800)
    lags = memory_capacity(trained(), X, y, Z, objective=OBJECTIVE, window=5, lags=8).lag_r2
    assert lags[0] > 0.2
    assert lags[0] > lags[2] > lags[6]


def test_capacity_measures_only_what_the_memory_adds():
    """Independent codes: nothing about lag can be known from a memory that holds class means."""
    rng = np.random.default_rng(0)
    X, y, Z = rng.random((600, 3)), rng.integers(2, size=600), rng.standard_normal((600, 6))
    found = memory_capacity(
        Prototypes().begin(place()), X, y, Z, objective=OBJECTIVE, window=5, lags=4
    )
    assert np.all(found.lag_r2 < 0.1)


@pytest.mark.parametrize("held", ["constant", "shuffled", "late"])
def test_controls_of_the_state_change_nothing_but_what_the_readout_sees(held):
    def place():
        return Place(2, 4, 2, rng=np.random.default_rng(0))

    constants = Reservoir(cells=20, samples=200)
    living, spoilt = (m.begin(place()) for m in (constants, constants.replace(held=held)))
    np.testing.assert_array_equal(living.readout, spoilt.readout)
    rng = np.random.default_rng(1)
    rates, signals = [], []
    for _ in range(260):
        sample = rng.random(2), int(rng.integers(2)), rng.standard_normal(4)
        living.push(*sample)
        spoilt.push(*sample)
        np.testing.assert_array_equal(living.membrane, spoilt.membrane)
        rates.append(living.features())
        seen = spoilt._seen()
        signals.append((spoilt.signal(), spoilt.readout[spoilt.cursor[0]], seen[20:]))
    signal, readout, direct = signals[-1]

    def expected(state):
        return readout @ np.concatenate([state, direct])

    if held == "shuffled":
        found = [np.allclose(signal, expected(state)) for state in rates]
        assert sum(found) == 1 or found[-1]
    else:
        state = np.mean(rates[:200], axis=0) if held == "constant" else rates[-2]
        np.testing.assert_allclose(signal, expected(state))
