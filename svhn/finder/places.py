"""Where to look in a large photo: windows around writing, and around detail that the next coarser picture cannot show.

A digit of 12 pixels in 12 megapixels is lost in a picture of one megapixel. Few parts of such a photo are sharp enough
to hold one: where halving loses nothing, the halved picture shows the same.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.finder.config import FinderConfig

# Pixels of a block whose detail is counted.
BLOCK = 32
# Grey levels by which a pixel differs from the halved picture, to count as detail; the share of such pixels that a
# block needs. Digits of 12 to 20 pixels have .02 to .25 at these, plaster and most bricks none.
LEAST_DIFFERENCE, LEAST_DETAIL = 16, 0.01
# Pixels of a window's rim that are left to other windows, which see more around what is there.
RIM = 32
# What counts twice for this part: interest near a window's middle, so that single places are not at a rim.
MIDDLE = 0.1
# Writing is looked at where it is between so many pixels high: at about two of the scales.
LINE_HEIGHTS = (12.0, 72.0)


def find_places(picture: np.ndarray, half: np.ndarray, lines: Sequence[np.ndarray], config: FinderConfig) -> list[Box]:
    """Return where to look in a picture: windows around writing and detail, or in a small one everywhere.

    Parameters
    ----------
    picture, half : ndarray (H, W, 3) and (H / 2, W / 2, 3) uint8
    lines : sequence of ndarray (4,)
        Boxes of writing in pixels of the picture.
    config : FinderConfig
    """
    if picture.shape[0] * picture.shape[1] <= config.whole_below:
        return [Box(0, 0, picture.shape[1], picture.shape[0])]
    interest = detail(picture, half)
    mark_writing(interest, lines)
    return windows(interest, picture.shape, config)


def detail(picture: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Return the share (rows, columns) float32 of each block's pixels that the halved picture does not show.

    Parameters
    ----------
    picture, half : ndarray (H, W, 3) and (H / 2, W / 2, 3) uint8
    """
    fine, coarse = cv2.extractChannel(picture, 1), cv2.extractChannel(half, 1)
    shown = cv2.resize(coarse, fine.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lost = cv2.threshold(cv2.absdiff(fine, shown), LEAST_DIFFERENCE, 255, cv2.THRESH_BINARY)[1]
    below, right = (-side % BLOCK for side in fine.shape)
    whole = cv2.copyMakeBorder(lost, 0, below, 0, right, cv2.BORDER_CONSTANT)
    size = (whole.shape[1] // BLOCK, whole.shape[0] // BLOCK)
    return cv2.resize(whole, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def mark_writing(interest: np.ndarray, lines: Sequence[np.ndarray]) -> None:
    """Raise the interest of the blocks that show writing of a fitting height above that of all others.

    Parameters
    ----------
    interest : ndarray (rows, columns) float32, 0..1
        Changed; what has too little detail stays as it is, since the halved picture shows the same.
    lines : sequence of ndarray (4,)
        Boxes of writing in pixels of the picture.
    """
    for left, top, right, bottom in lines:
        if LINE_HEIGHTS[0] <= min(bottom - top, right - left) <= LINE_HEIGHTS[1]:
            rows = slice(int(max(top, 0) // BLOCK), int(bottom // BLOCK) + 1)
            columns = slice(int(max(left, 0) // BLOCK), int(right // BLOCK) + 1)
            part = interest[rows, columns]
            part[(part >= LEAST_DETAIL) & (part < 1)] += 1.0


def windows(interest: np.ndarray, shape: Sequence[int], config: FinderConfig) -> list[Box]:
    """Return windows of a picture of (height, width, ...), each with the most interest of those that are left.

    They are `config.window` pixels high and wide, or as the picture is. What is centred in a window's rim is left to
    another one, except at the picture's edge.

    Parameters
    ----------
    interest : ndarray (rows, columns) float32
        Of each block; blocks below `LEAST_DETAIL` have none.
    """
    left = np.where(interest >= LEAST_DETAIL, interest, 0).astype(np.float32)
    found: list[Box] = []
    height, width = (min(config.window, side) for side in shape[:2])
    while left.any() and len(found) < config.most_windows:
        row, column = np.unravel_index(_gain(left, config).argmax(), left.shape)
        top = _start(int(row), height, shape[0])
        start = _start(int(column), width, shape[1])
        found.append(Box(start, top, start + width, top + height))
        left[_inner(top, height, shape[0]), _inner(start, width, shape[1])] = 0
    return found


def _gain(left: np.ndarray, config: FinderConfig) -> np.ndarray:
    """Return how much interest a window around each block holds, that in its middle a little more."""
    inner = (config.window - 2 * RIM) // BLOCK
    sums = [
        cv2.boxFilter(left, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT) for side in (inner, 3)
    ]
    return sums[0] + MIDDLE * sums[1]


def _start(block: int, length: int, side: int) -> int:
    """Return where a window starts that has a block in its middle, as far as the picture's side allows."""
    return int(np.clip(BLOCK * block + BLOCK // 2 - length // 2, 0, side - length))


def _inner(start: int, length: int, side: int) -> slice:
    """Return the blocks that lie wholly in a window without its rim, along one side of the picture."""
    low = start + RIM * (start > 0)
    high = start + length - RIM * (start + length < side)
    return slice(-(-low // BLOCK), high // BLOCK if start + length < side else None)


def seen_in(boxes: np.ndarray, places: Sequence[Box]) -> np.ndarray:
    """Return which boxes (N, 4) are centred in one of the windows, their rims left out."""
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).T
    seen = np.zeros(len(boxes), bool)
    for place in places:
        seen |= (x >= place.left + RIM) & (x < place.right - RIM) & (y >= place.top + RIM) & (y < place.bottom - RIM)
    return seen
