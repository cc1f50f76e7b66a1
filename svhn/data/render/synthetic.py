"""Rendered house-number photos whose background is known: for samples, tests, and training without SVHN.

The scene is drawn first (wall, plate, light), then the digits are laid over it, and one camera with one draw
of blur, noise and compression takes both: `clean` is what `photo` would have been without the number.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from svhn.boxes import DigitBox
from svhn.data.render import textures
from svhn.data.render.camera import Camera
from svhn.data.render.draws import choose, draw_labels, draw_length
from svhn.data.render.number import Number, draw_number, move, photo_size, place_numbers, tight_box, warp_glyph
from svhn.data.render.painting import drop_shadow, paint
from svhn.data.render.plates import make_plate
from svhn.data.render.settings import PHOTOS, POLARITIES, SURFACE_SHARES, SyntheticSettings
from svhn.data.render.textures import blend

# Share of the photos in which another surface begins beside the number, and with a cable above or below it.
NEIGHBOUR_CHANCE = 0.3
CABLE_CHANCE = 0.06
# How far a plate stands off its wall, in digit heights.
PLATE_RELIEF = 0.06
# Grey levels that the number changes before the camera, and that can be seen after it: smaller differences are taken
# back, since they would only fray the mask.
TOUCHED = 1
VISIBLE = 2


@dataclass(frozen=True)
class SyntheticPhoto:
    """A rendered photo and what is known about it.

    Attributes
    ----------
    photo : ndarray (H, W, 3) uint8, RGB
    clean : ndarray (H, W, 3) uint8, RGB
        The same scene, light, blur and noise without the number; equal to `photo` outside `mask`.
    mask : ndarray (H, W) bool
        True where the two differ: the strokes with their halo, outline and shadow.
    digits : list of DigitBox
        Tight boxes with labels; numbers from left to right, the digits of each in reading order.
    """

    photo: np.ndarray
    clean: np.ndarray
    mask: np.ndarray
    digits: list[DigitBox]


def render_photo(seed: int | np.random.Generator, settings: SyntheticSettings = PHOTOS) -> SyntheticPhoto:
    """Render one photo; the same integer seed and settings give the same bytes.

    Parameters
    ----------
    seed : int or numpy Generator
        A generator is advanced.
    settings : SyntheticSettings
    """
    rng = np.random.default_rng(seed)
    settings = replace(settings, polarity=settings.polarity or POLARITIES[int(rng.integers(2))])
    texts = settings.texts or (_draw_text(rng, settings.length_shares),)
    numbers = [draw_number(rng, text, settings) for text in texts]
    size = settings.size or photo_size(rng, numbers)
    numbers = place_numbers(rng, numbers, size)
    clean = _draw_wall(rng, numbers, size, settings)
    clean = _draw_plates(rng, clean, numbers, settings.plate_margin)
    scene = clean
    digits: list[DigitBox] = []
    for number in numbers:
        covers = [warp_glyph(number, i, size) for i in range(len(number.labels))]
        boxes = [tight_box(cover) for cover in covers]
        pairs = zip(boxes, number.labels, strict=True)
        digits += [DigitBox(box, label) for box, label in pairs if isinstance(label, int)]
        scene = paint(rng, scene, np.max(covers, axis=0), number)
    light = textures.daylight(rng, clean.shape[:2], numbers[0].height)
    return _photograph(rng, scene * light, clean * light, digits, numbers[0].height, settings.degradation)


def _draw_text(rng: np.random.Generator, length_shares: tuple[float, ...]) -> str:
    return "".join(map(str, draw_labels(rng, draw_length(rng, length_shares))))


def _draw_wall(
    rng: np.random.Generator, numbers: list[Number], size: tuple[int, int], settings: SyntheticSettings
) -> np.ndarray:
    """Draw what is behind the plates, (H, W, 3) float32."""
    unit = numbers[0].height
    bare = any(number.plate == "none" for number in numbers)
    surface = textures.SURFACES[choose(rng, settings.surfaces, SURFACE_SHARES)]
    wall = surface(rng, size[::-1], unit, not numbers[0].light if bare else None)
    boxes = np.array([[*(n.centre - n.reach()), *(n.centre + n.reach())] for n in numbers])
    left, right, top, bottom = boxes[:, 0].min(), boxes[:, 2].max(), boxes[:, 1].min(), boxes[:, 3].max()
    if rng.random() < NEIGHBOUR_CHANCE:
        wall = textures.add_neighbour(rng, wall, unit, (left, right))
    if rng.random() < CABLE_CHANCE:
        wall = textures.add_cable(rng, wall, unit, (top, bottom))
    return wall.astype(np.float32)


def _draw_plates(rng: np.random.Generator, scene: np.ndarray, numbers: list[Number], least_margin: float) -> np.ndarray:
    for number in numbers:
        if number.plate == "none":
            continue
        content = number.extent[0] * number.height, number.extent[1] * number.height
        patch, cover = make_plate(rng, number.plate, content, number.height, not number.light, number.ink, least_margin)
        shrink = np.diag([1 / number.height, 1 / number.height, 1])
        to_plane = move(number.extent[0] / 2, number.extent[1] / 2) @ shrink
        to_photo = number.to_photo @ to_plane @ move(-cover.shape[1] / 2, -cover.shape[0] / 2)
        size = scene.shape[1::-1]
        patch = cv2.warpPerspective(patch, to_photo, size, borderMode=cv2.BORDER_REPLICATE)
        cover = cv2.warpPerspective(cover, to_photo, size)
        if number.plate != "painted":
            shadow = drop_shadow(rng, cover, PLATE_RELIEF * number.height)
            scene = scene * (1 - shadow)[..., None]
        scene = blend(scene, patch, cover)
    return scene


def _photograph(
    rng: np.random.Generator,
    scene: np.ndarray,
    clean_scene: np.ndarray,
    digits: list[DigitBox],
    unit: float,
    degradation: float,
) -> SyntheticPhoto:
    """Take both pictures with one camera, and keep the traces of the number near the number."""
    camera = Camera.draw(rng, scene.shape[:2], unit, degradation)
    photo, clean = camera.shoot(scene), camera.shoot(clean_scene)
    touched = (np.abs(scene - clean_scene).max(axis=2) > TOUCHED).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * camera.spread + 1, 2 * camera.spread + 1))
    visible = cv2.absdiff(photo, clean).max(axis=2) > VISIBLE
    mask = visible & (cv2.dilate(touched, disc) > 0)
    return SyntheticPhoto(np.where(mask[..., None], photo, clean), clean, mask, digits)
