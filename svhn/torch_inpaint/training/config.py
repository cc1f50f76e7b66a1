"""Settings of the trainings of finisher and segmenter; importable without PyTorch."""

import math
from dataclasses import dataclass

CRITIC_RISE = 500  # iterations


@dataclass(frozen=True)
class FinisherTrainConfig:
    """How `train-finisher` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    patches : int
        Holes that are made, and filled by the GRNN, before the first step.
    batch : int
        Holes per step.
    lr : float
        AdamW's highest learning rate; it rises over `warmup` iterations and falls along a cosine to 2 %.
    warmup : int
    weight_decay : float
    average : float
        Decay of the running average of the weights that is measured and kept.
    critic : float
        Weight of the critic's verdict beside the error in decibels; 0 for none. With more the fill has more texture
        and, pixel by pixel, is farther from the truth.
    critic_from : int
        Iteration from which there is a critic; it gains its weight over the next 500.
    critic_share : float
        The network that is kept is the mean of the one before the critic and the one after it; this is the weight of
        the latter, 0 to 1.
    precision : str
        Of the training arithmetic: "float32", or "bfloat16" where the processor is fast at it. Weights are float32.
    interval : int
        Iterations between two measurements, each with a checkpoint.
    seed : int
        Of weights, holes, order and the validation split.
    """

    iterations: int = 36_000
    patches: int = 30_000
    batch: int = 16
    lr: float = 2e-3
    warmup: int = 200
    weight_decay: float = 1e-3
    average: float = 0.998
    critic: float = 2.0
    critic_from: int = 26_000
    critic_share: float = 0.6
    precision: str = "float32"
    interval: int = 1_000
    seed: int = 0

    def critic_weight(self, iteration: int) -> float:
        """Return the weight of the critic's verdict in an iteration."""
        return self.critic * min(max((iteration + 1 - self.critic_from) / CRITIC_RISE, 0.0), 1.0)


@dataclass(frozen=True)
class SegmenterTrainConfig:
    """How `train-segmenter` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    samples : int
        Regions with rendered numbers that are made before the first step.
    batch : int
        Regions per step.
    lr : float
        AdamW's highest learning rate; it rises over `warmup` iterations and falls along a cosine to 2 %.
    warmup : int
    weight_decay : float
    average : float
        Decay of the running average of the weights that is measured and kept.
    visible : float
        Grey levels by which a number must change a pixel for the pixel to be a stroke, a soft edge or a shadow.
    precision : str
        Of the training arithmetic: "float32", or "bfloat16" where the processor is fast at it. Weights are float32.
    interval : int
        Iterations between two measurements, each with a checkpoint.
    seed : int
        Of weights, samples and order.
    """

    iterations: int = 24_000
    samples: int = 30_000
    batch: int = 12
    lr: float = 3e-3
    warmup: int = 200
    weight_decay: float = 1e-3
    average: float = 0.998
    visible: float = 3.0
    precision: str = "float32"
    interval: int = 1_000
    seed: int = 0


def lr_share(config: FinisherTrainConfig | SegmenterTrainConfig, iteration: int) -> float:
    """Return the learning rate of an iteration as a share of the highest: a rise, then a cosine down to 2 %."""
    rise = min(1.0, (iteration + 1) / config.warmup) if config.warmup else 1.0
    return rise * (0.51 + 0.49 * math.cos(math.pi * iteration / config.iterations))
