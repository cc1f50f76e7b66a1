"""The work list: files, folders, globs and lists become photos in a fixed order, each with a name for its output."""

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.listing.web import list_web_folder, name_below
from svhn.jobs.output import FETCH_SECONDS, file_system, is_remote, within
from svhn.photos import known_suffixes

STANDARD_INPUT = "-"
_MAGIC = set("*?[")


@dataclass(frozen=True)
class ListedPhoto:
    """A photo to work on.

    Attributes
    ----------
    path : str
        Path, or URL in fsspec's own spelling.
    name : str
        Where it lies below the folder that was given, with "/"; the file name where a file was given.
    error : str or None
        Why it cannot even be tried, for example an unreadable folder.
    """

    path: str
    name: str
    error: str | None = None


def list_photos(
    given: Iterable[str | Path],
    recursive: bool = False,
    from_file: str | None = None,
    leave_out: str | Sequence[str] | None = None,
) -> list[ListedPhoto]:
    """Turn what the user gave into a list of photos, in the order given; a folder's photos are sorted by name.

    Parameters
    ----------
    given : iterable of str or Path
        Files, folders, globs, URLs; "-" reads a list from standard input. Files that do not exist are kept: each
        shall get its own line in the report.
    recursive : bool
        Also look into folders inside the given ones; links are followed, every folder is visited once.
    from_file : str, optional
        A list of files and folders, one a line, or separated by NUL; "-" for standard input.
    leave_out : str or sequence of str, optional
        Folders not to look into, for example the output folder.

    Returns
    -------
    list of ListedPhoto
        No path twice. Hidden files in folders are left out.

    Raises
    ------
    InputError
        When the list cannot be read, a glob matches nothing, or there is no photo at all.
    """
    left_out = (leave_out,) if isinstance(leave_out, str) else tuple(leave_out or ())
    found: dict[str, ListedPhoto] = {}
    for argument, may_be_glob in _arguments(given, from_file):
        for source in _expand(argument, may_be_glob, recursive, left_out):
            key = source.path if is_remote(source.path) else os.path.abspath(source.path)
            found.setdefault(key, source)
    if not found:
        raise InputError(
            "no photos given or found; name at least one, for example samples/*.png, and --recursive to look into "
            "folders inside a folder"
        )
    return list(found.values())


def _arguments(given: Iterable[str | Path], from_file: str | None) -> Iterator[tuple[str, bool]]:
    """Yield paths and whether they may be globs; names in a list are taken literally."""
    for argument in map(str, given):
        if argument == STANDARD_INPUT:
            yield from ((name, False) for name in _read_list(STANDARD_INPUT))
        else:
            yield argument, True
    if from_file is not None:
        yield from ((name, False) for name in _read_list(from_file))


def _read_list(path: str) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if path == STANDARD_INPUT else Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"{printable(path)}: cannot read this list ({error.strerror}); expected one photo a line"
        ) from error
    names = content.split(b"\0") if b"\0" in content else [line.rstrip(b"\r") for line in content.split(b"\n")]
    return [os.fsdecode(name) for name in names if name]


def _expand(argument: str, may_be_glob: bool, recursive: bool, leave_out: Sequence[str]) -> Iterator[ListedPhoto]:
    if is_remote(argument):
        yield from _expand_remote(argument, may_be_glob, recursive)
    elif os.path.isdir(argument):
        yield from _walk(argument, recursive, leave_out)
    elif may_be_glob and _MAGIC & set(argument) and not os.path.lexists(argument):
        for match in _matches(argument):
            yield from _expand(match, False, recursive, leave_out)
    else:
        yield ListedPhoto(argument, os.path.basename(argument) or "photo")


def _matches(pattern: str) -> list[str]:
    """Return what a glob matches, sorted; of several ways through links to one directory entry the shortest."""
    matches: dict[tuple, str] = {}
    for match in sorted(glob.glob(pattern, recursive=True), key=lambda path: (path.count(os.sep), path)):
        folder, name = os.path.split(match)
        matches.setdefault((_identity(folder or "."), name), match)
    if not matches:
        raise InputError(f"{printable(pattern)}: no file matches; check the pattern")
    return sorted(matches.values())


