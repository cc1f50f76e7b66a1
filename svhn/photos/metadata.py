"""What a photo file says beside its pixels: how to turn it upright, what may go into the output, what must not.

The rule against leaks: the output is a new file, into which go the pixels and what is named here. Everything else
stays behind, because the old picture hides in it: EXIF thumbnails and maker notes, Photoshop resources, XMP (previews,
depth and original images), IPTC previews, further pictures of an MPO, video or pictures after the end of a JPEG.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

ORIENTATION = ExifTags.Base.Orientation
# How stored pixels are turned upright, by EXIF orientation.
_UPRIGHT = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}
# The tags of the first EXIF directory that describe the picture; others say how its pixels lie in the file, or hold
# previews. Make, model, software, time, author, rights, title, comment, keywords, subject, rating.
_DESCRIPTIVE_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x0213, 0x4746, 0x8298, *range(0x9C9B, 0x9CA0))
_DIRECTORIES = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
# An EXIF value with more characters or numbers may be a picture; the smallest legible thumbnails have more.
_LONGEST_VALUE = 2048
# PNG chunks that say what the numbers of the pixels mean.
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs")
_PNG_START = 8 + 25  # signature and IHDR


def orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8; 1 (upright) where it is missing or damaged."""
    try:
        found = image.getexif().get(ORIENTATION, 1)
    except Exception:  # Pillow raises many kinds of error on damaged EXIF
        return 1
    return found if found in _UPRIGHT else 1


def turn_upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Return pixels (H, W, ...) turned upright, contiguous."""
    return np.ascontiguousarray(_UPRIGHT.get(orientation, lambda same: same)(pixels))


def clean_exif(image: Image.Image) -> bytes | None:
    """Return the EXIF block of an upright picture without thumbnails, maker notes and other places of previews.

    None where there is no EXIF, or it is too damaged to be read.
    """
    try:
        exif, kept = image.getexif(), Image.Exif()
        kept.endian = exif.endian  # UTF-16 comments are in this order
        kept.update({tag: exif[tag] for tag in _DESCRIPTIVE_TAGS if tag in exif and _is_short(exif[tag])})
        for directory in _DIRECTORIES:
            values = {tag: value for tag, value in exif.get_ifd(directory).items() if _is_short(value)}
            for tag in (ExifTags.Base.MakerNote, ExifTags.Base.ExifInteroperabilityOffset):
                values.pop(tag, None)
            if values:
                kept[directory] = _as_upright(values, orientation(image))
        return kept.tobytes() if len(kept) else None
    except Exception:  # Pillow raises many kinds of error on damaged EXIF
        return None


def png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk of a PNG, as far as it goes."""
    position = 8
    while position + 12 <= len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += size + 12  # length, name and checksum are four bytes each


def png_is_whole(content: bytes) -> bool:
    """Return whether the checksums of a PNG's pixels, header and palette are right and its end is there."""
    position = 8
    for name, data in png_chunks(content):
        position += len(data) + 12
        if name[:1].isupper() and content[position - 4 : position] != struct.pack(">I", zlib.crc32(name + data)):
            return False
        if name == b"IEND":
            return True
    return False


def colour_chunks(content: bytes) -> dict[bytes, bytes]:
    """Return the chunks of a PNG that say how its numbers are to be seen: profile, gamma, resolution."""
    return {name: data for name, data in png_chunks(content) if name in _COLOUR_CHUNKS}


def with_png_chunks(content: bytes, chunks: dict[bytes, bytes]) -> bytes:
    """Return a PNG with further chunks before its pixels."""
    inserted = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return content[:_PNG_START] + inserted + content[_PNG_START:]


def tiff_tags(metadata: dict, others: dict) -> ImageFileDirectory_v2:
    """Return EXIF block, colour profile and resolution as TIFF tags, with others by their numbers."""
    tags = ImageFileDirectory_v2()
    for tag, value in others.items():
        tags[tag] = value
    exif = Image.Exif()
    exif.load(metadata.get("exif"))
    for tag, value in exif.items():
        tags[tag] = exif.get_ifd(tag) if tag in _DIRECTORIES else value
    if "icc_profile" in metadata:
        tags.tagtype[ExifTags.Base.InterColorProfile] = 7  # bytes of no type
        tags[ExifTags.Base.InterColorProfile] = metadata["icc_profile"]
    if "dpi" in metadata:
        tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = (float(value) for value in metadata["dpi"])
        tags[ExifTags.Base.ResolutionUnit] = 2  # inch
    return tags


def with_tiff_tags(content: bytes, tags: ImageFileDirectory_v2) -> bytes:
    """Return a little-endian TIFF of one picture with further tags; they replace those of the same number.

    The new directory and its values are appended: the offsets in the old one stay true.
    """
    content += bytes(len(content) % 2)
    extended = content + tags.tobytes(len(content))
    (first,) = struct.unpack_from("<I", content, 4)
    entries = _tiff_entries(extended, first) | _tiff_entries(extended, len(content))
    extended += bytes(len(extended) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return extended[:4] + struct.pack("<I", len(extended)) + extended[8:] + directory


def jpeg_end(content: bytes) -> int | None:
    """Return where the main picture's end marker lies in a JPEG; None when it is missing."""
    data = np.frombuffer(content, np.uint8)
    starts = np.flatnonzero(data[:-1] == 0xFF)
    kinds = data[starts + 1]
    markers = starts[(kinds != 0) & (kinds != 0xFF) & (kinds & 0xF8 != 0xD0)]  # neither data nor restarts in them
    position = 2
    while (index := int(np.searchsorted(markers, position))) < len(markers):
        start = int(markers[index])
        if content[start + 1] == 0xD9:
            return start
        position = start + 2
        if position + 2 <= len(content):
            position += struct.unpack_from(">H", content, position)[0]
    return None


def riff_chunks(content: bytes) -> set[bytes]:
    """Return the names of a WebP file's chunks."""
    names, position = set(), 12
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        names.add(name)
        position += 8 + size + size % 2
    return names


def _is_short(value: object) -> bool:
    return not isinstance(value, (bytes, str, tuple)) or len(value) <= _LONGEST_VALUE


def _as_upright(values: dict, orientation: int) -> dict:
    """Swap the width and height that EXIF repeats, where the picture was stored lying on its side."""
    width, height = ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight
    if orientation >= 5 and width in values and height in values:
        values[width], values[height] = values[height], values[width]
    return values


def _tiff_entries(content: bytes, position: int) -> dict[int, bytes]:
    """Return the 12 bytes of each entry of the directory at `position`, by tag."""
    (count,) = struct.unpack_from("<H", content, position)
    starts = range(position + 2, position + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", content, start)[0]: content[start : start + 12] for start in starts}
