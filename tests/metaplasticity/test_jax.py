"""The JAX backend: the same gradients by automatic differentiation, the same training."""

import builtins
import importlib.util
import sys

import numpy as np
import pytest

from spikeconsol.metaplasticity import Plasticity, train
from spikeconsol.metaplasticity.build import build
from spikeconsol.metaplasticity.image_completion import ImageCompletion
from spikeconsol.metaplasticity.tasks import AutoAssociation, Completion, CueReward, OneShot, stack

needs_jax = pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)

needs_numba = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)


@pytest.fixture(scope="module", autouse=True)
def imported():
    """JAX draws from NumPy's global generator when it is first imported."""
    if importlib.util.find_spec("jax") is not None:
        state = np.random.get_state()  # noqa: NPY002
        import jax  # noqa: F401

        np.random.set_state(state)  # noqa: NPY002


def test_without_jax_the_message_says_what_to_do(monkeypatch):
    real = builtins.__import__

    def no_jax(name, *arguments, **options):
        if name.split(".")[0] == "jax":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", no_jax)
    monkeypatch.delitem(sys.modules, "spikeconsol.metaplasticity.jax_backend", raising=False)
    with pytest.raises(ImportError, match=r"pip install 'spikeconsol\[jax\]'"):
        train(OneShot(), seeds=[0], backend="jax")


@needs_jax
@pytest.mark.parametrize(
    ("task", "plasticity"),
    [
        (Completion(), Plasticity(alpha="shared")),
        (OneShot(layers=2), Plasticity(rule="covariance", decay="synapse")),
        (OneShot(), Plasticity(rule="instar")),
        (AutoAssociation(size=12, patterns=1), Plasticity(rule="oja", decay="synapse")),
        (AutoAssociation(size=28), Plasticity(decay="layer")),
        (AutoAssociation.fifty_bits(), Plasticity(lstm=60)),
        *(
            pytest.param(
                CueReward(size=4, steps=14, hidden=5),
                Plasticity(modulation=kind, decay="layer"),
                marks=needs_numba,
            )
            for kind in ("none", "constant", "simple", "retroactive")
        ),
    ],
)
def test_gradients_agree(task, plasticity):
    from spikeconsol.metaplasticity.jax_backend import gradient

    network = build(task, plasticity)
    theta = np.stack([network.flatten(network.initial(np.random.default_rng(n))) for n in range(3)])
    episode = stack([task.draw(np.random.default_rng([n, 1]), 1) for n in range(3)])[0]
    wanted, _ = network.learn(theta, episode)
    np.testing.assert_allclose(
        gradient(network, theta, episode), wanted, atol=1e-13 * np.abs(wanted).max()
    )


@needs_jax
def test_training_agrees():
    settings = {"seeds": [0, 1], "episodes": 550, "frozen": 50}
    by_numpy = train(OneShot(), **settings)
    by_jax = train(OneShot(), backend="jax", **settings)
    np.testing.assert_allclose(by_jax.errors, by_numpy.errors, atol=1e-8)
    np.testing.assert_array_equal(by_jax.accuracy, by_numpy.accuracy)


@needs_jax
def test_recurrent_training_agrees():
    task = AutoAssociation(size=12, patterns=1)
    settings = {"seeds": [0, 1], "episodes": 40, "frozen": 5, "plasticity": Plasticity(rule="oja")}
    by_numpy = train(task, **settings)
    by_jax = train(task, backend="jax", **settings)
    np.testing.assert_allclose(by_jax.errors, by_numpy.errors, rtol=1e-9)
    np.testing.assert_array_equal(by_jax.accuracy, by_numpy.accuracy)


@needs_jax
@pytest.mark.parametrize(
    "task",
    [
        AutoAssociation(size=100, patterns=2, orthogonal=False),
        ImageCompletion(side=10, patterns=2, cycles=2, shown=3),
    ],
    ids=["bits", "grey"],
)
def test_blocks_of_steps_agree_with_automatic_differentiation(task):
    """A driven network of a hundred cells, most of them saturated or clamped, some not."""
    pytest.importorskip("skimage") if task.clamped else None
    from spikeconsol.metaplasticity.jax_backend import gradient

    network = build(task, Plasticity(decay="layer"))
    assert network._blocked
    theta = network.flatten(network.initial(np.random.default_rng(0)))[None]
    episode = stack([task.draw(np.random.default_rng(1), 1)])[0]
    found, _ = network.learn(theta, episode)
    wanted = network.views(gradient(network, theta, episode))
    for name, value in network.views(found).items():
        np.testing.assert_allclose(value, wanted[name], atol=1e-9 * np.abs(wanted[name]).max())


@needs_jax
def test_what_it_does_not_do_is_refused():
    with pytest.raises(ValueError, match="backend: got 'jax'; allowed: numpy"):
        train(OneShot(), seeds=[0], backend="jax", gradient="legacy2016", episodes=3, frozen=1)
