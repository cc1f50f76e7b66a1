"""Weights without a word about them, as the reference publishes its networks, turned into a checkpoint's content.

The reference stores the `state_dict` of a network alone. Which network it is can be seen from the shapes: three
convolutions, each with batch normalisation, then one or two linear layers.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from svhn.data import TIGHT
from svhn.torch_inpaint.classifier.config import NETWORKS, NetConfig

# Places of the convolutions and of the classifier in `ConvNet`; batch normalisation follows its convolution.
_CONVOLUTIONS, _LINEAR = ("features.0", "features.4", "features.8"), "classifier.2"


def is_bare(content: Any) -> bool:
    """Tell whether a file of `torch.save` holds weights by name, and nothing else."""
    return isinstance(content, Mapping) and bool(content) and all(map(torch.is_tensor, content.values()))


def from_bare_weights(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Return what a checkpoint of this project would say of a network of the reference.

    Parameters
    ----------
    weights : dict of str to Tensor
        Its `state_dict`; layers in the order of the network, under whatever names.

    Returns
    -------
    dict
        As `svhn.torch_inpaint.classifier.load_classifier` reads it. The network takes tight crops, which are not
        brought to their own contrast. Two linear layers become one: the reference has dropout but no ReLU between
        them, so their product answers the same.

    Raises
    ------
    ValueError
        When these are no weights of such a network.
    """
    convolutions = [name for name, values in _named(weights, ".weight") if values.ndim == 4]
    linear = [name for name, values in _named(weights, ".weight") if values.ndim == 2]
    norms = [name for name, _ in _named(weights, ".running_mean")]
    if (len(convolutions), len(norms)) != (3, 3) or len(linear) not in (1, 2):
        raise ValueError(
            f"expected three convolutions with batch normalisation and one or two linear layers, received "
            f"{len(convolutions)}, {len(norms)} and {len(linear)}"
        )
    shapes = [weights[f"{name}.weight"].shape for name in convolutions]
    first, second, third = shapes
    layers = NetConfig((first[0], second[0], third[0]), (first[2], second[2], third[2]))
    hidden = weights[f"{linear[0]}.weight"].shape[0] if len(linear) == 2 else 0
    return {
        "net": _name_of(layers, hidden),
        "layers": dataclasses.asdict(layers),
        "preprocessing": {"standardise": False, "crops": TIGHT},
        "info": {"source": "weights of the reference project"},
        "weights": dict(_renamed(weights, convolutions, norms)) | _one_linear(weights, linear),
    }


def _named(weights: Mapping[str, torch.Tensor], ending: str) -> list[tuple[str, torch.Tensor]]:
    """Return the layers that have values of that name."""
    return [(name.removesuffix(ending), values) for name, values in weights.items() if name.endswith(ending)]


def _renamed(
    weights: Mapping[str, torch.Tensor], convolutions: list[str], norms: list[str]
) -> Iterator[tuple[str, Any]]:
    """Yield the values of convolutions and batch normalisations by the names that `ConvNet` has for them."""
    for place, convolution, norm in zip(_CONVOLUTIONS, convolutions, norms, strict=True):
        stem, number = place.split(".")
        for old, new in ((convolution, place), (norm, f"{stem}.{int(number) + 1}")):
            for name, values in weights.items():
                if name.startswith(f"{old}."):
                    yield name.replace(old, new, 1), values


def _one_linear(weights: Mapping[str, torch.Tensor], names: list[str]) -> dict[str, torch.Tensor]:
    """Return the linear layers as one: W2 (W1 x + b1) + b2 = (W2 W1) x + (W2 b1 + b2)."""
    matrix, bias = weights[f"{names[0]}.weight"], weights[f"{names[0]}.bias"]
    for name in names[1:]:
        matrix, bias = weights[f"{name}.weight"] @ matrix, weights[f"{name}.weight"] @ bias + weights[f"{name}.bias"]
    return {f"{_LINEAR}.weight": matrix, f"{_LINEAR}.bias": bias}


def _name_of(layers: NetConfig, hidden: int) -> str:
    """Return the reference's name; of two that differ in dropout alone that of the later one."""
    same = [
        name
        for name in NETWORKS
        if (net := NETWORKS[name]).filters == layers.filters and net.kernels == layers.kernels and net.hidden == hidden
    ]
    return same[-1] if same else "ConvNet"
