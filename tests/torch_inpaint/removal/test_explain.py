import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.commands import cli
from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.jobs.removal import explain_photo
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal.config import KeyPixelConfig, RemovalConfig
from svhn.torch_inpaint.removal.explain import MOST_NUMBERS, draw, explain
from svhn.torch_inpaint.removal.reference import BINS

ROOT = Path(__file__).parents[3]
BOOLEAN = {"key_pixels", "mask", "reference_key_pixels"}
COLOURED = {"photo", "fill", "result"}
AT_WORKING_SCALE = {
    "map_mean",
    "map_std",
    "map_mean_minus_std",
    "gradient",
    "evidence",
    "reference_key_pixels",
    "fill",
}


@pytest.fixture(scope="module")
def street(rendered):
    """One photo with several numbers, far below each other, and all their digits."""
    samples = rendered[: MOST_NUMBERS + 2]
    width = max(sample.photo.shape[1] for sample in samples)
    photos, digits, top = [], [], 0
    for sample in samples:
        height = sample.photo.shape[0]
        photos.append(np.pad(sample.photo, ((0, height), (0, width - sample.photo.shape[1]), (0, 0)), mode="edge"))
        digits += [DigitBox(digit.box.shift(0, top), digit.label) for digit in sample.digits]
        top += 2 * height
    return np.concatenate(photos), digits


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
    assert pictures["reference_key_pixels"].sum() == np.histogram(difference, BINS)[0].max()
    assert pictures["evidence"].min() >= 0 and pictures["evidence"].max() <= 1


def test_pictures_of_every_number(remover, rendered):
    for sample in rendered[:5]:
        before = sample.photo.copy()
        found = explain(remover, sample.photo, sample.digits)
        np.testing.assert_array_equal(sample.photo, before)
        result = remover.remove(sample.photo, sample.digits)
        assert [one.report.boxes for one in found] == [number.boxes for number in result.numbers]
        for one in found:
            check(one, sample.photo)


def test_large_digits_are_shown_at_both_scales(remover, large):
    (one, *_) = explain(remover, large.photo, large.digits)
    check(one, large.photo)
    assert one.pictures["fill"].shape[0] < one.pictures["photo"].shape[0] / 2


def test_the_fill_is_what_the_result_is_made_of(remover, rendered):
    sample = next(sample for sample in rendered if all(digit.box.height < 48 for digit in sample.digits))
    for one in explain(remover, sample.photo, sample.digits):
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
    found = explain(remover, rendered[0].photo, rendered[0].digits)
    assert all(one.method == "evidence" and one.threshold == config.key_pixels.evidence for one in found)
    assert all(not (one.pictures["mask"] & one.pictures["key_pixels"]).any() for one in found)
    draw(found, "house.png").savefig(tmp_path / "figure.png")


def test_the_figure_is_1600_pixels_wide_and_grows_with_the_numbers(remover, street, tmp_path):
    photo, digits = street
    found = explain(remover, photo, digits)
    assert len(found) > MOST_NUMBERS
    heights = []
    for count in (1, 2, MOST_NUMBERS, len(found)):
        draw(found[:count], "street.png").savefig(tmp_path / "figure.png")
        with Image.open(tmp_path / "figure.png") as image:
            assert image.width == 1600
            heights.append(image.height)
    assert 400 < heights[0] < 1000 and heights[0] < heights[1] < heights[2] == heights[3]


def test_a_title_with_signs_of_mathematics_and_a_digit_that_fills_its_photo(remover, tmp_path):
    photo = np.random.default_rng(0).integers(0, 255, (12, 9, 3), np.uint8)
    draw(explain(remover, photo, [Box(0, 0, 9, 12)]), "a_$^{_b.png").savefig(tmp_path / "figure.png")


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
