"""Normalised convolution against its definition."""

import cv2
import numpy as np
import pytest

from svhn.torch_inpaint.removal.blur import normalised_blur

RNG = np.random.default_rng(0)
SIGMA = 1.5


def literal(values, weight, sigma, prior, prior_weight):
    """The quotient of sums, pixel by pixel, with nothing beyond the border."""
    rows, columns = np.indices(weight.shape)
    answers = np.zeros(values.shape)
    for y, x in np.ndindex(*weight.shape):
        kernel = np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2 * sigma**2)) / (2 * np.pi * sigma**2) * weight
        summed = np.tensordot(kernel, values, axes=([0, 1], [0, 1]))
        answers[y, x] = (summed + prior_weight * prior) / (kernel.sum() + prior_weight)
    return answers


@pytest.mark.parametrize("channels", [(), (3,)])
def test_equals_the_quotient_of_sums(channels):
    values = RNG.uniform(0, 255, (18, 22, *channels)).astype(np.float32)
    weight = (RNG.random((18, 22)) < 0.6).astype(np.float32)
    prior = np.float32(100) if not channels else np.array([10, 100, 200], np.float32)
    found = normalised_blur(values, weight, SIGMA, prior, 1e-2, cv2.BORDER_CONSTANT)
    assert found.shape == values.shape and found.dtype == np.float32
    np.testing.assert_allclose(found, literal(values, weight, SIGMA, prior, 1e-2), atol=0.5)


def test_values_without_weight_leave_no_trace_and_far_away_the_prior_is_answered():
    weight = np.zeros((40, 60), np.float32)
    weight[:, :10] = 1
    values = np.where(weight > 0, 80.0, 255.0).astype(np.float32)
    found = normalised_blur(values, weight, SIGMA, prior=30.0)
    np.testing.assert_allclose(found[:, :10], 80, atol=0.1)
    np.testing.assert_allclose(found[:, -20:], 30, atol=1e-4)
    assert (np.diff(found[20]) <= 1e-4).all()
