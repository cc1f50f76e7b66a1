"""Where PyTorch computes, and how its networks lie in memory."""

from typing import TypeVar

import torch
from torch import nn

from svhn.errors import InputError

Net = TypeVar("Net", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda" or "cuda:1" into a device; "auto" is CUDA where there is a device for it.

    Raises
    ------
    InputError
        When this machine has no CUDA, or PyTorch knows no device of that name.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("no CUDA device found; use --device cpu, or install a CUDA build of PyTorch")
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device: expected auto, cpu, cuda or cuda:1, received {name!r}") from error


def channels_last(net: Net) -> Net:
    """Return a network with all channels of a pixel side by side in memory: its convolutions are faster so."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's annotations lack it
