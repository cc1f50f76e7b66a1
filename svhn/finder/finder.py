"""Find and read the digits of any photo by small networks that OpenCV runs.

The first searches a pyramid of the photo; the others, `svhn.finder.refiner`, judge every place that the first proposes.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox, Number, group_digits, overlaps, union
from svhn.checkpoints import checkpoint_folder
from svhn.errors import InputError
from svhn.finder.config import DEFAULT_FINDER, VIEWS, FinderConfig
from svhn.finder.refiner import Refiner

MODEL_FILE = "finder.onnx"
# The network answers once per 4 x 4 pixels and takes sides in steps of 16.
STRIDE, STEP = 4, 16
# Forms of the network's boxes: offsets in units of 8 pixels, sizes as logarithms of units of 16.
OFFSET_UNIT, SIZE_UNIT = 8.0, 16.0
# The older of OpenCV's two engines takes a fifth less time for this network; before 4.11 it was the only one.
ENGINE = (cv2.dnn.ENGINE_CLASSIC,) if hasattr(cv2.dnn, "ENGINE_CLASSIC") else ()
# What is found with more than this intersection over union is read in a given box.
READ_OVERLAP = 0.3


@dataclass(frozen=True)
class FoundDigit(DigitBox):
    """A digit that was found.

    Attributes
    ----------
    presence : float
        How sure it is that there is a digit at all, 0 to 1.
    probabilities : tuple of float
        Of the labels 0..9.
    """

    presence: float = 0.0
    probabilities: tuple[float, ...] = ()

    @property
    def confidence(self) -> float:
        return self.presence * max(self.probabilities)


@dataclass(frozen=True)
class Candidates:
    """What the network says of places in a photo, not yet sorted out.

    Attributes
    ----------
    boxes : ndarray (N, 4) float32
        Left, top, right, bottom in pixels of the photo.
    presence : ndarray (N,) float32
    probabilities : ndarray (N, 10) float32
    """

    boxes: np.ndarray
    presence: np.ndarray
    probabilities: np.ndarray

    def take(self, index: np.ndarray) -> "Candidates":
        return Candidates(self.boxes[index], self.presence[index], self.probabilities[index])

    @classmethod
    def join(cls, parts: list["Candidates"]) -> "Candidates":
        fields = ([getattr(part, name) for part in parts] for name in ("boxes", "presence", "probabilities"))
        return cls(*(np.concatenate(field) for field in fields))


class Finder:
    """Finds digits and numbers in photos. One object serves one thread.

    Parameters
    ----------
    path : str or Path
        A `.onnx` file, a folder with `finder.onnx`, or the name of a shipped checkpoint. Refiners beside it, see
        `svhn.finder.config.VIEWS`, judge what it proposes.
    config : FinderConfig

    Raises
    ------
    InputError
        When there is no such network.
    """

    def __init__(self, path: str | Path = DEFAULT_FINDER, config: FinderConfig = FinderConfig()):
        self.config = config
        self.path, *refiners = network_files(path)
        self.refiners = [Refiner(file, view, ENGINE) for file, view in zip(refiners, VIEWS.values(), strict=False)]
        # Least presence, after each network, of a place that is looked at again or, after the last, reported.
        again = [config.proposal, min(config.doubtful, config.min_confidence)]
        self._least = [*again[: len(self.refiners)], config.min_confidence]
        try:
            self._net = cv2.dnn.readNetFromONNX(str(self.path), *ENGINE)
        except cv2.error as error:
            raise InputError(f"{self.path}: not a readable ONNX network; export it again (train-finder)") from error

    def find(self, photo: np.ndarray) -> list[FoundDigit]:
        """Find the digits of a photo, the surest first.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        return [as_drawn(digit, photo.shape, self.config) for digit in self._find(photo)]

    def _find(self, photo: np.ndarray) -> list[FoundDigit]:
        """Find the digits, with boxes as tight as the networks see them."""
        return to_digits(self.candidates(photo), photo.shape)

    def candidates(self, photo: np.ndarray, refiners: int | None = None) -> Candidates:
        """Return the places where the first network and the first `refiners` others, by default all, see a digit.

        If there are more networks, doubtful places, too, which these are asked about.
        """
        scales, (lowest, highest) = pyramid(photo.shape[:2], self.config), self.config.digit_height
        least = [self.config.smallest] + [lowest] * (len(scales) - 1)
        levels = [self._search_level(photo, *level, highest) for level in zip(scales, least, strict=True)]
        found = merge(levels, self.config, self._least[0])
        for i, refiner in enumerate(self.refiners[:refiners]):
            boxes, evidence, probabilities = refiner.judge(photo, found.boxes)
            presence = _odds_to_chance(log_odds(found.presence) + evidence)
            before = self.config.boxes_before[i]
            boxes = before * found.boxes + (1 - before) * boxes
            before = self.config.labels_before[i]
            likely = found.probabilities**before * probabilities ** (1 - before)
            probabilities = likely / likely.sum(axis=1, keepdims=True)
            found = merge([Candidates(boxes, presence, probabilities)], self.config, self._least[i + 1])
        return found

    def find_numbers(self, photo: np.ndarray) -> list[Number]:
        """Find the numbers of a photo, each in reading order; numbers are sorted by their upper left corner.

        A doubtful digit without neighbours is no number, see `FinderConfig.lone`; `find` has it nevertheless.
        """
        least = log_odds(self.config.min_confidence) + self.config.lone
        numbers = group_digits(self._find(photo))
        sure = (number for number in numbers if len(number.digits) > 1 or log_odds(number.digits[0].presence) >= least)
        return [Number(tuple(as_drawn(digit, photo.shape, self.config) for digit in number.digits)) for number in sure]

    def read_number(self, photo: np.ndarray) -> Number | None:
        """Return the most prominent number of a photo, or None when there is none."""
        return most_prominent(self.find_numbers(photo))

    def look(self, photo: np.ndarray, boxes: Sequence[Box], heights: Sequence[float]) -> list[Candidates]:
        """Look at the surroundings of one number's digits at several scales and in both polarities.

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
            One for each look, in pixels of the photo.
        """
        height = float(np.median([box.height for box in boxes]))
        around = union(boxes).grow(round(height)).clip(photo.shape[1], photo.shape[0])
        part, shift = photo[around.slices], np.array([around.left, around.top] * 2, np.float32)
        looks = [
            self._search_level(pixels, wanted / height, *self.config.look_range)
            for wanted in heights
            for pixels in (part, 255 - part)
        ]
        return [replace(found, boxes=found.boxes + shift) for found in looks]

    def _search_level(self, photo: np.ndarray, scale: float, lowest: float, highest: float) -> Candidates:
        level = resize(photo, scale)
        factors = np.array(photo.shape[1::-1] * 2, np.float32) / (level.shape[1::-1] * 2)
        parts = [self._search_tile(level, tile) for tile in tiles(level.shape[:2], self.config)]
        found = Candidates.join(parts)
        heights = found.boxes[:, 3] - found.boxes[:, 1]
        found = found.take((heights >= lowest) & (heights <= highest))
        return Candidates(found.boxes * factors, found.presence, found.probabilities)

    def _search_tile(self, level: np.ndarray, tile: Box) -> Candidates:
        """Search a part of a level; what is centred in the overlap is left to the neighbour that sees more of it."""
        height, width = level.shape[:2]
        pixels, margin = level[tile.slices], self.config.margin
        right, bottom = (margin + (-side - 2 * margin) % STEP for side in (tile.width, tile.height))
        padded = cv2.copyMakeBorder(pixels, margin, bottom, margin, right, cv2.BORDER_REPLICATE)
        self._net.setInput(cv2.dnn.blobFromImage(padded))
        found = decode(self._net.forward()[0], self._least[0] / 2)
        boxes = found.boxes + np.array([tile.left - margin, tile.top - margin] * 2, np.float32)
        x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
        half = self.config.overlap / 2
        low_x, low_y = tile.left + half * (tile.left > 0), tile.top + half * (tile.top > 0)
        high_x, high_y = tile.right - half * (tile.right < width), tile.bottom - half * (tile.bottom < height)
        inside = (x >= low_x) & (x < high_x) & (y >= low_y) & (y < high_y)
        return Candidates(boxes, found.presence, found.probabilities).take(inside)


