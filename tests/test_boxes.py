"""Boxes, reading order and grouping."""

import itertools
import sys
import time
import tracemalloc
import types

import numpy as np
import pytest

from svhn.boxes import (
    Box,
    DigitBox,
    Number,
    clip_digits,
    group_digits,
    reading_order,
    to_arrays,
    to_supervision,
    union,
)


def line_of_digits(degrees: float, count: int = 5, step: float = 30.0) -> list[DigitBox]:
    """Digits 1, 2, .. on a straight baseline; positive angles go downwards, as y does in a photo."""
    direction = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    corners = np.rint(200 + step * np.arange(count)[:, None] * direction).astype(int)
    return [DigitBox(Box(x, y, x + 16, y + 24), i + 1) for i, (x, y) in enumerate(corners.tolist())]


def row(text: str, left: int = 0, top: int = 0, height: int = 24) -> list[DigitBox]:
    width = height * 2 // 3
    boxes = [Box(left + i * (width + 2), top, left + i * (width + 2) + width, top + height) for i in range(len(text))]
    return [DigitBox(box, int(label)) for box, label in zip(boxes, text, strict=True)]


def texts(numbers: list[Number]) -> list[str]:
    return [number.text for number in numbers]


def test_box_of_a_size_is_half_open():
    box = Box.from_size(3, 5, 10, 20)
    assert box == Box(3, 5, 13, 25)
    assert (box.width, box.height, box.area, box.centre) == (10, 20, 200, (8.0, 15.0))


def test_box_of_fractions_holds_the_whole_rectangle():
    assert Box.from_size(-0.5, 2.25, 4.25, 1.5) == Box(-1, 2, 4, 4)


@pytest.mark.parametrize("corners", [(5, 0, 5, 9), (5, 0, 4, 9), (0, 9, 5, 9), (0, 9, 5, 1)])
def test_empty_boxes_are_refused(corners):
    with pytest.raises(ValueError, match="left < right"):
        Box(*corners)


def test_slices_cut_rows_before_columns():
    pixels = np.arange(60).reshape(6, 10)
    assert pixels[Box(2, 1, 5, 3).slices].tolist() == [[12, 13, 14], [22, 23, 24]]


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box(-3, -2, 4, 5), Box(0, 0, 4, 5)),
        (Box(15, 6, 25, 14), Box(15, 6, 20, 10)),
        (Box(-9, -9, 99, 99), Box(0, 0, 20, 10)),
        (Box(2, 3, 4, 5), Box(2, 3, 4, 5)),
        (Box(20, 0, 25, 5), None),
        (Box(0, -5, 5, 0), None),
    ],
)
def test_clip_keeps_the_part_inside_the_photo(box, inside):
    assert box.clip(width=20, height=10) == inside


def test_iou_counts_pixels():
    a, b = Box(0, 0, 10, 8), Box(5, 4, 15, 12)
    canvas = np.zeros((2, 20, 20), bool)
    canvas[0][a.slices] = canvas[1][b.slices] = True
    expected = canvas.all(axis=0).sum() / canvas.any(axis=0).sum()
    assert a.iou(b) == b.iou(a) == pytest.approx(expected)
    assert a.iou(a) == 1.0
    assert a.iou(a.shift(10, 0)) == 0.0


def test_grow_and_union():
    assert Box(2, 3, 4, 6).grow(2) == Box(0, 1, 6, 8)
    assert union([Box(2, 3, 4, 6), Box(-1, 5, 3, 9)]) == Box(-1, 3, 4, 9)


@pytest.mark.parametrize("label", [10, -1])
def test_labels_are_0_to_9(label):
    with pytest.raises(ValueError, match=r"0\.\.9"):
        DigitBox(Box(0, 0, 1, 1), label)


def test_clip_digits_drops_only_what_is_wholly_outside():
    digits = [DigitBox(Box(-5, 2, 5, 9), 0), DigitBox(Box(30, 2, 40, 9), 1), DigitBox(Box(18, -4, 28, 14), 2)]
    assert clip_digits(digits, 20, 10) == [DigitBox(Box(0, 2, 5, 9), 0), DigitBox(Box(18, 0, 20, 10), 2)]


@pytest.mark.parametrize("degrees", [-60, -45, -20, 0, 20, 45, 60])
def test_numbers_that_lean_are_read_from_left_to_right(degrees):
    digits = line_of_digits(degrees)
    for order in itertools.permutations(digits):
        assert reading_order(order) == digits


@pytest.mark.parametrize("degrees", [75, 85, 90, 95, 105])
def test_steep_and_vertical_numbers_are_read_downwards(degrees):
    digits = line_of_digits(degrees)
    for order in itertools.permutations(digits):
        assert reading_order(order) == digits


def test_reading_order_survives_ragged_digits():
    digits = [DigitBox(Box(0, 8, 10, 40), 4), DigitBox(Box(14, 0, 30, 36), 7), DigitBox(Box(28, 9, 50, 30), 1)]
    assert [digit.label for digit in reading_order(digits[::-1])] == [4, 7, 1]


