"""Listed boxes in the pixels of a photo: of its own size, of another, of the stored picture, of parts."""

import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.data.formats.entries import MOST_DIGITS, BoxEntry, PlainAnnotations, turn_rectangle
from svhn.data.formats.names import PhotoName
from svhn.errors import InputError
from svhn.photos.metadata import turn_upright

WIDTH, HEIGHT = 560, 400
RECTANGLES = [(60.0, 80.0, 100.0, 120.0), (180.0, 90.0, 90.0, 110.0)]
LABELS = [4, 7]
DIGITS = [DigitBox(Box(60, 80, 160, 200), 4), DigitBox(Box(180, 90, 270, 200), 7)]


def entry(rectangles=RECTANGLES, **what):
    return BoxEntry(rectangles, LABELS[: len(rectangles)], **what)


def test_boxes_of_the_photo_stay_as_they_are():
    for size in (None, (WIDTH, HEIGHT)):
        fitted = entry(size=size).fit(WIDTH, HEIGHT)
        assert fitted.digits == DIGITS and fitted.change is None


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.5, 2, 7])
def test_boxes_of_another_size_are_scaled_and_it_is_said(factor):
    scaled = [tuple(value * factor for value in rectangle) for rectangle in RECTANGLES]
    fitted = entry(scaled, size=(WIDTH * factor, HEIGHT * factor)).fit(WIDTH, HEIGHT)
    assert fitted.digits == DIGITS
    assert fitted.change == f"boxes scaled from a picture size of {560 * factor:g} x {400 * factor:g} to 560 x 400"


def test_sides_that_were_rounded_are_the_same_shape():
    fitted = entry([(20.0, 26.0, 33.0, 40.0)], size=(187, 133)).fit(WIDTH, HEIGHT)  # 560 / 3, 400 / 3
    (digit,) = fitted.digits
    assert digit.box.iou(Box(60, 78, 159, 198)) > 0.95


@pytest.mark.parametrize("size", [(400, 560), (560, 420), (500, 400), (560, 200), (12, 9), (1, 1)])
def test_another_shape_is_refused_with_both_sizes(size):
    rectangles = [(0.0, 0.0, 3.0, 4.0)] if min(size) < 100 else [(60.0, 80.0, 50.0, 60.0)]
    if min(size) == 1:
        rectangles = [(0.0, 0.0, 1.0, 1.5)]
    with pytest.raises(
        InputError, match=rf"a picture of {size[0]} x {size[1]} pixels, this photo has 560 x 400; expected"
    ):
        entry(rectangles, size=size).fit(WIDTH, HEIGHT)


@pytest.mark.parametrize("size", [(400, 560), (9, 9), None])
def test_without_boxes_no_size_matters(size):
    assert BoxEntry(size=size).fit(WIDTH, HEIGHT).digits == []


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
@pytest.mark.parametrize("factor", [1, 0.5])
def test_boxes_of_the_stored_picture_are_turned_like_its_pixels(orientation, factor):
    stored = np.zeros((560, 400), np.uint8)  # 400 wide, 560 high
    rectangle = (40.0, 100.0, 60.0, 20.0)
    stored[100:120, 40:100] = 1
    rows, columns = np.nonzero(turn_upright(stored, orientation))
    scaled = tuple(value * factor for value in rectangle)
    fitted = entry([scaled], size=(400 * factor, 560 * factor)).fit(WIDTH, HEIGHT, orientation)
    assert fitted.digits[0].box == Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    assert f"turned by the EXIF orientation {orientation}" in fitted.change and "size" in fitted.change


def test_turning_twice_by_opposite_orientations_is_nothing():
    rectangle = (40.0, 100.0, 60.0, 20.0)
    assert turn_rectangle(turn_rectangle(rectangle, (400, 560), 6), (560, 400), 8) == rectangle
    for orientation in (5, 7):
        turned = turn_rectangle(rectangle, (400, 560), orientation)
        assert turn_rectangle(turned, (560, 400), orientation) == rectangle


