"""Boxes as Pascal VOC: an XML file for each photo, as VOC's own tools, labelImg and CVAT write it."""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from svhn.alphabet import DIGITS
from svhn.data.formats.entries import BoxEntry, Rectangle, Size, checked_rectangle
from svhn.data.formats.foreign import parsed, read_xml, shortened
from svhn.data.formats.known import PhotoBoxes
from svhn.data.formats.label_folder import LabelFolder, has_label_files, write_label_folder

_KIND = "Pascal VOC"
_CURE = "expected annotation with objects, each with name and bndbox (xmin, ymin, xmax, ymax)"
_FOLDER = "Annotations"


class VocFormat:
    """Pascal VOC: an object whose name is a single digit gives the label; a folder with `Annotations/` or .xml files.

    VOC counts pixels from 1 and both corners belong to the box; boxes of tools that count from 0 grow by one pixel.
    """

    description = "a folder of Pascal VOC .xml files"
    file_names = ()

    def can_read(self, path: Path) -> bool:
        return path.is_dir() and has_label_files(path, ".xml")

    def open(self, path: Path) -> LabelFolder:
        return LabelFolder(path, ".xml", _read_annotation)

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        files = {}
        for name, boxes in photos.items():
            text = ElementTree.tostring(_annotation(name, boxes), encoding="unicode")
            files[f"{_FOLDER}/{Path(name).with_suffix('.xml').as_posix()}"] = text
        write_label_folder(path, files)


def _read_annotation(path: Path) -> BoxEntry:
    """Read one annotation file; ValueError says what is wrong with it."""
    root = read_xml(path, _KIND, _CURE)
    if root.tag != "annotation":
        raise ValueError(f"element {shortened(root.tag)}, {_CURE}")
    objects = root.findall("object")
    labels = [_label(element.findtext("name")) for element in objects]
    return BoxEntry([_rectangle(element) for element in objects], labels, _size(root))


def _size(root: ElementTree.Element) -> Size | None:
    size = root.find("size")
    if size is None:
        return None
    width, height = (parsed(size.findtext(side) or "0", f"size {side}") for side in ("width", "height"))
    return (width, height) if width > 0 and height > 0 else None


def _rectangle(element: ElementTree.Element) -> Rectangle:
    box = element.find("bndbox")
    if box is None:
        raise ValueError(f"an object without bndbox, {_CURE}")
    left, top, right, bottom = (parsed(box.findtext(side), side) for side in ("xmin", "ymin", "xmax", "ymax"))
    return checked_rectangle(left - 1, top - 1, right - left + 1, bottom - top + 1)


def _label(name: str | None) -> int | None:
    name = (name or "").strip()
    return DIGITS.index(name) if name in DIGITS else None


def _annotation(name: str, boxes: PhotoBoxes) -> ElementTree.Element:
    width, height, digits = boxes
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = name
    _add(root, "size", {"width": width, "height": height, "depth": 3})
    for digit in digits:
        box, entry = digit.box, ElementTree.SubElement(root, "object")
        ElementTree.SubElement(entry, "name").text = str(digit.label)
        _add(entry, "bndbox", {"xmin": box.left + 1, "ymin": box.top + 1, "xmax": box.right, "ymax": box.bottom})
    return root


def _add(parent: ElementTree.Element, name: str, values: Mapping[str, int]) -> None:
    element = ElementTree.SubElement(parent, name)
    for key, value in values.items():
        ElementTree.SubElement(element, key).text = str(value)


VOC = VocFormat()
