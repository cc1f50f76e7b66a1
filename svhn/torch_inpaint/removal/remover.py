"""From a photo and boxes to the photo without the digits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import torch

from svhn.boxes import Box, DigitBox, clip_digits, group_digits
from svhn.checkpoints import find_model
from svhn.crops import crop_digit
from svhn.torch_inpaint.classifier import DEFAULT_CHECKPOINT, Classifier, classify, load_classifier, reduced_maps
from svhn.torch_inpaint.device import choose_device
from svhn.torch_inpaint.removal.composite import Region, composite, cut_region, enlarge_mask
from svhn.torch_inpaint.removal.config import FillConfig, RemovalConfig
from svhn.torch_inpaint.removal.key_pixels import KeyPixels, paint_boxes, widen, window_of
from svhn.torch_inpaint.removal.methods import load_fill, load_key_pixels

MOST_REGIONS = 16


class Reader(Protocol):
    """Looks at boxes of an image and says what digits can be read there."""

    def __call__(self, image: np.ndarray, boxes: Sequence[Box]) -> list[tuple[int, float]]:
        """Return label 0..9 and confidence 0..1 for each box; confidence 0 where nothing is read.

        Parameters
        ----------
        image : ndarray (H, W, 3) uint8, RGB
        boxes : sequence of Box
            The digits of one number, in reading order, inside the image.
        """


@dataclass(frozen=True)
class Reading:
    """What is read in a number's boxes: one digit and one confidence 0..1 for each box."""

    text: str
    confidences: tuple[float, ...]


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
    """

    image: np.ndarray
    mask: np.ndarray
    key_pixels: np.ndarray
    numbers: tuple[NumberReport, ...] = ()


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


@dataclass
class _Job:
    """One number on its way through the rounds."""

    seen: Inspection
    boxes: tuple[Box, ...]
    labels: tuple[int | None, ...]
    keys: KeyPixels
    # What every reader reads in every box: label and confidence.
    before: list[list[tuple[int, float]]] = field(default_factory=list)
    after: list[list[tuple[int, float]]] = field(default_factory=list)
    rounds: int = 0

    @property
    def region(self) -> Region:
        return self.seen.region


class DigitRemover:
    """Removes digits from photos.

    Parameters
    ----------
    classifier : Classifier
        Its first layer finds the key pixels, and it reads the digits before and after.
    config : RemovalConfig
    readers : sequence of Reader
        Further readers that have to find nothing; with each, fewer digits stay legible and the work takes longer.
    """

    def __init__(self, classifier: Classifier, config: RemovalConfig = RemovalConfig(), readers: Sequence[Reader] = ()):
        self.classifier = classifier
        self.config = config
        self.readers = tuple(readers)
        self.device = classifier.net.first_conv.weight.device
        self._find_key_pixels = load_key_pixels(config.key_pixels, self.device)
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

    def remove(self, photo: np.ndarray, boxes: Sequence[Box | DigitBox]) -> RemovalResult:
        """Remove the digits in `boxes` from one photo.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
            Not modified.
        boxes : sequence of Box or DigitBox
            One per digit; they are clipped to the photo, and those outside it are ignored.

        Returns
        -------
        RemovalResult
        """
        return self.remove_batch([photo], [boxes])[0]

    def remove_batch(
        self, photos: Sequence[np.ndarray], boxes: Sequence[Sequence[Box | DigitBox]]
    ) -> list[RemovalResult]:
        """Remove digits from several photos, all their regions together; each result equals `remove`'s."""
        jobs = [job for i, photo in enumerate(photos) for job in self._jobs(i, check_photo(photo), boxes[i])]
        self._read(photos, jobs, "before")
        images = [photo.copy() for photo in photos]
        pending = jobs
        while pending:
            self._paint(photos, images, pending)
            self._read(images, pending, "after")
            pending = [job for job in pending if self._is_legible(job) and self._widen(job)]
        return [self._result(images[i], [job for job in jobs if job.region.photo == i]) for i in range(len(photos))]

    def inspect(self, photo: np.ndarray, boxes: Sequence[Box | DigitBox]) -> list[Inspection]:
        """Return what `remove` sees of each number of a photo, in the order of its `numbers`; nothing is painted."""
        return [job.seen for job in self._jobs(0, check_photo(photo), boxes)]

    def _jobs(self, index: int, photo: np.ndarray, boxes: Sequence[Box | DigitBox]) -> list[_Job]:
        """Group the boxes of a photo into numbers and find the key pixels of each."""
        found = []
        for digits, region in cut_numbers(index, photo, boxes, self.config):
            seen = self._inspect(region)
            own, labels = (tuple(parts) for parts in zip(*((digit.box, digit.label) for digit in digits), strict=True))
            found.append(_Job(seen, own, labels, seen.keys))
        return found

    def _inspect(self, region: Region) -> Inspection:
        maps = reduced_maps(self.classifier, region.pixels)
        evidence, keys = self._find_key_pixels(region.pixels, region.boxes, *maps)
        return Inspection(region, *maps, evidence, keys)

    def _read(self, images: Sequence[np.ndarray], jobs: Sequence[_Job], when: str) -> None:
        crops = [crop_digit(images[job.region.photo], box) for job in jobs for box in job.boxes]
        probabilities = iter(classify(self.classifier, np.array(crops))) if crops else iter(())
        for job in jobs:
            rows = [next(probabilities) for _ in job.boxes]
            image = images[job.region.photo]
            others = [reader(image, job.boxes) for reader in self.readers]
            setattr(job, when, [[(int(row.argmax()), float(row.max())) for row in rows], *others])

    def _is_legible(self, job: _Job) -> bool:
        """Say whether a reader still reads a digit's known label, or what a reader read there before."""
        columns = zip(job.labels, zip(*job.before, strict=True), zip(*job.after, strict=True), strict=True)
        for known, before, after in columns:
            was = {known} | {label for label, confidence in before if confidence > 0}
            if any(label in was and confidence >= self.config.legible for label, confidence in after):
                return True
        return False

    def _widen(self, job: _Job) -> bool:
        """Widen a job's mask for the next round; False when all rounds are used up."""
        if job.rounds >= self.config.rounds:
            return False
        job.rounds += 1
        config, shape = self.config.key_pixels, job.keys.mask.shape
        windows = [window_of(box, config).clip(shape[1], shape[0]) for box in job.region.boxes]
        window = paint_boxes(windows, shape)
        last = job.rounds == self.config.rounds
        height = int(np.median([box.height for box in job.region.boxes]))
        mask = job.keys.mask | (window if last else widen(job.keys.mask, max(1, round(0.08 * height))))
        job.keys = KeyPixels(mask, job.keys.key_pixels & ~mask)
        return True

    def _paint(self, photos: Sequence[np.ndarray], images: Sequence[np.ndarray], jobs: Sequence[_Job]) -> None:
        """Fill the masks of all jobs, starting from the photos as they were."""
        filled = fill_regions([(job.region.pixels, job.keys) for job in jobs], self.config.fill, self.device)
        for job, painted in zip(jobs, filled, strict=True):
            box = job.region.box
            original = photos[job.region.photo][box.slices]
            mask = enlarge_mask(job.keys.mask, original.shape[:2])
            composite(images[job.region.photo], box, original, painted, mask, ~mask, self.config.fill.grain)

    def _result(self, image: np.ndarray, jobs: Sequence[_Job]) -> RemovalResult:
        mask, key_pixels = np.zeros(image.shape[:2], bool), np.zeros(image.shape[:2], bool)
        for job in jobs:
            box = job.region.box
            size = (box.height, box.width)
            mask[box.slices] |= enlarge_mask(job.keys.mask, size)
            used = job.keys.key_pixels.astype(np.uint8)
            key_pixels[box.slices] |= cv2.resize(used, size[::-1], interpolation=cv2.INTER_NEAREST) > 0
        numbers = tuple(
            NumberReport(job.boxes, _reading(job.before), _reading(job.after), job.rounds, self._is_legible(job))
            for job in jobs
        )
        return RemovalResult(image, mask, key_pixels, numbers)


