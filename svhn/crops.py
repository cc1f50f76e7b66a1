"""The one crop of a digit that training, reading and removal share: the rule that made SVHN's Format 2."""

import numpy as np
from PIL import Image

from svhn.boxes import Box

CROP_SIZE = 32
# Pixels around a crop in a wide one, at the crop's scale.
MARGIN = 8
WIDE_SIZE = CROP_SIZE + 2 * MARGIN
# Side of a tight crop, as the reference's PyTorch networks took it.
TIGHT_SIZE = 40
# ITU-R BT.601, the weights of SVHN's reference implementations.
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
GRAY_RULE = "gray = {:g} red + {:g} green + {:g} blue, rounded".format(*LUMINANCE)


def crop_square(box: Box) -> Box:
    """Return the square of side max(width, height) about `box`, as SVHN's authors placed it; it is not clipped."""
    side = max(box.width, box.height)
    left = box.left - (side - box.width) // 2
    top = box.top - (side - box.height) // 2
    return Box(left, top, left + side, top + side)


def crop_digit(photo: np.ndarray, box: Box, size: int = CROP_SIZE) -> np.ndarray:
    """Cut one digit out of a photo by the rule of SVHN's Format 2.

    The square about the box is clipped to the photo and resized with antialiased bicubic interpolation.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    box : Box
        The digit's box; it must share at least one pixel with the photo.
    size : int
        Side of the crop in pixels.

    Returns
    -------
    ndarray (size, size, 3) uint8, RGB
        Differs from the official crops by 0.17 grey levels on average.
    """
    square = _inside(photo, crop_square(box))
    part = Image.fromarray(np.ascontiguousarray(photo[square.slices]))
    return np.asarray(part.resize((size, size), Image.Resampling.BICUBIC))


def crop_wide(photo: np.ndarray, box: Box) -> np.ndarray:
    """Cut one digit out as `crop_digit` does, with `MARGIN` pixels of what is around it, at the same scale.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    box : Box
        The digit's box; it must share at least one pixel with the photo.

    Returns
    -------
    ndarray (48, 48, 3) uint8, RGB
        Beyond the photo its border is repeated. The middle (see `middle_of`) is what `crop_digit` returns, but for
        the resampling of its outermost pixels.
    """
    height, width = photo.shape[:2]
    square = _inside(photo, crop_square(box))
    around = [side * MARGIN / CROP_SIZE for side in (square.width, square.height)]
    # A little more than is shown, since each pixel is a mean of its neighbours.
    left, top = (int(np.ceil(pixels)) + 4 for pixels in around)
    rows = np.clip(np.arange(square.top - top, square.bottom + top), 0, height - 1)
    columns = np.clip(np.arange(square.left - left, square.right + left), 0, width - 1)
    picture = Image.fromarray(np.ascontiguousarray(photo[rows[:, None], columns]))
    shown = (left - around[0], top - around[1], left + square.width + around[0], top + square.height + around[1])
    return np.asarray(picture.resize((WIDE_SIZE, WIDE_SIZE), Image.Resampling.BICUBIC, box=shown))


def crop_tight(photo: np.ndarray, box: Box) -> np.ndarray:
    """Cut one digit out of a photo as the reference's PyTorch networks took it: the box alone, squashed to a square.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    box : Box
        The digit's box; it must share at least one pixel with the photo.

    Returns
    -------
    ndarray (40, 40, 3) uint8, RGB
        Nothing of what is around the box; resized with antialiased bilinear interpolation, as torchvision does it.
    """
    part = Image.fromarray(np.ascontiguousarray(photo[_inside(photo, box).slices]))
    return np.asarray(part.resize((TIGHT_SIZE, TIGHT_SIZE), Image.Resampling.BILINEAR))


def _inside(photo: np.ndarray, box: Box) -> Box:
    """Return what of a box lies in a photo; ValueError when nothing does."""
    inside = box.clip(photo.shape[1], photo.shape[0])
    if inside is None:
        raise ValueError(f"expected a box inside a photo of {photo.shape[1]} x {photo.shape[0]} pixels, received {box}")
    return inside


def square_up(picture: np.ndarray) -> np.ndarray:
    """Make a picture (H, W, 3) of one digit a square, (S, S, 3), by repeating its border on both sides.

    Squashed to a square, narrow digits are misread: of the tight boxes of validation digits `torch-convnet48-dropout3`
    names 93 % right with the border repeated, and 79 % squashed.
    """
    height, width = picture.shape[:2]
    side = max(height, width)
    above, left = (side - height) // 2, (side - width) // 2
    widths = ((above, side - height - above), (left, side - width - left), (0, 0))
    return np.pad(picture, widths, mode="edge")


def middle_of(wide: np.ndarray) -> np.ndarray:
    """Return the crops (N, 32, 32, 3) in the middle of wide ones (N, 48, 48, 3)."""
    return np.ascontiguousarray(wide[:, MARGIN:-MARGIN, MARGIN:-MARGIN])


def to_gray(images: np.ndarray) -> np.ndarray:
    """Turn RGB into gray: (..., 3) uint8 -> (...,) uint8, .299 R + .587 G + .114 B, rounded."""
    return np.rint(images.astype(np.float32) @ LUMINANCE).astype(np.uint8)
