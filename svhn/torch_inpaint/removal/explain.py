"""What is looked at while the numbers of a photo are found and removed."""

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from svhn.boxes import Box, DigitBox
from svhn.crops import LUMINANCE, crop_digit, crop_square, to_gray
from svhn.figures import Explanation
from svhn.torch_inpaint.classifier import feature_maps, input_gradient, to_batch
from svhn.torch_inpaint.removal.config import KEY_PIXELS, FillConfig
from svhn.torch_inpaint.removal.fills import gradient_magnitude, histogram, in_background_bin
from svhn.torch_inpaint.removal.methods import KeyPixelMethod
from svhn.torch_inpaint.removal.remover import DigitRemover, RemovalResult
from svhn.torch_inpaint.removal.rounds import Removal

# Side of the digits that are shown cut out, in pixels.
SHOWN_SIDE = 64


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
        "gray": to_gray(seen.region.pixels),
        "output_gradient": output_gradient(remover, photo, number.boxes, box),
        "gradient": gradient_magnitude(seen.region.pixels.astype(np.float32) @ LUMINANCE),
        "reference_key_pixels": in_background_bin(difference),
        "evidence": seen.evidence,
        "key_pixels": result.key_pixels[box.slices],
        "mask": result.mask[box.slices],
        "fill": np.clip(np.rint(number.painted), 0, 255).astype(np.uint8),
        "result": result.image[box.slices],
    }
    return Explanation(
        pictures,
        maps_of(remover, seen.region.pixels),
        (cut_out(photo, number.boxes), cut_out(result.image, number.boxes)),
        (photo, result.image),
        in_words(config.fill),
        histogram(difference),
        tuple(digit.shift(-box.left, -box.top) for digit in number.boxes),
        method.evidence,
        method.threshold(config.key_pixels),
        number.report(config),
    )


def cut_out(image: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Return the digits of an image (H, W, 3) as crops (N, SHOWN_SIDE, SHOWN_SIDE, 3) uint8 RGB."""
    return np.stack([crop_digit(image, box, SHOWN_SIDE) for box in boxes])


def maps_of(remover: DigitRemover, region: np.ndarray) -> np.ndarray:
    """Return the first layer's feature maps (K, H, W) float32 of a region (H, W, 3) uint8 RGB."""
    with torch.inference_mode():
        maps = feature_maps(remover.classifier, torch.from_numpy(region.copy()).permute(2, 0, 1)[None])
    return maps[0].cpu().numpy()


def output_gradient(remover: DigitRemover, photo: np.ndarray, boxes: Sequence[Box], region: Box) -> np.ndarray:
    """Return how the logits of the digits that are read change with the pixels: (H, W) float32 of `region`.

    The network sees each digit by itself, 40 x 40 pixels; the gradient by them is laid over the square that they were
    cut from. Where squares overlap their gradients add up.
    """
    whole = np.zeros(photo.shape[:2], np.float32)
    for box in boxes:
        seen = to_batch(crop_digit(photo, box)[None], remover.classifier.preprocessing, remover.device)
        with torch.inference_mode():
            digit = int(remover.classifier.net(seen).argmax())
        gradient = input_gradient(remover.classifier, seen, digit)[0].cpu().numpy()
        square = crop_square(box).clip(photo.shape[1], photo.shape[0])
        if square:
            whole[square.slices] += cv2.resize(gradient, (square.width, square.height), interpolation=cv2.INTER_LINEAR)
    return whole[region.slices]


def in_words(fill: FillConfig) -> str:
    """Say how the mask is filled, in a few words."""
    if fill.method == "grnn-seed":
        own = fill.reference
        return f"{fill.method}, sigma {own.sigma:g}, every {own.every}"
    return f"--fill {fill.method}"
