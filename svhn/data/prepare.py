"""From the official files (or the generator) to prepared data: crops, gray, a split by photo, statistics."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide, to_gray
from svhn.data.caffe import is_lmdb_folder, read_lmdb
from svhn.data.extra import NO_EXTRA, ExtraDigits
from svhn.data.formats import FILE_NAME, DigitStruct, read_cropped
from svhn.data.mix import GENERATED
from svhn.data.prepared import PreparedData, Split, Statistics, read_prepared
from svhn.data.sources import LICENCE_NOTE
from svhn.errors import InputError
from svhn.files import sha256
from svhn.photos import read_rgb

VALIDATION_FRACTION = 0.13
SYNTHETIC = "synthetic"
# Without digitStruct.mat nobody knows which crops share a photo. Whole blocks of neighbours go to one side of
# the split, so that at most the photos at the block edges fall on both.
BLOCK = 25
SYNTHETIC_COUNTS = {"train": 8_000, "validation": 1_000, "test": 2_000}


def resolve_source(option: str | None) -> tuple[str, str]:
    """Decide which data to use: `option`, else `$SVHN_DATA`, else `data/svhn`, else the generator.

    Returns
    -------
    source : str
        A folder with SVHN's files or with Caffe's databases, a prepared `.h5` file, or "synthetic".
    message : str
        One line that says what was taken and, for the generator, how to get the real data.
    """
    if option:
        origin = "--data"
    elif option := os.environ.get("SVHN_DATA"):
        origin = "$SVHN_DATA"
    elif Path("data/svhn").is_dir():
        option, origin = "data/svhn", "the default folder"
    else:
        option, origin = SYNTHETIC, "no SVHN data found"
    if option == SYNTHETIC:
        cure = "real data: python cli.py fetch --split train --split test --dir data/svhn"
        return SYNTHETIC, f"Data: generated digits, not SVHN ({origin}; {cure})"
    return option, f"Data: {option} ({origin})"


def load_data(
    source: str,
    seed: int = 0,
    splits: tuple[str, ...] = ("train", "test"),
    synthetic: int = 0,
    copy_paste: int = 0,
    pseudo: str | Path | None = None,
) -> PreparedData:
    """Load training data from a folder with official files or LMDBs, a prepared `.h5` file, or the generator.

    `synthetic`, `copy_paste` and `pseudo` ask for further digits, see `ExtraDigits`; a folder with official files
    is needed for them. A prepared file holds those that it was made with.

    Digits are generated in several processes, each of which imports the script that calls this; a script does so under
    `if __name__ == "__main__":`.
    """
    extra = ExtraDigits(synthetic, copy_paste, pseudo)
    if extra and (source == SYNTHETIC or not Path(source).is_dir() or is_lmdb_folder(source)):
        raise InputError(
            f"{source}: further digits are made for a folder with SVHN's files only; store them in a prepared file "
            "(python cli.py prepare --synthetic N --copy-paste N --pseudo FILE.csv)"
        )
    if source == SYNTHETIC:
        return generate(seed)
    if is_lmdb_folder(source):
        return read_lmdb(source)
    if Path(source).suffix in (".h5", ".hdf5"):
        return read_prepared(source)
    return prepare(source, seed=seed, splits=splits, extra=extra)


def load_mix(
    source: str, mix: dict[str, float], pseudo_labels: Path, seed: int, splits: tuple[str, ...] = ("train", "test")
) -> PreparedData:
    """Load a source with the splits of a training run's mix.

    Parameters
    ----------
    source : str
        A folder with official files, for which the further splits are made now, or a prepared `.h5` file, which
        holds those that it was made with, or "synthetic".
    mix : dict[str, float]
        Split -> share of a batch, see `svhn.data.mix`.
    pseudo_labels : Path
        CSV file with labels of the unlabelled photos.
    seed : int
        Of the validation split and of what is generated.
    splits : tuple of str
        Which official splits to read.
    """
    extras = {name: count for name, count in GENERATED.items() if name in mix}
    if "pseudo" in mix:
        extras["pseudo"] = pseudo_labels
    return load_data(source, seed, splits, **({} if Path(source).is_file() else extras))


def load_split(source: str, split: str) -> Split:
    """Load one split of a source; the official test split and rendered ones are made without the others."""
    if is_lmdb_folder(source):
        return read_lmdb(source, (split,))[split]
    if split == "test" and Path(source).is_dir():
        return read_split(source, split)
    if source == SYNTHETIC and split in SYNTHETIC_COUNTS:
        return generate(splits=(split,))[split]
    return load_data(source)[split]


def prepare(
    folder: str | Path,
    fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
    splits: tuple[str, ...] = ("train", "test"),
    extra: ExtraDigits = NO_EXTRA,
) -> PreparedData:
    """Read the official files of a folder and split the training digits by photo.

    Parameters
    ----------
    folder : str or Path
        Holds `train_32x32.mat` or `train/` with photos and `digitStruct.mat`, or both; likewise for `test`.
    fraction : float
        Part of every class's training digits that goes to validation, 0 to 1 exclusive.
    seed : int
        Of the split.
    splits : tuple of str
        Which of "train" and "test" to read; one that is not there is left out.
    extra : ExtraDigits
        What to make beside them: from photos of the split `train` only.

    Returns
    -------
    PreparedData
        With the splits `train` and `validation` (both from the official train split) and `test`, and `synthetic`,
        `copy_paste` and `pseudo` where asked for.

    Raises
    ------
    InputError
        When the folder has none of the splits, or a file is damaged or inconsistent.
    """
    folder = Path(folder)
    found = {split: files for split in splits if (files := _files(folder, split))}
    if not found:
        raise InputError(
            f"{folder}: no SVHN data found; expected {splits[0]}_32x32.mat or {splits[0]}/{FILE_NAME} in it "
            "(python cli.py fetch --split train --split test)"
        )
    read = {split: read_split(folder, split) for split in found}
    provenance = {
        "source": str(folder.name or folder),
        "licence": LICENCE_NOTE,
        "seed": seed,
        "validation_fraction": fraction,
        "split_rule": "by photo" if _struct(folder, "train").is_file() else f"by blocks of {BLOCK} crops",
    }
    for path in (path for paths in found.values() for path in paths):
        provenance[f"sha256 {path.relative_to(folder)}"] = sha256(path)
    if "train" not in read:
        if extra:
            raise InputError(
                f"{folder}: further digits need the train split; fetch it (python cli.py fetch --split train)"
            )
        return PreparedData(read, None, provenance)
    chosen = choose_validation(read["train"].labels, read["train"].photos, fraction, seed)
    train, validation = read["train"].take(~chosen), read["train"].take(chosen)
    parts = {"train": train, "validation": validation} | {k: v for k, v in read.items() if k != "train"}
    if extra:
        from svhn.data.extra import make_extra_digits

        parts |= make_extra_digits(folder, train.photos, seed, extra)
    if extra.pseudo:
        provenance[f"sha256 {Path(extra.pseudo).name}"] = sha256(extra.pseudo)
    return PreparedData(parts, Statistics.of(train), provenance)


def read_split(folder: str | Path, split: str) -> Split:
    """Read the digits of one official split ("train" or "test") from crops, from photos, or from both.

    With both, pixels and labels come from the crops and the photos of the digits from `digitStruct.mat`. With
    photos alone the crops are cut by the Format-2 rule. With crops alone blocks of neighbours stand for photos.
    """
    folder = Path(folder)
    crops, struct = _crops(folder, split), _struct(folder, split)
    wide, training = None, split == "train"  # only training looks beyond the crops
    if struct.is_file() and crops.is_file():
        rgb, labels = read_cropped(crops)
        photos, listed = _photos_of_digits(struct)
        if not np.array_equal(labels, listed):
            raise InputError(
                f"{crops} and {struct} do not belong together: {len(labels)} and {len(listed)} digits, or other "
                "labels; fetch both again or remove one"
            )
        if training:
            with contextlib.suppress(InputError):  # the crops do without the photos
                ((wide,), *_) = _cut(struct, crop_wide)
    elif struct.is_file():
        (rgb, *more), labels, photos = _cut(struct, crop_digit, *([crop_wide] if training else []))
        wide = more[0] if more else None
    elif crops.is_file():
        rgb, labels = read_cropped(crops)
        photos = np.arange(len(labels)) // BLOCK
    else:
        raise InputError(
            f"{folder}: has no {split} split; expected {crops.name} or {split}/{FILE_NAME} in it "
            f"(python cli.py fetch --split {split})"
        )
    return Split(rgb, to_gray(rgb), labels, photos, wide)


def choose_validation(labels: np.ndarray, photos: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Choose whole photos at random so that every class has `fraction` of its digits in the validation part.

    Photos are taken in random order, each unless it would lift a class above its share; then photos are added or
    given back for as long as that brings the classes nearer to their shares, which large blocks need.

    Parameters
    ----------
    labels, photos : ndarray (N,) int
    fraction : float
    seed : int

    Returns
    -------
    ndarray (N,) bool
        True for digits of the validation part.
    """
    if not 0 < fraction < 1:
        raise InputError(f"expected a validation fraction between 0 and 1, received {fraction}")
    names, members = np.unique(photos, return_inverse=True)
    counts = np.zeros((len(names), 10), np.int64)
    np.add.at(counts, (members, labels), 1)
    room = np.rint(counts.sum(axis=0) * fraction).astype(np.int64)
    chosen = np.zeros(len(names), bool)
    order = np.random.default_rng(seed).permutation(len(names))
    for photo in order:
        if (counts[photo] <= room).all():
            chosen[photo] = True
            room -= counts[photo]
    moved = True
    while moved:  # ends, because every move makes the sum of squares smaller
        moved = False
        for photo in order:
            after = room + counts[photo] * (1 if chosen[photo] else -1)
            if after @ after < room @ room:
                chosen[photo], room, moved = not chosen[photo], after, True
    return chosen[members]


