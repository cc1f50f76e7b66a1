"""The pictures that methods are compared on: real SVHN photos, and general ones that come with two packages."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from svhn.boxes import Box, DigitBox, clip_digits
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct
from svhn.photos import read_rgb

# Bundled with scikit-image: nothing is downloaded.
BUNDLED = (
    *("astronaut", "brick", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field", "rocket"),
    "stereo_motorcycle",
)


@dataclass(frozen=True)
class Picture:
    """A picture and its digits, clipped to it.

    Attributes
    ----------
    name : str
    index : int
        Its place in its split, from 1; seeds what is drawn for it.
    pixels : ndarray (H, W, 3) uint8, RGB
    digits : list of DigitBox
    """

    name: str
    index: int
    pixels: np.ndarray
    digits: list[DigitBox]


class SvhnPhotos:
    """The photos `first` to `last` (from 1) of a Format-1 folder, read when asked for.

    Parameters
    ----------
    folder : Path
    first, last : int
    """

    def __init__(self, folder: Path, first: int, last: int):
        self.folder = folder
        with DigitStruct(folder / DIGIT_STRUCT_FILE) as annotations:
            names = list(annotations)[first - 1 : last]
            self._digits = [(name, annotations[name]) for name in names]
        self._first = first

    def __len__(self) -> int:
        return len(self._digits)

    def __getitem__(self, position: int) -> Picture:
        name, digits = self._digits[position]
        pixels = read_rgb(self.folder / name)
        clipped = clip_digits(digits, pixels.shape[1], pixels.shape[0])
        return Picture(name, self._first + position, pixels, clipped)

    def __iter__(self) -> Iterator[Picture]:
        return (self[position] for position in range(len(self)))


def wild_photos(folder: Path) -> list[Picture]:
    """Return the photos of `numbers` in a folder, with digits and (labelled None) ignored regions of `labels.json`."""
    labels, found = json.loads((folder / "labels.json").read_text(encoding="utf-8")), []
    for index, (name, label) in enumerate(sorted(labels.items()), start=1):
        pixels = read_rgb(folder / "numbers" / name)
        digits = [
            DigitBox(_whole_pixels(digit["box"]), int(digit["label"]))
            for number in label["numbers"]
            for digit in number["digits"]
        ]
        digits += [DigitBox(_whole_pixels(box)) for box in label.get("ignore", [])]
        found.append(Picture(name, index, pixels, clip_digits(digits, pixels.shape[1], pixels.shape[0])))
    return found


def _whole_pixels(box: list[float]) -> Box:
    return Box(*(round(side) for side in box))


def general_pictures() -> list[Picture]:
    """Return a dozen pictures bundled with scikit-image and scikit-learn; none when scikit-image is missing."""
    try:
        import skimage.data
    except ImportError:
        return []
    from sklearn.datasets import load_sample_images

    found = [(name, getattr(skimage.data, name)()) for name in BUNDLED]
    samples = load_sample_images()
    found += [(Path(name).stem, image) for name, image in zip(samples.filenames, samples.images, strict=True)]
    return [Picture(name, number, _rgb(image), []) for number, (name, image) in enumerate(found, start=1)]


def _rgb(image) -> np.ndarray:
    image = image[0] if isinstance(image, tuple) else image
    return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else np.ascontiguousarray(image[..., :3])
