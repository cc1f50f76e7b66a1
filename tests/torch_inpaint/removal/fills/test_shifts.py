"""Structure that goes on behind a hole: shifted copies of the surroundings."""

import cv2
import numpy as np
import pytest
import torch

from svhn.torch_inpaint.removal.fills.patches import add_patches
from svhn.torch_inpaint.removal.fills.shifts import _solved, continued


def bricks(height=120, width=150):
    """Courses of ten pixels with joints every 30, every other course by half a brick, and a little noise."""
    rows, columns = np.mgrid[:height, :width]
    joint = (rows % 10 < 2) | ((columns + 15 * (rows // 10 % 2)) % 30 < 2)
    wall = np.where(joint[..., None], (180, 175, 170), (150, 80, 60)).astype(np.float32)
    return wall + np.random.default_rng(0).normal(0, 2, wall.shape).astype(np.float32)


def number(shape=(120, 150)):
    mask = np.zeros(shape, np.uint8)
    cv2.putText(mask, "47", (45, 75), cv2.FONT_HERSHEY_SIMPLEX, 1.4, 1, 8)
    return mask > 0


def smeared(picture, mask):
    """A first answer that has lost the structure."""
    return np.where(mask[..., None], cv2.GaussianBlur(picture, (0, 0), 8), picture)


def error(filled, picture, mask):
    return float(np.abs(filled - picture)[mask].mean())


def test_a_wall_of_bricks_goes_on():
    picture, mask = bricks(), number()
    first = smeared(picture, mask)
    filled = continued(first, mask, ~mask, 8.0, torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(filled[~mask], picture[~mask])
    assert error(filled, picture, mask) < 0.35 * error(first, picture, mask)


@pytest.mark.parametrize("soft", [True, False])
def test_a_straight_edge_goes_straight_on_also_in_soft_pictures(soft):
    rows, columns = np.mgrid[:120, :150]
    shade = np.where(columns + rows // 2 > 110, 200, 90)[..., None] + np.zeros(3)
    picture, mask = cv2.GaussianBlur(shade.astype(np.float32), (0, 0), 1.0), number()
    first = np.where(mask[..., None], 90, picture).astype(np.float32)
    filled = add_patches(first, mask, ~mask, torch.device("cpu"), soft=soft)
    assert error(filled, picture, mask) < 0.5 * error(first, picture, mask)


def test_a_first_answer_like_its_surroundings_stays():
    plain, mask = np.random.default_rng(1).normal(120, 4, (120, 150, 3)).astype(np.float32), number()
    first = smeared(plain, mask)
    assert continued(first, mask, ~mask, 8.0, torch.Generator().manual_seed(0)) is None
    assert add_patches(first, mask, ~mask, torch.device("cpu"), soft=True) is None


def test_nothing_comes_from_what_is_closed():
    """The right half of the wall is green, and closed."""
    picture, mask = bricks(), number()
    picture[:, 110:] = (0, 255, 0)
    known = ~mask
    known[:, 105:] = False
    filled = continued(smeared(picture, mask), mask, known, 8.0, torch.Generator().manual_seed(0))
    assert (filled[mask][:, 1] < 200).all()


def test_too_little_that_is_known_gives_nothing():
    picture, mask = bricks(), number()
    known = np.zeros_like(mask)
    known[:9, :9] = True
    assert continued(smeared(picture, mask), mask, known, 8.0, torch.Generator().manual_seed(0)) is None


def test_poisson_s_equation_is_solved_as_by_elimination():
    hole = number((40, 60)) | (np.random.default_rng(0).random((40, 60)) < 0.3)
    hole[0, :20] = True  # beyond the picture's edge nothing is known
    pixels, index = np.argwhere(hole), np.full((42, 62), -1)
    index[1:-1, 1:-1][hole] = np.arange(hole.sum())
    around = [index[1 + dy : 41 + dy, 1 + dx : 61 + dx][hole] for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0))]
    beside = np.stack(around, axis=1)
    beside[beside < 0] = len(pixels)
    degree = np.where(pixels[:, :1] == 0, 3.0, 4.0)
    matrix = np.diag(degree[:, 0])
    for first, others in enumerate(beside):
        matrix[first, others[others < len(pixels)]] = -1
    wanted = np.random.default_rng(1).normal(0, 100, (len(pixels), 3))
    solution = _solved(degree, beside, wanted, np.zeros_like(wanted))
    np.testing.assert_allclose(solution, np.linalg.solve(matrix, wanted), atol=0.01)
