"""What scikit-learn expects of both classifiers, and what a settings mistake must say."""

import json
import warnings

import numpy as np
import pandas
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from spikeconsol.bottleneck import (
    BottleneckClassifier,
    Descent,
    InputCode,
    Objective,
    Prototypes,
    Reservoir,
    SpikingBottleneckClassifier,
    SpikingLayer,
    Window,
    archive,
)
from spikeconsol.data import xor_task
from spikeconsol.parameters import ParameterError

SPLIT = xor_task(0, train=24, test=12)
QUICK = SpikingLayer(time_step="5 ms", sample_time="25 ms")


def rates(**settings):
    return BottleneckClassifier((6, 3), backend="numpy", epochs=2, random_state=0).set_params(
        **settings
    )


def spikes(**settings):
    return SpikingBottleneckClassifier(
        (6, 3),
        input_code=InputCode(5, (-0.2, 1.2)),
        layer=QUICK,
        epochs=2,
        target="numpy",
        random_state=0,
    ).set_params(**settings)


def weights(net):
    return [array.copy() for array in net._arrays().values()]


def same(one, other):
    return all(np.array_equal(a.ravel(), b.ravel()) for a, b in zip(one, other, strict=True))


both = pytest.mark.parametrize("make", [rates, spikes])
#: The same code of the shared base: in spikes only where time does not matter.
both_slowly = pytest.mark.parametrize("make", [rates, pytest.param(spikes, marks=pytest.mark.slow)])


@both
@pytest.mark.parametrize("method", ["predict", "predict_proba", "transform", "score"])
def test_an_unfitted_network_says_so(make, method):
    given = (SPLIT.X, SPLIT.y) if method == "score" else (SPLIT.X,)
    with pytest.raises(NotFittedError):
        getattr(make(), method)(*given)


@both
def test_the_answer_to_a_sample_does_not_depend_on_its_place(make):
    settings = {} if make is rates else {"hidden": (6,), "layer": SpikingLayer()}  # which spikes
    net = make(**settings).partial_fit(SPLIT.X[:6], SPLIT.y[:6], classes=[0, 1])
    X = SPLIT.X_test[:6]
    whole = net.predict_proba(X)
    order = np.random.default_rng(0).permutation(len(whole))[:-2]  # other places, fewer samples
    np.testing.assert_allclose(net.predict_proba(X[order]), whole[order], rtol=1e-12)
    assert np.ptp(whole) > 0


@pytest.mark.parametrize(
    ("make", "memory"),
    [
        (rates, Window(4)),
        (rates, Prototypes(0.1)),
        (spikes, Window(4)),
        pytest.param(spikes, Prototypes(0.1), marks=pytest.mark.slow),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_saved_network_goes_on_as_if_it_had_not_been(make, memory, tmp_path):
    frame, y = pandas.DataFrame(SPLIT.X[:12], columns=["left", "right"]), SPLIT.y[:12]
    whole = make(memory=memory).partial_fit(frame[:6], y[:6], classes=[0, 1])
    whole.save(tmp_path / "net.nc")
    resumed = type(whole).load(tmp_path / "net.nc")
    assert list(resumed.feature_names_in_) == ["left", "right"]
    assert resumed.get_params() == whole.get_params()
    for net in (whole, resumed):
        net.partial_fit(frame[6:], y[6:])
    assert same(weights(whole), weights(resumed))
    np.testing.assert_array_equal(whole.predict_proba(frame[:3]), resumed.predict_proba(frame[:3]))


@both_slowly
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("memory", "prototypes"),
        ("memory__length", 3),
        ("objective__gamma", 5.0),
        ("hidden", (5, 3)),
        ("signal", "frozen"),
    ],
)
def test_what_a_network_was_made_for_cannot_change_while_it_learns(make, setting, value):
    net = make().partial_fit(SPLIT.X, SPLIT.y, classes=[0, 1]).set_params(**{setting: value})
    before = weights(net)
    name = setting.partition("__")[0]
    with pytest.raises(ParameterError, match=f"^{name}: got .*; allowed: .*as when learning began"):
        net.partial_fit(SPLIT.X, SPLIT.y)
    assert same(before, weights(net))
    assert net.fit(SPLIT.X, SPLIT.y).n_epochs_ == 2


@both_slowly
def test_learning_rates_can_change_while_a_network_learns(make):
    net = make().partial_fit(SPLIT.X, SPLIT.y, classes=[0, 1])
    before = net._arrays()["weights.0" if make is rates else "feedforward0.w"].copy()
    net.set_params(optimiser__learning_rate=0.0).partial_fit(SPLIT.X, SPLIT.y)
    after = net._arrays()["weights.0" if make is rates else "feedforward0.w"]
    np.testing.assert_array_equal(after.ravel(), before.ravel())


@both
def test_other_classes_than_at_first_are_refused(make):
    net = make().partial_fit(SPLIT.X[:4], SPLIT.y[:4], classes=[0, 1])
    net.partial_fit(SPLIT.X[:4], SPLIT.y[:4], classes=[1, 0])
    with pytest.raises(ValueError, match=r"^classes: got \[0, 1, 2\]; allowed: \[0, 1\], as at"):
        net.partial_fit(SPLIT.X, SPLIT.y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=r"^y: got class 2; allowed: \[0, 1\]$"):
        net.partial_fit(SPLIT.X[:1], [2])


