import copy
import dataclasses
import io
import warnings

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.errors import InputError
from svhn.metrics import psnr
from svhn.photos.photo import read_rgb
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal.config import FillConfig, KeyPixelConfig, RemovalConfig
from svhn.torch_inpaint.removal.remover import UnmatchedNetworks


def test_outside_the_mask_nothing_changes_and_inputs_stay(remover, rendered):
    for sample in rendered[:10]:
        before = sample.photo.copy()
        result = remover.remove(sample.photo, sample.digits)
        np.testing.assert_array_equal(sample.photo, before)
        np.testing.assert_array_equal(result.image[~result.mask], before[~result.mask])
        assert result.image.dtype == np.uint8 and result.mask.dtype == bool and result.key_pixels.dtype == bool
        assert result.mask.shape == result.key_pixels.shape == before.shape[:2]
        assert (result.mask & result.key_pixels).sum() < 0.5 * result.mask.sum() or not result.mask.any()


def test_the_result_is_far_closer_to_the_clean_scene_than_the_photo(remover, rendered):
    gains = []
    for sample in rendered:
        result = remover.remove(sample.photo, sample.digits)
        gains.append(psnr(result.image, sample.clean, sample.mask) - psnr(sample.photo, sample.clean, sample.mask))
    assert np.median(gains) > 8
    assert np.mean(np.array(gains) > 0) > 0.9


def test_a_segmenter_that_learned_from_another_classifier_is_warned_of():
    own = DigitRemover.from_checkpoint(device="cpu").classifier
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DigitRemover(own)
        other = dataclasses.replace(own, net=copy.deepcopy(own.net))
        other.net.first_conv.weight.mul_(1.01)
        DigitRemover(other, RemovalConfig(key_pixels=KeyPixelConfig("evidence")))
    with pytest.warns(UnmatchedNetworks, match="torch-segmenter has learned from another classifier"):
        DigitRemover(other)


def test_rendered_photos_lose_nearly_all_their_ink(remover, rendered):
    shares = []
    for sample in rendered:
        mask = remover.remove(sample.photo, sample.digits).mask
        ink = np.abs(sample.photo.astype(int) - sample.clean).max(axis=2) > 25
        if ink.any():
            shares.append((mask & ink).sum() / ink.sum())
    assert np.mean(shares) > 0.985
    assert np.mean(np.array(shares) < 0.95) < 0.07


def test_a_batch_equals_its_photos(remover, rendered):
    samples = rendered[:6]
    together = remover.remove_batch([sample.photo for sample in samples], [sample.digits for sample in samples])
    for sample, result in zip(samples, together, strict=True):
        alone = remover.remove(sample.photo, sample.digits)
        np.testing.assert_array_equal(result.mask, alone.mask)
        assert np.abs(result.image.astype(int) - alone.image).max() <= 1


def test_the_report_says_what_was_read(remover, rendered):
    sample = next(sample for sample in rendered if len(sample.digits) == 2)
    (number,) = remover.remove(sample.photo, sample.digits).numbers
    assert len(number.before.text) == len(number.after.text) == len(number.boxes) == 2
    assert all(0 <= value <= 1 for value in (*number.before.confidences, *number.after.confidences))
    assert number.boxes == tuple(digit.box for digit in sample.digits)


def test_rendered_digits_are_hardly_read_any_more(remover, rendered):
    still, count = 0, 0
    for sample in rendered:
        for number in remover.remove(sample.photo, sample.digits).numbers:
            still += number.legible
            count += 1
    assert still <= 0.1 * count


def test_what_a_further_reader_still_reads_is_widened_and_reported(remover, rendered):
    sample = rendered[0]
    asked = []

    def stubborn(image, boxes):
        asked.append(image.copy())
        return np.array([digit.label for digit in sample.digits]), np.full(len(boxes), 0.99)

    strict = DigitRemover(remover.classifier, remover.config, [stubborn]).remove(sample.photo, sample.digits)
    (number,) = strict.numbers
    assert number.legible and number.rounds == remover.config.rounds
    assert number.after.text == number.before.text == "".join(str(digit.label) for digit in sample.digits)
    for box in number.boxes:
        assert strict.mask[box.slices].all()
    np.testing.assert_array_equal(asked[0], sample.photo)
    np.testing.assert_array_equal(asked[-1], strict.image)
    assert len(asked) == remover.config.rounds + 2


