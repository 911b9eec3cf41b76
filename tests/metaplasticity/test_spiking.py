"""The plastic layer on spikes against the rate network, with the same parameters."""

from dataclasses import replace

import numpy as np
import pytest

from spikeconsol.metaplasticity import Plasticity, Trained, train
from spikeconsol.metaplasticity.parameters import SpikingParameters
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.recurrent import Recurrent
from spikeconsol.metaplasticity.spiking import SpikingNetwork
from spikeconsol.metaplasticity.tasks import AutoAssociation, ImageCompletion, OneShot
from spikeconsol.parameters import ParameterError

TASK = OneShot(size=4, steps=6, gamma=0.9, differing=2)
#: A network made by hand: labels drive the cells apart, patterns are plastic.
PARAMETERS = {
    "w": np.array([[4.0, -4, 0, 0, 0, 0], [-4.0, 4, 0, 0, 0, 0]]),
    "alpha": np.array([[0.0, 0, 2, 2, 2, 2], [0, 0, 2, 2, 2, 2]]),
    "b": np.array([0.1, -0.2]),
    "V": np.array([[5.0, -5], [-5, 5]]),
    "c": np.zeros(2),
}
SETTINGS = SpikingParameters(pairs=12, max_rate="200 Hz")
LEAKY = SpikingParameters(pairs=12, neurons="leaky", readout="spikes")


def trained(parameters=PARAMETERS, plasticity=None):
    """The network made by hand, as if it were trained."""
    named = {name: value[None] for name, value in parameters.items()}
    return Trained(TASK, plasticity or Plasticity(), named)


def run(parameters=PARAMETERS, seed=0, episodes=2, target="numpy", settings=SETTINGS):
    network = SpikingNetwork(trained(parameters), seed=seed, settings=settings, target=target)
    drawn = TASK.draw(np.random.default_rng(3), episodes)
    return network, network.run(drawn), FeedForward(TASK, Plasticity()).run(PARAMETERS, drawn)


@pytest.fixture(scope="module")
def two_episodes():
    return run()


def test_activity_and_traces_follow_the_rate_network(two_episodes):
    network, outcome, rate = two_episodes
    y = rate.activity.y
    assert network.activity.shape == (2, 6, 2)
    assert np.abs(network.activity - y).max() < 0.25
    assert np.corrcoef(network.activity.ravel(), y.ravel())[0, 1] > 0.98
    trace = rate.activity.final_trace[-1]
    slope = (trace * network.trace).sum() / (trace**2).sum()
    assert 0.85 < slope < 1.1
    assert np.corrcoef(network.trace.ravel(), trace.ravel())[0, 1] > 0.97
    np.testing.assert_array_equal(outcome.accuracy, 1)


def test_a_new_episode_starts_without_traces(two_episodes):
    """The second of two episodes is like one that was run alone, up to noise."""
    network, _, rate = two_episodes
    assert np.abs(network.activity[1] - rate.activity.y[1]).max() < 0.25
    # The first steps are known exactly: labels alone.
    np.testing.assert_allclose(network.activity[1, 0], [1, -1], atol=0.15)


def test_leaky_cells_are_reset_and_answer_in_spikes(monkeypatch):
    """As the rate network does; no neuron fires twice within its refractory time."""
    kept = []
    counted = SpikingNetwork._counted

    def keep(self, result, group, shape):
        kept.append((group, result))
        return counted(self, result, group, shape)

    monkeypatch.setattr(SpikingNetwork, "_counted", keep)
    network, outcome, rate = run(settings=LEAKY)
    assert np.corrcoef(network.activity.ravel(), rate.activity.y.ravel())[0, 1] > 0.97
    np.testing.assert_array_equal(outcome.accuracy, 1)
    assert [group for group, _ in kept] == ["cells", "outputs"]
    for group, result in kept:
        for event in ("spikes", "opposite"):
            times, neurons = (result[f"{group}_{event}.{part}"] for part in "ti")
            intervals = np.concatenate(
                [np.diff(times[neurons == neuron]) for neuron in np.unique(neurons)]
            )
            assert len(intervals) > 50
            assert LEAKY.refractory_time - 1e-9 < intervals.min() < 2 * LEAKY.refractory_time


def test_leaky_cells_are_nearly_silent_at_rest(two_episodes):
    """A pair with escape noise always fires at the highest rate, whatever its input."""
    silent = {**PARAMETERS, "b": np.zeros(2)}
    leaky, _, _ = run(silent, episodes=1, settings=LEAKY)
    assert two_episodes[0].rest_rate == pytest.approx(200, rel=0.15)
    assert 0 < leaky.rest_rate < 20


def test_sparse_cells_answer_with_few_spikes():
    """Also where a bias holds a cell on one side, which then fires at rest."""
    held = {**PARAMETERS, "b": np.array([1.5, -1.5])}
    settings = SpikingParameters.sparse().replace(pairs=12)
    sparse = SpikingNetwork(trained(held), seed=0, settings=settings, target="numpy")
    drawn = TASK.draw(np.random.default_rng(3), 1)
    by_rate = FeedForward(TASK, Plasticity()).run(held, drawn).activity.y
    sparse.run(drawn)
    assert np.corrcoef(sparse.activity.ravel(), by_rate.ravel())[0, 1] > 0.95
    sparse.run(replace(drawn, x=0 * drawn.x))
    assert 10 < sparse.rest_rate < 20


