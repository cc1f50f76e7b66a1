"""JPEG, and of the several pictures of an MPO the first one."""

import io
import struct
from typing import Any

import cv2
import numpy as np
from PIL import Image, JpegImagePlugin

from svhn.errors import InputError
from svhn.photos.formats.pillow import PillowFormat, as_image
from svhn.photos.metadata import lies_on_its_side
from svhn.photos.pixels import Pixels

# JPEG decoders put this gray where data are missing; they run out in the last corner first.
_UNSURE_GRAY, _CORNER = 128, 8
_LEAST_FILLER = 4096  # bytes; with two bits for each pixel more than any missing blocks take
_MOST_BYTES_PER_PIXEL = 1.5  # of progressive files; Pillow fails at more than two, which is noise
# Markers of ISO/IEC 10918-1, table B.1: the end of a picture, and RST0 to RST7 inside its data.
_END, _RESTART, _RESTART_BITS = 0xD9, 0xD0, 0xF8
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

    def to_image(self, pixels: Pixels) -> Image.Image:
        """Return colours in the form that Pillow need not copy."""
        if pixels.mode == "RGB":
            return as_image(cv2.cvtColor(pixels.native, cv2.COLOR_RGB2RGBA), "RGBX")
        return super().to_image(pixels)


def jpeg_end(content: bytes) -> int | None:
    """Return where the main picture's end marker lies in a JPEG; None when it is missing."""
    data = np.frombuffer(content, np.uint8)
    starts = np.flatnonzero(data[:-1] == 0xFF)
    kinds = data[starts + 1]
    markers = starts[(kinds != 0) & (kinds != 0xFF) & (kinds & _RESTART_BITS != _RESTART)]  # the others are data
    position = 2
    while (index := int(np.searchsorted(markers, position))) < len(markers):
        start = int(markers[index])
        if content[start + 1] == _END:
            return start
        position = start + 2
        if position + 2 <= len(content):
            position += struct.unpack_from(">H", content, position)[0]
    return None


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
