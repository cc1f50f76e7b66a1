"""Strips for training digits: deterministic, labelled right, boxes about the strokes, and the distance fields."""

import cv2
import numpy as np
import pytest

from svhn.data.render.distance_fields import FIELD_FRAME, FIELD_HEIGHT, HANDS, distance_field
from svhn.data.render.strips import STRIP_TYPEFACES, StripSettings, draw_strip, render_crops
from svhn.errors import InputError


@pytest.mark.parametrize("typeface", STRIP_TYPEFACES)
def test_every_digit_of_every_face_fills_its_field(typeface):
    frame = round(FIELD_FRAME * FIELD_HEIGHT)
    solids = set()
    for label in range(10):
        field = distance_field(typeface, label)
        solid = field > 0
        solids.add(solid.tobytes())
        rows = np.flatnonzero(solid.any(axis=1))
        assert abs(rows[0] - frame) <= 2 and abs(rows[-1] + 1 - frame - FIELD_HEIGHT) <= 2
        assert abs(field.max()) < 0.25 and field.dtype == np.float32
        columns = np.flatnonzero(solid.any(axis=0))
        assert abs(columns[0] - frame) <= 2 and abs(columns[-1] + 1 + frame - field.shape[1]) <= 3
    assert len(solids) == 10


def test_a_field_measures_distances():
    field = distance_field("DejaVuSans-Bold", 1)
    down, across = np.gradient(field * FIELD_HEIGHT)
    steepness = np.hypot(down, across)
    assert np.median(steepness) == pytest.approx(1, abs=0.1)


def test_hands_differ():
    eights = {distance_field(f"hand {hand}", 8).tobytes() for hand in range(HANDS)}
    assert len(eights) == HANDS


def test_the_same_seed_gives_the_same_strip():
    first, again, other = (draw_strip(np.random.default_rng(seed), [3, 1]) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert first[0].shape != other[0].shape or (first[0] != other[0]).any()


def test_boxes_stand_side_by_side_inside_the_strip():
    for seed in range(60):
        strip, boxes = draw_strip(np.random.default_rng(seed), [2, 7, 4])
        assert strip.dtype == np.uint8 and strip.shape[2] == 3
        assert len(boxes) == 3
        assert all(box.clip(strip.shape[1], strip.shape[0]) for box in boxes)
        centres = [box.centre for box in boxes]
        steps = np.diff(np.array(centres), axis=0)
        assert (steps[:, 0] > 0.1 * boxes[0].height).all()


def test_heights_follow_the_setting():
    heights = [
        box.height
        for seed in range(60)
        for box in draw_strip(np.random.default_rng(seed), [5], StripSettings(digit_height=(40.0, 0.0)))[1]
    ]
    assert np.median(heights) == pytest.approx(40, rel=0.12)


def test_crops_show_their_labels():
    # One face, sharp: nearest class mean on edge strength; chance is .1.
    settings = StripSettings(typefaces=("DejaVuSans-Bold",), hand_share=0.0, degradation=0.0)
    crops, labels = render_crops(800, seed=1, settings=settings)
    gray = crops.astype(np.float32).mean(axis=3)
    down, across = np.gradient(np.stack([cv2.GaussianBlur(image, (0, 0), 1.5) for image in gray]), axis=(1, 2))
    edges = np.hypot(down, across)
    edges = (edges / (edges.mean(axis=(1, 2), keepdims=True) + 1)).reshape(800, -1)
    means = np.stack([edges[:600][labels[:600] == digit].mean(axis=0) for digit in range(10)])
    nearest = ((edges[600:, None] - means) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels[600:]).mean() > 0.25


def test_real_walls_are_drawn_on():
    walls = np.zeros((3, 48, 72, 3), np.uint8)
    walls[:, ::6] = 255
    with_walls, _ = render_crops(60, seed=2, walls=walls)
    without, _ = render_crops(60, seed=2)
    assert (with_walls != without).any(axis=(1, 2, 3)).mean() > 0.3


@pytest.mark.parametrize(("field", "value"), [("typefaces", ("Comic",)), ("digit_height", (2.0, 0.1))])
def test_unusable_settings_are_named(field, value):
    with pytest.raises(InputError, match=field):
        StripSettings(**{field: value})
