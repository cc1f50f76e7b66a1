"""YOLO and Pascal VOC: a label file for each photo, as several tools lay them out, and files that cannot be used."""

import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.formats import BOX_FORMATS, PhotoName, open_annotations
from svhn.errors import InputError

DIGIT = DigitBox(Box(10, 4, 30, 34), 3)  # of a photo of 100 x 40 pixels
LINE = "1 0.2 0.475 0.2 0.75\n"
OBJECT = "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
SIZE = "<size><width>100</width><height>40</height><depth>3</depth></size>"
THREE = OBJECT.format(3, 11, 5, 30, 34)


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def digits_of(folder, photo, size=(100, 40)):
    entry = open_annotations(folder).find(PhotoName(str(photo)))
    return None if entry is None else entry.fit(*size).digits


@pytest.mark.parametrize(
    ("label", "photo"),
    [
        ("labels/a.txt", "images/a.jpg"),
        ("labels/train/a.txt", "images/train/a.jpg"),
        ("train/labels/a.txt", "train/images/a.jpg"),
        ("a.txt", "a.jpg"),
        ("obj_train_data/a.txt", "obj_train_data/a.jpg"),
        ("labels/a.TXT", "images/a.jpg"),
    ],
)
@pytest.mark.parametrize(
    ("names", "content"),
    [
        ("classes.txt", "8\n3\n"),
        ("classes.txt", "\ufeff8\r\n3\r\n"),
        ("obj.names", "8\n3"),
        ("data.yaml", "nc: 2\nnames: ['8', '3']\n"),
        ("data.yaml", "names:\n  0: 8\n  1: 3\n"),
    ],
)
def test_yolo_as_tools_lay_it_out(tmp_path, label, photo, names, content):
    write(tmp_path / names, content)
    write(tmp_path / label, LINE)
    assert digits_of(tmp_path, tmp_path / photo) == [DIGIT]
    assert digits_of(tmp_path, tmp_path / "images" / "b.jpg") is None
    assert [digit.box for digit in digits_of(tmp_path, tmp_path / photo, (50, 20))] == [Box(5, 2, 15, 17)]


def test_a_labels_folder_takes_the_names_beside_it(tmp_path):
    write(tmp_path / "classes.txt", "8\n3\n")
    write(tmp_path / "labels" / "a.txt", LINE)
    assert digits_of(tmp_path / "labels", tmp_path / "images" / "a.jpg") == [DIGIT]


@pytest.mark.parametrize("names", [None, "digit\nhouse\n", "8\n", "names: 7\n"])
def test_classes_without_a_digits_name_have_no_label(tmp_path, names):
    if names:
        write(tmp_path / ("data.yaml" if ":" in names else "classes.txt"), names)
    write(tmp_path / "a.txt", LINE)
    assert digits_of(tmp_path, "a.jpg") == [DigitBox(DIGIT.box, None)]


@pytest.mark.parametrize(
    "line",
    [
        "1 0.2 0.475 0.2 0.75 0.93",
        "1 0.1 0.1 0.3 0.1 0.3 0.85 0.1 0.85",
        "1 0.1 0.1 0.3 0.1 0.3 0.85",
        "1\t0.2  0.475 0.2 0.75\r\n\r\n",
    ],
)
def test_confidences_and_polygons_are_read(tmp_path, line):
    write(tmp_path / "classes.txt", "8\n3\n")
    write(tmp_path / "a.txt", line)
    assert digits_of(tmp_path, "a.jpg") == [DIGIT]


