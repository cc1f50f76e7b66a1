"""What the formats with one label file for each photo share: which files are there, and writing them."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from svhn.data.formats.entries import Annotations, BoxEntry
from svhn.data.formats.names import parts_of
from svhn.errors import InputError
from svhn.files import printable, replacing_folder


class LabelFolder(Annotations):
    """A folder with a label file for each photo, read when it is asked for.

    Parameters
    ----------
    path : Path
    suffix : str
        That of the label files, for example ".txt".
    read : callable
        Returns the entry in a label file; ValueError says what is wrong with it.
    others : collection of str
        Names of files with this suffix that are no labels, in small letters.

    Raises
    ------
    InputError
        When there is no label file. What is wrong with one is raised when its photo is asked for.
    """

    suffixes = False

    def __init__(self, path: Path, suffix: str, read: Callable[[Path], BoxEntry], others: frozenset[str] = frozenset()):
        self.path, self._read = path, read
        self._files = dict(_label_files(path, suffix, others))
        if not self._files:
            raise InputError(f"{printable(path)}: no label files in this folder; expected {suffix} files, one a photo")

    def entry(self, name: str) -> BoxEntry:
        file = self._files[name]
        try:
            return self._read(file)
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{printable(file)}: {error}; correct this label file") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def has_label_files(folder: Path, suffix: str) -> bool:
    """Tell whether there is a file with this suffix in a folder or those in it."""
    return next(_label_files(folder, suffix), None) is not None


def write_label_folder(path: Path, files: Mapping[str, str]) -> None:
    """Write text files by their names into a new folder, whole or not at all; FileExistsError where it is there."""
    if path.exists():
        raise FileExistsError(f"{path}: there already; choose another name")
    with replacing_folder(path) as temporary:
        for name, text in files.items():
            file = temporary.joinpath(*parts_of(name))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def _label_files(folder: Path, suffix: str, others: frozenset[str] = frozenset()) -> Iterator[tuple[str, Path]]:
    """Yield the label files in a folder, sorted: the path below it with "/" and without the suffix, and the file."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        below = Path(place).relative_to(folder)
        for file in sorted(files):
            stem, end = os.path.splitext(file)
            if end.lower() == suffix and file.lower() not in others:
                yield (below / stem).as_posix(), Path(place) / file
