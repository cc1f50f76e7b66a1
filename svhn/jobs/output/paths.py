"""Where an output may be: one function makes every path in an output folder, and nothing is written through a link.

Names of outputs are relative and have "/" between their parts. They come from folders, from the listings of servers,
and from ledgers that others may have written, so they are looked at wherever they become a path.
"""

import contextlib
import hashlib
import os
import re

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.output.storage import join

# The longest name of a file or folder that Linux, macOS and Windows take, in bytes.
LONGEST_NAME = 255
_HASH_DIGITS = 12
_SEPARATORS = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")


def output_path(root: str, name: str) -> str:
    """Return the path, or under a URL the URL, of an output.

    Parameters
    ----------
    root : str
        The output folder or URL.
    name : str
        Relative, with "/".

    Raises
    ------
    InputError
        When the name has an absolute or empty part, `.` or `..`, a drive letter, or a null character.
    """
    if not stays_inside(name):
        raise InputError(
            f"{printable(name)!r}: not the name of a file below {printable(root)}; expected a relative path without .."
        )
    return join(root, name)


def safe_name(name: str) -> str:
    """Return the nearest name that `output_path` accepts and file systems take; a good one comes back as it is."""
    parts = [_safe_part(part) for part in name.split("/")]
    kept = "/".join(shorten(part) for part in parts if part not in ("", ".", ".."))
    kept = kept.replace(":", "_", 1) if _DRIVE.match(kept) else kept
    return kept or "photo"


def shorten(part: str, suffix: str = "") -> str:
    """Return the name of a file or folder with a suffix added; one that gets too long is cut and gets a hash."""
    if len(os.fsencode(part + suffix)) <= LONGEST_NAME:
        return part + suffix
    stem, own = os.path.splitext(part)
    own = own if len(os.fsencode(own)) <= _HASH_DIGITS else ""
    end = f"-{hashlib.sha256(os.fsencode(part)).hexdigest()[:_HASH_DIGITS]}{own}{suffix}"
    while len(os.fsencode(stem + end)) > LONGEST_NAME:
        stem = stem[:-1]
    return stem + end


def make_folders(root: str, name: str) -> str:
    """Create the folders that a local output lies in and return its path; links among them become real folders.

    Raises
    ------
    OSError
        When a folder cannot be made.
    """
    target, folder = output_path(root, name), root
    os.makedirs(root, exist_ok=True)
    for part in name.split("/")[:-1]:
        folder = os.path.join(folder, part)
        remove_link(folder)
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
    return target


def has_link(root: str, name: str) -> bool:
    """Tell whether a local output, or a folder on the way to it, is a symbolic link."""
    parts = name.split("/")
    return any(os.path.islink(os.path.join(root, *parts[:count])) for count in range(1, len(parts) + 1))


def remove_link(path: str) -> None:
    """Remove a symbolic link, not what it leads to; anything else stays."""
    if os.path.islink(path):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # another part of the job was faster
            os.unlink(path)


def stays_inside(name: str) -> bool:
    """Tell whether a name is that of a file below a folder, wherever the folder is."""
    parts = name.split("/")
    climbs = ".." in _SEPARATORS.split(name)
    return "\0" not in name and not climbs and not {"", "."} & set(parts) and not _DRIVE.match(name)


def _safe_part(part: str) -> str:
    """Return a part of a name without null characters, and without `..` beside a backslash."""
    part = part.replace("\0", "_")
    return part.replace("\\", "_") if part != ".." and ".." in _SEPARATORS.split(part) else part
