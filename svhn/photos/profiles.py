"""Colour profiles by whitelist: ICC.1:2022, with what is known to be in a profile and nothing between it."""

import re
import struct

_HEADER_BYTES, _ENTRY_BYTES = 128, 12
_SIGNATURE, _SIGNATURE_AT = b"acsp", 36
_MOST_BYTES, _MOST_TAGS = 1 << 22, 100  # profiles of printers have 3 MB at most, and some thirty tags
_ALIGNMENT = 4  # bytes; what lies between two values is shorter
# What starts the coded pictures that could be legible: JPEG, PNG, WebP, GIF, and boxes of AVIF and HEIC.
_PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG|RIFF....WEBP|GIF8[79]a|ftyp(avif|avis|heic|heix|mif1|msf1)", re.DOTALL)
# The tags of ICC.1 (section 9.2), of version 2, and two of cameras and screens: names, white, primaries, curves,
# tables, how it was measured, gamma of the screen.
_TAGS = frozenset(
    b"desc cprt wtpt bkpt chad chrm chrd lumi meas view vued tech targ dmnd dmdd cicp calt ciis clro clrt clot gamt "
    b"rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC A2B0 A2B1 A2B2 A2B3 B2A0 B2A1 B2A2 B2A3 D2B0 D2B1 D2B2 D2B3 B2D0 B2D1 B2D2 "
    b"B2D3 pre0 pre1 pre2 rig0 rig2 resp vcgt ndin aarg aagg aabg mmod".split()
)
# The most bytes that a value of a type has; tables have no limit of their own.
_TYPES = {b"XYZ ": 128, b"para": 64, b"sf32": 128, b"sig ": 16, b"dtim": 32, b"view": 64, b"meas": 64, b"chrm": 64}
_TYPES |= {b"cicp": 16, b"text": 4096, b"desc": 4096, b"mluc": 16384, b"curv": 1 << 18, b"vcgt": 1 << 16}
_TYPES |= {b"ndin": 256, b"mmod": 64} | dict.fromkeys((b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet"), _MOST_BYTES)


def clean_profile(profile: bytes | None) -> bytes | None:
    """Return a colour profile with its known tags; None where there is none, or it is not one.

    A profile in which there is nothing else comes back as it is, without what follows its declared end.
    """
    if not profile or profile[_SIGNATURE_AT : _SIGNATURE_AT + 4] != _SIGNATURE or len(profile) <= _HEADER_BYTES + 4:
        return None
    (size,) = struct.unpack_from(">I", profile)
    profile = profile[:size]
    if len(profile) != size or size > _MOST_BYTES:
        return None
    values = _values(profile)
    kept = {tag: value for tag, value in values.items() if _is_known(tag, profile[value[0] : sum(value)])}
    if not kept:
        return None
    whole = kept == values and _is_filled(values, size)
    return profile if whole else _rebuilt(profile, kept)


def _values(profile: bytes) -> dict[bytes, tuple[int, int]]:
    """Return start and size of each tag's value that lies inside the profile."""
    (count,) = struct.unpack_from(">I", profile, _HEADER_BYTES)
    start = _HEADER_BYTES + 4
    end = min(start + min(count, _MOST_TAGS) * _ENTRY_BYTES, len(profile) - _ENTRY_BYTES + 1)
    entries = (struct.unpack_from(">4sII", profile, position) for position in range(start, end, _ENTRY_BYTES))
    return {tag: (at, size) for tag, at, size in entries if at >= _HEADER_BYTES and 8 <= size <= len(profile) - at}


def _is_known(tag: bytes, value: bytes) -> bool:
    is_table = value[:4] in (b"mft1", b"mft2", b"mAB ", b"mBA ", b"mpet", b"curv", b"vcgt")
    fits = len(value) <= _TYPES.get(value[:4], 0)
    return tag in _TAGS and fits and (is_table or not _PICTURE.search(value))


def _is_filled(values: dict[bytes, tuple[int, int]], size: int) -> bool:
    """Return whether header, list of tags and their values leave no room in a profile but to align them."""
    position = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(values)
    for start, length in sorted(values.values()):
        if start - position >= _ALIGNMENT:
            return False
        position = max(position, start + length)
    return size - position < _ALIGNMENT


def _rebuilt(profile: bytes, kept: dict[bytes, tuple[int, int]]) -> bytes:
    """Return a profile with these values one after the other."""
    values, entries = b"", b""
    first = _HEADER_BYTES + 4 + _ENTRY_BYTES * len(kept)
    for tag, (start, size) in kept.items():
        entries += struct.pack(">4sII", tag, first + len(values), size)
        values += profile[start : start + size] + bytes(-size % _ALIGNMENT)
    return (
        struct.pack(">I", first + len(values))
        + profile[4:_HEADER_BYTES]
        + struct.pack(">I", len(kept))
        + entries
        + values
    )
