"""What a user brings is used or refused: trainings with their rule, own rules, own tasks."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from spikeconsol.metaplasticity import (
    SGD,
    Adam,
    Plasticity,
    RMSClip,
    TraceRule,
    Trained,
    Training,
    evaluate,
    rules,
    tasks,
    trace_rule,
    train,
)
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.network import gradient_error
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.stream import Stream
from spikeconsol.metaplasticity.tasks import AutoAssociation, Completion, OneShot, Reversal
from spikeconsol.parameters import ParameterError
from spikeconsol.sealed import ResultError

SHORT = {"episodes": 60, "frozen": 10}


@pytest.fixture
def own_rules(monkeypatch):
    """Rules registered in a test are forgotten after it."""
    kept = dict(rules._REGISTERED)
    yield
    rules._REGISTERED.clear()
    rules._REGISTERED.update(kept)


def test_numbers_never_leave_their_rule_and_decay():
    """Tested as trained: learned decays and other rules, with nothing said a second time."""
    task = OneShot(gamma=0.9)
    for plasticity in (Plasticity(decay="layer"), Plasticity(rule="oja"), Plasticity(rule="bcm")):
        training = train(task, seeds=[0, 1], plasticity=plasticity, **SHORT)
        found = evaluate(training, episodes=7)
        network = FeedForward(task, plasticity)
        stream = Stream(task, network, (0, 1), "bulk", purpose=1)
        wanted = network.run(training.parameters, stream.next(7))
        np.testing.assert_array_equal(found.error, wanted.error)
        with pytest.raises(ValueError, match=r"gamma: got 0\.98 in the task; allowed: 0\.9"):
            evaluate(training, OneShot())


def test_wrong_objects_are_refused_by_name():
    training = train(OneShot(), seeds=[0, 1], **SHORT)
    plain = Trained(training.task, training.plasticity, training.parameters)
    with pytest.raises(TypeError, match="trained: got OneShot"):
        evaluate(OneShot(), seeds=[0])
    with pytest.raises(TypeError, match="seeds: got None"):
        evaluate(plain)
    with pytest.raises(ValueError, match="seeds: got 1; allowed: 2"):
        evaluate(training, seeds=[0])
    with pytest.raises(ValueError, match="parameters: got 'logit_gamma'; allowed: w, alpha"):
        Trained(
            OneShot(), Plasticity(), {**training.parameters, "logit_gamma": np.zeros((2, 1, 1))}
        )
    with pytest.raises(ValueError, match="parameters: got logit_gamma of shape none"):
        Trained(OneShot(), Plasticity(decay="layer"), training.parameters)
    with pytest.raises(ValueError, match="parameters: got b of shape"):
        plain.with_parameters(b=np.zeros((2, 3)))
    np.testing.assert_array_equal(
        evaluate(plain, seeds=[0, 1], episodes=3).error, evaluate(training, episodes=3).error
    )


@pytest.mark.parametrize(
    ("error", "text", "settings"),
    [
        (TypeError, "task: got 'one-shot'; allowed: a Task", {"task": "one-shot"}),
        (TypeError, "task: got <class", {"task": OneShot}),
        (TypeError, "optimiser: got 'adam'; allowed: an object of RMSClip", {"optimiser": "adam"}),
        (TypeError, "plasticity: got 'oja'", {"plasticity": "oja"}),
        (TypeError, "start: got {}", {"start": {}}),
        (TypeError, "seeds: got 5", {"seeds": 5}),
        (TypeError, r"seeds: got \[0\.5\]", {"seeds": [0.5]}),
        (TypeError, "seeds: got 'ab'", {"seeds": "ab"}),
        (TypeError, r"seeds: got \[True\]", {"seeds": [True]}),
        (ValueError, "seeds: got .*-1", {"seeds": [-1]}),
        (TypeError, "episodes: got 60.5", {"episodes": 60.5}),
        (TypeError, "frozen: got True", {"frozen": True}),
        (
            ValueError,
            "gradient: got 'legacy2016' with the rule 'oja'",
            {"gradient": "legacy2016", "plasticity": Plasticity(rule="oja")},
        ),
        (
            ValueError,
            "gradient: got 'legacy2016' with .*decay 'layer'",
            {"gradient": "legacy2016", "plasticity": Plasticity(decay="layer")},
        ),
    ],
)
def test_bad_input_is_one_clear_line(error, text, settings):
    arguments = {"task": OneShot(), "seeds": [0], **SHORT} | settings
    with pytest.raises(error, match=text) as caught:
        train(arguments.pop("task"), **arguments)
    assert "\n" not in str(caught.value)


def test_starts_are_as_they_were_asked_for():
    """In every kind of network; small weights are the usual ones, scaled."""
    for task in (OneShot(), AutoAssociation(size=12, patterns=1), tasks.CueReward()):

        def start(task=task, **settings):
            return build(task, Plasticity(**settings)).initial(np.random.default_rng(0))

        usual, small = start(), start(weight_scale=0.25)
        np.testing.assert_allclose(small["w"], usual["w"] / 4)
        np.testing.assert_array_equal(small["alpha"], usual["alpha"])
        assert not start(fixed_part=False)["w"].any()
        assert start(alpha_sign="negative")["alpha"].max() <= 0
        assert start(alpha_sign="negative")["alpha"].min() < 0
        shared = start(alpha="shared")["alpha"]
        assert len(np.unique(shared[shared != 0])) == 1


def test_labels_that_are_not_there_cannot_be_fixed():
    with pytest.raises(ParameterError, match="label_plasticity: got False; allowed: True, as"):
        train(Completion(), seeds=[0], plasticity=Plasticity(label_plasticity=False), **SHORT)


def test_unknown_rule_names_its_nearest():
    with pytest.raises(ParameterError, match=r"rule: got 'ojas'; allowed: one.*nearest: oja"):
        Plasticity(rule="ojas")


@dataclass(frozen=True)
class Echo(tasks.Task):
    """A user's task: give back what was shown one step ago."""

    fault: str = ""

    @property
    def inputs(self):
        return 3

    @property
    def outputs(self):
        return 2

    def draw(self, rng, episodes):
        x = rng.integers(0, 2, (episodes, 6, 3)).astype(float)
        target = np.eye(2)[x[..., 0].astype(int)]
        scored = np.ones((episodes, 6, 1), bool)
        if self.fault == "wide":
            x = x[..., :2]
        elif self.fault == "target":
            target = target[..., :1]
        elif self.fault == "unscored":
            scored[:] = False
        elif self.fault == "nan":
            x[0, 0, 0] = np.nan
        elif self.fault == "signs":
            target = 2 * target - 1
        elif self.fault == "tuple":
            return x, target, scored
        return tasks.Episodes(x, target, scored)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("wide", r"x: Echo.draw returned shape \(50, 6, 2\); allowed: \(50, 6, 3\)"),
        ("target", "target: Echo.draw returned shape"),
        ("unscored", "scored: Echo.draw returned an episode without a scored step"),
        ("nan", "x, target: Echo.draw returned nan"),
        ("signs", "target: Echo.draw returned other than probabilities; allowed: 1 for"),
        ("tuple", "draw: Echo.draw returned tuple; allowed: Episodes"),
    ],
)
def test_own_task_that_does_not_fit_itself_is_refused(fault, text):
    assert train(Echo(), seeds=[0], **SHORT).errors.shape == (60, 1)
    with pytest.raises((ValueError, TypeError), match=text):
        train(Echo(fault=fault), seeds=[0], **SHORT)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("loss: got 'l2'; allowed: cross-entropy", {"loss": "l2"}),
        ("readout: got 'sum'; allowed: linear", {"readout": "sum"}),
        ("label_inputs: got 9; allowed: .* <= 3", {"label_inputs": 9}),
        ("inputs: got 0; allowed: .* >= 1", {"inputs": 0}),
        ("outputs: got 2.5; allowed: a whole number", {"outputs": 2.5}),
        ("cells: got 4; allowed: numbers of the cells", {"cells": 4}),
        (r"cells: got \(3,\); allowed: 2 in the last", {"readout": "identity", "cells": (3,)}),
    ],
)
def test_what_a_task_says_of_itself_is_checked(text, said):
    kind = type("Mine", (Echo,), said)
    with pytest.raises(ValueError, match=f"^{text}") as caught:
        train(kind(), seeds=[0], **SHORT)
    assert "\n" not in str(caught.value)


