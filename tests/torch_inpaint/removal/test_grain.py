"""Grain taken from beside the mask."""

import numpy as np

from svhn.torch_inpaint.removal.grain import grain_like


def test_grain_has_the_noise_of_its_surroundings():
    rng = np.random.default_rng(0)
    original = np.clip(rng.normal(128, 12, (80, 80, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    painted = np.full(original.shape, 128, np.float32)
    noise = grain_like(original, painted, mask, ~mask, 1.0)
    assert not noise[~mask].any()
    assert 6 < noise[mask].std() < 14
    assert grain_like(np.full_like(original, 128), painted, mask, ~mask, 1.0).std() < 0.5
    np.testing.assert_array_equal(noise, grain_like(original, painted, mask, ~mask, 1.0))
