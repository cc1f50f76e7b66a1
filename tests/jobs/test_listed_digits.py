"""Boxes that are listed for some photos: which photo a name means, what the finder does, and what is said about it."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from job_tools import job, lines_of
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.data.formats import BOX_FORMATS
from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.finder import Findings
from svhn.jobs.config import JobConfig, RunConfig
from svhn.jobs.digit_sources import PhotoDigits, digit_source, with_others
from svhn.jobs.tasks import Task
from svhn.photos import Photo, decode_photo, encode_rgb

LISTED = [DigitBox(Box(10, 10, 30, 50), 4), DigitBox(Box(34, 10, 54, 50), 7)]
ELSEWHERE = DigitBox(Box(70, 10, 90, 50), 1)


class FakeFinder:
    """Finds the same digits in every photo."""

    def __init__(self, *digits):
        self.digits, self.asked = digits, 0

    def find_with_doubt(self, rgb):
        self.asked += 1
        return Findings(self.digits)


@pytest.fixture
def photo() -> Photo:
    return decode_photo(encode_rgb(np.full((60, 100, 3), 90, np.uint8)))


@pytest.fixture
def boxes(tmp_path):
    write_coco(tmp_path / "given" / "boxes.json", {"a.png": (100, 60, LISTED), "none.png": (100, 60, [])})
    return str(tmp_path / "given" / "boxes.json")


def ask(photo, path, fake=None, **settings):
    fake = fake or FakeFinder(ELSEWHERE)
    source = digit_source(JobConfig(**settings), lambda: fake)
    task = Task(str(path), "")
    return source(task, photo), source.version(task)


def test_a_file_that_lists_some_photos_corrects_those(photo, boxes, tmp_path):
    finder = FakeFinder(ELSEWHERE)
    listed, _ = ask(photo, tmp_path / "a.png", finder, boxes=boxes)
    assert (listed.digits, listed.found, listed.boxes) == (LISTED, False, "given") and finder.asked == 0
    other, _ = ask(photo, tmp_path / "b.png", finder, boxes=boxes)
    assert (other.digits, other.found, other.boxes) == ([ELSEWHERE], True, "found") and finder.asked == 1
    none, _ = ask(photo, tmp_path / "none.png", finder, boxes=boxes)
    assert (none.digits, none.boxes) == ([], "given") and finder.asked == 1


def test_a_file_beside_the_photos_does_so_too(photo, boxes, tmp_path):
    listed, _ = ask(photo, tmp_path / "given" / "a.png")
    assert (listed.digits, listed.boxes) == (LISTED, "beside")
    assert ask(photo, tmp_path / "given" / "b.png")[0].boxes == "found"


def test_the_given_file_comes_before_the_one_beside_the_photo(photo, boxes, tmp_path):
    write_coco(tmp_path / "boxes.json", {"a.png": (100, 60, [ELSEWHERE]), "b.png": (100, 60, [ELSEWHERE])})
    assert ask(photo, tmp_path / "a.png", boxes=boxes)[0].digits == LISTED
    assert ask(photo, tmp_path / "b.png", boxes=boxes)[0].boxes == "beside"
    with pytest.raises(InputError, match=r"b\.png: .*boxes\.json has no entry for it"):
        ask(photo, tmp_path / "b.png", boxes=boxes, boxes_only=True)


@pytest.mark.parametrize("strict", [{"boxes_only": True}, {"finder": None}])
@pytest.mark.parametrize("given", [True, False])
def test_the_strict_reading_refuses_photos_that_are_not_listed(photo, boxes, tmp_path, strict, given):
    settings = {**strict, "boxes": boxes if given else None}
    assert ask(photo, tmp_path / "given" / "a.png", **settings)[0].digits == LISTED
    with pytest.raises(InputError, match=r"b\.png: .*(has no entry|no boxes)"):
        ask(photo, tmp_path / "given" / "b.png", **settings)


def test_also_find_adds_what_is_elsewhere(photo, boxes, tmp_path):
    near = replace(LISTED[0], box=LISTED[0].box.shift(2, -2))
    finder = FakeFinder(near, ELSEWHERE)
    digits, version = ask(photo, tmp_path / "a.png", finder, boxes=boxes, also_find=True)
    assert digits.digits == [*LISTED, ELSEWHERE] and digits.found and digits.boxes == "given+found"
    assert version != ask(photo, tmp_path / "a.png", finder, boxes=boxes)[1]
    empty, _ = ask(photo, tmp_path / "none.png", FakeFinder(ELSEWHERE), boxes=boxes, also_find=True)
    assert empty.digits == [ELSEWHERE]
    alone, _ = ask(photo, tmp_path / "a.png", FakeFinder(near), boxes=boxes, also_find=True, boxes_only=True)
    assert alone.digits == LISTED and alone.boxes == "given"
    with pytest.raises(InputError, match="also_find needs a finder"):
        digit_source(JobConfig(also_find=True, finder=None))


def test_a_box_around_a_part_of_a_digit_is_not_that_digit():
    whole = DigitBox(Box(10, 10, 30, 50), 4)
    quarter = PhotoDigits([DigitBox(Box(10, 10, 20, 30), 4)], False, "given")
    assert with_others(quarter, [whole]).digits == [*quarter.digits, whole]


def test_the_version_tells_other_boxes_and_another_picture_size(photo, tmp_path):
    versions = set()
    for size, digits in (((100, 60), LISTED), ((200, 120), LISTED), ((100, 60), LISTED[:1]), ((100, 60), [])):
        write_coco(tmp_path / "boxes.json", {"a.png": (*size, digits)})
        versions.add(ask(photo, tmp_path / "a.png")[1])
    versions.add(ask(photo, tmp_path / "b.png")[1])
    assert len(versions) == 5


def test_boxes_of_another_size_are_fitted_and_errors_name_the_photo(photo, tmp_path):
    half = [DigitBox(Box(5, 5, 15, 25), 4), DigitBox(Box(17, 5, 27, 25), 7)]
    write_coco(tmp_path / "boxes.json", {"a.png": (50, 30, half), "b.png": (60, 100, half)})
    fitted, _ = ask(photo, tmp_path / "a.png")
    assert fitted.digits == LISTED and fitted.fitted == "boxes scaled from a picture size of 50 x 30 to 100 x 60"
    with pytest.raises(InputError, match=r"b\.png: .*boxes\.json: its boxes are listed for a picture of 60 x 100"):
        ask(photo, tmp_path / "b.png")
    side = replace(photo, orientation=6)
    assert "turned by the EXIF orientation 6" in ask(side, tmp_path / "b.png")[0].fitted


def test_photos_of_one_name_are_told_by_their_paths(tmp_path):
    for folder in ("x", "y", "z"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        Image.new("RGB", (100, 60), (90, 90, 90)).save(tmp_path / "photos" / folder / "a.png")
    write_coco(tmp_path / "b.json", {"x/a.png": (100, 60, LISTED), "y\\a.png": (100, 60, LISTED[:1])})
    found = planned(tmp_path, boxes=str(tmp_path / "b.json"))
    assert {name: line.boxes for name, line in found.items()} == {"x": "given", "y": "given", "z": "found"}
    assert [len(line.numbers[0].digits) if line.numbers else 0 for line in found.values()] == [2, 1, 0]
    write_coco(tmp_path / "b.json", {"a.png": (100, 60, LISTED)})
    for line in planned(tmp_path, boxes=str(tmp_path / "b.json")).values():
        assert "several photos are called a.png" in line.error
    shutil.move(tmp_path / "b.json", tmp_path / "photos" / "x" / "boxes.json")
    assert [line.boxes for line in planned(tmp_path).values()] == ["beside", "found", "found"]


def planned(folder, **settings):
    lines = []
    job(
        folder / "photos",
        folder / "o",
        recursive=True,
        dry_run=True,
        show=lambda line, _: lines.append(line),
        **settings,
    )
    return {os.path.basename(os.path.dirname(line.photo)): line for line in sorted(lines, key=lambda line: line.photo)}


@pytest.mark.parametrize("format", ["YOLO", "VOC"])
def test_a_folder_of_labels_serves_a_job(tmp_path, format):
    (tmp_path / "photos" / "x").mkdir(parents=True)
    Image.new("RGB", (100, 60), (90, 90, 90)).save(tmp_path / "photos" / "x" / "a.png")
    BOX_FORMATS[format].write(tmp_path / "labels", {"x/a.png": (100, 60, LISTED)})
    for boxes in (tmp_path / "labels", next(path for path in (tmp_path / "labels").iterdir() if path.is_dir())):
        (line,) = planned(tmp_path, boxes=str(boxes), boxes_only=True).values()
        assert (line.boxes, line.numbers[0].text) == ("given", "47")
        assert [digit.box for digit in line.numbers[0].digits] == [digit.box.as_list() for digit in LISTED]


def test_the_job_says_whose_boxes_it_used(tmp_path, capsys):
    from svhn.commands.progress import JsonLines, TextLines

    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.new("RGB", (100, 60), (90, 90, 90)).save(tmp_path / "photos" / name)
    half = [DigitBox(Box(5, 5, 15, 25), 4)]
    write_coco(tmp_path / "photos" / "boxes.json", {"a.png": (50, 30, half), "b.png": (100, 60, [])})
    display = TextLines(str(tmp_path / "out"))
    summary = job(tmp_path / "photos", tmp_path / "out", show=display.show)
    display.end(summary)
    assert (summary.beside, summary.fitted) == (2, 1)
    text = capsys.readouterr().out
    assert "; boxes scaled from a picture size of 50 x 30 to 100 x 60\n" in text
    assert "boxes beside 2 of the photos were used" in text and "boxes of 1 were of another picture size" in text
    by_name = {os.path.basename(line["photo"]): line for line in lines_of(tmp_path / "out")}
    assert [by_name[name].get("boxes") for name in ("a.png", "b.png", "c.png")] == ["beside", "beside", "found"]
    assert "scaled" in by_name["a.png"]["fitted"] and "fitted" not in by_name["b.png"]
    JsonLines("").end(summary)
    content = json.loads(capsys.readouterr().out)["summary"]
    assert (content["boxes_beside"], content["boxes_fitted"]) == (2, 1)


def test_a_changed_size_in_the_box_file_is_done_again(tmp_path):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (100, 60), (90, 90, 90)).save(tmp_path / "photos" / "a.png")
    again, half = RunConfig(workers=0, resume=True), [DigitBox(Box(5, 5, 15, 25), 4)]
    for size, counts in (((50, 30), {"ok": 1}), ((50, 30), {"unchanged": 1}), ((100, 60), {"ok": 1})):
        write_coco(tmp_path / "photos" / "boxes.json", {"a.png": (*size, half)})
        assert job(tmp_path / "photos", tmp_path / "out", again).counts == counts


def test_too_many_boxes_cost_their_photo_in_no_time(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (100, 60), (90, 90, 90)).save(tmp_path / "photos" / name)
    rows = [{"image_id": 1, "bbox": [i % 50, i // 50 % 40, 3, 4]} for i in range(60_000)]
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    (tmp_path / "b.json").write_text(json.dumps({"images": images, "annotations": rows}))
    assert job(tmp_path / "photos", tmp_path / "out", boxes=str(tmp_path / "b.json")).counts == {
        "error": 1,
        "no_digits": 1,
    }
    (failed,) = (line for line in lines_of(tmp_path / "out") if line["status"] == "error")
    assert "60,000 boxes on one photo, expected at most 10,000" in failed["error"]
