"""A small network that finishes what the GRNN painted: it sees fill and surroundings and answers what to add.

It learned from holes in digit-free places of photos, without labels (`svhn.torch_inpaint.training.finisher`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from svhn.torch_inpaint.removal.networks import UNet, load_network, save_network

# Of the surroundings, in grey levels: with less contrast they are not stretched to a standard deviation of 1.
LEAST_CONTRAST = 6.0
# Inputs beside the colours: where the hole is, and where pixels tell nothing.
STATES, COLOURS = 2, 3
# Windows: pixels beside the hole, and what their sides are multiples of.
MARGIN, STEP = 8, 16
# With fewer known pixels than this in its window, all of a region is shown.
LEAST_KNOWN = 100


@dataclass(frozen=True)
class Surroundings:
    """What is known around the holes of a batch of regions: the units in which networks see the regions.

    Attributes
    ----------
    mean, unit : torch.Tensor float32 (B, 3, 1, 1) and (B, 1, 1, 1)
        Of the surroundings, in grey levels.
    hole, usable : torch.Tensor float32 (B, 1, H, W)
        1 in the hole; 1 there and where it is known what is behind.
    """

    mean: torch.Tensor
    unit: torch.Tensor
    hole: torch.Tensor
    usable: torch.Tensor

    @classmethod
    def of(cls, images: torch.Tensor, mask: torch.Tensor, known: torch.Tensor) -> "Surroundings":
        """Take the measures of regions; the parameters are those of `Finisher.forward`."""
        hole, around = mask[:, None].float(), (known & ~mask)[:, None]
        weight = around / around.sum(dim=(2, 3), keepdim=True)
        mean = (images * weight).sum(dim=(2, 3), keepdim=True)
        spread = ((images - mean).square() * weight).sum(dim=(1, 2, 3), keepdim=True) / COLOURS
        return cls(mean, spread.sqrt().clamp(min=LEAST_CONTRAST), hole, hole + around)

    def see(self, images: torch.Tensor) -> torch.Tensor:
        """Turn regions (B, 3, H, W), 0..255, into (B, 5, H, W): colours, where the hole is, where nothing is known."""
        return torch.cat([(images - self.mean) / self.unit * self.usable, self.hole, 1 - self.usable], dim=1)


class Finisher(UNet):
    """Sees a filled region as `Surroundings` has it, and answers what to add to its colours.

    Parameters
    ----------
    channels : (int, int, int)
        See `UNet`.
    """

    def __init__(self, channels: Sequence[int] = (16, 32, 48)):
        super().__init__(COLOURS + STATES, COLOURS, channels)

    def forward(self, images: torch.Tensor, mask: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Finish filled regions.

        Parameters
        ----------
        images : torch.Tensor float32 (B, 3, H, W), 0..255
            With the GRNN's fill where `mask` is True.
        mask, known : torch.Tensor bool (B, H, W)
            The hole, and the background beside it; every region needs both.

        Returns
        -------
        torch.Tensor float32 (B, 3, H, W)
            Other values where `mask` is True, within the range of the region's known pixels.
        """
        measures, around = Surroundings.of(images, mask, known), (known & ~mask)[:, None]
        seen = measures.see(images).contiguous(memory_format=torch.channels_last)
        added = self._answer(seen).float() * measures.unit
        low, high = torch.where(around, images, measures.mean).flatten(2).aminmax(dim=2)
        low, high = low[..., None, None], high[..., None, None]
        return torch.where(mask[:, None], (images + added).clamp(low, high), images)

    def _answer(self, inputs: torch.Tensor) -> torch.Tensor:
        height, width = inputs.shape[2:]
        missing = (-height % self.reduction, -width % self.reduction)
        if any(missing):  # padding by nothing would be a copy
            inputs = functional.pad(inputs, (0, missing[1], 0, missing[0]))
        return self.look_at(inputs)[..., :height, :width]