def test_a_further_reader_that_reads_nothing_changes_nothing(remover, rendered):
    sample = rendered[0]
    blind = DigitRemover(remover.classifier, remover.config, [lambda image, boxes: np.zeros((2, len(boxes)))])
    result, plain = (each.remove(sample.photo, sample.digits) for each in (blind, remover))
    np.testing.assert_array_equal(result.image, plain.image)
    assert [number.before for number in result.numbers] == [number.before for number in plain.numbers]


def test_the_reference_fill_can_be_chosen(remover, rendered):
    sample = rendered[3]
    seed = DigitRemover(remover.classifier, RemovalConfig(fill=FillConfig(method="grnn-seed"), rounds=0))
    image = seed.remove(sample.photo, sample.digits).image
    assert psnr(image, sample.clean, sample.mask) > psnr(sample.photo, sample.clean, sample.mask) + 3
    assert (image != remover.remove(sample.photo, sample.digits).image).any()


@pytest.mark.parametrize("settings", [FillConfig, KeyPixelConfig])
def test_unknown_methods_are_named(settings):
    with pytest.raises(InputError, match=r"method: expected one of .*, received 'magic'"):
        settings(method="magic")


def test_no_boxes_and_boxes_outside_leave_the_photo_alone(remover, rendered):
    photo = rendered[0].photo
    for boxes in ([], [Box(-50, -50, -10, -10)], [Box(5000, 5000, 5010, 5020)]):
        result = remover.remove(photo, boxes)
        np.testing.assert_array_equal(result.image, photo)
        assert not result.mask.any() and result.numbers == ()


def test_boxes_over_the_edge_are_clipped(remover, rendered):
    photo = rendered[0].photo
    height, width = photo.shape[:2]
    result = remover.remove(
        photo, [Box(width - 12, -4, width + 9, 25), DigitBox(Box(-3, height - 14, 9, height + 8), 3)]
    )
    assert result.mask[:20, -10:].any() and result.mask[-10:, :8].any()


@pytest.mark.parametrize("shape", [(6, 5), (12, 9), (31, 15)])
def test_tiny_photos_that_are_all_digit(remover, shape):
    photo = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    result = remover.remove(photo, [Box(0, 0, shape[1], shape[0])])
    assert result.image.shape == photo.shape and result.mask.any()


def test_large_digits_are_removed_without_a_trace_of_the_working_scale(remover, large):
    result = remover.remove(large.photo, large.digits)
    ink = np.abs(large.photo.astype(int) - large.clean).max(axis=2) > 25
    assert (result.mask & ink).sum() > 0.98 * ink.sum()
    assert psnr(result.image, large.clean, large.mask) > psnr(large.photo, large.clean, large.mask) + 8


