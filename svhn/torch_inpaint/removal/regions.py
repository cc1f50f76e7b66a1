"""Regions: the surroundings of a number or a hole, cut out of its photo, brought to working scale and filled."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from svhn.boxes import Box, DigitBox, as_digits, clip_digits, group_digits, union
from svhn.finder import check_answer
from svhn.torch_inpaint.removal.config import FILLS, FillConfig, RemovalConfig
from svhn.torch_inpaint.removal.masks import KeyPixels
from svhn.torch_inpaint.removal.methods import described, load_fill

# Margin of background around a region, at least, in pixels.
LEAST_CONTEXT = 8
# Detail at the photo's resolution is taken from up to this far around a number, as a fraction of its digits' height.
DETAIL_CONTEXT = 1.2
# Regions that are filled together.
MOST_REGIONS = 16
# Of a pixel that is masked in a part: more than this much masks the pixel of another scale.
TOUCHED = 0.01


@dataclass(frozen=True)
class Region:
    """The surroundings of one number (or hole), cut out of its photo at working scale.

    Attributes
    ----------
    photo : int
        Index of the photo in its batch.
    box : Box
        Where the region lies in the photo.
    pixels : ndarray (h, w, 3) uint8, RGB
        The region at working scale.
    boxes : tuple of Box
        The digits' boxes in `pixels`.
    """

    photo: int
    box: Box
    pixels: np.ndarray
    boxes: tuple[Box, ...]


def cut_region(index: int, photo: np.ndarray, boxes: Sequence[Box], margin: float, scale: float) -> Region:
    """Cut out what lies in some boxes with a margin of background, and bring it to working scale.

    Parameters
    ----------
    index : int
        Index of the photo in its batch.
    photo : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box
        The number's digits, or a hole, inside the photo.
    margin : float
        Pixels; at least `LEAST_CONTEXT` are taken.
    scale : float
        Of the region's pixels, over 0; it is not enlarged.
    """
    box = union(boxes).grow(max(LEAST_CONTEXT, round(margin))).inside(photo.shape[1], photo.shape[0])
    pixels = photo[box.slices]
    if scale < 1:
        size = (max(1, round(box.width * scale)), max(1, round(box.height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    local = tuple(_scaled(other.shift(-box.left, -box.top), box, pixels) for other in boxes)
    return Region(index, box, pixels, local)


def _scaled(box: Box, region: Box, pixels: np.ndarray) -> Box:
    """Return `box` at the scale of `pixels`, covering at least what it covered."""
    x, y = pixels.shape[1] / region.width, pixels.shape[0] / region.height
    grown = Box.from_size(box.left * x, box.top * y, box.width * x, box.height * y)
    return grown.inside(pixels.shape[1], pixels.shape[0])


def cut_numbers(
    index: int, photo: np.ndarray, boxes: Sequence[Box | DigitBox], config: RemovalConfig
) -> list[tuple[tuple[DigitBox, ...], Region]]:
    """Group boxes into numbers, and cut out what lies around each.

    Parameters
    ----------
    index : int
        Index of the photo in its batch.
    photo : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box or DigitBox
        See `DigitRemover.remove`.
    config : RemovalConfig

    Returns
    -------
    list of (digits in reading order, Region)
    """
    found = []
    for number in group_digits(clip_digits(as_digits(boxes), photo.shape[1], photo.shape[0])):
        own = tuple(digit.box for digit in number.digits)
        height = float(np.median([box.height for box in own]))
        region = cut_region(index, photo, own, config.context * height, config.work_height / height)
        found.append((tuple(number.digits), region))
    return found


def detail_around(boxes: Sequence[Box], region: Box, shape: Sequence[int]) -> Box:
    """Return where detail for a number may be taken from: around its boxes and all of its region, in the photo."""
    height = float(np.median([box.height for box in boxes]))
    around = union(boxes).grow(round(DETAIL_CONTEXT * height)).inside(shape[1], shape[0])
    return union([around, region])


def known_around(around: Box, region: Box, mask: np.ndarray, others: Sequence[Box]) -> np.ndarray:
    """Return what is known in the surroundings of a region: neither its mask nor the boxes of other numbers.

    Parameters
    ----------
    around, region : Box
        In the photo; the second lies in the first.
    mask : ndarray (h, w) bool
        Of the region, at the photo's resolution.
    others : sequence of Box

    Returns
    -------
    ndarray bool, as large as `around`
    """
    known = np.ones((around.height, around.width), bool)
    known[region.shift(-around.left, -around.top).slices] = ~mask
    for shared in (box.intersection(around) for box in others):
        if shared:
            known[shared.shift(-around.left, -around.top).slices] = False
    return known


def enlarge_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask (h, w) to (height, width): every pixel that a masked one touches is masked."""
    if mask.shape == size:
        return mask
    return cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > TOUCHED


