"""Names of the outputs: no two photos share one, none is an input, and they do not depend on how work is split."""

import hashlib
import os
import posixpath
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.listing.sources import ListedPhoto
from svhn.jobs.output import STAGING, Claims, RealPaths, file_system, is_remote, output_path, safe_name, shorten
from svhn.jobs.tasks import Task

MASKS = "masks"
# The job's own files in the output folder.
_OWN = re.compile(r"report(\.[0-9]+-of-[0-9]+)?(\.[0-9]+)?\.(jsonl|html)|" + re.escape(STAGING) + "(/.*)?")


def name_outputs(sources: Sequence[ListedPhoto], save_masks: bool = False) -> list[Task]:
    """Give every photo an output name of its own.

    The first of these rules that gives all photos different names holds for all of them: the name below the folder
    that was given; the path below the folder that all photos have in common; that path with a hash of the photo's
    path in it. Names that differ only in case or in Unicode form count as the same. Parts that would lead out of the
    output folder, as a server's listing may have them, are left out; parts that are too long for a file system are cut
    and get a hash.
    """
    good = [source for source in sources if source.error is None]
    for rule in (_below_given, _below_common, _with_hash):
        names = [safe_name(name) for name in rule(good)]
        masks = _mask_names(names) if save_masks else [None] * len(names)
        if masks is not None and _are_distinct([*names, *masks] if save_masks else names):
            break
    paths = RealPaths()
    named = {
        id(source): Task(source.path, name, mask, real_path=paths.of(source.path), place=place, alone=alone)
        for source, name, mask, (place, alone) in zip(good, names, masks, _places(good), strict=True)
    }
    return [named.get(id(source)) or Task(source.path, "", error=source.error) for source in sources]


def spare_others(tasks: Sequence[Task], claims: Claims) -> list[Task]:
    """Give other names to outputs and masks that would take the place of those of photos which are not in the job.

    Such an output gets a hash of its photo's path. Such a mask is named after the photo's whole name, or gets that
    hash, too.
    """
    taken = {_plain(name) for task in tasks for name in (task.output, task.mask) if name}
    return [task if task.error else _spare_others(task, claims, taken) for task in tasks]


def _spare_others(task: Task, claims: Claims, taken: set[str]) -> Task:
    """Return a task with names that are free, and add them to those that are taken."""
    output, mask = task.output, task.mask
    hashed = _hashed(output, task.real_path or task.photo)
    if claims.has_output(output, task):
        output = hashed
        mask = mask and _mask_name(posixpath.splitext(hashed)[0])
    if mask and claims.has_mask(mask, task):
        names = (_mask_name(output), _mask_name(hashed))
        free = (name for name in names if _plain(name) not in taken and not claims.has_mask(name, task))
        mask = next(free, names[-1])
    taken |= {_plain(name) for name in (output, mask) if name}
    return replace(task, output=output, mask=mask)


def _places(sources: Sequence[ListedPhoto]) -> list[tuple[str | None, bool]]:
    """Return for each photo its place below the folder that was given, if no other has it, and whether its name is."""
    places = Counter(source.name for source in sources)
    names = [unicodedata.normalize("NFC", posixpath.basename(source.name)) for source in sources]
    counts = Counter(names)
    return [
        (source.name if places[source.name] == 1 else None, counts[name] == 1)
        for source, name in zip(sources, names, strict=True)
    ]


def _below_given(sources: Sequence[ListedPhoto]) -> list[str]:
    return [source.name for source in sources]


def _below_common(sources: Sequence[ListedPhoto]) -> list[str]:
    paths = [_absolute(source.path) for source in sources]
    common = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    return [posixpath.relpath(path, common) for path in paths]


def _with_hash(sources: Sequence[ListedPhoto]) -> list[str]:
    return [_hashed(name, source.path) for source, name in zip(sources, _below_common(sources), strict=True)]


def _hashed(name: str, photo: str) -> str:
    """Return a name with a hash of its photo's path before the suffix."""
    stem, suffix = posixpath.splitext(name)
    return f"{stem}-{hashlib.sha256(os.fsencode(photo)).hexdigest()[:12]}{suffix}"


def _absolute(path: str) -> str:
    """Return a path from the root, with "/"; a URL becomes /bucket/name."""
    if is_remote(path):
        return "/" + safe_name(path.split("://", 1)[1])
    return os.path.abspath(path).replace(os.sep, "/")


def _mask_names(names: Sequence[str]) -> list[str]:
    """Name the masks after the photos' stems; after their whole names where two stems are the same."""
    masks = [_mask_name(posixpath.splitext(name)[0]) for name in names]
    return masks if _are_distinct(masks) else [_mask_name(name) for name in names]


def _mask_name(name: str) -> str:
    folder, base = posixpath.split(name)
    return posixpath.join(MASKS, folder, shorten(base, ".png"))


def _are_distinct(names: Sequence[str]) -> bool:
    """Tell whether no name is there twice, is a folder in another one, or belongs to the job itself."""
    plain = set(map(_plain, names))
    folders = {name[:end] for name in plain for end in _slashes(name)}
    return len(plain) == len(names) and not plain & folders and not any(map(_OWN.fullmatch, plain))


def _plain(name: str) -> str:
    """Return the same for names that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _slashes(name: str) -> list[int]:
    return [position for position, character in enumerate(name) if character == "/"]


def refuse_overwriting(tasks: Iterable[Task], output_dir: str, side_dir: str | None = None) -> None:
    """Raise InputError where an output, or a mask in its folder, would take the place of an input."""
    tasks = list(tasks)
    folders: dict[str, tuple[int, int] | str] = {}
    inputs = {_place(task.photo, folders): task.photo for task in tasks}
    for task in tasks:
        for root, name in ((output_dir, task.output), (side_dir or output_dir, task.mask)):
            if name and (found := inputs.get(_place(output_path(root, name), folders))):
                raise InputError(
                    f"{printable(found)}: an output would overwrite it; choose another folder than {printable(root)}"
                )


def _place(path: str, folders: dict[str, tuple[int, int] | str]) -> tuple:
    """Return the same value for all spellings of a directory entry, whatever links lead to its folder."""
    if is_remote(path):
        fs, path = file_system(path)
        if "file" not in fs.protocol:
            return fs.protocol, path
    folder, name = os.path.split(os.path.abspath(path))
    if folder not in folders:
        try:
            status = os.stat(folder)
            folders[folder] = status.st_dev, status.st_ino
        except OSError:
            folders[folder] = os.path.realpath(folder)
    return folders[folder], name.casefold()


def in_shard(task: Task, shard: int, shards: int) -> bool:
    """Tell whether a task belongs to part `shard` of `shards`; a longer list moves no photo to another part.

    The output's name decides, which is the same wherever the photos are mounted.
    """
    digest = hashlib.sha256(os.fsencode(task.output or task.photo)).digest()
    return int.from_bytes(digest[:8], "big") % shards == shard - 1
