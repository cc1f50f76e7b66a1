"""Prepared data: crops, labels and statistics of all splits, in memory and as one HDF5 file."""

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from svhn.alphabet import DIGITS, NUM_CLASSES
from svhn.crops import middle_of, to_gray
from svhn.errors import InputError
from svhn.files import replacing

FORMAT_VERSION = 2


@dataclass(frozen=True)
class Split:
    """Digits of one split, in the order of the data set; S is 32, or 40 where they are cut tight (`svhn.data.CROPS`).

    Attributes
    ----------
    rgb : ndarray (N, S, S, 3) uint8
    gray : ndarray (N, S, S) uint8
    labels : ndarray (N,) int64, 0..9
    photos : ndarray (N,) int64
        Which photo a digit comes from; equal numbers mean the same photo (or the same block, see `prepare`).
    wide : ndarray (N, 48, 48, 3) uint8 or None
        The crops with what is around them, see `svhn.crops.crop_wide`; None where only crops are known.
    """

    rgb: np.ndarray
    gray: np.ndarray
    labels: np.ndarray
    photos: np.ndarray
    wide: np.ndarray | None = None

    @classmethod
    def of_wide(cls, wide: np.ndarray, labels: np.ndarray, photos: np.ndarray) -> "Split":
        """Make a split of wide crops; their middles are the crops."""
        rgb = middle_of(wide)
        return cls(rgb, to_gray(rgb), labels, photos, wide)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, chosen: np.ndarray) -> "Split":
        """Return the digits at the given indices (or where a (N,) bool array is True)."""
        wide = None if self.wide is None else self.wide[chosen]
        return Split(self.rgb[chosen], self.gray[chosen], self.labels[chosen], self.photos[chosen], wide)


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of the training part, in grey levels 0..255; `gray_image` by pixel, row by row."""

    gray_mean: float
    gray_std: float
    rgb_mean: tuple[float, float, float]
    rgb_std: tuple[float, float, float]
    gray_image: tuple[float, ...]

    @classmethod
    def of(cls, split: Split) -> "Statistics":
        gray_mean, gray_std = _moments(split.gray)
        channels = [_moments(split.rgb[..., channel]) for channel in range(3)]
        rgb_mean, rgb_std = zip(*channels, strict=True)
        gray_image = tuple(split.gray.mean(axis=0).ravel().tolist())
        return cls(gray_mean, gray_std, rgb_mean, rgb_std, gray_image)

    @property
    def gray_mean_image(self) -> np.ndarray:
        """The mean of all gray crops: (S, S) float64."""
        side = math.isqrt(len(self.gray_image))
        return np.reshape(self.gray_image, (side, side))


@dataclass(frozen=True)
class PreparedData:
    """All splits with the statistics of the training part and where everything came from.

    Attributes
    ----------
    splits : dict[str, Split]
        `train`, `validation`, `test`, as far as there is data for them.
    statistics : Statistics or None
        None when there is no training part.
    provenance : dict[str, str | int | float]
        Source, licence note, seed, split rule, SHA-256 of the files read.
    """

    splits: dict[str, Split]
    statistics: Statistics | None
    provenance: dict

    def __getitem__(self, split: str) -> Split:
        if split not in self.splits:
            raise InputError(
                f"{self.provenance['source']}: has no {split} split, only {', '.join(self.splits)}; "
                "give another --data or --split"
            )
        return self.splits[split]

    def summary(self) -> str:
        """Return a table of the digits per split and class, and the statistics of the training part."""
        lines = [f"{'split':<12}{'photos':>8}{'digits':>8}" + "".join(f"{digit:>7}" for digit in DIGITS)]
        for name, split in self.splits.items():
            counts = "".join(f"{count:>7}" for count in np.bincount(split.labels, minlength=NUM_CLASSES))
            lines.append(f"{name:<12}{len(np.unique(split.photos)):>8}{len(split):>8}{counts}")
        if self.statistics:
            lines.append(
                f"training part, gray: mean {self.statistics.gray_mean:.2f}, "
                f"standard deviation {self.statistics.gray_std:.2f} of 255"
            )
        return "\n".join(lines)


def write_prepared(path: str | Path, data: PreparedData) -> None:
    """Write prepared data as one HDF5 file, whole or not at all.

    Layout: a group per split with the datasets `rgb`, `gray`, `labels`, `photos` and maybe `wide`; statistics and
    provenance are attributes of the root.
    """
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs.update(data.provenance)
        if data.statistics:
            file.attrs.update(dataclasses.asdict(data.statistics))
        for name, split in data.splits.items():
            group = file.create_group(name)
            for field in dataclasses.fields(Split):
                if (values := getattr(split, field.name)) is not None:
                    group.create_dataset(field.name, data=values, chunks=True, compression="lzf")


def read_prepared(path: str | Path) -> PreparedData:
    """Read a file of `write_prepared` into memory.

    Raises
    ------
    InputError
        When the file is missing, damaged, of another layout or of a newer version.
    """
    cure = "make it again with python cli.py prepare"
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; {cure}")
    try:
        with h5py.File(path, "r") as file:
            attributes = {key: value.item() if hasattr(value, "item") else value for key, value in _attributes(file)}
            if (version := attributes.pop("format_version")) > FORMAT_VERSION:
                raise InputError(f"{path}: written by a newer version of this program; update it")
            if version < FORMAT_VERSION:
                raise InputError(f"{path}: written by an older version of this program; {cure}")
            splits = {name: _read_split(group) for name, group in file.items()}
    except InputError:
        raise
    except (OSError, KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
        raise InputError(f"{path}: damaged or not a file of python cli.py prepare ({error}); {cure}") from error
    names = [field.name for field in dataclasses.fields(Statistics)]
    known = {name: attributes.pop(name) for name in names if name in attributes}
    return PreparedData(splits, Statistics(**known) if known else None, attributes)


def _attributes(file: h5py.File) -> list[tuple]:
    return [(key, tuple(value.tolist()) if np.ndim(value) else value) for key, value in file.attrs.items()]


def _read_split(group: h5py.Group) -> Split:
    wide = group["wide"][()] if "wide" in group else None
    rgb, gray, labels, photos = (group[name][()] for name in ("rgb", "gray", "labels", "photos"))
    return Split(rgb, gray, labels, photos, wide)


def _moments(values: np.ndarray) -> tuple[float, float]:
    """Exact mean and standard deviation of uint8 values."""
    counts = np.bincount(values.reshape(-1), minlength=256)
    levels = np.arange(256)
    mean = counts @ levels / counts.sum()
    return float(mean), float(np.sqrt(counts @ (levels - mean) ** 2 / counts.sum()))