def test_a_task_without_its_parts_is_told_which():
    for missing, parts in (
        ("inputs", {"outputs": 2, "draw": Echo.draw}),
        ("outputs", {"inputs": 3, "draw": Echo.draw}),
        ("draw", {"inputs": 3, "outputs": 2}),
    ):
        with pytest.raises(NotImplementedError, match=f"^{missing}: Mine has none; allowed: "):
            train(type("Mine", (tasks.Task,), parts)(), seeds=[0], **SHORT)


def test_divergence_stops_with_a_word():
    with pytest.raises(FloatingPointError, match=r"seed 1: the error is .* in episode .*smaller"):
        train(Completion(), seeds=[1], optimiser=Adam(learning_rate=1e200), **SHORT)


def test_continued_training_starts_where_the_first_one_ended():
    first = train(OneShot(), seeds=[0, 1], **SHORT)
    still = train(OneShot(), seeds=[0, 1], start=first, episodes=10, frozen=10)
    for name, value in first.parameters.items():
        np.testing.assert_array_equal(still.parameters[name], value)
    assert (first.stage, still.stage) == (0, 1)
    # Other episodes than the first training's, than its test's, and than another stage's.
    later = train(OneShot(), seeds=[0, 1], start=still, episodes=10, frozen=10)
    first_test = train(OneShot(), seeds=[0, 1], episodes=10, frozen=10)
    errors = [still.errors, later.errors, first_test.errors, evaluate(first, episodes=10).error]
    for n, one in enumerate(errors):
        assert not any(np.array_equal(one, other) for other in errors[n + 1 :])


