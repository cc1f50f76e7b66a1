"""Settings of the TensorFlow system: graphs, presets, training. Importable without TensorFlow."""

import dataclasses
from dataclasses import dataclass

from svhn.data import counts_of, validation_setting
from svhn.errors import InputError
from svhn.settings import MOST_SEED, Settings, setting

COMMAND = "train-tf"


@dataclass(frozen=True)
class GraphInfo:
    """What a network takes, how many parameters it has (batch normalisation's averages too), and what it is."""

    colour: bool
    parameters: int
    text: str


GRAPHS = {
    "seed": GraphInfo(False, 1_103_498, "the reference's network"),
    "record": GraphInfo(True, 726_122, "our own residual network"),
    "caffe": GraphInfo(False, 88_234, "the reference's Caffe network; goes to Caffe with export --to caffe"),
    "caffe-lrn": GraphInfo(False, 87_978, "the same as its prototxt has it, with local response normalisation"),
}
# Optimisers by Keras's names, in small letters.
OPTIMIZERS = ("adam", "sgd", "rmsprop", "adagrad", "adadelta")
# How a run is spread over devices.
STRATEGIES = ("mirrored", "multiworker")


@dataclass(frozen=True)
class TrainConfig(Settings):
    """How `train-tf` trains. The defaults are the reference's protocol.

    Attributes
    ----------
    graph : str
        Name of the network, one of `GRAPHS`.
    iterations : int
        Number of optimiser steps.
    batch_size : int
        Images per step, over all devices.
    optimizer : str
        One of `OPTIMIZERS`, with Keras's settings.
    learning_rate : float
        Highest learning rate; it rises over `warmup` iterations and then falls to 1 % along a cosine.
    momentum : float
        Of sgd, 0 to 1.
    warmup : int
        Iterations, fewer than `iterations`.
    weight_decay : float
        Decoupled, of the kernels only (with adam: AdamW); 0 is none.
    label_smoothing : float
        Share of the target that is spread over all ten classes, 0 to 1.
    average : float
        Decay of the running average of the weights that is measured and kept, 0 to 1; 0 keeps the weights themselves.
    weights : str
        Network to start from, as `svhn.checkpoints.find_model` finds it, of the same graph, or of `caffe` for
        `caffe-lrn`; fresh weights without.
    teachers : tuple of str
        Networks, as `svhn.checkpoints.find_model` finds them, whose mean answer to the augmented crops is learned
        too: paths of `.keras` files or runs, or names of shipped checkpoints.
    distillation : float
        Share of that answer in the target, 0 to 1; without teachers it has no meaning.
    augmentation : bool
        Random motion, cutout, contrast, inversion, blur and colour, see `svhn.data.augmentation`. Never flips.
    mix : dict[str, float]
        Split -> its share of every batch; splits of `svhn.data.mix.SOURCES`. The shares are normalised to 1.
    validation : float or None
        Share of the training digits that is held back to choose the best network by, whole photos, every class with its
        share; None for that of the data, or `svhn.data.VALIDATION_FRACTION`.
    interval : int
        Iterations between two checkpoints, each with a pass over the validation split.
    seed : int
        Of weights, dropout, order of the data, augmentation and the validation split.

    Raises
    ------
    InputError
        When the settings contradict each other.
    """

    graph: str = setting("seed", choices=GRAPHS, help="Network, see --list.")
    iterations: int = setting(50_000, least=1, help="Optimiser steps.")
    batch_size: int = setting(64, least=1, help="Digits per step, over all devices.")
    optimizer: str = setting("adam", choices=OPTIMIZERS, spellings=("--opt",), help="Of Keras.")
    learning_rate: float = setting(1e-3, above=0, help="Highest learning rate; it falls along a cosine.")
    momentum: float = setting(0.9, least=0, below=1, expert=True, help="Of sgd.")
    warmup: int = setting(0, least=0, expert=True, help="Iterations in which the learning rate rises.")
    weight_decay: float = setting(
        0.0, least=0, expert=True, help="Of the kernels only, decoupled from the gradient (AdamW)."
    )
    label_smoothing: float = setting(
        0.0, least=0, below=1, expert=True, help="Share of the target spread over all digits."
    )
    average: float = setting(
        0.0, least=0, below=1, expert=True, help="Decay of the running average of the weights; 0 keeps the last ones."
    )
    weights: str = setting(
        "", metavar="MODEL", expert=True, help="Start from the weights of this network of the same graph."
    )
    teachers: tuple[str, ...] = setting(
        (),
        metavar="MODEL",
        expert=True,
        spellings=("--teacher",),
        help="Also learn what this network answers; may be given several times, then their mean.",
    )
    distillation: float = setting(
        0.7,
        least=0,
        most=1,
        expert=True,
        help="Share of the teachers' answer in the target; the rest is the label.",
    )
    augmentation: bool = setting(
        True, expert=True, help="Random motion, cutout, contrast, inversion, blur and colour; never flips."
    )
    mix: dict[str, float] = setting(
        factory=lambda: {"train": 1.0},
        help="Share of a split in every batch: train, pseudo, synthetic or copy_paste. Repeat for several.",
    )
    validation: float | None = validation_setting()
    interval: int = setting(1_000, least=1, expert=True, help="Iterations between two measurements on validation.")
    seed: int = setting(0, least=0, most=MOST_SEED, help="Of everything random.")

    def __post_init__(self) -> None:
        object.__setattr__(self, "teachers", tuple(self.teachers))  # JSON makes it a list
        super().__post_init__()
        counts_of(self.mix, self.batch_size)
        if self.warmup >= self.iterations:
            raise InputError(f"expected fewer than {self.iterations} iterations of warmup, received {self.warmup}")

    @property
    def counts(self) -> dict[str, int]:
        """How many digits of each split a batch holds."""
        return counts_of(self.mix, self.batch_size)


