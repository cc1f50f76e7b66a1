"""The formats that boxes may have: what one has to offer, and all that are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from svhn.boxes import DigitBox
from svhn.data.formats.entries import Annotations, PlainAnnotations
from svhn.errors import InputError
from svhn.files import printable
from svhn.registry import Registry

# Width and height of a photo in pixels, and its digits.
PhotoBoxes: TypeAlias = tuple[int, int, Sequence[DigitBox]]


class BoxFormat(Protocol):
    """One way to write down where the digits of photos are.

    A format of one's own is registered before a file of it is opened; for worker processes by an entry point in the
    group `svhn.box_formats`, see `svhn.registry.Registry`.

    Attributes
    ----------
    description : str
        What a file of it is called in messages, for example "a COCO .json file".
    file_names : tuple of str
        Names that such a file has when it lies beside photos; none for a folder of labels.
    """

    @property
    def description(self) -> str: ...

    @property
    def file_names(self) -> tuple[str, ...]: ...

    def can_read(self, path: Path) -> bool:
        """Return whether a file is of this format, by its name; it may be damaged or missing all the same.

        A folder of labels is known by what lies in it.
        """

    def open(self, path: Path) -> Mapping[str, list[DigitBox]]:
        """Return a mapping from photo file name to digits in reading order, labels 0..9 or None.

        An `Annotations` can also say of what picture size the boxes are. Boxes may be read when they are asked for.
        InputError when the file is missing or damaged.
        """

    def write(self, path: Path, photos: Mapping[str, PhotoBoxes]) -> None:
        """Write the boxes of photos by their file names, whole or not at all; every digit needs a label."""


BOX_FORMATS: Registry[BoxFormat] = Registry(
    "box formats",
    {
        "digitStruct": "svhn.data.formats.digit_struct:DIGIT_STRUCT",
        "COCO": "svhn.data.formats.coco:COCO",
        "VOC": "svhn.data.formats.voc:VOC",
        "YOLO": "svhn.data.formats.yolo:YOLO",
    },
)


def box_file_names() -> list[str]:
    """Return the names of box files that may lie beside photos, the one that counts most first."""
    return [file_name for name in BOX_FORMATS for file_name in BOX_FORMATS[name].file_names]


def find_annotations(folder: str | Path) -> Path | None:
    """Return the box file that lies in a photo folder (`digitStruct.mat`, else `boxes.json`, ...), or None."""
    candidates = (Path(folder) / name for name in box_file_names())
    return next((path for path in candidates if path.is_file()), None)


def open_annotations(path: str | Path) -> Annotations:
    """Open a box file, or a folder with one or with labels.

    Parameters
    ----------
    path : str or Path
        A `digitStruct.mat` (boxes are read when asked for), a COCO `.json`, a folder of YOLO or Pascal VOC labels, or
        what a registered format reads.

    Returns
    -------
    Annotations
        A mapping from photo file name to digits in reading order, which also finds what is said of a photo.

    Raises
    ------
    InputError
        When the file is missing, damaged or of another kind.
    """
    path = Path(path)
    if path.is_dir():
        path = find_annotations(path) or path
    for name in BOX_FORMATS:
        if BOX_FORMATS[name].can_read(path):
            opened = BOX_FORMATS[name].open(path)
            return opened if isinstance(opened, Annotations) else PlainAnnotations(opened)
    known = " or ".join(BOX_FORMATS[name].description for name in BOX_FORMATS)
    received = (path.suffix or "no suffix") if path.exists() else "the name of nothing that is there"
    raise InputError(f"{printable(path)}: expected boxes as {known}, received {received}")
