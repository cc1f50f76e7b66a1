"""Numbers as they are written: with letters, as one word or as two, and as a sure reading names their digits."""

import pytest
from test_fusion import PHOTO, found, written

from svhn.finder.digits import Findings, to_digits
from svhn.finder.evidence.written import SURE_READING, numbers_as_written

STEP = 24


def numbers(digits, *regions):
    """Return the numbers of digits (label, left[, top]), 40 pixels high."""
    return numbers_as_written(to_digits(found(*((label, 0.9, *where) for label, *where in digits)), PHOTO), regions)


def texts(digits, *regions):
    return [(number.text, number.written) for number in numbers(digits, *regions)]


@pytest.mark.parametrize(
    "text, places, expected",
    [
        ("12a", (0, 1), ("12", "12a")),
        ("C12", (1, 2), ("12", "C12")),
        ("A-52", (2, 3), ("52", "A-52")),
        ("15/2", (0, 1, 3), ("152", "15/2")),
        ("54-56", (0, 1, 3, 4), ("5456", "54-56")),
        ("No. 12", (4, 5), ("12", "No. 12")),
        ("12 b", (0, 1), ("12", "12 b")),
        ("(12)", (1, 2), ("12", "12")),
    ],
)
def test_letters_and_signs_go_with_their_digits(text, places, expected):
    digits = [(int(text[place]), 100 + STEP * place) for place in places]
    assert texts(digits, written(text, 100)) == [expected]


def test_letters_of_words_do_not():
    assert texts([(1, 100 + 5 * STEP), (2, 100 + 6 * STEP)], written("HOTEL12", 100)) == [("12", "12")]
    assert texts([(1, 100), (2, 124)], written("12 HOTEL", 100)) == [("12", "12")]
    assert texts([(1, 100), (2, 124)], written("12 b", 100, score=0.7)) == [("12", "12")]
    assert texts([(1, 100), (2, 124)], written("12a", 100, top=400)) == [("12", "12")]


def test_a_sure_reading_decides_which_digits_a_number_has():
    assert texts([(8, 100), (1, 124)], written("31", 100, score=0.96)) == [("31", "31")]
    assert texts([(8, 100), (1, 124)], written("31", 100, score=SURE_READING - 0.01)) == [("81", "81")]
    high = written("31", 100, top=160, score=0.96)
    for character in high.words[0].characters:
        character.box[3] += 60  # where the reader draws a line too high, it is not known which digits it means
    assert texts([(8, 100), (1, 124)], high) == [("81", "81")]
    twice = [(4, 98), (4, 104), (3, 124)]
    assert texts(twice, written("43", 100)) == [("43", "43")]
    assert texts([(4, 100)], written("43", 100)) == [("43", "43")]
    assert texts([(4, 100), (3, 124), (7, 150)], written("43", 100)) == [("437", "437")]  # who knows
    assert texts([(1, 80), (2, 100), (4, 124)], written("24", 100)) == [("124", "124")]  # it begins too late
    (number,) = numbers([(8, 100), (1, 124)], written("31", 100))
    assert number.digits[0].probabilities[3] == pytest.approx(0.95) and number.digits[0].presence == pytest.approx(0.9)


def test_what_stands_in_two_words_of_several_digits_is_two_numbers():
    close = [(1, 100), (2, 124), (3, 160), (4, 184)]
    assert texts(close) == [("1234", "1234")]
    assert texts(close, written("12", 100), written("34", 160)) == [("12", "12"), ("34", "34")]
    column = [(1, 100, 100), (2, 100, 145)]
    assert texts(column, written("1", 100, 100), written("2", 100, 145)) == [("12", "12")]


def test_what_stands_in_one_word_is_one_number():
    apart = [(5, 100), (4, 124), (5, 190), (6, 214)]
    assert [text for text, _ in texts(apart)] == ["54", "56"]
    # as wide as the word with its sign
    assert [text for text, _ in texts(apart, written("54--56", 100))] == ["5456"]


def test_letters_are_places_to_remove():
    (number,) = numbers([(1, 100), (2, 124)], written("12a", 100))
    (letter,) = Findings(numbers=(number,)).letters
    assert letter.label is None and letter.box.left == 100 + 2 * STEP and letter.confidence == pytest.approx(0.9)
