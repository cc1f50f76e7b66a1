"""The photos of the folder that is reviewed: nothing but these can be asked for, and nothing outside it."""

import os
from dataclasses import dataclass
from pathlib import Path

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs import list_photos
from svhn.jobs.single import AskedPhoto


@dataclass(frozen=True)
class FolderPhoto:
    """A photo: its name below the folder, with "/", and its size in bytes."""

    name: str
    bytes: int


class PhotoFolder:
    """A folder whose photos are listed once, when it is opened.

    Parameters
    ----------
    folder : str or Path
    recursive : bool
        Also the photos in folders inside it.

    Raises
    ------
    InputError
        When it is no folder, or there is no photo in it.
    """

    def __init__(self, folder: str | Path, recursive: bool = True):
        if not os.path.isdir(folder):
            raise InputError(f"{printable(folder)}: no such folder; expected one with photos")
        self.folder, self._real = Path(folder), os.path.realpath(folder)
        listed = [
            photo for photo in list_photos([folder], recursive) if photo.error is None and self._holds(photo.path)
        ]
        self._paths = {photo.name: photo.path for photo in listed}
        if not self._paths:
            raise InputError(f"{printable(folder)}: no photos in this folder, only links that lead out of it")

    @property
    def name(self) -> str:
        """The folder's own name, for people."""
        return printable(os.path.basename(self._real) or self._real)

    def photos(self) -> list[FolderPhoto]:
        """Return the photos by name; those that are gone have no bytes."""
        return [FolderPhoto(name, _size(path)) for name, path in self._paths.items()]

    def ask(self, name: str) -> AskedPhoto:
        """Return the photo of a name.

        Raises
        ------
        InputError
            When it was not in the folder, or leads out of it by now.
        """
        path = self._paths.get(name)
        if path is None or not self._holds(path):
            raise InputError(f"{printable(name)}: not a photo of this folder; open the page again")
        return AskedPhoto(name, path=path)

    def _holds(self, path: str) -> bool:
        """Tell whether a path, its links followed, lies below the folder."""
        return os.path.realpath(path).startswith(os.path.join(self._real, ""))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
