"""Digits as signed distance fields: one small picture gives every size, weight, outline and bevel of a shape."""

from functools import lru_cache

import cv2
import numpy as np

from svhn.data.render.glyphs import BRUSH_STROKES, GLYPH_HEIGHT, Drawing, round_corners, typeset

FIELD_HEIGHT = 64
# Empty room about a digit, in digit heights: as far as outlines and shadows look.
FIELD_FRAME = 0.25
HANDS = 64

_FOUR_BELOW = (False, [(0.44, 0.25), (0.44, 1)])
_TAIL = (True, [(0.6, 0.3), (0.58, 0.6), (0.4, 0.85), (0.12, 1.0)])
_BOWL = (True, [(0.58, 0.3), (0.5, -0.02), (0.1, -0.02), (0.0, 0.3), (0.1, 0.6), (0.48, 0.6), (0.6, 0.3)])
_TALL_ZERO = [(0.3, 0), (-0.05, 0.05), (-0.05, 0.95), (0.3, 1), (0.65, 0.95), (0.65, 0.05), (0.3, 0)]
_LOOPED_TWO = [(0.05, 0.22), (0.15, -0.02), (0.55, -0.02), (0.6, 0.35), (0.3, 0.7), (0.02, 1), (0.25, 0.93), (0.6, 1)]
_FIVE_BOWL = [(0.12, 0.42), (0.4, 0.32), (0.64, 0.5), (0.62, 0.95), (0.3, 1.05), (0.0, 0.88)]
_CROSSED_EIGHT = [(0.5, 0.1), (0.2, -0.05), (0.05, 0.25), (0.55, 0.7), (0.45, 1.05), (0.1, 1.0), (0.05, 0.72)]
_CROSSED_EIGHT += [(0.55, 0.3), (0.5, 0.1)]


def _turned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(0.6 - x, 1 - y) for x, y in points]


# More ways to write a digit than the brush of `glyphs` knows, in the same form.
PEN_STROKES: dict[int, list[Drawing]] = {
    0: [*BRUSH_STROKES[0], [(True, _TALL_ZERO)]],
    1: [*BRUSH_STROKES[1], [(True, [(0.02, 0.28), (0.25, 0.2), (0.36, 0)]), (False, [(0.36, 0), (0.36, 1)])]],
    2: [*BRUSH_STROKES[2], [(True, _LOOPED_TWO)]],
    3: [
        *BRUSH_STROKES[3],
        [
            (True, [(0.05, 0.12), (0.3, -0.06), (0.6, 0.12), (0.5, 0.42), (0.2, 0.48)]),
            (True, [(0.2, 0.48), (0.66, 0.5), (0.66, 0.98), (0.25, 1.05), (0.0, 0.85)]),
        ],
        [
            (False, [(0.03, 0), (0.56, 0), (0.25, 0.38)]),
            (True, [(0.25, 0.38), (0.66, 0.42), (0.66, 0.95), (0.3, 1.06), (0.0, 0.92)]),
        ],
    ],
    4: [*BRUSH_STROKES[4], [(False, [(0.35, 0), (0.02, 0.7), (0.62, 0.7)]), _FOUR_BELOW]],
    5: [
        *BRUSH_STROKES[5],
        [(True, [(0.58, -0.02), (0.4, 0.06), (0.15, 0)]), (False, [(0.15, 0), (0.12, 0.42)]), (True, _FIVE_BOWL)],
    ],
    6: [*BRUSH_STROKES[6], [(True, _turned(_BOWL[1])), (True, _turned(_TAIL[1]))]],
    7: [
        *BRUSH_STROKES[7],
        [(False, [(0.03, 0.14), (0.03, 0), (0.58, 0)]), (True, [(0.58, 0), (0.34, 0.4), (0.26, 0.7), (0.26, 1)])],
    ],
    8: [*BRUSH_STROKES[8], [(True, _CROSSED_EIGHT)]],
    9: [*BRUSH_STROKES[9], [_BOWL, _TAIL]],
}

