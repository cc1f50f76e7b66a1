"""The pixels of a photo file in its own terms, and the RGB picture that everyone else works on."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from PIL import Image

# What cannot be decoded raises an error; remarks would land between the lines of a report.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
# 65535 / 255: a value of 16 bit is so many times that of 8 bit.
DEPTH_RATIO = 257


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
        native = cv2.convertScaleAbs(native, alpha=1 / DEPTH_RATIO).reshape(native.shape)
    if native.ndim == 2 or native.shape[2] == 2:
        gray = native if native.ndim == 2 else native[:, :, 0]
        return cv2.cvtColor(np.ascontiguousarray(gray), cv2.COLOR_GRAY2RGB)
    return np.ascontiguousarray(native[:, :, :3])