def cut_numbers(
    index: int, photo: np.ndarray, boxes: Sequence[Box | DigitBox], config: RemovalConfig
) -> list[tuple[tuple[DigitBox, ...], Region]]:
    """Group boxes into numbers, and cut out what lies around each.

    Parameters
    ----------
    index : int
        Index of the photo in its batch.
    photo : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box or DigitBox
        See `DigitRemover.remove`.
    config : RemovalConfig

    Returns
    -------
    list of (digits in reading order, Region)
    """
    digits = [box if isinstance(box, DigitBox) else DigitBox(box) for box in boxes]
    found = []
    for number in group_digits(clip_digits(digits, photo.shape[1], photo.shape[0])):
        own = tuple(digit.box for digit in number.digits)
        height = float(np.median([box.height for box in own]))
        region = cut_region(index, photo, own, config.context * height, config.work_height / height)
        found.append((tuple(number.digits), region))
    return found


def inpaint(
    photo: np.ndarray, mask: np.ndarray, config: RemovalConfig = RemovalConfig(), device: str = "auto"
) -> np.ndarray:
    """Fill a mask that the caller brings.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
        Not modified.
    mask : ndarray (H, W) bool
        True = to be filled; at least one pixel must be False.
    config : RemovalConfig
    device : str
        See `choose_device`.

    Returns
    -------
    ndarray (H, W, 3) uint8, RGB
        Equal to `photo` where `mask` is False, bit for bit.
    """
    check_photo(photo)
    mask = np.asarray(mask)
    if mask.shape != photo.shape[:2] or mask.dtype != bool:
        raise ValueError(f"expected a bool mask of shape {photo.shape[:2]}, received {mask.dtype} {mask.shape}")
    if mask.all():
        raise ValueError("expected at least one pixel outside the mask, received a mask that covers the whole photo")
    image = photo.copy()
    regions = [cut_region(0, photo, [box], thick, config.work_thickness / thick) for box, thick in _holes(mask)]
    keys = []
    for region in regions:
        full = mask[region.box.slices].astype(np.float32)
        part = cv2.resize(full, region.pixels.shape[1::-1], interpolation=cv2.INTER_AREA) > 0.01
        keys.append(KeyPixels(part, ~part))
    pairs = [(region.pixels, key) for region, key in zip(regions, keys, strict=True)]
    for region, painted in zip(regions, fill_regions(pairs, config.fill, choose_device(device)), strict=True):
        original, part = photo[region.box.slices], mask[region.box.slices]
        composite(image, region.box, original, painted, part, ~part, config.fill.grain)
    return image


