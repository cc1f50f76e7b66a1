"""The methods that a user can choose: how key pixels and mask are found, and how the mask is filled.

`FILLS` and `KEY_PIXELS` of `svhn.torch_inpaint.removal` hold them by name. A method of one's own has the attributes of
`FillMethod` or `KeyPixelMethod` and is registered before it is named in a config; for worker processes by an entry
point, see `svhn.registry.Registry`::

    class MeanFill:
        name = "mean"

        def weights(self, config):
            return ()

        def load(self, config, device):
            return fill_with_the_mean

    FILLS.register("mean", MeanFill())
    DigitRemover.from_checkpoint(config=RemovalConfig(fill=FillConfig("mean")))

This module does not import PyTorch until a method is loaded.
"""

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from svhn.boxes import Box
from svhn.finder import check_answer
from svhn.torch_inpaint.removal.config import FILLS, KEY_PIXELS, FillConfig, KeyPixelConfig

if TYPE_CHECKING:
    import numpy as np
    import torch

    from svhn.torch_inpaint.removal.masks import KeyPixels

# From images (B, 3, H, W) float32, 0..255, masks (True = to be filled), key pixels (True = background to learn from)
# and `inside` (False = padding), (B, H, W) bool each, to images (B, 3, H, W) float32 with other values in the masks.
FillFunction: TypeAlias = "Callable[[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]"
# From a region (H, W, 3) uint8 RGB, its digits' boxes, and mean and std over the classifier's first-layer feature maps,
# (H, W) float32 each, to what tells digits from background, (H, W) float32, 0..1, and the key pixels and mask.
KeyPixelFunction: TypeAlias = (
    "Callable[[np.ndarray, Sequence[Box], np.ndarray, np.ndarray], tuple[np.ndarray, KeyPixels]]"
)
# From surroundings (H, W, 3) float32, 0..255, at the photo's resolution with an enlarged fill in the mask, the mask
# (True = was filled), what is known (True = detail may be taken from here), (H, W) bool each, and whether the photo is
# too soft for detail to be missed, to the same with detail in the mask, or None where nothing is done.
DetailFunction: TypeAlias = "Callable[[np.ndarray, np.ndarray, np.ndarray, bool], np.ndarray | None]"


class FillMethod(Protocol):
    """How a mask is filled.

    Attributes
    ----------
    name : str
    """

    name: str

    def weights(self, config: FillConfig) -> Sequence[str]:
        """Return the checkpoints that the fill depends on, as `svhn.checkpoints.find_model` takes them."""

    def load(self, config: FillConfig, device: "torch.device") -> FillFunction:
        """Load the weights, if any, and return the function; InputError when they cannot be used."""


@runtime_checkable
class DetailMethod(Protocol):
    """A `FillMethod` that also knows what fills at a smaller scale than the photo's miss; the others get grain."""

    def load_detail(self, config: FillConfig, device: "torch.device") -> DetailFunction:
        """Return the function that repaints an enlarged fill."""


class KeyPixelMethod(Protocol):
    """How background is told from digits.

    Attributes
    ----------
    name : str
    evidence : str
        What it tells them by, for the heading of a picture.
    """

    name: str
    evidence: str

    def threshold(self, config: KeyPixelConfig) -> float:
        """Return how much evidence, 0 to 1, makes a pixel part of a digit."""

    def weights(self, config: KeyPixelConfig) -> Sequence[str]:
        """Return the checkpoints that it depends on, as `svhn.checkpoints.find_model` takes them."""

    def load(self, config: KeyPixelConfig, device: "torch.device") -> KeyPixelFunction:
        """Load the weights, if any, and return the function; InputError when they cannot be used."""


@runtime_checkable
class TaughtMethod(Protocol):
    """A `KeyPixelMethod` that has learned from the feature maps of one classifier, and is at a loss with others'."""

    def feature_maps(self, config: KeyPixelConfig, device: "torch.device") -> str | None:
        """Return that classifier's `first_layer_hash`; None where nobody knows."""


@functools.lru_cache(maxsize=4)
def load_fill(config: FillConfig, device: "torch.device") -> FillFunction:
    """Return the function of the fill that `config.method` names, with its weights loaded."""
    method: FillMethod = FILLS[config.method]
    return method.load(config, device)


def load_detail(config: FillConfig, device: "torch.device") -> "DetailFunction | None":
    """Return the function that repaints enlarged fills, None where the method that `config.method` names has none."""
    method = FILLS[config.method]
    return method.load_detail(config, device) if isinstance(method, DetailMethod) else None


@functools.lru_cache(maxsize=4)
def load_key_pixels(config: KeyPixelConfig, device: "torch.device") -> KeyPixelFunction:
    """Return the function of the method that `config.method` names, with its weights loaded.

    It raises InputError when what tells digits from background is no number.
    """
    method: KeyPixelMethod = KEY_PIXELS[config.method]
    find, name = method.load(config, device), described("key pixels", config.method, method.weights(config))

    def checked(pixels, boxes, map_mean, map_std):
        evidence, keys = find(pixels, boxes, map_mean, map_std)
        return check_answer(evidence, name, pixels.shape[:2]), keys

    return checked


