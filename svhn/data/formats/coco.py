"""Boxes as COCO object detection JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from svhn.alphabet import DIGITS
from svhn.boxes import Box, DigitBox, reading_order
from svhn.data.formats.known import PhotoBoxes
from svhn.errors import InputError
from svhn.files import replacing

if TYPE_CHECKING:
    from svhn.data.formats.coco_schema import CocoFile

COCO_FILE = "boxes.json"
_DIGITS = frozenset("0123456789")


class CocoFormat:
    """COCO: a category whose name is a single digit gives the label."""

    description = "a COCO .json file"
    file_names = (COCO_FILE,)

    def can_read(self, path: Path) -> bool:
        return path.suffix == ".json"

    def open(self, path: Path) -> dict[str, list[DigitBox]]:
        return read_coco(path)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        write_coco(path, photos)


def read_coco(path: str | Path) -> dict[str, list[DigitBox]]:
    """Read COCO object detection JSON.

    A category whose name is a single digit gives the label; any other category gives a digit of unknown label.
    `bbox` is [left, top, width, height] in pixels. An image without annotations maps to an empty list.

    Raises
    ------
    InputError
        When the file is missing or not of this form; the message says where it is not.
    """
    path = Path(path)
    content = _load(path)
    labels = {category.id: _label(category.name) for category in content.categories}
    names = {image.id: image.file_name for image in content.images}
    photos: dict[str, list[DigitBox]] = {name: [] for name in names.values()}
    for position, entry in enumerate(content.annotations):
        if entry.image_id not in names:
            raise _damaged(path, f"annotations.{position}.image_id: there is no image {entry.image_id!r}")
        label = None if entry.category_id is None else labels.get(entry.category_id)
        photos[names[entry.image_id]].append(DigitBox(Box.from_size(*entry.bbox), label))
    return {name: reading_order(digits) for name, digits in photos.items()}


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
            box = digit.box
            bbox = [box.left, box.top, box.width, box.height]
            entry = {"id": len(annotations) + 1, "image_id": image_id, "category_id": digit.label, "bbox": bbox}
            annotations.append({**entry, "area": box.area, "iscrowd": 0})
    categories = [{"id": label, "name": name} for label, name in enumerate(DIGITS)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _load(path: Path) -> "CocoFile":
    from pydantic import ValidationError  # it takes a third of a second to import, and many jobs have no such file

    from svhn.data.formats.coco_schema import CocoFile

    try:
        return CocoFile.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give the boxes as a digitStruct.mat or COCO .json") from error
    except OSError as error:
        raise _damaged(path, f"it cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{where}: {first['msg']}" if where else first["msg"]) from error


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: not a COCO file ({reason}); expected images with id and file_name, and annotations with image_id and "
        "bbox [left, top, width > 0, height > 0]"
    )


def _label(name: str) -> int | None:
    return int(name) if name in _DIGITS else None


COCO = CocoFormat()