def _holes(mask: np.ndarray) -> list[tuple[Box, float]]:
    """Return the boxes and thicknesses (pixels) of the parts of a mask; parts close to each other share a box."""
    distance = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    count, labels = cv2.connectedComponents(widen(mask, 8).astype(np.uint8))
    holes = []
    for label in range(1, count):
        part = mask & (labels == label)
        rows, columns = np.nonzero(part)
        box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        holes.append((box, 2 * float(distance[part].max())))
    return holes


def fill_regions(
    regions: Sequence[tuple[np.ndarray, KeyPixels]], config: FillConfig, device: torch.device
) -> list[np.ndarray]:
    """Fill regions of different sizes with the GRNN and its finisher, many at once.

    Parameters
    ----------
    regions : sequence of (ndarray (H, W, 3) uint8, KeyPixels)
    config : FillConfig
    device : torch.device

    Returns
    -------
    list of ndarray (H, W, 3) float32, 0..255
        In the order of `regions`.
    """
    fill, results = load_fill(config, device), []
    for start in range(0, len(regions), MOST_REGIONS):
        part = regions[start : start + MOST_REGIONS]
        shape = np.max([pixels.shape[:2] for pixels, _ in part], axis=0)
        images = np.stack([_padded(pixels, shape) for pixels, _ in part]).astype(np.float32)
        masks = np.stack([_padded(keys.mask, shape, fill=False) for _, keys in part])
        key_pixels = np.stack([_padded(_usable(keys), shape, fill=False) for _, keys in part])
        inside = np.stack([_padded(np.ones_like(keys.mask), shape, fill=False) for _, keys in part])
        arrays = (images.transpose(0, 3, 1, 2), masks, key_pixels, inside)
        pixels_, masks_, keys_, inside_ = (torch.from_numpy(array).to(device) for array in arrays)
        with torch.inference_mode():
            filled = fill(pixels_, masks_, keys_, inside_).permute(0, 2, 3, 1).cpu().numpy()
        for picture, (pixels, _) in zip(filled, part, strict=True):
            results.append(np.ascontiguousarray(picture[: pixels.shape[0], : pixels.shape[1]]))
    return results


def _usable(keys: KeyPixels) -> np.ndarray:
    """Return the key pixels; where there are none, every pixel outside the mask, or at worst the region itself."""
    if keys.key_pixels.any():
        return keys.key_pixels
    return np.ones_like(keys.mask) if keys.mask.all() else ~keys.mask


def _padded(array: np.ndarray, shape: Sequence[int], fill: bool | None = None) -> np.ndarray:
    """Pad (h, w, ...) at the bottom and right to `shape`, with `fill` or by repeating the border."""
    if array.shape[:2] == tuple(shape):  # np.pad takes its time to do nothing
        return array
    rest = [(0, 0)] * (array.ndim - 2)
    widths = [(0, shape[0] - array.shape[0]), (0, shape[1] - array.shape[1]), *rest]
    return np.pad(array, widths, mode="edge") if fill is None else np.pad(array, widths, constant_values=fill)


def _reading(rows: Sequence[Sequence[tuple[int, float]]]) -> Reading:
    """Take the surest reader's word for each box."""
    surest = [max(column, key=lambda read: read[1]) for column in zip(*rows, strict=True)]
    return Reading("".join(str(label) for label, _ in surest), tuple(confidence for _, confidence in surest))


def check_photo(photo: np.ndarray) -> np.ndarray:
    """Return `photo` if it is (H, W, 3) uint8, else raise ValueError."""
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        received = f"{getattr(photo, 'dtype', type(photo).__name__)} {getattr(photo, 'shape', '')}"
        raise ValueError(f"expected a photo as uint8 (H, W, 3) RGB, received {received}")
    return photo
