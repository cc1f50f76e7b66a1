"""Photos taken apart: soft masks of the digits, and the wall behind them.

Two colours explain a number that comes apart cleanly: that of its strokes, and that of its wall, which may change
linearly across the number. Numbers of which that is not true are left out.
"""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, DigitBox
from svhn.crops import LUMINANCE
from svhn.data.render import FIELD_FRAME, FIELD_HEIGHT, STRIP_TYPEFACES, distance_field

# Digits are handled at most this high: crops end at 32 pixels.
LARGEST = 44.0
SMALLEST = 11
# Two colours explain a number when they leave at most this share of the variance, cover at most this much of the
# rows above and below the boxes, and differ by this many grey levels.
MOST_UNEXPLAINED = 0.15
MOST_ON_RIM = 0.15
LEAST_CONTRAST = 22


@dataclass(frozen=True)
class Cutout:
    """A digit without its wall.

    Attributes
    ----------
    label : int, 0..9
    alpha : ndarray (h, w) float32
        Cover of the strokes, 0..1; the strokes touch all four sides of the array's frame of one pixel.
    blur : float
        How soft its edges are: the deviation of the blur in pixels.
    """

    label: int
    alpha: np.ndarray
    blur: float


@dataclass(frozen=True)
class _Part:
    """The cover (H, W) float32 of one digit alone, and its tight box with a frame of one pixel."""

    cover: np.ndarray
    place: Box


@dataclass(frozen=True)
class Scene:
    """A number's surroundings with the digits taken out.

    Attributes
    ----------
    wall : ndarray (H, W, 3) uint8, RGB
    boxes : list of Box
        The digits' boxes as annotated, in pixels of `wall`.
    places : list of Box
        The tight boxes of the strokes that stood there.
    ink : ndarray (3,) float32
        Colour of the strokes.
    blur : float
        Deviation of the photo's blur in pixels.
    """

    wall: np.ndarray
    boxes: list[Box]
    places: list[Box]
    ink: np.ndarray
    blur: float


def take_apart(photo: np.ndarray, digits: list[DigitBox]) -> tuple[Scene | None, list[Cutout]]:
    """Separate the digits of a number from their wall.

    Returns
    -------
    scene : Scene or None
        None unless all digits could be taken out.
    cutouts : list of Cutout
        Of the digits that came out cleanly.
    """
    region, boxes = _region(photo, digits)
    if region is None:
        return None, []
    cover, ink = _cover(region, boxes)
    if cover is None:
        return None, []
    parts = [_part(cover, boxes, i) for i in range(len(boxes))]
    cutouts = [
        Cutout(digit.label, part.cover[part.place.slices].copy(), _blur(part.cover))
        for digit, part in zip(digits, parts, strict=True)
        if part is not None and digit.label is not None and looks_like(part.cover[part.place.slices], digit.label)
    ]
    apart = [part for part in parts if part is not None]
    if len(apart) < len(parts):
        return None, cutouts
    strokes = np.max([part.cover for part in apart], axis=0)
    return Scene(_fill(region, strokes), boxes, [part.place for part in apart], ink, _blur(strokes)), cutouts


