"""WebP, lossy and lossless."""

import struct
from typing import Any

from PIL import Image

from svhn.photos.formats.pillow import LOSSY_QUALITY, PillowFormat

_RIFF_HEADER = 12  # bytes


class WebpFormat(PillowFormat):
    """WebP: a lossless file stays lossless, also the colours under full transparency."""

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return whether the file is lossless."""
        lossless = b"VP8L" in _chunk_names(content)
        return {"exact": True} | ({"lossless": True} if lossless else {"quality": LOSSY_QUALITY})


def _chunk_names(content: bytes) -> set[bytes]:
    """Return the names of a WebP file's chunks."""
    names, position = set(), _RIFF_HEADER
    while position + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, position)
        names.add(name)
        position += 8 + size + size % 2
    return names


WEBP = WebpFormat("WEBP", (".webp",))
