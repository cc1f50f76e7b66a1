"""Box formats as objects in a registry, and one of a user's own."""

import csv

import pytest
from job_tools import job, lines_of

from svhn.boxes import Box, DigitBox
from svhn.data.formats import BOX_FORMATS, PhotoName, box_file_names, find_annotations, open_annotations
from svhn.data.formats.coco import write_coco
from svhn.data.formats.digit_struct import write_digit_struct
from svhn.data.render.synthetic import render_photo
from svhn.errors import InputError
from svhn.photos.photo import write_rgb

DIGITS = [DigitBox(Box(2, 3, 12, 23), 1), DigitBox(Box(14, 4, 24, 24), 0), DigitBox(Box(26, 3, 36, 22), 9)]


class CsvBoxes:
    """A line for each digit: photo, label, left, top, right, bottom."""

    description = "a .csv of boxes"
    file_names = ("boxes.csv",)

    def can_read(self, path):
        return path.suffix == ".csv"

    def open(self, path):
        photos = {}
        with path.open(newline="") as file:
            for name, label, *corners in csv.reader(file):
                photos.setdefault(name, []).append(DigitBox(Box(*map(int, corners)), int(label)))
        return photos

    def write(self, path, photos):
        with path.open("w", newline="") as file:
            for name, (_, _, digits) in photos.items():
                csv.writer(file).writerows([name, digit.label, *digit.box.as_list()] for digit in digits)


@pytest.fixture
def formats(monkeypatch):
    """The registry, which forgets afterwards what was registered."""
    monkeypatch.setattr(BOX_FORMATS, "_entries", dict(BOX_FORMATS._entries))
    return BOX_FORMATS


def test_both_kinds_of_file_open_alike(tmp_path):
    write_coco(tmp_path / "boxes.json", {"a.png": (60, 40, DIGITS)})
    write_digit_struct(tmp_path / "digitStruct.mat", {"a.png": DIGITS})
    for name in ("boxes.json", "digitStruct.mat"):
        annotations = open_annotations(tmp_path / name)
        assert dict(annotations) == {"a.png": DIGITS}
        assert annotations.get("b.png") is None


def test_find_prefers_digit_struct(tmp_path):
    assert find_annotations(tmp_path) is None
    write_coco(tmp_path / "boxes.json", {})
    assert find_annotations(tmp_path) == tmp_path / "boxes.json"
    write_digit_struct(tmp_path / "digitStruct.mat", {})
    assert find_annotations(tmp_path) == tmp_path / "digitStruct.mat"


@pytest.mark.parametrize("name", ["boxes.csv", "boxes"])
def test_other_kinds_of_file_are_refused(tmp_path, name):
    (tmp_path / name).write_text("left,top")
    with pytest.raises(InputError, match=rf"{name}.*digitStruct\.mat or a COCO \.json file or a folder of Pascal VOC"):
        open_annotations(tmp_path / name)


@pytest.mark.parametrize("name", ["boxes.json", "digitStruct.mat"])
def test_missing_files_are_named_with_a_cure(tmp_path, name):
    with pytest.raises(InputError, match=rf"{name}: no such file; "):
        open_annotations(tmp_path / name)


@pytest.mark.parametrize("name", list(BOX_FORMATS))
def test_every_format_reads_what_it_writes(tmp_path, name):
    format = BOX_FORMATS[name]
    path = tmp_path / (format.file_names[0] if format.file_names else "labels of photos")
    format.write(path, {"a.png": (60, 40, DIGITS), "b.png": (9, 9, [])})
    assert format.can_read(path)
    opened = format.open(path)
    assert opened.find(PhotoName("photos/a.png")).fit(60, 40).digits == DIGITS
    assert opened.find(PhotoName("photos/b.png")).fit(9, 9).digits == []
    assert opened.find(PhotoName("photos/c.png")) is None


@pytest.mark.parametrize("name", ["digitStruct.mat", "boxes.json"])
def test_a_folder_with_a_box_file_stands_for_it(tmp_path, name):
    format = next(BOX_FORMATS[kind] for kind in BOX_FORMATS if name in BOX_FORMATS[kind].file_names)
    format.write(tmp_path / name, {"a.png": (60, 40, DIGITS)})
    assert dict(open_annotations(tmp_path)) == {"a.png": DIGITS}


def test_a_place_where_nothing_is(tmp_path):
    with pytest.raises(InputError, match=r"labels: expected boxes as .*, received the name of nothing that is there"):
        open_annotations(tmp_path / "labels")


def test_a_format_of_ones_own_serves_a_job(formats, tmp_path):
    scene = render_photo(0)
    (tmp_path / "photos").mkdir()
    write_rgb(tmp_path / "photos" / "a.png", scene.photo)
    height, width = scene.photo.shape[:2]
    CsvBoxes().write(tmp_path / "photos" / "boxes.csv", {"a.png": (width, height, scene.digits)})
    with pytest.raises(InputError, match=r"expected boxes as a digitStruct\.mat or .*, received \.csv"):
        open_annotations(tmp_path / "photos" / "boxes.csv")
    formats.register("CSV", CsvBoxes())
    assert box_file_names() == ["digitStruct.mat", "boxes.json", "boxes.csv"]
    assert job(tmp_path / "photos", tmp_path / "out").counts == {"ok": 1}
    boxes = [box for line in lines_of(tmp_path / "out") for number in line["numbers"] for box in number["boxes"]]
    assert sorted(boxes) == sorted(digit.box.as_list() for digit in scene.digits)
    assert job(tmp_path / "photos", tmp_path / "given", boxes=str(tmp_path / "photos" / "boxes.csv")).counts == {
        "ok": 1
    }
