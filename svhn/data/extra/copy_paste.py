"""New training digits from old ones: the digits of one photo take the places of the digits of another.

Another photo's digits, in this number's colour and sharpness, are laid over this number's wall, so that plate,
light, spacing and camera are real.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np

from svhn.alphabet import NUM_CLASSES
from svhn.boxes import Box, DigitBox
from svhn.crops import WIDE_SIZE, crop_wide
from svhn.data.extra.cutouts import Cutout, Scene, take_apart
from svhn.errors import InputError

# A place narrower than this share of its height is one for a 1: its neighbours stand close.
NARROW = 0.4


@dataclass(frozen=True)
class Harvest:
    """What the photos gave: digits by label, and scenes to put them into."""

    cutouts: list[list[Cutout]]
    scenes: list[Scene]


def harvest(numbers: Iterable[tuple[np.ndarray, list[DigitBox]]]) -> Harvest:
    """Take photos apart.

    Parameters
    ----------
    numbers : iterable of (photo, digits)
        ndarray (H, W, 3) uint8, RGB, and all its digits. Training photos only: the pixels end in training crops.

    Raises
    ------
    InputError
        When no scene or no cutout of some digit was found.
    """
    cutouts: list[list[Cutout]] = [[] for _ in range(NUM_CLASSES)]
    scenes = []
    for photo, digits in numbers:
        scene, found = take_apart(photo, digits)
        for cutout in found:
            cutouts[cutout.label].append(cutout)
        if scene:
            scenes.append(scene)
    missing = [label for label in range(NUM_CLASSES) if not cutouts[label]]
    if missing or not scenes:
        raise InputError(
            f"copy-paste: {len(scenes)} of the photos came apart cleanly, with no digit {missing}; expected all ten "
            "digits; give more training photos or leave copy-paste out"
        )
    return Harvest(cutouts, scenes)


def swap_digits(count: int, seed: int | tuple[int, ...], found: Harvest) -> tuple[np.ndarray, np.ndarray]:
    """Put digits of all photos into the scenes of others.

    Parameters
    ----------
    count : int
    seed : int or tuple of int
        The same seed and harvest give the same bytes.
    found : Harvest

    Returns
    -------
    crops : ndarray (count, 48, 48, 3) uint8, RGB
        Wide ones, see `svhn.crops.crop_wide`.
    labels : ndarray (count,) int64
        A 1 stands where a narrow digit stood, and seldom elsewhere; the others are equally frequent.
    """
    rng = np.random.default_rng(seed)
    crops, labels = np.empty((count, WIDE_SIZE, WIDE_SIZE, 3), np.uint8), np.empty(count, np.int64)
    done = 0
    while done < count:
        scene = found.scenes[rng.integers(len(found.scenes))]
        number = [_draw_label(rng, place) for place in scene.places]
        photo = _fill_in(rng, scene, [_choose(rng, found.cutouts[label], scene) for label in number])
        for label, box in list(zip(number, scene.boxes, strict=True))[: count - done]:
            crops[done], labels[done] = crop_wide(photo, _nudge(rng, box)), label
            done += 1
    return crops, labels


def _draw_label(rng: np.random.Generator, place: Box) -> int:
    narrow = place.width < NARROW * place.height
    if rng.random() < (0.6 if narrow else 0.03):
        return 1
    return int(rng.choice([0, 2, 3, 4, 5, 6, 7, 8, 9]))


def _choose(rng: np.random.Generator, cutouts: list[Cutout], scene: Scene) -> Cutout:
    """Draw a digit that is not much smaller than the scene's: it would only be blurred."""
    height = np.median([place.height for place in scene.places])
    for _ in range(8):
        cutout = cutouts[rng.integers(len(cutouts))]
        if cutout.alpha.shape[0] > 0.7 * height:
            break
    return cutout


def _fill_in(rng: np.random.Generator, scene: Scene, cutouts: list[Cutout]) -> np.ndarray:
    """Lay digits over a scene, (H, W, 3) uint8."""
    cover = np.zeros(scene.wall.shape[:2], np.float32)
    narrow, lean, heavier = np.exp(rng.normal(0, 0.08)), rng.normal(0, 0.06), rng.normal(0, 0.08)
    for cutout, place in zip(cutouts, scene.places, strict=False):
        cover = np.maximum(cover, _fitted(rng, cutout, place, scene, narrow, lean))
    cover = np.clip(cover * (1 + heavier), 0, 1)[..., None]
    ink = scene.ink + rng.normal(0, 8) + rng.normal(0, 5, 3)
    photo = scene.wall + cover * (ink.astype(np.float32) - scene.wall)
    photo += rng.uniform(0, 2.5) * rng.standard_normal(photo.shape[:2], dtype=np.float32)[..., None]
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)


def _fitted(rng, cutout: Cutout, place: Box, scene: Scene, narrow: float, lean: float) -> np.ndarray:
    """Return the cover (H, W) of a digit moved to `place` and made as sharp or soft as the scene."""
    height, width = cutout.alpha.shape
    down = place.height / height * np.exp(rng.normal(0, 0.03))
    fit = np.clip(place.width / (down * width), 0.7, 1.35) if cutout.label != 1 else 1.0
    across = down * narrow * fit ** rng.uniform(0.3, 1)
    turn = np.radians(rng.normal(0, 3))
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = matrix @ np.array([[1, lean], [0, 1]]) @ np.diag([across, down])
    middle = (
        np.array([(place.left + place.right) / 2, (place.top + place.bottom) / 2])
        + rng.normal(0, 0.02, 2) * place.height
    )
    matrix = np.column_stack([matrix, middle - matrix @ (width / 2, height / 2)])
    blur, wanted = cutout.blur * down, scene.blur * np.exp(rng.normal(0, 0.15))
    alpha = cutout.alpha
    if down < 0.7:
        alpha = cv2.GaussianBlur(alpha, (0, 0), 0.35 / down)
        blur = float(np.hypot(blur, 0.35))
    alpha = cv2.warpAffine(alpha, matrix, scene.wall.shape[1::-1])
    if blur > 1.25 * wanted:
        alpha = np.clip((alpha - 0.5) * min(blur / wanted, 2.5) + 0.5, 0, 1) * (alpha > 0.02)
    elif wanted > blur:
        alpha = cv2.GaussianBlur(alpha, (0, 0), np.sqrt(wanted**2 - blur**2) + 1e-3)
    return alpha


def _nudge(rng: np.random.Generator, box: Box) -> Box:
    moves = np.rint(rng.normal(0, 0.02, 4) * box.height).astype(int).tolist()
    left, top = box.left + moves[0], box.top + moves[1]
    return Box(left, top, max(box.right + moves[2], left + 3), max(box.bottom + moves[3], top + 5))
