"""The trainings that a sweep is made of, train-torch and train-tf; importable without either framework."""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeAlias

from svhn.tf_models.classifier import TrainConfig
from svhn.torch_inpaint.classifier import ConvNetTrainConfig

RunConfig: TypeAlias = ConvNetTrainConfig | TrainConfig


@dataclass(frozen=True)
class Kind:
    """A training, and what a sweep has to know of it.

    Attributes
    ----------
    config : type
        Of its settings.
    network : str
        The setting that names the network.
    length : str
        The setting that says how long a run is.
    step : str
        What it is measured after.
    package : tuple of str
        What it needs: module, what people call it, extra.
    """

    config: type[RunConfig]
    network: str
    length: str
    step: str
    package: tuple[str, str, str]

    @property
    def named(self) -> tuple[str, ...]:
        """Settings that every run's name tells."""
        return (self.network, "optimizer", "batch_size", "learning_rate")


TORCH = Kind(ConvNetTrainConfig, "net", "epochs", "epoch", ("torch", "PyTorch", "torch"))
TENSORFLOW = Kind(TrainConfig, "graph", "iterations", "interval", ("tensorflow", "TensorFlow", "tf"))


def kind_of(settings: RunConfig | Collection[str]) -> Kind:
    """Return which training settings, or their names, are of: what has a `graph` is of train-tf."""
    names = vars(settings) if dataclasses.is_dataclass(settings) else settings
    return TENSORFLOW if TENSORFLOW.network in names else TORCH


def measurements_of(config: RunConfig) -> int:
    """Return how often a run is measured until it is done."""
    return -(-config.iterations // config.interval) if isinstance(config, TrainConfig) else config.epochs
