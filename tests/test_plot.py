"""Pictures show what they say: the right numbers on the right axes, into axes of one's own."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from spikeconsol import plot
from spikeconsol.bottleneck import BottleneckClassifier
from spikeconsol.brian.recording import Recording
from spikeconsol.consolidation import HopfieldNetwork
from spikeconsol.consolidation.rules import CurvatureGate
from spikeconsol.data import corrupt, digits_task, sparse_patterns
from spikeconsol.metaplasticity import tasks, train

N = 40
PATTERNS = sparse_patterns(30, N, coding_level=0.1, seed=1)


@pytest.fixture(autouse=True)
def closed():
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")
    assert dict(matplotlib.rcParams) == before


@pytest.fixture(scope="module")
def memory():
    network = HopfieldNetwork(N, rule=CurvatureGate.for_capacity(20, coding_level=0.1), seed=1)
    network.store(PATTERNS)
    return network


@pytest.fixture
def recording():
    patterns = PATTERNS[:3]
    slot, cell = np.nonzero(patterns)
    return Recording(
        cells=np.r_[cell, 0].astype(np.int32),
        times=np.r_[slot * 0.5 + 0.1, 0.2],
        inhibitory_cells=np.zeros(3, np.int32),
        inhibitory_times=np.array([0.2, 0.7, 1.2]),
        onsets=np.array([0.0, 0.5, 1.0]),
        end=1.5,
        n=N,
    )


def test_a_raster_tells_the_cells_of_the_pattern_from_others(recording):
    ax = plot.raster(recording, PATTERNS[:3])
    inside, outside = (line for line in ax.get_lines() if line.get_label()[0] != "_")
    assert len(inside.get_xdata()) == PATTERNS[:3].sum() + PATTERNS[0, 0]
    assert len(outside.get_xdata()) == 1 - PATTERNS[0, 0]
    first = inside.get_ydata()[inside.get_xdata() < 0.5]
    assert set(first) == set(range(PATTERNS[0].sum()))  # the first pattern is at the bottom
    (one,) = plot.raster(recording).get_lines()[:1]
    assert len(one.get_xdata()) == len(recording.times)


def test_pictures_go_into_axes_of_ones_own(memory, recording):
    own = plt.figure().subplots()
    for draw in (
        lambda: plot.raster(recording, ax=own),
        lambda: plot.weights(memory, PATTERNS, ax=own),
        lambda: plot.curvature(memory, ax=own),
        lambda: plot.recall_by_age(PATTERNS, PATTERNS, ax=own),
    ):
        assert draw() is own


def test_what_has_no_curvature_is_refused_in_words():
    with pytest.raises(TypeError, match="memory: got object; allowed: a memory with curvature"):
        plot.curvature(object())


def test_weights_are_ordered_by_pattern(memory):
    ax = plot.weights(memory, PATTERNS[-1:])
    shown = ax.get_images()[0].get_array()
    k = PATTERNS[-1].sum()
    newest = np.outer(PATTERNS[-1], PATTERNS[-1])
    np.testing.assert_allclose(shown[:k, :k].sum(), memory.weights[newest].sum())


def test_recall_by_age_counts_from_the_newest(memory):
    cues = corrupt(PATTERNS, deleted=0.2, added=0.2, seed=2)
    recalled = PATTERNS.copy()
    recalled[0] = cues[0]
    ax = plot.recall_by_age(recalled, PATTERNS)
    overlap = ax.get_lines()[0].get_ydata()
    assert overlap[-1] < 1
    assert (overlap[:-1] == 1).all()
    assert ax.get_title(loc="left") == "29 of 30 recalled"


def test_weight_change_is_relative(memory):
    ax = plot.weight_change(memory, 1.5 * memory.weights)
    np.testing.assert_allclose(ax.get_lines()[1].get_ydata(), 0.5)


def test_classifiers_and_trainings():
    split = digits_task(seed=0)
    classifier = BottleneckClassifier((12, 6), epochs=1, random_state=0)
    classifier.fit(split.X[:200], split.y[:200])
    image = plot.fields(classifier).get_images()[0].get_array()
    assert image.shape == (2 * 9 - 1, 8 * 9 - 1)
    with pytest.raises(ValueError, match="shape: got"):
        plot.fields(classifier, shape=(3, 3))
    ax = plot.codes(classifier, split.X_test[:50], split.y_test[:50])
    assert sum(len(line.get_xdata()) for line in ax.get_lines()) == 50
    training = train(tasks.OneShot(), seeds=(0, 1), episodes=60, frozen=20)
    assert "2 runs" in plot.learning(training).get_title(loc="left")
    assert plot.plasticity(training).get_images()
    with pytest.raises(ValueError, match="run: got 5"):
        plot.plasticity(training, run=5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: plot.raster(None), "recording: got None"),
        (lambda r: plot.raster(r, order="age"), "order: got 'age'"),
        (lambda r: plot.raster(r, PATTERNS[:2]), "patterns: got 2"),
        (lambda r: plot.weights(np.zeros((3, 4))), "weights: got shape"),
        (lambda r: plot.weights(np.zeros((3, 3)), PATTERNS), "patterns: got shape"),
        (lambda r: plot.weight_change(np.zeros((3, 3)), np.zeros((4, 4))), "after: got shape"),
        (lambda r: plot.weight_change(np.zeros((3, 3)), np.zeros((3, 3))), "before: got 0"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(call, message, recording):
    with pytest.raises(ValueError, match=message):
        call(recording)


def test_a_notebook_goes_on_showing_figures_after_the_first(memory, monkeypatch):
    real = plt.subplots

    def first(*args, **options):  # the backend of notebooks turns it on when it is first needed
        matplotlib.interactive(True)
        return real(*args, **options)

    monkeypatch.setattr(plt, "subplots", first)
    try:
        plot.weights(memory)
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(False)
