"""Search a photo with the finder's first network: a pyramid of scales, each level in tiles that overlap."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, heights_of, union
from svhn.finder.candidates import Candidates, chance, log_odds, softmax
from svhn.finder.config import FinderConfig
from svhn.finder.halves import Halves
from svhn.finder.layout import LAYOUT
from svhn.finder.networks import OnnxNetwork
from svhn.finder.places import RIM, find_places, seen_in

# A coarser level of the pyramid follows while a level is this much higher than the highest digit that is looked for in
# it, and its smaller side has more than so many steps of the network's input.
NEXT_LEVEL, LEAST_STEPS = 1.15, 2
NOTHING = Candidates(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, NUM_CLASSES), np.float32))


class Search:
    """The first network, and how photos are shown to it.

    Parameters
    ----------
    path : Path
        `finder.onnx`.
    config : FinderConfig
    least : float
        Low-score candidates, below half of this presence, are rejected: merging may still need those above.

    Raises
    ------
    InputError
        When the network cannot be read, or its answers are no numbers.
    """

    def __init__(self, path: Path, config: FinderConfig, least: float):
        self.config, self.least = config, least
        self._net = OnnxNetwork(path, "train-finder")
        self._answers([np.zeros((LAYOUT.step, LAYOUT.step, 3), np.uint8)])  # a network that gives none is told of now

    def levels(self, halves: Halves, lines: Sequence[np.ndarray] | None = None) -> list[Candidates]:
        """Return the candidates of every level of a photo, in pixels of the photo.

        Parameters
        ----------
        halves : Halves
            Of the photo (H, W, 3) uint8, RGB.
        lines : sequence of ndarray (4,), optional
            Boxes of writing. With them the large levels of a photo are searched in places only, see
            `svhn.finder.places`.
        """
        photo = halves.photo
        scales, (lowest, highest) = pyramid(photo.shape[:2], self.config), self.config.digit_height
        if lines is not None and photo.shape[0] * photo.shape[1] > self.config.whole_below:
            return self._places([halves.level(number) for number in range(len(scales))], lines)
        least = [self.config.smallest] + [lowest] * (len(scales) - 1)
        return [self._level(photo, *level, highest) for level in zip(scales, least, strict=True)]

    def _places(self, pictures: Sequence[np.ndarray], lines: Sequence[np.ndarray]) -> list[Candidates]:
        """Search a photo and its halvings: the large ones in places, the others as a whole.

        A digit that is small in a picture is left to the next finer one where that is searched.
        """
        found, finer = [], list[Box]()
        for picture, half in itertools.pairwise([*pictures, pictures[-1]]):
            scale = np.array(picture.shape[1::-1] * 2) / (pictures[0].shape[1::-1] * 2)
            places = find_places(picture, half, [line * scale for line in lines], self.config)
            candidates = self._in_places(picture, places)
            small = heights_of(candidates.boxes) < self.config.digit_height[0]
            candidates = candidates.take(~(small & seen_in(2 * candidates.boxes, finer)))
            found.append(replace(candidates, boxes=(candidates.boxes / scale).astype(np.float32)))
            finer = places
        return found

    def _in_places(self, picture: np.ndarray, places: Sequence[Box]) -> Candidates:
        """Search a picture in some places."""
        parts = [self._tile(picture, place, 2 * RIM) for place in places]
        return _of_heights(Candidates.join([NOTHING, *parts]), self.config.smallest, self.config.digit_height[1])

    def look(self, photo: np.ndarray, boxes: Sequence[Box], heights: Sequence[float]) -> list[Candidates]:
        """Look at the surroundings of one number's digits at several scales, each in both polarities.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        boxes : sequence of Box
            Its digits, at least one, inside the photo.
        heights : sequence of float
            Pixels; the digits are brought to about each of them.

        Returns
        -------
        list of Candidates
            One for each scale, in pixels of the photo.
        """
        height = float(np.median([box.height for box in boxes]))
        around = union(boxes).grow(round(height)).inside(photo.shape[1], photo.shape[0])
        part, shift = photo[around.slices], np.array([around.left, around.top] * 2, np.float32)
        looks = [self._level(part, wanted / height, *self.config.look_range, inverted=True) for wanted in heights]
        return [replace(found, boxes=found.boxes + shift) for found in looks]

    def _level(
        self, photo: np.ndarray, scale: float, lowest: float, highest: float, inverted: bool = False
    ) -> Candidates:
        """Search a photo at a scale for digits of these heights, in pixels of the level; perhaps inverted, too."""
        level = resize(photo, scale)
        factors = np.array(photo.shape[1::-1] * 2, np.float32) / (level.shape[1::-1] * 2)
        parts = [self._tile(level, tile, inverted=inverted) for tile in tiles(level.shape[:2], self.config)]
        found = _of_heights(Candidates.join(parts), lowest, highest)
        return replace(found, boxes=found.boxes * factors)

    def _tile(self, level: np.ndarray, tile: Box, overlap: int | None = None, inverted: bool = False) -> Candidates:
        """Search a part of a level; what is centred in the overlap is left to the neighbour that sees more of it."""
        overlap = self.config.overlap if overlap is None else overlap
        margin = self.config.margin
        right, bottom = (margin + (-side - 2 * margin) % LAYOUT.step for side in (tile.width, tile.height))
        padded = cv2.copyMakeBorder(level[tile.slices], margin, bottom, margin, right, cv2.BORDER_REPLICATE)
        answers = self._answers([padded, 255 - padded] if inverted else [padded])
        found = Candidates.join([decode(answer, self.least / 2) for answer in answers])
        boxes = found.boxes + np.array([tile.left - margin, tile.top - margin] * 2, np.float32)
        own = _is_own((boxes[:, :2] + boxes[:, 2:]) / 2, tile, level.shape[:2], overlap / 2)
        return replace(found, boxes=boxes).take(own)

    def _answers(self, padded: Sequence[np.ndarray]) -> np.ndarray:
        """Return the network's answers (N, 15, h, w) to (H, W, 3) uint8, whose sides are multiples of its step."""
        cells = tuple(side // LAYOUT.stride for side in padded[0].shape[:2])
        return self._net(cv2.dnn.blobFromImages(padded), (len(padded), LAYOUT.channels, *cells))


def _of_heights(found: Candidates, lowest: float, highest: float) -> Candidates:
    """Return the candidates of these heights."""
    heights = heights_of(found.boxes)
    return found.take((heights >= lowest) & (heights <= highest))


def _is_own(centres: np.ndarray, tile: Box, shape: Sequence[int], half: float) -> np.ndarray:
    """Return which centres (N, 2) are not nearer than `half` an overlap to a side where a tile has a neighbour."""
    low = [tile.left + half * (tile.left > 0), tile.top + half * (tile.top > 0)]
    high = [tile.right - half * (tile.right < shape[1]), tile.bottom - half * (tile.bottom < shape[0])]
    inside = (centres >= low) & (centres < high)
    return inside[:, 0] & inside[:, 1]


def decode(answer: np.ndarray, least: float) -> Candidates:
    """Turn the network's answer into candidates.

    Parameters
    ----------
    answer : ndarray (15, h, w) float32
        See `svhn.finder.layout`.
    least : float
        Least presence of a candidate, 0 to 1.
    """
    rows, columns = np.nonzero(answer[LAYOUT.presence] > log_odds(least))
    cells = answer[:, rows, columns]
    x, y = cells[LAYOUT.centre]
    x = (columns + 0.5) * LAYOUT.stride + LAYOUT.centre_unit * x
    y = (rows + 0.5) * LAYOUT.stride + LAYOUT.centre_unit * y
    width, height = LAYOUT.size_unit * np.exp(np.clip(cells[LAYOUT.size], *LAYOUT.log_sizes))
    boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    return Candidates(boxes.astype(np.float32), chance(cells[LAYOUT.presence]), softmax(cells[LAYOUT.labels], 0).T)


def pyramid(size: tuple[int, int], config: FinderConfig) -> list[float]:
    """Return the scales at which a photo of (height, width) is searched, the finest first."""
    height, width = size
    scale = config.largest_scale if height * width < config.enlarge_below else 1.0
    scales, least = [scale], LEAST_STEPS * LAYOUT.step
    while scale * height > NEXT_LEVEL * config.digit_height[1] and scale * min(height, width) > least:
        scale /= 2
        scales.append(scale)
    return scales


def resize(photo: np.ndarray, scale: float) -> np.ndarray:
    """Resize a photo, without aliasing."""
    if scale == 1:
        return photo
    size = [max(round(side * scale), 1) for side in photo.shape[1::-1]]
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def tiles(size: tuple[int, int], config: FinderConfig) -> Iterator[Box]:
    """Cut a level of (height, width) into pieces that overlap."""
    rows, columns = (_spans(side, config.tile, config.overlap) for side in size)
    for top, bottom in rows:
        for left, right in columns:
            yield Box(left, top, right, bottom)


def _spans(side: int, tile: int, overlap: int) -> list[tuple[int, int]]:
    """Cover a side with pieces of at most `tile` that overlap by at least `overlap`: their starts and stops."""
    count = 1 if side <= tile else -(-(side - overlap) // (tile - overlap))
    length = side if count == 1 else tile
    starts = np.linspace(0, side - length, count).astype(int).tolist()
    return [(start, start + length) for start in starts]
