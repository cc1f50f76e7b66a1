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
# Colours that vary less than this along every axis have none; squared grey levels.
LEAST_SPREAD = 1.0
# A photo whose colours differ most along an axis less gray than this (cosine with that of grays) is also seen along it:
# red digits on a blue of the same lightness. It is so of 4 % of SVHN's photos, and without further false alarms.
GRAY_AXIS = 0.9


def views(photo: Photo, faint: bool = True) -> dict[str, np.ndarray]:
    """Return what people can see of a photo, by name.

    Parameters
    ----------
    photo : Photo
    faint : bool
        Also what is hard to see, in pictures where much may be so.

    Returns
    -------
    dict of str to ndarray (H, W, 3) uint8, RGB
        "colours", the picture without alpha; "on white" and "on black" where pixels differ in how opaque they are;
        "stretched" where the contrast is low, from the file's own depth; "by colour", gray, where the colours differ
        less in lightness than otherwise.
    """
    seen = {"colours": photo.rgb}
    if (alpha := alpha_of(photo.pixels)) is not None:
        seen |= {"on white": _laid_on(photo.rgb, alpha, PEAK), "on black": _laid_on(photo.rgb, alpha, 0)}
    further = {"stretched": _stretched(photo), "by colour": _by_colour(photo.rgb)} if faint else {}
    return seen | {name: view for name, view in further.items() if view is not None}


def _laid_on(rgb: np.ndarray, alpha: np.ndarray, ground: int) -> np.ndarray:
    """Return (H, W, 3) uint8 RGB over a gray ground, 0..255, with alpha (H, W) uint8."""
    share = alpha[..., None].astype(np.float32) / PEAK
    return np.rint(share * rgb + (1 - share) * np.float32(ground)).astype(np.uint8)


def _stretched(photo: Photo) -> np.ndarray | None:
    """Return the photo at full contrast, (H, W, 3) uint8; None where it has enough as it is."""
    pixels = photo.pixels
    deep = pixels.native.dtype == np.uint16
    values, peak = (pixels.colours, pixels.peak) if deep else (photo.rgb, PEAK)
    low, high = np.percentile(_sample(values), [BEYOND, 100 - BEYOND])
    if high - low >= LOW_CONTRAST * peak:
        return None
    return _at_full_contrast(values, low, max(high - low, peak / MOST_GAIN))


def _by_colour(rgb: np.ndarray) -> np.ndarray | None:
    """Return (H, W, 3) uint8 RGB along the first principal axis of its colours; None where that is nearly gray."""
    spreads, axes = np.linalg.eigh(np.cov(_sample(rgb).reshape(-1, 3), rowvar=False))
    axis = axes[:, -1].astype(np.float32)
    if spreads[-1] < LEAST_SPREAD or abs(axis.sum()) / np.sqrt(3) > GRAY_AXIS:
        return None
    values = rgb @ axis
    low, high = np.percentile(_sample(values), [BEYOND, 100 - BEYOND])
    return _at_full_contrast(values, low, max(high - low, PEAK / MOST_GAIN))


def _sample(values: np.ndarray) -> np.ndarray:
    """Return about `MEASURED` pixels of (H, W, ...), evenly spaced."""
    step = max(1, int(np.sqrt(values.shape[0] * values.shape[1] / MEASURED)))
    return values[::step, ::step]


def _at_full_contrast(values: np.ndarray, low: float, span: float) -> np.ndarray:
    """Return (H, W) or (H, W, 1 or 3) of any numbers as (H, W, 3) uint8: `low` is black, `low + span` white."""
    scaled = np.clip((values - np.float32(low)) * np.float32(PEAK / span), 0, PEAK)
    levels = np.atleast_3d(np.rint(scaled).astype(np.uint8))
    return np.ascontiguousarray(np.broadcast_to(levels, (*levels.shape[:2], 3)))
