"""How busy a picture is, what of it is expected in a hole, and how a fill that is too smooth is brought to it.

Averages of patches are smoother than patches, and smooth patches are most like an average: without a hand each round
of search and vote loses texture.
"""

import cv2
import numpy as np

from svhn.crops import LUMINANCE
from svhn.torch_inpaint.removal.blur import normalised_blur, wide_blur
from svhn.torch_inpaint.removal.masks import widen

# Texture is what a blur takes away (sigma, pixels); its strength is the root mean square over so many pixels (sigma).
BLUR, AVERAGED = 1.0, 2.0
# Far from all texture, in grey levels.
LEAST_TEXTURE = 0.1
# What is expected in a hole is the mean around it, so wide (sigma): a share of the hole's thickness, and in pixels.
CARRIED, LEAST_CARRIED = 0.5, 3.0
# A fill's texture is made at most so many times as strong. Coarser detail stays as it is: it may be wrong.
MOST_GAIN = 2.5
# Votes weaken detail that is neither fine nor coarse, between these blurs (sigma, pixels); this much is given back.
# It is what `benchmarks.removal.sharp` allows: more is harder to tell from the truth, and farther from it.
MIDDLE, MIDDLE_GAIN = (0.7, 3.0), 1.08
# Colours around a hole are looked at so far from it, in pixels, and differ by no less than this, in grey levels.
BESIDE, LEAST_COLOUR = 8, 0.15
# Colours are calmed so often, since what is left of their detail has some that is coarser.
CALMED = 2


def expected_texture(picture: np.ndarray, hole: np.ndarray, known: np.ndarray, thick: float) -> np.ndarray:
    """Return how strong texture is around every pixel, in the hole as strong as around it.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
    hole, known : ndarray (H, W) bool
        True = what is there does not count; True = texture may be taken from here.
    thick : float
        Of the hole, in pixels.

    Returns
    -------
    ndarray (H, W) float32
        Root mean square of the brightness' fine detail, in grey levels.
    """
    beside, brightness = (~hole).astype(np.float32), picture @ np.float32(LUMINANCE)
    smooth = normalised_blur(brightness, beside, BLUR)
    energy = normalised_blur(((brightness - smooth) * beside) ** 2, beside, AVERAGED)
    strength = np.sqrt(energy + LEAST_TEXTURE**2)
    carried = wide_blur(strength, (known & ~hole).astype(np.float32), max(LEAST_CARRIED, CARRIED * thick))
    return np.where(hole, carried, strength)


def with_texture(picture: np.ndarray, hole: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Make texture in a hole as strong as expected where it is weaker.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
    hole : ndarray (H, W) bool
    expected : ndarray (H, W) float32
        See `expected_texture`.

    Returns
    -------
    ndarray (H, W, 3) float32
        Other values where `hole` is True: brighter or darker, in the same colours.
    """
    brightness = picture @ np.float32(LUMINANCE)
    detail = brightness - cv2.GaussianBlur(brightness, (0, 0), BLUR)
    strength = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), AVERAGED) + LEAST_TEXTURE**2)
    added = (np.clip(expected / strength, 1, MOST_GAIN) - 1) * detail
    return picture + np.where(hole, added, 0)[..., None].astype(np.float32)


def undo_votes(picture: np.ndarray, hole: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Give a hole what votes of patches took and take what they brought: weaker detail, rougher colours.

    Parameters
    ----------
    picture : ndarray (H, W, 3) float32, 0..255
    hole, known : ndarray (H, W) bool

    Returns
    -------
    ndarray (H, W, 3) float32
        Other values where `hole` is True.
    """
    inside, ring = hole[..., None], widen(hole, BESIDE) & known & ~hole
    brightness = picture @ np.float32(LUMINANCE)
    fine, coarse = (cv2.GaussianBlur(brightness, (0, 0), sigma) for sigma in MIDDLE)
    colours = picture - brightness[..., None]
    for _ in range(CALMED):
        rough = colours - cv2.GaussianBlur(colours, (0, 0), BLUR)
        usual, own = (np.mean(rough[part] ** 2) + LEAST_COLOUR**2 if part.any() else 1.0 for part in (ring, hole))
        colours = colours + np.where(inside, (min(1.0, np.sqrt(usual / own)) - 1) * rough, 0)
    stronger = brightness + (MIDDLE_GAIN - 1) * (fine - coarse)
    return np.where(inside, colours + stronger[..., None], picture).astype(np.float32)
