"""A small network that tells the digits' strokes from their background, where evidence from colours alone cannot.

On a plate hardly larger than its number, ink and ground are equally common inside the boxes and equally rare outside.
The network has seen rendered numbers, whose background is known (`svhn.torch_inpaint.training`). It looks at the
region's colours and at the classifier's reduced feature maps.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional

from svhn.boxes import Box, union
from svhn.torch_inpaint.removal.masks.key_pixels import paint_boxes
from svhn.torch_inpaint.removal.networks import UNet, load_network, save_network

# Colours, mean and std of the maps, nearness to the boxes, and 1 where there is a picture.
PLANES = 7
# Of colours, in grey levels: regions with less contrast are not stretched to a standard deviation of 1.
LEAST_CONTRAST = 6.0
# The same of feature maps.
LEAST_SPREAD = 1e-6
# How far outside the boxes it looks and answers, as a fraction of the digits' height, and at least in pixels.
SIGHT, LEAST_SIGHT = 0.35, 6
# The sides of what it sees are multiples of this: a convolution is prepared anew for every size that it has not seen.
STEP = 16
# Distance from the boxes, as a fraction of the digits' height, at which nearness has fallen to 1/e.
NEARNESS = 0.15
# Side of the cells that it works on, in pixels.
CELL = 2


class Segmenter(UNet):
    """Says how likely pixels are to be strokes. It works on cells of 2 x 2 pixels, which takes half the time.

    Parameters
    ----------
    channels : (int, int, int)
        At a half, a quarter and an eighth of the size.
    """

    def __init__(self, channels: Sequence[int] = (24, 32, 48)):
        super().__init__(PLANES * CELL**2, CELL**2, channels)

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        """Turn what `look` shows, (B, 7, H, W), into logits (B, H, W); sides are multiples of 8."""
        return functional.pixel_shuffle(self.look_at(functional.pixel_unshuffle(planes, CELL)), CELL)[:, 0]


def look(pixels: np.ndarray, boxes: Sequence[Box], map_mean: np.ndarray, map_std: np.ndarray) -> tuple[Box, np.ndarray]:
    """Cut out what the network sees of a region.

    Parameters
    ----------
    pixels : ndarray (H, W, 3) uint8, RGB
    boxes : sequence of Box
        The digits, inside the region.
    map_mean, map_std : ndarray (H, W) float32
        The classifier's first-layer maps, reduced.

    Returns
    -------
    sight : Box
        Where it lies in the region.
    planes : ndarray (7, h, w) float32
        As large as `sight`, then zeros up to sides that are multiples of `STEP`.
    """
    height = float(np.median([box.height for box in boxes]))
    sight = union(boxes).grow(max(LEAST_SIGHT, round(SIGHT * height))).inside(pixels.shape[1], pixels.shape[0])
    planes = np.zeros((PLANES, sight.height + -sight.height % STEP, sight.width + -sight.width % STEP), np.float32)
    own = planes[:, : sight.height, : sight.width]
    colours = pixels[sight.slices].transpose(2, 0, 1).astype(np.float32)
    colours -= colours.mean(axis=(1, 2), keepdims=True)
    own[:3] = colours / max(float(np.sqrt(np.square(colours).mean())), LEAST_CONTRAST)
    for plane, maps in zip(own[3:5], (map_mean, map_std), strict=True):
        part = maps[sight.slices]
        plane[:] = (part - part.mean()) / (part.std() + LEAST_SPREAD)
    apart = (~paint_boxes(boxes, pixels.shape[:2]))[sight.slices].astype(np.uint8)
    own[5] = np.exp(-cv2.distanceTransform(apart, cv2.DIST_L2, 5) / (NEARNESS * height))
    own[6] = 1
    return sight, planes


def segment(
    segmenter: Segmenter, pixels: np.ndarray, boxes: Sequence[Box], map_mean: np.ndarray, map_std: np.ndarray
) -> np.ndarray:
    """Return how likely each pixel is to show a stroke, its soft edge or shadow, (H, W) float32, 0..1; 0 far away.

    The parameters beside the network are those of `look`.
    """
    sight, planes = look(pixels, boxes, map_mean, map_std)
    inputs = torch.from_numpy(planes)[None].to(segmenter.answer.weight.device)
    with torch.inference_mode():
        answer = segmenter(inputs.contiguous(memory_format=torch.channels_last))[0].sigmoid().cpu().numpy()
    probability = np.zeros(pixels.shape[:2], np.float32)
    probability[sight.slices] = answer[: sight.height, : sight.width]
    return probability


def save_segmenter(path: str | Path, segmenter: Segmenter, info: dict) -> None:
    """Write a checkpoint: channels, weights, and `info` about its training."""
    save_network(path, "segmenter", segmenter, info)


def load_segmenter(path: str | Path, device: torch.device) -> Segmenter:
    """Load a checkpoint, by path or as the name of a shipped one; see `load_network`."""
    return load_network(path, "segmenter", Segmenter, device)
