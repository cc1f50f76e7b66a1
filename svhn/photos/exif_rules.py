"""EXIF by whitelist: which tags may go into an output, of which types, and how long.

A preview or a part of the old picture hides wherever bytes are copied unread: a thumbnail of 210 bytes is legible. So
an entry is kept only where the standard (CIPA DC-008, Exif 2.32) knows its tag, and its values are numbers as few as it
says, or text that is text. The others are left out one by one.
"""

import re
import unicodedata
from collections.abc import Callable

from svhn.photos.exif import Directory, Entry, ExifBlock

# Types of TIFF 6.0 and Exif 3.0.
_BYTE, _ASCII, _UNDEFINED, _UTF8 = 1, 2, 7, 129
_NUMBERS = (_BYTE, 3, 4, 5, 6, 8, 9, 10)
_LONGEST_TEXT = 1024  # bytes
# So many letters and digits without a break are no words, but bytes written as letters (base64 has lines of 64 and 76).
_NO_WORDS = re.compile(r"[A-Za-z0-9+/=_-]{60}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# What a comment begins with: how its text is coded.
_CODE_BYTES, _PLAIN, _UNICODE = 8, b"ASCII\0\0\0", b"UNICODE\0"

Rule = Callable[[Entry], Entry | None]


def clean_exif(block: ExifBlock) -> ExifBlock:
    """Return what of a block may go into an output."""
    return ExifBlock(*(_kept(*pair) for pair in ((block.main, _MAIN), (block.exif, _EXIF), (block.gps, _GPS))))


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
    good = text and len(data) <= 2 * _LONGEST_TEXT and _is_readable(text) and not _no_letters(text)
    return text if good else None


def _no_letters(text: str) -> bool:
    """Return whether a text has characters that nothing is written with: bytes of any kind make some UTF-16."""
    return any(unicodedata.category(letter) in ("Cn", "Co", "Cs") for letter in text)


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
        _two_texts: (0x8298,),
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
            *(0xA001, 0xA002, 0xA003, 0xA20B, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217),
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
