"""Fixtures for all tests: where the real data lies, and a tiny rendered data set in the official formats."""

import dataclasses
import gc
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.crops import crop_digit
from svhn.data.formats.cropped import write_cropped
from svhn.data.formats.digit_struct import DIGIT_STRUCT_FILE, write_digit_struct
from svhn.photos.photo import write_rgb

REPOSITORY = Path(__file__).resolve().parents[1]


# A shell that starts something in the background lets it ignore Ctrl-C, nohup SIGHUP, and what they start inherits
# that; tests send both, to this process and to others.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, with their whole files: no process is left alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("ray")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: to look through it for garbage again and again takes a twentieth of the time."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def svhn_dir() -> Path:
    """The folder with real SVHN data; a test that asks for it is skipped where there is none."""
    folder = Path(os.environ.get("SVHN_DATA") or REPOSITORY.parent / "shared" / "data" / "svhn")
    if not (folder / "test_32x32.mat").is_file():
        pytest.skip(f"no SVHN data in {folder}; set SVHN_DATA")
    return folder


@dataclass
class TinyData:
    """What was written: photos with their digits by split and file name, and the crops in their order.

    `photo_of[split]` holds for every digit the position of its photo.
    """

    folder: Path
    photos: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)
    digits: dict[str, dict[str, list[DigitBox]]] = field(default_factory=dict)
    crops: dict[str, np.ndarray] = field(default_factory=dict)
    labels: dict[str, np.ndarray] = field(default_factory=dict)
    photo_of: dict[str, np.ndarray] = field(default_factory=dict)


@pytest.fixture
def tiny_svhn(written_tiny_svhn, tmp_path) -> TinyData:
    """Both official formats with rendered pixels: 150 training and 30 test photos of one to three digits.

    In every seventh photo the last box reaches over the right edge and the first one has a negative left side,
    in every fifth the digits are not listed from left to right. The folder is the test's own.
    """
    shutil.copytree(written_tiny_svhn.folder, tmp_path / "tiny")
    return dataclasses.replace(written_tiny_svhn, folder=tmp_path / "tiny")


@pytest.fixture(scope="session")
def written_tiny_svhn(tmp_path_factory) -> TinyData:
    """What `tiny_svhn` copies; its arrays cannot be written to, because tests share them."""
    data = TinyData(tmp_path_factory.mktemp("written") / "tiny")
    rng = np.random.default_rng(7)
    for split, count in {"train": 150, "test": 30}.items():
        rendered = {f"{i + 1}.png": render_house(rng, over_edge=i % 7 == 0) for i in range(count)}
        data.photos[split] = {name: photo for name, (photo, _) in rendered.items()}
        data.digits[split] = {
            name: digits[::-1] if i % 5 == 0 else digits for i, (name, (_, digits)) in enumerate(rendered.items())
        }
        _write_split(data, split)
    for arrays in (data.crops, data.labels, data.photo_of, *data.photos.values()):
        for array in arrays.values():
            array.setflags(write=False)
    return data


def render_house(rng: np.random.Generator, over_edge: bool = False) -> tuple[np.ndarray, list[DigitBox]]:
    """Render one photo (36, W, 3) uint8 with one to three digits on noise, and return it with its digits."""
    labels = rng.integers(0, 10, rng.integers(1, 4))
    photo = rng.integers(0, 90, (36, 16 * len(labels) + 8, 3)).astype(np.uint8)
    digits = []
    for i, label in enumerate(labels):
        colour = rng.integers(160, 256, 3).tolist()
        cv2.putText(photo, str(label), (5 + 16 * i, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, 2)
        digits.append(DigitBox(Box(4 + 16 * i, 8, 20 + 16 * i, 30), int(label)))
    if over_edge:
        first, last = digits[0], digits[-1]
        digits[-1] = DigitBox(Box(last.box.left, 8, photo.shape[1] + 3, 41), last.label)
        digits[0] = DigitBox(Box(-2, digits[0].box.top, digits[0].box.right, digits[0].box.bottom), first.label)
    return photo, digits


def _write_split(data: TinyData, split: str) -> None:
    (data.folder / split).mkdir(parents=True)
    listed = [
        (i, data.photos[split][name], digit)
        for i, (name, digits) in enumerate(data.digits[split].items())
        for digit in digits
    ]
    for name, photo in data.photos[split].items():
        write_rgb(data.folder / split / name, photo)
    write_digit_struct(data.folder / split / DIGIT_STRUCT_FILE, data.digits[split])
    data.crops[split] = np.array([crop_digit(photo, digit.box) for _, photo, digit in listed])
    data.labels[split] = np.array([digit.label for _, _, digit in listed])
    data.photo_of[split] = np.array([i for i, _, _ in listed])
    write_cropped(data.folder / f"{split}_32x32.mat", data.crops[split], data.labels[split])
