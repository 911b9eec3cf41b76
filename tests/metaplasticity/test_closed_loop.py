"""The task of cues and rewards, and the network whose plasticity a cell of its own gates."""

import importlib.util

import numpy as np
import pytest

from spikeconsol.metaplasticity import Adam, Plasticity, Training, train
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.network import gradient_error
from spikeconsol.metaplasticity.tasks import CueReward, OneShot, stack
from spikeconsol.parameters import ParameterError

SMALL = CueReward(size=4, steps=14, hidden=5)
KINDS = ("none", "constant", "simple", "retroactive")
needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)


def network_and_episode(plasticity, scale=1.0, task=SMALL, runs=2):
    network = build(task, plasticity)
    theta = scale * np.stack(
        [network.flatten(network.initial(np.random.default_rng(n))) for n in range(runs)]
    )
    drawn = [task.draw(np.random.default_rng([n, 1]), 1) for n in range(runs)]
    return network, theta, stack(drawn)[0]


def test_trials_are_two_cues_and_a_go_with_the_answer_that_the_target_gives():
    task = CueReward()
    episodes = task.draw(np.random.default_rng(0), 300)
    answered = episodes.target[..., 0] != 0
    np.testing.assert_array_equal(answered, episodes.x[..., task.size] == 1)
    np.testing.assert_array_equal(answered, episodes.scored[..., 0])
    # As often yes as no: two of four cues are shown.
    assert abs(episodes.target[answered].mean()) < 0.06
    assert not episodes.x[..., -2:].any()
    for x, target in zip(episodes.x, episodes.target[..., 0], strict=True):
        pairs = [{x[t - 2].tobytes(), x[t - 1].tobytes()} for t in np.flatnonzero(target)]
        assert all(len(pair) == 2 for pair in pairs)
        # One cue is in all the pairs of a yes and in none of a no.
        cues = set().union(*pairs)
        wanted = [set(np.flatnonzero([cue in p for p in pairs])) for cue in cues]
        yes = set(np.flatnonzero(target[target != 0] > 0))
        assert yes in wanted or not yes


def test_an_ideal_observer_starts_at_chance_and_ends_certain():
    task = CueReward()
    best = np.nanmean(task.best_answers(task.draw(np.random.default_rng(0), 500)), axis=0)
    assert best[0] == 0.5
    assert 0.6 < best[1] < 0.75
    assert best[8] > 0.99


@needs_numba
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_gradient_is_exact(kind, scale):
    """With traces that are clipped, too."""
    plasticity = Plasticity(modulation=kind, decay="fixed" if kind == "simple" else "layer")
    network, theta, episode = network_and_episode(plasticity, scale)
    found = gradient_error(network, network.views(theta), episode)
    assert max(found.values()) < 1e-12


def test_traces_move_only_while_the_modulating_cell_is_active():
    network, theta, episode = network_and_episode(Plasticity(modulation="simple"))
    p = network.views(theta)
    p["m"][...] = 0
    p["d"][...] = 0
    still = {**p, "alpha": 0 * p["alpha"]}
    silenced, _ = network.forward(p, episode)
    np.testing.assert_array_equal(silenced, network.forward(still, episode)[0])
    p["d"][...] = 1
    assert (network.forward(p, episode)[0] != silenced).any()


def test_retroactive_modulation_reaches_what_was_active_before():
    """An eligibility outlasts its coincidence; simple modulation has nothing to gate then."""
    changed = {}
    for kind in ("simple", "retroactive"):
        task = CueReward(size=4, steps=14, hidden=5, gamma=0.9)
        network = build(task, Plasticity(modulation=kind))
        p = {name: value[..., None] for name, value in
             network.initial(np.random.default_rng(0)).items()}  # fmt: skip
        # Cells that fall silent with their input, and a modulator that wakes in silence.
        p["w"], p["alpha"], p["d"] = 0 * p["w"], 0 * p["alpha"], p["d"] + 5
        carry = network.silent(p, (1,))
        shown, nothing = np.ones((task.inputs, 1)), np.zeros((task.inputs, 1))
        p["m"] = 0 * p["m"]
        off = {**p, "d": p["d"] * 0}
        for x in (shown, shown, nothing, nothing):
            carry, _ = network.step(off, carry, x, np.zeros(1))
        assert not carry[0].any()
        carry, _ = network.step(p, carry, nothing, np.zeros(1))
        changed[kind] = np.abs(carry[0]).max()
    assert changed["simple"] == 0
    assert changed["retroactive"] > 0.005


@needs_numba
def test_training_agrees_with_its_saved_self(tmp_path):
    plasticity = Plasticity(modulation="retroactive", decay="layer")
    training = train(
        SMALL, seeds=[0, 1], episodes=20, frozen=5, plasticity=plasticity, optimiser=Adam()
    )
    training.save(tmp_path / "training.nc")
    again = Training.load(tmp_path / "training.nc")
    assert again.plasticity == plasticity
    np.testing.assert_array_equal(again.parameters["m"], training.parameters["m"])
    assert training.test.step_accuracy.shape == (2, 14)


@pytest.mark.parametrize(
    ("task", "plasticity", "words"),
    [
        (OneShot(), Plasticity(modulation="simple"), "modulation: got 'simple'; allowed: none"),
        (SMALL, Plasticity(rule="oja"), "rule: got 'oja'; allowed: hebb"),
        (SMALL, Plasticity(decay="synapse"), "decay: got 'synapse'; allowed: fixed, layer"),
    ],
)
def test_what_does_not_fit_is_refused(task, plasticity, words):
    with pytest.raises(ParameterError, match=words):
        train(task, seeds=[0], episodes=3, frozen=1, plasticity=plasticity)
    with pytest.raises(ParameterError, match="modulation: got 'always'; allowed: one of none"):
        Plasticity(modulation="always")
    with pytest.raises(ParameterError, match="steps: got 4; allowed: >= 5"):
        CueReward(steps=4)


@needs_numba
@pytest.mark.slow
def test_a_modulated_network_learns_what_others_do_not():
    """Four networks of each, of seeds that nothing else uses, from the same starts."""
    settings = {"seeds": range(9600, 9604), "episodes": 4200, "frozen": 200}
    settings |= {"optimiser": Adam(learning_rate=2e-3)}
    accuracy = {
        kind: train(
            CueReward(), plasticity=Plasticity(modulation=kind, decay="layer"), **settings
        ).test_accuracy
        for kind in ("none", "simple")
    }
    assert accuracy["simple"].mean() > 0.57
    assert accuracy["none"].mean() == pytest.approx(0.5, abs=0.03)
