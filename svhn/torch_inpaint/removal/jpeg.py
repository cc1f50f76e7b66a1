"""Traces that JPEG left in a photo, and fill that carries the same ones.

Most street photos were JPEG files once, also those that come as PNG: in squares of 8 x 8 pixels their brightness is a
sum of few cosines whose weights are multiples of known steps. Fill without these traces can be told from the rest,
however well it is painted, most of all on calm walls. See ITU-T T.81, annexes A and K.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from svhn.crops import LUMINANCE

BLOCK = 8
# Of a square's brightness: discrete cosine transform, orthonormal; row k is the k-th frequency.
_DCT = np.array(
    [[np.sqrt((2 if k else 1) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)],
    np.float32,
)
# Quantisation steps of brightness at quality 50, by vertical and horizontal frequency (T.81, table K.1).
_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    np.float32,
)
# From RGB to brightness (ITU-R BT.601) and two colour differences, as JFIF (ITU-T T.871) has it, and back.
_TO_YCC = np.array([LUMINANCE, [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]], np.float32)
_TO_RGB = np.linalg.inv(_TO_YCC).astype(np.float32)
# What is subtracted from brightness before it is transformed, in grey levels (T.81, A.3.1).
LEVEL_SHIFT = 128

# The grid. Frequencies (vertical, horizontal) whose weights are mostly zero in its squares and not in others.
_PROBES = ((0, 3), (0, 5), (0, 7), (3, 0), (5, 0), (7, 0), (2, 2), (4, 4))
# A weight closer to 0 than this counts as zero: decoded pixels are rounded (in grey levels, as all weights).
NOTHING = 0.6
# A grid must have so many known squares, and a share of zeros that is larger than any other's by so much.
LEAST_SQUARES = 4
LEAST_LEAD = 0.03

# The steps. Qualities that are tried.
QUALITIES = range(50, 97)
# T.81's table scaled by a quality as the Independent JPEG Group's library (libjpeg, jcparam.c) does it.
_ALL_STEPS = np.stack([np.maximum(np.floor((_STEPS * (200 - 2 * quality) + 50) / 100), 1) for quality in QUALITIES])
# A smaller weight tells nothing about its step.
TELLING = 1.3
# At most so many squares, and so many weights in them, are looked at.
MOST_SQUARES = 200
MOST_WEIGHTS = 200
# How well weights must fit steps: the mean of cos(2 pi weight / step), 1 for multiples, about 0 by chance.
LEAST_FIT = 0.2

# The detail. It is what a blur of this width (sigma, pixels) takes away; coarse structure is what the blur leaves.
DETAIL_BLUR = 1.0
# A Gaussian multiplies the wave of each frequency by this; the mean of a square is neither fine nor coarse.
_WAVES = np.arange(8, dtype=np.float32) * np.pi / 8
_FINE = 1 - np.exp(-(DETAIL_BLUR**2) * (_WAVES[:, None] ** 2 + _WAVES**2) / 2)
_COARSE = np.where(_FINE > 0, 1 - _FINE, 0)
# Added to detail and to coarse structure before their logarithms are taken, in grey levels.
LEAST_BUSY = 0.02
LEAST_COARSE = 0.1
# A difference of colours by this many grey levels counts as much as detail that is e times as strong.
COLOUR_UNIT = 100.0
# A difference of coarse structure counts this many times as much as one of detail.
COARSE_WEIGHT = 2
# Faint detail is strengthened by up to this share, since rounding to steps takes a part of it away again; detail that
# is much stronger than so many grey levels hardly.
FAINT_GAIN = 0.5
FAINT = 0.5
# How busy a square is, as a logarithm: a share of what its surroundings are, one of its coarse structure, and a shift,
# as fitted by `python -m benchmarks.removal.busy`. Edges nearby do not make a plain surface busy.
BUSY_AROUND = 0.30
BUSY_COARSE = 0.28
BUSY_SHIFT = -0.37
# Known squares, the donors of detail: so many are looked at, and so many of them count as equally good.
MOST_DONORS = 200
DONORS = 4
# From how far they say how busy a place is (sigma, in squares).
NEAR = 3.0


@dataclass(frozen=True)
class JpegTraces:
    """Where the squares of a photo's JPEG file began, and how coarse it was.

    Attributes
    ----------
    row, column : int
        Of the first whole square's upper left corner, 0 to 7.
    quality : int
        Of the standard tables, 50 to 96.
    """

    row: int
    column: int
    quality: int

    @property
    def place(self) -> tuple[int, int]:
        """Row and column."""
        return self.row, self.column

    @property
    def steps(self) -> np.ndarray:
        """Quantisation steps of brightness by vertical and horizontal frequency, (8, 8) float32."""
        return _ALL_STEPS[QUALITIES.index(self.quality)]

    def shifted(self, rows: int, columns: int) -> "JpegTraces":
        """Return the same for a part of the photo that begins at this pixel."""
        return JpegTraces((self.row - rows) % BLOCK, (self.column - columns) % BLOCK, self.quality)


def find_traces(photo: np.ndarray, known: np.ndarray) -> JpegTraces | None:
    """Find the traces of JPEG in a photo or a part of it.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    known : ndarray (H, W) bool
        True = pixels that are as they were decoded.

    Returns
    -------
    JpegTraces or None
        None when there are none, they are too faint or there is too little to see.
    """
    height, width = (side // BLOCK * BLOCK for side in known.shape)
    if min(height, width) < 2 * BLOCK:
        return None
    brightness = cv2.transform(photo.astype(np.float32), _TO_YCC[:1])
    whole = _whole_squares(known)
    zeros = sum(
        np.asarray(cv2.inRange(_weights(brightness, *probe), -NOTHING, NOTHING), np.uint8) & 1 for probe in _PROBES
    )
    counts, sums = (_by_place(values[:height, :width]) for values in (whole, whole * zeros))
    shares = np.where(counts >= LEAST_SQUARES, sums / (len(_PROBES) * np.maximum(counts, 1)), 0)
    second, best = np.partition(shares, -2, axis=None)[-2:]
    if best - second < LEAST_LEAD:
        return None
    row, column = divmod(int(shares.argmax()), BLOCK)
    corners = BLOCK * np.argwhere(whole[row::BLOCK, column::BLOCK]) + (row, column)
    quality = _quality(_transform(_cut(brightness, _some(corners, MOST_SQUARES))))
    return None if quality is None else JpegTraces(row, column, quality)


def _weights(brightness: np.ndarray, vertical: int, horizontal: int) -> np.ndarray:
    """Return one frequency's weight in the square whose upper left corner a pixel is, (H, W) float32."""
    kernels = _DCT[horizontal], _DCT[vertical]
    return cv2.sepFilter2D(brightness, -1, *kernels, anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)


