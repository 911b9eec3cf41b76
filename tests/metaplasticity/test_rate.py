"""Training: reproduction of the original program, resuming, independence of runs, controls."""

import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.metaplasticity import Adam, Plasticity, RMSClip, evaluate, train
from spikeconsol.metaplasticity.analysis import alpha_sign, task_curvature, trace_growth, transfer
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.tasks import AutoAssociation, Completion, OneShot, Reversal, stack
from spikeconsol.parameters import ParameterError

#: The name `train` in the package is the function.
TRAIN = importlib.import_module("spikeconsol.metaplasticity.train")
LEGACY = json.loads((Path(__file__).parent / "data" / "legacy_errors.json").read_text())
SHORT = {"episodes": 600, "frozen": 100}


@pytest.mark.parametrize(
    ("name", "task"),
    [("completion", Completion(gamma=0.5)), ("one-shot", OneShot()), ("reversal", Reversal())],
)
def test_legacy_mode_repeats_the_original_program(name, task):
    """Every fifth error of its first 300 episodes."""
    training = train(task, seeds=[0], episodes=301, frozen=1, gradient="legacy2016", draws="legacy")
    np.testing.assert_allclose(training.errors_as_published[:300:5, 0], LEGACY[name], rtol=1e-10)


def test_runs_do_not_depend_on_each_other():
    alone = train(OneShot(), seeds=[7], **SHORT)
    beside = train(OneShot(), seeds=[3, 7], **SHORT)
    np.testing.assert_allclose(beside.errors[:, 1], alone.errors[:, 0], rtol=1e-9)
    assert not np.allclose(beside.errors[:, 0], beside.errors[:, 1])


@pytest.mark.parametrize("draws", ["bulk", "legacy"])
def test_resumed_training_equals_an_unbroken_one(tmp_path, monkeypatch, draws):
    settings = {"seeds": [0], "episodes": 900, "frozen": 150, "draws": draws}
    whole = train(OneShot(), **settings)
    monkeypatch.setattr(TRAIN, "CHECKPOINT_EVERY", 1)
    path = tmp_path / "state.npz"

    def stop(done, total):
        if done == 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(OneShot(), checkpoint=path, progress=stop, **settings)
    assert path.exists()
    seen = []
    resumed = train(OneShot(), checkpoint=path, progress=lambda *a: seen.append(a), **settings)
    assert seen[0] == (500, 900) or seen[0] == (750, 900)
    np.testing.assert_array_equal(resumed.errors, whole.errors)
    np.testing.assert_array_equal(resumed.accuracy, whole.accuracy)
    for name, value in whole.parameters.items():
        np.testing.assert_array_equal(resumed.parameters[name], value)
    with pytest.raises(ValueError, match=r"checkpoint: got .* other settings"):
        train(OneShot(), checkpoint=path, gradient="legacy2016", **settings)


def test_nothing_is_learned_in_the_frozen_episodes():
    training = train(OneShot(), seeds=[0], **SHORT)
    network = FeedForward(OneShot(), Plasticity())
    assert training.errors.shape == (600, 1)
    np.testing.assert_array_equal(training.errors[-100:], training.test.error)
    # The same parameters on the same episodes, given again.
    again = train(OneShot(), seeds=[0], **SHORT)
    np.testing.assert_array_equal(again.errors, training.errors)
    assert set(network.shapes) == set(training.parameters)


