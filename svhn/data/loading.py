"""Training data from wherever it lies: official files, a prepared file, Caffe's databases, or the generator."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from svhn.data import caffe
from svhn.data.caffe import is_lmdb_folder
from svhn.data.extra import ExtraDigits, render_splits
from svhn.data.mix import GENERATED
from svhn.data.official import read_split
from svhn.data.prepare import prepare_data
from svhn.data.prepared import PreparedData, Split, Statistics, read_prepared, write_prepared
from svhn.data.progress import Report, silent
from svhn.data.sources import SQUARE, STORES, TIGHT, VALIDATION_FRACTION
from svhn.errors import InputError

SYNTHETIC = "synthetic"
SYNTHETIC_COUNTS = {"train": 8_000, "validation": 1_000, "test": 2_000}
OFFICIAL_FOLDER = "data/svhn"


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
    elif Path(OFFICIAL_FOLDER).is_dir():
        option, origin = OFFICIAL_FOLDER, "the default folder"
    else:
        option, origin = SYNTHETIC, "no SVHN data found"
    if option == SYNTHETIC:
        cure = f"real data: python cli.py fetch --split train --split test --dir {OFFICIAL_FOLDER}"
        return SYNTHETIC, f"Data: generated digits, not SVHN ({origin}; {cure})"
    return option, f"Data: {option} ({origin})"


def load_data(
    source: str,
    seed: int = 0,
    splits: tuple[str, ...] = ("train", "test"),
    synthetic: int = 0,
    copy_paste: int = 0,
    pseudo: str | Path | None = None,
    report: Report = silent,
    validation: float | None = None,
    crops: str = SQUARE,
) -> PreparedData:
    """Load training data from a folder with official files or LMDBs, a prepared `.h5` file, or the generator.

    Digits are generated in several processes, each of which imports the script that calls this; a script does so under
    `if __name__ == "__main__":`.

    Parameters
    ----------
    source : str
        See `resolve_source`.
    seed : int
        Of the validation split and of what is generated.
    splits : tuple of str
        Which official splits to read.
    synthetic, copy_paste, pseudo
        Further digits, see `ExtraDigits`; a folder with official files is needed for them. A prepared file holds those
        that it was made with.
    report : callable
        Called as report(done, total, what) while photos are read and digits made.
    validation : float, optional
        Share of the training digits for validation, 0 to 1 exclusive; by default that of the source, or
        `VALIDATION_FRACTION`.
    crops : str
        One of `svhn.data.CROPS`.

    Raises
    ------
    InputError
        When there is no such data, it is damaged, it was split or cut in another way, or further digits cannot be made
        from it.
    """
    extra = ExtraDigits(synthetic, copy_paste, Path(pseudo) if pseudo else None)
    if extra and (source == SYNTHETIC or not Path(source).is_dir() or is_lmdb_folder(source)):
        raise InputError(
            f"{source}: further digits are made for a folder with SVHN's files only; store them in a prepared file "
            "(python cli.py prepare --synthetic N --copy-paste N --pseudo FILE.csv)"
        )
    if source == SYNTHETIC and crops == SQUARE:
        return generate_data(seed, report=report, validation=validation)
    if is_lmdb_folder(source):
        return _as_asked(source, caffe.read_lmdb(source), validation, crops)
    if Path(source).suffix in (".h5", ".hdf5"):
        return _as_asked(source, read_prepared(source), validation, crops)
    if source == SYNTHETIC:
        raise InputError(f"crops: {crops} ones are cut from photos, which {SYNTHETIC} has not; give another --data")
    return prepare_data(source, validation or VALIDATION_FRACTION, seed, splits, extra, report, crops)


def _as_asked(source: str, data: PreparedData, validation: float | None, crops: str) -> PreparedData:
    """Return data that were split and cut before, or raise InputError where they were so in another way than asked."""
    stored = data.provenance.get("crops", SQUARE)
    if stored != crops:
        raise InputError(
            f"{source}: holds {stored} crops, expected {crops} ones; prepare it again with --crops {crops}"
        )
    share = data.provenance.get("validation_fraction")
    if validation is not None and share != validation:
        raise InputError(
            f"{source}: split with a validation share of {share}, expected {validation}; leave --validation out, or "
            "prepare it again with that share"
        )
    return data


def load_mix(
    source: str,
    mix: dict[str, float],
    pseudo_labels: Path,
    seed: int,
    splits: tuple[str, ...] = ("train", "test"),
    report: Report = silent,
    validation: float | None = None,
    crops: str = SQUARE,
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
    report : callable
        Called as report(done, total, what) while photos are read and digits made.
    validation, crops
        As in `load_data`.
    """
    how: dict[str, Any] = {"report": report, "validation": validation, "crops": crops}
    if Path(source).is_file():
        return load_data(source, seed, splits, **how)
    counts: dict[str, Any] = {name: count for name, count in GENERATED.items() if name in mix}
    pseudo = pseudo_labels if "pseudo" in mix else None
    return load_data(source, seed, splits, **counts, pseudo=pseudo, **how)


