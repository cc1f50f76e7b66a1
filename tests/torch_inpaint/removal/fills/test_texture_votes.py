"""What votes of patches do to detail, and how it is undone."""

import cv2
import numpy as np

from svhn.torch_inpaint.removal.fills.texture import MIDDLE_GAIN, undo_votes


def rough_picture(colour: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A gray, rough picture whose hole has colours that are rougher by so much: picture, hole."""
    rng = np.random.default_rng(seed)
    picture = np.repeat(120 + 40 * cv2.GaussianBlur(rng.normal(size=(80, 80, 1)), (0, 0), 1.5)[..., None], 3, axis=2)
    picture += rng.normal(0, 1, picture.shape)
    hole = np.zeros((80, 80), bool)
    hole[25:55, 25:55] = True
    picture[hole] += rng.normal(0, 1, (hole.sum(), 3)) * [colour, 0, -colour]
    return picture.astype(np.float32), hole


def roughness(picture: np.ndarray, part: np.ndarray) -> float:
    difference = picture[..., 0] - picture[..., 2]
    return float((difference - cv2.GaussianBlur(difference, (0, 0), 1))[part].std())


def test_colours_in_a_hole_become_as_rough_as_around_it():
    picture, hole = rough_picture(6)
    result = undo_votes(picture, hole, ~hole)
    around, before, after = roughness(picture, ~hole), roughness(picture, hole), roughness(result, hole)
    assert before > 3 * around and after < 1.4 * around
    assert np.array_equal(result[~hole], picture[~hole])


def test_detail_becomes_stronger_and_the_mean_stays():
    picture, hole = rough_picture(0)
    result = undo_votes(picture, hole, ~hole)
    inner = cv2.erode(hole.astype(np.uint8), np.ones((9, 9))) > 0
    gain = result.mean(axis=2)[inner].std() / picture.mean(axis=2)[inner].std()
    assert 1.01 < gain < MIDDLE_GAIN
    assert abs(result[hole].mean() - picture[hole].mean()) < 0.2