class FinderReader:
    """Looks whether the digits of a number can still be found: a `Reader` of `svhn.torch_inpaint.removal`.

    Parameters
    ----------
    finder : Finder
    """

    def __init__(self, finder: Finder):
        self.finder = finder

    def __call__(self, image: np.ndarray, boxes: Sequence[Box]) -> tuple[np.ndarray, np.ndarray]:
        """Return the surest answer of all looks for each of N boxes.

        Parameters
        ----------
        image : ndarray (H, W, 3) uint8, RGB
        boxes : sequence of Box
            The digits of one number, inside the image.

        Returns
        -------
        labels : ndarray (N,) int64, 0..9
        confidences : ndarray (N,) float32, 0..1
            0 where nothing is found.
        """
        found = Candidates.join(self.finder.look(image, boxes, self.finder.config.read_heights))
        labels, confidences = np.zeros(len(boxes), int), np.zeros(len(boxes), np.float32)
        if len(found.presence):
            sure = found.presence * found.probabilities.max(axis=1)
            for i, box in enumerate(boxes):
                shared = np.where(overlaps(np.array(box.as_list()), found.boxes)[0] > READ_OVERLAP, sure, 0)
                best = shared.argmax()
                labels[i], confidences[i] = found.probabilities[best].argmax() if shared[best] else 0, shared[best]
        return labels, confidences


