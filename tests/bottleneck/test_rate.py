import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikeconsol.bottleneck import (
    Adam,
    BottleneckClassifier,
    Objective,
    Protection,
    Reservoir,
    Window,
)
from spikeconsol.sealed import ResultError

SMALL_RESERVOIR = Reservoir(cells=20, samples=100, block=50, window=5)
GATE = {"signal__surprise_gate": True}


def every(n):
    return {"optimiser__update_every": n}


#: Every signal, memory, kind of unit and optimiser at least once.
SETTINGS = [
    {},
    {"optimiser": "sgd", **GATE},
    {"optimiser": "sgd", **GATE, **every(4)},
    {"signal": "row_centred", "layer__activation": "tanh", **every(4)},
    {"signal": "diag_release", "layer__neuron": "leaky", "optimiser__learning_rate": 1e-3},
    {"signal": "diag_prefix"},
    {"signal": "phsic"},
    {"memory": "prototypes", **every(3), **GATE},
    {"memory": "class_means", "layer__neuron": "leaky", **every(3)},
    {"protection": Protection("coincidence", 10.0, separate_tasks=True), **every(4)},
    {"protection": Protection("fisher", 10.0), "memory": "prototypes"},
    {"protection": Protection("uniform", 1.0, separate_tasks=True), "optimiser": "sgd"},
    {"signal": "permuted"},
    {"signal": "frozen"},
    {"signal": "random"},
    {"signal": "per_class"},
    {"signal": "hebb"},
    {"signal": "backprop"},
    {"signal": "backprop", "layer__activation": "tanh", "optimiser": "sgd"},
]
RESERVOIRS = [
    {"memory": SMALL_RESERVOIR},
    {"memory": SMALL_RESERVOIR.replace(training="reward_hebb", output_noise=0.1)},
    {"memory": SMALL_RESERVOIR.replace(silenced=True)},
]


def make(**settings):
    net = BottleneckClassifier(
        (9, 5), objective=Objective(code_weight=0.3), memory=Window(5), epochs=2, random_state=1
    )
    return net.set_params(**{"optimiser__learning_rate": 1e-2} | settings)


def samples(n=60):
    rng = np.random.default_rng(0)
    X = rng.random((n, 12))
    X[X < 0.5] = 0  # silent inputs, which the compiled loop skips
    return X, rng.integers(3, size=n)


def state(net):
    return {name: array.copy() for name, array in net.network_.state().items()}


@pytest.mark.parametrize(
    "settings",
    # Numba compiles everything once more for another number of layers.
    [*SETTINGS, pytest.param({"hidden": (9,)}, marks=pytest.mark.slow)],
    ids=str,
)
def test_compiled_loop_gives_the_numbers_of_its_numpy_twin(settings):
    pytest.importorskip("numba")
    X, y = samples()
    plain = state(make(backend="numpy", **settings).fit(X, y))
    compiled = state(make(backend="numba", **settings).fit(X, y))
    for name, expected in plain.items():
        np.testing.assert_allclose(compiled[name], expected, rtol=1e-6, atol=1e-8, err_msg=name)


def test_single_precision_agrees_with_double():
    X, y = samples()
    settings = {"backend": "numpy", "optimiser__learning_rate": 1e-3, "epochs": 1}
    single, double = (make(**settings).fit(X.astype(kind), y) for kind in ("f4", "f8"))
    assert single.network_.weights[0].dtype == np.float32
    np.testing.assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("settings", [*SETTINGS, *RESERVOIRS], ids=str)
def test_a_saved_network_goes_on_as_if_it_had_not_been(tmp_path, settings):
    X, y = samples()
    settings = settings | {"backend": "numpy"}
    whole = make(**settings).partial_fit(X[:23], y[:23], classes=[0, 1, 2])
    whole.save(tmp_path / "net.nc")
    resumed = BottleneckClassifier.load(tmp_path / "net.nc")
    assert resumed.get_params() == whole.get_params()
    for net in (whole, resumed):
        net.partial_fit(X[23:], y[23:])
    for name, expected in state(whole).items():
        np.testing.assert_array_equal(state(resumed)[name], expected, err_msg=name)


def test_a_killed_fit_resumes_from_its_checkpoint_to_the_same_weights(tmp_path):
    X, y = samples()
    settings = {"backend": "numpy", "epochs": 4, "signal": "permuted", **every(7)}
    whole = make(**settings).fit(X, y)

    class KilledError(Exception):
        pass

    def kill(net):
        if net.n_epochs_ == 2:
            raise KilledError

    path = tmp_path / "training.nc"
    with pytest.raises(KilledError):
        make(**settings).fit(X, y, checkpoint=path, on_epoch=kill)
    resumed = make(**settings).fit(X, y, checkpoint=path)
    assert resumed.n_epochs_ == 4
    for name, expected in state(whole).items():
        np.testing.assert_array_equal(state(resumed)[name], expected, err_msg=name)
    with pytest.raises(ValueError, match=r"^objective: got .*3.0.*; allowed: .*2.0.*, as in"):
        make(objective__gamma=3.0, **settings).fit(X, y, checkpoint=path)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "damaged.nc"
    make(backend="numpy", epochs=1).fit(*samples()).save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ResultError, match="truncated"):
        BottleneckClassifier.load(path)
    np.savez(tmp_path / "arrays.npz", a=np.zeros(3))
    with pytest.raises(ResultError, match="not a file of save"):
        BottleneckClassifier.load(tmp_path / "arrays.npz")
    with pytest.raises(ResultError, match="cannot be read"):
        BottleneckClassifier.load(tmp_path / "missing.nc")


