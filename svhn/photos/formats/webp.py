"""WebP, lossy and lossless."""

import contextlib
import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from svhn.photos.formats.pillow import LOSSY_QUALITY, SURPLUS, PillowFormat
from svhn.photos.metadata import Metadata, exif_as_stored, stored_size, turn_upright
from svhn.photos.pixels import Pixels

_RIFF_HEADER = 12  # bytes
_PICTURE = (b"ALPH", b"VP8 ", b"VP8L")  # alpha of a lossy picture, lossy and lossless picture
_ICC, _ALPHA, _EXIF, _XMP = 0x20, 0x10, 0x08, 0x04  # flags of VP8X: what the file holds besides the picture


class WebpFormat(PillowFormat):
    """WebP: a lossless file stays lossless, also the colours under full transparency."""

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return whether the file is lossless."""
        lossless = b"VP8L" in dict(_picture_chunks(content))
        return {"exact": True} | ({"lossless": True} if lossless else {"quality": LOSSY_QUALITY})

    def rewrite(self, content: bytes, pixels: Pixels, metadata: Metadata) -> bytes:
        """Return a file with the picture's own chunks and this metadata; see `PhotoFormat`."""
        picture = _picture_chunks(content)
        if self._has_surplus(picture, pixels, metadata.orientation):
            return self.write(pixels, metadata)
        exif, profile = exif_as_stored(metadata), metadata.icc_profile
        after = [(name, data) for name, data in ((b"EXIF", exif), (b"XMP ", metadata.xmp)) if data]
        flags = _ICC * bool(profile) | _EXIF * bool(exif) | _XMP * bool(metadata.xmp)
        before = [(b"ICCP", profile)] if profile else []
        return _file([_header(pixels, metadata.orientation, flags), *before, *picture, *after])

    def _has_surplus(self, picture: list[tuple[bytes, bytes]], pixels: Pixels, orientation: int) -> bool:
        """Return whether a chunk has data that its picture does not need: it stays the same when they are cut off."""
        for number, (name, data) in enumerate(picture):
            cut = [*picture[:number], (name, data[:-SURPLUS]), *picture[number + 1 :]]
            content = _file([_header(pixels, orientation, 0), *cut])
            with (
                contextlib.suppress(OSError, SyntaxError),
                Image.open(io.BytesIO(content), formats=[self.name]) as image,
            ):
                shorter = turn_upright(self.decode(image, content).native, orientation)
                if np.array_equal(shorter, pixels.native):
                    return True
        return False


def _picture_chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    """Return the chunks that make the picture; of several of a name the first, as decoders do."""
    found: dict[bytes, bytes] = {}
    for name, data in _chunks(content):
        found.setdefault(name, data)
    return [(name, found[name]) for name in _PICTURE if name in found]


def _header(pixels: Pixels, orientation: int, flags: int) -> tuple[bytes, bytes]:
    """Return the chunk that says what a file holds besides the picture, and how large that is."""
    flags |= _ALPHA * (pixels.mode == "RGBA")
    height, width = stored_size(pixels.native, orientation)
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X", struct.pack("<I", flags) + size


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of each chunk of a WebP file, as far as it goes."""
    position = _RIFF_HEADER
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        yield name, content[position + 8 : position + 8 + size]
        position += 8 + size + size % 2


WEBP = WebpFormat("WEBP", (".webp",))
