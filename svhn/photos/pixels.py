"""The pixels of a photo file in its own terms, and the RGB picture that everyone else works on."""

import functools
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

# What cannot be decoded raises an error; remarks would land between the lines of a report.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
# The largest value of 8 and of 16 bit, and how many times a value of 8 bit one of 16 bit is.
PEAK, DEEP_PEAK = 255, 65535
DEPTH_RATIO = DEEP_PEAK // PEAK
# Bits that cameras and scanners put into files with 16 bit per channel.
_USED_BITS = (8, 10, 12, 14, 16)
_COLOURS = {"LA": 1, "RGBA": 3}  # channels that are no alpha, of the modes that have one


@dataclass(frozen=True)
class Pixels:
    """Upright pixels of a file in its own terms.

    Attributes
    ----------
    native : ndarray (H, W) or (H, W, C), uint8 or uint16
        As in the file: gray, gray and alpha, RGB, RGBA, CMYK or palette indices; 0 and 255 for one bit.
    mode : str
        Pillow's name: 1, L, LA, P, RGB, RGBA or CMYK.
    options : dict
        What the format needs to know to write such a file again; of most formats what Pillow's `save` is told.
    palette : ndarray (256, 4) uint8, optional
        RGBA of each index.
    """

    native: np.ndarray
    mode: str
    options: dict[str, Any] = field(default_factory=dict)
    palette: np.ndarray | None = None

    @property
    def colours(self) -> np.ndarray:
        """The native pixels without alpha: (H, W) or (H, W, C)."""
        return self.native[..., : _COLOURS[self.mode]] if self.mode in _COLOURS else self.native

    @functools.cached_property
    def peak(self) -> int:
        """The value that is white.

        A file with 16 bit per channel may hold fewer: 12-bit values of a camera would all be black on a scale to
        65535, and people's viewers stretch them. The smallest usual number of bits that holds all colours counts, but
        for a dark picture that was widened from 8 bit, which has nothing but multiples of `DEPTH_RATIO`.
        """
        if self.native.dtype != np.uint16:
            return PEAK
        peak = next(peak for bits in _USED_BITS if (peak := 2**bits - 1) >= int(self.colours.max()))
        return peak if peak < DEEP_PEAK and (self.colours % DEPTH_RATIO).any() else DEEP_PEAK


def alpha_of(pixels: Pixels) -> np.ndarray | None:
    """Return how opaque each pixel is, (H, W) uint8, 255 = opaque; None where that is the same everywhere."""
    key = pixels.options.get("transparency")
    if pixels.palette is not None:
        alpha = pixels.palette[:, 3][pixels.native]
    elif pixels.mode in _COLOURS:
        alpha = pixels.native[..., -1]
        alpha = alpha if alpha.dtype == np.uint8 else np.rint(alpha / DEPTH_RATIO).astype(np.uint8)
    elif isinstance(key, (int, tuple)):
        is_key = pixels.native == key
        alpha = np.where(is_key if is_key.ndim == 2 else is_key.all(axis=2), 0, PEAK).astype(np.uint8)
    else:
        return None
    return None if alpha.min() == alpha.max() else alpha


def to_rgb(pixels: Pixels) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB: gray repeated, alpha left out, 16 bit scaled to 8. It may share memory."""
    native = pixels.native
    if pixels.palette is not None:
        return pixels.palette[native, :3]
    if pixels.mode == "CMYK":
        height, width = native.shape[:2]
        image = Image.frombuffer("CMYK", (width, height), native, "raw", "CMYK", 0, 1)
        return np.array(image.convert("RGB"))
    if native.dtype == np.uint16:
        native = cv2.convertScaleAbs(native, alpha=PEAK / pixels.peak).reshape(native.shape)
    if native.ndim == 2 or native.shape[2] == 2:
        gray = native if native.ndim == 2 else native[:, :, 0]
        return cv2.cvtColor(np.ascontiguousarray(gray), cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(native[:, :, :3])
