import math

import numpy as np
import pytest
import torch

from svhn.torch_inpaint.removal.config import SeedConfig
from svhn.torch_inpaint.removal.fills.grnn import Kernel, grnn
from svhn.torch_inpaint.removal.fills.reference import (
    BINS,
    BUDGET,
    KEY_PIXEL_RULES,
    fill_seed,
    gradient_magnitude,
    reference_pattern_nodes,
)

RNG = np.random.default_rng(0)
QUICK = SeedConfig(epochs=60, round_epochs=10, rounds=4)
UNTRAINED = SeedConfig(epochs=0, rounds=0)


def case(height=14, width=17, seed=0):
    """A blurred random region with a hole and some doubtful pixels: images, mask, key pixels."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.rand((1, 3, height + 2, width + 2), generator=generator) * 255
    images = torch.nn.functional.avg_pool2d(noise, 3, stride=1)
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, 4:10, 5:12] = True
    doubtful = torch.rand((1, height, width), generator=generator) < 0.2
    return images, mask, ~mask & ~doubtful


def literal(image, mask, key_pixels, config):
    """The reference's removal pixel by pixel, in float64: image (C, H, W), mask and key pixels (H, W)."""
    _, height, width = image.shape
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    raster = [(y, x) for y in range(height) for x in range(width)]
    keys = [at for at in raster if key_pixels[at]]
    nodes = sorted({*keys[:: config.every], *(at for at in corners if not mask[at])})
    known = {at: image[:, at[0], at[1]].double() / 255 for at in sorted({*keys, *nodes})}
    weights = torch.stack([known[at] for at in nodes])
    weights = literal_training(nodes, weights, known, config, config.epochs)
    for _ in range(config.rounds):
        ring = [
            (y, x)
            for y, x in raster
            if (y, x) not in known
            and any((y + dy, x + dx) in known for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
        ]
        if not ring:
            break
        answers = literal_softmax(ring, nodes, config.sigma) @ weights
        nodes, weights = nodes + ring, torch.cat([weights, answers])
        known.update(zip(ring, answers, strict=True))
        weights = literal_training(nodes, weights, known, config, config.round_epochs)
    painted = image.double().clone()
    for y, x in raster:
        if mask[y, x]:
            value = known.get((y, x), (literal_softmax([(y, x)], nodes, config.sigma) @ weights)[0])
            painted[:, y, x] = value.clamp(0, 1) * 255
    return painted


def literal_softmax(queries, nodes, sigma):
    rows = []
    for y, x in queries:
        scores = [-((y - v) ** 2 + (x - u) ** 2) / (2 * sigma**2) for v, u in nodes]
        parts = [math.exp(score - max(scores)) for score in scores]
        rows.append([part / sum(parts) for part in parts])
    return torch.tensor(rows, dtype=torch.float64)


def literal_training(nodes, weights, known, config, epochs):
    kernel = literal_softmax(list(known), nodes, config.sigma)
    targets = torch.stack(list(known.values()))
    weights = weights.clone().requires_grad_()
    optimizer = torch.optim.Adagrad([weights], lr=config.learning_rate)
    for _ in range(epochs):
        loss = torch.nn.functional.mse_loss(kernel @ weights, targets)
        if loss < config.tolerance:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return weights.detach()


@pytest.mark.parametrize(
    "config",
    [UNTRAINED, SeedConfig(epochs=60, rounds=0), SeedConfig(epochs=60, rounds=1, round_epochs=10), QUICK],
    ids=["kernel", "training", "one round", "all"],
)
def test_equals_a_literal_implementation(config):
    """In float64 to 1e-6 of 255 gray levels; in float32, whose rounding the training enlarges, to 1e-3."""
    images, mask, key_pixels = case()
    expected = literal(images[0], mask[0], key_pixels[0], config)[None]
    torch.testing.assert_close(fill_seed(images.double(), mask, key_pixels, config), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(fill_seed(images, mask, key_pixels, config).double(), expected, atol=1e-3, rtol=0)


def test_a_network_that_is_good_enough_rests():
    images, mask, key_pixels = case()
    config = SeedConfig(epochs=200, tolerance=5e-3, rounds=0)
    expected = literal(images[0], mask[0], key_pixels[0], config)[None]
    assert (expected - fill_seed(images, mask, key_pixels, SeedConfig(epochs=200, rounds=0))).abs().max() > 1
    torch.testing.assert_close(fill_seed(images.double(), mask, key_pixels, config), expected, atol=1e-6, rtol=0)


def test_untrained_it_is_the_grnn_of_its_nodes():
    images, mask, key_pixels = case()
    nodes = reference_pattern_nodes(key_pixels)
    points, queries = (at[0].nonzero().flip(1).float()[None] for at in (nodes, mask))
    expected = grnn(points, images.permute(0, 2, 3, 1)[nodes][None], queries, Kernel(torch.tensor(1.8)))[0]
    answers = fill_seed(images, mask, key_pixels, UNTRAINED).permute(0, 2, 3, 1)[mask]
    torch.testing.assert_close(answers, expected, atol=0.02, rtol=0)


def test_a_batch_equals_its_items_however_it_is_split(monkeypatch):
    images, masks, key_pixels = (torch.cat(parts) for parts in zip(*(case(seed=s) for s in range(3)), strict=True))
    masks[1] = False
    together = fill_seed(images, masks, key_pixels, QUICK)
    torch.testing.assert_close(together[1], images[1], atol=0, rtol=0)
    monkeypatch.setitem(BUDGET, "cpu", 1)
    torch.testing.assert_close(fill_seed(images, masks, key_pixels, QUICK), together, atol=0.05, rtol=0)


def test_padding_changes_nothing():
    images, mask, key_pixels = case()
    padding = (0, 6, 0, 4)
    inside = torch.nn.functional.pad(torch.ones_like(mask), padding)
    wide = torch.nn.functional.pad(images, padding, value=255.0)
    padded_mask = torch.nn.functional.pad(mask, padding)
    padded_keys = torch.nn.functional.pad(key_pixels, padding, value=True)
    result = fill_seed(wide, padded_mask, padded_keys, QUICK, inside)[..., :14, :17]
    torch.testing.assert_close(result, fill_seed(images, mask, key_pixels, QUICK), atol=0.05, rtol=0)


def test_only_the_mask_changes_and_what_it_hid_does_not_matter():
    images, mask, key_pixels = case()
    hidden = torch.where(mask[:, None], torch.tensor(255.0), images)
    result = fill_seed(hidden, mask, key_pixels | mask, QUICK)
    torch.testing.assert_close(result, fill_seed(images, mask, key_pixels, QUICK), atol=0, rtol=0)
    outside = ~mask[:, None].expand_as(images)
    assert torch.equal(result[outside], images[outside])
    assert result.min() >= 0 and result.max() <= 255


def test_a_constant_stays_and_far_pixels_do_not_divide_by_zero():
    images, mask = torch.full((1, 3, 90, 130), 77.0), torch.ones(1, 90, 130, dtype=torch.bool)
    mask[:, :2, :2] = False
    result = fill_seed(images, mask, ~mask, SeedConfig(rounds=2))
    torch.testing.assert_close(result, images, atol=1e-3, rtol=0)


def test_a_region_without_key_pixels_is_refused():
    images, mask, key_pixels = case()
    with pytest.raises(ValueError, match="key pixel"):
        fill_seed(images, mask, key_pixels & False)


def test_pattern_nodes_are_every_third_key_pixel_and_the_corners():
    key_pixels = torch.from_numpy(RNG.random((2, 9, 8)) < 0.6)
    nodes = reference_pattern_nodes(key_pixels)
    for keys, chosen in zip(key_pixels.numpy(), nodes.numpy(), strict=True):
        expected = np.zeros(keys.size, bool)
        expected[np.flatnonzero(keys)[::3]] = True
        expected = expected.reshape(keys.shape)
        expected[[0, 0, -1, -1], [0, -1, 0, -1]] = True
        np.testing.assert_array_equal(chosen, expected)


@pytest.mark.parametrize("name", KEY_PIXEL_RULES)
def test_rules_take_the_fullest_of_35_bins(name):
    mean, std, gray = RNG.normal(size=(3, 20, 30)).astype(np.float32)
    decided_by = {"histogram": mean - std, "mean": mean, "std": std, "gradient": gradient_magnitude(gray)}[name]
    background = KEY_PIXEL_RULES[name](mean, std, gray)
    assert background.shape == (20, 30) and background.dtype == bool
    assert background.sum() == np.histogram(decided_by.astype(float), BINS)[0].max()
    flat = np.zeros((1, 1), np.float32)
    assert KEY_PIXEL_RULES[name](flat, flat, flat).all()


def test_the_last_bin_holds_the_largest_value():
    values = np.array([[0.0, 1.0, 1.0, 0.99]], np.float32)
    np.testing.assert_array_equal(KEY_PIXEL_RULES["mean"](values, values, values), values > 0.5)


def test_the_gradient_of_a_ramp_is_its_slope():
    y, x = np.mgrid[:8, :9].astype(np.float32)
    np.testing.assert_allclose(gradient_magnitude(3 * x + 4 * y)[1:-1, 1:-1], 5, rtol=1e-5)


@pytest.mark.cuda
def test_cuda_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    images, mask, key_pixels = case()
    on_cuda = fill_seed(images.cuda(), mask.cuda(), key_pixels.cuda(), QUICK).cpu()
    torch.testing.assert_close(on_cuda, fill_seed(images, mask, key_pixels, QUICK), atol=0.1, rtol=0)
