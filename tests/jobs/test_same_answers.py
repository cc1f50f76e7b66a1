"""`read`, the dry run, the run and who asks about one photo name the same places and texts."""

from dataclasses import replace

import numpy as np
import pytest
from job_tools import job, lines_of

from svhn.boxes import Box, Number, numbers_of
from svhn.data.formats.coco import write_coco
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.finder.digits import Findings, FoundDigit
from svhn.finder.finder import Finder
from svhn.jobs.config import JobConfig
from svhn.jobs.reading import read_photos
from svhn.jobs.single.desk import AskedPhoto, PhotoDesk
from svhn.photos.photo import write_rgb

LOW = SyntheticSettings(typefaces=("DejaVuSans-Bold",), layouts=("straight",), degradation=1.0)


def found_digit(label, left, top=20):
    return FoundDigit(Box(left, top, left + 16, top + 30), label, 0.9, tuple(np.eye(10)[label].tolist()))


def boxes_of(numbers):
    return sorted(digit.box for number in numbers for digit in number.digits)


@pytest.fixture
def photos(tmp_path):
    """Photos of which the finder is less than sure, small ones and one that the text reader is asked about."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, height in [(3, 14), (5, 20), (8, 40)]:
        write_rgb(folder / f"{seed}.png", render_photo(seed, replace(LOW, digit_height=(height, height + 4))).photo)
    return folder


def test_everybody_names_the_same(photos, tmp_path):
    planned = {}
    job(photos, tmp_path / "none", show=lambda line, summary: planned.update({line.photo: line.numbers}), dry_run=True)
    job(photos, tmp_path / "out")
    desk = PhotoDesk(JobConfig(str(tmp_path / "desk")))
    assert any(planned.values())
    for line, reading in zip(lines_of(tmp_path / "out"), read_photos(sorted(planned)), strict=True):
        texts, boxes = [number.text for number in reading.numbers], boxes_of(reading.numbers)
        assert [number.text for number in planned[line["photo"]]] == texts and reading.photo == line["photo"]
        assert boxes_of(planned[line["photo"]]) == boxes
        assert sorted(box for number in line["numbers"] for box in number["boxes"]) == boxes
        assert sorted(text for number in line["numbers"] for text in number["text"].split()) == sorted(texts)
        asked = AskedPhoto(reading.photo, path=reading.photo)
        assert [number.text for number in desk.read(asked)[1]] == texts
        assert [number.text for number in numbers_of(desk.find(asked)[1].digits)] == texts


def test_two_numbers_of_one_plate_stay_two(photos, tmp_path, monkeypatch):
    """They are filled at once, as one region."""
    together = [Number((found_digit(1, 10), found_digit(9, 28))), Number((found_digit(2, 46),))]
    monkeypatch.setattr(Finder, "_sure", lambda *asked: Findings.of(together))
    monkeypatch.setattr(Finder, "_likely", lambda *asked: Findings.of(together))
    photo = photos / "alone.png"
    write_rgb(photo, np.full((70, 90, 3), 120, np.uint8))
    planned = []
    job(photo, tmp_path / "none", show=lambda line, summary: planned.extend(line.numbers), dry_run=True)
    assert [number.text for number in planned] == ["19", "2"]
    job(photo, tmp_path / "out")
    (line,) = lines_of(tmp_path / "out")
    (number,) = line["numbers"]
    assert (number["text"], number["confidence"], len(number["boxes"])) == ("19 2", 0.9, 3)


@pytest.mark.parametrize("presence", [0.5, 0.55, 0.9])
def test_strict_writes_nothing_that_read_reads(photos, tmp_path, monkeypatch, presence):
    """Low scores count for both, in the photos that are taken to show a number."""
    digit = replace(found_digit(7, 20), presence=presence)
    monkeypatch.setattr(Finder, "_likely", lambda *asked: Findings.of([Number((digit,))]))
    monkeypatch.setattr(Finder, "_sure", lambda *asked: Findings.of([]))
    photo, boxes = photos / "alone.png", tmp_path / "empty.json"
    write_rgb(photo, np.full((70, 90, 3), 120, np.uint8))
    write_coco(boxes, {"alone.png": (90, 70, [])})
    assert [number.text for reading in read_photos([photo]) for number in reading.numbers] == ["7"]
    assert job(photo, tmp_path / "out", boxes=str(boxes), strict=True).exit_code == 4
    assert not list((tmp_path / "out").glob("*.png"))