def number_confidence(number: Number) -> float | None:
    """Return how sure it is that a number reads as it says, 0 to 1; None for one that was not found but given."""
    confidences = [digit.confidence for digit in number.digits]
    return None if None in confidences else float(np.prod(confidences))


def most_prominent(numbers: list[Number]) -> Number | None:
    """Return the number with the most and surest digits, or None for an empty list."""
    return max(numbers, key=lambda number: sum(digit.presence for digit in number.digits), default=None)


def pyramid(size: tuple[int, int], config: FinderConfig) -> list[float]:
    """Return the scales at which a photo of (height, width) is searched, the finest first."""
    height, width = size
    scale = config.largest_scale if height * width < config.enlarge_below else 1.0
    scales = [scale]
    while scale * height > 1.15 * config.digit_height[1] and scale * min(height, width) > 2 * STEP:
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
    count = 1 if side <= tile else -(-(side - overlap) // (tile - overlap))
    length = side if count == 1 else tile
    starts = np.linspace(0, side - length, count).astype(int).tolist()
    return [(start, start + length) for start in starts]


def log_odds(chance: np.ndarray | float) -> np.ndarray:
    """Turn probabilities into log odds, finite ones for 0 and 1 too."""
    chance = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.log(chance / (1 - chance))


def _odds_to_chance(odds: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-np.clip(odds, -30, 30)))).astype(np.float32)


def decode(answer: np.ndarray, least: float) -> Candidates:
    """Turn the network's answer into candidates.

    Parameters
    ----------
    answer : ndarray (15, h, w) float32
        Objectness logit, ten class logits, box.
    least : float
        Least presence of a candidate, 0 to 1.
    """
    rows, columns = np.nonzero(answer[0] > log_odds(least))
    cells = answer[:, rows, columns]
    presence = _odds_to_chance(cells[0])
    likely = np.exp(cells[1:11] - cells[1:11].max(axis=0))
    x = (columns + 0.5) * STRIDE + OFFSET_UNIT * cells[11]
    y = (rows + 0.5) * STRIDE + OFFSET_UNIT * cells[12]
    width, height = SIZE_UNIT * np.exp(np.clip(cells[13:15], -3, 3))
    boxes = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    return Candidates(boxes.astype(np.float32), presence, (likely / likely.sum(axis=0)).T)


