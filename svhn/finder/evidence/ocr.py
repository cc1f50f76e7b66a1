"""A general text reader as a second opinion: PP-OCR's networks, whose weights lie in the package rapidocr."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from svhn.errors import forbid_telemetry, require_package
from svhn.finder.config import READER_PACKAGES, reader_version
from svhn.finder.evidence.writing import Character, TextRegion, split_words
from svhn.finder.search import resize

# The detector sees a photo with this longer side in pixels, enlarged at most so many times.
LONGER_SIDE, MOST_ENLARGED = 960, 2.0
# Regions below this score are rejected. With .5, the package's default, digits in regions fall from 97.6 to 91.8 %.
LEAST_REGION = 0.3
# A region this much higher than wide is read turned, too, as vertical lettering is.
TALL = 1.5
# The last character of a line may be seen beyond its end by a column, and this factor of its length.
MOST_BEYOND = 1.05
# Pixels; the reader works on lines of 48, larger crops only cost time.
HIGHEST_LINE = 96
# The reader sees lines of 48 pixels in pictures at least as wide as the first, which is what it has learned, or as the
# second where a line is at most so many times wider than high: single numbers, which are read as well in half the time.
LINE_WIDTH, NARROW_WIDTH, NARROW = 320, 160, 1.5
LINE_PIXELS, GREY = 48, 128


class GeneralReader:
    """Finds writing of any kind and reads it. One object serves one thread.

    Raises
    ------
    InputError
        When rapidocr or onnxruntime is not installed.
    """

    def __init__(self) -> None:
        for package in READER_PACKAGES:
            require_package(package, package, "ocr", "looking for writing")
        forbid_telemetry()
        from rapidocr import RapidOCR

        self._engine: Any = RapidOCR(params=_SETTINGS)  # its answers have other types for other questions

    def find(self, photo: np.ndarray) -> list[TextRegion]:
        """Return where writing is.

        Parameters
        ----------
        photo : ndarray (H, W, 3) uint8, RGB
        """
        shown = resize(photo, reader_scale(photo.shape))
        found = self._engine(_bgr(shown), use_det=True, use_cls=False, use_rec=False)
        if found.boxes is None:
            return []
        factors = np.array(photo.shape[1::-1], np.float32) / shown.shape[1::-1]
        quads = [np.asarray(quad, np.float32) * factors for quad in found.boxes]
        boxes = [np.concatenate([quad.min(axis=0), quad.max(axis=0)]) for quad in quads]
        return [
            TextRegion(box, float(score), corners=quad)
            for box, score, quad in zip(boxes, found.scores, quads, strict=True)
        ]

    def read(self, photo: np.ndarray, region: TextRegion) -> TextRegion:
        """Read a region, a tall one also turned; the surer reading counts."""
        line, to_photo = cut_line(photo, region.quad)
        turns = (0, 1) if line.shape[0] >= TALL * line.shape[1] else (0,)
        read = max((self._read_line(line, turn) for turn in turns), key=lambda reading: reading.score)
        characters = [
            Character(text, sure, _box_of_span(span, read.turn, line.shape, to_photo))
            for text, sure, span in zip(read.characters, read.scores, read.spans, strict=True)
        ]
        return replace(region, words=split_words(read.text, characters))

    def _read_line(self, line: np.ndarray, turn: int) -> "_Reading":
        """Read a line (h, w, 3) uint8, turned anticlockwise `turn` times."""
        turned = _bgr(np.rot90(line, turn))
        padded = in_wide_picture(turned)
        read = self._engine(padded, use_det=False, use_cls=False, use_rec=True, return_word_box=True)
        if not read.txts or not read.txts[0]:
            return _Reading(turn)
        found = read.word_results[0]
        columns = np.array([column for word in found.word_cols for column in word], np.float64)
        length = found.line_txt_len * turned.shape[1] / padded.shape[1]
        if not len(columns) or columns.max() >= MOST_BEYOND * length + 1:
            return _Reading(turn)  # it read what fills up the right of a short line
        centres = (columns + 0.5) / max(length, columns.max() + 1)
        text = read.txts[0]
        scores = [score for character, score in zip(text, found.confs, strict=True) if not character.isspace()]
        return _Reading(turn, text, float(read.scores[0]), "".join(text.split()), scores, spans_of(centres))


@dataclass(frozen=True)
class _Reading:
    """What was read in a line turned anticlockwise `turn` times, and of each character but the spaces where it is.

    `spans` says where a character starts and ends along the line, 0 to 1.
    """

    turn: int
    text: str = ""
    score: float = 0.0
    characters: Sequence[str] = ()
    scores: Sequence[float] = ()
    spans: Sequence[tuple[float, float]] = ()


def text_reader(name: str) -> GeneralReader | None:
    """Return the text reader that `FinderConfig.text_reader` names, or None.

    Raises
    ------
    InputError
        When "ocr" is asked for and not installed.
    """
    if name == "none" or (name == "auto" and not reader_version()):
        return None
    return GeneralReader()


def reader_scale(shape: Sequence[int]) -> float:
    """Return by how much a photo of (height, width, ...) is enlarged for the detector."""
    return min(LONGER_SIDE / max(shape[:2]), MOST_ENLARGED)


def cut_line(photo: np.ndarray, quad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut a region out of a photo as an upright picture.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8
    quad : ndarray (4, 2) float32
        Its corners, clockwise from the upper left one.

    Returns
    -------
    line : ndarray (h, w, 3) uint8
    to_photo : ndarray (3, 3) float64
        Maps points of the line to the photo's.
    """
    sides = np.linalg.norm(np.roll(quad, -1, axis=0) - quad, axis=1)
    across, down = max(float(sides[[0, 2]].max()), 1.0), max(float(sides[[1, 3]].max()), 1.0)
    scale = min(HIGHEST_LINE / min(across, down), 1)
    width, height = max(round(scale * across), 1), max(round(scale * down), 1)
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    matrix = cv2.getPerspectiveTransform(quad.astype(np.float32), corners)
    line = cv2.warpPerspective(photo, matrix, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return line, np.linalg.inv(matrix)


def in_wide_picture(line: np.ndarray) -> np.ndarray:
    """Fill up a line (h, w, 3) uint8 on its right, as the reader does, to the shape that it has learned.

    Numbers are left to the reader, which fills them up to `NARROW_WIDTH`.
    """
    height, width = line.shape[:2]
    missing = 0 if width <= NARROW * height else max(round(height * LINE_WIDTH / LINE_PIXELS) - width, 0)
    return cv2.copyMakeBorder(line, 0, 0, 0, missing, cv2.BORDER_CONSTANT, value=[GREY] * 3)


def spans_of(centres: np.ndarray) -> list[tuple[float, float]]:
    """Return where each character of a line starts and ends, 0 to 1: half way to its neighbours.

    Parameters
    ----------
    centres : ndarray (N,) float64, 0..1
        Ascending.
    """
    if len(centres) < 2:
        return [(0.0, 1.0)] * len(centres)
    between = (centres[1:] + centres[:-1]) / 2
    first, last = centres[0] - (between[0] - centres[0]), centres[-1] + (centres[-1] - between[-1])
    edges = np.clip([first, *between, last], 0, 1)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _box_of_span(span: tuple[float, float], turn: int, shape: tuple[int, ...], to_photo: np.ndarray) -> np.ndarray:
    """Return the upright box (4,) float32, in pixels of the photo, of a part of a line that was read turned or not."""
    start, end = span
    height, width = shape[:2]
    if turn:  # turned anticlockwise: its columns are the rows of the line
        left, right, top, bottom = 0.0, 1.0, start, end
    else:
        left, right, top, bottom = start, end, 0.0, 1.0
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) * [width, height]
    points = cv2.perspectiveTransform(corners[None].astype(np.float64), to_photo)[0]
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)


def _bgr(rgb: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rgb[..., ::-1])


_SETTINGS = {
    "Global.log_level": "error",
    "Global.text_score": 0.0,
    "Global.use_preprocess_img": False,
    "Global.use_vertical_padding": False,
    "EngineConfig.onnxruntime.intra_op_num_threads": 1,
    "EngineConfig.onnxruntime.inter_op_num_threads": 1,
    "Det.limit_type": "max",
    "Det.limit_side_len": LONGER_SIDE,
    "Det.box_thresh": LEAST_REGION,
    "Rec.rec_img_shape": [3, LINE_PIXELS, NARROW_WIDTH],
}
