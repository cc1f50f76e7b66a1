"""PNG, with 8 and 16 bit."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from svhn.errors import InputError
from svhn.photos.exif import PREFIX as EXIF_PREFIX
from svhn.photos.formats.deep import decode_deep, encode_deep, is_deep
from svhn.photos.formats.pillow import PillowFormat, without_unused
from svhn.photos.metadata import Metadata, exif_as_stored, kept_metadata
from svhn.photos.pixels import Pixels

_LEVEL = 3  # of compression: twice as fast as the default of 6, and files of the same size
# Chunks that say what the numbers of the pixels mean, with their sizes in bytes.
_COLOUR_CHUNKS = {b"cHRM": 32, b"gAMA": 4, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
_PROFILE, _PROFILE_HEAD = b"iCCP", b"ICC profile\0\0"  # its name, and that it is deflated
_XMP, _XMP_HEAD = b"iTXt", b"XML:com.adobe.xmp" + bytes(5)  # not compressed, no language, no translated name
# Header, palette, transparency, pixels, end.
_PICTURE_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_FRAME = 12  # bytes: length, name and checksum of a chunk
_START = len(_SIGNATURE) + _FRAME + 13  # signature and IHDR
# Channels by colour type: gray, RGB, palette, gray and alpha, RGBA; PNG specification, table 11.1.
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_COLOUR_TYPE, _INDEXED = 9, 3  # where the type stands in a header, and that of a picture with a palette
_TRANSPARENT_BYTES = {0: (2,), 2: (6,), _INDEXED: range(257)}  # section 11.3.2.1: one colour, or alpha for each entry
# First column, first row and distances of the passes of an interlaced PNG, section 8.1.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class PngFormat(PillowFormat):
    """PNG: profile, gamma and resolution are kept as the chunks that they were."""

    def decode(self, image: Image.Image, content: bytes) -> Pixels:
        """Decode a whole file; libpng writes about a damaged one to standard error."""
        if not _is_whole(content):
            raise InputError("the PNG is damaged or breaks off; copy or download it again")
        if is_deep(image):
            return decode_deep(image, content, self.save_options(image, content))
        return super().decode(image, content)

    def write(self, pixels: Pixels, metadata: Metadata) -> bytes:
        """Encode a picture; see `PhotoFormat`."""
        if pixels.native.dtype == np.uint16:
            content = encode_deep(pixels.native, ".png")
        else:
            content = super().write(pixels, metadata)
        return _with_chunks(content, _metadata_chunks(metadata, metadata.exif))

    def rewrite(self, content: bytes, pixels: Pixels, metadata: Metadata) -> bytes:
        """Return a file with the picture's own chunks and this metadata; see `PhotoFormat`."""
        picture = [(name, data) for name, data in _chunks(content) if name in _PICTURE_CHUNKS]
        header = picture[0][1]
        picture = [(name, data) for name, data in picture if _belongs_to(header, name, data)]
        if pixels.palette is not None:
            picture = _with_used_colours(picture, without_unused(pixels.palette, pixels.native))
        if not _holds_only_the_picture(header, b"".join(data for name, data in picture if name == b"IDAT")):
            return self.write(pixels, metadata)
        exif = exif_as_stored(metadata)
        return _with_chunks(_SIGNATURE + b"".join(_chunk(*each) for each in picture), _metadata_chunks(metadata, exif))

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return the compression, and the colour that stands for transparent."""
        return {"compress_level": _LEVEL} | super().save_options(image, content)

    def metadata(self, image: Image.Image, content: bytes) -> Metadata:
        """Return EXIF, and the chunks that say how the numbers are to be seen."""
        chunks = {name: data for name, data in _chunks(content) if len(data) == _COLOUR_CHUNKS.get(name)}
        return replace(kept_metadata(image), chunks=chunks)

    def metadata_options(self, metadata: Metadata) -> dict[str, Any]:
        """Return nothing: Pillow does not keep what the chunks say."""
        return {}


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk of a PNG, as far as it goes."""
    position = len(_SIGNATURE)
    while position + _FRAME <= len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += size + _FRAME


def _is_whole(content: bytes) -> bool:
    """Return whether the checksums of a PNG's pixels, header and palette are right and its end is there."""
    position = len(_SIGNATURE)
    for name, data in _chunks(content):
        position += len(data) + _FRAME
        if name[:1].isupper() and content[position - 4 : position] != struct.pack(">I", zlib.crc32(name + data)):
            return False
        if name == b"IEND":
            return True
    return False


def _belongs_to(header: bytes, name: bytes, data: bytes) -> bool:
    """Return whether a chunk is one that a picture of this colour type has; a palette may stand in others as a hint."""
    colours = header[_COLOUR_TYPE]
    if name == b"PLTE":
        return colours == _INDEXED
    if name == b"tRNS":
        return len(data) in _TRANSPARENT_BYTES.get(colours, ())
    return True


def _with_used_colours(picture: list[tuple[bytes, bytes]], palette: np.ndarray) -> list[tuple[bytes, bytes]]:
    """Return the chunks of a picture with the colours and the alpha of a palette (256, 4) uint8."""
    colours, alpha = palette[:, :3].tobytes(), palette[:, 3].tobytes()
    new = {b"PLTE": colours, b"tRNS": alpha}
    return [(name, new[name][: len(data)] if name in new else data) for name, data in picture]


def _holds_only_the_picture(header: bytes, compressed: bytes) -> bool:
    """Return whether the compressed data of a PNG are as many as its picture needs, with nothing after them."""
    width, height, depth, colours, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    bits = depth * _CHANNELS[colours]
    sizes = (
        ((-(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in _ADAM7)
        if interlaced
        else [(width, height)]
    )
    expected = sum(rows * (1 + -(-columns * bits // 8)) for columns, rows in sizes if columns > 0)
    inflater = zlib.decompressobj()
    found = inflater.decompress(compressed, expected + 1)
    return len(found) == expected and inflater.eof and not inflater.unused_data


def _metadata_chunks(metadata: Metadata, exif: bytes | None) -> dict[bytes, bytes]:
    """Return the chunks of EXIF, XMP and colour profile, and those that are kept as they were."""
    chunks = dict(metadata.chunks)
    if metadata.icc_profile:
        chunks[_PROFILE] = _PROFILE_HEAD + zlib.compress(metadata.icc_profile)
    if exif:
        chunks[b"eXIf"] = exif.removeprefix(EXIF_PREFIX)
    if metadata.xmp:
        chunks[_XMP] = _XMP_HEAD + metadata.xmp
    return chunks


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _with_chunks(content: bytes, chunks: dict[bytes, bytes]) -> bytes:
    """Return a PNG with further chunks before its pixels."""
    inserted = b"".join(_chunk(*each) for each in chunks.items())
    return content[:_START] + inserted + content[_START:]


PNG = PngFormat("PNG", (".png",))
