"""Photos that are known and not read: raw files, of which other programs take the preview for the photo, and others.

Raw files are recognised by what their makers write first, or, where they are built like a TIFF, by the tags of the
sensor: DNG 1.7, TIFF/EP (ISO 12234-2), and the layout of previews that Nikon and Sony share.
"""

import struct
from collections.abc import Iterator

from svhn.photos.exif import Directory, numbers_of, read_directory

_RAW_SUFFIXES = (
    *(".3fr", ".ari", ".arw", ".bay", ".cr2", ".cr3", ".crw", ".dcr", ".dcs", ".dng", ".erf", ".fff", ".gpr", ".iiq"),
    *(".kdc", ".mdc", ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".ptx", ".raf", ".raw", ".rw2"),
    *(".rwl", ".sr2", ".srf", ".srw", ".x3f"),
)
# Where makers put their marks: byte, mark. Canon (three kinds), Olympus (three), Panasonic, Fujifilm, Sigma, Minolta.
_MARKS = (
    *((8, b"CR\2"), (4, b"ftypcrx "), (6, b"HEAPCCDR"), (0, b"IIRO"), (0, b"IIRS"), (0, b"MMOR"), (0, b"IIU\0")),
    *((0, b"FUJIFILMCCD-RAW"), (0, b"FOVb"), (0, b"\0MRM")),
)
_JPEG_XL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_JPEG_2000 = (b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")
_SUBFILE_TYPE, _REDUCED, _PHOTOMETRIC, _DIRECTORIES, _DNG_VERSION = 254, 1, 262, 330, 50706
_SENSOR = (32803, 34892)  # photometric interpretations: colour filter array, linear raw
_MOST_DIRECTORIES = 50


def refused_kind(content: bytes, name: str) -> str | None:
    """Return what a file is that is known and not read, with what to do; None for any other.

    Parameters
    ----------
    content : bytes
        Of a file that no format recognises, or a TIFF.
    name : str
        Its name; its suffix tells raw files that do not show it.
    """
    if is_raw(content) or name.lower().endswith(_RAW_SUFFIXES):
        return "a raw file of a camera; develop it and save it as JPEG, PNG or TIFF"
    if content.startswith(_JPEG_XL):
        return "JPEG XL, which Pillow does not read; save it as JPEG or PNG"
    if content.startswith(_JPEG_2000):
        return "JPEG 2000, which is not read; save it as JPEG or PNG"
    return None


def is_raw(content: bytes) -> bool:
    """Return whether a file is raw data of a camera's sensor, whatever previews are in it."""
    if any(content[start : start + len(mark)] == mark for start, mark in _MARKS):
        return True
    directories = list(_all_directories(content))
    if any(numbers_of(tags, _PHOTOMETRIC)[:1] in ([kind] for kind in _SENSOR) for tags in directories):
        return True
    first = directories[0] if directories else {}
    is_preview = any(kind & _REDUCED for kind in numbers_of(first, _SUBFILE_TYPE))
    return _DNG_VERSION in first or (is_preview and _DIRECTORIES in first)


def _all_directories(content: bytes) -> Iterator[Directory]:
    """Yield the directories of a TIFF, those that another one names included, each once."""
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or len(content) < 8 or struct.unpack_from(f"{order}H", content, 2)[0] != 42:
        return
    pending, visited = [struct.unpack_from(f"{order}I", content, 4)[0]], {0}
    while pending and len(visited) <= _MOST_DIRECTORIES:
        position = pending.pop(0)
        if position in visited:
            continue
        visited.add(position)
        tags, following = read_directory(content, position, order)
        pending += [*numbers_of(tags, _DIRECTORIES), following]
        yield tags
