"""Fills and key pixels by name: the registered ones, and one of a user's own."""

import numpy as np
import pytest
import torch

from svhn.errors import InputError
from svhn.torch_inpaint import DigitRemover
from svhn.torch_inpaint.removal import FILLS, KEY_PIXELS, FillConfig, KeyPixelConfig, KeyPixels, RemovalConfig
from svhn.torch_inpaint.removal.masks import paint_boxes

GREEN = (40.0, 160.0, 70.0)


class GreenFill:
    """One colour, learned from nothing."""

    name = "green"

    def weights(self, config):
        return ()

    def load(self, config, device):
        colour = torch.tensor(GREEN, device=device)[None, :, None, None]
        return lambda images, mask, key_pixels, inside: torch.where(mask[:, None], colour, images)


class WholeBoxes:
    """Everything in the boxes."""

    name = evidence = "whole boxes"

    def threshold(self, config):
        return 0.5

    def weights(self, config):
        return ()

    def load(self, config, device):
        def find(pixels, boxes, map_mean, map_std):
            mask = paint_boxes(boxes, pixels.shape[:2])
            return mask.astype(np.float32), KeyPixels(mask, ~mask)

        return find


@pytest.fixture
def own_methods(monkeypatch):
    """A user's own methods, for one test."""
    for registry, method in ((FILLS, GreenFill()), (KEY_PIXELS, WholeBoxes())):
        monkeypatch.setattr(registry, "_entries", dict(registry._entries))
        registry.register(method.name, method)


def test_a_method_of_ones_own_removes_a_number(own_methods, remover, rendered):
    sample = rendered[0]
    config = RemovalConfig(rounds=0, key_pixels=KeyPixelConfig("whole boxes"), fill=FillConfig("green", grain=0))
    result = DigitRemover(remover.classifier, config).remove(sample.photo, sample.digits)
    boxes = [digit.box for digit in sample.digits]
    np.testing.assert_array_equal(result.mask, paint_boxes(boxes, result.mask.shape))
    assert (result.image[result.mask] == np.uint8(GREEN)).all()
    np.testing.assert_array_equal(result.image[~result.mask], sample.photo[~result.mask])


@pytest.mark.parametrize("registry", [FILLS, KEY_PIXELS], ids=lambda registry: registry.kind)
def test_every_method_is_called_by_its_name(registry):
    assert [registry[name].name for name in registry] == list(registry)


def test_methods_say_on_which_checkpoints_they_depend():
    fill, key_pixels = FillConfig(finisher="a.pt"), KeyPixelConfig(segmenter="b.pt")
    assert {name: tuple(FILLS[name].weights(fill)) for name in FILLS} == {
        "patches": ("a.pt",),
        "finished": ("a.pt",),
        "steered": (),
        "grnn-seed": (),
    }
    assert {name: tuple(KEY_PIXELS[name].weights(key_pixels)) for name in KEY_PIXELS} == {
        "strokes": ("b.pt",),
        "evidence": (),
    }


@pytest.mark.parametrize(
    "config",
    [RemovalConfig(fill=FillConfig(finisher="none")), RemovalConfig(key_pixels=KeyPixelConfig(segmenter="none"))],
    ids=["finisher", "segmenter"],
)
def test_missing_weights_are_told_before_the_work(remover, config):
    with pytest.raises(InputError, match="none"):
        DigitRemover(remover.classifier, config)
