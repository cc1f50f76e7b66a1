"""Settings of the trainings of finder and refiner; importable without TensorFlow."""

from dataclasses import dataclass

from svhn.finder import DEFAULT_FINDER, VIEWS
from svhn.settings import MOST_SEED, Settings, setting

FINDER_COMMAND, REFINER_COMMAND = "train-finder", "train-refiner"


@dataclass(frozen=True)
class FinderTrainConfig(Settings):
    """How `train-finder` trains.

    Attributes
    ----------
    iterations : int
        Number of optimiser steps.
    batch_size : int
        Canvases per step, each of one to four pieces of photos.
    learning_rate : float
        AdamW's highest learning rate. It rises during `warmup` iterations and falls along a cosine to 1 %.
    warmup : int
    weight_decay : float
        Of the kernels only, decoupled from the gradient.
    average : float
        Decay of the running average of the weights that is measured and kept, per step.
    interval : int
        Iterations between two measurements on the validation photos.
    seed : int
        Of weights, samples and the validation split.
    """

    iterations: int = setting(8_000, least=1, help="Optimiser steps.")
    batch_size: int = setting(16, least=1, help="Canvases of photos per step.")
    learning_rate: float = setting(3e-3, above=0, help="Highest learning rate; it falls along a cosine.")
    warmup: int = setting(200, least=0, expert=True, help="Iterations in which the learning rate rises.")
    weight_decay: float = setting(0.03, least=0, expert=True, help="Of the kernels only, decoupled from the gradient.")
    average: float = setting(
        0.998, least=0, below=1, expert=True, help="Decay of the running average of the weights, which is kept."
    )
    interval: int = setting(1_000, least=1, help="Iterations between two measurements on validation.")
    seed: int = setting(0, least=0, most=MOST_SEED, help="Of everything random.")


@dataclass(frozen=True)
class RefinerTrainConfig(FinderTrainConfig):
    """How `train-refiner` trains: as the finder does, with crops in the place of canvases.

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
    """

    batch_size: int = setting(96, least=1, help="Crops per step.")
    weight_decay: float = setting(0.05, least=0, expert=True, help="Of the kernels only, decoupled from the gradient.")
    finder: str = setting(DEFAULT_FINDER, help="Network: .onnx file, or run of train-finder or train-refiner.")
    view: str = setting(
        "close", choices=VIEWS, help="What it sees: the digit alone, or among its neighbours, after a close one."
    )
    start: str | None = setting(None, metavar="FINDER", help="Train the refiner of this folder or checkpoint further.")