def _region(photo: np.ndarray, digits: list[DigitBox]) -> tuple[np.ndarray | None, list[Box]]:
    """Cut out the number with a margin, digits at most LARGEST pixels high; None for too small or odd boxes."""
    height = float(np.median([digit.box.height for digit in digits]))
    hull = np.array([digit.box.as_list() for digit in digits])
    margin = round(0.6 * height)
    around = Box(*(hull[:, :2].min(axis=0) - margin).tolist(), *(hull[:, 2:].max(axis=0) + margin).tolist())
    frame = around.clip(photo.shape[1], photo.shape[0])
    if frame is None or height < SMALLEST or min(digit.box.width for digit in digits) < 3:
        return None, []
    scale = min(1.0, LARGEST / height)
    region: np.ndarray = photo[frame.slices].astype(np.float32)
    if scale < 1:
        region = cv2.resize(region, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    moved = (hull - [frame.left, frame.top] * 2) * scale
    return region, [Box(*np.rint(row).astype(int).tolist()) for row in moved]


def _cover(region: np.ndarray, boxes: list[Box]) -> tuple[np.ndarray | None, np.ndarray]:
    """Tell strokes from wall by two colours, the wall's changing linearly across the region.

    Returns the cover (H, W) float32, 0..1, or None where two colours do not explain the boxes; and the ink's colour.
    """
    inside = _boxed(region.shape[:2], boxes)
    rim = _boxed(region.shape[:2], boxes, above=0.12) & ~_boxed(region.shape[:2], boxes, beside=1)
    if inside.sum() < 20:
        return None, np.zeros(3, np.float32)
    tone = _along_main_axis(region, inside)
    strokes = _strokes(tone, inside, rim)
    wall = (inside | rim) & ~strokes
    if min((inside & strokes).sum(), wall.sum()) < 20:
        return None, np.zeros(3, np.float32)
    base = _plane(tone, wall)
    rise = tone - base
    depth = np.percentile(rise[inside & strokes], 70 if rise[inside & strokes].mean() > 0 else 30)
    part = np.clip(rise / depth, 0, 1) if abs(depth) > 1 else np.zeros_like(rise)
    cover = np.clip((part - 0.12) / 0.76, 0, 1).astype(np.float32)
    solid, free = inside & (cover > 0.9), (inside | rim) & (cover < 0.1)
    if not solid.any() or not free.any():
        return None, np.zeros(3, np.float32)
    ink = np.median(region[solid], axis=0).astype(np.float32)
    contrast = abs((ink - np.median(region[free], axis=0)) @ LUMINANCE)
    near = inside | rim
    unexplained = np.var((rise - depth * part)[near]) / np.var(tone[near])
    clean = unexplained < MOST_UNEXPLAINED and cover[rim].mean() < MOST_ON_RIM and contrast > LEAST_CONTRAST
    return (cover if clean else None), ink


def _along_main_axis(region: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Project colours on the line along which those inside the boxes differ most: (H, W, 3) -> (H, W) float32."""
    pixels = region[inside]
    mean = pixels.mean(axis=0)
    axis = np.linalg.eigh(np.cov((pixels - mean).T))[1][:, -1]
    return ((region - mean) @ axis).astype(np.float32)


def _strokes(tone: np.ndarray, inside: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """Return where the strokes are (H, W) bool: the side of Otsu's threshold that the rim is not on; none in doubt."""
    low, high = np.percentile(tone[inside], [1, 99])
    level = np.clip((tone - low) * (255 / max(high - low, 1e-3)), 0, 255).astype(np.uint8)
    threshold, _ = cv2.threshold(level[inside][None], 0, 255, cv2.THRESH_OTSU)
    bright = level > threshold
    share = bright[rim].mean() if rim.sum() >= 20 else 0.5
    if 0.3 < share < 0.7:
        return np.zeros_like(inside)
    return ~bright if share > 0.5 else bright


def _boxed(shape: tuple[int, int], boxes: list[Box], above: float = 0.0, beside: int = 0) -> np.ndarray:
    """Return where the boxes lie (H, W) bool, grown by `above` heights up and down and `beside` pixels sideways."""
    area = np.zeros(shape, bool)
    for box in boxes:
        more = int(np.ceil(above * box.height))
        rows = slice(max(box.top - more, 0), max(box.bottom + more, 0))
        area[rows, max(box.left - beside, 0) : max(box.right + beside, 0)] = True
    return area


def _plane(values: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Fit a linear function of row and column to `values` (H, W) where `where` says so."""
    rows, columns = np.nonzero(where)
    terms = np.stack([np.ones(len(rows)), rows, columns], 1).astype(np.float32)
    constant, down, across = np.linalg.lstsq(terms, values[where], rcond=None)[0]
    height, width = values.shape
    return constant + down * np.arange(height, dtype=np.float32)[:, None] + across * np.arange(width, dtype=np.float32)


def _part(cover: np.ndarray, boxes: list[Box], index: int) -> _Part | None:
    """Return one digit alone, or None when it hangs together with something else."""
    box = boxes[index]
    core = (cover > 0.4).astype(np.uint8)
    _, names, sizes, centres = cv2.connectedComponentsWithStats(core, connectivity=8)
    own = []
    for name in range(1, len(sizes)):
        x, y = centres[name]
        if box.left <= x < box.right and box.top <= y < box.bottom and sizes[name][4] >= 0.03 * box.width * box.height:
            own.append(name)
    if not own:
        return None
    mine = np.isin(names, own)
    rows, columns = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
    slack = 0.16 * box.height
    place = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    fits = box.left - slack <= place.left and place.right <= box.right + slack
    fits &= box.top - slack <= place.top and place.bottom <= box.bottom + slack
    fits &= place.height >= 0.65 * box.height and place.grow(1).clip(*cover.shape[::-1]) == place.grow(1)
    share = mine.sum() / (place.width * place.height)
    if not fits or not 0.15 < share < 0.9 or (share > 0.75 and place.width > 0.35 * place.height):
        return None
    others = (core > 0) & ~mine
    soft = cv2.dilate(mine.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    soft &= cv2.dilate(others.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    return _Part(np.where(soft | mine, cover, 0), place.grow(1))


def _blur(cover: np.ndarray) -> float:
    """Estimate the blur of a cover from its steepest edges: a step blurred by s rises by 1 / (s sqrt(2 pi))."""
    down, across = np.gradient(cover)
    slope = np.hypot(down, across)
    return float(0.4 / np.percentile(slope[slope > 0.08], 85)) if (slope > 0.08).any() else 1.0


def _fill(region: np.ndarray, strokes: np.ndarray) -> np.ndarray:
    """Fill in what the strokes covered, with a rim for their soft edges."""
    reach = 2 * int(np.ceil(0.03 * LARGEST)) + 1
    hole = cv2.dilate((strokes > 0.06).astype(np.uint8), np.ones((reach, reach), np.uint8))
    return cv2.inpaint(np.rint(region).astype(np.uint8), hole, 3, cv2.INPAINT_TELEA)


# Templates have this many rows and columns.
_TEMPLATE = (20, 12)


@lru_cache(maxsize=1)
def _templates() -> np.ndarray:
    """Return all drawn digits as unit vectors, (10, typefaces, 240) float32."""
    return np.array([[_normal(_solid(face, label)) for face in STRIP_TYPEFACES] for label in range(NUM_CLASSES)])


def _solid(face: str, label: int) -> np.ndarray:
    frame = round(FIELD_FRAME * FIELD_HEIGHT)
    return np.clip(0.5 + distance_field(face, label)[frame:-frame, frame:-frame] * 20, 0, 1)


def _normal(cover: np.ndarray) -> np.ndarray:
    """Bring a cover to the size of the templates, softened, with mean 0 and length 1."""
    small = cv2.resize(cover.astype(np.float32), _TEMPLATE[::-1], interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.8).ravel()
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-6)


def looks_like(cover: np.ndarray, label: int) -> bool:
    """Say whether a tight cover (h, w), 0..1, resembles a drawn digit of this label, and no other much more."""
    likeness = (_templates() @ _normal(cover)).max(axis=1)
    # A 1 fills its tight box whatever its shape, so that stretching it tells little.
    return likeness[label] > 0.45 and (label == 1 or likeness[label] > likeness.max() - 0.25)
