"""What the small convolutional networks beside the classifier share: their shape, and checkpoints."""

import io
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.nn import functional

from svhn.checkpoints import find_model
from svhn.errors import InputError
from svhn.files import replacing
from svhn.finder import check_weights

Network = TypeVar("Network", bound="UNet")


def _convolutions(*channels: int) -> nn.Sequential:
    """Return 3x3 convolutions from each number of channels to the next, each with a ReLU; sizes stay."""
    pairs = itertools.pairwise(channels)
    layers = ((nn.Conv2d(before, after, 3, padding=1), nn.ReLU(inplace=True)) for before, after in pairs)
    return nn.Sequential(*(layer for pair in layers for layer in pair))


class UNet(nn.Module):
    """A U-Net of three levels.

    Parameters
    ----------
    planes, answers : int
        Channels of what it sees and of what it answers.
    channels : (int, int, int)
        At full size, a half and a quarter.

    Attributes
    ----------
    info : dict
        What its checkpoint says of its training; empty where it has none.
    """

    reduction = 4

    def __init__(self, planes: int, answers: int, channels: Sequence[int]):
        super().__init__()
        fine, middle, coarse = self.channels = tuple(channels)
        self.info: dict = {}
        self.fine = _convolutions(planes, fine, fine)
        self.middle = _convolutions(fine, middle, middle)
        self.coarse = _convolutions(middle, coarse, coarse, coarse)
        self.join_middle = _convolutions(middle + coarse, middle, middle)
        self.join_fine = _convolutions(fine + middle, fine, fine)
        self.answer = nn.Conv2d(fine, answers, 3, padding=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.answer.weight)  # at first it answers 0

    def look_at(self, planes: torch.Tensor) -> torch.Tensor:
        """Turn (B, planes, H, W), sides multiples of `reduction`, into (B, answers, H, W)."""
        fine = self.fine(planes)
        middle = self.middle(functional.avg_pool2d(fine, 2))
        coarse = self.coarse(functional.avg_pool2d(middle, 2))
        middle = self.join_middle(torch.cat([middle, _enlarged(coarse)], dim=1))
        fine = self.join_fine(torch.cat([fine, _enlarged(middle)], dim=1))
        return self.answer(fine)


def _enlarged(maps: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(maps, scale_factor=2, mode="nearest")


def save_network(path: str | Path, kind: str, network: UNet, info: dict) -> None:
    """Write a checkpoint, whole or not at all.

    Parameters
    ----------
    path : str or Path
    kind : str
        "finisher" or "segmenter".
    network : UNet
        Can be built anew from its `channels`.
    info : dict
        About its training.
    """
    weights = {name: value.cpu() for name, value in network.state_dict().items()}
    buffer = io.BytesIO()
    torch.save({kind: list(network.channels), "info": info, "weights": weights}, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_network(path: str | Path, kind: str, make: Callable[[list[int]], Network], device: torch.device) -> Network:
    """Load a checkpoint of `save_network`, by path or as the name of a shipped one, for inference.

    Parameters
    ----------
    path : str or Path
    kind : str
        See `save_network`; the command that trains it is `train-` and this.
    make : callable
        Builds the network from its channels.
    device : torch.device

    Raises
    ------
    InputError
        When it is missing, damaged or not of this kind, or its weights are no numbers.
    """
    path = find_model(path).path
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        network = make(content[kind])
        network.load_state_dict(content["weights"])
        network.info = content["info"]
    except Exception as error:  # torch raises many kinds of error on damaged files
        raise InputError(f"{path}: not a readable checkpoint of train-{kind} ({error})") from error
    check_weights((values.numpy() for values in network.state_dict().values()), path)
    network = network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # has no stub
    return network.eval().requires_grad_(False)
