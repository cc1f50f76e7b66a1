"""JPEG, and of the several pictures of an MPO the first one."""

import io
import struct
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from svhn.errors import InputError
from svhn.photos.formats.jpeg_data import has_surplus, jpeg_end, marked_segments
from svhn.photos.formats.pillow import PillowFormat, as_image
from svhn.photos.metadata import Metadata, exif_as_stored, lies_on_its_side
from svhn.photos.pixels import Pixels

# JPEG decoders put this gray where data are missing; they run out in the last corner first.
_UNSURE_GRAY, _CORNER = 128, 8
_LEAST_FILLER = 4096  # bytes; with two bits for each pixel more than any missing blocks take
_MOST_BYTES_PER_PIXEL = 1.5  # of progressive files; Pillow fails at more than two, which is noise
# Markers of ISO/IEC 10918-1, table B.1.
_APP0, _APP1, _APP2, _APP14 = 0xE0, 0xE1, 0xE2, 0xEE
_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
# Segments that make the picture: frames, tables of quantisation and entropy coding, restarts, scans, number of lines.
_PICTURE = (*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD)
# "JFIF", version, unit and resolution; "Adobe", version, flags and colour transform.
_JFIF_BYTES, _ADOBE_BYTES = 12, 12
_XMP = b"http://ns.adobe.com/xap/1.0/\0"  # what its segment begins with
_PROFILE_PART = 0xFFFF - 2 - 14  # bytes of a colour profile in one segment, after its length and its head
_BROKEN_OFF = "the JPEG breaks off before its end; copy or download it again"


class JpegFormat(PillowFormat):
    """JPEG: the output keeps quantisation and subsampling, so blocks that did not change are rounded as they were."""

    def check_single(self, image: Image.Image) -> None:
        """Let the further pictures of an MPO pass; they belong to the first one, and are not written."""

    def decode(self, image: Image.Image, content: bytes) -> Pixels:
        """Decode a whole file; libjpeg fills missing data up with gray and says nothing."""
        if jpeg_end(content) is None:
            raise InputError(_BROKEN_OFF)
        pixels = super().decode(image, content)
        _check_data(image, content)
        return pixels

    def save_options(self, image: Image.Image, content: bytes) -> dict[str, Any]:
        """Return the input's quantisation tables, subsampling, and whether it is progressive."""
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        tables = [image.quantization[component[3]] for component in image.layer]
        while len(tables) > 1 and tables[-1] == tables[-2]:
            tables.pop()  # Pillow lets the last one serve the remaining components
        if lies_on_its_side(image):
            tables = [np.reshape(table, (8, 8)).T.ravel().tolist() for table in tables]
        fits = len(content) < _MOST_BYTES_PER_PIXEL * image.width * image.height
        options = {"qtables": tables, "progressive": "progressive" in image.info and fits}
        if image.mode == "RGB":
            stored_as_rgb = image.info.get("adobe_transform") == 0
            options |= {"subsampling": max(JpegImagePlugin.get_sampling(image), 0), "keep_rgb": stored_as_rgb}
        return options

    def rewrite(self, content: bytes, pixels: Pixels, metadata: Metadata) -> bytes:
        """Return a file with the segments of the main picture and this metadata; see `PhotoFormat`."""
        if has_surplus(content):
            return self.write(pixels, metadata)
        found = list(_segments(content))
        jfif = [_clean_jfif(data) for marker, data in found if marker == _APP0]
        adobe = list(filter(None, (_clean_adobe(data) for marker, data in found if marker == _APP14)))
        picture = [data for marker, data in found if marker in _PICTURE]
        return b"".join([_SOI, *jfif[:1], *_metadata_segments(metadata), *adobe[:1], *picture, _EOI])

    def to_image(self, pixels: Pixels) -> Image.Image:
        """Return colours in the form that Pillow need not copy."""
        if pixels.mode == "RGB":
            return as_image(cv2.cvtColor(pixels.native, cv2.COLOR_RGB2RGBA), "RGBX")
        return super().to_image(pixels)


def _segments(content: bytes) -> Iterator[tuple[int, bytes]]:
    for marker, start, end in marked_segments(content):
        yield marker, content[start:end]


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def _clean_jfif(segment: bytes) -> bytes:
    """Return an APP0 segment with version and resolution, without a thumbnail; nothing for one that is no JFIF."""
    data = segment[4:]
    return _segment(_APP0, data[:_JFIF_BYTES] + bytes(2)) if data.startswith(b"JFIF\0") else b""


def _clean_adobe(segment: bytes) -> bytes:
    """Return an APP14 segment that says how colours are coded, nothing for one that does not."""
    data = segment[4:]
    return _segment(_APP14, data[:_ADOBE_BYTES]) if data.startswith(b"Adobe") else b""


def _metadata_segments(metadata: Metadata) -> list[bytes]:
    """Return the segments of EXIF, XMP and colour profile."""
    exif, profile = exif_as_stored(metadata), metadata.icc_profile or b""
    parts = [profile[start : start + _PROFILE_PART] for start in range(0, len(profile), _PROFILE_PART)]
    first = ([_segment(_APP1, exif)] if exif else []) + ([_segment(_APP1, _XMP + metadata.xmp)] if metadata.xmp else [])
    return first + [
        _segment(_APP2, b"ICC_PROFILE\0" + bytes([number, len(parts)]) + part)
        for number, part in enumerate(parts, start=1)
    ]


def _check_data(image: Image.Image, content: bytes) -> None:
    """Raise when the data of a JPEG end before the picture does.

    What follows a whole picture does not change it; a picture with missing data takes it for its own.
    """
    corner = (max(image.width - _CORNER, 0), max(image.height - _CORNER, 0), image.width, image.height)
    if (np.asarray(image.crop(corner)) == _UNSURE_GRAY).all():
        end = jpeg_end(content)
        longer = content[:end] + bytes(image.width * image.height // 4 + _LEAST_FILLER) + content[end:]
        with Image.open(io.BytesIO(longer), formats=["JPEG"]) as again:
            if not np.array_equal(np.asarray(again), np.asarray(image)):
                raise InputError(_BROKEN_OFF)


JPEG = JpegFormat("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"))
