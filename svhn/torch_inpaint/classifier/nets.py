"""One parametrised definition of the ConvNets, and checkpoints that explain themselves."""

import dataclasses
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from svhn.alphabet import DIGITS, NUM_CLASSES
from svhn.data import SQUARE
from svhn.errors import InputError
from svhn.files import replacing
from svhn.finder import check_weights
from svhn.torch_inpaint.classifier.bare import from_bare_weights, is_bare
from svhn.torch_inpaint.classifier.config import NETWORKS, NetConfig
from svhn.torch_inpaint.device import channels_last

# What a checkpoint says that it is, and the name of its first convolution.
KIND, FIRST_CONV = "classifier", "features.0"


@dataclass(frozen=True)
class Preprocessing:
    """What a network expects: gray float32 (N, 1, size, size).

    Attributes
    ----------
    size : int
    mean, std : float
        value -> (value / 255 - mean) / std.
    standardise : bool
        Then bring every picture to its own mean and contrast: x -> (x - mean(x)) / sqrt(var(x) + 0.01).
    crops : str
        How the digits were cut that it learned from, one of `svhn.data.CROPS`.
    """

    size: int = 40
    mean: float = 0.5
    std: float = 0.5
    standardise: bool = True
    crops: str = SQUARE


class ConvNet(nn.Module):
    """A digit classifier: float32 (N, 1, size, size), preprocessed -> logits (N, 10).

    Attributes
    ----------
    first_conv : nn.Conv2d
        Its maps drive the key pixels; stride 1, same size as the input.
    """

    def __init__(self, config: NetConfig, size: int = Preprocessing.size):
        super().__init__()
        self.config = config
        blocks: list[nn.Module] = []
        channels = 1
        for filters, kernel in zip(config.filters, config.kernels, strict=True):
            convolution = nn.Conv2d(channels, filters, kernel, padding=kernel // 2)
            # ReLU and max-pooling commute; in this order ReLU has a quarter of the work.
            blocks += [convolution, nn.BatchNorm2d(filters), nn.MaxPool2d(2), nn.ReLU()]
            channels = filters
        self.features = nn.Sequential(*blocks)
        units = channels * (size // 8) ** 2
        head = [nn.Flatten(), nn.Dropout(config.dropout)]
        if config.hidden:
            head += [nn.Linear(units, config.hidden), nn.ReLU(), nn.Dropout(config.dropout)]
            units = config.hidden
        self.classifier = nn.Sequential(*head, nn.Linear(units, NUM_CLASSES))

    @property
    def first_conv(self) -> nn.Conv2d:
        return cast(nn.Conv2d, self.features[0])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(images))


@dataclass(frozen=True)
class Classifier:
    """A network with all that is needed to use it; `info` holds training data, licence and metrics."""

    net: ConvNet
    name: str
    preprocessing: Preprocessing
    info: dict


def build_net(name: str, preprocessing: Preprocessing = Preprocessing()) -> ConvNet:
    """Build one of `NETWORKS` with fresh weights; InputError when there is none of that name."""
    return ConvNet(NETWORKS[name], preprocessing.size)


def save_classifier(path: str | Path, classifier: Classifier) -> None:
    """Write a checkpoint: weights, name and layers, preprocessing, first convolution, class names and info."""
    content = {
        "kind": KIND,
        "net": classifier.name,
        "layers": dataclasses.asdict(classifier.net.config),
        "preprocessing": dataclasses.asdict(classifier.preprocessing),
        "first_conv": FIRST_CONV,
        "classes": list(DIGITS),
        "info": classifier.info,
        "weights": {name: value.cpu() for name, value in classifier.net.state_dict().items()},
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getvalue())


def load_classifier(path: str | Path, device: str | torch.device = "cpu") -> Classifier:
    """Load a checkpoint for inference, or the bare weights of one of the reference's networks.

    Raises
    ------
    InputError
        When the file is missing, damaged or not a checkpoint of this project, or its weights are no numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint; make one with python cli.py train-torch")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if is_bare(content):
            content = from_bare_weights(content)
        preprocessing = Preprocessing(**content["preprocessing"])
        net = ConvNet(_layers(content), preprocessing.size)
        net.load_state_dict(content["weights"])
    except Exception as error:  # torch raises many kinds of error on damaged files
        raise InputError(f"{path}: not a readable checkpoint of train-torch ({error})") from error
    check_weights((values.numpy() for values in net.state_dict().values()), path)
    net = channels_last(net.to(device)).eval().requires_grad_(False)
    return Classifier(net, content["net"], preprocessing, content["info"])


def _layers(content: dict[str, Any]) -> NetConfig:
    """Return the layers of a checkpoint's network; files of the first edition know the name only."""
    return NetConfig(**content["layers"]) if "layers" in content else NETWORKS[content["net"]]
