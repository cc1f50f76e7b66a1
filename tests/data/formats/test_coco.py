"""Boxes as COCO JSON, also as other tools write it."""

import json
import os
import time

import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.formats import PhotoName, open_annotations
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
        {"images": {}, "annotations": []},
        {"images": [7], "annotations": []},
        {"images": [{"id": 1, "file_name": 7}], "annotations": []},
        {"images": [{"id": 1, "file_name": ""}], "annotations": []},
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"images": [], "annotations": [' + "9" * 5000 + "]}",
        "null",
    ],
)
def test_damaged_coco_is_named_with_what_was_expected(tmp_path, content):
    path = write(tmp_path / "boxes.json", content)
    with pytest.raises(
        InputError, match=r"boxes\.json: not a COCO file.*expected images with id and file_name"
    ) as caught:
        read_coco(path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"images": [IMAGE, {"id": 2}], "annotations": []}, r"images\.1\.file_name"),
        ({"images": [IMAGE], "annotations": [{"image_id": 2, "bbox": [0, 0, 5, 5]}]}, "no image 2"),
    ],
)
def test_the_damaged_place_is_named(tmp_path, content, place):
    with pytest.raises(InputError, match=place):
        read_coco(write(tmp_path / "boxes.json", content))


ODD = [
    ({"bbox": [0, 0, 0, 5]}, "above 0"),
    ({"bbox": [0, 0, -5, 5]}, "above 0"),
    ({"bbox": [0, 0, 5]}, "expected 4 numbers"),
    ({"bbox": [0, 0, 5, 5, 5]}, "expected 4 numbers"),
    ({"bbox": {"x": 1}}, "expected 4 numbers"),
    ({"bbox": "0 0 5 5"}, "expected 4 numbers"),
    ({"bbox": ["a", 0, 5, 5]}, r"bbox\.0: expected a number"),
    ({"bbox": ["1", "2", "3", "4"]}, r"bbox\.0: expected a number"),
    ({"bbox": [True, True, True, True]}, r"bbox\.0: expected a number"),
    ({"bbox": [0, 0, float("inf"), 5]}, r"bbox\.2: expected a finite number"),
    ({"bbox": [float("nan"), 0, 5, 5]}, r"bbox\.0: expected a finite number"),
    ({"bbox": [0, 0, 10**400, 5]}, r"bbox\.2: expected a finite number"),
    ({"bbox": [0, 0, 1e300, 1e300]}, "beyond 10,000,000 pixels"),
    ({"bbox": [1e308, 1e308, 1e308, 1e308]}, "beyond 10,000,000 pixels"),
    ({}, "expected a bbox, or polygons"),
    ({"bbox": []}, "expected a bbox, or polygons"),
    ({"segmentation": {"counts": "abc", "size": [4, 4]}}, "expected a bbox, or polygons"),
    ({"segmentation": [[1, 2, 3]]}, "expected a bbox, or polygons"),
    ({"segmentation": [[1, 2, 3, 4, 5, None]]}, "segmentation: expected a number"),
    ({"segmentation": [[1, 2, 1, 4, 1, 9]]}, "above 0"),
]


@pytest.mark.parametrize(("annotation", "problem"), ODD)
def test_an_odd_annotation_costs_its_photo_only(tmp_path, annotation, problem):
    images = [IMAGE, {"id": 2, "file_name": "b.png"}]
    good = [{"id": 1, "image_id": one, "bbox": [0, 0, 5, 9]} for one in (1, 2)]
    content = {"images": images, "annotations": [*good, {"id": 4711, "image_id": 2, **annotation}]}
    photos = read_coco(write(tmp_path / "boxes.json", content))
    assert photos["a.png"] == [DigitBox(Box(0, 0, 5, 9))]
    with pytest.raises(InputError, match=rf"boxes\.json.*b\.png: annotations\.2 \(id 4711\): .*{problem}") as caught:
        photos["b.png"]
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("stray", [{"image_id": 99, "bbox": [1, 2, 3, 4]}, {"bbox": [1, 2, 3, 4]}, None, 7])
def test_annotations_of_no_listed_image_are_left_aside(tmp_path, stray):
    content = {"images": [IMAGE], "annotations": [{"image_id": 1, "bbox": [0, 0, 5, 9]}, stray]}
    assert read_coco(write(tmp_path / "boxes.json", content)) == {"a.png": [DigitBox(Box(0, 0, 5, 9))]}


