"""From a photo and boxes to the photo without the digits."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.checkpoints import find_model
from svhn.crops import crop_digit
from svhn.figures import draw_strip
from svhn.finder import check_answer
from svhn.photos import as_rgb, encode_rgb, write_rgb
from svhn.torch_inpaint.classifier import (
    DEFAULT_CHECKPOINT,
    Classifier,
    classify,
    first_layer_hash,
    load_classifier,
    reduced_maps,
)
from svhn.torch_inpaint.device import choose_device
from svhn.torch_inpaint.removal.composite import is_smooth, paste_fill, sharpen_fill
from svhn.torch_inpaint.removal.config import KEY_PIXELS, RemovalConfig
from svhn.torch_inpaint.removal.masks import in_pixels
from svhn.torch_inpaint.removal.methods import load_detail, load_fill, load_key_pixels, taught_by
from svhn.torch_inpaint.removal.readings import Answer, Reader, Readings, found_as
from svhn.torch_inpaint.removal.regions import (
    Region,
    check_photo,
    cut_numbers,
    detail_around,
    fill_regions,
    known_around,
)
from svhn.torch_inpaint.removal.rounds import WIDENING, Inspection, NumberReport, Removal

# How often a mask is made finer.
REFINEMENTS = 2


@dataclass(frozen=True, repr=False)
class RemovalResult:
    """A photo after the removal.

    Attributes
    ----------
    image : ndarray (H, W, 3) uint8, RGB
        Equal to the input outside `mask`, bit for bit.
    mask : ndarray (H, W) bool
        True = was filled.
    key_pixels : ndarray (H, W) bool
        True = background that the fill learned from; some of it may lie in the mask's rim, see `KeyPixels`.
    numbers : tuple of NumberReport
    before : ndarray (H, W, 3) uint8, RGB, optional
        The input.
    """

    image: np.ndarray
    mask: np.ndarray
    key_pixels: np.ndarray
    numbers: tuple[NumberReport, ...] = ()
    before: np.ndarray | None = None

    def save(self, path: str | Path) -> None:
        """Write the photo after the removal; the suffix gives the format. `svhn.photos.write_photo` keeps EXIF."""
        write_rgb(path, self.image)

    def show(self) -> None:
        """Open before, mask and after in the system's viewer."""
        Image.fromarray(self._strip()).show()

    def __repr__(self) -> str:
        height, width = self.mask.shape
        numbers = ", ".join(f"{number.before.text}{' (legible)' if number.legible else ''}" for number in self.numbers)
        return f"RemovalResult({width} x {height}, {self.mask.mean():.1%} painted, numbers: {numbers or 'none'})"

    def _repr_png_(self) -> bytes:
        """What a notebook shows: before, mask and after."""
        return encode_rgb(self._strip())

    def _strip(self) -> np.ndarray:
        return draw_strip(self.image if self.before is None else self.before, self.mask, self.image)


class UnmatchedNetworks(UserWarning):
    """Two networks of a remover do not belong together."""


