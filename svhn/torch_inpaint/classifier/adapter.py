"""From anybody's images to the classifier's input batch, and back."""

import hashlib
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from svhn.alphabet import NUM_CLASSES
from svhn.crops import LUMINANCE
from svhn.torch_inpaint.classifier.nets import Classifier, Preprocessing, load_classifier


def first_layer_hash(classifier: Classifier) -> str:
    """Return 16 hex digits for what the first-layer feature maps of a picture depend on."""
    convolution, shown = classifier.net.first_conv, classifier.preprocessing
    content = hashlib.sha256(repr((shown.mean, shown.std, shown.standardise)).encode())
    for values in (convolution.weight, convolution.bias):
        content.update(values.detach().float().cpu().numpy().tobytes())  # type: ignore[union-attr]  # it has a bias
    return content.hexdigest()[:16]


def to_tensor(images: Any) -> torch.Tensor:
    """Take images from NumPy, TensorFlow, PyTorch or any DLPack producer without copying where possible.

    Parameters
    ----------
    images : array of shape (N, H, W), (N, H, W, 1) or (N, H, W, 3), uint8 or float in 0..255
        Gray, or RGB.

    Returns
    -------
    torch.Tensor (N, C, H, W), same dtype, on the device of the input
    """
    if isinstance(images, torch.Tensor):
        tensor = images
    elif isinstance(images, np.ndarray):
        tensor = torch.from_numpy(np.require(images, requirements=["C", "W"]))
    elif hasattr(images, "__dlpack__"):
        tensor = torch.from_dlpack(images)
    elif hasattr(images, "numpy"):
        tensor = torch.from_numpy(images.numpy().copy())
    else:
        tensor = torch.from_numpy(np.array(images))
    if tensor.ndim == 3:
        tensor = tensor[..., None]
    if tensor.ndim != 4 or tensor.shape[-1] not in (1, 3):
        raise ValueError(f"expected images (N, H, W), (N, H, W, 1) or (N, H, W, 3), received {tuple(tensor.shape)}")
    return tensor.permute(0, 3, 1, 2)  # nchw


def to_images(tensor: torch.Tensor) -> np.ndarray:
    """Turn (N, C, H, W) values in 0..255 into uint8 (N, H, W, C)."""
    return tensor.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def to_gray(images: torch.Tensor) -> torch.Tensor:
    """Turn (N, 1 or 3, H, W) into float32 (N, 1, H, W) on the same scale."""
    images = images.float()
    if images.shape[1] == 1:
        return images
    weights = torch.tensor(LUMINANCE, device=images.device)
    return torch.einsum("nchw,c->nhw", images, weights)[:, None]


def normalise(gray: torch.Tensor, preprocessing: Preprocessing) -> torch.Tensor:
    """Turn gray pictures (N, 1, H, W) in 0..255 into what the network's first layer expects."""
    values = (gray / 255 - preprocessing.mean) / preprocessing.std
    return to_unit_contrast(values) if preprocessing.standardise else values


def to_unit_contrast(values: torch.Tensor) -> torch.Tensor:
    """Bring every picture of (N, C, H, W) to its own mean and contrast."""
    variance, mean = torch.var_mean(values, dim=(1, 2, 3), correction=0, keepdim=True)
    return (values - mean) / (variance + 0.01).sqrt()


