"""The work list: files, folders, globs and lists become photos in a fixed order, each with a name for its output."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, overload
from urllib.parse import urlsplit

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.listing.left_out import FOLDERS, count_left_out, left_out_text, main_kinds
from svhn.jobs.listing.lists import STANDARD_INPUT, read_list
from svhn.jobs.listing.patterns import MAGIC, found_by, with_brackets_escaped
from svhn.jobs.listing.web import list_web_folder, name_below
from svhn.jobs.output import FETCH_SECONDS, RealPaths, file_system, is_remote, plain_folder, within
from svhn.photos import known_suffixes


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


@dataclass(frozen=True)
class Listing(Sequence[ListedPhoto]):
    """Photos to work on, and what was left out on the way to them.

    Attributes
    ----------
    photos : tuple of ListedPhoto
    left_out : dict of str to (dict of str to int)
        For each folder that was given how many of its files are no photos, by their suffix in small letters, and how
        many folders in it were not looked into ("folders"). Hidden files do not count, nor do those that belong to
        photos or jobs: boxes, reports, pages.
    """

    photos: tuple[ListedPhoto, ...]
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)

    @overload
    def __getitem__(self, index: int) -> ListedPhoto: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ListedPhoto]: ...
    def __getitem__(self, index: int | slice) -> ListedPhoto | Sequence[ListedPhoto]:
        return self.photos[index]

    def __len__(self) -> int:
        return len(self.photos)

    def all_left_out(self) -> Counter[str]:
        """Return what was left out of all folders together, by suffix."""
        return sum(map(Counter, self.left_out.values()), Counter())


LeftOut = dict[str, Counter[str]]  # by folder


def list_photos(
    given: Iterable[str | Path],
    recursive: bool = False,
    from_file: str | None = None,
    leave_out: str | Sequence[str] | None = None,
) -> Listing:
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
    Listing
        A sequence of ListedPhoto, no path twice; it also says what was left out of the folders.

    Raises
    ------
    InputError
        When the list cannot be read, a glob matches nothing, or there is no photo at all.
    """
    avoided = [plain_folder(folder) for folder in ([leave_out] if isinstance(leave_out, str) else leave_out or ())]
    found: dict[str, ListedPhoto] = {}
    paths = RealPaths()
    left_out: LeftOut = {}
    for argument, may_be_glob in _arguments(given, from_file):
        for source in _expand(argument, may_be_glob, recursive, avoided, left_out):
            found.setdefault(paths.of(source.path), source)
    if not found:
        seen = left_out_text(main_kinds(sum(left_out.values(), Counter())))
        raise InputError(
            "no photos given or found; name at least one, for example samples/*.png, and --recursive to look into "
            "folders inside a folder" + (f" ({seen})" if seen else "")
        )
    return Listing(tuple(found.values()), {folder: main_kinds(kinds) for folder, kinds in left_out.items() if kinds})


def _arguments(given: Iterable[str | Path], from_file: str | None) -> Iterator[tuple[str, bool]]:
    """Yield paths and whether they may be globs; names in a list are taken literally."""
    for argument in map(str, given):
        if argument == STANDARD_INPUT:
            yield from ((name, False) for name in read_list(STANDARD_INPUT))
        else:
            yield argument, True
    if from_file is not None:
        yield from ((name, False) for name in read_list(from_file))


def _expand(
    argument: str, may_be_glob: bool, recursive: bool, avoided: Sequence[str], left_out: LeftOut
) -> Iterator[ListedPhoto]:
    if is_remote(argument):
        yield from _expand_remote(argument, may_be_glob, recursive, left_out)
    elif os.path.isdir(argument):
        yield from _walk(argument, recursive, avoided, left_out.setdefault(argument, Counter()))
    elif may_be_glob and MAGIC & set(argument) and not os.path.lexists(argument):
        for match in _matches(argument):
            yield from _expand(match, False, recursive, avoided, left_out)
    else:
        yield ListedPhoto(argument, os.path.basename(argument) or "photo")