# The figures of enamel plates: thick where they run down, thin across, with serifs, and drops where a third
# entry names the ends (0 or -1) of a stroke.
_SIX_TAIL = (True, [(0.55, 0.16), (0.42, -0.02), (0.12, 0.0), (0.0, 0.4), (0.0, 0.72)], 0)
_SIX_BOWL = (True, [(0.0, 0.7), (0.05, 1.02), (0.55, 1.04), (0.64, 0.72), (0.56, 0.4), (0.1, 0.42), (0.0, 0.7)])
_FLAT_TOP = (False, [(0.06, 0.13), (0.06, 0.03), (0.56, 0.03), (0.28, 0.4)])
_THREE_BOWL = (True, [(0.26, 0.4), (0.6, 0.4), (0.68, 0.7), (0.58, 1.03), (0.15, 1.05), (0.05, 0.84)], -1)
_FOOT = (False, [(0.1, 1), (0.52, 1)])
PLATE_STROKES: dict[int, list[Drawing]] = {
    0: [
        [(True, _TALL_ZERO)],
        [(True, [(0.3, 0), (0.0, 0.02), (0.0, 0.98), (0.3, 1), (0.6, 0.98), (0.6, 0.02), (0.3, 0)])],
    ],
    1: [
        [(False, [(0.08, 0.16), (0.31, 0.04), (0.31, 1)]), _FOOT],
        [(False, [(0.12, 0.06), (0.31, 0.06), (0.31, 1)]), _FOOT],
        [(True, [(0.06, 0.26), (0.24, 0.2), (0.31, 0.0)]), (False, [(0.31, 0), (0.31, 1)])],
    ],
    2: [
        [
            (True, [(0.06, 0.22), (0.1, -0.02), (0.5, -0.04), (0.64, 0.28), (0.4, 0.58), (0.02, 0.97)], 0),
            (True, [(0.02, 0.97), (0.2, 0.86), (0.4, 1.04), (0.6, 0.98), (0.61, 0.8)]),
        ],
        [
            (True, [(0.06, 0.22), (0.1, -0.02), (0.5, -0.04), (0.64, 0.28), (0.4, 0.58), (0.02, 0.97)], 0),
            (False, [(0.02, 0.97), (0.58, 0.97), (0.6, 0.8)]),
        ],
    ],
    3: [
        [_FLAT_TOP, _THREE_BOWL],
        [_FLAT_TOP, (True, [(0.28, 0.4), (0.64, 0.42), (0.66, 0.95), (0.3, 1.06), (0.02, 0.94)])],
        [(True, [(0.08, 0.2), (0.15, -0.03), (0.52, -0.03), (0.6, 0.24), (0.5, 0.46), (0.24, 0.48)], 0), _THREE_BOWL],
        [(False, [(0.05, 0.03), (0.58, 0.03), (0.26, 0.4)]), _THREE_BOWL],
    ],
    4: [
        [
            (False, [(0.42, 0), (0.02, 0.72), (0.64, 0.72)]),
            (False, [(0.44, 0), (0.44, 1)]),
            (False, [(0.28, 1), (0.6, 1)]),
        ],
        [(False, [(0.42, 0), (0.02, 0.72), (0.64, 0.72)]), (False, [(0.44, 0), (0.44, 1)])],
    ],
    5: [
        [
            (False, [(0.56, 0.03), (0.12, 0.03), (0.1, 0.46)]),
            (True, [(0.1, 0.46), (0.3, 0.33), (0.58, 0.38), (0.68, 0.7), (0.56, 1.03), (0.15, 1.05), (0.04, 0.84)], -1),
        ],
        [
            (True, [(0.56, 0.0), (0.4, 0.08), (0.14, 0.03)]),
            (False, [(0.14, 0.02), (0.1, 0.44)]),
            (True, [(0.1, 0.44), (0.4, 0.34), (0.66, 0.5), (0.62, 0.98), (0.25, 1.05), (0.03, 0.88)], -1),
        ],
    ],
    6: [[_SIX_TAIL, _SIX_BOWL], [(_SIX_TAIL[0], _SIX_TAIL[1]), _SIX_BOWL]],
    7: [
        [
            (False, [(0.06, 0.16), (0.06, 0.04), (0.6, 0.04)]),
            (True, [(0.6, 0.04), (0.4, 0.3), (0.24, 0.65), (0.24, 1)]),
        ],
        [
            (True, [(0.05, 0.16), (0.06, 0.0), (0.35, 0.12), (0.6, 0.0)]),
            (True, [(0.6, 0.0), (0.36, 0.4), (0.22, 0.7), (0.24, 1)]),
        ],
        [(False, [(0.05, 0.04), (0.6, 0.04), (0.22, 1)])],
    ],
    8: [*BRUSH_STROKES[8], [(True, _CROSSED_EIGHT)]],
    9: [
        [(True, _turned(_SIX_TAIL[1]), 0), (True, _turned(_SIX_BOWL[1]))],
        [(True, _turned(_SIX_TAIL[1])), (True, _turned(_SIX_BOWL[1]))],
    ],
}


