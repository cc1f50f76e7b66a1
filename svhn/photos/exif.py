"""The EXIF block of a photo: read entry by entry, whatever is damaged in it, and written anew."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

PREFIX = b"Exif\0\0"  # of the block in a JPEG
ORIENTATION = 0x0112
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_WIDTH, _HEIGHT = 0xA002, 0xA003
_PLACES = (2, 4, 20, 22, 28)  # latitude, longitude, those of the destination, the area's name
# Types of TIFF 6.0 and Exif 3.0.
_BYTE, _SHORT, _LONG, _PLACE, _UTF8 = 1, 3, 4, 13, 129
_WHOLE = (_BYTE, _SHORT, _LONG, _PLACE)
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, _PLACE: 4, _UTF8: 1}
_UNIT_BYTES = {5: 4, 10: 4}  # a fraction is two numbers; of the others one value is one number
_ENTRY_BYTES, _INLINE_BYTES, _HEADER_BYTES = 12, 4, 8
_MOST_ENTRIES, _MOST_BYTES = 1000, 1 << 16  # in a directory and an entry; cameras write less than a hundred


@dataclass(frozen=True)
class Entry:
    """One entry of a directory: TIFF type, number of values, and their bytes, the lowest first."""

    type: int
    count: int
    data: bytes


Directory = dict[int, Entry]


@dataclass(frozen=True)
class ExifBlock:
    """The directories of an EXIF block.

    Attributes
    ----------
    main, exif, gps : dict of int to Entry
        By tag: what describes the picture, how it was taken, and where.
    """

    main: Directory = field(default_factory=dict)
    exif: Directory = field(default_factory=dict)
    gps: Directory = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        """How the pixels lie in the file, 1 to 8; 1 (upright) where the block does not say so."""
        found = numbers_of(self.main, ORIENTATION)
        return found[0] if len(found) == 1 and 1 <= found[0] <= 8 else 1

    @property
    def says_where(self) -> bool:
        """Whether the block says where the photo was taken."""
        return any(tag in self.gps for tag in _PLACES)

    def with_orientation(self, orientation: int) -> "ExifBlock":
        """Return the block with this orientation; 1 is not written."""
        main = {tag: entry for tag, entry in self.main.items() if tag != ORIENTATION}
        turned = {ORIENTATION: Entry(_SHORT, 1, struct.pack("<H", orientation))} if orientation != 1 else {}
        return replace(self, main=main | turned)

    def on_its_side(self) -> "ExifBlock":
        """Return the block with the width and height that it repeats swapped."""
        exif = dict(self.exif)
        if _WIDTH in exif and _HEIGHT in exif:
            exif[_WIDTH], exif[_HEIGHT] = exif[_HEIGHT], exif[_WIDTH]
        return replace(self, exif=exif)

    def to_bytes(self) -> bytes | None:
        """Return the block as it stands in a JPEG, with its prefix; None where there is nothing in it."""
        content = struct.pack("<2sHI", b"II", 42, _HEADER_BYTES)
        directory = self.directory_bytes(_HEADER_BYTES)
        return PREFIX + content + directory if any((self.main, self.exif, self.gps)) else None

    def directory_bytes(self, offset: int) -> bytes:
        """Return the main directory as it stands at `offset` (even) of a little-endian file, the others after it."""
        below = ((_EXIF_DIRECTORY, self.exif), (_GPS_DIRECTORY, self.gps))
        main = self.main | {tag: Entry(_LONG, 1, bytes(4)) for tag, entries in below if entries}
        parts = [b""]
        position = offset + len(_written(main, offset))
        for tag, entries in below:
            if entries:
                main[tag] = Entry(_LONG, 1, struct.pack("<I", position))
                parts.append(_written(entries, position))
                position += len(parts[-1])
        return _written(main, offset) + b"".join(parts)


def read_exif(content: bytes) -> ExifBlock:
    """Read the directories of an EXIF block, or of a TIFF file; what is damaged is left out.

    Parameters
    ----------
    content : bytes
        With or without the prefix that it has in a JPEG.
    """
    while content.startswith(PREFIX):
        content = content[len(PREFIX) :]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None or len(content) < _HEADER_BYTES:
        return ExifBlock()
    (first,) = struct.unpack_from(f"{order}I", content, 4)
    main, _ = read_directory(content, first, order)
    places = (numbers_of(main, tag) for tag in (_EXIF_DIRECTORY, _GPS_DIRECTORY))
    exif, gps = (read_directory(content, place[0], order)[0] if place else {} for place in places)
    return ExifBlock(main, exif, gps)


def read_directory(content: bytes, position: int, order: str) -> tuple[Directory, int]:
    """Return the directory at `position` and where the next one is (0 for nowhere), as far as they can be read.

    Parameters
    ----------
    content : bytes
        A TIFF, or a block of EXIF without its prefix.
    position : int
    order : str
        "<" or ">", which byte of a number comes first in the file.
    """
    entries = dict(_read(content, position, order))
    if position + 2 > len(content):
        return entries, 0
    end = position + 2 + _ENTRY_BYTES * struct.unpack_from(f"{order}H", content, position)[0]
    return entries, struct.unpack_from(f"{order}I", content, end)[0] if end + 4 <= len(content) else 0


def numbers_of(entries: Directory, tag: int) -> list[int]:
    """Return the whole numbers of an entry; none where it is missing or holds something else."""
    entry = entries.get(tag)
    if entry is None or entry.type not in _WHOLE:
        return []
    size = _TYPE_BYTES[entry.type]
    return [int.from_bytes(entry.data[start : start + size], "little") for start in range(0, len(entry.data), size)]


def _read(content: bytes, position: int, order: str) -> Iterator[tuple[int, Entry]]:
    """Yield tag and entry of each entry of the directory at `position`, as far as it can be read."""
    if position + 2 > len(content):
        return
    (count,) = struct.unpack_from(f"{order}H", content, position)
    for start in range(position + 2, position + 2 + _ENTRY_BYTES * min(count, _MOST_ENTRIES), _ENTRY_BYTES):
        if start + _ENTRY_BYTES > len(content):
            return
        tag, type, values = struct.unpack_from(f"{order}HHI", content, start)
        size = _TYPE_BYTES.get(type, 0) * values
        at = start + 8 if size <= _INLINE_BYTES else struct.unpack_from(f"{order}I", content, start + 8)[0]
        if 0 < size <= min(_MOST_BYTES, len(content) - at):
            data = content[at : at + size]
            yield tag, Entry(type, values, data if order == "<" else _swapped(data, type))


def _swapped(data: bytes, type: int) -> bytes:
    """Return the bytes of numbers with the lowest first, of such with the highest first."""
    unit = _UNIT_BYTES.get(type, _TYPE_BYTES[type])
    return b"".join(data[start : start + unit][::-1] for start in range(0, len(data), unit))


def _written(entries: Directory, offset: int) -> bytes:
    """Return a directory as it stands at `offset`, with the values that have no room in it after it."""
    head, values = struct.pack("<H", len(entries)), b""
    position = offset + 2 + _ENTRY_BYTES * len(entries) + 4
    for tag, entry in sorted(entries.items()):
        value = entry.data.ljust(_INLINE_BYTES, b"\0")
        if len(value) > _INLINE_BYTES:
            value, data = struct.pack("<I", position + len(values)), value
            values += data + bytes(len(data) % 2)
        head += struct.pack("<HHI", tag, entry.type, entry.count) + value
    return head + bytes(4) + values
