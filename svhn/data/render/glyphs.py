"""Coverage maps of digits: typefaces that come with matplotlib and Pillow, and a brush."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

BRUSH = "brush"
# Faces of Pillow ("Aileron") and matplotlib, and the brush.
TYPEFACES = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-BoldItalic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmr10",
    "cmss10",
    "cmb10",
    "cmtt10",
    "Aileron",
    BRUSH,
)
# Further faces for training digits: of matplotlib, and of font packages on PyPI by their module.
MATPLOTLIB_EXTRA = ("DejaVuSans-BoldOblique", "DejaVuSerif-Italic", "cmti10")
PACKAGED = {
    "font_fredoka_one": ("FredokaOne-Regular",),
    "font_source_sans_pro": (
        "SourceSansPro-Black",
        "SourceSansPro-Bold",
        "SourceSansPro-Semibold",
        "SourceSansPro-Regular",
        "SourceSansPro-BlackIt",
        "SourceSansPro-SemiboldIt",
    ),
}
ALL_TYPEFACES = (
    *(name for name in TYPEFACES if name != BRUSH),
    *MATPLOTLIB_EXTRA,
    *(name for names in PACKAGED.values() for name in names),
)
# Faces are drawn once at this height in pixels and resized; larger digits are enlarged from it.
GLYPH_HEIGHT = 192

# How round it is, the points of its way, and maybe the ends (0 or -1) that get a drop; see `distance_fields`.
Stroke: TypeAlias = tuple[Any, ...]
Drawing: TypeAlias = list[Stroke]

# The brush's way through a field 0.6 wide and 1 high: per digit its variants, per variant its strokes.
# A stroke is (round, points); round strokes bend near their points instead of turning a corner there.
_ZERO = (
    True,
    [
        (0.3, 0),
        (0.04, 0.12),
        (0.0, 0.5),
        (0.06, 0.9),
        (0.3, 1),
        (0.54, 0.9),
        (0.6, 0.5),
        (0.55, 0.1),
        (0.3, 0),
    ],
)
_TWO = (True, [(0.03, 0.25), (0.1, 0.0), (0.45, -0.03), (0.65, 0.25), (0.5, 0.55), (0.03, 1)])
_THREE = (True, [(0.03, 0.1), (0.3, -0.05), (0.62, 0.1), (0.55, 0.42), (0.22, 0.46)])
_THREE_BELOW = (True, [(0.22, 0.46), (0.6, 0.48), (0.68, 0.85), (0.35, 1.05), (0.0, 0.9)])
_FIVE_BELOW = (True, [(0.08, 0.45), (0.4, 0.3), (0.68, 0.55), (0.6, 0.98), (0.3, 1.04), (0.0, 0.9)])
_SIX = [
    (0.5, 0.0),
    (0.2, 0.15),
    (0.0, 0.6),
    (0.08, 1.02),
    (0.5, 1.05),
    (0.64, 0.7),
    (0.5, 0.43),
    (0.2, 0.45),
    (0.05, 0.7),
]
_EIGHT_ABOVE = [(0.3, 0.46), (0.0, 0.35), (0.05, 0.0), (0.3, -0.03), (0.55, 0.0), (0.6, 0.35), (0.3, 0.46)]
_EIGHT_BELOW = [(0.3, 0.46), (-0.04, 0.6), (0.0, 1.02), (0.3, 1.04), (0.6, 1.02), (0.64, 0.6), (0.3, 0.46)]
BRUSH_STROKES: dict[int, list[Drawing]] = {
    0: [[_ZERO]],
    1: [
        [(False, [(0.1, 0.25), (0.35, 0), (0.35, 1)])],
        [(False, [(0.3, 0), (0.3, 1)])],
        [(False, [(0.1, 0.2), (0.32, 0), (0.32, 1)]), (False, [(0.1, 1), (0.54, 1)])],
    ],
    2: [[_TWO, (False, [(0.03, 1), (0.6, 1)])]],
    3: [[_THREE, _THREE_BELOW], [(False, [(0.03, 0), (0.57, 0), (0.24, 0.42)]), _THREE_BELOW]],
    4: [
        [(False, [(0.43, 1), (0.43, 0), (0.02, 0.68), (0.6, 0.68)])],
        [(False, [(0.2, 0), (0.03, 0.6), (0.6, 0.6)]), (False, [(0.44, 0.3), (0.44, 1)])],
    ],
    5: [[(False, [(0.55, 0), (0.12, 0), (0.08, 0.45)]), _FIVE_BELOW]],
    6: [[(True, _SIX)]],
    7: [
        [(False, [(0.03, 0), (0.58, 0), (0.22, 1)])],
        [(False, [(0.03, 0), (0.58, 0), (0.22, 1)]), (False, [(0.18, 0.5), (0.52, 0.5)])],
    ],
    8: [[(True, _EIGHT_ABOVE), (True, _EIGHT_BELOW)]],
    9: [[(True, [(0.6 - x, 1 - y) for x, y in _SIX])]],
}


def draw_digits(
    rng: np.random.Generator, labels: tuple[int | str, ...], typeface: str, height: int
) -> list[np.ndarray]:
    """Draw digits in one hand.

    Parameters
    ----------
    rng : Generator
        Varies how narrow and how heavy the digits are.
    labels : tuple of int, 0..9, or str, single letters
        The brush draws digits only, all other faces letters too.
    typeface : str
        A name from TYPEFACES.
    height : int
        Height of the digits in pixels.

    Returns
    -------
    list of ndarray (h, w) float32
        Coverage 0..1 without empty columns at the sides, in a frame of `frame_width(height)` empty pixels.
    """
    brushed = typeface == BRUSH
    glyphs = _brush(rng, labels) if brushed else [typeset(typeface, label) for label in labels]
    narrow = rng.uniform(0.55, 1.02)
    scale = height / GLYPH_HEIGHT
    sizes = [(max(round(glyph.shape[1] * scale * narrow), 3), height) for glyph in glyphs]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    glyphs = [cv2.resize(glyph, size, interpolation=how) for glyph, size in zip(glyphs, sizes, strict=True)]
    frame = frame_width(height)
    glyphs = [cv2.copyMakeBorder(glyph, frame, frame, frame, frame, cv2.BORDER_CONSTANT) for glyph in glyphs]
    glyphs = [glyph.astype(np.float32) / 255 for glyph in glyphs]
    return _change_weight(glyphs, height, rng.uniform(-0.2, 0.3)) if rng.random() < 0.5 else glyphs


def frame_width(height: int) -> int:
    """Return the width of the empty frame about a digit of `height` pixels: room for heavier strokes."""
    return 1 + round(0.06 * height)


def _change_weight(glyphs: list[np.ndarray], height: int, heavier: float) -> list[np.ndarray]:
    """Make strokes thicker (`heavier` above 0) or thinner and round their corners."""
    soft = [cv2.GaussianBlur(glyph, (0, 0), 0.025 * height) for glyph in glyphs]
    return [np.clip((glyph - 0.5 + heavier) * 2.5 + 0.5, 0, 1) for glyph in soft]


@lru_cache(maxsize=32)
def _font(typeface: str) -> ImageFont.FreeTypeFont:
    """Open a face at the size that makes its digits GLYPH_HEIGHT pixels high."""
    if typeface == "Aileron":  # with a size, Pillow gives the face that it bundles
        font = cast(ImageFont.FreeTypeFont, ImageFont.load_default(GLYPH_HEIGHT))
    else:
        font = ImageFont.truetype(_font_file(typeface), GLYPH_HEIGHT)
    _, top, _, bottom = font.getbbox("0123456789")
    size = GLYPH_HEIGHT * GLYPH_HEIGHT / (bottom - top)
    return font.font_variant(size=size)


def _font_file(typeface: str) -> Path:
    for package, names in PACKAGED.items():
        if typeface in names:
            return min(Path(str(files(package)), "files").glob(f"{typeface}.?tf"))
    return matplotlib_font(typeface)


def matplotlib_font(name: str) -> Path:
    """Return the file of one of the fonts that come with matplotlib."""
    import matplotlib  # here, because it takes a quarter of a second and only who draws letters needs it

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")


@lru_cache(maxsize=1024)
def typeset(typeface: str, label: int | str) -> np.ndarray:
    """Draw one digit or letter, as high as the digits, (GLYPH_HEIGHT, w) uint8, 0..255."""
    font = _font(typeface)
    _, top, _, bottom = font.getbbox("0123456789")
    left, _, right, _ = font.getbbox(str(label))
    canvas = Image.new("L", (int(right - left) + 20, int(bottom - top)))
    ImageDraw.Draw(canvas).text((10 - left, -top), str(label), font=font, fill=255)
    glyph = cv2.resize(np.asarray(canvas), (canvas.width, GLYPH_HEIGHT))
    return np.ascontiguousarray(_cut_sides(glyph))


def _brush(rng: np.random.Generator, labels: tuple[int | str, ...]) -> list[np.ndarray]:
    """Paint digits with one brush, (GLYPH_HEIGHT, w) uint8; equal digits differ a little."""
    thickness = int(rng.uniform(0.07, 0.2) * GLYPH_HEIGHT)
    wobble = rng.uniform(0, 0.03)
    return [_brush_digit(rng, label, thickness, wobble) for label in labels]


def _brush_digit(rng: np.random.Generator, label: int | str, thickness: int, wobble: float) -> np.ndarray:
    variants = BRUSH_STROKES[int(label)]
    reach = GLYPH_HEIGHT - thickness
    canvas = np.zeros((GLYPH_HEIGHT, GLYPH_HEIGHT), np.uint8)
    for is_round, points in variants[rng.integers(len(variants))]:
        path = np.array(points) + rng.normal(0, wobble, (len(points), 2))
        path = round_corners(path) if is_round else path
        pixels = np.rint((path * reach + thickness / 2 + (0.15 * GLYPH_HEIGHT, 0)) * 8).astype(np.int32)
        cv2.polylines(canvas, [pixels], False, 255, thickness, cv2.LINE_AA, 3)
    return _cut_sides(canvas)


def round_corners(path: np.ndarray) -> np.ndarray:
    """Cut the corners of a path (N, 2) four times (Chaikin); its ends stay."""
    for _ in range(4):
        before, after = path[:-1], path[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1).reshape(-1, 2)
        path = np.concatenate([path[:1], cut[1:-1], path[-1:]])
    return path


def _cut_sides(glyph: np.ndarray) -> np.ndarray:
    inked = np.flatnonzero(glyph.max(axis=0) > 20)
    return glyph[:, inked[0] : inked[-1] + 1]