def test_partial_fit_does_not_depend_on_how_the_stream_is_cut():
    X, y = samples()
    whole = make(backend="numpy", **every(4)).partial_fit(X, y, classes=[0, 1, 2])
    pieces = make(backend="numpy", **every(4))
    for x, label in zip(X, y, strict=True):
        pieces.partial_fit(x[None], [label], classes=[0, 1, 2])
    for name, expected in state(whole).items():
        np.testing.assert_array_equal(state(pieces)[name], expected, err_msg=name)


def test_accumulated_changes_are_the_mean_of_single_ones():
    """Two samples at once under plain descent: same signals, as no weight has changed between."""
    X, y = samples(2)
    together = make(backend="numpy", signal="per_class", optimiser="sgd", **every(2))
    together.partial_fit(X, y, classes=[0, 1, 2])
    before = make(backend="numpy", signal="per_class", optimiser="sgd", **every(99))
    before.partial_fit(X, y, classes=[0, 1, 2])  # nothing applied yet
    step = before.network_.gradients[1] / 2 * 1e-2
    expected = before.network_.weights[1] - step
    np.testing.assert_allclose(together.network_.weights[1], expected, rtol=1e-12)


def test_hidden_weights_follow_the_gradient_of_the_objective():
    """One exact update against central differences through layer norm and rectification."""
    rng = np.random.default_rng(4)
    X, y = rng.random((6, 4)), np.array([0, 1, 0, 1, 1, 0])
    net = BottleneckClassifier(
        (7,), memory=Window(6), optimiser=Adam(update_every=99), backend="numpy", random_state=0
    )
    net.partial_fit(X[:5], y[:5], classes=[0, 1])
    before = net.network_.gradients[0].copy()
    net.partial_fit(X[5:], y[5:])
    gradient = net.network_.gradients[0] - before
    codes = net.transform(X)

    def objective(weights):
        z = codes.copy()
        h = np.maximum(X[5] @ weights[:-1] + weights[-1], 0)
        z[5] = (h - h.mean()) / np.sqrt(h.var() + 1e-6)
        return reference_objective(net, X, y, z)

    weights = net.network_.weights[0]
    for index in [(0, 0), (1, 3), (3, 6), (4, 2), (2, 5)]:
        moved = [weights.copy(), weights.copy()]
        moved[0][index] += 1e-6
        moved[1][index] -= 1e-6
        slope = (objective(moved[0]) - objective(moved[1])) / 2e-6
        assert gradient[index] == pytest.approx(slope, rel=1e-4, abs=1e-10)


def reference_objective(net, X, y, z):
    from spikeconsol.bottleneck import layer_objective

    return layer_objective(X, np.eye(2)[y], z, **Objective().flat())


def test_leaky_units_settle_to_the_instant_code():
    X, y = samples()
    instant = make(backend="numpy", signal="frozen").fit(X, y)
    leaky = clone(instant).set_params(layer__neuron="leaky").fit(X, y)
    # From rest, all membranes of the first layer approach their input in the same proportion.
    np.testing.assert_allclose(leaky.transform(X, 0), instant.transform(X, 0), atol=1e-3)


def test_signal_alignment_tells_a_memory_from_a_meaningless_one():
    X, y = samples(200)
    exact, permuted, frozen = (
        make(backend="numpy", epochs=1, signal=signal).fit(X, y).signal_alignment(X, y)
        for signal in ("exact", "permuted", "frozen")
    )
    np.testing.assert_allclose(exact, 1)
    assert np.all(permuted < 0.6)
    assert np.isnan(frozen).all()


def test_logging_leaves_the_network_as_it_was():
    X, y = samples()
    net = make(backend="numpy").fit(X, y)
    before = state(net)
    net.signal_alignment(X, y)
    net.layer_objectives(X, y)
    for name, expected in before.items():
        np.testing.assert_array_equal(state(net)[name], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"signal": "exakt"}, "^signal: got 'exakt'; allowed: "),
        ({"hidden": ()}, "^hidden: got "),
        ({"memory": "buffer"}, "^memory: got 'buffer'; allowed: "),
        ({"signal": "phsic", "memory": "prototypes"}, "^memory: got 'prototypes'; allowed: window"),
        ({"epochs": 0}, "^epochs: got 0; allowed: "),
        ({"optimiser": "adamw"}, "^optimiser: got 'adamw'; allowed: adam, sgd, "),
        ({"objective": 2.0}, "^objective: got 2.0; allowed: a Objective"),
        ({"memory": "spiking_reservoir"}, "^memory: got a spiking reservoir; allowed: "),
    ],
)
def test_impossible_settings_are_refused_before_any_work(settings, message):
    net = BottleneckClassifier().set_params(**settings)
    with pytest.raises(ValueError, match=message):
        net.fit(*samples())
    assert not hasattr(net, "network_")


def test_impossible_samples_are_refused():
    X, y = samples()
    net = make(backend="numpy", epochs=1).fit(X, y)
    before = state(net)
    with pytest.raises(ValueError, match="NaN"):
        net.partial_fit(np.full_like(X, np.nan), y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        net.partial_fit(X, y[:-1])
    with pytest.raises(ValueError, match=r"^y: got class .*7.*; allowed: "):
        net.partial_fit(X, np.full_like(y, 7))
    with pytest.raises(ValueError, match="Unknown label type"):
        net.partial_fit(X, y + 0.5)
    for name, expected in before.items():
        np.testing.assert_array_equal(state(net)[name], expected)


@parametrize_with_checks(
    [
        BottleneckClassifier(
            (8,), epochs=6, optimiser=Adam(learning_rate=1e-2), backend="numpy", random_state=0
        ),
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "samples are shown one at a time"
    },
)
def test_scikit_learn_contract(estimator, check):
    global_state = np.random.get_state()  # noqa: NPY002  some checks draw from it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
    np.random.set_state(global_state)  # noqa: NPY002
