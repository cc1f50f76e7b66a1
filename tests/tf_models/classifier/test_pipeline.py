import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import tensorflow as tf

from svhn.crops import LUMINANCE, to_gray
from svhn.data.augmentation import AUGMENTATION
from svhn.data.prepared import Split
from svhn.errors import InputError
from svhn.tf_models.classifier.augment import _blur, _cutout, _mean_colour, _move, augment, mix_colours
from svhn.tf_models.classifier.config import TrainConfig
from svhn.tf_models.classifier.pipeline import training_batches

COUNT = 103  # no multiple of the batch: epochs end inside a batch
MIX = {"train": 0.4, "pseudo": 0.3, "synthetic": 0.2, "copy_paste": 0.1}


def numbered(count: int = COUNT, label: int | None = None) -> Split:
    """Every picture tells its own number: picture i is flat with the value i, its label is i % 10 (or `label`)."""
    rgb = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, 8, 8, 3))
    labels = np.arange(count) % 10 if label is None else np.full(count, label)
    return Split(rgb, to_gray(rgb), labels, np.arange(count))


def batches(split: Split | dict, stop: int, start: int = 0, channels: int = 1, **settings):
    """Return the images (iterations, batch, H, W, C) and the labels (iterations, batch)."""
    config = TrainConfig(**({"batch_size": 16, "augmentation": False} | settings))
    splits = split if isinstance(split, dict) else {"train": split}
    rows = list(training_batches(splits, config, channels, start, stop).as_numpy_iterator())
    return np.array([images for images, _ in rows]), np.array([labels for _, labels in rows])


def numbers(images: np.ndarray) -> np.ndarray:
    return images[..., 0, 0, 0].astype(int)


def epochs(images: np.ndarray, count: int = COUNT) -> np.ndarray:
    """Return the numbers of the pictures, one row per complete epoch."""
    seen = numbers(images).reshape(-1)
    return seen[: len(seen) // count * count].reshape(-1, count)


def test_every_epoch_visits_each_image_once_in_an_order_of_its_own():
    orders = epochs(batches(numbered(), 40)[0])
    assert len(orders) == 6
    for order in orders:
        assert sorted(order) == list(range(COUNT))
    for before, after in pairwise(orders):
        assert (before == after).mean() < 0.1
    assert (orders[0] == np.arange(COUNT)).mean() < 0.1


@pytest.mark.parametrize("count", [1, 2, 5, 64])
def test_small_sets_are_visited_in_full_too(count):
    for order in epochs(batches(numbered(count), 12)[0], count):
        assert sorted(order) == list(range(count))


def test_labels_stay_with_their_images():
    images, labels = batches(numbered(), 20)
    np.testing.assert_array_equal(numbers(images) % 10, labels)
    assert labels.dtype == np.int64


@pytest.mark.parametrize("size, counts", [(64, (26, 19, 13, 6)), (96, (38, 29, 19, 10)), (10, (4, 3, 2, 1))])
def test_every_batch_holds_the_shares_of_the_mix(size, counts):
    splits = {name: numbered(label=place) for place, name in enumerate(MIX)}
    _, labels = batches(splits, 20, batch_size=size, mix=MIX)
    for place, count in enumerate(counts):
        assert ((labels == place).sum(axis=1) == count).all()
    assert TrainConfig(batch_size=size, mix=MIX).counts == dict(zip(MIX, counts, strict=True))


def test_every_split_of_the_mix_has_epochs_and_orders_of_its_own():
    splits = {"train": numbered(40, label=0), "synthetic": numbered(40, label=1)}
    images, labels = batches(splits, 20, mix={"train": 3, "synthetic": 1})
    orders = [epochs(images[labels == place], 40) for place in (0, 1)]
    assert [len(order) for order in orders] == [6, 2]
    for order in np.concatenate(orders):
        assert sorted(order) == list(range(40))
    assert (orders[0][0] == orders[1][0]).mean() < 0.2


def test_the_order_in_which_a_mix_is_written_does_not_matter():
    splits = {name: numbered(label=place) for place, name in enumerate(MIX)}
    there, back = (batches(splits, 3, mix=mix) for mix in (MIX, dict(reversed(MIX.items()))))
    np.testing.assert_array_equal(there[0], back[0])


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"mix": {"train": 1, "test": 1}}, "mix: expected shares of train, pseudo.*received test"),
        ({"mix": {"train": 1, "pseudo": 0}}, "a share above 0"),
        ({"mix": {}}, "a share above 0"),
        ({"mix": {"train": 1, "pseudo": 0.001}}, "a batch of 64 has no room for pseudo"),
        ({"iterations": 10, "warmup": 10}, "fewer than 10 iterations of warmup"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        TrainConfig(**settings)


def test_without_augmentation_the_pixels_are_the_file_s(tiny):
    split = dataclasses.replace(tiny["train"], labels=np.arange(300))
    images, chosen = batches(split, 19, channels=3)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, split.rgb[chosen])
    gray, _ = batches(split, 19)
    np.testing.assert_array_equal(gray[..., 0], split.gray[chosen])


