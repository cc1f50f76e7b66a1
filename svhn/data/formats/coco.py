"""Boxes as COCO object detection JSON, as COCO's own tools and CVAT, Label Studio, Roboflow and others write it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from svhn.alphabet import DIGITS
from svhn.boxes import Box
from svhn.data.formats.entries import Annotations, BoxEntry, Rectangle, Size, checked_rectangle
from svhn.data.formats.foreign import number, read_json, shortened
from svhn.data.formats.known import PhotoBoxes
from svhn.data.formats.painted import PAINTED, PAINTED_CATEGORY, PaintedArea, read_area
from svhn.errors import InputError
from svhn.files import printable, replacing

COCO_FILE = "boxes.json"
_KIND = "a COCO file"
_CURE = (
    "expected images with id and file_name, and annotations with image_id and bbox [left, top, width > 0, height > 0]"
)
_DIGITS = frozenset("0123456789")
# What an annotation of a plan can say beside its box, see `svhn.jobs.choice`.
ACCEPTED, SOURCE, FOUND, LISTED, CONFIDENCE = "accepted", "source", "found", "listed", "confidence"


class _Listed(NamedTuple):
    """An annotation: its box or painted area, its digit, whether it counts, whether a finder made it, and how sure."""

    place: Rectangle | PaintedArea
    label: int | None
    accepted: bool
    found: bool
    confidence: float | None = None


class CocoFormat:
    """COCO: a category whose name is a single digit gives the label."""

    description = "a COCO .json file"
    file_names = (COCO_FILE,)

    def can_read(self, path: Path) -> bool:
        return path.suffix.lower() == ".json"

    def open(self, path: Path) -> "CocoBoxes":
        return read_coco(path)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        write_coco(path, photos)


class CocoBoxes(Annotations):
    """The boxes of a COCO file: a mapping from `file_name` to digits as they are listed.

    A category whose name is a single digit gives the label; any other category gives a digit of unknown label.
    `bbox` is [left, top, width, height] in pixels; where it is missing, the extent of the polygons counts. An image
    without annotations maps to an empty list; annotations of images that are not listed are left aside, and so are
    those with `accepted: false`, which are the entry's `rejected`. An annotation of the category "painted area", or
    whose `source` is "painted", is no digit: its run lengths or polygons are filled.

    Parameters
    ----------
    path : Path
        What messages name.
    content : any
        The JSON.

    Raises
    ------
    InputError
        When it is not of this form. What is wrong with one image or its annotations is raised when its boxes are
        asked for.
    """

    def __init__(self, path: Path, content: Any):
        self.path = path
        if not isinstance(content, dict):
            raise self._damaged(f"expected an object, received {shortened(content)}")
        images = self._rows(content, "images")
        rows = self._rows(content, "annotations")
        self._names = [self._name(position, image) for position, image in enumerate(images)]
        self._times = Counter(self._names)
        self._images = dict(zip(self._names, images, strict=True))
        self._ids = Counter(_key(image.get("id")) for image in images)
        self._found: dict[str, list[_Listed]] = {}
        self._problems: dict[str, str] = {}
        self._read_annotations(rows, _categories(content.get("categories")))

    def entry(self, name: str) -> BoxEntry:
        image = self._images[name]
        try:
            if self._times[name] > 1:
                raise ValueError(f"{self._times[name]} images have this file_name, expected one")
            key = _key(image.get("id"))
            if key is None or self._ids[key] > 1:
                raise ValueError(f"image id {shortened(image.get('id'))}: expected a number or text that no other has")
            if problem := self._problems.get(key):
                raise ValueError(problem)
            return _entry(self._found.get(key, []), _size(image))
        except ValueError as error:
            raise InputError(f"{printable(self.path)}: {printable(name)}: {error}; correct it there") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def _rows(self, content: dict, name: str) -> list:
        if not isinstance(rows := content.get(name), list):
            raise self._damaged(f"{name}: expected a list, received {shortened(rows)}")
        return rows

    def _name(self, position: int, image: Any) -> str:
        if not (isinstance(image, dict) and isinstance(image.get("file_name"), str) and image["file_name"]):
            received = shortened(image.get("file_name") if isinstance(image, dict) else image)
            raise self._damaged(f"images.{position}.file_name: expected a name, received {received}")
        return image["file_name"]

    def _read_annotations(self, rows: list, categories: dict[str, str]) -> None:
        """Sort the places by the ids of their images, and note what is wrong with the first odd one of an image."""
        images = {key: image for image in self._images.values() if (key := _key(image.get("id"))) is not None}
        for position, row in enumerate(rows):
            key = _key(row.get("image_id")) if isinstance(row, dict) else None
            if key is None or key not in self._ids:
                continue
            try:
                self._found.setdefault(key, []).append(_listed(row, images[key], categories))
            except ValueError as error:
                self._problems.setdefault(key, f"annotations.{position} (id {shortened(row.get('id'))}): {error}")
        if rows and not (self._found or self._problems):
            first = rows[0].get("image_id") if isinstance(rows[0], dict) else rows[0]
            raise self._damaged(f"no annotation belongs to an image; there is no image {shortened(first)}")

    def _damaged(self, reason: str) -> InputError:
        return InputError(f"{printable(self.path)}: not {_KIND} ({reason}); {_CURE}")


def read_coco(path: str | Path) -> CocoBoxes:
    """Read COCO object detection JSON, see `CocoBoxes`.

    Raises
    ------
    InputError
        When the file is missing or not of this form; the message says where it is not.
    """
    path = Path(path)
    return CocoBoxes(path, read_json(path, _KIND, _CURE))


def write_coco(path: str | Path, photos: Mapping[str, PhotoBoxes]) -> None:
    """Write boxes as COCO JSON.

    Parameters
    ----------
    path : str or Path
    photos : mapping
        File name -> (width, height, digits); every digit needs a label, which becomes the category.
    """
    images: list[dict] = []
    annotations: list[dict] = []
    for image_id, (name, (width, height, digits)) in enumerate(photos.items(), start=1):
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for digit in digits:
            annotations.append({"id": len(annotations) + 1, **coco_annotation(image_id, digit.label, digit.box)})
    categories = [{"id": label, "name": name} for label, name in enumerate(DIGITS)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def coco_annotation(image_id: int, category_id: int | None, box: Box) -> dict[str, Any]:
    """Return a box as COCO writes it, but for its own id."""
    bbox = [box.left, box.top, box.width, box.height]
    return {"image_id": image_id, "category_id": category_id, "bbox": bbox, "area": box.area, "iscrowd": 0}


def _listed(row: dict, image: dict, categories: dict[str, str]) -> _Listed:
    """Return what an annotation says; ValueError where it cannot be used."""
    said = _said(row)
    accepted, source = said.get(ACCEPTED, True), said.get(SOURCE)
    if not isinstance(accepted, bool):
        raise ValueError(f"{ACCEPTED}: expected true or false, received {shortened(accepted)}")
    name = categories.get(_key(row.get("category_id")) or "")
    if name == PAINTED_CATEGORY or source == PAINTED:
        return _Listed(read_area(row, _size(image)), None, accepted, found=False)
    label = int(name) if name in _DIGITS else None
    return _Listed(_rectangle(row), label, accepted, source == FOUND, _confidence(said.get(CONFIDENCE)))


def _confidence(value: Any) -> float | None:
    """Return a number from 0 to 1; None for anything else, since nothing depends on it."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None


