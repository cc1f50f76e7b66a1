"""The finisher's opponent: a network that learns to tell a finished hole from what is really there.

The finisher alone would answer with the mean of all that may be behind a digit, which looks smooth. What the critic
can tell from the truth is a loss of its own.
"""

import torch
from torch import nn
from torch.nn import functional

from svhn.torch_inpaint.removal import COLOURS, STATES, Surroundings

# Weight of the penalty for steep answers; it is taken every so many steps only, because it takes long.
PENALTY, PENALTY_EVERY = 0.05, 8
# Least strength of the surroundings' fine detail, in grey levels.
LEAST_DETAIL = 0.5
_SHRINK = 2
# From RGB to brightness and two differences of colours.
_OPPONENTS = ((1 / 3, 1 / 3, 1 / 3), (0.5, 0.0, -0.5), (-0.25, 0.5, -0.25))


class Critic(nn.Module):
    """Says of a region how real its hole looks, on the scales of 2 and 4 pixels.

    Parameters
    ----------
    channels : (int, int, int)
    """

    def __init__(self, channels: tuple[int, int, int] = (32, 48, 64)):
        super().__init__()
        first, fine, coarse = channels
        slope = nn.LeakyReLU(0.2)
        inputs = (2 * COLOURS + STATES) * _SHRINK**2
        layers = nn.Conv2d(inputs, first, 3, padding=1), slope, nn.Conv2d(first, fine, 3, padding=1), slope
        self.fine = nn.Sequential(*layers)
        layers = nn.Conv2d(fine, coarse, 4, stride=2, padding=1), slope, nn.Conv2d(coarse, coarse, 3, padding=1), slope
        self.coarse = nn.Sequential(*layers)
        self.fine_verdict, self.coarse_verdict = nn.Conv2d(fine, 1, 1), nn.Conv2d(coarse, 1, 1)

    def forward(self, view: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
        """Return a score for each region, the higher the more real: (B,) float32.

        Parameters
        ----------
        view : torch.Tensor float32 (B, 8, H, W)
            Of `close_view`; sides in steps of 4.
        hole : torch.Tensor float32 (B, 1, H, W)
            1 where the region was filled.
        """
        view = functional.pixel_unshuffle(view, _SHRINK).contiguous(memory_format=torch.channels_last)
        fine = self.fine(view)
        near, far = self.fine_verdict(fine), self.coarse_verdict(self.coarse(fine))
        return _mean_inside(near, hole, 2) + _mean_inside(far, hole, 4)


def close_view(view: Surroundings, images: torch.Tensor) -> torch.Tensor:
    """Return what the critic sees of regions: as the finisher, and fine detail in units of its own.

    What differs from the mean of 3 x 3 pixels is taken apart into brightness and colour, each as strong as beside the
    hole: both are faint, and that they are too strong or too weak is what gives a fill away.

    Parameters
    ----------
    view : Surroundings
    images : torch.Tensor float32 (B, 3, H, W), 0..255

    Returns
    -------
    torch.Tensor float32 (B, 8, H, W)
    """
    usable = images * view.usable
    weight = functional.avg_pool2d(view.usable, 3, stride=1, padding=1)
    mean = functional.avg_pool2d(usable, 3, stride=1, padding=1) / weight.clamp(min=1e-6)
    opponents = torch.tensor(_OPPONENTS, dtype=images.dtype, device=images.device)
    detail = torch.einsum("oc,bchw->bohw", opponents, images - mean) * view.usable
    around = view.usable - view.hole
    strength = (detail.square() * around).sum(dim=(2, 3), keepdim=True) / around.sum(dim=(2, 3), keepdim=True)
    return torch.cat([view.see(images), detail / strength.clamp(min=LEAST_DETAIL**2).sqrt()], dim=1)


def _mean_inside(verdicts: torch.Tensor, hole: torch.Tensor, side: int) -> torch.Tensor:
    """Return the mean (B,) of verdicts, one for each square of `side` x `side` pixels, by how much hole is there."""
    weight = functional.avg_pool2d(hole, side)
    return (verdicts.float() * weight).sum(dim=(1, 2, 3)) / weight.sum(dim=(1, 2, 3))


def preference(better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
    """Return the loss of scores (B,) of which the first should be higher, pair by pair."""
    return functional.softplus(worse - better).mean()


def steepness(critic: Critic, view: torch.Tensor, hole: torch.Tensor) -> torch.Tensor:
    """Return the mean squared gradient of the scores by their views; without its penalty a critic runs away.

    Parameters are those of `Critic.forward`; nothing flows back into `view`.
    """
    view = view.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(view, hole).sum(), view, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
