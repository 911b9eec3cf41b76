"""Gradients of plastic layers: complex step, forward recursion, kernel, and the legacy form."""

import numpy as np
import pytest

from spikeconsol.metaplasticity import Plasticity
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.image_completion import ImageCompletion
from spikeconsol.metaplasticity.kernel import KernelLayer, forward_recursion
from spikeconsol.metaplasticity.layer import PlasticLayer
from spikeconsol.metaplasticity.network import gradient_error
from spikeconsol.metaplasticity.rate import FeedForward
from spikeconsol.metaplasticity.rules import RULES
from spikeconsol.metaplasticity.tasks import (
    AutoAssociation,
    Completion,
    Conditioning,
    OneShot,
    Reversal,
    stack,
)

TASKS = [
    Completion(),
    Completion(elements="bits", error="manhattan"),
    OneShot(),
    Reversal(),
    Conditioning(steps=20, unscored=4),
]
GAMMA = 0.9


def start(network, scale=1.0, runs=3):
    """Parameters of a few runs, `scale` times as large as at the start of a training."""
    drawn = [network.initial(np.random.default_rng(run)) for run in range(runs)]
    return {
        name: np.stack([run[name] for run in drawn]) * (scale if name[:5] != "logit" else 1)
        for name in network.shapes
    }


def episode(task, runs=3):
    return stack([task.draw(np.random.default_rng([run, 1]), 1) for run in range(runs)])[0]


@pytest.mark.parametrize("scale", [1, 5])
@pytest.mark.parametrize(
    "plasticity",
    [Plasticity(), Plasticity(rule="oja"), Plasticity(rule="covariance")],
    ids=lambda p: p.rule,
)
@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
def test_gradient_equals_complex_step(task, plasticity, scale):
    network = FeedForward(task, plasticity)
    errors = gradient_error(network, start(network, scale), episode(task))
    assert set(errors) == set(network.shapes)
    assert max(errors.values()) < 1e-12


@pytest.mark.parametrize("decay", ["layer", "synapse"])
@pytest.mark.parametrize("rule", RULES)
def test_learned_decay_equals_complex_step(decay, rule):
    task = OneShot(gamma=GAMMA)
    network = FeedForward(task, Plasticity(decay=decay, rule=rule))
    errors = gradient_error(network, start(network, 5), episode(task))
    assert "logit_gamma" in errors
    assert max(errors.values()) < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_stacked_layers_equal_complex_step(rule):
    task = OneShot(layers=3, hidden=4, gamma=GAMMA)
    network = FeedForward(task, Plasticity(rule=rule, decay="synapse"))
    errors = gradient_error(network, start(network, 5), episode(task))
    assert {"w", "w2", "alpha3", "logit_gamma2"} <= set(errors)
    assert max(errors.values()) < 1e-12


@pytest.mark.parametrize("rule", RULES)
def test_recurrent_equals_complex_step(rule):
    task = AutoAssociation(size=12, patterns=1)
    network = build(task, Plasticity(rule=rule))
    parameters = start(network)
    parameters["alpha"] *= 30
    errors = gradient_error(network, parameters, episode(task))
    assert max(errors.values()) < 1e-9


@pytest.mark.parametrize("decay", ["layer", "synapse"])
@pytest.mark.parametrize("rule", ["hebb", "oja", "bcm"])
def test_recurrent_learned_decay_equals_complex_step(decay, rule):
    task = AutoAssociation(size=8, patterns=1, cycles=1)
    network = build(task, Plasticity(rule=rule, decay=decay))
    parameters = start(network)
    parameters["alpha"] *= 30
    errors = gradient_error(network, parameters, episode(task))
    assert "logit_gamma" in errors
    assert max(errors.values()) < 1e-9


GREY = ImageCompletion(side=4, patterns=2, cycles=2, shown=3, gamma=0.9)