def test_controls_hold_what_they_should():
    def parameters(**settings):
        return train(OneShot(), seeds=[0, 1], plasticity=Plasticity(**settings), **SHORT).parameters

    assert not parameters(alpha="fixed", alpha_scale=0)["alpha"].any()
    fixed = parameters(alpha="fixed", alpha_scale=1)["alpha"]
    np.testing.assert_allclose(fixed, 10 * parameters(alpha="fixed")["alpha"])
    shared = parameters(alpha="shared")["alpha"]
    assert np.ptp(shared, axis=(1, 2)).max() == 0
    assert shared.any()
    assert parameters(alpha="nonnegative")["alpha"].min() >= 0
    assert not parameters(fixed_part=False)["w"].any()
    alpha = parameters(label_plasticity=False)["alpha"]
    assert not alpha[..., :2].any()
    assert alpha[..., 2:].all()
    decay = parameters(decay="synapse")["logit_gamma"]
    assert decay.shape == (2, 2, 10)
    assert np.ptp(decay) > 0.1


def test_evaluation_on_other_episodes():
    training = train(OneShot(), seeds=[0, 1], episodes=1500, frozen=100)
    found = evaluate(training, OneShot(steps=50), episodes=60)
    assert found.error.shape == (60, 2)
    assert found.step_accuracy.shape == (2, 50)
    assert found.traces.shape == (2, 50, 2)
    with pytest.raises(ValueError, match="task: got a network with w of shape"):
        evaluate(training, OneShot(hidden=3))


def test_dataset_names_everything():
    dataset = train(Reversal(layers=2), seeds=[4, 5], **SHORT).to_dataset()
    assert dict(dataset.sizes)["seed"] == 2
    assert list(dataset.seed.values) == [4, 5]
    assert dataset.w2.dims == ("seed", "cell2", "input2")
    assert dataset.trace.dims == ("seed", "step", "cell")
    assert dataset.attrs["published_scale"] == 16 / 18
    assert all("long_name" in dataset[name].attrs for name in dataset.data_vars)
    recurrent = train(AutoAssociation(size=12, patterns=1), seeds=[0], episodes=6, frozen=2)
    assert recurrent.to_dataset().w.shape == (1, 13, 13)


@pytest.mark.parametrize(
    ("field", "settings"),
    [
        ("seeds", {"seeds": []}),
        ("seeds", {"seeds": [1, 1]}),
        ("episodes", {"episodes": 10}),
        ("frozen", {"frozen": 0}),
        ("draws", {"draws": "random"}),
        ("backend", {"backend": "torch"}),
        ("gradient", {"gradient": "approximate"}),
    ],
)
def test_bad_settings_name_their_field(field, settings):
    with pytest.raises(ValueError, match=f"^{field}: got"):
        train(OneShot(), **({"seeds": [0], **SHORT} | settings))


def test_legacy_draws_need_a_published_task():
    with pytest.raises(ParameterError, match="draws: got 'legacy'"):
        train(AutoAssociation(), seeds=[0], draws="legacy", episodes=3, frozen=1)


def test_recurrent_training_refuses_what_it_cannot():
    with pytest.raises(ValueError, match="gradient: got 'legacy2016'"):
        train(AutoAssociation(), seeds=[0], gradient="legacy2016")


def test_optimisers_by_hand():
    theta, g = np.array([[1.0, -2.0]]), np.array([[0.5, -4.0]])
    penalised = np.array([1.0, 0.0])
    optimiser = RMSClip(learning_rate=0.1, clip=0.05, l1=0.01, l2=0.1)
    moved, state = optimiser.step(theta, g, optimiser.start(theta), 0, penalised)
    np.testing.assert_array_equal(state[0], g**2)
    np.testing.assert_allclose(moved, [[0.95 - 0.01 - 0.095, -1.95]])
    _, state = optimiser.step(moved, 2 * g, state, 1, penalised)
    np.testing.assert_allclose(state[0], 1.03 * g**2)
    adam = Adam(learning_rate=0.1)
    moved, _ = adam.step(theta, g, adam.start(theta), 0, penalised)
    np.testing.assert_allclose(moved, theta - 0.1 * np.sign(g), atol=1e-7)


