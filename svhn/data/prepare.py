"""From the official files to prepared data: crops, gray, a split by photo, statistics."""

from pathlib import Path
from typing import Any

from svhn.data.extra import NO_EXTRA, ExtraDigits, make_extra_digits
from svhn.data.formats import DIGIT_STRUCT_FILE
from svhn.data.official import BLOCK, files_of, read_split, struct_file
from svhn.data.prepared import PreparedData, Split, Statistics
from svhn.data.progress import Report, silent
from svhn.data.sources import LICENCE_NOTE, SQUARE, TIGHT, VALIDATION_FRACTION
from svhn.data.splitting import choose_validation
from svhn.errors import InputError
from svhn.files import sha256


def prepare_data(
    folder: str | Path,
    fraction: float = VALIDATION_FRACTION,
    seed: int = 0,
    splits: tuple[str, ...] = ("train", "test"),
    extra: ExtraDigits = NO_EXTRA,
    report: Report = silent,
    crops: str = SQUARE,
) -> PreparedData:
    """Read the official files of a folder and split the training digits by photo.

    Parameters
    ----------
    folder : str or Path
        Holds `train_32x32.mat` or `train/` with photos and `digitStruct.mat`, or both; likewise for `test`.
    fraction : float
        Part of every class's training digits that goes to validation, 0 to 1 exclusive.
    seed : int
        Of the split and of the further digits.
    splits : tuple of str
        Which of "train" and "test" to read; one that is not there is left out.
    extra : ExtraDigits
        What to make beside them: from photos of the split `train` only.
    report : callable
        Called as report(done, total, what) after each photo read and each lot of further digits made.
    crops : str
        One of `svhn.data.CROPS`: how digits are cut. Further digits are square.

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
    files = _files(folder, splits)
    if extra and crops == TIGHT:
        raise InputError(
            "crops: further digits are square, expected no --synthetic, --copy-paste or --pseudo with tight"
        )
    if extra and "train" not in files:
        raise InputError(f"{folder}: further digits need the train split; fetch it (python cli.py fetch --split train)")
    read = {split: read_split(folder, split, report, crops) for split in files}
    provenance = _provenance(folder, files, fraction, seed, extra) | ({"crops": crops} if crops != SQUARE else {})
    if "train" not in read:
        return PreparedData(read, None, provenance)
    train, validation = _divide(read.pop("train"), fraction, seed)
    parts = {"train": train, "validation": validation} | read
    parts |= make_extra_digits(folder, train.photos, seed, extra, report)
    return PreparedData(parts, Statistics.of(train), provenance)


def _files(folder: Path, splits: tuple[str, ...]) -> dict[str, list[Path]]:
    """Return the files of the splits that are there."""
    found = {split: files for split in splits if (files := files_of(folder, split))}
    if not found:
        raise InputError(
            f"{folder}: no SVHN data found; expected {splits[0]}_32x32.mat or {splits[0]}/{DIGIT_STRUCT_FILE} in it "
            "(python cli.py fetch --split train --split test)"
        )
    return found


def _divide(train: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """Return the digits to learn from and those to choose a model by."""
    chosen = choose_validation(train.labels, train.photos, fraction, seed)
    return train.take(~chosen), train.take(chosen)


def _provenance(
    folder: Path, files: dict[str, list[Path]], fraction: float, seed: int, extra: ExtraDigits
) -> dict[str, Any]:
    by_photo = struct_file(folder, "train").is_file()
    provenance = {
        "source": str(folder.name or folder),
        "licence": LICENCE_NOTE,
        "seed": seed,
        "validation_fraction": fraction,
        "split_rule": "by photo" if by_photo else f"by blocks of {BLOCK} crops",
    }
    for path in (path for paths in files.values() for path in paths):
        provenance[f"sha256 {path.relative_to(folder)}"] = sha256(path)
    if extra.pseudo:
        provenance[f"sha256 {Path(extra.pseudo).name}"] = sha256(extra.pseudo)
    return provenance
