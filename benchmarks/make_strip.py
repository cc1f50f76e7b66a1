"""Make the README's picture: photo | mask | result of two samples.

python -m benchmarks.make_strip
"""

from pathlib import Path

import cv2
import numpy as np

from svhn.data.formats import read_coco
from svhn.photos import read_rgb, write_rgb
from svhn.torch_inpaint import DigitRemover

ROOT = Path(__file__).parents[1]
SAMPLES = ("house-1.png", "house-4.png")
HEIGHT, GAP = 220, 6


def tile(picture: np.ndarray) -> np.ndarray:
    """Scale to the strip's height."""
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    picture = cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA)
    return np.pad(picture, ((0, GAP), (0, GAP), (0, 0)), constant_values=255)


def main() -> None:
    boxes = read_coco(ROOT / "samples" / "boxes.json")
    remover = DigitRemover.from_checkpoint(device="cpu")
    rows = []
    for name in SAMPLES:
        photo = read_rgb(ROOT / "samples" / name)
        result = remover.remove(photo, boxes[name])
        mask = np.repeat(result.mask[..., None].astype(np.uint8) * 255, 3, axis=2)
        rows.append(np.hstack([tile(picture) for picture in (photo, mask, result.image)]))
    width = max(row.shape[1] for row in rows)
    padded = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    write_rgb(ROOT / "docs" / "strip.png", np.vstack(padded))


if __name__ == "__main__":
    main()