def test_signs_and_growth():
    alpha = np.array([[[5.0, 1, 2], [-5, -1, -2], [0, 1, -1]]])
    np.testing.assert_array_equal(alpha_sign(alpha, 1), [[1, -1, 0]])
    trace = np.exp(np.outer(np.arange(10), [0.1, -0.3]))
    np.testing.assert_allclose(trace_growth(trace, 2, 8), [0.1, -0.3])
    with pytest.raises(ValueError, match="start, stop: got 3, 4"):
        trace_growth(trace, 3, 4)


def test_task_curvature_is_the_second_derivative_of_the_loss():
    task = OneShot()
    network = FeedForward(task, Plasticity())
    training = train(task, seeds=[0, 1], **SHORT)
    episodes = stack([task.draw(np.random.default_rng(n), 5) for n in range(2)])
    found = task_curvature(network, training.parameters, episodes)
    h = 1e-3

    def loss(change):
        moved = {name: value.copy() for name, value in training.parameters.items()}
        moved["w"][:, 1, 4] += change
        return network.loss(moved, episodes).mean(axis=0)

    wanted = (loss(h) - 2 * loss(0) + loss(-h)) / h**2
    np.testing.assert_allclose(found[:, 1, 4], wanted, rtol=1e-3, atol=1e-6)


def test_without_transfer_nothing_stays():
    task = OneShot()
    training = train(task, seeds=[0, 1], episodes=3000, frozen=100)
    network = FeedForward(task, Plasticity())
    settings = {"episodes": 2, "lives": 100}
    none, some = (
        transfer(network, training.parameters, fraction=f, rng=np.random.default_rng(0), **settings)
        for f in (0.0, 1.0)
    )
    assert abs(none.old - 0.5).max() < 0.06
    assert (some.old[:, 0] > 0.8).all()
    np.testing.assert_array_equal(none.new[:, 0], some.new[:, 0])


def test_recurrent_network_learns_to_recall():
    task = AutoAssociation(size=12, patterns=1, cycles=1)
    settings = {"seeds": [0, 1], "episodes": 1200, "frozen": 200}
    learned = train(task, optimiser=Adam(learning_rate=0.01), **settings)
    assert learned.test_accuracy.min() > 0.9
    without = Plasticity(alpha="fixed", alpha_scale=0)
    control = train(task, optimiser=Adam(learning_rate=0.01), plasticity=without, **settings)
    assert control.test_accuracy.max() < 0.65


def test_lstm_learns_to_recall_what_is_small_enough():
    """From the same loop; as itself when it is loaded again, or tested."""
    task = AutoAssociation(size=4, patterns=1, cycles=1, orthogonal=False, shown=2, pause=1)
    settings = {"seeds": [0, 1], "episodes": 1700, "frozen": 200, "plasticity": Plasticity(lstm=10)}
    learned = train(task, optimiser=Adam(learning_rate=0.01), **settings)
    assert learned.test_accuracy.min() > 0.95
    assert evaluate(learned, episodes=50).accuracy.mean() > 0.95
    assert set(learned.to_dataset().data_vars) >= {"W", "R", "b"}


@pytest.mark.parametrize(
    ("text", "task", "settings"),
    [
        (
            "lstm: got 5; allowed: >= 9, one cell for each input",
            AutoAssociation(size=8, patterns=1),
            {"lstm": 5},
        ),
        ("lstm: got 9; allowed: none, but for tasks of recall", OneShot(), {"lstm": 9}),
        ("rule: got 'oja'; allowed: 'hebb', as an LSTM", None, {"lstm": 9, "rule": "oja"}),
        ("decay: got 'layer'; allowed: 'fixed', as", None, {"lstm": 9, "decay": "layer"}),
        ("lstm: got 0; allowed: .*>= 1", None, {"lstm": 0}),
    ],
)
def test_an_lstm_has_no_plasticity(text, task, settings):
    with pytest.raises(ParameterError, match=f"^{text}"):
        train(task, seeds=[0], episodes=2, frozen=1, plasticity=Plasticity(**settings))