@pytest.mark.parametrize("count", [0, 1])
def test_reading_order_of_less_than_two(count):
    digits = line_of_digits(0, count)
    assert reading_order(digits) == digits


def test_reading_order_of_digits_in_the_same_place():
    digits = [DigitBox(Box(0, 0, 4, 4), 1), DigitBox(Box(0, 0, 4, 4), 2)]
    assert sorted(digit.label for digit in reading_order(digits)) == [1, 2]


def test_one_number_whatever_the_order_of_its_digits():
    for order in itertools.permutations(row("4711")):
        assert texts(group_digits(order)) == ["4711"]


def test_numbers_far_apart_stay_apart_from_the_upper_left():
    digits = row("56", left=0, top=100) + row("34", left=200, top=0) + row("12", left=0, top=0)
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert texts(group_digits([digits[i] for i in rng.permutation(6)])) == ["12", "34", "56"]


def test_digits_of_other_size_are_another_number():
    digits = row("12", height=60) + row("9", left=86, top=20, height=20)
    assert texts(group_digits(digits)) == ["12", "9"]


def test_a_digit_in_the_middle_joins_both_ends():
    first, middle, last = row("173")
    assert texts(group_digits([first, last])) == ["1", "3"]
    assert texts(group_digits([first, last, middle])) == ["173"]


def test_vertical_number_is_one_number():
    digits = line_of_digits(90, count=4)
    assert texts(group_digits(digits[::-1])) == ["1234"]


def test_a_wide_gap_separates_and_a_narrow_one_does_not():
    left = DigitBox(Box(0, 0, 16, 40), 1)
    near, far = (DigitBox(Box(16 + gap, 0, 32 + gap, 40), 2) for gap in (29, 31))
    assert texts(group_digits([left, near])) == ["12"]
    assert texts(group_digits([left, far])) == ["1", "2"]


@pytest.mark.parametrize("gap, expected", [(19, ["12"]), (20, ["1", "2"]), (30, ["1", "2"])])
def test_lines_far_below_each_other_are_numbers_of_their_own(gap, expected):
    """Down, the limit is half of the larger height: closer than digits beside each other may be."""
    upper, lower = DigitBox(Box(0, 0, 20, 40), 1), DigitBox(Box(0, 40 + gap, 20, 80 + gap), 2)
    assert texts(group_digits([upper, lower])) == expected


@pytest.mark.parametrize("height, expected", [(39, ["12"]), (40, ["1", "2"]), (41, ["1", "2"])])
def test_digits_of_twice_the_height_are_another_number(height, expected):
    digits = [DigitBox(Box(0, 0, 12, 20), 1), DigitBox(Box(14, 0, 34, height), 2)]
    assert texts(group_digits(digits)) == expected


def test_the_part_inside_a_photo_is_never_nothing():
    assert Box(-3, -3, 5, 4).inside(10, 10) == Box(0, 0, 5, 4)
    with pytest.raises(ValueError, match="inside a photo of 10 x 10 pixels"):
        Box(10, 0, 12, 4).inside(10, 10)


@pytest.mark.timed
def test_thousands_of_digits_are_grouped_within_bounds():
    """A wall of digits, each a neighbour of the next: no matrix of all pairs, and no time that grows out of bounds."""
    wall = [DigitBox(Box(4 * x, 5 * y, 4 * x + 3, 5 * y + 4)) for y in range(100) for x in range(100)]
    tracemalloc.start()
    began = time.process_time()
    (number,) = group_digits(wall)
    assert time.process_time() - began < 30  # 3 s on a slow core, three times as much while memory is traced
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert len(number.digits) == 10_000 and number.box == Box(0, 0, 399, 499)


def test_no_digits_no_numbers():
    assert group_digits([]) == []


def test_number_text_and_box():
    number = Number((DigitBox(Box(0, 5, 10, 30), 0), DigitBox(Box(12, 0, 22, 24)), DigitBox(Box(24, 4, 30, 28), 7)))
    assert number.text == "0?7"
    assert number.box == Box(0, 0, 30, 30)


def test_digits_as_plain_arrays():
    digits = [DigitBox(Box(1, 2, 3, 5), 7), DigitBox(Box(4, 5, 6, 9))]
    boxes, labels, sure = to_arrays(digits)
    assert boxes.tolist() == [[1, 2, 3, 5], [4, 5, 6, 9]] and labels.tolist() == [7, -1] and np.isnan(sure).all()
    empty = to_arrays([])
    assert empty[0].shape == (0, 4) and len(empty[1]) == len(empty[2]) == 0


def test_digits_as_detections(monkeypatch):
    """The package is optional; its class takes these three."""
    package = types.ModuleType("supervision")
    package.Detections = lambda **fields: fields
    monkeypatch.setitem(sys.modules, "supervision", package)
    found = to_supervision([DigitBox(Box(1, 2, 3, 5), 7)])
    assert (
        found["xyxy"].tolist() == [[1, 2, 3, 5]] and found["class_id"].tolist() == [7] and found["confidence"] is None
    )