def test_wrong_photos_are_refused(remover):
    for photo in (np.zeros(5, np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((5, 5, 2), np.uint8), None):
        with pytest.raises(ValueError, match="uint8"):
            remover.remove(photo, [])


def test_the_package_names_are_there_and_nothing_else():
    import svhn.torch_inpaint as package

    assert package.DigitRemover is DigitRemover
    with pytest.raises(AttributeError):
        package.nothing  # noqa: B018


@pytest.mark.cuda
def test_cuda_gives_the_same_pictures(rendered):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_cpu, on_cuda = (DigitRemover.from_checkpoint(device=device) for device in ("cpu", "cuda"))
    for sample in rendered[:5]:
        difference = on_cpu.remove(sample.photo, sample.digits).image.astype(int) - on_cuda.remove(
            sample.photo, sample.digits
        ).image.astype(int)
        assert np.abs(difference).mean() < 0.05


def test_large_digits_of_a_batch_are_removed_as_if_alone(remover, large):
    small = with_noise(large.photo[::3, ::3])
    boxes = [[DigitBox(Box(*(side // 3 for side in digit.box.as_list())), digit.label) for digit in large.digits]]
    assert boxes[0][0].box.height > remover.config.work_height
    flipped = np.ascontiguousarray(small[:, ::-1])
    mirrored = [
        DigitBox(Box(small.shape[1] - d.box.right, d.box.top, small.shape[1] - d.box.left, d.box.bottom))
        for d in boxes[0]
    ]
    together = remover.remove_batch([small, flipped], [boxes[0], mirrored])
    for photo, own, result in zip((small, flipped), (boxes[0], mirrored), together, strict=True):
        alone = remover.remove(photo, own)
        np.testing.assert_array_equal(result.mask, alone.mask)
        np.testing.assert_array_equal(result.image, alone.image)


def test_only_what_is_sharp_around_a_number_is_repainted_with_patches(remover, large, monkeypatch):
    """An enlarged photo has no detail that a smaller scale loses: there, at most structure is repainted."""
    repainted = []

    def detail(picture, mask, known, soft):
        repainted.extend([] if soft else [mask.shape])
        return None if soft else picture

    monkeypatch.setattr(remover, "_detail", detail)
    remover.remove(with_noise(large.photo), large.digits)
    assert repainted
    repainted.clear()
    remover.remove(cv2.GaussianBlur(large.photo, (0, 0), 12), large.digits)
    assert not repainted


def test_only_photos_that_show_more_than_the_working_scale_get_masks_at_their_own(remover, large, monkeypatch):
    monkeypatch.setattr(remover, "_detail", None)  # takes time, and comes later
    small, box = large.photo[::3, ::3], Box(*(side // 3 for side in large.digits[0].box.as_list()))
    assert box.height > remover.config.work_height
    for photo, is_fine in ((cv2.GaussianBlur(small, (0, 0), 2), False), (with_noise(small), True)):
        (_, (removal,)), *_ = remover.trace_batch([photo], [[box]])
        assert (removal.fine is not None) == is_fine


def with_noise(photo):
    """Give a rendered photo, which is soft, the detail of a sharp one."""
    noise = np.random.default_rng(0).normal(0, 12, photo.shape[:2])[..., None]
    return np.clip(photo + noise, 0, 255).astype(np.uint8)


def test_photos_in_other_forms_give_the_same(remover, rendered):
    sample = rendered[0]
    expected = remover.remove(sample.photo, sample.digits)
    opaque = np.dstack([sample.photo, np.full(sample.photo.shape[:2], 255, np.uint8)])
    boxes = [digit.box.as_list() for digit in sample.digits]
    for photo, given in (
        (Image.fromarray(sample.photo), boxes),
        (opaque, np.array(boxes)),
        (sample.photo, map(tuple, boxes)),
    ):
        np.testing.assert_array_equal(remover.remove(photo, list(given)).mask, expected.mask)


def test_a_result_shows_itself(remover, rendered, tmp_path, monkeypatch):
    sample = rendered[0]
    result = remover.remove(sample.photo, sample.digits)
    text = repr(result)
    assert len(text) < 200 and result.numbers[0].before.text in text and str(sample.photo.shape[1]) in text
    height, width = sample.photo.shape[:2]
    shown = np.array(Image.open(io.BytesIO(result._repr_png_())))
    np.testing.assert_array_equal(shown[:, :width], sample.photo)
    np.testing.assert_array_equal(shown[:, -width:], result.image)
    middle = shown[:, width + 8 : -width - 8]
    assert ((middle != sample.photo).any(axis=2) == result.mask).mean() > 0.99
    result.save(tmp_path / "after.png")
    np.testing.assert_array_equal(read_rgb(tmp_path / "after.png"), result.image)
    opened = []
    monkeypatch.setattr(Image.Image, "show", lambda image: opened.append(image.size))
    result.show()
    assert opened == [(3 * width + 16, height)]
