"""AVIF with 8 bit per channel."""

from typing import Any

from PIL import Image

from svhn.errors import InputError
from svhn.photos.formats.pillow import LOSSY_QUALITY, PillowFormat

# The third byte of an av1C box, from its highest bit (AV1 in ISO BMFF, section 2.3.3): tier, more than 8 bit, 12 bit,
# no colours, subsampled in x, subsampled in y, and where.
_CONFIGURATION, _FLAGS = b"av1C", 6
_MORE_THAN_8_BIT = 0b0100_0000
_SUBSAMPLING = {0b000: "4:4:4", 0b010: "4:2:2", 0b011: "4:2:0", 0b111: "4:0:0"}


class AvifFormat(PillowFormat):
    """AVIF: the output keeps the chroma subsampling."""

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return quality and subsampling; one thread, since a worker has one."""
        return {"quality": LOSSY_QUALITY, "max_threads": 1, "subsampling": _subsampling(content)}


def _subsampling(content: bytes) -> str:
    """Return the chroma subsampling that the av1C box of an AVIF file states."""
    start = content.find(_CONFIGURATION)
    flags = content[start + _FLAGS] if 0 <= start < len(content) - _FLAGS else 0
    if flags & _MORE_THAN_8_BIT:
        raise InputError("an AVIF with 10 or 12 bit per channel, expected 8; save it with 8 bit per channel")
    return _SUBSAMPLING.get(flags >> 2 & 0b111, "4:4:4")


AVIF = AvifFormat("AVIF", (".avif",))
