"""Paste a fill back into its photo, at the photo's resolution, so that nothing outside the mask changes."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from svhn.boxes import Box
from svhn.torch_inpaint.removal.blur import normalised_blur
from svhn.torch_inpaint.removal.grain import grain_like
from svhn.torch_inpaint.removal.jpeg import JpegTraces, carry_traces, find_traces

# Pixels around a region in which traces of JPEG are looked for, too.
TRACES_REACH = 32
# Weight of "nothing is missing" beside known pixels: how soon carried detail fades inside the mask.
NOTHING_MISSING = 0.1
# Surroundings with more pixels are repainted at the scale at which they have so many, which bounds memory and time.
MOST_PIXELS = 3_000_000
# A region that loses less than this at working scale is soft, in grey levels (root mean square): it is repainted only
# where its fill breaks structure. Nearly all tall numbers of SVHN lose less, since their photos were enlarged before,
# and all of `wild/dev` lose more, see `benchmarks.removal.lost_detail`.
LEAST_DETAIL = 3.0
# A region at the photo's own scale is repainted when it loses more than this at half of it.
SHARP = 8.0
# Digits are at least so tall, in pixels, in soft and in sharp photos: around small ones there is too little to copy. Of
# SVHN's soft photos one in a hundred has such digits.
LEAST_SOFT, LEAST_SHARP = 90, 38


def paste_fill(
    image: np.ndarray,
    box: Box,
    original: np.ndarray,
    painted: np.ndarray,
    mask: np.ndarray,
    known: np.ndarray,
    grain: float,
) -> None:
    """Put a filled region into a photo, in place: enlarged to its resolution, with grain, inside the mask only.

    Where the photo was a JPEG file, the grain is one that JPEG leaves, see `svhn.torch_inpaint.removal.jpeg`.

    There is no feathering: the mask's rim would let traces of the digit through, and the fill meets the known pixels.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8
        The photo to change.
    box : Box
        Where the region lies in it.
    original : ndarray (h, w, 3) uint8
        The region before the removal.
    painted : ndarray float32, 0..255
        The filled region at working scale.
    mask, known : ndarray (h, w) bool
        True = is replaced; True = grain may be taken from here.
    grain : float
        See `FillConfig`.
    """
    painted = enlarge_fill(painted, original, mask)
    traces = traces_around(image, box, mask) if grain > 0 else None
    detailed = carry_traces(original, painted, mask, known, traces, grain) if traces else None
    if detailed is None:
        detailed = painted + grain_like(original, painted, mask, known, grain)
    colours = _gray(detailed[mask]) if _is_gray(original[known & ~mask]) else detailed[mask]
    image[box.slices][mask] = np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def _is_gray(colours: np.ndarray) -> bool:
    """Say whether pixels (N, 3) are gray, all of them; none are not."""
    return len(colours) > 0 and bool((colours == colours[:, :1]).all())


def _gray(colours: np.ndarray) -> np.ndarray:
    """Return the mean of the channels (N, 3) in each: networks add a little colour to a gray picture."""
    return np.repeat(colours.mean(axis=1, keepdims=True), colours.shape[1], axis=1)


def enlarge_fill(filled: np.ndarray, original: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Bring a filled region to the photo's resolution and fit it to the sharp pixels around the mask.

    Enlarged pixels miss detail. What is missing just outside the mask is carried a little way into it, so that
    there is no seam.

    Parameters
    ----------
    filled : ndarray (h, w, 3) float32, 0..255
        The region at working scale.
    original : ndarray (H, W, 3) uint8
        The region as it is in the photo.
    mask : ndarray (H, W) bool

    Returns
    -------
    ndarray (H, W, 3) float32
        Meaningful inside the mask.
    """
    if filled.shape == original.shape:
        return filled
    large = cv2.resize(filled, original.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    known, scale = (~mask).astype(np.float32), original.shape[0] / filled.shape[0]
    return large + normalised_blur(original - large, known, scale, prior_weight=NOTHING_MISSING)


def lost_detail(original: np.ndarray, shape: Sequence[int], mask: np.ndarray) -> float:
    """Return what a region loses when it is brought to working scale and enlarged again.

    Parameters
    ----------
    original : ndarray (H, W, 3) uint8
        The region as it is in the photo.
    shape : sequence of int
        Rows and columns of the region at working scale.
    mask : ndarray (H, W) bool
        True = does not count.

    Returns
    -------
    float
        Root mean square of the difference outside the mask, in grey levels; 0 where nothing is outside.
    """
    small = cv2.resize(original, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, original.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    lost = (original.astype(np.float32) - large)[~mask].mean(axis=1)
    return float(np.sqrt(np.mean(lost**2))) if lost.size else 0.0


def is_smooth(original: np.ndarray, shape: Sequence[int], mask: np.ndarray, height: float) -> bool:
    """Say whether nothing of a region is missed at working scale: the photo is soft, and the digits are not tall.

    Parameters
    ----------
    original, shape, mask
        See `lost_detail`.
    height : float
        Of the digits, in pixels.
    """
    return height < LEAST_SOFT and lost_detail(original, shape, mask) < LEAST_DETAIL


def sharpen_fill(
    photo: np.ndarray,
    box: Box,
    painted: np.ndarray,
    mask: np.ndarray,
    height: float,
    around: Box,
    known: np.ndarray,
    detail: Callable[[np.ndarray, np.ndarray, np.ndarray, bool], np.ndarray | None],
) -> np.ndarray | None:
    """Repaint a fill with the detail of its surroundings.

    Parameters
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
        Before the removal.
    box : Box
        Where the region lies in it.
    painted : ndarray float32, 0..255
        The filled region at working scale.
    mask : ndarray (h, w) bool
        Of the region, at the photo's resolution; True = is replaced.
    height : float
        Of the digits, in pixels.
    around : Box
        The surroundings that detail is taken from; holds `box`.
    known : ndarray bool, as large as `around`
        True = detail may be taken from here.
    detail : callable
        See `DetailFunction` in `svhn.torch_inpaint.removal.methods`.

    Returns
    -------
    ndarray (h, w, 3) float32 or None
        The region at the photo's resolution; None when nothing is missing, or too little is known.
    """
    region = photo[box.slices]
    is_reduced = painted.shape != region.shape
    if not is_reduced and height < LEAST_SHARP:  # nearly all numbers of small photos; what follows takes time
        return None
    lost = lost_detail(region, painted.shape if is_reduced else [max(1, side // 2) for side in mask.shape], mask)
    soft = is_reduced and lost < LEAST_DETAIL
    if (soft and height < LEAST_SOFT) or (not is_reduced and lost < SHARP):
        return None
    own = box.shift(-around.left, -around.top).slices
    original, hole = photo[around.slices], np.zeros(known.shape, bool)
    hole[own] = mask
    picture = original.astype(np.float32)
    picture[own][mask] = enlarge_fill(painted, region, mask)[mask]
    scale = np.sqrt(MOST_PIXELS / hole.size)
    if scale >= 1:
        sharp = detail(picture, hole, known, soft)
        return None if sharp is None else sharp[own]
    size = (int(around.width * scale), int(around.height * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    sharp = detail(small, _touched(hole, size), ~_touched(~known, size), soft)
    return None if sharp is None else enlarge_fill(sharp, original, hole)[own]


def _touched(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask to a smaller (width, height): True where any part of a pixel was."""
    return cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0


def traces_around(image: np.ndarray, box: Box, mask: np.ndarray) -> JpegTraces | None:
    """Find the traces of JPEG in and around a region of a photo.

    Parameters
    ----------
    image : ndarray (H, W, 3) uint8, RGB
    box : Box
        The region, inside the photo.
    mask : ndarray (h, w) bool
        Of the region; True = not looked at.

    Returns
    -------
    JpegTraces or None
        As seen from the region; see `find_traces`.
    """
    around = box.grow(TRACES_REACH).inside(image.shape[1], image.shape[0])
    rows, columns = box.top - around.top, box.left - around.left
    known = np.ones((around.height, around.width), bool)
    known[rows : rows + box.height, columns : columns + box.width] = ~mask
    traces = find_traces(image[around.slices], known)
    return traces.shifted(rows, columns) if traces else None
