"""Box files of any content: digits, or an InputError of one line, and nothing else."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svhn.data.formats import PhotoName, open_annotations
from svhn.errors import InputError

NUMBERS = st.one_of(
    st.integers(), st.floats(), st.sampled_from([0, 1, -1, 10**400, 1e308, float("nan"), float("inf"), 0.5, 20, 60])
)
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=8), st.sampled_from(["a.png", "0", "1", "../a.png"])),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=4), inner, max_size=4)),
    max_leaves=8,
)
IDS = st.one_of(st.sampled_from([1, "1", 1.0, 2, True, None]), ANYTHING)
IMAGES = st.fixed_dictionaries(
    {"file_name": st.one_of(st.sampled_from(["a.png", "p/a.png", "x\\a.png", "b.png"]), ANYTHING)},
    optional={"id": IDS, "width": NUMBERS | ANYTHING, "height": NUMBERS | ANYTHING},
)
BBOXES = st.lists(NUMBERS, min_size=4, max_size=4)
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "image_id": IDS,
        "bbox": st.one_of(BBOXES, ANYTHING),
        "segmentation": st.one_of(st.lists(st.lists(NUMBERS, max_size=8), max_size=3), ANYTHING),
        "category_id": IDS,
    },
)
COCO = st.fixed_dictionaries(
    {"images": st.lists(IMAGES | ANYTHING, max_size=4), "annotations": st.lists(ANNOTATIONS | ANYTHING, max_size=6)},
    optional={"categories": st.one_of(st.lists(st.fixed_dictionaries({"id": IDS, "name": ANYTHING})), ANYTHING)},
)
PHOTO = PhotoName("/photos/p/a.png", "p/a.png", alone=True)
QUICK = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def ask(path):
    """Return the digits of a photo; an InputError has one line that can be read."""
    try:
        annotations = open_annotations(path)
        entry = annotations.find(PHOTO)
        return entry and entry.fit(60, 40, 6).digits
    except InputError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
        return None


@QUICK
@given(st.one_of(COCO, ANYTHING))
def test_any_json(tmp_path, content):
    (tmp_path / "boxes.json").write_text(json.dumps(content))
    for digit in ask(tmp_path / "boxes.json") or []:
        assert digit.label in (None, *range(10)) and digit.box.area > 0


@QUICK
@given(st.binary(max_size=80))
@pytest.mark.parametrize("name", ["boxes.json", "labels/a.txt", "labels/a.xml", "digitStruct.mat"])
def test_any_bytes(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    ask(path.parent if "/" in name else path)


WORDS = st.one_of(NUMBERS.map(str), st.text(max_size=5))


@QUICK
@given(st.lists(st.lists(WORDS, max_size=10).map(" ".join), max_size=4).map("\n".join), st.text(max_size=40))
def test_any_yolo_labels(tmp_path, lines, names):
    (tmp_path / "labels").mkdir(exist_ok=True)
    (tmp_path / "labels" / "a.txt").write_text(lines, errors="replace")
    (tmp_path / "data.yaml").write_text(names, errors="replace")
    ask(tmp_path)


@QUICK
@given(st.lists(st.tuples(WORDS, WORDS, WORDS, WORDS, WORDS), max_size=3), WORDS)
def test_any_voc_values(tmp_path, objects, width):
    from xml.sax.saxutils import escape

    def element(name, *content):
        return f"<{name}>{''.join(content)}</{name}>"

    def value(name, word):
        return element(name, escape(str(word)))

    sides = ("xmin", "ymin", "xmax", "ymax")
    rows = [
        element("object", value("name", name), element("bndbox", *map(value, sides, corners)))
        for name, *corners in objects
    ]
    text = element("annotation", element("size", value("width", width), value("height", width)), *rows)
    (tmp_path / "a.xml").write_text(text, errors="replace")
    ask(tmp_path)
