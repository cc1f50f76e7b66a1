from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from svhn.data.augmentation import AUGMENTATION
from svhn.tf_models.pipeline import _cutout, _move, augment, training_batches

COUNT = 103  # no multiple of the batch: epochs end inside a batch


@pytest.fixture(scope="module")
def numbered() -> tuple[np.ndarray, np.ndarray]:
    """Every picture tells its own number: image i is flat with the value i, its label is i % 10."""
    images = np.broadcast_to(np.arange(COUNT, dtype=np.uint8)[:, None, None, None], (COUNT, 8, 8, 1))
    return np.ascontiguousarray(images), np.arange(COUNT) % 10


def batches(data, stop: int, start: int = 0, seed: int = 0, augmentation: bool = False, batch: int = 16):
    """Return the images (iterations, batch, H, W, C) and the labels (iterations, batch)."""
    rows = list(training_batches(*data, batch, seed, start, stop, augmentation).as_numpy_iterator())
    return np.array([images for images, _ in rows]), np.array([labels for _, labels in rows])


def epochs(images: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Return the numbers of the pictures, one row per complete epoch."""
    numbers = images[..., 0, 0, 0].reshape(-1).astype(int)
    return numbers[: len(numbers) // count * count].reshape(-1, count)


def test_every_epoch_visits_each_image_once_in_an_order_of_its_own(numbered):
    orders = epochs(batches(numbered, 40)[0])
    assert len(orders) == 6
    for order in orders:
        assert sorted(order) == list(range(COUNT))
    for before, after in pairwise(orders):
        assert (before == after).mean() < 0.1
    assert (orders[0] == np.arange(COUNT)).mean() < 0.1


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_small_sets_are_visited_in_full_too(count, numbered):
    images, labels = numbered
    for order in epochs(batches((images[:count], labels[:count]), 12)[0], count):
        assert sorted(order) == list(range(count))


def test_labels_stay_with_their_images(numbered):
    images, labels = batches(numbered, 20)
    np.testing.assert_array_equal(images[..., 0, 0, 0] % 10, labels)
    assert labels.dtype == np.int64


def test_without_augmentation_the_pixels_are_the_file_s(tiny):
    split = tiny["train"]
    images, chosen = batches((split.rgb, np.arange(len(split))), 19)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, split.rgb[chosen])


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("start", [1, 7, 29])
def test_a_later_start_gives_the_very_batches(start, augmentation, tiny):
    data = tiny["train"].gray[..., None], tiny["train"].labels
    images, labels = batches(data, 32, augmentation=augmentation)
    resumed_images, resumed_labels = batches(data, 32, start=start, augmentation=augmentation)
    np.testing.assert_array_equal(resumed_images, images[start:])
    np.testing.assert_array_equal(resumed_labels, labels[start:])


@pytest.mark.parametrize("augmentation", [False, True])
def test_seeds_differ(augmentation, tiny):
    data = tiny["train"].gray[..., None], tiny["train"].labels
    runs = [batches(data, 3, seed=seed, augmentation=augmentation)[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_augmentation_changes_pixels_but_not_the_order(tiny):
    data = tiny["train"].gray[..., None], np.arange(300)
    plain, order = batches(data, 19)
    changed, changed_order = batches(data, 19, augmentation=True)
    np.testing.assert_array_equal(changed_order, order)
    assert (changed != plain).any(axis=(2, 3, 4)).all()
    assert changed.min() >= 0 and changed.max() <= 255
    assert changed.dtype == np.float32


def test_every_image_of_every_epoch_is_changed_in_its_own_way(tiny):
    same = np.repeat(tiny["train"].gray[:1, ..., None], 16, axis=0), np.zeros(16, np.int64)
    images = batches(same, 4, augmentation=True)[0].reshape(64, -1)
    assert len(np.unique(images, axis=0)) == 64


def test_extreme_pixels_stay_in_range():
    images = tf.constant(np.random.default_rng(0).choice([0.0, 255.0], (256, 32, 32, 3)).astype(np.float32))
    changed = augment(images, tf.constant([0, 0], tf.int64), AUGMENTATION).numpy()
    assert changed.min() >= 0 and changed.max() <= 255


def test_motion_never_flips_and_keeps_to_its_ranges():
    """A picture of its own coordinates shows where each pixel comes from: the map's derivative at the middle."""
    y, x = np.mgrid[:32, :32].astype(np.float32)
    images = tf.constant(np.broadcast_to(np.stack([x, y], axis=-1), (2000, 32, 32, 2)))
    moved = _move(images, tf.constant([3, 4], tf.int64), AUGMENTATION).numpy()
    across, down = moved[:, 15, 16] - moved[:, 15, 15], moved[:, 16, 15] - moved[:, 15, 15]  # (N, 2): source x, y
    determinant = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
    assert (determinant > 0).all()
    assert np.abs(np.log(determinant)).max() <= 2 * AUGMENTATION.log_scale + 1e-3
    angle, scale = np.arctan2(across[:, 1], across[:, 0]), np.hypot(*across.T)
    middle = moved[:, 15:17, 15:17].mean(axis=(1, 2)) - 15.5
    for values, largest in (
        (angle, AUGMENTATION.rotation),
        (np.log(scale), AUGMENTATION.log_scale),
        (middle[:, 0], 32 * AUGMENTATION.shift),
        (middle[:, 1], 32 * AUGMENTATION.shift),
    ):
        assert np.abs(values).max() == pytest.approx(largest, rel=0.02)
        assert abs(values.mean()) < 0.1 * largest


def test_a_seven_stays_a_seven():
    """The whole augmentation, as if by eye: what comes out is nearer to the 7 than to its mirror images."""
    seven = np.full((32, 32), 60.0, np.float32)
    seven[6:10, 8:24] = seven[10:27, 20:24] = 200
    images = tf.constant(np.broadcast_to(seven[..., None], (500, 32, 32, 1)))
    changed = augment(images, tf.constant([0, 1], tf.int64), AUGMENTATION).numpy()[..., 0]
    likeness = {name: best_correlation(changed, image) for name, image in mirrored(seven).items()}
    upright = likeness.pop("upright")
    for name, other in likeness.items():
        assert (upright > other).mean() > 0.99, name


def mirrored(image: np.ndarray) -> dict[str, np.ndarray]:
    return {"upright": image, "left-right": image[:, ::-1], "upside down": image[::-1], "turned": image[::-1, ::-1]}


def best_correlation(images: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Return the largest absolute correlation of each image with the template over shifts of up to 4 pixels."""
    shifts = [np.roll(template, (dy, dx), (0, 1)) for dy in range(-4, 5) for dx in range(-4, 5)]
    return np.abs(standardised(images) @ standardised(np.array(shifts)).T).max(axis=1) / template.size


def standardised(images: np.ndarray) -> np.ndarray:
    flat = images.reshape(len(images), -1)
    return (flat - flat.mean(axis=1, keepdims=True)) / flat.std(axis=1, keepdims=True)


def test_inversion_happens_to_half_of_the_images():
    images = tf.constant(np.broadcast_to(np.linspace(60, 200, 32, dtype=np.float32)[:, None], (1000, 32, 32, 1)))
    changed = augment(images, tf.constant([5, 6], tf.int64), AUGMENTATION).numpy()[..., 0]
    falling = changed[:, :4].mean(axis=(1, 2)) > changed[:, -4:].mean(axis=(1, 2))
    assert falling.mean() == pytest.approx(AUGMENTATION.inversion_chance, abs=0.05)


def test_cutout_paints_a_square_in_the_mean_colour_of_its_image():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (400, 32, 32, 3)).astype(np.float32)
    cut = _cutout(tf.constant(images), tf.constant([1, 2], tf.int64), AUGMENTATION).numpy()
    changed = (cut != images).any(axis=-1)
    assert changed.any(axis=(1, 2)).mean() == pytest.approx(AUGMENTATION.cutout_chance, abs=0.08)
    side = round(AUGMENTATION.cutout * 32)
    assert changed.sum(axis=1).max() <= side and changed.sum(axis=2).max() <= side
    mean = np.broadcast_to(images.mean(axis=(1, 2), keepdims=True), images.shape)
    np.testing.assert_allclose(cut[changed], mean[changed], atol=0.01)
