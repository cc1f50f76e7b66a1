"""HEIC and HEIF, the photos of phones, by pillow-heif where it is installed."""

import functools
import struct
from typing import Any

from PIL import Image

from svhn.errors import InputError, require_package
from svhn.photos.formats.pillow import LOSSY_QUALITY, PillowFormat
from svhn.photos.metadata import Metadata
from svhn.photos.pixels import Pixels

# Brands of ISO/IEC 23008-12, annex B: HEVC pictures and sequences; a file of AVIF may name the general ones as well.
_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_FILE_TYPE, _FIRST_BRAND, _MOST_BRANDS = b"ftyp", 8, 32
_DEPTH = 8


class HeifFormat(PillowFormat):
    """HEIC and HEIF with 8 bit per channel: the output keeps the chroma subsampling and is upright.

    The library turns a picture by what the file says beside its EXIF, which is what viewers do. Thumbnails, depth maps,
    gain maps and other pictures that belong to the photo are not read, and not written.
    """

    def recognises(self, content: bytes) -> bool:
        """Look for a brand of HEVC; the library is not needed for that."""
        return bool(_BRANDS & _brands(content))

    def read(self, content: bytes, max_pixels: int) -> tuple[Pixels, Metadata]:
        """Decode the picture; see `PhotoFormat`."""
        _make_known_to_pillow()
        return super().read(content, max_pixels)

    def write(self, pixels: Pixels, metadata: Metadata) -> bytes:
        """Encode a picture; see `PhotoFormat`."""
        _make_known_to_pillow()
        return super().write(pixels, metadata)

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return quality, subsampling, and what the colours mean where no profile says it."""
        if (depth := image.info.get("bit_depth", _DEPTH)) != _DEPTH:
            raise InputError(f"a HEIC with {depth} bit per channel, expected {_DEPTH}; save it with {_DEPTH} bit")
        options = {name: image.info[name] for name in ("chroma", "nclx_profile") if image.info.get(name)}
        return {"quality": LOSSY_QUALITY} | options

    def metadata_options(self, metadata: Metadata) -> dict[str, Any]:
        """Return the `save` options that carry the metadata; a HEIC has no resolution."""
        options = super().metadata_options(metadata)
        return {name: value for name, value in options.items() if name != "dpi"}


def _brands(content: bytes) -> set[bytes]:
    """Return the main brand and the compatible ones that the first box of a file names."""
    if len(content) < 2 * _FIRST_BRAND or content[4:8] != _FILE_TYPE:
        return set()
    (size,) = struct.unpack_from(">I", content)
    end = min(size, len(content), _FIRST_BRAND + 4 * _MOST_BRANDS)
    return {content[start : start + 4] for start in (_FIRST_BRAND, *range(_FIRST_BRAND + 8, end, 4))}


@functools.cache
def _make_known_to_pillow() -> None:
    require_package("pillow_heif", "pillow-heif", "heif", "a HEIC photo")
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


HEIF = HeifFormat("HEIF", (".heic", ".heif", ".hif"))
