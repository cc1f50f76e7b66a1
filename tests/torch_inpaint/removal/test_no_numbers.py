"""Networks and readers whose answers are no numbers: that is an error which names them, never "not legible"."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from svhn.checkpoints import find_model
from svhn.errors import InputError
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal import FILLS, KEY_PIXELS, FillConfig, KeyPixelConfig, KeyPixels, RemovalConfig

CONFIGS = {
    "torch-finisher": lambda path: RemovalConfig(fill=FillConfig(finisher=path)),
    "torch-segmenter": lambda path: RemovalConfig(key_pixels=KeyPixelConfig(segmenter=path)),
}


def changed_checkpoint(name, folder, change):
    """Write a shipped checkpoint with changed weights, and return its path."""
    content = torch.load(find_model(name).path, weights_only=True)
    change(content["weights"])
    path = folder / "changed.pt"
    torch.save(content, path)
    return str(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("layer", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("name", ["torch-convnet48-dropout3", *CONFIGS])
def test_weights_that_are_no_numbers_are_told_before_the_work(remover, tmp_path, name, layer, number):
    def spoil(weights):
        values = list(weights.values())[layer]
        values[(0,) * values.ndim] = number

    path = changed_checkpoint(name, tmp_path, spoil)
    with pytest.raises(InputError, match=r"changed\.pt: weights of this network are NaN or infinite.*use another"):
        if name in CONFIGS:
            DigitRemover(remover.classifier, CONFIGS[name](path))
        else:
            DigitRemover.from_checkpoint(path, "cpu")


@pytest.mark.parametrize("name", CONFIGS)
def test_answers_that_overflow_are_told(remover, rendered, tmp_path, name):
    """All weights are numbers."""

    def grow(weights):
        for values in weights.values():
            values.mul_(1e30)

    remover = DigitRemover(remover.classifier, CONFIGS[name](changed_checkpoint(name, tmp_path, grow)))
    with pytest.raises(InputError, match=r"changed\.pt\): this network answered NaN or infinity"):
        remover.remove(rendered[0].photo, rendered[0].digits)


def test_a_classifier_that_answers_no_numbers_is_told(remover, rendered):
    preprocessing = replace(remover.classifier.preprocessing, mean=float("nan"))
    classifier = replace(remover.classifier, preprocessing=preprocessing)
    with pytest.raises(InputError, match=rf"classifier {classifier.name}: this network answered NaN"):
        DigitRemover(classifier, RemovalConfig(key_pixels=KeyPixelConfig("evidence"))).remove(
            rendered[0].photo, rendered[0].digits
        )


@pytest.mark.parametrize(
    "confidences, told",
    [
        (lambda boxes: np.full(len(boxes), np.nan), "answered NaN"),
        (lambda boxes: np.zeros(len(boxes) + 1), r"expected \(\d,\)"),
        (lambda boxes: np.zeros(0), r"expected \(\d,\)"),
    ],
    ids=["nan", "one more", "none"],
)
def test_a_reader_without_an_answer_for_each_box_is_told(remover, rendered, confidences, told):
    def reader(image, boxes):
        return np.zeros(len(boxes), int), confidences(boxes)

    with pytest.raises(InputError, match=rf"reader 2: .*{told}"):
        DigitRemover(remover.classifier, remover.config, [reader]).remove(rendered[0].photo, rendered[0].digits)


class NoFill:
    name = "no fill"

    def weights(self, config):
        return ()

    def load(self, config, device):
        return lambda images, mask, key_pixels, inside: images * float("nan")


class NoEvidence:
    name = evidence = "no evidence"

    def threshold(self, config):
        return 0.5

    def weights(self, config):
        return ()

    def load(self, config, device):
        def find(pixels, boxes, map_mean, map_std):
            nothing = np.zeros(pixels.shape[:2], bool)
            return np.full(nothing.shape, np.nan, np.float32), KeyPixels(nothing, ~nothing)

        return find


@pytest.mark.parametrize(
    "registry, method, settings",
    [
        (FILLS, NoFill(), lambda: {"fill": FillConfig(NoFill.name)}),
        (KEY_PIXELS, NoEvidence(), lambda: {"key_pixels": KeyPixelConfig(NoEvidence.name)}),
    ],
    ids=["fill", "key pixels"],
)
def test_a_method_of_ones_own_that_gives_no_numbers_is_told(monkeypatch, remover, rendered, registry, method, settings):
    monkeypatch.setattr(registry, "_entries", dict(registry._entries))
    registry.register(method.name, method)
    with pytest.raises(InputError, match=rf"{method.name}: this network answered NaN"):
        DigitRemover(remover.classifier, RemovalConfig(**settings())).remove(rendered[0].photo, rendered[0].digits)
