"""PNG, with 8 and 16 bit."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from svhn.errors import InputError
from svhn.photos.formats.deep import decode_deep, encode_deep, is_deep
from svhn.photos.formats.pillow import PillowFormat
from svhn.photos.metadata import Metadata, kept_metadata
from svhn.photos.pixels import Pixels

_LEVEL = 3  # of compression: twice as fast as the default of 6, and files of the same size
# Chunks that say what the numbers of the pixels mean.
_COLOUR_CHUNKS = (b"cHRM", b"gAMA", b"iCCP", b"sRGB", b"cICP", b"mDCV", b"cLLI", b"pHYs")
_SIGNATURE, _FRAME = 8, 12  # bytes: before the first chunk; length, name and checksum of each
_START = _SIGNATURE + _FRAME + 13  # signature and IHDR
_EXIF_PREFIX = b"Exif\0\0"  # of the block in a JPEG


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
        exif = {b"eXIf": metadata.exif.removeprefix(_EXIF_PREFIX)} if metadata.exif else {}
        return _with_chunks(content, metadata.chunks | exif)

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return the compression, and the colour that stands for transparent."""
        return {"compress_level": _LEVEL} | super().save_options(image, content)

    def metadata(self, image: Image.Image, content: bytes) -> Metadata:
        """Return EXIF, and the chunks that say how the numbers are to be seen."""
        chunks = {name: data for name, data in _chunks(content) if name in _COLOUR_CHUNKS}
        return replace(kept_metadata(image), chunks=chunks)

    def metadata_options(self, metadata: Metadata) -> dict[str, Any]:
        """Return nothing: Pillow does not keep what the chunks say."""
        return {}


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk of a PNG, as far as it goes."""
    position = _SIGNATURE
    while position + _FRAME <= len(content):
        size, name = struct.unpack_from(">I4s", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += size + _FRAME


def _is_whole(content: bytes) -> bool:
    """Return whether the checksums of a PNG's pixels, header and palette are right and its end is there."""
    position = _SIGNATURE
    for name, data in _chunks(content):
        position += len(data) + _FRAME
        if name[:1].isupper() and content[position - 4 : position] != struct.pack(">I", zlib.crc32(name + data)):
            return False
        if name == b"IEND":
            return True
    return False


def _with_chunks(content: bytes, chunks: dict[bytes, bytes]) -> bytes:
    """Return a PNG with further chunks before its pixels."""
    inserted = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks.items()
    )
    return content[:_START] + inserted + content[_START:]


PNG = PngFormat("PNG", (".png",))
