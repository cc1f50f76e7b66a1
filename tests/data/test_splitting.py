"""The validation split: whole photos, every class with its share."""

import numpy as np
import pytest

from svhn.data.splitting import choose_validation
from svhn.errors import InputError


@pytest.fixture
def houses():
    """Labels and photo numbers of 3,000 photos of one to five digits, with SVHN's uneven classes."""
    rng = np.random.default_rng(11)
    photos = np.repeat(np.arange(3000), rng.integers(1, 6, 3000))
    share = np.array([4948, 13861, 10585, 8497, 7458, 6882, 5727, 5595, 5045, 4659])
    return rng.choice(10, len(photos), p=share / share.sum()), photos


def share_of_classes(labels: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.bincount(labels[chosen], minlength=10) / np.bincount(labels, minlength=10)


@pytest.mark.parametrize("fraction", [0.13, 0.3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_class_gives_its_share(houses, seed, fraction):
    labels, photos = houses
    chosen = choose_validation(labels, photos, fraction, seed)
    counts = np.bincount(labels, minlength=10)
    assert np.abs(np.bincount(labels[chosen], minlength=10) - fraction * counts).max() <= 2


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_large_blocks_give_nearly_their_share(houses, seed):
    labels, _ = houses
    chosen = choose_validation(labels, np.arange(len(labels)) // 25, 0.13, seed)
    assert chosen.mean() == pytest.approx(0.13, abs=0.002)
    np.testing.assert_allclose(share_of_classes(labels, chosen), 0.13, atol=0.025)


def test_no_photo_is_on_both_sides(houses):
    labels, photos = houses
    chosen = choose_validation(labels, photos, 0.13, 0)
    assert not set(photos[chosen]) & set(photos[~chosen])


def test_the_split_depends_on_the_seed_only(houses):
    labels, photos = houses
    first, again, other = (choose_validation(labels, photos, 0.13, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
def test_impossible_fractions_are_refused(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        choose_validation(np.zeros(3, int), np.arange(3), fraction, 0)