def _said(row: dict) -> dict:
    """Return the fields of an annotation; other tools keep what COCO does not know as `attributes`."""
    attributes = row.get("attributes")
    return (attributes if isinstance(attributes, dict) else {}) | row


def _entry(listed: Sequence[_Listed], size: Size | None) -> BoxEntry:
    """Return the entry of an image's annotations."""
    painted = [one.place for one in listed if isinstance(one.place, PaintedArea) and one.accepted]
    placed = [one for one in listed if not isinstance(one.place, PaintedArea)]
    rejected = [one for one in placed if not one.accepted]
    struck_out = _of_boxes(rejected, size) if rejected else None
    return replace(_of_boxes([one for one in placed if one.accepted], size), rejected=struck_out, painted=painted)


def _of_boxes(listed: Sequence[_Listed], size: Size | None) -> BoxEntry:
    boxes = [one.place for one in listed if not isinstance(one.place, PaintedArea)]
    labels, sure = [one.label for one in listed], [one.confidence for one in listed]
    return BoxEntry(boxes, labels, size, found=any(one.found for one in listed), confidences=sure)


def _key(value: Any) -> str | None:
    """Return an id as it is compared: 7, 7.0 and "7" are the same; None where it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return str(value) if isinstance(value, str) or value.bit_length() <= 64 else hex(value)


def _categories(categories: Any) -> dict[str, str]:
    """Return the names of categories by their ids; what is no category is left aside."""
    rows = [row for row in categories if isinstance(row, dict)] if isinstance(categories, list) else []
    named = ((_key(row.get("id")), row.get("name")) for row in rows)
    return {key: name for key, name in named if key and isinstance(name, str)}


def _size(image: dict) -> Size | None:
    """Return the size that an image is listed with, None where it is not."""
    width, height = image.get("width"), image.get("height")
    if width in (None, 0) or height in (None, 0):
        return None
    size = number(width, "width"), number(height, "height")
    checked_rectangle(0, 0, *size)
    return size


def _rectangle(row: dict) -> Rectangle:
    """Return the rectangle of an annotation, or the extent of its polygons; ValueError where it has neither."""
    bbox = row.get("bbox")
    if bbox in (None, []):
        return _extent(row.get("segmentation"))
    if not (isinstance(bbox, list) and len(bbox) == 4):
        raise ValueError(f"bbox: expected 4 numbers, received {shortened(bbox)}")
    try:
        return checked_rectangle(*(number(value, f"bbox.{place}") for place, value in enumerate(bbox)))
    except ValueError as error:
        raise ValueError(str(error) if str(error).startswith("bbox") else f"bbox: {error}") from error


def _extent(polygons: Any) -> Rectangle:
    """Return the rectangle around polygons [[x, y, x, y, ...], ...]."""
    if not (isinstance(polygons, list) and polygons and all(map(_is_polygon, polygons))):
        raise ValueError(f"expected a bbox, or polygons as segmentation, received {shortened(polygons)}")
    xs = [number(value, "segmentation") for polygon in polygons for value in polygon[::2]]
    ys = [number(value, "segmentation") for polygon in polygons for value in polygon[1::2]]
    return checked_rectangle(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _is_polygon(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 6 and len(value) % 2 == 0


COCO = CocoFormat()
