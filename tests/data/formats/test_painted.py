"""Painted areas: run lengths, polygons, and areas of a picture that is smaller or stored on its side."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from svhn.data.formats.entries import BoxEntry
from svhn.data.formats.painted import PaintedArea, read_area
from svhn.errors import InputError


def blots(height=30, width=40, seed=0):
    return np.random.default_rng(seed).random((height, width)) < 0.4


@pytest.mark.parametrize("mask", [blots(), ~blots(), np.ones((3, 4), bool), np.zeros((3, 4), bool)])
def test_runs_hold_every_pixel(mask):
    area = PaintedArea.of(mask)
    assert (area.mask() == mask).all() and sum(area.runs) == mask.size and area.size == mask.shape[::-1]


def test_run_lengths_are_those_of_coco():
    """By hand: columns from the left, the first run is not painted."""
    mask = np.array([[1, 0, 0], [1, 1, 0]], bool)
    assert PaintedArea.of(mask).runs == (0, 2, 1, 1, 2)
    written = PaintedArea.of(mask).as_coco()
    assert written["segmentation"] == {"size": [2, 3], "counts": [0, 2, 1, 1, 2]}
    assert written["bbox"] == [0, 0, 2, 2] and written["area"] == 3 and written["iscrowd"] == 1
    assert read_area(written, None) == PaintedArea.of(mask)


def test_polygons_and_boxes_are_areas_too():
    expected = np.zeros((30, 40), bool)
    expected[4:10, 6:12] = True
    square = [[6, 4, 11, 4, 11, 9, 6, 9]]
    for row in ({"segmentation": square}, {"bbox": [6, 4, 6, 6]}, {"bbox": [6, 4, 6, 6], "segmentation": []}):
        assert (read_area(row, (40, 30)).mask() == expected).all()
    with pytest.raises(ValueError, match="width and height"):
        read_area({"segmentation": square}, None)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_an_area_of_the_stored_picture_is_turned_as_pillow_turns_it(orientation):
    mask = blots()
    stored, exif = Image.fromarray(mask), Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    stored.convert("L").save(file, "PNG", exif=exif)
    upright = np.array(ImageOps.exif_transpose(Image.open(file))) > 0
    fitted = BoxEntry(painted=[PaintedArea.of(mask)]).fit(30, 40, orientation)
    assert (fitted.hole == upright).all()


def test_an_area_of_a_smaller_picture_covers_every_pixel_it_touches():
    mask = np.zeros((30, 40), bool)
    mask[7, 9] = True
    larger = BoxEntry(painted=[PaintedArea.of(mask)]).fit(80, 60).hole
    assert larger[14:16, 18:20].all() and larger.sum() == 4
    assert BoxEntry(painted=[PaintedArea.of(np.pad(mask, ((0, 2), (0, 0))))]).fit(20, 16).hole[3, 4]
    both = BoxEntry(painted=[PaintedArea.of(mask), PaintedArea.of(mask[::-1])]).fit(40, 30).hole
    assert (both == (mask | mask[::-1])).all()
    with pytest.raises(InputError, match="this photo has 50 x 30"):
        BoxEntry(painted=[PaintedArea.of(mask)]).fit(50, 30)


def test_what_is_painted_is_part_of_what_a_later_job_compares():
    entries = [BoxEntry(), *(BoxEntry(painted=[PaintedArea.of(blots(seed=seed))]) for seed in range(2))]
    assert len({entry.version for entry in entries}) == 3
