"""Where PyTorch computes, and how its networks lie in memory."""

from typing import TypeVar

import torch
from torch import nn

from svhn.errors import InputError

_KNOWN = ("cpu", "cuda", "mps")
Net = TypeVar("Net", bound=nn.Module)


def choose_device(name: str) -> torch.device:
    """Turn "auto", "cpu", "cuda", "cuda:1" or "mps" into a device; "auto" is CUDA where there is a device for it.

    Raises
    ------
    InputError
        When this machine has no such device, or PyTorch knows none of that name.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise InputError("no CUDA device found; use --device cpu, or install a CUDA build of PyTorch")
    if name.startswith("mps") and not torch.backends.mps.is_available():
        raise InputError("no MPS device found, which Macs with Apple's processors have; use --device cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise InputError(f"device: expected auto, cpu, cuda, cuda:1 or mps, received {name!r}") from error
    if device.type not in _KNOWN:
        raise InputError(f"device: expected auto, cpu, cuda, cuda:1 or mps, received {name!r}")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"device: there are {torch.cuda.device_count()} CUDA devices, counted from 0, received {name!r}"
        )
    return device


def channels_last(net: Net) -> Net:
    """Return a network with all channels of a pixel side by side in memory: its convolutions are faster so."""
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # PyTorch's annotations lack it
