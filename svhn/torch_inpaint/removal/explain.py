"""What is looked at while the numbers of a photo are found and removed."""

from collections.abc import Sequence

import numpy as np

from svhn.boxes import Box, DigitBox
from svhn.crops import LUMINANCE
from svhn.figures import Explanation
from svhn.torch_inpaint.removal.config import KEY_PIXELS
from svhn.torch_inpaint.removal.fills import gradient_magnitude, histogram, in_background_bin
from svhn.torch_inpaint.removal.methods import KeyPixelMethod
from svhn.torch_inpaint.removal.remover import DigitRemover, RemovalResult
from svhn.torch_inpaint.removal.rounds import Removal


def explain_removal(remover: DigitRemover, photo: np.ndarray, boxes: Sequence[Box | DigitBox]) -> list[Explanation]:
    """Remove the digits from a photo and keep what was looked at on the way.

    Parameters
    ----------
    remover : DigitRemover
    photo : ndarray (H, W, 3) uint8, RGB
        Not modified.
    boxes : sequence of Box or DigitBox
        One per digit, as for `DigitRemover.remove`.

    Returns
    -------
    list of Explanation
        One per number, in the order of `RemovalResult.numbers`; see `svhn.figures.draw_explanations`.
    """
    ((result, numbers),) = remover.trace_batch([photo], [boxes])
    return [_explain(remover, photo, result, number) for number in numbers]


def _explain(remover: DigitRemover, photo: np.ndarray, result: RemovalResult, number: Removal) -> Explanation:
    seen, box, config = number.seen, number.region.box, remover.config
    method: KeyPixelMethod = KEY_PIXELS[config.key_pixels.method]
    difference = seen.map_mean - seen.map_std
    pictures = {
        "photo": photo[box.slices].copy(),
        "map_mean": seen.map_mean,
        "map_std": seen.map_std,
        "map_mean_minus_std": difference,
        "gradient": gradient_magnitude(seen.region.pixels.astype(np.float32) @ LUMINANCE),
        "reference_key_pixels": in_background_bin(difference),
        "evidence": seen.evidence,
        "key_pixels": result.key_pixels[box.slices],
        "mask": result.mask[box.slices],
        "fill": np.clip(np.rint(number.painted), 0, 255).astype(np.uint8),
        "result": result.image[box.slices],
    }
    digits = tuple(digit.shift(-box.left, -box.top) for digit in number.boxes)
    threshold = method.threshold(config.key_pixels)
    return Explanation(pictures, histogram(difference), digits, method.evidence, threshold, number.report(config))