def generate(seed: int = 0, splits: tuple[str, ...] = tuple(SYNTHETIC_COUNTS)) -> PreparedData:
    """Render data with the project's own generator; the splits share no photo.

    Parameters
    ----------
    seed : int
    splits : tuple of str
        Which of train, validation and test to render; each is the same with and without the others.

    Returns
    -------
    PreparedData
        As many digits as `SYNTHETIC_COUNTS` says; only `train` has wide crops. Statistics only with `train`.
    """
    from svhn.data.extra import render_splits

    parts = render_splits({split: SYNTHETIC_COUNTS[split] for split in splits}, seed)
    parts = {split: part if split == "train" else replace(part, wide=None) for split, part in parts.items()}
    provenance = {"source": SYNTHETIC, "licence": "generated by this project, no SVHN pixels", "seed": seed}
    return PreparedData(parts, Statistics.of(parts["train"]) if "train" in parts else None, provenance)


def _crops(folder: Path, split: str) -> Path:
    return folder / f"{split}_{CROP_SIZE}x{CROP_SIZE}.mat"


def _struct(folder: Path, split: str) -> Path:
    return folder / split / FILE_NAME


def _files(folder: Path, split: str) -> list[Path]:
    return [path for path in (_crops(folder, split), _struct(folder, split)) if path.is_file()]


