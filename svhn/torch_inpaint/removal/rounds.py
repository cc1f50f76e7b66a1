"""A number on its way through the rounds: filled, read again, and while it is legible filled with a wider mask."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox
from svhn.torch_inpaint.removal.config import RemovalConfig
from svhn.torch_inpaint.removal.masks import KeyPixels, fine_mask, paint_boxes, widen, window_of
from svhn.torch_inpaint.removal.readings import Reading, Readings, is_legible, looks_alike
from svhn.torch_inpaint.removal.regions import Region, enlarge_mask, reduce_mask

# By how much a round widens the mask, as a fraction of the digits' height; at least a pixel.
WIDENING = 0.08


@dataclass(frozen=True)
class NumberReport:
    """What happened to one number.

    Attributes
    ----------
    boxes : tuple of Box
        Its digits in reading order, clipped to the photo.
    before, after : Reading
        What the surest of all readers reads in each box. The classifier must always name a digit, so after the
        removal the text is a guess; the confidence counts.
    rounds : int
        How often the mask had to be widened.
    legible : bool
        Whether any reader still reads, with at least `RemovalConfig.legible`, the digit's known label or what a
        reader read before the removal, after all rounds.
    """

    boxes: tuple[Box, ...]
    before: Reading
    after: Reading
    rounds: int
    legible: bool


@dataclass(frozen=True)
class Inspection:
    """What the remover sees of one number before it paints.

    Attributes
    ----------
    region : Region
    map_mean, map_std : ndarray (h, w) float32
        The classifier's first-layer feature maps of the region, reduced.
    evidence : ndarray (h, w) float32, 0..1
        For digits: how likely pixels are to be strokes, or the evidence for ink, see `KeyPixelConfig.method`.
    keys : KeyPixels
        At working scale, before any widening.
    """

    region: Region
    map_mean: np.ndarray
    map_std: np.ndarray
    evidence: np.ndarray
    keys: KeyPixels


class Removal:
    """One number on its way through the rounds; each round assigns what changes.

    Attributes
    ----------
    digits : tuple of DigitBox
        In reading order, in the photo.
    others : tuple of Box
        The boxes of the photo's other numbers, with a margin.
    seen : Inspection
        What was seen before the first round.
    before, after : Readings
        Of the photo, and of the image after the last round.
    alike : tuple of bool
        Whether each box still looks like before, after the last round.
    keys : KeyPixels
        Of the last round, at working scale.
    painted : ndarray (h, w, 3) float32, 0..255
        The region as the last round filled it, at working scale and without grain.
    fine : ndarray (h, w) bool or None
        The mask of the first round at the photo's resolution, where that is another than the working scale's.
    shadow : ndarray (h, w) bool or None
        What of it is shadow that stands apart from the digits.
    rounds : int
        How often the mask was widened.
    """

    def __init__(self, digits: tuple[DigitBox, ...], seen: Inspection, before: Readings, others: tuple[Box, ...] = ()):
        self.digits, self.seen, self.before, self.others = digits, seen, before, others
        self.after, self.keys, self.alike = before, seen.keys, (True,) * len(digits)
        self.painted = seen.region.pixels.astype(np.float32)
        self.fine: np.ndarray | None = None
        self.shadow: np.ndarray | None = None
        self.rounds = 0

    @property
    def region(self) -> Region:
        return self.seen.region

    @property
    def boxes(self) -> tuple[Box, ...]:
        """Of the digits, in the photo."""
        return tuple(digit.box for digit in self.digits)

    @property
    def is_reduced(self) -> bool:
        """Whether it is found and filled at a smaller scale than the photo's."""
        box = self.region.box
        return self.region.pixels.shape[:2] != (box.height, box.width)

    @property
    def mask(self) -> np.ndarray:
        """What is filled of the region, (h, w) bool, at the photo's resolution."""
        if self.fine is not None and not self.rounds:
            return self.fine
        return enlarge_mask(self.keys.mask, (self.region.box.height, self.region.box.width))

    def refine(self, photo: np.ndarray, strokes: float) -> None:
        """Make the mask of the first round a fine one, given `painted` and how likely strokes are at least.

        What the fine mask leaves is background that the fill learns from.
        """
        original = photo[self.region.box.slices]
        size = original.shape[1::-1]
        expected = cv2.resize(self.painted, size, interpolation=cv2.INTER_CUBIC)
        likely = cv2.resize(self.seen.evidence, size, interpolation=cv2.INTER_LINEAR) > strokes
        boxes = [box.shift(-self.region.box.left, -self.region.box.top) for box in self.boxes]
        wide = enlarge_mask(self.seen.keys.mask, original.shape[:2])
        mask, shadow = fine_mask(original, expected, wide, likely, boxes)
        self.shadow = shadow if self.shadow is None else self.shadow | shadow
        self.fine = mask | self.shadow
        mask = reduce_mask(self.fine, self.keys.mask.shape)
        seen = self.seen.keys
        self.keys = KeyPixels(mask, (seen.key_pixels & ~(mask & ~seen.mask)) | (seen.mask & ~mask))

    def look(self, image: np.ndarray, after: Readings) -> None:
        """Take in what readers read in an image (H, W, 3) uint8, and whether the boxes look like before there.

        Where edges are soft a fine mask has not been made, and all boxes are taken to look like before.
        """
        self.after = after
        if self.fine is None:
            return
        size = self.region.pixels.shape[1::-1]
        shown = cv2.resize(image[self.region.box.slices], size, interpolation=cv2.INTER_AREA)
        boxes = [box.slices for box in self.region.boxes]
        self.alike = tuple(looks_alike(self.region.pixels[part], shown[part]) for part in boxes)

    def is_legible(self, config: RemovalConfig) -> bool:
        """Say whether the number can still be read, see `svhn.torch_inpaint.removal.readings.is_legible`."""
        labels = [digit.label for digit in self.digits]
        return is_legible(labels, self.before, self.after, config.legible, self.alike)

    def goes_on(self, config: RemovalConfig) -> bool:
        """Say whether there shall be another round."""
        return self.rounds < config.rounds and self.is_legible(config)

    def next_keys(self, config: RemovalConfig) -> KeyPixels:
        """Return key pixels and mask for the round `rounds`."""
        last = self.rounds == config.rounds
        keys = self.seen.keys if self.rounds == 1 else self.keys
        return next_keys(keys, self.region.boxes, config.key_pixels.box_margin, last)

    def report(self, config: RemovalConfig) -> NumberReport:
        """Return what a user wants to know."""
        before, after = self.before.surest(), self.after.surest()
        return NumberReport(self.boxes, before, after, self.rounds, self.is_legible(config))


def next_keys(keys: KeyPixels, boxes: Sequence[Box], margin: float, last: bool) -> KeyPixels:
    """Return the key pixels and mask of the next round.

    Parameters
    ----------
    keys : KeyPixels
        Of the round before.
    boxes : sequence of Box
        The digits, at working scale.
    margin : float
        `KeyPixelConfig.box_margin`.
    last : bool
        In the last round the mask also takes the whole boxes with their margins; before, it grows by `WIDENING`.
    """
    shape = keys.mask.shape
    if last:
        mask = keys.mask | paint_boxes([window_of(box, margin, shape) for box in boxes], shape)
    else:
        height = int(np.median([box.height for box in boxes]))
        mask = keys.mask | widen(keys.mask, max(1, round(WIDENING * height)))
    return KeyPixels(mask, keys.key_pixels & ~mask)
