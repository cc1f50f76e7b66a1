"""Which name in a box file means a photo: by its path, and by the file name alone only where that is certain."""

import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from svhn.errors import InputError
from svhn.files import printable

# What Label Studio puts before the name of an uploaded file, and before the path of one in a local folder.
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")
_LOCAL = "?d="
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/])")

# Folders of photos and of their labels in data sets for YOLO and VOC, which are alike below them.
_TWIN_FOLDERS = ("images", "labels", "jpegimages", "annotations", "obj_train_data")

Parts = tuple[str, ...]


@dataclass(frozen=True)
class PhotoName:
    """What of a photo's path a box file may name.

    Attributes
    ----------
    path : str
        Path or URL.
    place : str or None
        Where it lies below the folder that was given, where no other photo has the same place.
    alone : bool
        No other photo that boxes are looked up for has the same file name.
    """

    path: str
    place: str | None = None
    alone: bool = True


def parts_of(name: str) -> Parts:
    """Return the parts of a path as they are compared: any slashes, composed letters, no ".", "..", drive or root."""
    name = name.split(_LOCAL, 1)[-1]
    name = unicodedata.normalize("NFC", _DRIVE.sub("", name, count=1).replace("\\", "/"))
    return tuple(part for part in name.split("/") if part not in ("", ".", ".."))


class NameIndex:
    """The names in a box file, found by the photos that they mean; a name is compared only, never opened.

    Parameters
    ----------
    names : iterable of str
        As they stand in the file, or in a label folder.
    suffixes : bool
        Whether the names have the photos' suffixes; in a label folder they have none, and there the folders `images`
        and `labels` stand for each other.
    """

    def __init__(self, names: Iterable[str], suffixes: bool = True):
        self.suffixes = suffixes
        self._by_name: dict[str, list[tuple[Parts, str]]] = defaultdict(list)
        self._by_upload: dict[str, list[tuple[Parts, str]]] = defaultdict(list)
        for name in names:
            for parts in {self._parts(spelling) for spelling in (name, unquote(name))}:
                if parts:
                    self._by_name[parts[-1]].append((parts, name))
                    if prefix := _UPLOADED.match(parts[-1]):
                        self._by_upload[parts[-1][prefix.end() :]].append((parts, name))

    def find(self, photo: PhotoName) -> str | None:
        """Return the name that means a photo, or None.

        A name whose folders are those of the photo counts, the longest such name first. A bare file name, or one in
        other folders, counts only where no other photo could be meant.

        Raises
        ------
        InputError
            When several names could mean the photo, or one name several photos. The message names both.
        """
        path = self._without_suffix(self._parts(photo.path))
        same_name = self._by_name.get(path[-1], []) if path else []
        fitting = [(parts, name) for parts, name in same_name if path[-len(parts) :] == parts]
        if fitting:
            return self._longest(fitting, photo)
        if not photo.alone:
            return None
        candidates = same_name or (self._by_upload.get(path[-1], []) if path else [])
        return _only({name for _, name in candidates})

    def _longest(self, fitting: list[tuple[Parts, str]], photo: PhotoName) -> str | None:
        longest = max(len(parts) for parts, _ in fitting)
        found = _only({name for parts, name in fitting if len(parts) == longest})
        place = self._without_suffix(self._parts(photo.place or ""))
        if longest == 1 and not photo.alone and place != fitting[0][0]:
            raise InputError(
                f"several photos are called {printable(posixpath.basename(photo.path))}, and one of them is listed "
                "without a folder; expected its path, for example folder/name"
            )
        return found

    def _parts(self, path: str) -> Parts:
        parts = parts_of(path)
        if self.suffixes:
            return parts
        return (*(part for part in parts[:-1] if part.lower() not in _TWIN_FOLDERS), *parts[-1:])

    def _without_suffix(self, parts: Parts) -> Parts:
        return parts if self.suffixes or not parts else (*parts[:-1], posixpath.splitext(parts[-1])[0])


def _only(names: set[str]) -> str | None:
    """Return the only one of some names, None where there is none."""
    if len(names) > 1:
        shown = ", ".join(sorted(map(printable, names))[:3])
        raise InputError(f"{len(names)} names could mean this photo ({shown}); expected its path, and only once")
    return next(iter(names), None)
