import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.commands import cli
from svhn.crops import crop_digit, crop_square
from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.figures import draw_explanations
from svhn.jobs.single import explain_photo
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.classifier import to_batch
from svhn.torch_inpaint.removal.config import FillConfig, KeyPixelConfig, RemovalConfig, SeedConfig
from svhn.torch_inpaint.removal.explain import explain_removal, output_gradient
from svhn.torch_inpaint.removal.fills.reference import BINS

ROOT = Path(__file__).parents[3]
BOOLEAN = {"key_pixels", "mask", "reference_key_pixels"}
COLOURED = {"photo", "fill", "result", "gray"}
AT_WORKING_SCALE = {
    "map_mean",
    "map_std",
    "map_mean_minus_std",
    "gray",
    "gradient",
    "evidence",
    "reference_key_pixels",
    "fill",
}


def check(one, photo):
    pictures = one.pictures
    height, width = pictures["photo"].shape[:2]
    small = pictures["map_mean"].shape
    for name, picture in pictures.items():
        assert picture.shape[:2] == (small if name in AT_WORKING_SCALE else (height, width)), name
        assert picture.dtype == (bool if name in BOOLEAN else np.uint8 if name in COLOURED else np.float32), name
    for box in one.boxes:
        assert box.clip(width, height) == box
    outside = ~pictures["mask"]
    np.testing.assert_array_equal(pictures["result"][outside], pictures["photo"][outside])
    assert (pictures["mask"] & pictures["key_pixels"]).sum() < 0.5 * pictures["mask"].sum()
    difference = pictures["map_mean_minus_std"].astype(float)
    assert len(one.histogram[0]) == BINS
    assert pictures["reference_key_pixels"].sum() == np.histogram(difference, BINS)[0].max() == one.histogram[0].max()
    assert pictures["evidence"].min() >= 0 and pictures["evidence"].max() <= 1


def test_pictures_of_every_number(remover, rendered):
    for sample in rendered[:5]:
        before = sample.photo.copy()
        found = explain_removal(remover, sample.photo, sample.digits)
        np.testing.assert_array_equal(sample.photo, before)
        result = remover.remove(sample.photo, sample.digits)
        assert [one.report.boxes for one in found] == [number.boxes for number in result.numbers]
        for one in found:
            check(one, sample.photo)


def test_a_digit_that_fills_its_photo_is_explained(remover):
    photo = np.random.default_rng(0).integers(0, 255, (12, 9, 3), np.uint8)
    (one,) = explain_removal(remover, photo, [Box(0, 0, 9, 12)])
    assert one.boxes == (Box(0, 0, 9, 12),) and one.pictures["photo"].shape == photo.shape


def test_key_pixels_are_found_once(remover, rendered, monkeypatch):
    """What is shown is what the removal used: nothing is looked at or filled a second time."""
    sample, asked = rendered[0], []
    find = remover._find_key_pixels
    monkeypatch.setattr(remover, "_find_key_pixels", lambda *parts: asked.append(parts) or find(*parts))
    found = explain_removal(remover, sample.photo, sample.digits)
    assert len(asked) == len(found)


def test_large_digits_are_shown_at_both_scales(remover, large):
    (one, *_) = explain_removal(remover, large.photo, large.digits)
    check(one, large.photo)
    assert one.pictures["fill"].shape[0] < one.pictures["photo"].shape[0] / 2


def test_the_fill_is_what_the_result_is_made_of(remover, rendered):
    sample = next(sample for sample in rendered if all(digit.box.height < 48 for digit in sample.digits))
    for one in explain_removal(remover, sample.photo, sample.digits):
        mask = one.pictures["mask"]
        assert one.pictures["fill"].shape == one.pictures["result"].shape
        assert np.abs(one.pictures["fill"][mask].astype(int) - one.pictures["result"][mask]).mean() < 6


def test_inspecting_shows_what_removing_uses(remover, rendered):
    sample = rendered[0]
    seen, result = remover.inspect(sample.photo, sample.digits), remover.remove(sample.photo, sample.digits)
    assert len(seen) == len(result.numbers)
    for one in seen:
        assert one.map_mean.shape == one.map_std.shape == one.keys.mask.shape == one.region.pixels.shape[:2]
        assert one.map_mean.dtype == one.map_std.dtype == np.float32