class DigitRemover:
    """Removes digits from photos.

    Parameters
    ----------
    classifier : Classifier
        Its first layer finds the key pixels, and it reads the digits before and after.
    config : RemovalConfig
    readers : sequence of Reader
        Further readers that have to find nothing; with each, fewer digits stay legible and the work takes longer.

    Raises
    ------
    InputError
        When the weights of the fill or of the key pixels cannot be used.

    Warns
    -----
    UnmatchedNetworks
        When the segmenter has learned from another classifier's feature maps.
    """

    def __init__(self, classifier: Classifier, config: RemovalConfig = RemovalConfig(), readers: Sequence[Reader] = ()):
        self.classifier = classifier
        self.config = config
        self.readers = tuple(readers)
        self.device = classifier.net.first_conv.weight.device
        self._find_key_pixels = load_key_pixels(config.key_pixels, self.device)
        self._warn_of_a_stranger()
        self._detail = load_detail(config.fill, self.device)
        load_fill(config.fill, self.device)  # now, so that a wrong name is told before the work

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path = DEFAULT_CHECKPOINT,
        device: str = "auto",
        config: RemovalConfig = RemovalConfig(),
        readers: Sequence[Reader] = (),
    ) -> "DigitRemover":
        """Load the classifier from a checkpoint, by default the shipped one; see `choose_device` for `device`."""
        return cls(load_classifier(find_model(path).path, choose_device(device)), config, readers)

    def remove(self, photo: Any, boxes: Any) -> RemovalResult:
        """Remove the digits in `boxes` from one photo.

        Parameters
        ----------
        photo : ndarray (H, W), (H, W, 3) or (H, W, 4) uint8, or PIL.Image.Image
            RGB, not modified; see `svhn.photos.as_rgb`.
        boxes : sequence of Box, DigitBox or [left, top, right, bottom], or ndarray (N, 4)
            One per digit; they are clipped to the photo, and those outside it are ignored.

        Returns
        -------
        RemovalResult
        """
        return self.remove_batch([photo], [boxes])[0]

    def remove_batch(self, photos: Sequence[Any], boxes: Sequence[Any]) -> list[RemovalResult]:
        """Remove digits from several photos, all their regions together; each result equals `remove`'s."""
        return [result for result, _ in self.trace_batch(photos, boxes)]

    def inspect(self, photo: np.ndarray, boxes: Sequence[Box | DigitBox]) -> list[Inspection]:
        """Return what `remove` sees of each number of a photo, in the order of its `numbers`; nothing is painted."""
        numbers = cut_numbers(0, check_photo(photo), boxes, self.config)
        return [self._inspect(region) for _, region in numbers]

    def trace_batch(self, photos: Sequence[Any], boxes: Sequence[Any]) -> list[tuple[RemovalResult, list[Removal]]]:
        """Return the results of `remove_batch`, each with what led to it, in the order of its `numbers`."""
        photos = [as_rgb(photo) for photo in photos]
        numbers = self._start(photos, boxes)
        self._refine(photos, [number for number in numbers if _misses_detail(photos[number.region.photo], number)])
        images, pending = [photo.copy() for photo in photos], numbers
        while pending:
            painted = self._paint(photos, images, pending)
            readings = self._read(images, [(number.region.photo, number.boxes) for number in pending])
            for number, picture, after in zip(pending, painted, readings, strict=True):
                number.painted = picture
                number.look(images[number.region.photo], after)
            pending = [number for number in pending if number.goes_on(self.config)]
            for number in pending:
                number.rounds += 1
                number.keys = number.next_keys(self.config)
        own = [[number for number in numbers if number.region.photo == i] for i in range(len(photos))]
        shown = zip(photos, images, own, strict=True)
        return [(self._result(before, image, part), part) for before, image, part in shown]

    def read_again(self, image: np.ndarray, removals: Sequence[Removal]) -> tuple[NumberReport, ...]:
        """Return what became of the numbers of a photo, as all readers read them in another version of the result.

        Parameters
        ----------
        image : ndarray (H, W, 3) uint8, RGB
            For example the result after JPEG.
        removals : sequence of Removal
            Of `trace_batch`.
        """
        readings = self._read([image], [(0, removal.boxes) for removal in removals])
        for removal, after in zip(removals, readings, strict=True):
            removal.look(image, after)
        return tuple(removal.report(self.config) for removal in removals)

    def _warn_of_a_stranger(self) -> None:
        """Warn when what finds the key pixels has learned from the feature maps of another classifier than this one."""
        if taught_by(self.config.key_pixels, self.device) not in (None, first_layer_hash(self.classifier)):
            warnings.warn(
                f"{self.config.key_pixels.segmenter} has learned from another classifier's feature maps, and its masks "
                "may miss strokes; use --key-pixels evidence, or train one with train-segmenter --model",
                UnmatchedNetworks,
                stacklevel=3,
            )

    def _start(self, photos: Sequence[np.ndarray], boxes: Sequence[Sequence[Box | DigitBox]]) -> list[Removal]:
        """Group the boxes of every photo into numbers, find the key pixels of each, and read it."""
        cut = [
            number
            for index, (photo, own) in enumerate(zip(photos, boxes, strict=True))
            for number in cut_numbers(index, check_photo(photo), own, self.config)
        ]
        places = [(region.photo, tuple(digit.box for digit in digits)) for digits, region in cut]
        readings = self._read(photos, places, [found_as(digits) for digits, _ in cut])
        return [
            Removal(digits, self._inspect(region), before, _others(cut, number))
            for number, ((digits, region), before) in enumerate(zip(cut, readings, strict=True))
        ]

    def _refine(self, photos: Sequence[np.ndarray], numbers: Sequence[Removal]) -> None:
        """Give numbers masks at the photo's scale that are no wider than need be, by what fills expect there."""
        least = KEY_PIXELS[self.config.key_pixels.method].threshold(self.config.key_pixels)
        sure = (1 + least) / 2
        for _ in range(REFINEMENTS):  # the second fill learns from what the first mask gave back
            pairs = [(number.region.pixels, number.keys) for number in numbers]
            for number, painted in zip(numbers, fill_regions(pairs, self.config.fill, self.device), strict=True):
                number.painted = painted
                number.refine(photos[number.region.photo], sure)

    def _inspect(self, region: Region) -> Inspection:
        maps = reduced_maps(self.classifier, region.pixels)
        evidence, keys = self._find_key_pixels(region.pixels, region.boxes, *maps)
        return Inspection(region, *maps, evidence, keys)

    def _read(
        self,
        images: Sequence[np.ndarray],
        places: Sequence[tuple[int, tuple[Box, ...]]],
        known: Sequence[Answer | None] = (),
    ) -> list[Readings]:
        """Let all readers read the boxes of numbers, each given with the index of its image.

        What is `known` of a number stands for the answers of the further readers.
        """
        crops = [crop_digit(images[index], box) for index, boxes in places for box in boxes]
        probabilities = check_answer(classify(self.classifier, np.array(crops)), f"classifier {self.classifier.name}")
        ends = np.cumsum([len(boxes) for _, boxes in places])
        found = []
        said = known or [None] * len(places)
        for (index, boxes), own, before in zip(places, np.split(probabilities, ends)[:-1], said, strict=True):
            others = [reader(images[index], boxes) if before is None else before for reader in self.readers]
            found.append(Readings.of([(own.argmax(axis=1), own.max(axis=1)), *others], len(boxes)))
        return found

    def _paint(
        self, photos: Sequence[np.ndarray], images: Sequence[np.ndarray], numbers: Sequence[Removal]
    ) -> list[np.ndarray]:
        """Fill the masks of numbers in `images`, starting from the photos as they were; return the filled regions."""
        pairs = [(number.region.pixels, number.keys) for number in numbers]
        filled = fill_regions(pairs, self.config.fill, self.device)
        for number, painted in zip(numbers, filled, strict=True):
            index, box = number.region.photo, number.region.box
            sharp = self._sharpened(photos[index], number, painted)
            picture, grain = (painted, self.config.fill.grain) if sharp is None else (sharp, 0.0)
            paste_fill(images[index], box, photos[index][box.slices], picture, number.mask, ~number.mask, grain)
        return filled

    def _sharpened(self, photo: np.ndarray, number: Removal, painted: np.ndarray) -> np.ndarray | None:
        """Return the fill of a number with the detail of its surroundings; None when nothing is missing."""
        if self._detail is None or not number.mask.any():
            return None
        box = number.region.box
        around = detail_around(number.boxes, box, photo.shape)
        known = known_around(around, box, number.mask, number.others)
        height = float(np.median([digit.height for digit in number.boxes]))
        return sharpen_fill(photo, box, painted, number.mask, height, around, known, self._detail)

    def _result(self, before: np.ndarray, image: np.ndarray, numbers: Sequence[Removal]) -> RemovalResult:
        mask, key_pixels = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], bool)
        for number in numbers:
            box, keys = number.region.box, number.keys
            mask[box.slices] |= number.mask
            used = keys.key_pixels.astype(np.uint8)
            key_pixels[box.slices] |= cv2.resize(used, (box.width, box.height), interpolation=cv2.INTER_NEAREST) > 0
        reports = tuple(number.report(self.config) for number in numbers)
        return RemovalResult(image, mask, key_pixels, reports, before)


def _misses_detail(photo: np.ndarray, number: Removal) -> bool:
    """Say whether a number was found at a smaller scale that misses what its photo shows."""
    if not number.is_reduced:
        return False
    size, height = number.keys.mask.shape, float(np.median([box.height for box in number.boxes]))
    return not is_smooth(photo[number.region.box.slices], size, number.mask, height)


def _others(cut: Sequence[tuple[tuple[DigitBox, ...], Region]], number: int) -> tuple[Box, ...]:
    """Return the boxes of the other numbers of a number's photo, with the margin of a mask."""
    photo = cut[number][1].photo
    return tuple(
        digit.box.grow(in_pixels(WIDENING, [digit.box]))
        for other, (digits, region) in enumerate(cut)
        for digit in digits
        if region.photo == photo and other != number
    )
