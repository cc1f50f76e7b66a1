"""What a user could take instead: RapidOCR, Tesseract with a digits whitelist, MSER regions read by the seed graph."""

import csv
import importlib.util
import io
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, Number, group_digits
from svhn.checkpoints import checkpoint_folder
from svhn.crops import crop_digit
from svhn.finder import FoundDigit
from svhn.finder.digits import whole_box
from svhn.finder.evidence.ocr import GeneralReader
from svhn.finder.evidence.writing import DIGITS, Word
from svhn.photos import write_rgb

# Tesseract wants text of about this height; photos are enlarged for it.
TESSERACT_HEIGHT = 240
# Words with more letters are no numbers to RapidOCR; "1O" is one.
MOST_LETTERS = 2
# A region is a digit when the classifier, which knows no "none", is this sure.
MSER_SURE = 0.9


def baselines() -> dict[str, Callable[[np.ndarray], list[Number]]]:
    """Return the methods that this machine can run: photo -> numbers."""
    found = {"MSER + seed graph": mser_reader()}
    if shutil.which("tesseract"):
        found |= {f"Tesseract {mode}": tesseract_reader(mode) for mode in ("sparse text", "one line")}
    if importlib.util.find_spec("rapidocr"):
        found["RapidOCR"] = rapidocr_reader()
    return found


def rapidocr_reader() -> Callable[[np.ndarray], list[Number]]:
    """Read with PP-OCRv6 as rapidocr runs it, with a detector side that suits small photos; of each word the digits."""
    reader = GeneralReader()

    def read(photo: np.ndarray) -> list[Number]:
        words = [word for region in reader.find(photo) for word in reader.read(photo, region).words]
        return [_number(word) for word in words if word.digits and word.letters <= MOST_LETTERS]

    return read


def _number(word: Word) -> Number:
    digits = [character for character in word.characters if character.text in DIGITS]
    return Number(tuple(_digit(whole_box(digit.box), int(digit.text), word.score) for digit in digits))


def tesseract_reader(mode: str) -> Callable[[np.ndarray], list[Number]]:
    """Read with Tesseract, digits only. It gives boxes of words; each is divided evenly among its digits."""
    segmentation = {"sparse text": "11", "one line": "7"}[mode]

    def read(photo: np.ndarray) -> list[Number]:
        scale = max(1.0, TESSERACT_HEIGHT / photo.shape[0])
        enlarged = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "photo.png")
            write_rgb(path, enlarged)
            options = ["--psm", segmentation, "-c", "tessedit_char_whitelist=0123456789", "tsv"]
            command = ["tesseract", str(path), "-", *options]
            environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        rows = csv.DictReader(io.StringIO(done.stdout), delimiter="\t", quoting=csv.QUOTE_NONE)
        sides = ("left", "top", "width", "height")
        return [
            _divide(row["text"].strip(), float(row["conf"]) / 100, *(float(row[side]) / scale for side in sides))
            for row in rows
            if row["text"].strip().isdecimal()
        ]

    return read


def _divide(text: str, sure: float, left: float, top: float, width: float, height: float) -> Number:
    step = width / len(text)
    boxes = [Box.from_size(left + i * step, top, step, max(height, 1)) for i in range(len(text))]
    return Number(tuple(_digit(box, int(label), sure) for box, label in zip(boxes, text, strict=True)))


def mser_reader() -> Callable[[np.ndarray], list[Number]]:
    """Read with OpenCV's maximally stable regions in gray, classified by the shipped seed graph."""
    from svhn.tf_models.classifier import load_classifier

    classify = load_classifier(checkpoint_folder() / "tf-seed" / "model.keras")

    def read(photo: np.ndarray) -> list[Number]:
        boxes = _regions(photo)
        if not boxes:
            return []
        probabilities = classify(np.array([crop_digit(photo, box) for box in boxes]))
        kept: list[FoundDigit] = []
        for i in np.argsort(-probabilities.max(axis=1)):
            sure = float(probabilities[i].max())
            if sure >= MSER_SURE and all(boxes[i].iou(other.box) < 0.3 for other in kept):
                kept.append(_digit(boxes[i], int(probabilities[i].argmax()), sure))
        return group_digits(kept)

    return read


def _regions(photo: np.ndarray) -> list[Box]:
    """Return the stable regions with the shape of a digit."""
    gray = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    gray = cv2.resize(gray, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    _, rectangles = cv2.MSER_create().detectRegions(gray)
    boxes = {Box.from_size(*(side / 2 for side in rectangle)) for rectangle in np.array(rectangles).tolist()}
    height = photo.shape[0]
    fitting = (box for box in boxes if 0.15 * height <= box.height >= 8 and 0.2 <= box.width / box.height <= 1.1)
    return sorted(box for box in fitting if box.clip(photo.shape[1], height))


def _digit(box: Box, label: int, sure: float) -> FoundDigit:
    return FoundDigit(
        box, label, 1.0, tuple(sure if i == label else (1 - sure) / (NUM_CLASSES - 1) for i in range(NUM_CLASSES))
    )