def _walk(root: str, recursive: bool, leave_out: Sequence[str]) -> Iterator[ListedPhoto]:
    """Yield the photos of a folder, then those of the folders in it; a loop of links ends at the first repetition."""
    visited = {_identity(folder) for folder in leave_out} - {_identity(root)}
    pending, suffixes = [""], known_suffixes()
    while pending:
        below = pending.pop()
        folder = os.path.join(root, below)
        identity = _identity(folder)
        if identity in visited:
            continue
        visited.add(identity)
        try:
            with os.scandir(folder) as listing:
                entries = sorted((entry for entry in listing if not entry.name.startswith(".")), key=_name)
        except OSError as error:
            yield ListedPhoto(folder, below or ".", f"{printable(folder)}: cannot list this folder ({error.strerror})")
            continue
        for entry in entries:
            if _is_photo(entry, suffixes):
                yield ListedPhoto(entry.path, _slashed(os.path.join(below, entry.name)))
        if recursive:
            pending += [os.path.join(below, entry.name) for entry in reversed(entries) if _is_folder(entry)]


def _is_photo(entry: os.DirEntry, suffixes: tuple[str, ...]) -> bool:
    """Tell whether a folder's entry has a photo's suffix; a link that leads nowhere is one, to be reported."""
    if not entry.name.lower().endswith(suffixes):
        return False
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _expand_remote(url: str, may_be_glob: bool, recursive: bool) -> Iterator[ListedPhoto]:
    """Yield the photos behind a URL; a server that does not answer costs a line, as a folder that cannot be listed."""
    fs, path = file_system(url)
    is_pattern = may_be_glob and bool(_MAGIC & set(path))
    try:
        if "http" in fs.protocol and not is_pattern:
            found = _list_web(url, recursive)
        else:
            found = within(FETCH_SECONDS, url, lambda: _list_store(fs, path, is_pattern, recursive))
    except InputError as error:
        found = [ListedPhoto(url, os.path.basename(path.rstrip("/")) or "photo", str(error))]
    if is_pattern and not found:
        raise InputError(f"{printable(url)}: no file matches; check the pattern")
    yield from found


def _list_store(fs: Any, path: str, is_pattern: bool, recursive: bool) -> list[ListedPhoto]:
    """Return the photos in a folder of a store or matching a pattern, or the one that the path itself names."""
    base = path.rstrip("/")
    if is_pattern:
        names, base = sorted(fs.glob(path)), ""
    elif fs.isdir(path):
        names = fs.find(base) if recursive else [item for item in fs.ls(base, detail=False) if fs.isfile(item)]
        names = sorted(filter(_is_photo_name, names))
    else:
        names, base = [path], ""
    listed = ((name, name[len(base) :].lstrip("/") if base else os.path.basename(name)) for name in names)
    return [ListedPhoto(fs.unstrip_protocol(name), below or "photo") for name, below in listed]


def _list_web(url: str, recursive: bool) -> list[ListedPhoto]:
    """Return the photos of a folder on a web server, or the one that the URL itself names."""
    path = urlsplit(url).path
    if not path.lower().endswith(known_suffixes()):
        links = list_web_folder(url, recursive, FETCH_SECONDS)
        base = url.rstrip("/") + "/"
        if links or path.endswith("/"):
            names = {link: name_below(link, base) for link in links}
            return [ListedPhoto(link, name) for link, name in names.items() if _is_photo_name(name)]
    return [ListedPhoto(url, name_below(url, url.rpartition("/")[0] + "/") or "photo")]


def _is_photo_name(name: str) -> bool:
    return name.lower().endswith(known_suffixes()) and not os.path.basename(name).startswith(".")


def _identity(folder: str) -> tuple[int, int] | str:
    try:
        status = os.stat(folder)
        return status.st_dev, status.st_ino
    except OSError:
        return os.path.abspath(folder)


def _name(entry: os.DirEntry) -> str:
    return entry.name


def _slashed(path: str) -> str:
    return path.replace(os.sep, "/")
