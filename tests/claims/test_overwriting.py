"""What freezing a twentieth of the pairs keeps, spectra of the information, natural images."""

import functools

import numpy as np
import pytest

from spikeconsol.consolidation import curvature
from spikeconsol.data import sparse_patterns
from spikeconsol.lab import Condition
from spikeconsol.models import curvature_extensions as extensions
from spikeconsol.models import curvature_overwriting as overwriting
from spikeconsol.models import curvature_spectra as spectra


@functools.cache
def old_at_end(load, name, seeds=(100, 101, 102)):
    p = overwriting.Overwriting(every=200)
    curves = [overwriting.curves(p, load, name, seed) for seed in seeds]
    assert all(new[-1] == 1 for _, new in curves)
    return np.mean([old[-1] for old, _ in curves])


def test_informative_synapses_must_be_frozen_and_a_fixed_share_is_too_few():
    few, many = old_at_end(5, "fisher-top"), old_at_end(15, "fisher-top")
    assert few > old_at_end(5, "random")
    assert many > old_at_end(15, "random") + 0.1
    assert old_at_end(15, "fisher-bottom") < 0.15
    assert many < few - 0.1


def test_eigenvalues_come_from_the_overlaps_of_the_patterns():
    p = spectra.Spectra(units=20, coding_level=0.2, loads=(4,))
    diagonal, eigenvalues = spectra.held(p, 4, seed=1)
    patterns = sparse_patterns(4, 20, coding_level=0.2, seed=1)
    whole = curvature.clamped(patterns, full=True)
    np.testing.assert_allclose(np.diag(whole), diagonal, atol=1e-12)
    np.testing.assert_allclose(np.linalg.eigvalsh(whole)[-4:], np.sort(eigenvalues), atol=1e-12)
    assert eigenvalues.sum() == pytest.approx(diagonal.sum())
    assert (eigenvalues > 1e-9).sum() == 3


def test_free_networks_have_information_in_every_direction():
    p = spectra.Spectra(small=6, small_active=2)
    found = spectra.run(p, Condition("claim", setup=(3, False)), (0, 1))
    assert (found["rank"] == 15).all()
    assert (found.directions < 15).all()
    assert spectra.effective(np.ones(7)) == pytest.approx(7)


def test_grey_images_are_binarised_in_both_ways():
    grey = np.array([[0.1, 0.3, 0.6, 0.2], [0.5, 0.5, 0.5, 0.9]])
    half = extensions.binarised(grey, None)
    np.testing.assert_array_equal(half, [[0, 1, 1, 0], [1, 1, 1, 1]])
    np.testing.assert_array_equal(extensions.binarised(grey, 0.25), [[0, 0, 1, 0], [0, 0, 0, 1]])


@pytest.mark.parametrize("source", ["photographs", "cifar-10"])
def test_images_are_as_many_as_asked_for_and_all_different(source, monkeypatch):
    pytest.importorskip("skimage")
    rng = np.random.default_rng(0)
    made = rng.integers(256, size=(200, 32, 32, 3)).astype(np.uint8), np.zeros(200, int)
    monkeypatch.setattr(extensions, "_cifar10", lambda: made)
    p = extensions.Photographs(stored=20, background=4, source=source)
    tested, cues, background = extensions.draw_photographs(p, (100, 101), brightest=0.1)
    assert (tested.shape, cues.shape) == ((2, 20, 100), (2, 20, 100))
    assert background.shape == (2, 4, 100)
    assert (tested.sum(axis=-1) == 10).all()
    both = np.concatenate([tested, background], axis=1)
    assert all(len(np.unique(stream, axis=0)) == 24 for stream in both)
    assert (tested[0] != tested[1]).any()
