"""Settings of the trainings of finisher and segmenter; importable without PyTorch."""

from dataclasses import dataclass

from svhn.settings import MOST_SEED, Settings, setting
from svhn.torch_inpaint.classifier import PRECISIONS

FINISHER_COMMAND, SEGMENTER_COMMAND = "train-finisher", "train-segmenter"
# Iterations over which the critic gains its weight.
CRITIC_RISE = 500
PRECISION_HELP = "bfloat16 is faster on processors that know it."
SEED_HELP = "Of everything random."
RATE_HELP = "AdamW's highest."
INTERVAL_HELP = "Iterations between two measurements."
WARMUP_HELP = "Iterations over which the learning rate rises."
DECAY_HELP = "AdamW's weight decay."
AVERAGE_HELP = "Decay of the running average of the weights, which is what is kept."


@dataclass(frozen=True)
class FinisherTrainConfig(Settings):
    """How `train-finisher` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    patches : int
        Holes that are made, and filled by the GRNN, before the first step.
    batch_size : int
        Holes per step.
    learning_rate : float
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

    Raises
    ------
    InputError
        When a value may not be.
    """

    iterations: int = setting(36_000, least=1, help="Optimiser steps.")
    patches: int = setting(30_000, least=1, help="Holes that are made and filled before the first iteration.")
    batch_size: int = setting(16, least=1, spellings=("--batch",), help="Holes per step.")
    learning_rate: float = setting(2e-3, above=0, spellings=("--lr",), help=RATE_HELP)
    warmup: int = setting(200, least=0, expert=True, help=WARMUP_HELP)
    weight_decay: float = setting(1e-3, least=0, expert=True, help=DECAY_HELP)
    average: float = setting(0.998, least=0, below=1, expert=True, help=AVERAGE_HELP)
    critic: float = setting(
        2.0, least=0, help="Weight of a second network's verdict on how real the fill looks; 0 for none."
    )
    critic_from: int = setting(26_000, least=0, help="Iteration from which that verdict counts.")
    critic_share: float = setting(
        0.6,
        least=0,
        most=1,
        expert=True,
        help="Weight of the network after the critic beside the one before it.",
    )
    precision: str = setting("float32", choices=PRECISIONS, help=PRECISION_HELP)
    interval: int = setting(1_000, least=1, help=INTERVAL_HELP)
    seed: int = setting(0, least=0, most=MOST_SEED, help=SEED_HELP)

    def critic_weight(self, iteration: int) -> float:
        """Return the weight of the critic's verdict in an iteration."""
        return self.critic * min(max((iteration + 1 - self.critic_from) / CRITIC_RISE, 0.0), 1.0)


@dataclass(frozen=True)
class SegmenterTrainConfig(Settings):
    """How `train-segmenter` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    samples : int
        Regions with rendered numbers that are made before the first step.
    batch_size : int
        Regions per step.
    learning_rate : float
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

    Raises
    ------
    InputError
        When a value may not be.
    """

    iterations: int = setting(24_000, least=1, help="Optimiser steps.")
    samples: int = setting(30_000, least=1, help="Numbers that are rendered before the first iteration.")
    batch_size: int = setting(12, least=1, spellings=("--batch",), help="Numbers per step.")
    learning_rate: float = setting(3e-3, above=0, spellings=("--lr",), help=RATE_HELP)
    warmup: int = setting(200, least=0, expert=True, help=WARMUP_HELP)
    weight_decay: float = setting(1e-3, least=0, expert=True, help=DECAY_HELP)
    average: float = setting(0.998, least=0, below=1, expert=True, help=AVERAGE_HELP)
    visible: float = setting(
        3.0, above=0, expert=True, help="Grey levels by which a number must change a pixel of its strokes."
    )
    precision: str = setting("float32", choices=PRECISIONS, help=PRECISION_HELP)
    interval: int = setting(1_000, least=1, help=INTERVAL_HELP)
    seed: int = setting(0, least=0, most=MOST_SEED, help=SEED_HELP)