@functools.lru_cache(maxsize=4)
def taught_by(config: KeyPixelConfig, device: "torch.device") -> str | None:
    """Return whose feature maps the method that `config.method` names has learned from, see `TaughtMethod`."""
    method = KEY_PIXELS[config.method]
    return method.feature_maps(config, device) if isinstance(method, TaughtMethod) else None


def described(kind: str, method: str, weights: Sequence[str]) -> str:
    """Return what errors call a method and its networks, for example "fill finished (torch-finisher)"."""
    return f"{kind} {method}" + (f" ({', '.join(weights)})" if weights else "")


class SteeredFill:
    """The GRNN, locally linear, with kernels stretched along edges."""

    name = "steered"

    def weights(self, config: FillConfig) -> tuple[str, ...]:
        return ()

    def load(self, config: FillConfig, device: "torch.device") -> FillFunction:
        from svhn.torch_inpaint.removal.fills import fill

        return lambda images, mask, key_pixels, inside: fill(images, mask, key_pixels, config, inside)


class FinishedFill:
    """The steered fill, finished by a small network."""

    name = "finished"

    def weights(self, config: FillConfig) -> tuple[str, ...]:
        return (config.finisher,)

    def load(self, config: FillConfig, device: "torch.device") -> FillFunction:
        from svhn.torch_inpaint.removal.fills import finish, load_finisher

        paint, finisher = SteeredFill().load(config, device), load_finisher(config.finisher, device)

        def fill(images, mask, key_pixels, inside):
            return finish(finisher, paint(images, mask, key_pixels, inside), mask, key_pixels, inside)

        return fill


class PatchedFill(FinishedFill):
    """The finished fill; where it had to be enlarged, repainted with patches of its surroundings."""

    name = "patches"

    def load_detail(self, config: FillConfig, device: "torch.device") -> DetailFunction:
        from svhn.torch_inpaint.removal.fills import add_patches

        return lambda picture, mask, known, soft: add_patches(picture, mask, known, device, soft=soft)


class SeedFill:
    """The reference project's GRNN with trained weights, for comparison; its settings are `FillConfig.reference`."""

    name = "grnn-seed"

    def weights(self, config: FillConfig) -> tuple[str, ...]:
        return ()

    def load(self, config: FillConfig, device: "torch.device") -> FillFunction:
        from svhn.torch_inpaint.removal.fills import fill_seed

        return lambda images, mask, key_pixels, inside: fill_seed(images, mask, key_pixels, config.reference, inside)


class StrokePixels:
    """A network that learned from rendered numbers what strokes look like."""

    name = "strokes"
    evidence = "strokes"

    def threshold(self, config: KeyPixelConfig) -> float:
        return config.stroke

    def weights(self, config: KeyPixelConfig) -> tuple[str, ...]:
        return (config.segmenter,)

    def load(self, config: KeyPixelConfig, device: "torch.device") -> KeyPixelFunction:
        from svhn.torch_inpaint.removal.masks import key_pixels_by_strokes, load_segmenter, segment, whole_strokes

        segmenter = load_segmenter(config.segmenter, device)

        def find(pixels, boxes, map_mean, map_std):
            strokes = segment(segmenter, pixels, boxes, map_mean, map_std)
            return strokes, whole_strokes(pixels, boxes, strokes, key_pixels_by_strokes(strokes, boxes, config))

        return find

    def feature_maps(self, config: KeyPixelConfig, device: "torch.device") -> str | None:
        from svhn.torch_inpaint.removal.masks import load_segmenter

        return load_segmenter(config.segmenter, device).info.get("feature_maps")


class EvidencePixels:
    """How much more common a kind of pixel is inside the boxes than outside; unsupervised."""

    name = "evidence"
    evidence = "ink evidence"

    def threshold(self, config: KeyPixelConfig) -> float:
        return config.evidence

    def weights(self, config: KeyPixelConfig) -> tuple[str, ...]:
        return ()

    def load(self, config: KeyPixelConfig, device: "torch.device") -> KeyPixelFunction:
        from svhn.torch_inpaint.removal.masks import find_evidence, key_pixels_by_evidence

        def find(pixels, boxes, map_mean, map_std):
            evidence = find_evidence(pixels, boxes, map_mean, map_std, config)
            return evidence, key_pixels_by_evidence(pixels, boxes, evidence, config)

        return find


PATCHES, FINISHED, STEERED, SEED = PatchedFill(), FinishedFill(), SteeredFill(), SeedFill()
STROKES, EVIDENCE = StrokePixels(), EvidencePixels()
