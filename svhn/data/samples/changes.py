"""Random changes of a training sample: its boxes where it is moved, its light, colours and sharpness."""

import cv2
import numpy as np

from svhn.data.render import code_as_jpeg
from svhn.data.samples.config import SampleConfig


def move_boxes(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Map boxes; a turned box becomes the mean of the box around it and one of its own size."""
    centres, sizes = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    centres = centres @ matrix[:, :2].T + matrix[:, 2]
    around = sizes @ np.abs(matrix[:, :2]).T
    own = sizes * np.linalg.norm(matrix[:, :2], axis=0)
    half = (around + own) / 4
    return np.concatenate([centres - half, centres + half], axis=1)


def recolour(pixels: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, config: SampleConfig) -> np.ndarray:
    """Change light, colours and sharpness of a piece (H, W, 3) uint8 at random."""
    chances = rng.random(7)
    if chances[0] < config.coarse:
        factor = rng.uniform(0.4, 0.9)
        small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pixels = cv2.resize(small, pixels.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    if chances[1] < config.blur:
        pixels = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.4))
    if chances[2] < config.cutout and len(boxes):
        pixels = _cover(pixels, boxes[rng.integers(len(boxes))], rng)
    values = pixels.astype(np.float32)
    if chances[3] < config.recolour:
        values = values[..., rng.permutation(3)]
    if chances[4] < config.inversion:
        values = 255 - values
    mean = values.mean(axis=(0, 1))
    gain = np.float32(np.exp(rng.uniform(-0.6, 0.3)))
    tint = np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    values = values * (gain * tint) + (mean * (1 - gain) + rng.uniform(-25, 25)) * tint
    if chances[5] < config.noise:
        values += rng.uniform(1, 12) * rng.standard_normal(values.shape, np.float32)
    pixels = np.clip(values, 0, 255).astype(np.uint8)
    if chances[6] < config.compression:
        pixels = code_as_jpeg(pixels, int(rng.integers(20, 85)))
    return pixels


def _cover(pixels: np.ndarray, box: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cover a square of a quarter to a half of a digit's height somewhere on the digit."""
    side = (box[3] - box[1]) * rng.uniform(0.2, 0.45)
    left, top = rng.uniform(box[:2], box[2:]) - side / 2
    rows, columns = (slice(max(int(start), 0), max(int(start + side), 0)) for start in (top, left))
    pixels = pixels.copy()
    pixels[rows, columns] = pixels.mean(axis=(0, 1)) if rng.random() < 0.5 else rng.uniform(0, 255, 3)
    return pixels
