"""Photos that the finder learns from, with all their digits, and parts of them without any."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox, clip_digits, heights_of
from svhn.data.extra import read_boxes
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.data.progress import Report, counted, silent
from svhn.data.sources import LICENCE_NOTE, VALIDATION_FRACTION
from svhn.data.splitting import choose_validation
from svhn.files import sha256
from svhn.photos import read_rgb

# Least side in pixels of a digit-free part of a photo.
LEAST_STRIP = 12


@dataclass(frozen=True)
class FinderPhoto:
    """A photo with all of its digits.

    Attributes
    ----------
    pixels : ndarray (H, W, 3) uint8, RGB
    boxes : ndarray (N, 4) float32
        Left, top, right, bottom.
    labels : ndarray (N,) int64
        0..9.
    """

    pixels: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray, digits: Iterable[DigitBox] = ()) -> "FinderPhoto":
        digits = clip_digits(digits, pixels.shape[1], pixels.shape[0])
        boxes = np.array([digit.box.as_list() for digit in digits], np.float32).reshape(-1, 4)
        return cls(pixels, boxes, np.array([digit.label for digit in digits], np.int64))

    @property
    def digits(self) -> list[DigitBox]:
        """The digits in the order in which they were given."""
        pairs = zip(self.boxes, self.labels, strict=True)
        return [DigitBox(Box(*map(int, box)), int(label)) for box, label in pairs]


def source_of_photos(folder: str | Path, listed: str | Path | None) -> dict[str, str]:
    """Return where photos to learn from come from, with hashes of their labels.

    Parameters
    ----------
    folder : str or Path
        With `train/` in Format 1.
    listed : str or Path, optional
        CSV file with digits of further photos, as for `read_listed`.

    Raises
    ------
    InputError
        When there are no labels.
    """
    labels = Path(folder) / "train" / DIGIT_STRUCT_FILE
    with DigitStruct(labels):
        source = {"source": Path(folder).name, "licence": LICENCE_NOTE, "split_rule": "by photo"}
    source[f"sha256 train/{DIGIT_STRUCT_FILE}"] = sha256(labels)
    return source | ({f"sha256 {Path(listed).name}": sha256(listed)} if listed else {})


def read_labelled(folder: str | Path, split: str, report: Report = silent) -> dict[str, FinderPhoto]:
    """Read all photos of `folder`/`split` with their boxes, by file name."""
    folder = Path(folder) / split
    with DigitStruct(folder / DIGIT_STRUCT_FILE) as annotations:
        names = counted(annotations, len(annotations), f"{split} photos", report)
        return {name: FinderPhoto.of(read_rgb(folder / name), annotations[name]) for name in names}


def read_listed(folder: Path, listed: str | Path | None) -> list[FinderPhoto]:
    """Read the photos of a folder with the digits that a CSV file lists there; none without folder or file."""
    if not folder.is_dir() or listed is None:
        return []
    digits: dict[str, list[DigitBox]] = {}
    for name, digit in read_boxes(Path(listed)):
        digits.setdefault(name, []).append(digit)
    return [FinderPhoto.of(read_rgb(folder / name), found) for name, found in digits.items()]


def split_validation(photos: dict[str, FinderPhoto], seed: int = 0) -> tuple[list[str], list[str]]:
    """Split the names of `photos` into training and validation, as `prepare` does for the same seed."""
    names = list(photos)
    owners = np.concatenate([np.full(len(photos[name].labels), i) for i, name in enumerate(names)])
    labels = np.concatenate([photos[name].labels for name in names])
    chosen = set(owners[choose_validation(labels, owners, VALIDATION_FRACTION, seed)].tolist())
    training = [name for i, name in enumerate(names) if i not in chosen]
    return training, [name for i, name in enumerate(names) if i in chosen]


def strips_beside(photo: FinderPhoto, least: int) -> list[Box]:
    """Return the strips beside, above and below a photo's digits, a tenth of their height away from them.

    Those with a side below `least` pixels are left out.
    """
    height, width = photo.pixels.shape[:2]
    low, high = photo.boxes[:, :2].min(axis=0), photo.boxes[:, 2:].max(axis=0)
    gap = 0.1 * float(heights_of(photo.boxes).max())
    left, top, right, bottom = (int(side) for side in (*(low - gap), *np.ceil(high + gap)))
    strips = ((0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height))
    return [Box(*strip) for strip in strips if strip[2] - strip[0] >= least <= strip[3] - strip[1]]


def beside(photo: FinderPhoto, rng: np.random.Generator) -> FinderPhoto | None:
    """Cut a strip without digits from a photo; None where there is no room for one."""
    strips = strips_beside(photo, LEAST_STRIP)
    return FinderPhoto.of(photo.pixels[strips[rng.integers(len(strips))].slices]) if strips else None


def largest_strip(photo: FinderPhoto, least: int = 24) -> FinderPhoto | None:
    """Return the largest strip without digits; None where all have a side below `least` pixels."""
    strip = max(strips_beside(photo, least), key=lambda box: box.area, default=None)
    return FinderPhoto.of(photo.pixels[strip.slices]) if strip else None


def shuffled(photo: FinderPhoto, rng: np.random.Generator) -> FinderPhoto:
    """Cut a photo into cells smaller than half a digit and mix them, turned, so that fragments of digits remain."""
    cell = max(3, int(rng.uniform(0.25, 0.45) * float(heights_of(photo.boxes).min())))
    rows, columns = (max(side // cell, 1) for side in photo.pixels.shape[:2])
    whole = cv2.resize(photo.pixels, (columns * cell, rows * cell), interpolation=cv2.INTER_AREA)
    cells = whole.reshape(rows, cell, columns, cell, 3).swapaxes(1, 2).reshape(-1, cell, cell, 3)
    cells = np.rot90(rng.permutation(cells), int(rng.integers(4)), axes=(1, 2))
    mixed = cells.reshape(rows, columns, cell, cell, 3).swapaxes(1, 2).reshape(whole.shape)
    return FinderPhoto.of(np.ascontiguousarray(mixed))
