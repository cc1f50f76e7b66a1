"""How the small networks beside the classifier learn: AdamW down a loss, with a schedule and a running average."""

from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast

import torch

from svhn.data import LICENCE_NOTE
from svhn.errors import InputError
from svhn.runs import rate_share
from svhn.torch_inpaint.classifier import seed_of
from svhn.torch_inpaint.device import channels_last
from svhn.torch_inpaint.learner import TorchLearner, set_rate
from svhn.torch_inpaint.removal import Finisher, Segmenter, save_network
from svhn.torch_inpaint.training.config import FinisherTrainConfig, SegmenterTrainConfig

Network: TypeAlias = Finisher | Segmenter

MODEL = "model.pt"
# Share of the highest learning rate at the end.
FLOOR = 0.02
# Gradients are clipped to this norm.
STEEPEST = 5.0


class NetworkLearner(TorchLearner):
    """A network that a photo's regions pass through, while it learns on the CPU.

    Parameters
    ----------
    config : FinisherTrainConfig or SegmenterTrainConfig
    kind : type of Finisher or Segmenter
        The network's class; it is made with its usual size.
    """

    kind: ClassVar[str] = ""  # see `save_network`
    cure: ClassVar[str] = "a lower --learning-rate"  # what to do when the loss is not finite
    report_every = 50
    files = (MODEL,)

    def __init__(self, config: FinisherTrainConfig | SegmenterTrainConfig, kind: type[Network]):
        torch.manual_seed(seed_of(config.seed))
        self.config = config
        net = channels_last(kind())
        optimizer = torch.optim.AdamW(net.parameters(), config.learning_rate, weight_decay=config.weight_decay)
        super().__init__(net, optimizer, config.average)
        self._scores: dict[str, float] = {}

    @property
    def title(self) -> str:
        return f"{self.kind}, {self.config.iterations:,} iterations of {self.config.batch_size}"

    def kept(self) -> Network:
        """Return the network that is measured and saved."""
        return cast(Network, self.averaged.module)

    def measure(self) -> dict[str, float]:
        self._scores = self.score(self.kept())
        return self._scores

    def score(self, network: Network) -> dict[str, float]:
        """Return what a network scores on validation."""
        raise NotImplementedError

    def keep(self, folder: Path) -> None:
        info = {"licence": LICENCE_NOTE, "iteration": self.iteration, "validation": self._scores}
        save_network(folder / MODEL, self.kind, self.kept(), info | self.origin())

    def origin(self) -> dict[str, Any]:
        """Return what else the checkpoint says of where the network comes from."""
        return {}

    def results(self, folder: Path) -> dict[str, Any]:
        return {"parameters": sum(weights.numel() for weights in self.net.parameters())}

    def rate(self) -> float:
        """Return the learning rate of this iteration."""
        config = self.config
        return config.learning_rate * rate_share(self.iteration, config.iterations, config.warmup, FLOOR)

    def descend(self, loss: torch.Tensor) -> None:
        """Take a step down the loss, and let the running average follow.

        Raises
        ------
        InputError
            When the loss is not finite.
        """
        if not torch.isfinite(loss):
            raise InputError(
                f"the training ran away at iteration {self.iteration:,}; what was saved before is whole. Start again "
                f"with {self.cure}"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), STEEPEST)
        set_rate(self.optimizer, self.rate())
        self.optimizer.step()
        self.averaged.update_parameters(self.net)

    def precision(self) -> torch.autocast:
        """Return the context in which the networks compute."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.config.precision == "bfloat16")
