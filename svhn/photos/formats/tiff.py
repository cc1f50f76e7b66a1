"""TIFF, with 8 and 16 bit, in its lossless compressions."""

import struct
from dataclasses import replace
from fractions import Fraction
from typing import Any

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from svhn.errors import InputError
from svhn.photos.exif import Entry, ExifBlock, read_exif
from svhn.photos.formats.deep import decode_deep, encode_deep, is_deep
from svhn.photos.formats.pillow import PillowFormat
from svhn.photos.formats.refused import is_raw
from svhn.photos.metadata import Metadata, kept_metadata
from svhn.photos.pixels import Pixels

# Lossless compressions by Pillow's name, with OpenCV's number where it writes them; others become this one.
_DEFLATE = "tiff_adobe_deflate"
_LOSSLESS = {"raw": 1, "tiff_lzw": 5, _DEFLATE: 8, "packbits": 32773}
_LOSSLESS |= dict.fromkeys(("tiff_deflate", "lzma", "zstd", "group3", "group4", "tiff_ccitt"), 8)
# Tags and their values, TIFF 6.0: what kind of page, which value is black, what the alpha means.
_NEW_SUBFILE_TYPE, _REDUCED_COPY = 254, 1
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
_EXTRA_SAMPLES, _UNASSOCIATED_ALPHA = 338, 2
_XMP, _PROFILE, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT, _INCH = 700, 34675, 282, 283, 296, 2
_BYTES, _SHORT, _FRACTION, _BYTES_OF_NO_TYPE = 1, 3, 5, 7  # types of values
_FINEST = 10_000  # denominator of a resolution
_ENTRY = 12  # bytes of an entry in a directory


class TiffFormat(PillowFormat):
    """TIFF: a lossless compression is kept, others become deflate."""

    def recognises(self, content: bytes) -> bool:
        """Leave raw files of cameras aside, which are built like a TIFF with a preview for its picture."""
        return super().recognises(content) and not is_raw(content)

    def check_single(self, image: Image.Image) -> None:
        """Let reduced copies of the first page pass; they are not written."""
        if not _are_reduced_copies(image):
            super().check_single(image)

    def decode(self, image: Image.Image, content: bytes) -> Pixels:
        """Decode the first page; see `PillowFormat`."""
        xmp = image.info.pop("xmp", None)  # Pillow would turn the picture by it
        pixels = self._decode_deep(image, content) if is_deep(image) else super().decode(image, content)
        image.info |= {"xmp": xmp} if xmp else {}
        return pixels

    def write(self, pixels: Pixels, metadata: Metadata) -> bytes:
        """Encode a picture; see `PhotoFormat`."""
        if pixels.native.dtype == np.uint16:
            compression = cv2.IMWRITE_TIFF_COMPRESSION, _LOSSLESS[pixels.options["compression"]]
            content = encode_deep(pixels.native, ".tiff", compression)
        else:
            content = super().write(pixels, metadata)
        return _with_tags(content, _tags(metadata, pixels.options.get("tiffinfo", {})))

    def metadata(self, image: Image.Image, content: bytes) -> Metadata:
        """Return what may be kept of the tags of the first page."""
        return kept_metadata(image, content)

    def metadata_options(self, metadata: Metadata) -> dict[str, Any]:
        """Return nothing: `write` adds the tags itself."""
        return {}

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return the compression."""
        compression = image.info.get("compression", "raw")
        return {"compression": compression if compression in _LOSSLESS else _DEFLATE}

    def _decode_deep(self, image: Image.Image, content: bytes) -> Pixels:
        tags = _tags_of(image)
        if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            raise InputError("16 bit per channel with white as zero cannot be read; save it with 8 bit per channel")
        pixels = decode_deep(image, content, self.save_options(image, content))
        if pixels.mode == "RGBA":
            pixels.options["tiffinfo"] = {_EXTRA_SAMPLES: tags.get(_EXTRA_SAMPLES, (_UNASSOCIATED_ALPHA,))}
        return pixels


def _tags_of(image: Image.Image) -> ImageFileDirectory_v2:
    """Return the tags of the page that Pillow is at."""
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    return image.tag_v2


def _are_reduced_copies(image: Image.Image) -> bool:
    """Return whether all further pages of a TIFF say that they are smaller versions of another one."""
    for page in range(1, getattr(image, "n_frames", 1)):
        image.seek(page)
        if not _tags_of(image).get(_NEW_SUBFILE_TYPE, 0) & _REDUCED_COPY:
            return False
    image.seek(0)
    return True


def _tags(metadata: Metadata, others: dict[int, tuple[int, ...]]) -> ExifBlock:
    """Return EXIF, colour profile, XMP and resolution as tags of a TIFF, with short numbers by their tags."""
    block = read_exif(metadata.exif or b"")
    tags = dict(block.main)
    for tag, values in others.items():
        tags[tag] = Entry(_SHORT, len(values), struct.pack(f"<{len(values)}H", *values))
    if metadata.icc_profile:
        tags[_PROFILE] = Entry(_BYTES_OF_NO_TYPE, len(metadata.icc_profile), metadata.icc_profile)
    if metadata.xmp:
        tags[_XMP] = Entry(_BYTES, len(metadata.xmp), metadata.xmp)
    if metadata.dpi:
        for tag, value in zip((_X_RESOLUTION, _Y_RESOLUTION), metadata.dpi, strict=True):
            ratio = Fraction(value).limit_denominator(_FINEST)
            tags[tag] = Entry(_FRACTION, 1, struct.pack("<II", ratio.numerator, ratio.denominator))
        tags[_RESOLUTION_UNIT] = Entry(_SHORT, 1, struct.pack("<H", _INCH))
    return replace(block, main=tags)


def _with_tags(content: bytes, tags: ExifBlock) -> bytes:
    """Return a little-endian TIFF of one picture with further tags; they replace those of the same number.

    The new directory and its values are appended: the offsets in the old one stay true.
    """
    content += bytes(len(content) % 2)
    extended = content + tags.directory_bytes(len(content))
    (first,) = struct.unpack_from("<I", content, 4)
    entries = _entries(extended, first) | _entries(extended, len(content))
    extended += bytes(len(extended) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries)) + bytes(4)
    return extended[:4] + struct.pack("<I", len(extended)) + extended[8:] + directory


def _entries(content: bytes, position: int) -> dict[int, bytes]:
    """Return the 12 bytes of each entry of the directory at `position`, by tag."""
    (count,) = struct.unpack_from("<H", content, position)
    starts = range(position + 2, position + 2 + _ENTRY * count, _ENTRY)
    return {struct.unpack_from("<H", content, start)[0]: content[start : start + _ENTRY] for start in starts}


TIFF = TiffFormat("TIFF", (".tif", ".tiff"))
