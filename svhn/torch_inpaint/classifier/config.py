"""Networks of the classifier and the settings of their training; importable without PyTorch."""

from dataclasses import dataclass

from svhn.data import CROPS, SQUARE, counts_of, validation_setting
from svhn.errors import InputError
from svhn.registry import Registry
from svhn.settings import MOST_SEED, Settings, setting

COMMAND = "train-torch"


@dataclass(frozen=True)
class NetConfig:
    """Three blocks of convolution, batch norm, ReLU and 2 x 2 max-pooling, then a linear classifier.

    Attributes
    ----------
    filters, kernels : tuple of int
        Of the three convolutions; stride 1, padded to the size of the input.
    hidden : int
        Units of a fully connected layer before the classifier, 0 for none.
    dropout : float
        Before the classifier, and before the hidden layer when there is one.
    """

    filters: tuple[int, int, int]
    kernels: tuple[int, int, int] = (5, 5, 5)
    hidden: int = 0
    dropout: float = 0.0


# The reference's family. `NETWORKS.register("Mine", NetConfig((16, 32, 32)))` adds one of your own to this process, an
# entry point in the group "svhn.networks" to every process.
NETWORKS: Registry[NetConfig] = Registry(
    "networks",
    {
        "ConvNet32": NetConfig((32, 64, 32)),
        "ConvNet48": NetConfig((48, 64, 32)),
        "ConvNet32_753": NetConfig((32, 64, 32), (7, 5, 3)),
        "ConvNet48_333": NetConfig((48, 64, 32), (3, 3, 3)),
        "ConvNet48_Dropout": NetConfig((48, 64, 32), (3, 3, 3), hidden=500, dropout=0.5),
        "ConvNet48_Dropout2": NetConfig((48, 64, 32), (3, 3, 3), hidden=800, dropout=0.5),
        "ConvNet48_Dropout3": NetConfig((48, 64, 32), (3, 3, 3), dropout=0.5),
        "ConvNet64": NetConfig((64, 64, 32)),
    },
)
# Classes of `torch.optim`.
OPTIMIZERS = ("SGD", "Adagrad", "Adadelta", "Adam", "ASGD")
SCHEDULES = ("cosine", "constant")
PRECISIONS = ("float32", "bfloat16")
DEFAULT_CHECKPOINT = "torch-convnet48-dropout3"


@dataclass(frozen=True)
class ConvNetTrainConfig(Settings):
    """How `train-torch` trains.

    Attributes
    ----------
    net : str
        One of `NETWORKS`.
    epochs : int
        Passes over the `train` split.
    batch_size : int
        Digits per step, over all processes together.
    optimizer : str
        One of `OPTIMIZERS`.
    learning_rate : float
        Highest learning rate.
    schedule : str
        "cosine", down to zero at the end, or "constant" as in the reference.
    warmup : int
        Epochs over which the learning rate rises.
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
        Split -> its share of every batch, from `svhn.data.SOURCES`; `train` must be among them.
    standardise : bool
        Bring every picture to its own mean and contrast; the reference did not.
    crops : str
        How the digits are cut, one of `svhn.data.CROPS`; "tight" is what the reference's networks took.
    validation : float or None
        Share of the training digits that is held back to choose the best network by, whole photos, every class with its
        share; None for that of the data, or `svhn.data.VALIDATION_FRACTION`.
    precision : str
        Of the training arithmetic: "float32", or "bfloat16" where the processor is fast at it. Weights are float32.
    seed : int
        Of weights, dropout, order of the data, augmentation and the validation split.

    Raises
    ------
    InputError
        When a value may not be, or the mix does not suit the batch.
    """

    net: str = setting("ConvNet48_Dropout3", choices=NETWORKS, help="One of the reference's networks.")
    epochs: int = setting(100, least=1, help="Passes over the training digits.")
    batch_size: int = setting(32, least=1, spellings=("--batch",), help="Digits per step, over all processes.")
    optimizer: str = setting("SGD", choices=OPTIMIZERS, spellings=("--opt",), help="A class of torch.optim.")
    learning_rate: float = setting(0.005, above=0, spellings=("--lr",), help="The highest.")
    schedule: str = setting("cosine", choices=SCHEDULES, expert=True, help="Down to zero, or as in the reference.")
    warmup: int = setting(0, least=0, expert=True, help="Epochs over which the learning rate rises.")
    momentum: float = setting(0.9, least=0, below=1, expert=True, help="Of SGD.")
    weight_decay: float = setting(0.0, least=0, expert=True, help="Of the kernels only, decoupled from the gradient.")
    label_smoothing: float = setting(
        0.0, least=0, below=1, expert=True, help="Share of the target spread over all digits."
    )
    average: float = setting(
        0.0, least=0, below=1, expert=True, help="Decay of the running average of the weights; 0 keeps the last ones."
    )
    augmentation: bool = setting(True, help="Change the digits at random, in place, size and light.")
    blur: bool = setting(False, expert=True, help="With augmentation: also blur.")
    colour: bool = setting(False, expert=True, help="With augmentation: also turn colours to gray in other ways.")
    mix: dict[str, float] = setting(
        factory=lambda: {"train": 1.0},
        expert=True,
        help="Share of a split in every batch: train, pseudo, synthetic or copy_paste. Repeat for several.",
    )
    standardise: bool = setting(True, expert=True, help="Bring every crop to its own mean and contrast.")
    crops: str = setting(
        SQUARE, choices=CROPS, help="The square about a digit's box, or the box alone, squashed, as the reference did."
    )
    validation: float | None = validation_setting()
    precision: str = setting(
        "float32", choices=PRECISIONS, expert=True, help="bfloat16 is faster on processors that know it."
    )
    seed: int = setting(0, least=0, most=MOST_SEED, help="Of everything random.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if "train" not in self.mix:
            raise InputError(f"mix: expected a share of train, which an epoch goes by, received {self.mix}")
        counts_of(self.mix, self.batch_size)
