"""Boxes from any supported file: SVHN's digitStruct.mat or COCO JSON."""

import json
from collections.abc import Mapping
from pathlib import Path

from svhn.boxes import Box, DigitBox, reading_order
from svhn.data.formats.digit_struct import FILE_NAME, DigitStruct
from svhn.errors import InputError
from svhn.files import replacing

COCO_FILE_NAME = "boxes.json"


def open_annotations(path: str | Path) -> Mapping[str, list[DigitBox]]:
    """Open a box file as a mapping from photo file name to digits in reading order.

    Parameters
    ----------
    path : str or Path
        A `digitStruct.mat` (boxes are read when asked for) or a COCO `.json`.

    Raises
    ------
    InputError
        When the file is missing, damaged or of another kind.
    """
    path = Path(path)
    if path.suffix == ".mat":
        return DigitStruct(path)
    if path.suffix == ".json":
        return read_coco(path)
    raise InputError(
        f"{path}: expected boxes as a digitStruct.mat or a COCO .json file, received {path.suffix or 'no suffix'}"
    )


def find_annotations(folder: str | Path) -> Path | None:
    """Return the box file that lies in a photo folder (`digitStruct.mat`, else `boxes.json`), or None."""
    candidates = [Path(folder) / FILE_NAME, Path(folder) / COCO_FILE_NAME]
    return next((path for path in candidates if path.is_file()), None)


def read_coco(path: str | Path) -> dict[str, list[DigitBox]]:
    """Read COCO object detection JSON.

    A category whose name is a single digit gives the label; any other category gives a digit of unknown label.
    `bbox` is [left, top, width, height] in pixels. An image without annotations maps to an empty list.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        labels = {category["id"]: _label(category["name"]) for category in content.get("categories", [])}
        names = {image["id"]: image["file_name"] for image in content["images"]}
        photos: dict[str, list[DigitBox]] = {name: [] for name in names.values()}
        for entry in content["annotations"]:
            label = labels.get(entry.get("category_id"))
            photos[names[entry["image_id"]]].append(DigitBox(Box.from_size(*entry["bbox"]), label))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give the boxes as a digitStruct.mat or COCO .json") from error
    except (OSError, ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}: not a COCO file ({type(error).__name__}: {error}); expected images with id and file_name, "
            "and annotations with image_id and bbox [left, top, width > 0, height > 0]"
        ) from error
    return {name: reading_order(digits) for name, digits in photos.items()}


def write_coco(path: str | Path, photos: Mapping[str, tuple[int, int, list[DigitBox]]]) -> None:
    """Write boxes as COCO JSON.

    Parameters
    ----------
    path : str or Path
    photos : mapping
        File name -> (width, height, digits); every digit needs a label, which becomes the category.
    """
    images, annotations = [], []
    for image_id, (name, (width, height, digits)) in enumerate(photos.items(), start=1):
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for digit in digits:
            box = digit.box
            bbox = [box.left, box.top, box.width, box.height]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": digit.label,
                    "bbox": bbox,
                    "area": box.area,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": label, "name": str(label)} for label in range(10)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _label(name: str) -> int | None:
    return int(name) if name in set("0123456789") else None
