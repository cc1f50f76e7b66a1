"""The training input: batches and augmentation as a pure function of seed and step.

Nothing here has state that matters, so a run resumes at any step with the very batches it would have had, and the
processes of a data-parallel run agree on them without a word.
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch.nn import functional

from svhn.crops import LUMINANCE
from svhn.data import AUGMENTATION, Augmentation, Split, counts_of
from svhn.torch_inpaint.classifier.adapter import resize, to_tensor
from svhn.torch_inpaint.classifier.config import ConvNetTrainConfig

# Random numbers that the changes of one digit take.
MOTION, CUTOUT, LIGHT, BLUR, COLOUR = 6, 3, 3, 2, 4
DRAWS = MOTION + CUTOUT + LIGHT + BLUR + COLOUR
# What seeds are drawn for.
ORDER, CHANGES, DROPOUT = range(3)


def seed_of(*numbers: int) -> int:
    """Return 32 well mixed bits; PyTorch's CPU generator takes no more."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@dataclass
class _MixedSplit:
    """The digits of one split of the mix: `size` of them from `offset` on in the store, `count` to a batch."""

    number: int
    count: int
    size: int
    offset: int
    orders: dict[int, torch.Tensor] = field(default_factory=dict)

    def order(self, seed: int, epoch: int) -> torch.Tensor:
        """Return where the digits lie in the store, (size,) int64, in the order of an epoch of this split."""
        if epoch not in self.orders:
            generator = torch.Generator().manual_seed(seed_of(seed, ORDER, self.number, epoch))
            kept = {key: order for key, order in self.orders.items() if key == epoch - 1}
            self.orders = kept | {epoch: torch.randperm(self.size, generator=generator) + self.offset}
        return self.orders[epoch]

    def endless(self, seed: int, start: int) -> torch.Tensor:
        """Return `count` digits from position `start` of all epochs in a row."""
        epochs = range(start // self.size, (start + self.count - 1) // self.size + 1)
        starts = [start - epoch * self.size for epoch in epochs]
        parts = [
            self.order(seed, epoch)[max(first, 0) : first + self.count]
            for epoch, first in zip(epochs, starts, strict=True)
        ]
        return torch.cat(parts)


class Batches:
    """All batches of a training run.

    Parameters
    ----------
    splits : dict[str, Split]
        At least those of `config.mix`.
    config : ConvNetTrainConfig
    size : int
        Side of the network's input.
    device : str

    Attributes
    ----------
    per_epoch : int
        Steps of an epoch: as many as it takes to show every digit of `train` once.
    """

    def __init__(self, splits: dict[str, Split], config: ConvNetTrainConfig, size: int, device: str):
        self.config, self.device = config, device
        counts = counts_of(config.mix, config.batch_size)
        sizes = [len(splits[name]) for name in counts]
        offsets = np.cumsum([0, *sizes]).tolist()
        self.sources = [
            _MixedSplit(number, count, *place)
            for number, (count, *place) in enumerate(zip(counts.values(), sizes, offsets, strict=False))
        ]
        self.images = torch.cat([resize_whole(splits[name].rgb, size, config.colour) for name in counts]).to(device)
        self.labels = torch.cat([torch.from_numpy(splits[name].labels) for name in counts]).to(device)
        self.per_epoch = -(-sizes[0] // self.sources[0].count)

    def take(self, step: int, share: slice = slice(None)) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a part of the batch of a step: gray float32 (B, 1, S, S) in 0..255 and labels (B,) int64."""
        chosen = self.digits(step)
        part = chosen[share].to(self.device)
        images, labels = self.images[part], self.labels[part]
        if not self.config.augmentation:
            return mix_to_gray(images), labels
        generator = torch.Generator().manual_seed(seed_of(self.config.seed, CHANGES, step))
        draws = torch.rand((DRAWS, len(chosen)), generator=generator)[:, share].to(self.device)
        gray = mix_to_gray(images, draws[-COLOUR:], AUGMENTATION.colour_chance)
        return augment(gray, draws, self.config.blur), labels

    def digits(self, step: int) -> torch.Tensor:
        """Return where the digits of a step's batch lie in the store, (B,); an epoch's last one may be smaller."""
        train, *others = self.sources
        epoch, position = divmod(step, self.per_epoch)
        parts = [train.order(self.config.seed, epoch)[position * train.count : (position + 1) * train.count]]
        parts += [source.endless(self.config.seed, step * source.count) for source in others]
        return torch.cat(parts)


def resize_whole(rgb: np.ndarray, size: int, colour: bool, batch: int = 1024) -> torch.Tensor:
    """Turn uint8 (N, H, W, 3) into uint8 (N, 1 or 3, size, size), gray or not, antialiased bicubic as in use."""

    def resized(part: np.ndarray) -> torch.Tensor:
        if not colour:
            return resize(to_tensor(part), size)
        return functional.interpolate(to_tensor(part).float(), (size, size), mode="bicubic", antialias=True)

    parts = [resized(rgb[i : i + batch]) for i in range(0, len(rgb), batch)]
    return torch.cat([part.round_().clamp_(0, 255).to(torch.uint8) for part in parts])


def mix_to_gray(images: torch.Tensor, draws: torch.Tensor | None = None, chance: float = 0.0) -> torch.Tensor:
    """Turn (N, 1 or 3, H, W) into gray float32 (N, 1, H, W); some with weights from the draws, (4, N) in 0..1."""
    if images.shape[1] == 1:
        return images.float()
    weights = torch.tensor(LUMINANCE, device=images.device)[None]
    if draws is not None:
        others = 0.05 + 0.95 * draws[1:].T
        weights = torch.where(draws[0, :, None] < chance, others / others.sum(dim=1, keepdim=True), weights)
    return (images * weights[:, :, None, None]).sum(dim=1, keepdim=True)


def augment(
    images: torch.Tensor, draws: torch.Tensor, blur: bool = True, ranges: Augmentation = AUGMENTATION
) -> torch.Tensor:
    """Change a batch at random: affine motion, blur, cutout, contrast, brightness, inversion; never a flip.

    Parameters
    ----------
    images : torch.Tensor float32 (N, 1, H, W), 0..255
    draws : torch.Tensor float32 (DRAWS, N), 0..1
        Random numbers, on the device of the images.
    blur : bool
        Also blur or sharpen some.
    ranges : Augmentation

    Returns
    -------
    torch.Tensor
        The same shape and range.
    """
    motion, cutout, light, softness, _ = draws[:, :, None, None, None].split((MOTION, CUTOUT, LIGHT, BLUR, COLOUR))
    images = _move(images, motion[..., 0, 0] * 2 - 1, ranges)
    if blur:
        images = _blur(images, softness, ranges)
    images = _cutout(images, cutout, ranges)
    contrast, brightness, inversion = light
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    contrast = (ranges.log_contrast * (contrast * 2 - 1)).exp()
    images = torch.addcmul(mean + ranges.brightness * (brightness * 2 - 1), images - mean, contrast)
    return torch.where(inversion < ranges.inversion_chance, 255 - images, images).clamp_(0, 255)


def _move(images: torch.Tensor, draws: torch.Tensor, ranges: Augmentation) -> torch.Tensor:
    """Rotate, shear, scale and shift, the border repeated; (6, N, 1) draws in -1..1."""
    angle, shear, scale_x, scale_y, dx, dy = draws
    cos, sin = (ranges.rotation * angle).cos(), (ranges.rotation * angle).sin()
    scale_x, scale_y = (ranges.log_scale * scale_x).exp(), (ranges.log_scale * scale_y).exp()
    shear = ranges.shear * shear
    rows, columns = (_centres(side, images.device) for side in images.shape[2:])
    x_of_x, x_of_y = cos * scale_x * columns, (shear * cos - sin) * scale_y * rows + 2 * ranges.shift * dx
    y_of_x, y_of_y = sin * scale_x * columns, (shear * sin + cos) * scale_y * rows + 2 * ranges.shift * dy
    grid = torch.stack([x_of_x[:, None] + x_of_y[:, :, None], y_of_x[:, None] + y_of_y[:, :, None]], dim=-1)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def _blur(images: torch.Tensor, draws: torch.Tensor, ranges: Augmentation) -> torch.Tensor:
    """Mix some pictures with their 3 x 3 mean, or away from it."""
    strength, chance = draws
    weight = ranges.blur * (1.5 * strength - 0.5) * (chance < ranges.blur_chance)
    return images.lerp(functional.avg_pool2d(images, 3, 1, 1, count_include_pad=False), weight)


def _cutout(images: torch.Tensor, draws: torch.Tensor, ranges: Augmentation) -> torch.Tensor:
    """Paint a square in the image's mean colour; half of it may lie outside the image."""
    x, y, chance = draws
    rows, columns = (_centres(side, images.device) for side in images.shape[2:])
    near = ((rows[:, None] - (y * 2 - 1)).abs() < ranges.cutout) & ((columns - (x * 2 - 1)).abs() < ranges.cutout)
    covered = near & (chance < ranges.cutout_chance)
    return torch.where(covered, images.mean(dim=(2, 3), keepdim=True), images)


def _centres(side: int, device: torch.device) -> torch.Tensor:
    """Return the places of the pixels' centres, (side,), where the edges are -1 and 1."""
    return (torch.arange(side, device=device) * 2 + 1) / side - 1