@pytest.mark.parametrize("augmentation", [False, True])
@pytest.mark.parametrize("start", [1, 7, 29])
def test_a_later_start_gives_the_very_batches(start, augmentation, tiny):
    settings = {"augmentation": augmentation, "mix": {"train": 0.7, "synthetic": 0.3}, "channels": 3}
    images, labels = batches(tiny.splits, 32, **settings)
    resumed_images, resumed_labels = batches(tiny.splits, 32, start, **settings)
    np.testing.assert_array_equal(resumed_images, images[start:])
    np.testing.assert_array_equal(resumed_labels, labels[start:])


@pytest.mark.parametrize("augmentation", [False, True])
def test_seeds_differ(augmentation, tiny):
    settings = {"augmentation": augmentation, "mix": {"train": 0.7, "synthetic": 0.3}}
    runs = [batches(tiny.splits, 3, seed=seed, **settings)[0] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any(axis=(2, 3, 4)).mean() > 0.8


def test_augmentation_changes_pixels_but_not_the_order(tiny):
    split = dataclasses.replace(tiny["train"], labels=np.arange(300))
    plain, order = batches(split, 19)
    changed, changed_order = batches(split, 19, augmentation=True)
    np.testing.assert_array_equal(changed_order, order)
    assert (changed != plain).any(axis=(2, 3, 4)).all()
    assert changed.min() >= 0 and changed.max() <= 255
    assert changed.dtype == np.float32


def test_every_image_of_every_epoch_is_changed_in_its_own_way(tiny):
    same = tiny["train"].take(np.zeros(16, int))
    images = batches(same, 4, augmentation=True)[0].reshape(64, -1)
    assert len(np.unique(images, axis=0)) == 64


def colours(channels: int) -> np.ndarray:
    """2,000 pictures of one colour, each after `mix_colours`: (2000, channels)."""
    images = np.broadcast_to(np.array([10.0, 100.0, 250.0], np.float32), (2000, 4, 4, 3))
    mixed = mix_colours(tf.constant(images), channels, tf.constant([1, 2], tf.int64), AUGMENTATION).numpy()
    assert np.ptp(mixed, axis=(1, 2)).max() < 1e-3
    return mixed[:, 0, 0]


def test_colours_change_places():
    rows, counts = np.unique(np.round(colours(3)), axis=0, return_counts=True)
    assert {tuple(sorted(row)) for row in rows.tolist()} == {(10, 100, 250)} and len(rows) == 6
    as_before = counts[(rows == [10, 100, 250]).all(axis=1)].item() / 2000
    assert as_before == pytest.approx(1 - AUGMENTATION.colour_chance * 5 / 6, abs=0.04)


def test_gray_is_mixed_with_other_weights():
    values = colours(1)[:, 0]
    usual = np.array([10, 100, 250]) @ np.array(LUMINANCE)
    changed = np.abs(values - usual) > 1e-2
    assert changed.mean() == pytest.approx(AUGMENTATION.colour_chance, abs=0.04)
    assert 10 <= values.min() < 50 and 180 < values.max() <= 250


def test_blur_mixes_in_the_mean_of_the_neighbours():
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (400, 8, 8, 1)).astype(np.float32)
    blurred = _blur(tf.constant(images), tf.constant([1, 2], tf.int64), AUGMENTATION).numpy()
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    inside = np.pad(np.ones((8, 8)), 1)
    windows = [(slice(y, y + 8), slice(x, x + 8)) for y in range(3) for x in range(3)]
    sums = sum(padded[:, rows, columns] for rows, columns in windows)
    mean = sums / sum(inside[window] for window in windows)[..., None]
    direction = (mean - images).reshape(400, -1)
    weights = ((blurred - images).reshape(400, -1) * direction).sum(axis=1) / (direction**2).sum(axis=1)
    np.testing.assert_allclose((blurred - images).reshape(400, -1), weights[:, None] * direction, atol=1e-2)
    assert (np.abs(weights) > 1e-3).mean() == pytest.approx(AUGMENTATION.blur_chance, abs=0.08)
    assert -AUGMENTATION.blur / 2 <= weights.min() < -0.3 and 0.7 < weights.max() <= AUGMENTATION.blur


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


