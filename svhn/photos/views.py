"""What people can see of a photo: viewers show alpha on white or on black or not at all, and stretch what is dark."""

import numpy as np

from svhn.photos.photo import Photo
from svhn.photos.pixels import PEAK, alpha_of

# A photo whose colours span less than this part of the scale is also seen stretched; no SVHN photo with good contrast
# is read better so (first 200 of test).
LOW_CONTRAST = 0.5
# Of the values, so many percent may lie beyond what is stretched to black and to white: single pixels do not count.
BEYOND = 0.5
# Stretching makes contrast at most so many times as large, above which there is little but noise.
MOST_GAIN = 32
# The contrast is measured on about so many pixels.
MEASURED = 1 << 16


def views(photo: Photo, stretched: bool = True) -> dict[str, np.ndarray]:
    """Return what people can see of a photo, by name.

    Parameters
    ----------
    photo : Photo
    stretched : bool
        Whether to look for low contrast.

    Returns
    -------
    dict of str to ndarray (H, W, 3) uint8, RGB
        "colours", the picture without alpha; "on white" and "on black" where pixels differ in how opaque they are;
        "stretched" where the contrast is low, from the file's own depth.
    """
    seen = {"colours": photo.rgb}
    if (alpha := alpha_of(photo.pixels)) is not None:
        seen |= {"on white": _laid_on(photo.rgb, alpha, PEAK), "on black": _laid_on(photo.rgb, alpha, 0)}
    if stretched and (clear := _stretched(photo)) is not None:
        seen["stretched"] = clear
    return seen


def _laid_on(rgb: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB over a gray ground, 0..255, with alpha (H, W) uint8."""
    share = alpha[..., None].astype(np.float32) / PEAK
    return np.rint(share * rgb + (1 - share) * np.float32(ground)).astype(np.uint8)


def _stretched(photo: Photo) -> np.ndarray | None:
    """Return the photo at full contrast, (H, W, 3) uint8; None where it has enough as it is."""
    pixels = photo.pixels
    deep = pixels.native.dtype == np.uint16
    values, peak = (pixels.colours, pixels.peak) if deep else (photo.rgb, PEAK)
    step = max(1, int(np.sqrt(values.shape[0] * values.shape[1] / MEASURED)))
    low, high = np.percentile(values[::step, ::step], [BEYOND, 100 - BEYOND])
    if high - low >= LOW_CONTRAST * peak:
        return None
    span = max(high - low, peak / MOST_GAIN)
    gray_or_rgb = np.rint(np.clip((values - np.float32(low)) * np.float32(PEAK / span), 0, PEAK)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(np.atleast_3d(gray_or_rgb), photo.rgb.shape))