def test_clamped_cells_take_the_value_of_their_input():
    pytest.importorskip("skimage")
    network = build(GREY, Plasticity(decay="layer"))
    parameters = start(network)
    parameters["alpha"] *= 30
    drawn = episode(GREY)
    y, _ = network.forward(parameters, drawn.x)
    y = np.moveaxis(y[2:], 0, -2)
    np.testing.assert_array_equal(y[drawn.x != 0], drawn.x[drawn.x != 0])
    assert (y[drawn.x == 0] != 0).all()
    one = {name: value[:1] for name, value in parameters.items()}
    errors = gradient_error(network, one, drawn[:1])
    assert max(errors.values()) < 1e-9


@pytest.mark.parametrize(
    "task",
    [
        AutoAssociation(size=4, patterns=1, cycles=1),
        GREY.replace(patterns=1, cycles=1, shown=2, pause=1, tested=2),
    ],
    ids=["bits", "grey"],
)
def test_lstm_equals_complex_step(task):
    """With more cells than are clamped."""
    pytest.importorskip("skimage") if task.clamped else None
    network = build(task, Plasticity(lstm=task.inputs + 1))
    errors = gradient_error(network, start(network, runs=2), episode(task, runs=2))
    assert set(errors) == {"W", "R", "b"}
    assert max(errors.values()) < 1e-12


def test_lstm_by_hand():
    """One cell beside the clamped ones: it is written when the input is on, and keeps."""
    task = AutoAssociation(size=4, patterns=1, cycles=1, shown=1, pause=1, tested=1)
    network = build(task, Plasticity(lstm=6))
    W, R, b = np.zeros((4, 6, 5)), np.zeros((4, 6, 6)), np.zeros((4, 6))
    W[0, 5, 0], W[3, 5, 0], b[0, 5], b[1, 5], b[2, 5] = 30, 1, -15, 30, 30
    parameters = {"W": W.reshape(24, 5), "R": R.reshape(24, 6), "b": b.ravel()}
    u = np.zeros((3, 5))
    u[0, :4], u[:, 4] = [20, -20, 20, -20], 200
    h, c, _ = network.forward(parameters, u)
    np.testing.assert_allclose(h[1, :5], [1, -1, 1, -1, 1])
    # Open by the input, shut without it, and not forgotten.
    np.testing.assert_allclose(c[:, 5], np.tanh([0, 1, 1, 1]), atol=1e-6)
    np.testing.assert_allclose(h[1:, 5], np.tanh(c[1:, 5]), atol=1e-6)
    assert not h[2:, :4].any()


@pytest.mark.parametrize("decay", ["fixed", "layer"])
@pytest.mark.parametrize("task", [AutoAssociation(gamma=0.9), GREY], ids=["bits", "grey"])
def test_blocks_of_steps_are_the_same_network(decay, task):
    """Of three networks at once, over a last block that is not full."""
    pytest.importorskip("skimage") if task is GREY else None
    network = build(task, Plasticity(decay=decay))
    parameters = start(network)
    parameters["alpha"] *= 30
    theta = network.flatten(parameters)
    wanted, o = network.learn(theta, episode(task))
    ran = network.run(parameters, episode(task))
    network._blocked = True
    found, blocked_o = network.learn(theta, episode(task))
    np.testing.assert_allclose(blocked_o, o, atol=1e-11)
    blocked = network.run(parameters, episode(task))
    np.testing.assert_allclose(blocked.step_error, ran.step_error, atol=1e-11)
    for name, value in network.views(wanted).items():
        np.testing.assert_allclose(
            network.views(found)[name], value, atol=1e-11 * np.abs(value).max()
        )


def test_gradient_error_finds_a_wrong_gradient(monkeypatch):
    network = FeedForward(OneShot(), Plasticity())
    exact = KernelLayer.gradient
    monkeypatch.setattr(
        KernelLayer, "gradient", lambda self, activity, e, _: exact(self, activity, e, "legacy2016")
    )
    errors = gradient_error(network, start(network, 5), episode(OneShot()))
    assert errors["w"] > 1e-3
    assert errors["V"] < 1e-12


@pytest.fixture
def layer_arguments():
    rng = np.random.default_rng(3)
    R, T, Y, K = 2, 9, 3, 5
    x = rng.choice([-1.0, 0.0, 1.0], (R, T, K))
    w, alpha = rng.normal(size=(2, R, Y, K))
    return x, w, alpha, rng.normal(size=(R, Y)), rng.normal(size=(R, T, Y))


