"""Settings of the TensorFlow system; importable without TensorFlow."""

from dataclasses import dataclass

GRAPHS = ("seed",)


@dataclass(frozen=True)
class TrainConfig:
    """How `train-tf` trains.

    Attributes
    ----------
    graph : str
        Name of the network, one of `GRAPHS`.
    iterations : int
        Number of optimiser steps.
    batch_size : int
        Images per step.
    learning_rate : float
        Adam's initial learning rate; it falls to 1 % of this along a cosine.
    augmentation : bool
        Random rotation, shear, scale, shift, contrast, contrast inversion and cutout. Never flips.
    interval : int
        Iterations between two checkpoints, each with a pass over the validation split.
    seed : int
        Of weights, dropout, order of the data, augmentation and the validation split.
    """

    graph: str = "seed"
    iterations: int = 50_000
    batch_size: int = 64
    learning_rate: float = 1e-3
    augmentation: bool = True
    interval: int = 1_000
    seed: int = 0
