"""Globs, in which folders may be called "[2024] trip"."""

import glob
import os

MAGIC = frozenset("*?[")


def found_by(pattern: str) -> list[str]:
    """Return what a glob finds, `**` included.

    Folders at its beginning that are there stand for themselves, whatever characters they have. Where nothing is found,
    all brackets are taken for those of a name.
    """
    found = glob.glob(_with_folders_escaped(pattern), recursive=True)
    return found or glob.glob(with_brackets_escaped(pattern), recursive=True)


def with_brackets_escaped(pattern: str) -> str:
    """Return a glob in which brackets stand for themselves."""
    return pattern.replace("[", "[[]")


def _with_folders_escaped(pattern: str) -> str:
    drive, rest = os.path.splitdrive(pattern)
    parts = rest.split(os.sep)
    there = 0
    while there < len(parts) and os.path.lexists(drive + os.sep.join(parts[: there + 1]) or os.sep):
        there += 1
    return drive + os.sep.join([*map(glob.escape, parts[:there]), *parts[there:]])
