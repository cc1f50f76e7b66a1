"""Data-parallel training: several processes, started by torchrun, share every batch and stay one network.

The gradient of a batch is the sum over the processes' shares, and batch norm sees the whole batch, so the result
is that of one process up to rounding; only dropout draws other numbers.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, nn

from svhn.errors import InputError


@dataclass(frozen=True)
class Group:
    """The processes that train together; by default this one alone.

    Attributes
    ----------
    rank, size : int
        Number of this process, counted from 0, and of all of them. Rank 0 writes the files.
    device : str
        "cpu", "cuda" or "cuda:1".
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def share(self, count: int) -> slice:
        """Return this process's part of a batch of `count` digits."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """Add up a tensor over all processes, in place; everybody gets the sum."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, net: nn.Module) -> None:
        """Add up the gradients of a network, which every process has for its part of the batch, in one message."""
        if self.size == 1:
            return
        gradients = [parameter.grad for parameter in net.parameters() if parameter.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def from_leader(self, value: Any) -> Any:
        """Return what rank 0 passed, in every process; it must pickle."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]


# This process, on the CPU.
ALONE = Group()


@contextlib.contextmanager
def join(device: str) -> Iterator[Group]:
    """Join the processes that torchrun started, if it started this one, and leave them at the end.

    Parameters
    ----------
    device : str
        One that is there. For several processes "cpu" (they talk through gloo) or "cuda" (nccl; each takes the GPU of
        its local rank).

    Raises
    ------
    InputError
        When there are fewer GPUs than processes, or several processes are given another device.
    """
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_RANK", "0"))
    if size == 1:
        yield Group(device=device)
        return
    if device not in ("cpu", "cuda"):
        raise InputError(f"device: expected cpu or cuda for the processes that torchrun started, received {device!r}")
    if device == "cuda":
        if rank >= torch.cuda.device_count():
            raise InputError(
                f"torchrun started more than {torch.cuda.device_count()} processes on this machine, which is its "
                "number of GPUs; give a smaller --nproc-per-node, or train-torch --cpu"
            )
        device = f"cuda:{rank}"
        torch.cuda.set_device(device)
    distributed.init_process_group("gloo" if device == "cpu" else "nccl")
    try:
        yield Group(distributed.get_rank(), size, device)
    finally:
        distributed.destroy_process_group()


def share_batch_norm(net: nn.Module) -> None:
    """Let every batch norm of a network see the whole batch, on the CPU too; the weights keep their names."""
    for parent in list(net.modules()):
        for name, layer in parent.named_children():
            if type(layer) is nn.BatchNorm2d:
                shared = SharedBatchNorm(layer.num_features, layer.eps, layer.momentum)
                shared.load_state_dict(layer.state_dict())
                setattr(parent, name, shared.to(layer.weight.device))


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm over the digits of all processes; `nn.SyncBatchNorm` is for CUDA only."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(images)
        images = images.float()
        pixels = images.new_tensor([images.numel() / self.num_features])
        *sums, count = _Sum.apply(torch.cat([images.sum(dim=(0, 2, 3)), pixels]))
        mean = torch.stack(sums) / count
        centred = images - mean[:, None, None]
        variance = _Sum.apply((centred * centred).sum(dim=(0, 2, 3))) / count
        self._follow(mean, variance * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return centred * scale[:, None, None] + self.bias[:, None, None]

    @torch.no_grad()
    def _follow(self, mean: torch.Tensor, variance: torch.Tensor) -> None:
        """Let the running statistics, which a layer of the family always has, follow those of a batch."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)
        self.num_batches_tracked += 1


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes; so is the gradient's."""

    @staticmethod
    def forward(ctx, values: torch.Tensor) -> torch.Tensor:
        values = values.clone()
        distributed.all_reduce(values)
        return values

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.contiguous().clone()
        distributed.all_reduce(gradient)
        return gradient
