"""The digits taken out of all that a photo shows: its colours, and how opaque it is where that differs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from svhn.boxes import DigitBox, union
from svhn.photos import Photo, alpha_of, encode_photo

if TYPE_CHECKING:
    from svhn.torch_inpaint.removal import DigitRemover, NumberReport, Removal, RemovalConfig


@dataclass(frozen=True)
class RemovedDigits:
    """A photo after the removal.

    Attributes
    ----------
    image : ndarray (H, W, 3) uint8, RGB
        Equal to the photo outside `mask`.
    mask : ndarray (H, W) bool
        True = was filled, in the colours or in the alpha.
    alpha : ndarray (H, W) uint8, optional
        How opaque each pixel is now; None where that is the same everywhere.
    numbers : tuple of NumberReport
    removals : list of Removal
        What led to the colours, in the order of `numbers`.
    key_pixels : ndarray (H, W) bool, optional
        True = background that the fill of digits learned from; None where there were none.
    """

    image: np.ndarray
    mask: np.ndarray
    alpha: np.ndarray | None
    numbers: "tuple[NumberReport, ...]"
    removals: "list[Removal]"
    key_pixels: np.ndarray | None = None

    def encode(self, photo: Photo, metadata: str) -> bytes:
        """Return the photo's file with what was filled; `metadata` is that of `encode_photo`."""
        return encode_photo(photo, self.image, self.mask, metadata, self.alpha)

    def read_again(self, finished: Photo, remover: "DigitRemover") -> "RemovedDigits":
        """Return the same with what is read in the finished photo, where its file keeps other colours than these."""
        if not self.removals or np.array_equal(finished.rgb, self.image):
            return self
        again = remover.read_again(finished.rgb, self.removals)
        return replace(self, numbers=_worst_of(self.numbers, again))


def remove_digits(remover: "DigitRemover", photo: Photo, digits: Sequence[DigitBox]) -> RemovedDigits:
    """Remove digits, at least one, from the colours of a photo and, where it varies around them, from its alpha.

    The alpha is filled as a gray picture is: an opaque fill in it would keep the digits' shapes.
    """
    ((colours, removals),) = remover.trace_batch([photo.rgb], [digits])
    alpha = alpha_of(photo.pixels)
    if alpha is None or not _varies(alpha, digits):
        return RemovedDigits(colours.image, colours.mask, alpha, colours.numbers, removals, colours.key_pixels)
    cleared = remover.remove(gray_picture(alpha), digits)
    numbers = _worst_of(colours.numbers, cleared.numbers)
    mask = colours.mask | cleared.mask
    return RemovedDigits(colours.image, mask, cleared.image[..., 0], numbers, removals, colours.key_pixels)


def fill_hole(
    photo: Photo, hole: np.ndarray, config: "RemovalConfig", device: str, removed: RemovedDigits | None = None
) -> RemovedDigits:
    """Fill a mask of somebody's own in a photo, or in what its digits were removed from already.

    Parameters
    ----------
    photo : Photo
    hole : ndarray (H, W) bool
        True = to be filled; at least one pixel must be False.
    config : RemovalConfig
    device : str
    removed : RemovedDigits, optional
    """
    from svhn.torch_inpaint.removal import inpaint

    removed = removed or RemovedDigits(photo.rgb, np.zeros_like(hole), alpha_of(photo.pixels), (), [])
    alpha = removed.alpha
    if alpha is not None:
        alpha = inpaint(gray_picture(alpha), hole, config, device)[..., 0]
    return replace(removed, image=inpaint(removed.image, hole, config, device), mask=removed.mask | hole, alpha=alpha)


def gray_picture(alpha: np.ndarray) -> np.ndarray:
    """Return alpha, (H, W) uint8, as the picture (H, W, 3) uint8 that fills and readers take."""
    return np.repeat(alpha[..., None], 3, axis=2)


def _varies(alpha: np.ndarray, digits: Sequence[DigitBox]) -> bool:
    """Tell whether alpha, (H, W) uint8, differs in the digits' boxes or around them as far as they are high."""
    around = union([digit.box for digit in digits]).grow(max(digit.box.height for digit in digits))
    part = alpha[around.inside(alpha.shape[1], alpha.shape[0]).slices]
    return bool(part.min() < part.max())


def _worst_of(numbers: "Sequence[NumberReport]", others: "Sequence[NumberReport]") -> "tuple[NumberReport, ...]":
    """Return of each number, read twice, the reading that is surer of it before; legible is what one finds legible."""
    pairs = zip(numbers, others, strict=True)
    return tuple(
        replace(
            max(pair, key=lambda number: sum(number.before.confidences)),
            rounds=max(number.rounds for number in pair),
            legible=any(number.legible for number in pair),
        )
        for pair in pairs
    )
