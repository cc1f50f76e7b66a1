"""Photos in the forms in which people hold them: files, bytes, PIL images and arrays, there and back."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from svhn.errors import InputError
from svhn.jobs.output import read_bytes
from svhn.photos import PhotoConfig, byte_limit

# Modes of PIL images that PNG keeps, and that are photos.
_MODES = ("L", "LA", "RGB", "RGBA")
_FAST = 1  # of zlib's levels


def as_content(photo: Any) -> tuple[bytes, Callable[[bytes], Any]]:
    """Return the content of a photo file, and what makes the form of `photo` again out of such content.

    Parameters
    ----------
    photo : bytes, str, Path, PIL.Image.Image, or ndarray (H, W), (H, W, 3) or (H, W, 4) uint8
        Of a path a PIL image is made.

    Raises
    ------
    InputError
        When it is nothing of these, or a file that cannot be read.
    """
    if isinstance(photo, bytes | bytearray | memoryview):
        return bytes(photo), bytes
    if isinstance(photo, str | Path):
        return read_bytes(str(photo), byte_limit(PhotoConfig.max_pixels)), _as_image
    if isinstance(photo, Image.Image):
        return _content_of_image(photo)
    if isinstance(photo, np.ndarray):
        return _content_of_array(photo)
    raise InputError(f"expected a photo as path, bytes, PIL image or array, received {type(photo).__name__}")


def _content_of_image(image: Image.Image) -> tuple[bytes, Callable[[bytes], Image.Image]]:
    """Other modes than `_MODES` become RGB, with alpha where they have it; EXIF orientation is applied."""
    upright = ImageOps.exif_transpose(image)
    if upright.mode not in _MODES:
        upright = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    return _png(upright), lambda content: _as_image(content).convert(upright.mode)


def _content_of_array(pixels: np.ndarray) -> tuple[bytes, Callable[[bytes], np.ndarray]]:
    if pixels.dtype != np.uint8 or not (pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))):
        raise InputError(
            f"expected an array (H, W), (H, W, 3) or (H, W, 4) of uint8, received {pixels.shape} of {pixels.dtype}"
        )
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return _png(image), lambda content: np.array(_as_image(content).convert(image.mode))


def _as_image(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_FAST)
    return file.getvalue()
