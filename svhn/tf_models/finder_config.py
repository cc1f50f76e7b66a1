"""Settings of the finder's training; importable without TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FinderTrainConfig:
    """How `train-finder` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    batch_size : int
        Canvases per step, each of one to four pieces of photos.
    learning_rate : float
        AdamW's highest learning rate. It rises during `warm_up` iterations, stays until iteration `hold`, and falls
        along a cosine to 1 % at the end.
    warm_up, hold : int
    weight_decay : float
    interval : int
        Iterations between two measurements on the validation photos.
    sure, doubt : float
        At iteration `hold` the network labels the unlabelled photos. Digits below the confidence `doubt` are not seen;
        photos where all others reach `sure` are trained on from then on.
    seed : int
        Of weights, samples and the validation split.
    """

    iterations: int = 12_000
    batch_size: int = 16
    learning_rate: float = 1.5e-3
    warm_up: int = 200
    hold: int = 4_000
    weight_decay: float = 0.03
    interval: int = 250
    sure: float = 0.5
    doubt: float = 0.35
    seed: int = 0
