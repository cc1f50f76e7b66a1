"""WebP, lossy and lossless."""

import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image

from svhn.photos.formats.pillow import LOSSY_QUALITY, PillowFormat
from svhn.photos.metadata import Metadata, exif_as_stored, stored_size
from svhn.photos.pixels import Pixels

_RIFF_HEADER = 12  # bytes
_PICTURE = (b"ALPH", b"VP8 ", b"VP8L")  # alpha of a lossy picture, lossy and lossless picture
_ICC, _ALPHA, _EXIF, _XMP = 0x20, 0x10, 0x08, 0x04  # flags of VP8X: what the file holds besides the picture


class WebpFormat(PillowFormat):
    """WebP: a lossless file stays lossless, also the colours under full transparency."""

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return whether the file is lossless."""
        lossless = b"VP8L" in dict(_chunks(content))
        return {"exact": True} | ({"lossless": True} if lossless else {"quality": LOSSY_QUALITY})

    def rewrite(self, content: bytes, pixels: Pixels, metadata: Metadata) -> bytes:
        """Return a file with the picture's own chunks and this metadata; see `PhotoFormat`."""
        chunks = dict(_chunks(content))
        picture = [(name, chunks[name]) for name in _PICTURE if name in chunks]
        exif, profile = exif_as_stored(metadata), metadata.icc_profile
        after = [(name, data) for name, data in ((b"EXIF", exif), (b"XMP ", metadata.xmp)) if data]
        flags = _ICC * bool(profile) | _ALPHA * (pixels.mode == "RGBA")
        flags |= _EXIF * bool(exif) | _XMP * bool(metadata.xmp)
        height, width = stored_size(pixels.native, metadata.orientation)
        header = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        parts = [(b"VP8X", header)] if flags else []
        parts += ([(b"ICCP", profile)] if profile else []) + picture + after
        body = b"WEBP" + b"".join(_chunk(name, data) for name, data in parts)
        return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk of a WebP file, as far as it goes."""
    position = _RIFF_HEADER
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


WEBP = WebpFormat("WEBP", (".webp",))