def test_without_a_segmenter_the_evidence_is_shown(rendered, tmp_path):
    config = RemovalConfig(key_pixels=KeyPixelConfig("evidence"))
    remover = DigitRemover.from_checkpoint(device="cpu", config=config)
    found = explain_removal(remover, rendered[0].photo, rendered[0].digits)
    assert all(one.evidence == "ink evidence" and one.threshold == config.key_pixels.evidence for one in found)
    assert all(not (one.pictures["mask"] & one.pictures["key_pixels"]).any() for one in found)
    draw_explanations(found, "house.png").savefig(tmp_path / "figure.png")


def test_the_command_writes_one_figure_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["explain", str(ROOT / "samples" / "house-1.png"), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert result.output == "explain-house-1.png: written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["explain-house-1.png"]
    with Image.open("explain-house-1.png") as image:
        assert image.width == 1600 and image.height > 400


def test_boxes_and_output_can_be_given(remover, tmp_path):
    photo = tmp_path / "photos" / "house.png"
    photo.parent.mkdir()
    shutil.copyfile(ROOT / "samples" / "house-1.png", photo)
    write_coco(tmp_path / "mine.json", {"house.png": (480, 360, [DigitBox(Box(150, 100, 210, 220), 4)])})
    explain_photo(photo, remover, tmp_path / "new" / "figure.svg", tmp_path / "mine.json")
    assert (tmp_path / "new" / "figure.svg").read_text().lstrip().startswith("<?xml")
    assert [path.name for path in photo.parent.iterdir()] == ["house.png"]


@pytest.mark.parametrize(
    "name, output, words",
    [
        ("missing.png", "out.png", "no such photo"),
        ("none.png", "out.png", "no digits listed"),
        ("far.png", "out.png", "outside"),
        ("house.png", "out.txt", ".png"),
        ("house.png", "house.png", "overwrite"),
    ],
)
def test_errors_say_what_is_wrong_and_nothing_is_written(remover, tmp_path, name, output, words):
    for stem in ("house", "none", "far"):
        Image.new("RGB", (60, 40)).save(tmp_path / f"{stem}.png")
    digits = {
        "house.png": [DigitBox(Box(10, 10, 20, 30), 1)],
        "none.png": [],
        "far.png": [DigitBox(Box(70, 0, 80, 20), 1)],
    }
    write_coco(tmp_path / "boxes.json", {key: (60, 40, value) for key, value in digits.items()})
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=words):
        explain_photo(tmp_path / name, remover, tmp_path / output)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_gradient_of_the_answer_is_that_of_the_logits(remover, rendered):
    """Where the gradient is positive, brighter pixels raise the digit that is read."""
    sample = rendered[0]
    digit = sample.digits[0].box
    whole = Box(0, 0, sample.photo.shape[1], sample.photo.shape[0])
    gradient = output_gradient(remover, sample.photo, [digit], whole)
    outside = np.ones(gradient.shape, bool)
    outside[crop_square(digit).clip(*gradient.shape[::-1]).slices] = False
    assert np.abs(gradient).max() > 0 and not gradient[outside].any()
    net = remover.classifier.net

    def logit(photo):
        return net(to_batch(crop_digit(photo, digit)[None], remover.classifier.preprocessing))[0]

    read = int(logit(sample.photo).argmax())
    change = 12 * gradient / np.abs(gradient).max()
    changed = np.clip(sample.photo + change[..., None], 0, 255).round().astype(np.uint8)
    assert logit(changed)[read] > logit(sample.photo)[read]


def test_the_reference_network_has_its_own_settings_and_says_so(rendered):
    sample = rendered[0]
    settings = {"rounds": 1, "epochs": 5, "round_epochs": 1}
    results = {}
    for own in (SeedConfig(**settings), SeedConfig(sigma=6, every=5, **settings)):
        config = RemovalConfig(fill=FillConfig("grnn-seed", grain=0.0, reference=own), rounds=0)
        found = explain_removal(DigitRemover.from_checkpoint(device="cpu", config=config), sample.photo, sample.digits)
        results[found[0].fill] = found[0]
    assert list(results) == ["grnn-seed, sigma 1.8, every 3", "grnn-seed, sigma 6, every 5"]
    first, second = (one.pictures["fill"] for one in results.values())
    assert (first != second).any()
    one = results["grnn-seed, sigma 6, every 5"]
    assert len(one.maps) == 48 and one.digits[0].shape == one.digits[1].shape == (len(one.boxes), 64, 64, 3)
    assert (one.parents[0] == sample.photo).all() and (one.parents[1] != sample.photo).any()
