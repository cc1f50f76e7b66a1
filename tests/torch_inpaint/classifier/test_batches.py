import pytest
import torch
from bars import bars, draw_bars
from torch.nn import functional

from svhn.data.augmentation import Augmentation
from svhn.torch_inpaint.classifier.adapter import resize, to_tensor
from svhn.torch_inpaint.classifier.batches import DRAWS, Batches, augment, mix_to_gray, resize_whole
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig

MIXED = ConvNetTrainConfig(batch_size=20, mix={"train": 0.75, "pseudo": 0.25}, blur=True, colour=True)


@pytest.fixture(scope="module")
def splits():
    return bars().splits


def draws(count, seed=0):
    return torch.rand((DRAWS, count), generator=torch.Generator().manual_seed(seed))


def test_an_epoch_shows_every_training_digit_once_and_the_others_in_turn(splits):
    batches = Batches(splits, MIXED, 40, "cpu")
    assert batches.per_epoch == 10  # 15 of 150 to a batch
    shown = [batches.digits(step) for step in range(3 * batches.per_epoch)]
    epochs = [torch.cat([chosen[:15] for chosen in shown[i : i + 10]]).tolist() for i in (0, 10, 20)]
    assert all(sorted(epoch) == list(range(150)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    others = torch.cat([chosen[15:] for chosen in shown]).tolist()
    assert len(others) == 150
    for i in range(0, 148, 37):  # every 37 in a row show all 37 of them
        assert sorted(others[i : i + 37]) == list(range(150, 187))


def test_the_last_batch_of_an_epoch_holds_what_is_left(splits):
    batches = Batches(splits, ConvNetTrainConfig(batch_size=32), 40, "cpu")
    assert [len(batches.digits(step)) for step in range(10)] == [32, 32, 32, 32, 22] * 2


def test_a_batch_depends_on_nothing_but_its_step(splits):
    straight, jumping = Batches(splits, MIXED, 40, "cpu"), Batches(splits, MIXED, 40, "cpu")
    expected = [straight.take(step) for step in range(25)]
    for step in (24, 3, 17, 0):
        images, labels = jumping.take(step)
        assert torch.equal(images, expected[step][0]) and torch.equal(labels, expected[step][1])
    assert not torch.equal(expected[0][0], expected[10][0])


def test_parts_make_up_the_batch(splits):
    batches = Batches(splits, MIXED, 40, "cpu")
    whole, labels = batches.take(4)
    parts = [batches.take(4, share) for share in (slice(0, 7), slice(7, 7), slice(7, 20))]
    torch.testing.assert_close(torch.cat([images for images, _ in parts]), whole, rtol=0, atol=1e-4)
    assert torch.equal(torch.cat([part for _, part in parts]), labels)


def test_without_augmentation_a_batch_is_what_the_network_sees_in_use(splits):
    config = ConvNetTrainConfig(batch_size=150, augmentation=False)
    images, labels = Batches(splits, config, 40, "cpu").take(0)
    order = Batches(splits, config, 40, "cpu").digits(0)
    expected = resize(to_tensor(splits["train"].rgb), 40)[order]
    torch.testing.assert_close(images, expected, rtol=0, atol=0.6)  # stored as whole gray levels
    assert torch.equal(labels, torch.from_numpy(splits["train"].labels)[order])


def test_other_weights_of_the_colours_change_colours_and_no_grays():
    images = resize_whole(draw_bars(6, 0).rgb, 40, colour=True)
    usual, mixed = mix_to_gray(images), mix_to_gray(images, draws(6)[:4], 1.0)
    assert usual.shape == (6, 1, 40, 40) and not torch.allclose(usual, mixed, atol=1)
    gray = usual.round().to(torch.uint8).expand(-1, 3, -1, -1)
    torch.testing.assert_close(mix_to_gray(gray, draws(6)[:4], 1.0), mix_to_gray(gray), atol=1e-3, rtol=0)
    assert torch.equal(mix_to_gray(images, draws(6)[:4], 0.0), usual)


def test_no_changes_change_nothing():
    images = torch.rand(5, 1, 40, 40) * 255
    still = Augmentation(*[0.0] * len(Augmentation.__dataclass_fields__))
    torch.testing.assert_close(augment(images, draws(5), True, still), images, atol=2e-3, rtol=0)


def test_motion_is_that_of_affine_grid():
    images = torch.rand(4, 1, 40, 30) * 255
    only_motion = Augmentation(cutout_chance=0, inversion_chance=0, blur_chance=0, log_contrast=0, brightness=0)
    random = draws(4)
    angle, shear, scale_x, scale_y, dx, dy = random[:6] * 2 - 1
    cos, sin = (only_motion.rotation * angle).cos(), (only_motion.rotation * angle).sin()
    sx, sy = (only_motion.log_scale * scale_x).exp(), (only_motion.log_scale * scale_y).exp()
    shear, zero, one = only_motion.shear * shear, torch.zeros(4), torch.ones(4)
    turn = torch.stack([cos, -sin, sin, cos], dim=1).reshape(4, 2, 2)
    lean = torch.stack([one, shear, zero, one], dim=1).reshape(4, 2, 2)
    shift = 2 * only_motion.shift * torch.stack([dx, dy], dim=1)
    matrices = torch.cat([turn @ lean @ torch.diag_embed(torch.stack([sx, sy], dim=1)), shift[..., None]], dim=2)
    grid = functional.affine_grid(matrices, list(images.shape), align_corners=False)
    expected = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(augment(images, random, True, only_motion), expected, atol=5e-3, rtol=0)


def test_blur_softens_some_and_sharpens_others():
    images = torch.rand(400, 1, 40, 40) * 60 + 100
    only_blur = Augmentation(
        0, 0, 0, 0, 0, 0, cutout_chance=0, inversion_chance=0, blur=0.9, blur_chance=0.5, colour_chance=0
    )
    spread = augment(images, draws(400), True, only_blur).std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    assert 0.4 < (spread < 0.99).float().mean() + (spread > 1.01).float().mean() < 0.6
    assert (spread < 0.6).any() and (spread > 1.1).any() and spread.max() < 1.6


def test_augmentation_keeps_range_and_never_flips():
    images = torch.zeros(200, 1, 40, 40)
    images[:, :, 12:20, 12:20] = 200  # heavier towards the upper left
    changed = augment(images, draws(200))
    assert changed.min() >= 0 and changed.max() <= 255
    inverted = changed.mean(dim=(1, 2, 3)) > 127
    assert 0.3 < inverted.float().mean() < 0.7
    changed[inverted] = 255 - changed[inverted]
    weight = changed - changed.amin(dim=(2, 3), keepdim=True)
    rows = torch.arange(40.0)[:, None]
    middle_y = (weight * rows).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    middle_x = (weight * rows.T).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))
    # A shift of 9 % cannot carry the square past the middle; a flip would, for every second image.
    assert (middle_x < 22).float().mean() > 0.98 and (middle_y < 22).float().mean() > 0.98