@pytest.mark.parametrize("gradient", ["exact", "legacy2016"])
def test_three_forms_of_the_layer_agree(layer_arguments, gradient):
    x, w, alpha, b, e = layer_arguments
    stepped, kernel = PlasticLayer(w, alpha, b, GAMMA), KernelLayer(w, alpha, b, GAMMA)
    one, two = stepped.forward(x), kernel.forward(x)
    np.testing.assert_allclose(two.y, one.y, atol=1e-13)
    np.testing.assert_allclose(two.traces, one.traces, atol=1e-13)
    np.testing.assert_allclose(two.final_trace, one.final_trace, atol=1e-13)
    found = [
        stepped.gradient(one, e, gradient),
        kernel.gradient(two, e, gradient),
        forward_recursion(kernel, two, gradient).gradient(e),
    ]
    for other in found[1:]:
        for name in ("w", "alpha", "b"):
            wanted = getattr(found[0], name)
            difference = np.abs(getattr(other, name) - wanted).max()
            assert difference < 1e-13 * np.abs(wanted).max()


def test_layer_by_hand():
    """Two steps of one synapse, from the equations."""
    w, alpha, b, gamma = 0.3, 2.0, -0.1, 0.8
    x = np.array([[1.0], [-0.5]])
    y0 = np.tanh(w * 1.0 + b)
    trace = (1 - gamma) * y0 * 1.0
    y1 = np.tanh((w + alpha * trace) * -0.5 + b)
    layer = PlasticLayer(np.array([[w]]), np.array([[alpha]]), np.array([b]), gamma)
    activity = layer.forward(x)
    np.testing.assert_allclose(activity.y[:, 0], [y0, y1])
    np.testing.assert_allclose(activity.traces[:, 0, 0], [0, trace])
    np.testing.assert_allclose(activity.final_trace[0, 0], gamma * trace + (1 - gamma) * y1 * -0.5)


def test_rules_differ_as_they_should():
    """Only a decaying trace fades in silence; only covariance forgets a constant activity."""
    state = {name: tuple(np.full((1, 1), 0.5) for _ in range(r.size)) for name, r in RULES.items()}
    one, zero = np.ones((1, 1)), np.zeros((1, 1))
    silent = {name: RULES[name].step(state[name], zero, zero, GAMMA)[0] for name in RULES}
    assert silent["hebb"] == 0.5 * GAMMA
    assert silent["oja"] == 0.5
    constant = {}
    for name, rule in RULES.items():
        s = tuple(np.zeros((1, 1)) for _ in range(rule.size))
        for _ in range(400):
            s = rule.step(s, one, one, GAMMA)
        constant[name] = s[0].item()
    np.testing.assert_allclose([constant["hebb"], constant["oja"]], 1)
    assert abs(constant["covariance"]) < 1e-6


def test_legacy_gradient_has_its_two_slips(layer_arguments):
    """Wrong slope for w and alpha; true slope, but no traces, for the bias."""
    x, w, alpha, b, e = layer_arguments
    layer = KernelLayer(w, 0 * alpha, b, GAMMA)
    activity = layer.forward(x)
    legacy = layer.gradient(activity, e, "legacy2016")
    y = activity.y
    np.testing.assert_allclose(
        legacy.w, np.einsum("rty,rtk->ryk", e * (1 - np.tanh(y) ** 2), x), atol=1e-13
    )
    np.testing.assert_allclose(legacy.b, (e * (1 - y**2)).sum(axis=1), atol=1e-13)
    plastic = KernelLayer(w, alpha, b, GAMMA)
    activity = plastic.forward(x)
    y = activity.y
    np.testing.assert_allclose(
        plastic.gradient(activity, e, "legacy2016").b, (e * (1 - y**2)).sum(axis=1), atol=1e-13
    )


def test_unknown_gradient_is_refused(layer_arguments):
    x, w, alpha, b, e = layer_arguments
    layer = PlasticLayer(w, alpha, b, GAMMA)
    with pytest.raises(ValueError, match="gradient: got 'approximate'; allowed: exact"):
        layer.gradient(layer.forward(x), e, "approximate")
