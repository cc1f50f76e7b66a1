"""Rendered crops of digits: strips with numbers, cut by the rule of SVHN's Format 2."""

import numpy as np

from svhn.crops import CROP_SIZE, WIDE_SIZE, crop_digit, crop_wide
from svhn.data.render.draws import draw_labels, draw_length
from svhn.data.render.strips import STRIPS, StripSettings, draw_strip


def render_crops(
    count: int,
    seed: int | tuple[int, ...],
    size: int = CROP_SIZE,
    balanced: bool = True,
    settings: StripSettings = STRIPS,
    walls: np.ndarray | None = None,
    wide: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw strips with numbers and cut their digits by the rule of SVHN's Format 2.

    Parameters
    ----------
    count, seed, size : int
        Number of crops, random seed (or several), side of a crop in pixels.
    balanced : bool
        Equally many crops of every digit; otherwise digits are as frequent as in SVHN.
    settings : StripSettings
    walls : ndarray (N, h, w, 3) uint8, RGB, or None
        Real walls to draw on, see `svhn.data.render.walls`.
    wide : bool
        With what is around them, see `svhn.crops.crop_wide`; `size` has no meaning then.

    Returns
    -------
    crops : ndarray (count, size, size, 3) or (count, 48, 48, 3) uint8, RGB
    labels : ndarray (count,) int64, 0..9
    """
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(count) % 10) if balanced else draw_labels(rng, count)
    side = WIDE_SIZE if wide else size
    crops = np.empty((count, side, side, 3), np.uint8)
    done = 0
    while done < count:
        number = labels[done : done + draw_length(rng, settings.length_shares)]
        strip, boxes = draw_strip(rng, number.tolist(), settings, walls)
        for box in boxes:
            crops[done] = crop_wide(strip, box) if wide else crop_digit(strip, box, size)
            done += 1
    return crops, labels.astype(np.int64)