def test_what_motion_brings_into_view_is_what_is_there():
    """A wide picture of its own coordinates: no border is repeated, and the middle stays the middle."""
    y, x = np.mgrid[:48, :48].astype(np.float32)
    images = tf.constant(np.broadcast_to(np.stack([x, y], axis=-1), (500, 48, 48, 2)))
    moved = _move(images, tf.constant([3, 4], tf.int64), AUGMENTATION, 32).numpy()
    assert moved.shape == (500, 32, 32, 2)
    steps = np.abs(np.diff(moved, axis=2)).sum(axis=3)
    assert (steps[:, 4:-4, :] > 0.5).mean() > 0.999
    assert np.abs(moved[:, 15:17, 15:17].mean(axis=(1, 2)) - 23.5).max() <= 32 * AUGMENTATION.shift + 0.5


def test_wide_crops_are_moved_where_all_splits_have_them():
    """Their margins are white here and their middles black."""
    wide = np.full((20, 48, 48, 3), 255, np.uint8)
    wide[:, 8:40, 8:40] = 0
    split = Split.of_wide(wide, np.arange(20) % 10, np.arange(20))
    plain = Split(split.rgb, split.gray, split.labels, split.photos)
    settings = {"augmentation": True, "batch_size": 20}
    with_margin, without = (batches(one, 4, **settings)[0] for one in (split, plain))
    assert with_margin.shape == without.shape == (4, 20, 32, 32, 1)
    assert (np.ptp(with_margin, axis=(2, 3)) > 100).mean() > 0.5
    assert (np.ptp(without, axis=(2, 3)) < 1).all()
    mixed = batches({"train": split, "pseudo": plain}, 4, mix={"train": 0.5, "pseudo": 0.5}, **settings)[0]
    assert (np.ptp(mixed, axis=(2, 3)) < 1).all()
    assert (np.ptp(batches(split, 4, batch_size=20)[0], axis=(2, 3)) == 0).all()  # no augmentation, no margin


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
    mean = _mean_colour(tf.constant(images))
    np.testing.assert_allclose(mean, images.mean(axis=(1, 2), keepdims=True), rtol=1e-5)
    cut = _cutout(tf.constant(images), mean, tf.constant([1, 2], tf.int64), AUGMENTATION).numpy()
    changed = (cut != images).any(axis=-1)
    assert changed.any(axis=(1, 2)).mean() == pytest.approx(AUGMENTATION.cutout_chance, abs=0.08)
    side = round(AUGMENTATION.cutout * 32)
    assert changed.sum(axis=1).max() <= side and changed.sum(axis=2).max() <= side
    np.testing.assert_allclose(cut[changed], np.broadcast_to(mean, images.shape)[changed], atol=0.01)