def to_batch(images: Any, preprocessing: Preprocessing, device: str | torch.device = "cpu") -> torch.Tensor:
    """Turn images of any one size into the classifier's input batch.

    Parameters
    ----------
    images : see `to_tensor`
    preprocessing : Preprocessing
    device : str or torch.device

    Returns
    -------
    torch.Tensor float32 (N, 1, size, size)
        Resized with antialiased bicubic interpolation where the size differs.
    """
    return normalise(resize(to_tensor(images).to(device), preprocessing.size), preprocessing)


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Turn (N, 1 or 3, H, W) in 0..255 into gray float32 (N, 1, size, size), antialiased bicubic."""
    gray = to_gray(images)
    if gray.shape[-2:] == (size, size):
        return gray
    return functional.interpolate(gray, (size, size), mode="bicubic", antialias=True).clamp(0, 255)


def classify(classifier: Classifier, images: Any, batch_size: int = 256) -> np.ndarray:
    """Return probabilities, float32 (N, 10), of digit crops, uint8 (N, H, W, 3) RGB or (N, H, W) gray."""
    device = classifier.net.first_conv.weight.device
    with torch.inference_mode():
        parts = [
            classifier.net(to_batch(images[i : i + batch_size], classifier.preprocessing, device)).softmax(dim=1).cpu()
            for i in range(0, len(images), batch_size)
        ]
    return torch.cat(parts).numpy() if parts else np.zeros((0, NUM_CLASSES), np.float32)


def features(classifier: Classifier, images: Any, batch_size: int = 256) -> np.ndarray:
    """Return what the last layer judges by, float32 (N, D), of digit crops as `classify` takes them.

    For a search of similar digits, or a classifier of one's own; `D` is the network's, 800 for the shipped one.
    """
    device = classifier.net.first_conv.weight.device
    *head, last = classifier.net.classifier
    body = nn.Sequential(classifier.net.features, *head)
    with torch.inference_mode():
        parts = [
            body(to_batch(images[i : i + batch_size], classifier.preprocessing, device)).cpu()
            for i in range(0, len(images), batch_size)
        ]
    return torch.cat(parts).numpy() if parts else np.zeros((0, cast(nn.Linear, last).in_features), np.float32)


class Predictor:
    """A classifier as a function: crops, uint8 (N, H, W, 3) RGB or (N, H, W) gray -> probabilities, float32 (N, 10)."""

    def __init__(self, classifier: Classifier):
        self.classifier = classifier

    def __call__(self, images: Any) -> np.ndarray:
        return classify(self.classifier, images)

    def features(self, images: Any) -> np.ndarray:
        """Return what its last layer judges by, float32 (N, D); see `features`."""
        return features(self.classifier, images)

    def __repr__(self) -> str:
        return f"Predictor({self.classifier.name})"


def load_predictor(path: str | Path) -> Predictor:
    """Load a checkpoint as a function from crops to probabilities."""
    return Predictor(load_classifier(path))


def crops_of(path: str | Path) -> str:
    """Return how the digits were cut that a checkpoint learned from, one of `svhn.data.CROPS`."""
    return load_classifier(path).preprocessing.crops


def feature_maps(classifier: Classifier, regions: torch.Tensor) -> torch.Tensor:
    """Return the classifier's first-layer maps of whole regions at their own resolution.

    Parameters
    ----------
    regions : torch.Tensor (N, 3, H, W) or (N, 1, H, W), 0..255

    Returns
    -------
    torch.Tensor float32 (N, M, H, W)
        M maps of the first convolution, before batch norm; the border is repeated, not padded with zeros.
    """
    convolution = classifier.net.first_conv
    inputs = normalise(to_gray(regions.to(convolution.weight.device)), classifier.preprocessing)
    border = int(convolution.padding[0])
    padded = functional.pad(inputs, (border,) * 4, mode="replicate")
    return functional.conv2d(padded, convolution.weight, convolution.bias)


def reduced_maps(classifier: Classifier, region: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation over a region's first-layer maps, (H, W) float32 each.

    Parameters
    ----------
    classifier : Classifier
    region : ndarray (H, W, 3) uint8, RGB
    """
    with torch.inference_mode():
        maps = feature_maps(classifier, torch.from_numpy(region.copy()).permute(2, 0, 1)[None])[0]
        mean = maps.mean(dim=0)
        std = (maps.square().mean(dim=0) - mean.square()).clamp(min=0).sqrt()
    return mean.cpu().numpy(), std.cpu().numpy()