def test_curriculum_keeps_its_rule_and_refuses_other_sizes():
    oja = Plasticity(rule="oja")
    first = train(OneShot(), seeds=[0, 1], plasticity=oja, **SHORT)
    second = train(Reversal(), seeds=[0, 1], start=first, **SHORT)
    assert second.plasticity == oja
    assert second.task == Reversal()
    with pytest.raises(ValueError, match="task: got a network with w of shape"):
        train(OneShot(hidden=3), seeds=[0, 1], start=first, **SHORT)
    with pytest.raises(ValueError, match="start: got 2 runs; allowed: 1"):
        train(OneShot(), seeds=[0], start=first, **SHORT)
    learned = train(OneShot(), seeds=[0], plasticity=Plasticity(decay="layer"), **SHORT)
    with pytest.raises(ValueError, match="logit_gamma of shape none; allowed: "):
        train(OneShot(), seeds=[0], start=learned, plasticity=Plasticity(), **SHORT)
    lost = first.with_parameters(w=np.nan * first.parameters["w"])
    with pytest.raises(ValueError, match="start: got w with nan"):
        train(OneShot(), seeds=[0, 1], start=lost, **SHORT)


def test_finished_checkpoint_goes_on_with_more_episodes(tmp_path):
    path = tmp_path / "state.npz"
    settings = {"seeds": [0], "frozen": 50}
    train(OneShot(), episodes=300, checkpoint=path, **settings)
    longer = train(OneShot(), episodes=550, checkpoint=path, **settings)
    whole = train(OneShot(), episodes=550, **settings)
    np.testing.assert_array_equal(longer.errors, whole.errors)
    with pytest.raises(ValueError, match="episodes: got 300, 50 of them frozen; allowed: >= 550"):
        train(OneShot(), episodes=300, checkpoint=path, **settings)
    with pytest.raises(ValueError, match=r"checkpoint: got .* other settings"):
        train(OneShot(), episodes=550, checkpoint=path, start=whole, **settings)
    cut = tmp_path / "cut.npz"
    cut.write_bytes(path.read_bytes()[:-300])
    (tmp_path / "text.npz").write_text("no checkpoint")
    np.savez(tmp_path / "other.npz", x=1)
    for path in (cut, tmp_path / "text.npz", tmp_path / "other.npz", tmp_path):
        with pytest.raises(ValueError, match=r"checkpoint: got .*, which is none; allowed"):
            train(OneShot(), episodes=550, checkpoint=path, **settings)