@both
def test_constants_of_objects_are_parameters(make):
    net = make(memory="window", memory__length=4, objective__gamma=3.0)
    assert net.memory == Window(4)
    assert net.objective == Objective(gamma=3.0)
    params = net.get_params()
    assert params["memory__length"] == 4
    assert params["optimiser__learning_rate"] > 0
    assert clone(net).get_params() == params
    with pytest.raises(ParameterError, match=r"^memory__lenght: unknown name.*memory__length"):
        net.set_params(memory__lenght=4)
    with pytest.raises(ParameterError, match=r"^length: got 1; allowed: >= 2"):
        net.set_params(memory__length=1)
    with pytest.raises(ValueError, match="Invalid parameter 'gamma'"):
        net.set_params(gamma=3.0)


def test_a_grid_search_reaches_constants():
    search = GridSearchCV(rates(epochs=1), {"memory__length": [2, 4]}, cv=2)
    assert search.fit(SPLIT.X, SPLIT.y).best_estimator_.memory.length in (2, 4)


@both_slowly
def test_codes_come_as_a_frame_with_names(make):
    net = make().set_output(transform="pandas").fit(SPLIT.X, SPLIT.y)
    codes = net.transform(SPLIT.X_test)
    names = [f"{type(net).__name__.lower()}{i}" for i in range(3)]
    assert list(net.get_feature_names_out()) == names == list(codes.columns)


@both_slowly
def test_samples_of_weight_zero_are_not_shown(make):
    weight = np.arange(len(SPLIT.X)) % 2
    weighted = make().partial_fit(SPLIT.X, SPLIT.y, [0, 1], sample_weight=weight)
    # The range of inputs sets the scale of spiking weights: draw them from the same samples.
    kept = make().partial_fit(SPLIT.X[1::2], SPLIT.y[1::2], classes=[0, 1])
    assert same(weights(weighted), weights(kept))


@both
def test_weights_scale_the_changes(make):
    settings = {"hidden": (6,), "optimiser": Descent(0.001, 0.001)}
    if make is spikes:
        settings["layer"] = SpikingLayer()
    one, half = (
        make(**settings).partial_fit(SPLIT.X[:1], SPLIT.y[:1], [0, 1], sample_weight=[w])
        for w in (1.0, 0.5)
    )
    name = "weights.1" if make is rates else "readout.r"
    np.testing.assert_allclose(half._arrays()[name], one._arrays()[name] / 2, atol=1e-12)
    assert np.any(one._arrays()[name])


@both_slowly
def test_a_warm_start_goes_on(make):
    net = make(warm_start=True, epochs=1).fit(SPLIT.X, SPLIT.y)
    before = weights(net)
    net.set_params(optimiser__learning_rate=0.0, optimiser__readout_learning_rate=0.0)
    net.fit(SPLIT.X, SPLIT.y)
    assert net.n_epochs_ == 2
    name = list(net._arrays()).index("weights.0" if make is rates else "feedforward0.w")
    np.testing.assert_array_equal(weights(net)[name].ravel(), before[name].ravel())


@both_slowly
def test_epochs_are_told_if_asked_for(make, capsys):
    make(verbose=1).fit(SPLIT.X, SPLIT.y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["epoch 1/2", "epoch 2/2"]


@pytest.mark.slow
@parametrize_with_checks(
    [
        SpikingBottleneckClassifier(
            (12,),
            memory="prototypes",
            input_code=InputCode(6, (-3.0, 3.0)),
            layer=SpikingLayer(time_step="5 ms", sample_time="50 ms"),
            optimiser=Descent(0.02, 0.1),
            epochs=5,
            target="numpy",
            random_state=0,
        )
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data": "samples are shown one at a time"
    },
)
def test_scikit_learn_contract_in_spikes(estimator, check):
    global_state = np.random.get_state()  # noqa: NPY002  some checks draw from it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check(estimator)
    np.random.set_state(global_state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("memory", "settings"),
    [
        (Window(5), {"memory": "window", "window": 5}),
        (Prototypes(0.1), {"memory": "prototypes", "memory_rate": 0.1}),
        (
            Reservoir(cells=9, samples=40, window=4, silenced=True),
            {"memory": "silenced", "window": 4, "reservoir": {"cells": 9, "samples": 40}},
        ),
    ],
    ids=str,
)
def test_a_file_from_when_every_constant_was_a_setting_is_read(memory, settings, tmp_path):
    net = rates(
        memory=memory, signal__surprise_gate=True, optimiser="sgd", objective__gamma=3.0
    ).fit(SPLIT.X, SPLIT.y)
    path = tmp_path / "net.npz"
    net.save(tmp_path / "net.nc")
    about, arrays = archive.read(tmp_path / "net.nc")
    flat = {
        "hidden": [6, 3], "window": 8, "signal": "exact", "gamma": 3.0, "widths": [0.5, 0.1, 1.0],
        "input_weight": 1.0, "code_weight": 0.0, "surprise_gate": True, "activation": "relu",
        "neuron": "instant", "optimizer": "sgd", "learning_rate": 1e-3,
        "readout_learning_rate": 1e-3, "final_rate": 0.02, "update_every": 1, "epochs": 2,
        "memory_rate": 0.02, "reservoir": None, "backend": "numpy", "random_state": 0,
    }  # fmt: skip
    streams = about.pop("streams")
    for name in ("order_rng", "memory_rng"):
        about[name] = streams[f"_{name}"]
    about |= {"parameters": flat | settings}
    np.savez(path, about=np.array(json.dumps(about)), **arrays)
    found = BottleneckClassifier.load(path)
    assert found.memory == memory
    for one in (net, found):
        one.partial_fit(SPLIT.X, SPLIT.y)
    assert same(weights(net), weights(found))
