"""Closed forms and fixed points of the batch rules."""

import numpy as np
import pytest

from spikeconsol.consolidation import batch
from spikeconsol.data import sparse_patterns

PATTERNS = sparse_patterns(12, 60, coding_level=0.1, seed=1)


@pytest.mark.parametrize("name", batch.batch_rules)
def test_weights_have_no_self_connection(name):
    weights = batch.batch_rules[name](PATTERNS)
    assert weights.shape == (60, 60)
    assert not np.diagonal(weights).any()
    if name != "perceptron":
        np.testing.assert_allclose(weights, weights.T, atol=1e-12)


def test_clipped_and_willshaw_weights_follow_the_coincidences():
    coincidences = PATTERNS.astype(int).T @ PATTERNS
    np.fill_diagonal(coincidences, 0)
    np.testing.assert_array_equal(batch.willshaw(PATTERNS), coincidences > 0)
    np.testing.assert_array_equal(
        batch.clipped_covariance(PATTERNS), np.sign(batch.covariance(PATTERNS))
    )


def test_pseudo_inverse_projects_onto_the_patterns():
    centred = PATTERNS - 0.1
    projector = np.linalg.pinv(centred) @ centred
    weights = batch.pseudo_inverse(PATTERNS)
    diagonal = np.diag(np.diagonal(projector))
    np.testing.assert_allclose((weights + diagonal) @ centred.T, centred.T, atol=1e-10)


def test_storkey_equals_its_definition():
    patterns = PATTERNS[:4, :12]
    centred = patterns - patterns.mean()
    units = centred / centred.std()
    n = 12
    w = np.zeros((n, n))
    for x in units:
        new = w.copy()
        for i in range(n):
            for j in range(n):
                if i == j:
                    continue
                h_ij = sum(w[i, k] * x[k] for k in range(n) if k not in (i, j))
                h_ji = sum(w[j, k] * x[k] for k in range(n) if k not in (i, j))
                new[i, j] += (x[i] * x[j] - x[i] * h_ji - h_ij * x[j]) / n
        w = new
    np.testing.assert_allclose(batch.storkey(patterns), w, atol=1e-12)


def test_perceptron_reaches_its_margin():
    weights = batch.perceptron(PATTERNS, margin=0.5)
    fields = PATTERNS @ weights.T.astype(float) - 1
    fields = PATTERNS.astype(float) @ weights - 1
    assert fields[PATTERNS].min() >= 0.5
    assert fields[~PATTERNS].max() <= -0.5