@pytest.mark.parametrize(
    ("task", "settings"),
    [
        (OneShot(gamma=0.9), {"plasticity": Plasticity(decay="synapse", rule="instar")}),
        (Reversal(times="random"), {"optimiser": SGD()}),
        (AutoAssociation(size=12, patterns=1), {"optimiser": Adam(learning_rate=0.01)}),
        (Echo(), {}),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, dict) else "",
)
def test_saved_training_is_the_same_when_loaded(tmp_path, task, settings):
    training = train(task, seeds=[3, 4], **SHORT, **settings)
    training.save(tmp_path / "training.nc")
    loaded = Training.load(tmp_path / "training.nc")
    for name in ("task", "plasticity", "optimiser", "gradient", "seeds", "frozen", "stage"):
        assert getattr(loaded, name) == getattr(training, name)
    np.testing.assert_array_equal(loaded.errors, training.errors)
    np.testing.assert_array_equal(loaded.test.step_accuracy, training.test.step_accuracy)
    assert set(loaded.parameters) == set(training.parameters)
    again, wanted = evaluate(loaded, episodes=5), evaluate(training, episodes=5)
    np.testing.assert_array_equal(again.error, wanted.error)


def test_files_that_are_no_training_are_refused(tmp_path):
    training = train(Echo(), seeds=[0], **SHORT)
    training.to_dataset().assign_attrs(task="Gone").to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=r"task: got Gone in .*; allowed: .*OneShot.*or task="):
        Training.load(tmp_path / "a.nc")
    assert Training.load(tmp_path / "a.nc", task=Echo()).task == Echo()
    training.to_dataset().drop_vars("error").to_netcdf(tmp_path / "b.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match="no training; allowed"):
        Training.load(tmp_path / "b.nc")
    training.save(tmp_path / "c.nc")
    whole = (tmp_path / "c.nc").read_bytes()
    for damaged, message in (
        (whole[:-500], "truncated|not a result"),
        (whole[:900] + bytes([whole[900] ^ 1]) + whole[901:], "damaged"),
    ):
        (tmp_path / "c.nc").write_bytes(damaged)
        with pytest.raises(ResultError, match=message):
            Training.load(tmp_path / "c.nc")


def test_results_of_version_0_1_load(tmp_path):
    """They name neither the optimiser nor what is new in `Plasticity`."""
    dataset = train(OneShot(), seeds=[0], **SHORT).to_dataset()
    for name in ("optimiser_kind", "stage"):
        del dataset.attrs[name]
    dataset.attrs["plasticity"] = '{"rule": "hebb", "alpha": "learned", "alpha_scale": 0.1}'
    dataset.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    loaded = Training.load(tmp_path / "old.nc")
    assert loaded.optimiser == RMSClip()
    assert loaded.plasticity == Plasticity()


# ------------------------------------------------------------------------------- own trace rules


@pytest.mark.usefixtures("own_rules")
def test_own_rule_is_trained_by_its_equation():
    @trace_rule("mine")
    class Mine(TraceRule):
        size = 2

        def step(self, state, x, y, gamma):
            H, activity = state
            return gamma * H + (1 - gamma) * y * (x - activity), gamma * activity + y * y

    for decay in ("fixed", "synapse"):
        plasticity = Plasticity(rule="mine", decay=decay)
        task = OneShot(layers=2, gamma=0.8)
        network = FeedForward(task, plasticity)
        drawn = [network.initial(np.random.default_rng(n)) for n in range(2)]
        parameters = {k: 3 * np.stack([one[k] for one in drawn]) for k in network.shapes}
        episode = tasks.stack([task.draw(np.random.default_rng(n), 1) for n in range(2)])[0]
        assert max(gradient_error(network, parameters, episode).values()) < 1e-12
    training = train(OneShot(), seeds=[0], plasticity=Plasticity(rule="mine"), **SHORT)
    assert training.errors.any()
    hebb = train(OneShot(), seeds=[0], **SHORT)
    assert not np.array_equal(training.errors, hebb.errors)


@pytest.mark.usefixtures("own_rules")
def test_faulty_rules_are_refused_at_definition():
    def define(name, step, size=1):
        kind = type(name.title(), (TraceRule,), {"step": step, "size": size})
        return trace_rule(name)(kind)

    def hebb(self, s, x, y, g):
        return (g * s[0] + (1 - g) * x * y,)

    with pytest.raises(ValueError, match=r"name: got 'hebb', which is .*Hebb; allowed: another"):
        define("hebb", hebb)
    with pytest.raises(ValueError, match="name: got 'my rule'"):
        trace_rule("my rule")
    with pytest.raises(TypeError, match=r"bad: got .*allowed: a subclass of TraceRule"):
        trace_rule("bad")(hebb)
    with pytest.raises(ValueError, match=r"bad: step returned .* a tuple of 2 arrays"):
        define("bad", hebb, size=2)
    with pytest.raises(ValueError, match="bad: step returned"):
        define("bad", lambda self, s, x, y, g: (x,))
    with pytest.raises(ValueError, match="bad: step fails with ZeroDivisionError"):
        define("bad", lambda self, s, x, y, g: 1 / 0)
    with pytest.raises(ValueError, match="bad: the derivative along y is wrong"):
        define("bad", lambda self, s, x, y, g: (g * s[0] + (1 - g) * np.abs(y) * x,))
    with pytest.raises(ValueError, match="bad: a trace depends on other synapses"):
        define("bad", lambda self, s, x, y, g: (s[0] + (x * y).sum() + 0 * s[0],))
    assert "bad" not in rules.RULES
    define("good", lambda self, s, x, y, g: (g * s[0] + (1 - g) * rules.magnitude(y) * x,))
    # The same definition again, as when a notebook's cell is run twice.
    define("good", hebb)
    assert "good" in rules.RULES


def test_wrong_derivatives_written_out_are_found():
    class Wrong(rules.Oja):
        def pullback(self, state, x, y, gamma, adjoint):
            to_state, to_x, to_y = super().pullback(state, x, y, gamma, adjoint)
            return to_state, to_x, 2 * to_y

    with pytest.raises(ValueError, match="wrong: the derivative along y is wrong"):
        trace_rule("wrong")(Wrong)


# ------------------------------------------------------------------ remaining forms of the paper


def test_positive_weights_stay_positive():
    training = train(OneShot(), seeds=range(4), plasticity=Plasticity(positive=True), **SHORT)
    for name in ("w", "alpha", "V"):
        assert training.parameters[name].min() >= 1e-6
    assert training.parameters["b"].min() < 0


def test_plain_descent_by_hand():
    theta, g = np.array([[1.0, -2.0]]), np.array([[0.5, -4.0]])
    optimiser = SGD(learning_rate=0.1, clip=0.2, l1=0.01)
    moved, state = optimiser.step(theta, g, optimiser.start(theta), 0, np.array([1.0, 0.0]))
    np.testing.assert_allclose(moved, [[0.95 - 0.01, -1.8]])
    assert state.shape == (0, 1, 2)


def test_replaced_training_is_checked_again():
    training = train(OneShot(), seeds=[0], **SHORT)
    with pytest.raises(ValueError, match="parameters: got logit_gamma of shape none"):
        replace(training, plasticity=Plasticity(decay="layer"))
