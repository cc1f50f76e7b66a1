import numpy as np
import pytest
import torch

from svhn.data.render import textures
from svhn.torch_inpaint.removal.config import FillConfig
from svhn.torch_inpaint.removal.fills.grnn import Kernel, grnn
from svhn.torch_inpaint.removal.fills.steered import fill

RNG = np.random.default_rng(0)


def random_case(batch=2, patterns=40, queries=25, channels=3, size=30.0):
    points = torch.from_numpy(RNG.uniform(0, size, (batch, patterns, 2)).astype(np.float32))
    values = torch.from_numpy(RNG.uniform(0, 255, (batch, patterns, channels)).astype(np.float32))
    wanted = torch.from_numpy(RNG.uniform(0, size, (batch, queries, 2)).astype(np.float32))
    return points, values, wanted


def wide(sigma):
    """A round kernel, the same for all queries."""
    return Kernel(torch.tensor(sigma))


def naive(points, values, queries, sigma, metric=None):
    """Specht's formula as a double loop in float64."""
    points, values, queries = (array.double().numpy() for array in (points, values, queries))
    answers = np.zeros((*queries.shape[:2], values.shape[2]))
    for b in range(queries.shape[0]):
        for q in range(queries.shape[1]):
            total = 0.0
            for k in range(points.shape[1]):
                dx, dy = points[b, k] - queries[b, q]
                a, m, c = (1, 0, 1) if metric is None else metric[b, q].double().numpy()
                weight = np.exp(-(a * dx * dx + 2 * m * dx * dy + c * dy * dy) / (2 * float(sigma[b, q]) ** 2))
                answers[b, q] += weight * values[b, k]
                total += weight
            answers[b, q] /= total
    return answers


@pytest.mark.parametrize("steered", [False, True])
def test_equals_a_double_loop(steered):
    points, values, queries = random_case()
    sigma = torch.from_numpy(RNG.uniform(3, 6, queries.shape[:2]).astype(np.float32))
    metric = None
    if steered:
        metric = torch.tensor([2.0, 0.7, 0.6]).expand(*queries.shape[:2], 3)
    answers = grnn(points, values, queries, Kernel(sigma, metric))
    np.testing.assert_allclose(answers.numpy(), naive(points, values, queries, sigma, metric), atol=0.02)


def test_is_the_softmax_of_negative_squared_distances():
    points, values, queries = random_case()
    distances = torch.cdist(queries, points, compute_mode="donot_use_mm_for_euclid_dist")
    expected = torch.softmax(-(distances**2) / (2 * 1.8**2), dim=2) @ values
    torch.testing.assert_close(grnn(points, values, queries, wide(1.8)), expected, atol=0.02, rtol=0)


def test_a_tiny_sigma_is_the_nearest_neighbour_and_a_huge_one_the_mean():
    points, values, queries = random_case()
    nearest = torch.cdist(queries, points).argmin(dim=2)
    expected = torch.stack([values[b][nearest[b]] for b in range(len(points))])
    torch.testing.assert_close(grnn(points, values, queries, wide(0.01)), expected, atol=1e-3, rtol=0)
    mean = values.mean(dim=1, keepdim=True).expand_as(expected)
    torch.testing.assert_close(grnn(points, values, queries, wide(1e5)), mean, atol=0.05, rtol=0)


def test_far_queries_do_not_divide_by_zero():
    points, values, _ = random_case()
    answers = grnn(points, values, torch.full((2, 1, 2), 1e4), wide(1.0))
    assert torch.isfinite(answers).all()


@pytest.mark.parametrize("linear", [False, True])
def test_a_batch_equals_its_items_and_chunks_do_not_matter(linear):
    points, values, queries = random_case(batch=3)
    together = grnn(points, values, queries, wide(3.0), linear=linear)
    alone = torch.cat(
        [
            grnn(p[None], v[None], q[None], wide(3.0), linear=linear)
            for p, v, q in zip(points, values, queries, strict=True)
        ]
    )
    torch.testing.assert_close(together, alone, atol=1e-2, rtol=0)
    chunked = grnn(points, values, queries, wide(3.0), linear=linear, budget=points.shape[0] * points.shape[1] * 4)
    torch.testing.assert_close(together, chunked, atol=1e-2, rtol=0)


def test_padding_is_no_pattern():
    points, values, queries = random_case(batch=1)
    known = torch.ones(1, points.shape[1], dtype=torch.bool)
    known[:, 30:] = False
    padded = grnn(points, values, queries, wide(3.0), known)
    torch.testing.assert_close(padded, grnn(points[:, :30], values[:, :30], queries, wide(3.0)), atol=1e-2, rtol=0)


def test_the_plane_is_that_of_weighted_ridge_regression():
    """Solved for each query by least squares, with the ridge as further rows."""
    points, values, queries = random_case(batch=1, queries=8)
    sigma, ridge = 6.0, 0.05
    answers = grnn(points, values, queries, Kernel(torch.tensor(sigma), ridge=ridge), linear=True)[0].double().numpy()
    p, v, q = (array[0].double().numpy() for array in (points, values, queries))
    for query, answer in zip(q, answers, strict=True):
        weights = np.exp(-np.square(p - query).sum(axis=1) / (2 * sigma**2))
        weights = np.sqrt(weights / weights.sum())[:, None]
        rows = np.concatenate([weights * np.column_stack([np.ones(len(p)), p - query]), np.zeros((2, 3))])
        rows[-2:, 1:] = np.sqrt(ridge) * sigma * np.eye(2)
        wanted = np.concatenate([weights * v, np.zeros((2, 3))])
        np.testing.assert_allclose(answer, np.linalg.lstsq(rows, wanted, rcond=None)[0][0], atol=0.02)