def _matches(pattern: str) -> list[str]:
    """Return what a glob matches, sorted; of several ways through links to one directory entry the shortest."""
    matches: dict[tuple, str] = {}
    for match in sorted(found_by(pattern), key=lambda path: (path.count(os.sep), path)):
        folder, name = os.path.split(match)
        matches.setdefault((_identity(folder or "."), name), match)
    if not matches:
        raise InputError(f"{printable(pattern)}: no file matches; check the pattern")
    return sorted(matches.values())


def _walk(root: str, recursive: bool, avoided: Sequence[str], left_out: Counter[str]) -> Iterator[ListedPhoto]:
    """Yield the photos of a folder, then those of the folders in it; a loop of links ends at the first repetition."""
    visited = {_identity(folder) for folder in avoided} - {_identity(root)}
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
        folders = []
        for entry in entries:
            if _is_photo(entry, suffixes):
                yield ListedPhoto(entry.path, _slashed(os.path.join(below, entry.name)))
            elif _is_folder(entry):
                folders.append(entry)
            else:
                count_left_out(entry.name, left_out)
        if recursive:
            pending += [os.path.join(below, entry.name) for entry in reversed(folders)]
        elif others := sum(_identity(entry.path) not in visited for entry in folders):
            left_out[FOLDERS] += others


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


def _expand_remote(url: str, may_be_glob: bool, recursive: bool, left_out: LeftOut) -> Iterator[ListedPhoto]:
    """Yield the photos behind a URL; a server that does not answer costs a line, as a folder that cannot be listed."""
    fs, path = file_system(url)
    is_pattern = may_be_glob and bool(MAGIC & set(path))
    counts = left_out.setdefault(url, Counter())
    try:
        if "http" in fs.protocol and not is_pattern:
            found = _list_web(url, recursive, counts)
        else:
            found = within(FETCH_SECONDS, url, lambda: _list_store(fs, path, is_pattern, recursive, counts))
    except InputError as error:
        found = [ListedPhoto(url, os.path.basename(path.rstrip("/")) or "photo", str(error))]
    if is_pattern and not found:
        raise InputError(f"{printable(url)}: no file matches; check the pattern")
    yield from found


def _list_store(fs: Any, path: str, is_pattern: bool, recursive: bool, left_out: Counter[str]) -> list[ListedPhoto]:
    """Return the photos in a folder of a store or matching a pattern, or the one that the path itself names."""
    base = path.rstrip("/")
    if is_pattern:
        names, base = sorted(fs.glob(path) or fs.glob(with_brackets_escaped(path))), ""
    elif fs.isdir(path):
        names = fs.find(base) if recursive else [item for item in fs.ls(base, detail=False) if fs.isfile(item)]
        names = _photos_among(names, left_out)
    else:
        names, base = [path], ""
    listed = ((name, name[len(base) :].lstrip("/") if base else os.path.basename(name)) for name in names)
    return [ListedPhoto(fs.unstrip_protocol(name), below or "photo") for name, below in listed]


def _list_web(url: str, recursive: bool, left_out: Counter[str]) -> list[ListedPhoto]:
    """Return the photos of a folder on a web server, or the one that the URL itself names."""
    path = urlsplit(url).path
    if not path.lower().endswith(known_suffixes()):
        links = list_web_folder(url, recursive, FETCH_SECONDS)
        base = url.rstrip("/") + "/"
        if links or path.endswith("/"):
            names = {link: name_below(link, base) for link in links}
            photos = set(_photos_among(names.values(), left_out))
            return [ListedPhoto(link, name) for link, name in names.items() if name in photos]
    return [ListedPhoto(url, name_below(url, url.rpartition("/")[0] + "/") or "photo")]


def _photos_among(names: Iterable[str], left_out: Counter[str]) -> list[str]:
    """Return the names of photos, sorted, and count those of other files."""
    suffixes = known_suffixes()
    photos = []
    for name in sorted(names):
        last = name.rpartition("/")[2]
        if not name.lower().endswith(suffixes):
            count_left_out(last, left_out)
        elif not last.startswith("."):
            photos.append(name)
    return photos


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