def test_an_empty_label_file_says_that_there_are_no_digits(tmp_path):
    write(tmp_path / "a.txt", "")
    assert digits_of(tmp_path, "a.jpg") == []


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("1 40 20 10 12\n", "line 1: outside the picture"),
        ("1 0.2 0.4 0.2 0.7\n1 -0.2 0.4 0.2 0.7\n", "line 2: outside the picture"),
        ("1 0.2 0.4 0 0.7\n", "above 0"),
        ("1 0.2 0.4 nan 0.7\n", "line 1: expected a finite number"),
        ("1 0.2 0.4 1e999 0.7\n", "line 1: expected a finite number"),
        ("1 0,2 0,4 0,2 0,7\n", "line 1: expected a finite number"),
        ("1 0.2\n", "line 1: '1 0.2', expected YOLO's labels"),
        ("1 0.2 0.4 0.2 0.7 0.9 0.1 0.1\n", "expected YOLO's labels"),
        (b"\xff\xfe\x00", "expected text in UTF-8"),
        (b"\x89PNG\r\n", "expected text in UTF-8"),
    ],
)
def test_an_odd_label_file_costs_its_photo_only(tmp_path, content, problem):
    write(tmp_path / "classes.txt", "8\n3\n")
    write(tmp_path / "a.txt", LINE)
    write(tmp_path / "b.txt", content)
    assert digits_of(tmp_path, "a.jpg") == [DIGIT]
    with pytest.raises(InputError, match=rf"b\.txt: .*{problem}") as caught:
        digits_of(tmp_path, "b.jpg")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "names",
    [
        "names: [",
        "names: " + "[" * 5000 + "]" * 5000,
        "!!python/object/apply:os.system ['true']",
        "names: !!int ''",
        "names: !!timestamp x",
        "names: 2001-99-99",
    ],
)
def test_damaged_class_names_are_refused(tmp_path, names):
    write(tmp_path / "data.yaml", names)
    write(tmp_path / "a.txt", LINE)
    with pytest.raises(InputError, match=r"data\.yaml: not usable YAML.*expected YOLO's labels") as caught:
        open_annotations(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_labels_is_refused(tmp_path):
    write(tmp_path / "classes.txt", "3\n")
    with pytest.raises(InputError, match=r"no label files in this folder; expected \.txt files"):
        open_annotations(tmp_path)


@pytest.mark.parametrize("file", ["Annotations/a.xml", "a.xml", "Annotations/a.XML"])
@pytest.mark.parametrize("size", [SIZE, "", "<size><width>0</width><height>0</height></size>"])
def test_voc_as_tools_lay_it_out(tmp_path, file, size):
    write(tmp_path / file, f"<annotation><filename>a.jpg</filename>{size}{THREE}</annotation>")
    assert digits_of(tmp_path, "JPEGImages/a.jpg") == [DIGIT]
    assert digits_of(tmp_path, "JPEGImages/b.jpg") is None


def test_voc_of_another_size_is_scaled_or_refused(tmp_path):
    write(tmp_path / "a.xml", f"<annotation>{SIZE}{THREE}</annotation>")
    assert digits_of(tmp_path, "a.jpg", (200, 80))[0].box == Box(20, 8, 60, 68)
    with pytest.raises(InputError, match="a picture of 100 x 40 pixels, this photo has 200 x 100"):
        digits_of(tmp_path, "a.jpg", (200, 100))


def test_voc_without_objects_says_that_there_are_no_digits(tmp_path):
    write(tmp_path / "a.xml", f"<annotation>{SIZE}</annotation>")
    assert digits_of(tmp_path, "a.jpg") == []


def test_other_objects_are_digits_of_unknown_label(tmp_path):
    write(tmp_path / "a.xml", f"<annotation>{OBJECT.format('digit', 11, 5, 30, 34)}</annotation>")
    assert digits_of(tmp_path, "a.jpg") == [DigitBox(DIGIT.box, None)]


ENTITY = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]>'


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "no element found"),
        ("<annotation>", "no element found"),
        ("<html/>", "element 'html'"),
        (f"{ENTITY}<annotation>&y;</annotation>", "a document type, expected none"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "a document type, expected none"),
        (f"{ENTITY}<annotation/>".encode("utf-16"), "a document type, expected none"),
        ("<annotation>" + "<a>" * 100_000, "nested too deeply"),
        ("<annotation><object><name>3</name></object></annotation>", "an object without bndbox"),
        (f"<annotation>{OBJECT.format(3, 30, 5, 11, 34)}</annotation>", "above 0"),
        (
            f"<annotation>{OBJECT.format(3, 'x', 5, 11, 34)}</annotation>",
            "xmin: expected a finite number, received 'x'",
        ),
        (f"<annotation>{OBJECT.format(3, 'nan', 5, 11, 34)}</annotation>", "xmin: expected a finite number"),
        (f"<annotation>{OBJECT.format(3, 0.1, 0.2, 0.3, 0.9)}</annotation>", "boxes from 0 to 1"),
    ],
)
def test_an_odd_voc_file_costs_its_photo_only(tmp_path, content, problem):
    write(tmp_path / "a.xml", f"<annotation>{THREE}</annotation>")
    write(tmp_path / "b.xml", content)
    assert digits_of(tmp_path, "a.jpg") == [DIGIT]
    with pytest.raises(InputError, match=problem) as caught:
        digits_of(tmp_path, "b.jpg")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


@pytest.mark.parametrize("name", ["YOLO", "VOC"])
def test_what_is_there_is_not_replaced(tmp_path, name):
    write(tmp_path / "labels" / "photo.jpg", b"dear")
    with pytest.raises(FileExistsError):
        BOX_FORMATS[name].write(tmp_path / "labels", {"a.png": (100, 40, [DIGIT])})
    assert (tmp_path / "labels" / "photo.jpg").read_bytes() == b"dear"


@pytest.mark.parametrize("name", ["YOLO", "VOC"])
def test_names_are_written_below_the_folder(tmp_path, name):
    BOX_FORMATS[name].write(tmp_path / "out" / "labels", {"../../x/a.png": (100, 40, [DIGIT])})
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert digits_of(tmp_path / "out" / "labels", "x/a.png") == [DIGIT]