def test_recurrent_network_recalls_on_spikes():
    """By traces alone, all coefficients of one size; at chance without them."""
    task = AutoAssociation(size=12, patterns=1, cycles=1)
    alpha = 20 * (1 - np.eye(13))
    alpha[-1] = alpha[:, -1] = 0
    settings = LEAKY.replace(
        pairs=6, readout="counts", present="20 ms", gap="0 ms", settle="0 ms", max_rate="100 Hz"
    )
    drawn = task.draw(np.random.default_rng(0), 2)
    right = []
    for factor in (1, 0):
        parameters = {"w": np.zeros((1, 13, 13)), "alpha": factor * alpha[None]}
        plastic = Trained(task, Plasticity(), parameters)
        network = SpikingNetwork(plastic, seed=0, settings=settings, target="numpy")
        right.append(network.run(drawn).accuracy.mean())
    assert right[0] == 1
    assert right[1] < 0.8
    assert network.rest_rate is None
    rate = Recurrent(task, Plasticity()).run({"w": np.zeros((13, 13)), "alpha": alpha}, drawn)
    np.testing.assert_array_equal(rate.accuracy, 1)
    with pytest.raises(ValueError, match="readout: got 'spikes'; allowed: counts, in a recurrent"):
        SpikingNetwork(plastic, seed=0, settings=LEAKY)
    grey = Trained(
        ImageCompletion(side=4),
        Plasticity(),
        {"w": np.zeros((1, 17, 17)), "alpha": np.zeros((1, 17, 17))},
    )
    with pytest.raises(ValueError, match=r"task: got ImageCompletion.*without clamped inputs"):
        SpikingNetwork(grey, seed=0)


def test_without_plasticity_patterns_do_nothing():
    network, outcome, _ = run({**PARAMETERS, "alpha": np.zeros((2, 6))}, episodes=1)
    assert np.abs(network.activity[:, 2:] - np.tanh(PARAMETERS["b"])).max() < 0.3
    assert network.trace.any()
    assert outcome.accuracy.mean() < 0.9


def test_same_seed_same_spikes():
    short = SETTINGS.replace(present="50 ms", gap="10 ms")
    one, _, _ = run(episodes=1, settings=short)
    two, _, _ = run(episodes=1, settings=short)
    other, _, _ = run(episodes=1, seed=1, settings=short)
    np.testing.assert_array_equal(one.activity, two.activity)
    np.testing.assert_array_equal(one.trace, two.trace)
    assert (one.activity != other.activity).any()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS, LEAKY], ids=["escape", "leaky"])
def test_targets_agree(settings):
    one, _, _ = run(episodes=1, settings=settings)
    two, _, _ = run(episodes=1, settings=settings, target="standalone")
    np.testing.assert_allclose(two.activity, one.activity, atol=1e-12)
    np.testing.assert_allclose(two.trace, one.trace, atol=1e-12)


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("settle", {"settle": "200 ms"}),
        ("filter_time", {"filter_time": "200 ms"}),
        ("time_step", {"time_step": "10 ms"}),
        ("present", {"present": "205 ms"}),
        ("pairs", {"pairs": 0}),
    ],
)
def test_impossible_settings_name_their_field(field, settings):
    with pytest.raises(ParameterError, match=f"^{field}: got"):
        SpikingParameters(**settings)


def test_wrong_parameters_are_refused():
    with pytest.raises(ValueError, match="parameters: got V of shape none"):
        trained({k: v for k, v in PARAMETERS.items() if k != "V"})
    with pytest.raises(ValueError, match="parameters: got 'beta'; allowed: w, alpha"):
        trained({**PARAMETERS, "beta": np.zeros(2)})
    with pytest.raises(TypeError, match="trained: got OneShot; allowed: a Training"):
        SpikingNetwork(TASK, seed=0)
    with pytest.raises(ValueError, match="run: got 1; allowed: a whole number >= 0 and <= 0"):
        SpikingNetwork(trained(), 1, seed=0)
    two = train(OneShot(layers=2), seeds=[0], episodes=2, frozen=1)
    with pytest.raises(ValueError, match=r"task: got OneShot.*layers=2"):
        SpikingNetwork(two, seed=0)
    with pytest.raises(ValueError, match="rule: got 'oja'; allowed: hebb"):
        SpikingNetwork(trained(plasticity=Plasticity(rule="oja")), seed=0)
    gated = train(
        AutoAssociation(size=8, patterns=1),
        seeds=[0],
        episodes=2,
        frozen=1,
        plasticity=Plasticity(lstm=9),
    )
    with pytest.raises(ValueError, match="lstm: got 9; allowed: none, on spikes"):
        SpikingNetwork(gated, seed=0)
    with pytest.raises(ValueError, match=r"x: got shape \(1, 20, 10\); allowed: \(E, T, 6\)"):
        SpikingNetwork(trained(), seed=0).run(OneShot().draw(np.random.default_rng(0), 1))


def test_a_learned_decay_is_the_one_that_runs():
    """Traces keep what the network has learned to keep, not what its task started from."""
    slow = np.full((2, 6), np.log(0.97 / 0.03))
    plasticity = Plasticity(decay="synapse")
    network = SpikingNetwork(
        trained({**PARAMETERS, "logit_gamma": slow}, plasticity=plasticity),
        seed=0,
        settings=SETTINGS,
        target="numpy",
    )
    drawn = TASK.draw(np.random.default_rng(3), 1)
    network.run(drawn)
    np.testing.assert_allclose(network.gamma, 0.97)
    learned = network._rate.run(network.parameters, drawn).activity.final_trace[-1]
    given = FeedForward(TASK, Plasticity()).run(PARAMETERS, drawn).activity.final_trace[-1]
    slopes = [(rate * network.trace).sum() / (rate**2).sum() for rate in (learned, given)]
    assert 0.85 < slopes[0] < 1.1
    assert slopes[1] < 0.6
