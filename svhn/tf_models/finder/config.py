"""Settings of the trainings of finder and refiner; importable without TensorFlow."""

from dataclasses import dataclass

from svhn.finder import DEFAULT_FINDER


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
        AdamW's highest learning rate. It rises during `warm_up` iterations and falls along a cosine to 1 %.
    warm_up : int
    weight_decay : float
    interval : int
        Iterations between two measurements on the validation photos.
    seed : int
        Of weights, samples and the validation split.
    """

    iterations: int = 8_000
    batch_size: int = 16
    learning_rate: float = 3e-3
    warm_up: int = 200
    weight_decay: float = 0.03
    interval: int = 1_000
    seed: int = 0


@dataclass(frozen=True)
class RefinerTrainConfig:
    """How `train-refiner` trains.

    Attributes
    ----------
    finder : str
        The networks whose proposals are learned from: a `.onnx` file, a folder with `finder.onnx`, or the name of a
        shipped checkpoint.
    view : str
        "close" for a network that sees a digit alone, "wide" for one that sees it among its neighbours and judges
        what the first of these leaves.
    start : str, optional
        A folder or checkpoint with a refiner of this view that is trained further; by default a fresh one is.
    iterations : int
        Number of optimiser steps.
    batch_size : int
        Crops per step.
    learning_rate : float
        AdamW's highest learning rate. It rises during `warm_up` iterations and falls along a cosine to 1 %.
    warm_up : int
    weight_decay : float
    interval : int
        Iterations between two measurements on the validation photos.
    seed : int
        Of weights, samples and the validation split.
    """

    finder: str = DEFAULT_FINDER
    view: str = "close"
    start: str | None = None
    iterations: int = 8_000
    batch_size: int = 96
    learning_rate: float = 3e-3
    warm_up: int = 200
    weight_decay: float = 0.05
    interval: int = 1_000
    seed: int = 0
