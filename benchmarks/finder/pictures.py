"""The pictures that the finder is measured on: annotated photos, and pictures without a number."""

from pathlib import Path

import numpy as np

from benchmarks.removal.photos import general_pictures
from svhn.data.finder_photos import FinderPhoto, empty_photo, read_labelled, split_validation, strips_beside
from svhn.data.synthetic import SyntheticSettings, render_photo

# A digit-free part of a photo is used when both sides have this many pixels.
LEAST_SIDE = 24
# Seeds that no training sample can have had.
FIRST_SEED = 10**9


def annotated_photos(folder: Path, split: str) -> dict[str, FinderPhoto]:
    """Return the photos of "test", or those of "validation", which are part of the train split."""
    if split != "validation":
        return read_labelled(folder, split)
    photos = read_labelled(folder, "train")
    return {name: photos[name] for name in split_validation(photos)[1]}


def digit_free_part(photo: FinderPhoto) -> np.ndarray | None:
    """Cut the largest strip beside, above or below the digits."""
    largest = max(strips_beside(photo, LEAST_SIDE), key=lambda box: box.area, default=None)
    return None if largest is None else photo.pixels[largest.slices]


def pictures_without_numbers(folder_photos: dict[str, FinderPhoto], count: int) -> dict[str, list[np.ndarray]]:
    """Return pictures without a digit by kind, `count` of each rendered kind."""
    parts = [digit_free_part(photo) for photo in folder_photos.values() if len(photo.boxes)]
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    large = SyntheticSettings(size=(320, 240))
    return {
        "digit-free parts of the photos": [part for part in parts if part is not None],
        "rendered house fronts": [render_photo(seed, large).clean for seed in seeds],
        "rendered windows, railings, letters": [empty_photo(np.random.default_rng(seed)).pixels for seed in seeds],
        "pictures of scikit-image and scikit-learn": [picture.pixels for picture in general_pictures()],
    }
