"""Own memories and signals run in both classifiers, and never as the class they come from."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from spikeconsol.bottleneck import (
    BottleneckClassifier,
    FromMemory,
    InputCode,
    Memory,
    Place,
    Prototypes,
    SpikingBottleneckClassifier,
    Window,
    compiled,
)
from spikeconsol.bottleneck.memory import SHORT_FORMS, Cells, SpikingForm, Wires
from spikeconsol.data import xor_task
from spikeconsol.parameters import ParameterError, parameter

SPLIT = xor_task(0, train=30, test=10)


@dataclass
class LastOfClass(Memory):
    """The last code of every class; descending its signal moves a code towards its own class."""

    pull: float = parameter(1.0, above=0, doc="factor on the signal")

    def start(self, place):
        self.codes = np.zeros((place.classes, place.units))

    def push(self, x, y, z):
        self.before, self.newest = self.codes.copy(), y
        self.codes[y] = z

    def signal(self):
        return self.pull * (self.before.mean(axis=0) - self.before[self.newest])

    def in_spikes(self):
        n, units = self.place.classes, self.place.units
        cells = Cells(
            "last",
            n,
            "here : 1\nshare : 1\nlabel : integer (linked)\ntaught : 1 (linked)\npull : 1 (shared)",
            {"coefficients": "here = taught*int(i == label)\nshare = pull*(1.0/N - here)"},
            {"label": "teacher", "taught": "teacher"},
        )
        codes = Wires(
            "code",
            "cells",
            "last",
            "m : 1",
            at_end={
                "signal": "signal_pre += share_post*m",
                "learn": "m += here_post*(z_pre - m)",
            },
        )
        return SpikingForm(
            (cells, codes),
            state={"code.m": np.zeros(n * units)},
            constants={"last.pull": self.pull},
        )


@dataclass(frozen=True)
class Sign(FromMemory):
    """Only whether a unit should rise or fall."""

    def __call__(self, sample):
        return np.sign(super().__call__(sample))

    def in_spikes(self):
        return "signal = sign(signal)"


def rates(**settings):
    return BottleneckClassifier((6,), epochs=2, random_state=0).set_params(**settings)


def spikes(**settings):
    return SpikingBottleneckClassifier(
        (6,), input_code=InputCode(5, (-0.2, 1.2)), target="numpy", random_state=0
    ).set_params(**settings)


def test_an_own_memory_drives_rates():
    settings = {"backend": "numpy", "memory": LastOfClass(), "memory__pull": 2.0}
    net = rates(**settings).fit(SPLIT.X, SPLIT.y)
    (memory,) = net.network_.memories
    assert type(memory) is LastOfClass
    assert memory.pull == 2.0
    frozen = rates(signal="frozen", backend="numpy").fit(SPLIT.X, SPLIT.y)
    assert not np.array_equal(net.network_.weights[0], frozen.network_.weights[0])


@pytest.mark.parametrize("signal", ["exact", Sign()], ids=str)
def test_an_own_memory_says_in_spikes_what_it_says_in_numpy(signal):
    record = spikes(memory=LastOfClass(3.0), signal=signal).record(SPLIT.X, SPLIT.y, [0, 1])
    memory = LastOfClass(3.0).begin(Place(10, 6, 2))
    codes = spikes()._chosen("layer").codes(record.counts[0])
    expected = []
    for x, label, z in zip(SPLIT.X, SPLIT.y, codes, strict=True):
        memory.push(x, int(label), z)
        said = memory.signal()
        expected.append(np.sign(said) if signal != "exact" else said)
    np.testing.assert_allclose(record.signals[0], expected, atol=1e-12)
    assert np.abs(expected).max() > 0.5


def test_an_own_signal_runs_in_rates():
    plain, signed = (
        rates(signal=s, hidden=(6, 3)).fit(SPLIT.X, SPLIT.y) for s in ("exact", Sign())
    )
    assert not np.array_equal(plain.network_.weights[0], signed.network_.weights[0])
    assert not compiled.supports(signed.network_)


class Reversed(Prototypes):
    """A class of the library with another signal, and nothing said about spikes."""

    def signal(self):
        return -super().signal()


@dataclass(frozen=True)
class Halved(FromMemory):
    def __call__(self, sample):
        return 0.5 * super().__call__(sample)


@pytest.mark.parametrize("backend", ["auto", "numba", "numpy"])
def test_a_derived_class_is_not_compiled_as_its_parent(backend):
    pytest.importorskip("numba")
    parent, derived, halved = (
        rates(backend=backend, hidden=(6, 3), **setting).fit(SPLIT.X, SPLIT.y)
        for setting in (
            {"memory": Prototypes()},
            {"memory": Reversed()},
            {"memory": Prototypes(), "signal": Halved(), "optimiser": "sgd"},
        )
    )
    assert compiled.supports(parent.network_)
    for net in (derived, halved):
        assert not compiled.supports(net.network_)
    assert not np.allclose(parent.network_.weights[0], derived.network_.weights[0])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"memory": Reversed()}, "^memory: got Reversed.*whose signal is its own"),
        ({"signal": Halved()}, "^signal: got Halved.*whose __call__ is its own"),
        ({"signal": FromMemory(form="phsic")}, "^signal: got 'phsic'; allowed: exact"),
        ({"memory": 8}, "^memory: got 8; allowed: window, prototypes, .* a Memory"),
        ({"signal": "hebb"}, "^signal: got 'hebb'; allowed: exact, frozen"),
    ],
    ids=str,
)
def test_what_would_run_as_something_else_in_spikes_is_refused(setting, message):
    net = spikes(**setting)
    with pytest.raises(ParameterError, match=message):
        net.fit(SPLIT.X, SPLIT.y)
    assert not hasattr(net, "classes_")


def test_a_memory_without_a_spiking_form_is_refused_in_spikes_and_runs_in_rates():
    class Silent(Memory):
        def start(self, place):
            self.code = np.zeros(place.units)

        def push(self, x, y, z):
            self.code[:] = z

        def signal(self):
            return 0 * self.code

    assert rates(memory=Silent()).fit(SPLIT.X, SPLIT.y).n_epochs_ == 2
    with pytest.raises(ParameterError, match=r"^memory: got .*Silent.*allowed: one with `in_spik"):
        spikes(memory=Silent()).fit(SPLIT.X, SPLIT.y)


@pytest.mark.parametrize("name", SHORT_FORMS)
def test_beginning_leaves_the_memory_given_as_it_was(name):
    memory = SHORT_FORMS[name]
    if name.startswith("spiking"):
        pytest.skip("begins in spikes only")
    if hasattr(memory, "samples"):
        memory = memory.replace(samples=20, cells=10)
    before = dict(vars(memory))
    running = memory.begin(Place(3, 4, 2))
    running.push(np.ones(3), 0, np.ones(4))
    assert vars(memory) == before
    assert running is not memory
    assert running.state()
    field = next(iter(memory.flat()))
    with pytest.raises(AttributeError, match=f"^{field}: a constant of"):
        setattr(running, field, 3)


def test_state_of_memories_inside_a_memory_is_saved():
    class Wrapped(Memory):
        def __init__(self, memory):
            self.memory = memory

        def start(self, place):
            self.held = self.memory.begin(place)

        def push(self, x, y, z):
            self.held.push(x, y, z)

        def signal(self):
            return self.held.signal()

    wrapped = Wrapped(Window(4)).begin(Place(3, 4, 2))
    wrapped.push(np.ones(3), 1, np.ones(4))
    assert {"held.codes", "held.contrast", "held.inputs"} <= set(wrapped.state())
    net = rates(memory=Wrapped(Window(8))).fit(SPLIT.X, SPLIT.y)
    plain = rates(backend="numpy").fit(SPLIT.X, SPLIT.y)
    np.testing.assert_array_equal(net.network_.weights[0], plain.network_.weights[0])


def test_the_memory_of_the_documentation_runs_in_both():
    docs = Path(__file__).parents[2] / "docs"
    blocks = [
        block
        for page in ("bottleneck", "spiking_bottleneck")
        for block in re.findall(r"```python\n(.*?)```", (docs / f"{page}.md").read_text(), re.S)
    ]
    names = {"X": SPLIT.X, "y": SPLIT.y}
    for text in ("class LastOfClass", "class LastInSpikes"):
        exec(next(block for block in blocks if text in block), names)
    assert type(names["net"].network_.memories[0]) is names["LastOfClass"]
    record = spikes(memory=names["LastInSpikes"]()).record(SPLIT.X, SPLIT.y, [0, 1])
    ours = spikes(memory=LastOfClass()).record(SPLIT.X, SPLIT.y, [0, 1])
    np.testing.assert_array_equal(record.signals[0], ours.signals[0])


def test_importing_the_wing_does_not_import_brian():
    code = "import sys, spikeconsol.bottleneck; sys.exit('brian2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
