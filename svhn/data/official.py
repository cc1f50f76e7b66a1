"""The digits of SVHN's official splits, from crops (Format 2), from photos (Format 1), or from both."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from svhn.boxes import Box
from svhn.crops import CROP_SIZE, TIGHT_SIZE, WIDE_SIZE, crop_digit, crop_tight, crop_wide, to_gray
from svhn.data.formats import DIGIT_STRUCT_FILE, DigitStruct, read_cropped
from svhn.data.prepared import Split
from svhn.data.progress import Report, counted, silent
from svhn.data.sources import SQUARE, TIGHT
from svhn.errors import InputError
from svhn.photos import read_rgb

# Without digitStruct.mat it is not known which crops share a photo. Whole blocks of neighbours go to one side of
# the split, so that at most the photos at the block edges fall on both.
BLOCK = 25

Cut = Callable[[np.ndarray, Box], np.ndarray]
_SIDES: dict[Cut, int] = {crop_digit: CROP_SIZE, crop_wide: WIDE_SIZE, crop_tight: TIGHT_SIZE}


def crops_file(folder: Path, split: str) -> Path:
    """Return where the Format-2 file of a split lies."""
    return folder / f"{split}_{CROP_SIZE}x{CROP_SIZE}.mat"


def struct_file(folder: Path, split: str) -> Path:
    """Return where the boxes of a split's photos lie."""
    return folder / split / DIGIT_STRUCT_FILE


def files_of(folder: Path, split: str) -> list[Path]:
    """Return the files that `read_split` would read first: those of the two that are there."""
    return [path for path in (crops_file(folder, split), struct_file(folder, split)) if path.is_file()]


def read_split(folder: str | Path, split: str, report: Report = silent, crops: str = SQUARE) -> Split:
    """Read the digits of one official split from crops, from photos, or from both.

    With both, pixels and labels come from the crops and the photos of the digits from `digitStruct.mat`. With
    photos alone the crops are cut by the Format-2 rule. With crops alone blocks of neighbours stand for photos. Tight
    crops are cut from the photos.

    Parameters
    ----------
    folder : str or Path
    split : str
        "train", whose digits also get wide crops where there are photos, "test" or "extra".
    report : callable
        Called as report(done, total, what) after each photo.
    crops : str
        One of `svhn.data.CROPS`.

    Raises
    ------
    InputError
        When the folder does not hold the split, or a file is damaged or inconsistent.
    """
    folder = Path(folder)
    file, struct = crops_file(folder, split), struct_file(folder, split)
    if crops == TIGHT:
        return _read_tight(struct, split, report)
    if file.is_file() and struct.is_file():
        return _read_both(file, struct, split, report)
    if struct.is_file():
        return _read_photos(struct, split, report)
    if file.is_file():
        rgb, labels = read_cropped(file)
        return Split(rgb, to_gray(rgb), labels, np.arange(len(labels)) // BLOCK)
    raise InputError(
        f"{folder}: has no {split} split; expected {file.name} or {split}/{DIGIT_STRUCT_FILE} in it "
        f"(python cli.py fetch --split {split})"
    )


def _read_tight(struct: Path, split: str, report: Report) -> Split:
    if not struct.is_file():
        raise InputError(
            f"{struct}: no such file; tight crops are cut from the photos "
            f"(python cli.py fetch --split {split} --format photos)"
        )
    (rgb,), labels, photos = _cut(struct, [crop_tight], split, report)
    return Split(rgb, to_gray(rgb), labels, photos)


def _read_both(crops: Path, struct: Path, split: str, report: Report) -> Split:
    rgb, labels = read_cropped(crops)
    photos, listed = _photos_of_digits(struct)
    if not np.array_equal(labels, listed):
        raise InputError(
            f"{crops} and {struct} do not belong together: {len(labels)} and {len(listed)} digits, or other "
            "labels; fetch both again or remove one"
        )
    wide = None
    if split == "train":  # only training looks beyond the crops
        with contextlib.suppress(InputError):  # the crops do without the photos
            ((wide,), *_) = _cut(struct, [crop_wide], split, report)
    return Split(rgb, to_gray(rgb), labels, photos, wide)


def _read_photos(struct: Path, split: str, report: Report) -> Split:
    cuts: list[Cut] = [crop_digit, crop_wide] if split == "train" else [crop_digit]
    (rgb, *wide), labels, photos = _cut(struct, cuts, split, report)
    return Split(rgb, to_gray(rgb), labels, photos, wide[0] if wide else None)


def _photos_of_digits(struct: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return photo number and label of every digit in the order of the Format-2 crops."""
    with DigitStruct(struct) as annotations:
        rows = [(i, digit.label) for i, name in enumerate(annotations) for digit in annotations.listed(name)]
    photos, labels = np.array(rows, np.int64).reshape(-1, 2).T
    return photos, labels


def _cut(struct: Path, cuts: list[Cut], split: str, report: Report) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Cut all digits of a photo folder: crops (N, side, side, 3) for each of `cuts`, labels and photo numbers (N,)."""
    crops: list[list[np.ndarray]] = []
    rows: list[tuple[int | None, int]] = []
    with DigitStruct(struct) as annotations:
        for i, name in enumerate(counted(annotations, len(annotations), f"{split} photos", report)):
            photo = read_rgb(struct.parent / name)
            for digit in annotations.listed(name):
                _check_inside(struct, name, digit.box, photo)
                crops.append([cut(photo, digit.box) for cut in cuts])  # not clipped first: the rule squares all of it
                rows.append((digit.label, i))
    labels, photos = np.array(rows, np.int64).reshape(-1, 2).T
    columns = zip(*crops, strict=True) if crops else ([] for _ in cuts)
    shapes = [(-1, _SIDES[cut], _SIDES[cut], 3) for cut in cuts]
    return [np.array(part, np.uint8).reshape(to) for part, to in zip(columns, shapes, strict=True)], labels, photos


def _check_inside(struct: Path, name: str, box: Box, photo: np.ndarray) -> None:
    height, width = photo.shape[:2]
    if box.clip(width, height) is None:
        raise InputError(
            f"{struct}: the box {box.as_list()} lies outside {name} ({width} x {height} pixels); correct it or fetch "
            "both again (python cli.py fetch)"
        )