def finish(
    finisher: Finisher, images: torch.Tensor, mask: torch.Tensor, known: torch.Tensor, inside: torch.Tensor
) -> torch.Tensor:
    """Finish a batch of regions that were padded to one size; on the CPU each gets the same as if it were alone.

    Of every region the network sees a window around the hole; what lies farther away changes little.

    Parameters
    ----------
    finisher : Finisher
    images, mask, known : torch.Tensor
        See `Finisher.forward`; regions without a hole or known pixels stay as they are.
    inside : torch.Tensor bool (B, H, W)
        False where a region was padded at its bottom and right.
    """
    around, result = known & ~mask, images.clone()
    windows = _windows(mask.cpu().numpy(), around.cpu().numpy(), inside.cpu().numpy())
    windows.sort(key=lambda window: window.shape)
    for _, group in itertools.groupby(windows, key=lambda window: window.shape):
        same = list(group)
        # On the CPU one by one: together they would be rounded in other ways, and pixels would depend on the batch.
        for part in [same] if images.is_cuda else [[window] for window in same]:
            finished = finisher(
                *(torch.cat([window.cut(whole) for window in part]) for whole in (images, mask, around))
            )
            for window, picture in zip(part, finished, strict=True):
                window.paste(picture, result)
    return result


@dataclass(frozen=True)
class Window:
    """What the network sees of a region of a batch: it may reach beyond the region, where nothing is known.

    Attributes
    ----------
    region : int
        Index in the batch.
    rows, columns : slice
        Of the region.
    shape : (int, int)
        Height and width, multiples of `STEP`: a convolution is prepared anew for every size that it has not seen,
        which takes longer than the convolution.
    """

    region: int
    rows: slice
    columns: slice
    shape: tuple[int, int]

    @classmethod
    def of(cls, region: int, hole: np.ndarray, height: int, width: int) -> "Window":
        """Put a window around a hole, bool (H, W), in a region of `height` x `width`, `MARGIN` pixels wide at least."""
        rows, tall = _span(np.nonzero(hole)[0], height)
        columns, wide = _span(np.nonzero(hole)[1], width)
        return cls(region, rows, columns, (tall, wide))

    @classmethod
    def whole(cls, region: int, height: int, width: int) -> "Window":
        """Return the window that shows all of a region."""
        return cls(region, slice(0, height), slice(0, width), (height + -height % STEP, width + -width % STEP))

    def cut(self, batch: torch.Tensor) -> torch.Tensor:
        """Return this window (1, ..., h, w) of a batch (B, ..., H, W), with zeros beyond the region."""
        part = batch[self.region : self.region + 1, ..., self.rows, self.columns]
        missing = (self.shape[0] - part.shape[-2], self.shape[1] - part.shape[-1])
        return functional.pad(part, (0, missing[1], 0, missing[0])) if any(missing) else part

    def paste(self, picture: torch.Tensor, batch: torch.Tensor) -> None:
        """Put a window (C, h, w) back to where it was cut from a batch (B, C, H, W)."""
        part = batch[self.region, :, self.rows, self.columns]
        part.copy_(picture[:, : part.shape[1], : part.shape[2]])


def _windows(holes: np.ndarray, around: np.ndarray, inside: np.ndarray) -> list[Window]:
    """Return the windows of all regions with a hole and known pixels; the arguments are bool (B, H, W)."""
    windows = []
    for region, (hole, known, own) in enumerate(zip(holes, around, inside, strict=True)):
        if hole.any() and known.any():
            height, width = int(own[:, 0].sum()), int(own[0].sum())
            window = Window.of(region, hole, height, width)
            near = known[window.rows, window.columns].sum()
            windows.append(window if near >= LEAST_KNOWN else Window.whole(region, height, width))
    return windows


def _span(hole: np.ndarray, size: int) -> tuple[slice, int]:
    """Return what a window covers of an axis of `size` pixels, given where a hole lies along it, and its length."""
    start, stop = int(hole.min()), int(hole.max()) + 1
    length = stop - start + 2 * MARGIN
    length += -length % STEP
    first = max(0, min((start + stop - length) // 2, size - length))
    return slice(first, min(first + length, size)), length


def save_finisher(path: str | Path, finisher: Finisher, info: dict) -> None:
    """Write a checkpoint: channels, weights, and `info` about its training."""
    save_network(path, "finisher", finisher, info)


def load_finisher(path: str | Path, device: torch.device) -> Finisher:
    """Load a checkpoint, by path or as the name of a shipped one; see `load_network`."""
    return load_network(path, "finisher", Finisher, device)
