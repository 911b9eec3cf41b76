import numpy as np
import pytest

from spikeconsol.optimise import adam, softmax


def test_softmax_does_not_overflow_and_sums_to_one_along_its_axis():
    np.testing.assert_allclose(softmax(np.array([1e4, 0.0])), [1, 0])
    logits = np.random.default_rng(0).standard_normal((3, 4))
    np.testing.assert_allclose(softmax(logits, axis=0).sum(axis=0), 1)
    np.testing.assert_allclose(softmax(logits + 7), softmax(logits))
    exponentials = np.exp(logits)
    floored = exponentials / (exponentials.sum(axis=0) + 0.1)
    np.testing.assert_allclose(softmax(logits, axis=0, floor=0.1), floored)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_first_step_of_adam_is_the_learning_rate_whatever_the_size_of_the_gradient(scale):
    zero = np.zeros(2)
    step, _, _ = adam(scale * np.array([1.0, -2.0]), zero, zero, 1, 0.1)
    np.testing.assert_allclose(step, [0.1, -0.1], rtol=1e-4)


def test_running_averages_are_those_of_gradients_and_squares():
    gradients = np.random.default_rng(0).standard_normal(50)
    mean = square = np.zeros(1)
    for n, gradient in enumerate(gradients, start=1):
        _, mean, square = adam(gradient[None], mean, square, n, 1.0, decays=(0.5, 0.8))
    age = np.arange(49, -1, -1)
    np.testing.assert_allclose(mean, 0.5 * np.sum(0.5**age * gradients))
    np.testing.assert_allclose(square, 0.2 * np.sum(0.8**age * gradients**2))
