import numpy as np
import pytest
import torch

from svhn.boxes import Box, DigitBox
from svhn.errors import InputError
from svhn.metrics import psnr
from svhn.torch_inpaint import DigitRemover, inpaint
from svhn.torch_inpaint.removal.composite import composite, cut_region, enlarge_mask, grain_like
from svhn.torch_inpaint.removal.config import FillConfig, KeyPixelConfig, RemovalConfig


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
        return [(digit.label, 0.99) for digit in sample.digits]

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
    blind = DigitRemover(remover.classifier, remover.config, [lambda image, boxes: [(0, 0.0)] * len(boxes)])
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
    for photo in (np.zeros((5, 5), np.uint8), np.zeros((5, 5, 3), np.float32), np.zeros((5, 5, 4), np.uint8), None):
        with pytest.raises(ValueError, match="uint8"):
            remover.remove(photo, [])


def test_inpaint_fills_the_callers_mask(rendered):
    sample = rendered[1]
    image = inpaint(sample.photo, sample.mask, device="cpu")
    np.testing.assert_array_equal(image[~sample.mask], sample.photo[~sample.mask])
    assert psnr(image, sample.clean, sample.mask) > psnr(sample.photo, sample.clean, sample.mask) + 5


def test_inpaint_of_an_empty_mask_is_the_photo(rendered):
    photo = rendered[0].photo
    np.testing.assert_array_equal(inpaint(photo, np.zeros(photo.shape[:2], bool), device="cpu"), photo)


def test_inpaint_of_a_large_hole_has_no_seam():
    """A ramp with a hole of 200 pixels: enlarged from the working scale, it must still meet its surroundings."""
    ramp = np.broadcast_to(np.linspace(20, 230, 400)[None, :, None], (300, 400, 3)).astype(np.uint8)
    mask = np.zeros((300, 400), bool)
    mask[50:250, 120:320] = True
    image = inpaint(ramp, mask, RemovalConfig(fill=FillConfig(grain=0)), device="cpu").astype(int)
    assert np.abs(image - ramp)[mask].mean() < 6
    assert np.abs(image[:, 120] - image[:, 119])[50:250].mean() < 4


def test_inpaint_of_a_long_thin_scratch_is_not_done_at_a_coarse_scale():
    y, x = np.mgrid[:500, :700]
    stripes = (128 + 100 * np.sin(x / 4.0))[..., None].repeat(3, axis=2).astype(np.uint8)
    mask = np.abs(y - 0.6 * x) < 4
    image = inpaint(stripes, mask, RemovalConfig(fill=FillConfig(grain=0)), device="cpu").astype(int)
    assert np.abs(image - stripes)[mask].mean() < 12


@pytest.mark.parametrize("mask", [np.zeros((4, 4), bool), np.zeros((60, 80), np.uint8), np.ones((60, 80), bool)])
def test_inpaint_refuses_wrong_masks(mask):
    with pytest.raises(ValueError, match="mask"):
        inpaint(np.zeros((60, 80, 3), np.uint8), mask)


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


def test_regions_hold_their_boxes_at_working_scale():
    photo = np.zeros((400, 600, 3), np.uint8)
    region = cut_region(0, photo, [Box(100, 50, 200, 250), Box(210, 50, 300, 250)], margin=100, scale=0.25)
    assert region.box == Box(0, 0, 400, 350)
    assert region.pixels.shape[:2] == (88, 100)
    assert all(abs(box.height - 50) <= 2 for box in region.boxes)


def test_enlarged_masks_cover_what_they_covered():
    mask = np.zeros((10, 10), bool)
    mask[4, 4] = True
    large = enlarge_mask(mask, (40, 40))
    assert large[16:20, 16:20].all() and large.sum() < 400


def test_composite_replaces_the_mask_and_nothing_else():
    photo = np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)
    image, box = photo.copy(), Box(5, 5, 15, 15)
    mask = np.zeros((10, 10), bool)
    mask[2:8, 2:8] = True
    painted = np.full((10, 10, 3), 300.0, np.float32)
    composite(image, box, photo[box.slices], painted, mask, ~mask, grain=0)
    assert (image[7:13, 7:13] == 255).all()
    image[7:13, 7:13] = photo[7:13, 7:13]
    np.testing.assert_array_equal(image, photo)


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
