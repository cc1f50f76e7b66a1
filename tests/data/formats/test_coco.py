"""Boxes as COCO JSON, also as other tools write it."""

import json

import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.formats.coco import read_coco, write_coco
from svhn.errors import InputError

DIGITS = [DigitBox(Box(2, 3, 12, 23), 1), DigitBox(Box(14, 4, 24, 24), 0), DigitBox(Box(26, 3, 36, 22), 9)]


@pytest.fixture
def content():
    """COCO as other tools write it: extra fields, a category that is no digit, fractions, ids of any kind."""
    return {
        "info": {"year": 2026},
        "categories": [{"id": 7, "name": "3"}, {"id": 8, "name": "house number"}, {"id": 9, "name": "10"}],
        "images": [
            {"id": 44, "file_name": "front door.png", "width": 60, "height": 40},
            {"id": "b", "file_name": "empty.png"},
        ],
        "annotations": [
            {"id": 1, "image_id": 44, "category_id": 8, "bbox": [30.5, 5, 9.5, 20.25], "iscrowd": 0},
            {"id": 2, "image_id": 44, "category_id": 7, "bbox": [10, 5, 10, 20]},
            {"id": 3, "image_id": 44, "category_id": 9, "bbox": [50, 5, 5, 20]},
            {"id": 4, "image_id": 44, "bbox": [-4, 5, 10, 20]},
        ],
    }


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_coco_of_other_tools(tmp_path, content):
    photos = read_coco(write(tmp_path / "boxes.json", content))
    assert photos == {
        "front door.png": [
            DigitBox(Box(-4, 5, 6, 25), None),
            DigitBox(Box(10, 5, 20, 25), 3),
            DigitBox(Box(30, 5, 40, 26), None),
            DigitBox(Box(50, 5, 55, 25), None),
        ],
        "empty.png": [],
    }


def test_coco_needs_no_categories(tmp_path, content):
    del content["categories"]
    photos = read_coco(write(tmp_path / "boxes.json", content))
    assert [digit.label for digit in photos["front door.png"]] == [None] * 4


def test_coco_round_trip_with_every_label(tmp_path):
    digits = [DigitBox(Box(10 * i, 0, 10 * i + 8, 12), i) for i in range(10)]
    write_coco(tmp_path / "boxes.json", {"a.png": (120, 20, digits), "b.png": (9, 9, [])})
    assert read_coco(tmp_path / "boxes.json") == {"a.png": digits, "b.png": []}
    written = json.loads((tmp_path / "boxes.json").read_text())
    assert written["annotations"][3]["bbox"] == [30, 0, 8, 12]
    assert written["annotations"][3]["area"] == 96
    assert len({entry["id"] for entry in written["annotations"]}) == 10


def test_digits_come_in_reading_order(tmp_path):
    write_coco(tmp_path / "boxes.json", {"a.png": (60, 40, DIGITS[::-1])})
    assert read_coco(tmp_path / "boxes.json")["a.png"] == DIGITS


IMAGE = {"id": 1, "file_name": "a.png"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        '{"images": [',
        "[1, 2]",
        "\x00\x01",
        {"annotations": []},
        {"images": []},
        {"images": [{"id": 1}], "annotations": []},
        {"images": [IMAGE], "annotations": [{"image_id": 2, "bbox": [0, 0, 5, 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, 0, 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, -5, 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": ["a", 0, 5, 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, float("inf"), 5]}]},
        {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [float("nan"), 0, 5, 5]}]},
    ],
)
def test_damaged_coco_is_named_with_what_was_expected(tmp_path, content):
    path = write(tmp_path / "boxes.json", content)
    with pytest.raises(InputError, match=r"boxes\.json: not a COCO file.*expected images with id and file_name"):
        read_coco(path)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, -5, 5]}]}, r"annotations\.0\.bbox\.2"),
        ({"images": [IMAGE, {"id": 2}], "annotations": []}, r"images\.1\.file_name"),
        ({"images": [IMAGE], "annotations": [{"image_id": 2, "bbox": [0, 0, 5, 5]}]}, "no image 2"),
    ],
)
def test_the_damaged_place_is_named(tmp_path, content, place):
    with pytest.raises(InputError, match=place) as caught:
        read_coco(write(tmp_path / "boxes.json", content))
    assert "\n" not in str(caught.value)


def test_coco_in_another_encoding_is_refused(tmp_path):
    (tmp_path / "boxes.json").write_bytes('{"images": [{"file_name": "größe.png"}]}'.encode("latin-1"))
    with pytest.raises(InputError, match=r"boxes\.json"):
        read_coco(tmp_path / "boxes.json")


def test_failed_write_leaves_the_old_file(tmp_path):
    write_coco(tmp_path / "boxes.json", {"a.png": (60, 40, DIGITS)})
    with pytest.raises(TypeError):
        write_coco(tmp_path / "boxes.json", {"a.png": (object(), 40, DIGITS)})
    assert read_coco(tmp_path / "boxes.json") == {"a.png": DIGITS}
    assert [path.name for path in tmp_path.iterdir()] == ["boxes.json"]
