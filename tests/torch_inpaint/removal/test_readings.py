"""Whether a number is still legible, for one or several readers."""

import numpy as np
import pytest

from svhn.boxes import Box, DigitBox
from svhn.finder.digits import FoundDigit
from svhn.torch_inpaint.removal.readings import Reading, Readings, found_as, is_legible, looks_alike


def readings(*readers: list[tuple[int, float]]) -> Readings:
    """What each reader reads in each box: label and confidence."""
    answers = [tuple(np.array(column) for column in zip(*reader, strict=True)) for reader in readers]
    return Readings.of(answers, len(readers[0]))


NOTHING = readings([(3, 0.0)])


@pytest.mark.parametrize(
    "known, before, after, expected",
    [
        ([None], [(4, 0.9)], [(4, 0.8)], True),
        ([None], [(4, 0.9)], [(5, 0.8)], False),
        ([None], [(4, 0.9)], [(4, 0.4)], False),
        ([None], [(4, 0.9)], [(4, 0.5)], True),
        ([None], [(4, 0.0)], [(4, 0.8)], False),  # nothing was read there
        ([7], [(4, 0.9)], [(7, 0.8)], True),  # its known label, which nobody read before
        ([7], [(4, 0.9)], [(4, 0.8)], True),
        ([0], [(4, 0.9)], [(0, 0.8)], True),
        ([7], [(4, 0.9)], [(7, 0.3)], False),
        ([7], [(4, 0.9)], [(1, 0.8)], False),
    ],
)
def test_one_digit_for_one_reader(known, before, after, expected):
    assert is_legible(known, readings(before), readings(after), 0.5) is expected


def test_any_reader_that_still_reads_what_any_reader_read_counts():
    before = readings([(4, 0.9), (6, 0.9)], [(0, 0.0), (5, 0.9)])
    quiet = [(4, 0.1), (6, 0.1)]
    assert is_legible([None, None], before, readings(quiet, [(0, 0.0), (6, 0.8)]), 0.5)
    assert is_legible([None, None], before, readings([(4, 0.1), (5, 0.8)], quiet), 0.5)
    assert not is_legible([None, None], before, readings([(5, 0.8), (4, 0.8)], quiet), 0.5)  # of the other box


def test_half_a_digit_that_reads_as_another_one_counts_for_a_reader_that_can_find_nothing():
    before, nothing = readings([(8, 0.9)], [(8, 0.9)]), [(0, 0.0)]
    assert is_legible([8], before, readings([(8, 0.1)], [(3, 0.8)]), 0.5)
    assert not is_legible([8], before, readings([(8, 0.1)], [(3, 0.4)]), 0.5)
    assert not is_legible([8], before, readings([(3, 0.9)], nothing), 0.5)  # the classifier has to name a digit


def test_the_surest_readers_word_is_taken_for_each_box():
    both = readings([(4, 0.9), (6, 0.2)], [(1, 0.3), (5, 0.75)])
    assert both.labels.shape == both.confidences.shape == (2, 2)
    assert both.surest() == Reading("45", (0.9, 0.75))


def test_a_confidence_that_is_no_number_is_no_proof():
    unknown = Readings(np.array([[4]]), np.array([[np.nan]]))
    assert is_legible([4], readings([(4, 0.9)]), unknown, 0.5)


def test_what_was_found_has_been_read():
    found = [FoundDigit(Box(0, 0, 5, 9), 4, 0.9), FoundDigit(Box(6, 0, 11, 9), 7, 0.7)]
    labels, confidences = found_as(found)
    assert labels.tolist() == [4, 7] and confidences.tolist() == [0.9, 0.7]


def test_digits_that_somebody_listed_have_to_be_read():
    found = FoundDigit(Box(0, 0, 5, 9), 4, 0.9)
    assert found_as([found, DigitBox(Box(6, 0, 11, 9), 7)]) is None  # nobody says how sure that is
    assert found_as([found, FoundDigit(Box(6, 0, 11, 9), None, 0.8)]) is None  # a letter


def test_the_classifiers_word_counts_only_where_a_box_looks_like_before():
    before, after = readings([(1, 0.9)], [(1, 0.9)]), readings([(1, 0.8)], [(0, 0.0)])
    assert is_legible([1], before, after, 0.5, alike=[True])
    assert not is_legible([1], before, after, 0.5, alike=[False])
    assert is_legible([1], before, readings([(1, 0.1)], [(1, 0.8)]), 0.5, alike=[False])  # the other can find nothing


def test_what_is_left_of_strokes_looks_like_before_and_a_clean_wall_does_not():
    rng = np.random.default_rng(0)
    wall = rng.normal(120, 6, (40, 24, 3))
    digit = wall.copy()
    digit[5:35, 8:16] = 230
    ghost, half = wall + 0.1 * (digit - wall), wall.copy()
    half[5:20, 8:16] = 230
    assert looks_alike(digit, digit) and looks_alike(digit, ghost) and looks_alike(digit, half)
    assert not looks_alike(digit, wall)
    assert not looks_alike(digit, np.full_like(digit, 120))
    assert looks_alike(np.full_like(digit, 120), wall)  # nothing to go by
