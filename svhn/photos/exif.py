"""EXIF by whitelist: which tags may go into an output, of which types, and how long.

A preview or a part of the old picture hides wherever bytes are copied unread: a thumbnail of 210 bytes is
legible. So an entry is kept only where the standard (CIPA DC-008, Exif 2.32) knows its tag, its values are numbers as
few as it says, or text that is text. What does not is left out; the others stay.
"""

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

PREFIX = b"Exif\0\0"  # of the block in a JPEG
ORIENTATION = 0x0112
_EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_WIDTH, _HEIGHT = 0xA002, 0xA003
_PLACES = (2, 4, 20, 22, 28)  # latitude, longitude, those of the destination, the area's name
_COPYRIGHT = 0x8298
# Types of TIFF 6.0 and Exif 3.0.
_BYTE, _ASCII, _SHORT, _LONG, _UNDEFINED, _PLACE, _UTF8 = 1, 2, 3, 4, 7, 13, 129
_WHOLE = (_BYTE, _SHORT, _LONG, _PLACE)
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, _PLACE: 4, _UTF8: 1}
_UNIT_BYTES = {5: 4, 10: 4}  # a fraction is two numbers; of the others one value is one number
_NUMBERS = (_BYTE, _SHORT, _LONG, 5, 6, 8, 9, 10)
_ENTRY_BYTES, _INLINE_BYTES, _HEADER_BYTES = 12, 4, 8
_MOST_ENTRIES, _MOST_BYTES = 1000, 1 << 16  # in a directory and an entry; cameras write less than a hundred
_LONGEST_TEXT = 1024  # bytes
# So many letters and digits without a break are no words, but bytes written as letters (base64 has lines of 64 and 76).
_NO_WORDS = re.compile(r"[A-Za-z0-9+/=_-]{60}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What a comment begins with: how its text is coded.
_CODE_BYTES, _PLAIN, _UNICODE = 8, b"ASCII\0\0\0", b"UNICODE\0"


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

    def clean(self) -> "ExifBlock":
        """Return what of the block may go into an output."""
        return ExifBlock(*(_kept(*pair) for pair in ((self.main, _MAIN), (self.exif, _EXIF), (self.gps, _GPS))))

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


Rule = Callable[[Entry], Entry | None]


def _kept(entries: Directory, rules: dict[int, Rule]) -> Directory:
    kept = {tag: rules[tag](entry) for tag, entry in entries.items() if tag in rules}
    return {tag: entry for tag, entry in kept.items() if entry is not None}


def _numbers(most: int) -> Rule:
    """Keep up to `most` numbers; cameras write signed ones for unsigned, and short ones for long."""
    return lambda entry: entry if entry.type in _NUMBERS and entry.count <= most else None


def _exactly(size: int) -> Rule:
    """Keep values of no type with so many bytes."""
    return lambda entry: entry if entry.type in (_UNDEFINED, _BYTE) and entry.count == size else None


def _text(entry: Entry) -> Entry | None:
    """Keep the text before the first NUL, whatever its coding: its bytes stay as they are."""
    data = entry.data.split(b"\0", 1)[0]
    return _as_text(entry.type, data)


def _two_texts(entry: Entry) -> Entry | None:
    """Keep the photographer's and the editor's rights, which a NUL keeps apart."""
    parts = entry.data.rstrip(b"\0").split(b"\0")[:2]
    return _as_text(entry.type, b"\0".join(parts)) if all(map(is_text, parts)) else None


def _as_text(type: int, data: bytes) -> Entry | None:
    good = type in (_ASCII, _UTF8) and 0 < len(data) <= _LONGEST_TEXT and all(map(is_text, data.split(b"\0")))
    return Entry(type, len(data) + 1, data + b"\0") if good else None


def _wide_text(entry: Entry) -> Entry | None:
    """Keep text in UTF-16, as Windows writes it into bytes."""
    text = _utf16(entry.data, "utf-16-le") if entry.type in (_BYTE, _UNDEFINED) else None
    return None if text is None else _entry_of(_BYTE, text.encode("utf-16-le") + bytes(2))


def _comment(entry: Entry) -> Entry | None:
    """Keep a comment that says how it is coded, and is text in that code."""
    code, data = entry.data[:_CODE_BYTES], entry.data[_CODE_BYTES:]
    if entry.type not in (_UNDEFINED, _ASCII, _BYTE) or len(data) > _LONGEST_TEXT:
        return None
    if code == _UNICODE:
        texts = (_utf16(data, coding) for coding in ("utf-16-le", "utf-16-be"))
        likely = sorted((text for text in texts if text), key=lambda text: sum(map(ord, text)))
        return _entry_of(_UNDEFINED, code + likely[0].encode("utf-16-le")) if likely else None
    data = data.rstrip(b"\0 ")
    known = code in (_PLAIN, bytes(_CODE_BYTES)) and data
    return _entry_of(_UNDEFINED, code + data) if known and is_text(data) else None


def _utf16(data: bytes, coding: str) -> str | None:
    """Return the text before the first NUL; None for what is no text."""
    try:
        text = data[: len(data) // 2 * 2].decode(coding).split("\0", 1)[0].removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    return text if text and len(data) <= 2 * _LONGEST_TEXT and _is_readable(text) else None


def _entry_of(type: int, data: bytes) -> Entry:
    return Entry(type, len(data), data)


def is_text(data: bytes) -> bool:
    """Return whether bytes are text in UTF-8 or a coding of one byte for each letter, not bytes of another kind."""
    try:
        return _is_readable(data.decode("utf-8"))
    except UnicodeDecodeError:
        return _is_readable(data.decode("latin-1"))


def _is_readable(text: str) -> bool:
    return not _CONTROL.search(text) and not _NO_WORDS.search(text)


def _rules(by_rule: dict[Rule, tuple[int, ...]]) -> dict[int, Rule]:
    return {tag: rule for rule, tags in by_rule.items() for tag in tags}


# Description, make, model, software, time, author, computer, rights, title, comment, keywords, subject, rating, where
# colours are sampled, resolution. Other tags say how the pixels lie in the file, or hold previews.
_MAIN = _rules(
    {
        _text: (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C),
        _two_texts: (_COPYRIGHT,),
        _wide_text: tuple(range(0x9C9B, 0x9CA0)),
        _numbers(1): (0x011A, 0x011B, 0x0128, 0x0213, 0x4746, 0x4749),
    }
)
# Not the maker's note, sound files, tables of the sensor (0x8828, 0xA20C, 0xA302, 0xA40B) and other directories.
_EXIF = _rules(
    {
        _text: (
            *(0x8824, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292, 0xA420),
            *range(0xA430, 0xA432),
            *range(0xA433, 0xA43D),
        ),
        _comment: (0x9286,),
        _exactly(4): (0x9000, 0x9101, 0xA000),
        _exactly(1): (0xA300, 0xA301),
        _numbers(1): (
            *(0x829A, 0x829D, 0x8822, *range(0x8830, 0x8836), 0x9102, *range(0x9201, 0x920B), *range(0x9400, 0x9406)),
            *(0xA001, _WIDTH, _HEIGHT, 0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217),
            *(*range(0xA401, 0xA40B), 0xA40C, 0xA460, 0xA500),
        ),
        _numbers(2): (0x8827, 0xA214, 0xA461),
        _numbers(4): (0x9214, 0xA432),
    }
)
_GPS = _rules(
    {
        _text: (1, 3, 8, 9, 10, 12, 14, 16, 18, 19, 21, 23, 25, 29),
        _comment: (27, 28),
        _numbers(1): (5, 6, 11, 13, 15, 17, 22, 24, 26, 30, 31),
        _numbers(3): (2, 4, 7, 20),
        _numbers(4): (0,),
    }
)