def test_a_plane_is_continued_exactly_without_ridge():
    points, _, queries = random_case(patterns=80)
    plane = lambda at: (3 * at[..., :1] - 2 * at[..., 1:] + 50).repeat(1, 1, 3)  # noqa: E731
    answers = grnn(points, plane(points), queries, Kernel(torch.tensor(4.0), ridge=1e-6), linear=True)
    torch.testing.assert_close(answers, plane(queries), atol=0.1, rtol=0)


def picture(height=40, width=56):
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([2.0 * x + y, 100 + 0 * x, 200 - 3.0 * y])[None].float()


def hole(height=40, width=56):
    mask = torch.zeros(1, height, width, dtype=torch.bool)
    mask[:, 12:26, 15:40] = True
    return mask


def test_fill_changes_only_the_mask_and_continues_a_gradient():
    image, mask = picture(), hole()
    filled = fill(torch.where(mask[:, None], torch.tensor(255.0), image), mask, ~mask)
    keep = ~mask[:, None].expand_as(image)
    assert torch.equal(filled[keep], image[keep])
    constant = fill(image, mask, ~mask, FillConfig(ridge=1e6))
    assert (filled - image).abs().mean() < 0.6 * (constant - image).abs().mean()
    assert (filled - image)[mask[:, None].expand_as(image)].abs().mean() < 2.5


def test_fill_preserves_a_constant():
    image, mask = torch.full((1, 3, 30, 30), 77.0), torch.zeros(1, 30, 30, dtype=torch.bool)
    mask[:, 5:20, 5:25] = True
    torch.testing.assert_close(fill(image, mask, ~mask), image, atol=1e-3, rtol=0)


def test_fill_stays_within_the_range_of_the_key_pixels():
    image = torch.from_numpy(RNG.uniform(60, 90, (1, 3, 40, 56)).astype(np.float32))
    filled = fill(image, hole(), ~hole())
    assert filled.min() >= 60 and filled.max() <= 90


def test_steering_continues_an_edge_better_than_round_kernels():
    edge = torch.zeros(1, 3, 48, 48)
    y, x = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")
    edge[:] = torch.where(x > y, 200.0, 40.0)
    mask = torch.zeros(1, 48, 48, dtype=torch.bool)
    mask[:, 16:32, 16:32] = True
    errors = [
        (fill(edge, mask, ~mask, FillConfig(steering=rounds)) - edge)[mask[:, None].expand_as(edge)].square().mean()
        for rounds in (0, 2)
    ]
    assert errors[1] < 0.7 * errors[0]


def test_a_batch_of_regions_equals_its_items():
    images = torch.cat([picture(), 255 - picture(), picture().flip(1)])
    masks = torch.cat([hole(), hole().roll(5, dims=2), torch.zeros_like(hole())])
    together = fill(images, masks, ~masks)
    for i in range(3):
        alone = fill(images[i : i + 1], masks[i : i + 1], ~masks[i : i + 1])
        torch.testing.assert_close(together[i : i + 1], alone, atol=0.01, rtol=0)


def test_a_region_without_key_pixels_is_refused():
    with pytest.raises(ValueError, match="key pixel"):
        fill(picture(), hole(), torch.zeros_like(hole()))


def steps_at_tiles(settle: float) -> float:
    """Return how large steps between the columns of a fill are at the edges of tiles, against those elsewhere."""
    rng = np.random.default_rng(3)
    image = torch.from_numpy(textures.brick(rng, (96, 96), 24.0, None).astype(np.float32)).permute(2, 0, 1)[None]
    mask = torch.zeros(1, 96, 96, dtype=torch.bool)
    mask[:, 24:72, 24:72] = True
    inside = fill(image, mask, ~mask, FillConfig(settle=settle))[0, :, 32:64, 32:64]
    steps = inside.diff(dim=2).abs().mean(dim=(0, 1))
    at_edges = torch.arange(33, 64) % 8 == 0
    return float(steps[at_edges].mean() / steps[~at_edges].mean())


def test_tiles_do_not_show_far_inside_a_hole():
    assert steps_at_tiles(settle=0.0) > 3
    assert steps_at_tiles(FillConfig.settle) < 1.3


def test_what_is_neither_masked_nor_a_key_pixel_leaves_no_trace():
    """Nor does padding, however far it reaches."""
    mask = torch.zeros(1, 60, 60, dtype=torch.bool)
    mask[:, 20:40, 20:40] = True
    keys = ~mask
    keys[:, 20:40, 40:44] = False
    images = torch.full((1, 3, 60, 60), 90.0)
    spoilt = torch.where((mask | keys)[:, None], images, torch.tensor(255.0))
    np.testing.assert_allclose(fill(spoilt, mask, keys)[0, :, 20:40, 20:40], 90, atol=1e-3)


@pytest.mark.cuda
def test_cuda_gives_the_same():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    image, mask = picture() + torch.rand(1, 3, 40, 56), hole()
    on_cpu = fill(image, mask, ~mask)
    on_cuda = fill(image.cuda(), mask.cuda(), ~mask.cuda()).cpu()
    assert (on_cpu - on_cuda).abs().max() < 0.0255  # 1e-4 of the range
