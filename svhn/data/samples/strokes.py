"""Training samples of the segmenter: rendered numbers in boxes as uneven as annotators draw them."""

from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box, union
from svhn.data.render import PLATE_SHARES, SyntheticPhoto, SyntheticSettings, render_photo

# Grey levels that a number changes are averaged over neighbouring pixels: single ones are noise.
CHANGE_BLUR = 0.7
# Room that annotators leave around a digit, as fractions of its height: mean and standard deviation; a share of the
# boxes has up to so much more to the left and right, and above and below.
SLACK = 0.02
UNEVEN = 0.05
WIDE_SHARE = 0.3
WIDE = (0.12, 0.2)
# Of a box in pixels.
LEAST_AREA = 9
# Share of the photos that are cut close to, or through, their number; room around it, in digit heights.
CUT_SHARE = 0.3
CUT_ROOM = (-0.05, 0.6)
# Share of the photos with a plate hardly larger than the number: its ground shows mostly between the digits.
TIGHT_SHARE = 0.4
TIGHT = SyntheticSettings(plates=tuple(name for name in PLATE_SHARES if name != "none"), plate_margin=0.02)


@dataclass(frozen=True)
class StrokeSample:
    """A photo with numbers whose background is known.

    Attributes
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    change : ndarray (H, W) float32
        By how many grey levels the numbers change a pixel.
    boxes : tuple of Box
        One per digit, inside the photo.
    """

    photo: np.ndarray
    change: np.ndarray
    boxes: tuple[Box, ...]


def make_stroke_sample(rng: np.random.Generator) -> StrokeSample:
    """Render a photo, see `svhn.data.render.synthetic`, and draw boxes around its digits."""
    while True:
        rendered = render_photo(rng, TIGHT if rng.random() < TIGHT_SHARE else SyntheticSettings())
        height, width = rendered.mask.shape
        part = _draw_part(rendered, rng) if rng.random() < CUT_SHARE else Box(0, 0, width, height)
        drawn = [_as_drawn(digit.box, rng).shift(-part.left, -part.top) for digit in rendered.digits]
        boxes = tuple(box for box in (box.clip(part.width, part.height) for box in drawn) if box)
        if boxes and min(box.area for box in boxes) >= LEAST_AREA:
            photo, clean = (np.ascontiguousarray(image[part.slices]) for image in (rendered.photo, rendered.clean))
            difference = cv2.absdiff(photo, clean).astype(np.float32)
            return StrokeSample(photo, cv2.GaussianBlur(difference, (0, 0), CHANGE_BLUR).max(axis=2), boxes)


def _draw_part(rendered: SyntheticPhoto, rng: np.random.Generator) -> Box:
    """Draw a part of a photo that ends close to its number."""
    boxes = [digit.box for digit in rendered.digits]
    left, top, right, bottom = np.rint(rng.uniform(*CUT_ROOM, 4) * boxes[0].height).astype(int).tolist()
    box = union(boxes)
    part = Box(box.left - left, box.top - top, box.right + right, box.bottom + bottom)
    height, width = rendered.mask.shape
    return part.clip(width, height) or Box(0, 0, width, height)


def _as_drawn(box: Box, rng: np.random.Generator) -> Box:
    """Return the box of a digit with sides as uneven as SVHN's annotators drew them."""
    room = rng.normal(SLACK, UNEVEN, 4)
    if rng.random() < WIDE_SHARE:
        room += rng.uniform(0, 1) * np.array([*WIDE, *WIDE])
    left, top, right, bottom = np.rint(room * box.height).astype(int).tolist()
    left, top = box.left - left, box.top - top
    return Box(left, top, max(box.right + right, left + 2), max(box.bottom + bottom, top + 2))