def merge(parts: Sequence[Candidates], config: FinderConfig, least: float | None = None) -> Candidates:
    """Let the surest candidate of each place speak for those that share it; their boxes and labels are averaged.

    Candidates below `least`, by default `config.min_confidence`, do not speak.
    """
    least = config.min_confidence if least is None else least
    rest = Candidates.join(list(parts))
    rest, kept = rest.take(np.argsort(-rest.presence, kind="stable")), []
    while len(rest.presence) and rest.presence[0] >= least:
        overlap, covered = overlaps(rest.boxes[0], rest.boxes)
        close = rest.take(overlap > config.equal)
        weights = close.presence[None] / close.presence.sum()
        kept.append(Candidates(weights @ close.boxes, rest.presence[:1], weights @ close.probabilities))
        rest = rest.take((overlap <= config.same) & (covered <= config.inside))
    return Candidates.join(kept) if kept else rest.take(np.zeros(0, int))


def as_drawn(digit: FoundDigit, shape: tuple[int, ...], config: FinderConfig) -> FoundDigit:
    """Give a digit's box the slack that people leave who draw boxes.

    The networks see digits at their own size and cannot know it: SVHN's annotators left more room around digits that
    are small in their photo. `python -m benchmarks.finder.slack` measures how much.

    Parameters
    ----------
    digit : FoundDigit
        With a tight box.
    shape : (height, width, ...)
        Of the photo in pixels.
    config : FinderConfig
        Its `slack` and `least_share` are used.

    Returns
    -------
    FoundDigit
        The same with a larger or smaller box, clipped to the photo.
    """
    box = digit.box
    share = min(max(box.height / shape[0], config.least_share), 1.0)
    tall, wide = (scale * share**-power for scale, power in config.slack)
    (x, y), width, height = box.centre, wide * box.width, tall * box.height
    left, top, right, bottom = (round(edge) for edge in (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    drawn = Box(left, top, max(right, left + 1), max(bottom, top + 1)).clip(shape[1], shape[0])
    return replace(digit, box=drawn or box)


def to_digits(candidates: Candidates, shape: tuple[int, ...]) -> list[FoundDigit]:
    """Turn candidates into digits of a photo of (height, width, ...), clipped to it."""
    found = []
    for box, presence, probabilities in zip(
        candidates.boxes, candidates.presence, candidates.probabilities, strict=True
    ):
        left, top, right, bottom = np.rint(box).astype(int).tolist()
        clipped = Box(left, top, max(right, left + 1), max(bottom, top + 1)).clip(shape[1], shape[0])
        if clipped:
            found.append(
                FoundDigit(clipped, int(probabilities.argmax()), float(presence), tuple(probabilities.tolist()))
            )
    return found


def find_finder(path: str | Path) -> Path:
    """Return the ONNX file that a path or the name of a shipped checkpoint means; raise InputError without one."""
    path = Path(path)
    shipped = checkpoint_folder() / path
    for candidate in (path, path / MODEL_FILE, shipped / MODEL_FILE):
        if candidate.suffix == ".onnx" and candidate.is_file():
            return candidate
    raise InputError(f"{path}: no finder found; expected a .onnx file or a folder with {MODEL_FILE} (train-finder)")


def network_files(path: str | Path) -> list[Path]:
    """Return the ONNX files that a finder uses: that of `find_finder`, and of the refiners that lie beside it.

    They are in the order of `VIEWS`; a refiner counts when all before it are there, on which it relies.
    """
    first = find_finder(path)
    beside = (first.with_name(view.file) for view in VIEWS.values())
    return [first, *itertools.takewhile(Path.is_file, beside)]
