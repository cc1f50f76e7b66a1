"""Numbers drawn over digit-free parts of real photos: what is behind them is known."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from benchmarks.removal.photos import Picture
from svhn.boxes import Box
from svhn.data.render import TYPEFACES, draw_digits
from svhn.torch_inpaint.removal import widen

LEAST_SIDE, GAP = 24, 3
HEIGHTS = (12, 60)
MOST_DIGITS = 3


@dataclass(frozen=True)
class DrawnNumber:
    """A number over a known background.

    Attributes
    ----------
    index : int
        The number of the photo below it.
    photo, clean : ndarray (H, W, 3) uint8, RGB
        With the number and without it.
    boxes : tuple of Box
        As loose as annotators draw them.
    strokes : ndarray (H, W) bool
        True where the number can be seen, soft edges and shadow included.
    """

    index: int
    photo: np.ndarray
    clean: np.ndarray
    boxes: tuple[Box, ...]
    strokes: np.ndarray


def draw_numbers(pictures: Iterable[Picture], seed: int) -> list[DrawnNumber]:
    """Draw a number over the largest digit-free part of each picture that has one."""
    drawn = (_draw_number(picture, np.random.default_rng([seed, picture.index, 2])) for picture in pictures)
    return [number for number in drawn if number is not None]


def _draw_number(picture: Picture, rng: np.random.Generator) -> DrawnNumber | None:
    place = _free_part(picture)
    if place is None:
        return None
    clean = np.ascontiguousarray(picture.pixels[place.slices])
    cover = _lay_out(clean.shape[:2], rng)
    if cover is None:
        return None
    backing, scene = clean.astype(np.float32), clean.astype(np.float32)
    blur = estimate_blur(picture.pixels)
    if rng.random() < 0.3:
        backing = scene = _plate(scene, cover.max(axis=0), blur, rng)
    covers = [cv2.GaussianBlur(layer, (0, 0), blur) for layer in cover]
    together = np.max(covers, axis=0)
    ink = _ink(scene, together, rng)
    shadow = np.zeros_like(together)
    if rng.random() < 0.3:
        shift = np.float32([[1, 0, rng.uniform(0.5, 2.5)], [0, 1, rng.uniform(0.5, 2.5)]])
        shadow = 0.5 * cv2.warpAffine(cv2.GaussianBlur(together, (0, 0), 1.0), shift, together.shape[::-1])
    scene = scene * (1 - shadow[..., None])
    scene = scene + together[..., None] * (ink + _noise_of(clean, rng) - scene)
    seen = widen((together > 0.02) | (shadow > 0.02), 1)
    photo, behind = _develop([scene, backing], rng)
    boxes = tuple(_loose_box(layer, rng) for layer in covers)
    return DrawnNumber(picture.index, photo, behind, boxes, seen)


def _free_part(picture: Picture) -> Box | None:
    """Return the largest of the four strips beside all digits; None when it is small."""
    height, width = picture.pixels.shape[:2]
    if not picture.digits:
        return Box(0, 0, width, height)
    sides = np.array([digit.box.grow(GAP).as_list() for digit in picture.digits])
    left, top, right, bottom = *sides[:, :2].min(axis=0).tolist(), *sides[:, 2:].max(axis=0).tolist()
    strips = [(0, 0, left, height), (right, 0, width, height), (0, 0, width, top), (0, bottom, width, height)]
    strips = [Box(*strip) for strip in strips if min(strip[2] - strip[0], strip[3] - strip[1]) >= LEAST_SIDE]
    return max(strips, key=lambda box: box.area, default=None)


def _lay_out(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray | None:
    """Return the coverage (digits, H, W) float32, 0..1, of a number that fits with some margin."""
    high = min(HEIGHTS[1], int(0.7 * shape[0]))
    if high < HEIGHTS[0]:
        return None
    height = int(rng.integers(HEIGHTS[0], high + 1))
    labels = tuple(rng.integers(0, 10, rng.integers(1, MOST_DIGITS + 1)).tolist())
    typeface = str(rng.choice(TYPEFACES))
    glyphs = draw_digits(rng, labels, typeface, height)
    while glyphs and sum(glyph.shape[1] for glyph in glyphs) > 0.85 * shape[1]:
        glyphs = glyphs[:-1]
    if not glyphs:
        return None
    width = sum(glyph.shape[1] for glyph in glyphs)
    left = int(rng.integers(0, shape[1] - width + 1))
    top = int(rng.integers(0, shape[0] - glyphs[0].shape[0] + 1))
    layers = np.zeros((len(glyphs), *shape), np.float32)
    for layer, glyph in zip(layers, glyphs, strict=True):
        layer[top : top + glyph.shape[0], left : left + glyph.shape[1]] = glyph
        left += glyph.shape[1]
    centre = (shape[1] / 2, top + height / 2)
    turn = cv2.getRotationMatrix2D(centre, rng.normal(0, 2), 1)
    layers = np.stack([cv2.warpAffine(layer, turn, shape[::-1]) for layer in layers])
    return layers if (layers.reshape(len(layers), -1).max(axis=1) > 0.5).all() else None


def estimate_blur(picture: np.ndarray) -> float:
    """Estimate a picture's blur, the sigma of a Gaussian in pixels, from how much its edges lose by more blur."""
    gray = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    strength = _gradient(gray)
    strong = strength >= np.quantile(strength, 0.95)
    ratio = np.median(strength[strong] / (_gradient(cv2.GaussianBlur(gray, (0, 0), 1.0))[strong] + 1e-3))
    return float(np.clip(1 / np.sqrt(max(ratio**2 - 1, 0.05)), 0.4, 3.0))