@lru_cache(maxsize=2048)
def distance_field(typeface: str, label: int) -> np.ndarray:
    """Return how deep each pixel lies inside a digit, in digit heights.

    Parameters
    ----------
    typeface : str
        A name of `svhn.data.render.glyphs.ALL_TYPEFACES`, or "hand 0" to "hand 63": pens that this module writes with.
    label : int, 0..9

    Returns
    -------
    ndarray (1.5 FIELD_HEIGHT, w) float32
        Positive inside the strokes, with a frame of FIELD_FRAME digit heights about the digit.
    """
    hand = typeface.removeprefix("hand ")
    glyph = _write(int(hand), label) if hand != typeface else typeset(typeface, label)
    rows = np.flatnonzero(glyph.max(axis=1) > 127)  # house numbers have no digits of different heights
    glyph = glyph[rows[0] : rows[-1] + 1]
    glyph = cv2.resize(glyph, (round(glyph.shape[1] * GLYPH_HEIGHT / glyph.shape[0]), GLYPH_HEIGHT))
    frame = round(FIELD_FRAME * GLYPH_HEIGHT)
    inside = (cv2.copyMakeBorder(glyph, frame, frame, frame, frame, cv2.BORDER_CONSTANT) > 127).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5)
    scale = FIELD_HEIGHT / GLYPH_HEIGHT
    return cv2.resize(depth / GLYPH_HEIGHT, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _write(hand: int, label: int) -> np.ndarray:
    """Write a digit with one of HANDS pens, (h, w) uint8: the even ones write freely, the odd ones plate figures."""
    pen, own = np.random.default_rng((hand, 51)), np.random.default_rng((hand, label))
    plate = hand % 2 == 1
    thick, thin, angle = _nib(pen, plate)
    wobble, width = pen.uniform(0, 0.012 if plate else 0.03), pen.uniform(0.8, 1.15)
    drop = thick * pen.uniform(0.45, 0.75) * (pen.random() < 0.7)
    variants = (PLATE_STROKES if plate else PEN_STROKES)[label]
    size = int(1.5 * GLYPH_HEIGHT)
    canvas = np.zeros((size, size), np.uint8)
    axes = (np.array([thick, thin]) * GLYPH_HEIGHT * 4).astype(int).tolist()
    for is_round, points, *drops in variants[own.integers(len(variants))]:
        path = np.array(points) + own.normal(0, wobble, (len(points), 2))
        path = round_corners(path) if is_round else path
        pixels = (path * (width * (1 - 0.5 * thick), 1 - thin) + 0.25) * GLYPH_HEIGHT * 8
        for x, y in _dense(pixels, 24).astype(int).tolist():
            cv2.ellipse(canvas, (x, y), axes, angle, 0, 360, 255, -1, cv2.LINE_AA, 3)
        for end in drops:
            cv2.circle(canvas, pixels[end].astype(int).tolist(), int(drop * GLYPH_HEIGHT * 8), 255, -1, cv2.LINE_AA, 3)
    columns = np.flatnonzero(canvas.max(axis=0) > 127)
    return canvas[:, columns[0] : columns[-1] + 1]


def _nib(pen: np.random.Generator, plate: bool) -> tuple[float, float, float]:
    """Choose the long and the short side of a pen in digit heights, and its angle in degrees."""
    if plate:
        return pen.uniform(0.11, 0.24), pen.uniform(0.04, 0.11), pen.uniform(-12, 12)
    thick = pen.uniform(0.08, 0.2)
    return thick, thick * (1.0 if pen.random() < 0.5 else pen.uniform(0.25, 0.8)), pen.uniform(-20, 60)


def _dense(path: np.ndarray, step: float) -> np.ndarray:
    """Return points of the path (N, 2) at most `step` apart."""
    lengths = np.hypot(*np.diff(path, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    places = np.linspace(0, along[-1], int(along[-1] / step) + 2)
    return np.stack([np.interp(places, along, path[:, axis]) for axis in range(2)], 1)