def reduce_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a mask (H, W) to a smaller (height, width): every pixel that holds a masked one is masked."""
    return cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_AREA) > TOUCHED


def fill_regions(
    regions: Sequence[tuple[np.ndarray, KeyPixels]], config: FillConfig, device: torch.device
) -> list[np.ndarray]:
    """Fill regions of different sizes by the method that `config` names, many at once.

    Parameters
    ----------
    regions : sequence of (ndarray (H, W, 3) uint8, KeyPixels)
    config : FillConfig
    device : torch.device

    Returns
    -------
    list of ndarray (H, W, 3) float32, 0..255
        In the order of `regions`.

    Raises
    ------
    InputError
        When the fill answers what are no colours.
    """
    fill, results = load_fill(config, device), []
    name = described("fill", config.method, FILLS[config.method].weights(config))
    for start in range(0, len(regions), MOST_REGIONS):
        part = regions[start : start + MOST_REGIONS]
        with torch.inference_mode():
            filled = fill(*(torch.from_numpy(array).to(device) for array in _stacked(part)))
        pictures = check_answer(filled.permute(0, 2, 3, 1).cpu().numpy(), name)  # bhwc
        for picture, (pixels, _) in zip(pictures, part, strict=True):
            results.append(np.ascontiguousarray(picture[: pixels.shape[0], : pixels.shape[1]]))
    return results


def _stacked(regions: Sequence[tuple[np.ndarray, KeyPixels]]) -> tuple[np.ndarray, ...]:
    """Pad regions to one size: images (B, 3, H, W) float32; masks, key pixels and is-no-padding (B, H, W) bool."""
    shape = np.max([pixels.shape[:2] for pixels, _ in regions], axis=0)
    images = np.stack([_padded(pixels, shape) for pixels, _ in regions]).astype(np.float32)
    masks = np.stack([_padded(keys.mask, shape, fill=False) for _, keys in regions])
    key_pixels = np.stack([_padded(_usable(keys), shape, fill=False) for _, keys in regions])
    inside = np.stack([_padded(np.ones_like(keys.mask), shape, fill=False) for _, keys in regions])
    return images.transpose(0, 3, 1, 2), masks, key_pixels, inside


def _usable(keys: KeyPixels) -> np.ndarray:
    """Return the key pixels; where there are none, every pixel outside the mask, or at worst the region itself."""
    if keys.key_pixels.any():
        return keys.key_pixels
    return np.ones_like(keys.mask) if keys.mask.all() else ~keys.mask


def _padded(array: np.ndarray, shape: Sequence[int], fill: bool | None = None) -> np.ndarray:
    """Pad (h, w, ...) at the bottom and right to `shape`, with `fill` or by repeating the border."""
    if array.shape[:2] == tuple(shape):  # np.pad takes its time to do nothing
        return array
    rest = [(0, 0)] * (array.ndim - 2)
    widths = [(0, shape[0] - array.shape[0]), (0, shape[1] - array.shape[1]), *rest]
    return np.pad(array, widths, mode="edge") if fill is None else np.pad(array, widths, constant_values=fill)


def check_photo(photo: np.ndarray) -> np.ndarray:
    """Return `photo` if it is (H, W, 3) uint8, else raise ValueError."""
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
        received = f"{getattr(photo, 'dtype', type(photo).__name__)} {getattr(photo, 'shape', '')}"
        raise ValueError(f"expected a photo as uint8 (H, W, 3) RGB, received {received}")
    return photo