def _whole_squares(known: np.ndarray) -> np.ndarray:
    """Return 1 where the upper left corner of a square lies that is wholly known, (H, W) uint8."""
    kernel = np.ones((BLOCK, BLOCK), np.uint8)
    return cv2.erode(known.astype(np.uint8), kernel, anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0)


def _by_place(values: np.ndarray) -> np.ndarray:
    """Sum values (H, W), sides multiples of 8, by their place in a grid of squares: (8, 8) float64."""
    height, width = values.shape
    return values.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK).sum(axis=(0, 2), dtype=float)


def _cut(values: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Cut squares out of (H, W, ...) by their upper left corners (N, 2): (N, ..., 8, 8)."""
    windows = np.lib.stride_tricks.sliding_window_view(values, (BLOCK, BLOCK), axis=(0, 1))
    return windows[corners[:, 0], corners[:, 1]]


def _some(values: np.ndarray, most: int) -> np.ndarray:
    """Return `values` or, where there are more, about `most` of them from beginning to end."""
    return values[:: max(1, -(-len(values) // most))]


def _transform(squares: np.ndarray) -> np.ndarray:
    return _DCT @ squares @ _DCT.T


def _quality(weights: np.ndarray) -> int | None:
    """Return the quality whose steps the weights (N, 8, 8) are multiples of, None when they are of none."""
    numbers, rows, columns = np.nonzero(np.abs(weights) > TELLING)
    (telling,) = np.nonzero(rows + columns > 0)  # the mean may be any
    if not len(telling):
        return None
    telling = _some(telling, MOST_WEIGHTS)
    rows, columns = rows[telling], columns[telling]
    values = weights[numbers[telling], rows, columns]
    steps = _ALL_STEPS[:, rows, columns]
    # Of weights below half a step nothing would have been left.
    fits = np.where(np.abs(values) < steps / 2, -1, np.cos(2 * np.pi * values / steps)).mean(axis=1)
    return QUALITIES[int(fits.argmax())] if fits.max() >= LEAST_FIT else None


def carry_traces(
    original: np.ndarray,
    painted: np.ndarray,
    mask: np.ndarray,
    known: np.ndarray,
    traces: JpegTraces,
    strength: float,
    seed: int = 0,
) -> np.ndarray | None:
    """Give the fill of a region the detail of known squares and the steps of its photo's JPEG.

    Each square of the grid that meets the mask gets the fine detail of a known square: one about as busy as squares of
    its coarse structure are in such surroundings, and among those one of similar colour. The detail is weaker where
    no square is so calm. Then the weights are rounded to multiples of the steps.

    Parameters
    ----------
    original : ndarray (H, W, 3) uint8, RGB
    painted : ndarray (H, W, 3) float32, 0..255
        With the fill inside the mask.
    mask, known : ndarray (H, W) bool
        True = was filled; True = detail may be taken from here.
    traces : JpegTraces
        Of this region.
    strength : float
        1 for as much detail as the surroundings have.
    seed : int
        Of the choice among squares that fit equally well.

    Returns
    -------
    ndarray (H, W, 3) float32 or None
        Meaningful inside the mask; None when too few squares are known.
    """
    colours = np.where(mask[..., None], painted, original)
    colours = cv2.transform(colours.astype(np.float32, copy=False), _TO_YCC)
    corners = _donors(known & ~mask, traces)
    if not len(corners):
        return None
    donors = _Squares.of(corners, np.moveaxis(_cut(colours, corners), 1, -1))
    # Whole squares of the grid, row by row, that hold the region; those that meet the mask are changed.
    before = -np.array(traces.place) % BLOCK
    after = -(before + mask.shape) % BLOCK
    sides = (before[0], after[0], before[1], after[1])
    padded = cv2.copyMakeBorder(colours, *sides, cv2.BORDER_REPLICATE)
    inside = cv2.copyMakeBorder(mask.astype(np.uint8), *sides, cv2.BORDER_CONSTANT, value=0)
    meeting = np.nonzero(_in_squares(inside).any(axis=(2, 3)))
    squares = _in_squares(padded)[meeting]  # (M, 8, 8, 3)
    targets = _Squares.of(BLOCK * np.stack(meeting, axis=1) - before, squares)
    chosen, shares = _choose(targets, donors, np.random.default_rng(seed))
    weights = targets.weights + strength * shares[:, None, None] * donors.details[chosen]
    squares[..., 0] = _with_steps(weights.astype(np.float32), traces.steps)
    _in_squares(padded)[meeting] = squares
    carried = padded[before[0] :, before[1] :][: mask.shape[0], : mask.shape[1]]
    return cv2.transform(np.rint(carried), _TO_RGB)


def _donors(known: np.ndarray, traces: JpegTraces) -> np.ndarray:
    """Return the upper left corners (D, 2) of known squares, of the grid's where it has enough; none when too few."""
    corners = np.argwhere(_whole_squares(known))
    fitting = corners[((corners - traces.place) % BLOCK == 0).all(axis=1)]
    corners = fitting if len(fitting) >= DONORS else corners
    return _some(corners, MOST_DONORS) if len(corners) >= DONORS else corners[:0]


def _with_steps(weights: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Round weights (N, 8, 8) to multiples of the steps (8, 8), and return the brightness of their squares."""
    return _DCT.T @ (np.rint(weights / steps) * steps) @ _DCT + LEVEL_SHIFT


@dataclass(frozen=True)
class _Squares:
    """Squares of a region, donors of detail or to be given some.

    Attributes
    ----------
    corners : ndarray (N, 2) int
        Row and column of their upper left pixels; may lie outside the region.
    weights : ndarray (N, 8, 8) float32
        Of their brightness.
    traits : ndarray (N, 4) float32
        Colours and the logarithm of the coarse structure, in units that count alike.
    """

    corners: np.ndarray
    weights: np.ndarray
    traits: np.ndarray

    @classmethod
    def of(cls, corners: np.ndarray, pixels: np.ndarray) -> "_Squares":
        """Look at squares (N, 8, 8, 3) float32 of brightness and two colour differences."""
        weights = _transform(pixels[..., 0] - LEVEL_SHIFT)
        coarse = COARSE_WEIGHT * np.log(np.abs(_COARSE * weights).mean(axis=(1, 2)) + LEAST_COARSE)
        return cls(corners, weights, np.column_stack([pixels.mean(axis=(1, 2)) / COLOUR_UNIT, coarse]))

    @property
    def details(self) -> np.ndarray:
        """The weights of their fine detail, (N, 8, 8)."""
        return _FINE * self.weights


def _choose(targets: _Squares, donors: _Squares, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Choose one of the D donors for each of M targets: as busy as is to be expected there, and otherwise alike.

    Returns
    -------
    chosen : ndarray (M,) int
    shares : ndarray (M,) float
        How much of its detail is taken: 1, less where no donor is calm enough, more where it is so faint that rounding
        to steps will take a part of it away.
    """
    level = np.abs(donors.details).mean(axis=(1, 2))
    busy, gain = np.log(level + LEAST_BUSY), 1 + FAINT_GAIN * np.exp(-level / FAINT)
    around, coarse = _around(targets.corners, donors.corners, busy), targets.traits[:, -1]
    wanted = BUSY_AROUND * around + BUSY_COARSE * coarse + BUSY_SHIFT
    misfit = np.abs(busy - wanted[:, None]) + np.sqrt(_square_distances(targets.traits, donors.traits))
    best = np.argpartition(misfit, DONORS - 1, axis=1)[:, :DONORS]
    chosen = best[np.arange(len(wanted)), rng.integers(DONORS, size=len(wanted))]
    return chosen, gain[chosen] * np.minimum(1.0, np.exp(wanted - busy[chosen]))


def _around(places: np.ndarray, corners: np.ndarray, busy: np.ndarray) -> np.ndarray:
    """Average over the donors how busy they are (D,) for each of M squares, near ones counting most: (M,)."""
    apart = _square_distances(places / BLOCK, corners / BLOCK)
    near = np.exp((apart.min(axis=1, keepdims=True) - apart) / (2 * NEAR**2))
    return near @ busy / near.sum(axis=1)


def _square_distances(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the squared distances between points (M, K) and (D, K): (M, D)."""
    products = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * first @ second.T
    return np.maximum(products, 0)


def _in_squares(values: np.ndarray) -> np.ndarray:
    """View (H, W, ...), sides multiples of 8, as (H / 8, W / 8, 8, 8, ...)."""
    height, width = values.shape[:2]
    return values.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, *values.shape[2:]).swapaxes(1, 2)