def test_polygons_count_where_there_is_no_bbox(tmp_path):
    polygons = [[1, 2, 30, 2, 30, 40], [10.5, 1, 12, 1, 12, 3]]
    for bbox in ({}, {"bbox": []}, {"bbox": None}):
        content = {"images": [IMAGE], "annotations": [{"image_id": 1, "segmentation": polygons, **bbox}]}
        assert read_coco(write(tmp_path / "boxes.json", content))["a.png"] == [DigitBox(Box(1, 1, 30, 40))]


@pytest.mark.parametrize(
    ("images", "name", "problem"),
    [
        ([IMAGE, {"id": 1, "file_name": "b.png"}], "b.png", "that no other has"),
        ([IMAGE, {"id": "1", "file_name": "b.png"}], "b.png", "that no other has"),
        ([IMAGE, {"id": 2, "file_name": "a.png"}], "a.png", "2 images have this file_name"),
        ([IMAGE, {"id": [2], "file_name": "b.png"}], "b.png", "expected a number or text"),
        ([IMAGE, {"file_name": "b.png"}], "b.png", "expected a number or text"),
        ([IMAGE, {"id": 2, "file_name": "b.png", "width": "60", "height": 40}], "b.png", "width: expected a number"),
        ([IMAGE, {"id": 2, "file_name": "b.png", "width": -60, "height": 40}], "b.png", "above 0"),
    ],
)
def test_an_image_that_cannot_be_told_from_another_is_refused_by_name(tmp_path, images, name, problem):
    content = {"images": [*images, {"id": 7, "file_name": "c.png"}], "annotations": []}
    photos = read_coco(write(tmp_path / "boxes.json", content))
    assert photos["c.png"] == []
    with pytest.raises(InputError, match=rf"boxes\.json.*{name}: .*{problem}"):
        photos[name]


@pytest.mark.parametrize(("image_id", "given"), [("7", 7), (7, "7"), (7, 7.0)])
def test_ids_are_the_same_as_number_and_as_text(tmp_path, image_id, given):
    image = {"id": image_id, "file_name": "a.png"}
    content = {"images": [image], "annotations": [{"image_id": given, "bbox": [0, 0, 5, 9]}]}
    assert read_coco(write(tmp_path / "boxes.json", content))["a.png"] == [DigitBox(Box(0, 0, 5, 9))]


@pytest.mark.parametrize(
    "categories", [None, {}, [7], [{"id": 1}], [{"id": [1], "name": "3"}], [{"id": 1, "name": {}}]]
)
def test_odd_categories_give_digits_of_unknown_label(tmp_path, categories):
    annotation = {"image_id": 1, "bbox": [0, 0, 5, 9], "category_id": 1}
    content = {"images": [IMAGE], "annotations": [annotation], "categories": categories}
    assert read_coco(write(tmp_path / "boxes.json", content))["a.png"] == [DigitBox(Box(0, 0, 5, 9), None)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_any_unicode_encoding_is_read(tmp_path, encoding):
    content = json.dumps({"images": [{"id": 1, "file_name": "größe.png"}], "annotations": []}, ensure_ascii=False)
    (tmp_path / "B.JSON").write_bytes(content.encode(encoding))
    assert list(open_annotations(tmp_path / "B.JSON")) == ["größe.png"]


def test_a_lone_surrogate_in_a_name_is_compared_and_shown_without_harm(tmp_path):
    photos = read_coco(
        write(tmp_path / "boxes.json", '{"images":[{"file_name":"\\ud800\\u001b.png"}],"annotations":[]}')
    )
    with pytest.raises(InputError, match=r"\\ud800\\x1b\.png: image id None"):
        photos["\ud800\x1b.png"]


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "boxes.json")
    with pytest.raises(InputError, match=r"boxes\.json: expected a file, received a folder, pipe or device"):
        read_coco(tmp_path / "boxes.json")


@pytest.mark.timed
def test_many_images_are_looked_up_quickly(tmp_path):
    images = [{"id": i, "file_name": f"{i % 100}/{i}.png", "width": 60, "height": 40} for i in range(100_000)]
    rows = [{"id": i, "image_id": i, "bbox": [i % 7, 2, 10, 20], "category_id": 1} for i in range(100_000)]
    write(tmp_path / "boxes.json", {"images": images, "annotations": rows, "categories": [{"id": 1, "name": "1"}]})
    began = time.process_time()
    photos = read_coco(tmp_path / "boxes.json")
    found = [photos.find(PhotoName(f"/photos/{i % 100}/{i}.png", alone=False)) for i in range(100_000)]
    assert time.process_time() - began < 10  # 4 s on a slow core
    assert all(entry.rectangles[0][0] == i % 7 for i, entry in enumerate(found))


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
