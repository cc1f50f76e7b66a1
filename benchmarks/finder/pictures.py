"""The pictures that the finder is measured on: annotated photos, and pictures without a number."""

from pathlib import Path

import numpy as np

from benchmarks.removal.photos import general_pictures
from svhn.data.render import SyntheticSettings, render_photo
from svhn.data.samples import FinderPhoto, empty_photo, largest_strip, lettered_photo, read_labelled, split_validation

# Seeds that no training sample can have had.
FIRST_SEED = 10**9


def annotated_photos(folder: Path, split: str) -> dict[str, FinderPhoto]:
    """Return the photos of "test", or those of "validation", which are part of the train split."""
    if split != "validation":
        return read_labelled(folder, split)
    photos = read_labelled(folder, "train")
    return {name: photos[name] for name in split_validation(photos)[1]}


def pictures_without_numbers(folder_photos: dict[str, FinderPhoto], count: int) -> dict[str, list[np.ndarray]]:
    """Return pictures without a digit by kind, `count` of each rendered kind."""
    parts = [largest_strip(photo) for photo in folder_photos.values() if len(photo.boxes)]
    seeds = range(FIRST_SEED, FIRST_SEED + count)
    large = SyntheticSettings(size=(320, 240))
    return {
        "digit-free parts of the photos": [part.pixels for part in parts if part is not None],
        "rendered house fronts": [render_photo(seed, large).clean for seed in seeds],
        "rendered windows, railings, letters": [empty_photo(np.random.default_rng(seed)).pixels for seed in seeds],
        "rendered words": [lettered_photo(np.random.default_rng(seed), 0).pixels for seed in seeds],
        "pictures of scikit-image and scikit-learn": [picture.pixels for picture in general_pictures()],
    }
