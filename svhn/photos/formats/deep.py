"""PNG and TIFF with 16 bit per channel, by OpenCV: Pillow reduces their colours to 8 bit.

tifffile was measured in its place for TIFF: it needs imagecodecs (80 MB) for LZW, the usual compression, and takes 14 s
in place of 9 s to deflate 12 megapixels without it; EXIF is a directory of its own, which it does not write.
"""

from typing import Any

import cv2
import numpy as np
from PIL import Image

from svhn.errors import InputError
from svhn.photos.metadata import orientation_of, turn_upright
from svhn.photos.pixels import Pixels

_MODES = {3: "RGB", 4: "RGBA"}  # by the number of channels


def is_deep(image: Image.Image) -> bool:
    """Return whether the picture in an opened PNG or TIFF, not yet loaded, has 16 bit per channel."""
    return ";16" in str(getattr(image, "tile", ""))


def decode_deep(image: Image.Image, content: bytes, options: dict[str, Any]) -> Pixels:
    """Return the upright pixels of a file with 16 bit per channel.

    OpenCV and Pillow turn a TIFF upright while they load it, neither does so with a PNG.

    Raises
    ------
    InputError
        When it cannot be read with its depth, for example CMYK.
    """
    image.load()  # raises an error where a file is cut, which OpenCV does not
    pixels = None
    if image.mode != "CMYK":
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise InputError("cannot be read with its 16 bit per channel; save it with 8 bit per channel")
    upright = turn_upright(pixels, orientation_of(image))
    mode = "L" if upright.ndim == 2 else _MODES[upright.shape[2]]
    return Pixels(_swap_red_and_blue(upright), mode, options)


def encode_deep(native: np.ndarray, suffix: str, options: tuple[int, ...] = ()) -> bytes:
    """Return a file of (H, W) or (H, W, C) uint16 pixels, RGB or RGBA.

    Parameters
    ----------
    native : ndarray
    suffix : str
        ".png" or ".tiff".
    options : tuple of int
        OpenCV's, as in `cv2.imencode`.
    """
    written, data = cv2.imencode(suffix, _swap_red_and_blue(native), options)
    if not written:
        raise InputError("could not be encoded with 16 bit per channel; save it with 8 bit per channel")
    return data.tobytes()


def _swap_red_and_blue(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