@pytest.mark.parametrize("orientation", [1, 2, 3, 4])
def test_swapped_sides_without_a_quarter_turn_are_refused(orientation):
    with pytest.raises(InputError, match="a picture of 400 x 560 pixels, this photo has 560 x 400"):
        entry(size=(400, 560)).fit(WIDTH, HEIGHT, orientation)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_boxes_of_the_upright_size_are_those_of_the_upright_photo(orientation):
    assert entry(size=(WIDTH, HEIGHT)).fit(WIDTH, HEIGHT, orientation).digits == DIGITS


@pytest.mark.parametrize("size", [None, (WIDTH, HEIGHT)])
@pytest.mark.parametrize("rectangle", [(0.46, 0.33, 0.11, 0.28), (0.0, 0.0, 1.0, 1.0), (-0.6, -0.7, 1.1, 1.2)])
def test_boxes_from_0_to_1_are_refused_where_pixels_are_expected(size, rectangle):
    for annotation in (entry([rectangle], size=size), entry([RECTANGLES[0], rectangle], size=size)):
        with pytest.raises(InputError, match=r"boxes from 0 to 1.*expected pixels"):
            annotation.fit(WIDTH, HEIGHT)
        with pytest.raises(InputError, match=r"boxes from 0 to 1.*expected pixels"):
            annotation.listed()


def test_a_box_in_the_corner_is_no_part_of_the_picture():
    assert entry([(0.0, 0.0, 9.0, 12.0)]).fit(WIDTH, HEIGHT).digits[0].box == Box(0, 0, 9, 12)
    assert entry([(-50.0, -50.0, 20.0, 20.0)]).fit(WIDTH, HEIGHT).digits[0].box == Box(-50, -50, -30, -30)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_boxes_outside_the_size_that_is_listed_with_them_are_refused(factor):
    with pytest.raises(InputError, match=r"lies outside the picture size of .* expected boxes inside it"):
        entry([(WIDTH * factor, 10.0, 60.0, 80.0)], size=(WIDTH * factor, HEIGHT * factor)).fit(WIDTH, HEIGHT)


def test_parts_of_the_picture_fit_any_size():
    parts = [(left / WIDTH, top / HEIGHT, wide / WIDTH, high / HEIGHT) for left, top, wide, high in RECTANGLES]
    relative = entry(parts, relative=True)
    assert relative.fit(WIDTH, HEIGHT).digits == DIGITS
    assert [digit.box.width for digit in relative.fit(2 * WIDTH, HEIGHT).digits] == [200, 180]
    with pytest.raises(InputError, match="parts of the picture"):
        relative.listed()


@pytest.mark.parametrize("what", [{}, {"size": (WIDTH, HEIGHT)}, {"relative": True}])
def test_more_boxes_than_any_photo_has_are_refused(what):
    crowd = BoxEntry([(0.1, 0.1, 5.0, 9.0)] * (MOST_DIGITS + 1), [None] * (MOST_DIGITS + 1), **what)
    with pytest.raises(InputError, match="10,001 boxes on one photo, expected at most 10,000"):
        crowd.fit(WIDTH, HEIGHT)


def test_whatever_is_said_is_part_of_the_version():
    versions = {
        one.version
        for one in (
            entry(),
            entry(RECTANGLES[:1]),
            entry(size=(WIDTH, HEIGHT)),
            entry(size=(HEIGHT, WIDTH)),
            entry(relative=True),
            BoxEntry(RECTANGLES, [4, 8]),
        )
    }
    assert len(versions) == 6


def test_a_mapping_of_digits_is_found_by_photos_too():
    annotations = PlainAnnotations({"x/a.png": DIGITS})
    assert annotations.find(PhotoName("/T/x/a.png")).fit(WIDTH, HEIGHT).digits == DIGITS
    assert annotations.find(PhotoName("/T/x/b.png")) is None
    assert dict(annotations) == {"x/a.png": DIGITS}
