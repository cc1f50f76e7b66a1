"""`classify`: digits of pictures, named by a classifier, as data, table and JSON."""

import json

import pytest
from click.testing import CliRunner
from documents import ROOT

from svhn.classifiers import classify_pictures, format_pictures
from svhn.commands import cli

TORCH = "torch-convnet48-dropout3"
SAMPLES = ROOT / "samples"


def run(*arguments, code=0):
    result = CliRunner().invoke(cli, ["classify", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def test_photos_with_boxes_beside_them_give_a_line_for_each_digit():
    lines = run(SAMPLES / "house-1.png", "--model", TORCH).splitlines()
    assert lines[0].split() == ["image", "digit", "confidence", "second", "box"]
    assert [line.split()[1] for line in lines[1:]] == ["4", "7"]
    assert lines[1].endswith("256,131,319,244") and {len(line) for line in lines} == {len(lines[0])}


def test_json_has_all_probabilities_and_a_bad_picture_does_not_stop_the_others(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    said = json.loads(run(tmp_path / "bad.png", SAMPLES / "house-1.png", "--json", code=1))
    assert "bad.png" in said[0]["error"]
    assert [digit["label"] for digit in said[1]["digits"]] == [4, 7]
    for digit in said[1]["digits"]:
        assert sum(digit["probabilities"]) == pytest.approx(1, abs=1e-4)
        assert max(digit["probabilities"]) == digit["confidence"] == digit["probabilities"][digit["label"]]


def test_a_whole_picture_is_one_digit_and_crops_can_be_tight(tmp_path):
    from PIL import Image

    with Image.open(SAMPLES / "house-1.png") as photo:
        photo.crop((256, 131, 319, 244)).save(tmp_path / "four.png")
    (picture,) = classify_pictures([tmp_path / "four.png"], TORCH)
    assert picture.digits[0].box is None and picture.digits[0].order[0] == 4
    assert "whole picture" in format_pictures([picture])
    (tight,) = classify_pictures([SAMPLES / "house-1.png"], TORCH, crops="tight")
    assert (
        tight.digits[0].probabilities != classify_pictures([SAMPLES / "house-1.png"], TORCH)[0].digits[0].probabilities
    )
