"""The official SVHN files, their names, sizes and hashes, where they lie, and what they can be stored as."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from svhn.errors import InputError
from svhn.settings import setting

BASE_URL = "http://ufldl.stanford.edu/housenumbers/"
LICENCE_NOTE = (
    "SVHN (Street View House Numbers) is for non-commercial use only. Cite: Y. Netzer, T. Wang, A. Coates, "
    "A. Bissacco, B. Wu, A. Y. Ng: Reading Digits in Natural Images with Unsupervised Feature Learning, "
    "NIPS Workshop on Deep Learning and Unsupervised Feature Learning, 2011."
)
SPLITS = ("train", "test", "extra")
FORMATS = ("photos", "crops", "both")
# What prepared data are stored as: one HDF5 file, or a folder of gray databases for Caffe.
STORES = ("h5", "lmdb")
# How a digit is cut: the square about its box, by the rule of Format 2 (`svhn.crops.crop_digit`), or the box alone, as
# the reference's PyTorch networks took it (`svhn.crops.crop_tight`).
CROPS = SQUARE, TIGHT = "square", "tight"
# Share of the training digits that is held back for validation where nothing else is asked for.
VALIDATION_FRACTION = 0.13


@dataclass(frozen=True)
class OfficialFile:
    """One file as its authors publish it.

    Attributes
    ----------
    name : str
        File name, without a folder.
    split : str
        "train", "test" or "extra".
    format : str
        "photos" (Format 1, an archive of PNG files and digitStruct.mat) or "crops" (Format 2, a .mat file).
    size : int
        Bytes.
    sha256 : str
        64 hexadecimal digits.
    """

    name: str
    split: str
    format: str
    size: int
    sha256: str


OFFICIAL_FILES = (
    OfficialFile(
        name="train.tar.gz",
        split="train",
        format="photos",
        size=404_141_560,
        sha256="4b17bb33b6cd8f963493168f80143da956f28ec406cc12f8e5745a9f91a51898",
    ),
    OfficialFile(
        name="test.tar.gz",
        split="test",
        format="photos",
        size=276_555_967,
        sha256="57ac9ceb530e4aa85b55d991be8fc49c695b3d71c6f6a88afea86549efde7fb5",
    ),
    OfficialFile(
        name="extra.tar.gz",
        split="extra",
        format="photos",
        size=1_955_489_752,
        sha256="e857e27d1e65bd1e7d3959b094061777f6506bbc39889a0df3bba6a729d60f9c",
    ),
    OfficialFile(
        name="train_32x32.mat",
        split="train",
        format="crops",
        size=182_040_794,
        sha256="435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    OfficialFile(
        name="test_32x32.mat",
        split="test",
        format="crops",
        size=64_275_384,
        sha256="cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
    OfficialFile(
        name="extra_32x32.mat",
        split="extra",
        format="crops",
        size=1_329_278_602,
        sha256="a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3",
    ),
)


def official_files(
    splits: str | Iterable[str], format: str = "both", files: Sequence[OfficialFile] = OFFICIAL_FILES
) -> list[OfficialFile]:
    """Choose the files of some splits in one format, in the order of the table.

    Parameters
    ----------
    splits : str or iterable of str
        One or more of "train", "test", "extra".
    format : str
        "photos", "crops" or "both".
    files : sequence of OfficialFile
        The table to choose from.

    Raises
    ------
    InputError
        A split or the format is unknown.
    """
    splits = (splits,) if isinstance(splits, str) else tuple(splits)
    if unknown := [split for split in splits if split not in SPLITS]:
        raise InputError(f"expected splits out of {', '.join(SPLITS)}, received {', '.join(unknown)}")
    if format not in FORMATS:
        raise InputError(f"expected the format to be one of {', '.join(FORMATS)}, received {format}")
    return [file for file in files if file.split in splits and format in (file.format, "both")]


VALIDATION_HELP = (
    "Share of the training digits held back for validation, for example 0.2: whole photos, every class with its "
    f"share.  [default: {VALIDATION_FRACTION}, or as the data were prepared]"
)


def validation_setting() -> Any:
    """Return the field of settings that says which share of the training digits is held back for validation."""
    return setting(
        None,
        above=0,
        below=1,
        metavar="SHARE",
        help=VALIDATION_HELP,
    )