@dataclass(frozen=True)
class Preset:
    """A recipe with a name."""

    text: str
    config: TrainConfig


_MIX = {"train": 0.4, "pseudo": 0.3, "synthetic": 0.2, "copy_paste": 0.1}
_SEED = TrainConfig(
    iterations=30_000,
    batch_size=64,
    learning_rate=1e-3,
    weight_decay=0.01,
    label_smoothing=0.05,
    average=0.999,
    mix=_MIX,
)
_RECORD = TrainConfig(
    graph="record",
    iterations=12_000,
    batch_size=96,
    learning_rate=4e-3,
    warmup=300,
    weight_decay=0.05,
    label_smoothing=0.05,
    average=0.998,
    teachers=("tf-teacher",),
    mix=_MIX,
    interval=600,
)
_CAFFE = TrainConfig(
    graph="caffe", iterations=40_000, batch_size=48, learning_rate=1e-3, label_smoothing=0.05, average=0.999, mix=_MIX
)
_CAFFE_LRN = dataclasses.replace(
    _CAFFE, graph="caffe-lrn", weights="tf-caffe", iterations=3_000, warmup=100, interval=250
)
PRESETS = {
    "reference": Preset("the reference's protocol: Adam, real digits only", TrainConfig()),
    "seed": Preset("shorter and better, for the seed graph on mixed data", _SEED),
    "record": Preset("our own colour network on mixed data, with a teacher", _RECORD),
    "caffe": Preset("the reference's Caffe network, with its optimiser, on mixed data", _CAFFE),
    "caffe-lrn": Preset("the same with local response normalisation, as the reference's prototxt has it", _CAFFE_LRN),
    "quick": Preset(
        "our own colour network in minutes, real digits only",
        dataclasses.replace(
            _RECORD, iterations=1_500, warmup=100, average=0.99, teachers=(), mix={"train": 1.0}, interval=250
        ),
    ),
}


def recipes_text() -> str:
    """Return a list of the presets and graphs for people."""
    lines = ["Presets:"]
    for name, preset in PRESETS.items():
        config = preset.config
        mix = ", ".join(f"{split} {part:.0%}" for split, part in config.mix.items())
        lines.append(f"  {name:<11}{preset.text}")
        lines.append(f"{'':13}graph {config.graph}, {config.iterations:,} iterations of {config.batch_size}; {mix}")
        if config.teachers:
            lines.append(f"{'':13}teacher {', '.join(config.teachers)}")
    lines.append("Graphs:")
    for name, graph in GRAPHS.items():
        kind = "colour" if graph.colour else "gray"
        lines.append(f"  {name:<11}{graph.parameters:>9,} parameters, {kind}: {graph.text}")
    return "\n".join(lines)