def _photos_of_digits(struct: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return photo number and label of every digit in the order of the Format-2 crops."""
    with DigitStruct(struct) as annotations:
        rows = [(i, digit.label) for i, name in enumerate(annotations) for digit in annotations.listed(name)]
    photos, labels = np.array(rows, np.int64).reshape(-1, 2).T
    return photos, labels


def _cut(struct: Path, *cuts: Callable) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Cut all digits of a photo folder: crops (N, side, side, 3) for each of `cuts`, labels and photo numbers (N,)."""
    crops, rows = [], []
    with DigitStruct(struct) as annotations:
        for i, name in enumerate(annotations):
            photo = read_rgb(struct.parent / name)
            for digit in annotations.listed(name):
                if digit.box.clip(photo.shape[1], photo.shape[0]) is None:
                    raise InputError(
                        f"{struct}: the box {digit.box.as_list()} lies outside {name} ({photo.shape[1]} x "
                        f"{photo.shape[0]} pixels); correct it or fetch both again (python cli.py fetch)"
                    )
                crops.append([cut(photo, digit.box) for cut in cuts])  # not clipped first: the rule squares all of it
                rows.append((digit.label, i))
    labels, photos = np.array(rows, np.int64).reshape(-1, 2).T
    sides = {crop_digit: CROP_SIZE, crop_wide: WIDE_SIZE}
    columns = zip(*crops, strict=True) if crops else ([] for _ in cuts)
    shapes = [(-1, sides[cut], sides[cut], 3) for cut in cuts]
    return [np.array(part, np.uint8).reshape(to) for part, to in zip(columns, shapes, strict=True)], labels, photos