def _gradient(gray: np.ndarray) -> np.ndarray:
    return np.hypot(cv2.Sobel(gray, cv2.CV_32F, 1, 0), cv2.Sobel(gray, cv2.CV_32F, 0, 1))


def _ink(scene: np.ndarray, cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw a colour that differs from what is behind the number."""
    behind = scene[cover > 0.5].mean(axis=0) if (cover > 0.5).any() else scene.mean(axis=(0, 1))
    contrast = rng.uniform(50, 140) * (1 if behind.mean() < rng.uniform(80, 170) else -1)
    return np.clip(behind + contrast + rng.normal(0, 12, 3), 0, 255).astype(np.float32)


def _plate(scene: np.ndarray, cover: np.ndarray, blur: float, rng: np.random.Generator) -> np.ndarray:
    """Lay a plate of one colour, with the scene's grain, below the number."""
    rows, columns = np.nonzero(cover > 0.1)
    margin = int(0.25 * (rows.max() - rows.min()))
    plate = np.zeros(cover.shape, np.float32)
    top, left = max(0, rows.min() - margin), max(0, columns.min() - margin)
    plate[top : rows.max() + margin, left : columns.max() + margin] = 1
    plate = cv2.GaussianBlur(plate, (0, 0), blur)[..., None]
    colour = np.clip(scene.mean() + rng.normal(0, 60, 3) * (0.3, 0.3, 0.3) + rng.normal(0, 50), 10, 245)
    light = cv2.GaussianBlur(scene, (0, 0), 8) - scene.mean(axis=(0, 1))
    grain = scene - cv2.GaussianBlur(scene, (0, 0), 1.0)
    return scene * (1 - plate) + (colour.astype(np.float32) + 0.5 * light + grain) * plate


def _noise_of(clean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return noise (H, W, 3) as strong as the picture's own."""
    residual = clean - cv2.GaussianBlur(clean.astype(np.float32), (0, 0), 1.0)
    spread = 1.4826 * float(np.median(np.abs(residual)))
    return (spread * rng.standard_normal(clean.shape)).astype(np.float32)


def _develop(scenes: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Turn scenes into pictures (H, W, 3) uint8 by the same noise, or by JPEG of the same quality."""
    if rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(0, 3), scenes[0].shape)
        return [np.clip(np.rint(scene + noise), 0, 255).astype(np.uint8) for scene in scenes]
    quality = int(rng.integers(60, 96))
    return [_jpeg(np.clip(np.rint(scene), 0, 255).astype(np.uint8), quality) for scene in scenes]


def _jpeg(picture: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def _loose_box(cover: np.ndarray, rng: np.random.Generator) -> Box:
    """Return the box of a digit with sides as uneven as SVHN's annotators drew them."""
    inked = cover > 0.3 * cover.max()
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    height = rows[-1] - rows[0] + 1
    left, top, right, bottom = np.rint(rng.normal(0.02, 0.04, 4) * height).astype(int).tolist()
    sides = columns[0] - left, rows[0] - top, columns[-1] + 1 + right, rows[-1] + 1 + bottom
    box = Box(*(int(side) for side in sides))
    return box.clip(cover.shape[1], cover.shape[0])