def load_split(source: str, split: str, report: Report = silent, crops: str = SQUARE) -> Split:
    """Load one split of a source; the official test split and rendered ones are made without the others."""
    if is_lmdb_folder(source) and crops == SQUARE:
        return caffe.read_lmdb(source, (split,))[split]
    if split == "test" and Path(source).is_dir() and not is_lmdb_folder(source):
        return read_split(source, split, report, crops)
    if source == SYNTHETIC and crops == SQUARE:
        return _generate_split(split, report)
    return load_data(source, report=report, crops=crops)[split]


def _generate_split(split: str, report: Report) -> Split:
    if split not in SYNTHETIC_COUNTS:
        raise InputError(f"{SYNTHETIC}: has no {split} split, only {', '.join(SYNTHETIC_COUNTS)}; give another --split")
    return generate_data(splits=(split,), report=report)[split]


def generate_data(
    seed: int = 0,
    splits: tuple[str, ...] = tuple(SYNTHETIC_COUNTS),
    report: Report = silent,
    validation: float | None = None,
) -> PreparedData:
    """Render data with the project's own generator; the splits share no photo.

    Parameters
    ----------
    seed : int
    splits : tuple of str
        Which of train, validation and test to render; each is the same with and without the others.
    report : callable
        Called as report(done, total, what) after each lot of digits.
    validation : float, optional
        Share of `train` and `validation` together that goes to the latter, 0 to 1 exclusive.

    Returns
    -------
    PreparedData
        As many digits as `SYNTHETIC_COUNTS` says, or with `validation` as many together; only `train` has wide crops.
        Statistics only with `train`.
    """
    sizes = _synthetic_counts(validation)
    parts = render_splits({split: sizes[split] for split in splits}, seed, report=report)
    parts = {split: part if split == "train" else replace(part, wide=None) for split, part in parts.items()}
    if "validation" in parts:  # each crop is a photo of its own; that split's go on from those of train
        part = parts["validation"]
        parts["validation"] = replace(part, photos=part.photos + sizes["train"])
    provenance = {"source": SYNTHETIC, "licence": "generated by this project, no SVHN pixels", "seed": seed}
    return PreparedData(parts, Statistics.of(parts["train"]) if "train" in parts else None, provenance)


def _synthetic_counts(validation: float | None) -> dict[str, int]:
    """Return how many digits each rendered split has."""
    if validation is None:
        return SYNTHETIC_COUNTS
    together = SYNTHETIC_COUNTS["train"] + SYNTHETIC_COUNTS["validation"]
    held_back = round(validation * together)
    return SYNTHETIC_COUNTS | {"train": together - held_back, "validation": held_back}


def store_data(path: str | Path, data: PreparedData, store: str = "h5", seed: int = 0) -> None:
    """Write prepared data so that `load_data` reads it again, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The .h5 file, or for "lmdb" a folder.
    data : PreparedData
    store : str
        One of `STORES`; "lmdb" needs the packages of svhn[caffe].
    seed : int
        Of the order of the records in LMDBs.
    """
    if store not in STORES:
        raise InputError(f"store: expected one of {', '.join(STORES)}, received {store!r}")
    if store == "lmdb" and data.provenance.get("crops") == TIGHT:
        raise InputError(
            f"{path}: databases for Caffe hold square crops; leave --crops {TIGHT} out, or store them as h5"
        )
    if store == "lmdb":
        caffe.write_lmdb(path, data, seed)
    else:
        write_prepared(path, data)
