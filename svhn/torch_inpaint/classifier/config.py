"""Settings of the classifier and its training; importable without PyTorch."""

from dataclasses import dataclass, field

NETS = (
    "ConvNet32",
    "ConvNet48",
    "ConvNet32_753",
    "ConvNet48_333",
    "ConvNet48_Dropout",
    "ConvNet48_Dropout2",
    "ConvNet48_Dropout3",
    "ConvNet64",
)


OPTIMIZERS = ("SGD", "Adagrad", "Adadelta", "Adam", "ASGD")


SCHEDULES = ("cosine", "constant")


PRECISIONS = ("float32", "bfloat16")


DEFAULT_CHECKPOINT = "torch-convnet48-dropout3"


@dataclass(frozen=True)
class TrainConfig:
    """How `train-torch` trains.

    Attributes
    ----------
    net : str
        One of `NETS`.
    epochs : int
        Passes over the `train` split.
    batch : int
        Digits per step, over all processes together.
    opt : str
        One of `OPTIMIZERS`.
    lr : float
        Highest learning rate.
    schedule : str
        "cosine", down to zero at the end, or "constant" as in the reference.
    warmup : int
        Epochs over which the learning rate rises to `lr`.
    momentum : float
        Of SGD; the reference had none.
    weight_decay : float
        Decoupled, of kernels only: each step takes away learning rate x this share of them.
    label_smoothing : float
        Share of the target that is spread over all ten classes, 0 to 1.
    average : float
        Decay of the running average of the weights that is measured and kept; 0 keeps the weights themselves.
    augmentation : bool
        Random rotation, shear, scale, shift, contrast, brightness, inversion and cutout; never flips.
    blur, colour : bool
        With augmentation: also blur or sharpen; also turn colours to gray with other weights.
    mix : dict[str, float]
        Split -> its share of every batch, from `svhn.data.mix.SOURCES`; `train` must be among them.
    standardise : bool
        Bring every picture to its own mean and contrast; the reference did not.
    precision : str
        Of the training arithmetic: "float32", or "bfloat16" where the processor is fast at it. Weights are float32.
    seed : int
        Of weights, dropout, order of the data, augmentation and the validation split.
    """

    net: str = "ConvNet48_Dropout3"
    epochs: int = 100
    batch: int = 32
    opt: str = "SGD"
    lr: float = 0.005
    schedule: str = "cosine"
    warmup: int = 0
    momentum: float = 0.9
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    average: float = 0.0
    augmentation: bool = True
    blur: bool = False
    colour: bool = False
    mix: dict[str, float] = field(default_factory=lambda: {"train": 1.0})
    standardise: bool = True
    precision: str = "float32"
    seed: int = 0
