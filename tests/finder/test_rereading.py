"""Numbers of which the networks are unsure are read again by the text reader."""

import numpy as np
import pytest

from svhn.boxes import Box, Number
from svhn.finder.config import FinderConfig
from svhn.finder.digits import Findings, FoundDigit
from svhn.finder.evidence.rereading import is_unsure, numbers_read, read_again
from svhn.finder.evidence.writing import Character, TextRegion, Word
from svhn.finder.finder import Finder

PHOTO = np.zeros((60, 120, 3), np.uint8)


class Reader:
    """Reads the same text wherever it is asked, evenly spread, and remembers where that was."""

    def __init__(self, text, score=0.95):
        self.text, self.score, self.asked = text, score, []

    def find(self, photo):
        return []

    def read(self, photo, region):
        self.asked.append(region.box)
        left, top, right, bottom = region.box
        edges = np.linspace(left, right, len(self.text) + 1)
        characters = tuple(
            Character(text, self.score, np.array([edges[i], top, edges[i + 1], bottom]))
            for i, text in enumerate(self.text)
        )
        return TextRegion(region.box, 1.0, (Word(self.text, self.score, characters),) if self.text else ())


def number(text, sure=0.8, presence=0.9):
    boxes = [Box(30 + 20 * i, 20, 46 + 20 * i, 45) for i in range(len(text))]
    others = (1 - sure) / 9
    names = [tuple(sure if label == int(name) else others for label in range(10)) for name in text]
    return [FoundDigit(box, int(name), presence, of) for box, name, of in zip(boxes, text, names, strict=True)]


def text_of(digits):
    return "".join(str(digit.label) for digit in digits)


def test_it_is_asked_where_the_product_of_the_confidences_is_low():
    assert is_unsure(number("12")) and not is_unsure(number("12", 0.99, 0.99))
    assert is_unsure(number("1234", 0.95, 0.95))  # each alone is surer than that


def test_other_names_and_the_same_places():
    before = number("17")
    after = read_again(PHOTO, before, Reader("11")).digits
    assert text_of(after) == "11" and [digit.box for digit in after] == [digit.box for digit in before]
    assert [digit.presence for digit in after] == [0.9, 0.9]
    assert after[1].reading_confidence == pytest.approx(0.9 * 0.95) and sum(after[1].probabilities) == pytest.approx(1)


def test_what_it_sees_is_the_number_and_a_little_more_within_the_photo():
    reader = Reader("1")
    read_again(PHOTO, number("12"), reader)
    np.testing.assert_allclose(reader.asked[0], [27, 17, 69, 48])
    read_again(PHOTO[:46, :67], number("12"), reader)
    np.testing.assert_allclose(reader.asked[1], [27, 17, 67, 46])


@pytest.mark.parametrize("text, expected", [("123", "123"), ("1", "1"), ("12a", "12")])
def test_more_or_fewer_digits_get_places_as_high_as_those_before(text, expected):
    digits = read_again(PHOTO, number("79" if len(expected) != 2 else "798"), Reader(text)).digits
    assert text_of(digits) == expected
    assert {(digit.box.top, digit.box.bottom) for digit in digits} == {(20, 45)}
    lefts = [digit.box.left for digit in digits]
    assert lefts == sorted(lefts) and all(digit.presence == 0.9 for digit in digits)


@pytest.mark.parametrize("reader", [Reader(""), Reader("15", 0.89), Reader("BUS"), Reader("ABC1")])
def test_where_it_is_unsure_itself_nothing_changes(reader):
    assert read_again(PHOTO, number("17"), reader) is None
    (same,) = numbers_read(PHOTO, [Number(tuple(number("17")))], [], reader)
    assert same.text == "17"


@pytest.mark.parametrize(
    "sure, likely, read, expected",
    [
        (["17"], ["17"], "11", ["11"]),
        (["42"], ["423"], "423", ["423"]),  # what has low scores is read just so
        ([], ["42"], "41", ["41"]),  # nothing is sure, and something is read there
        ([], ["42"], "BUS", []),
        (["42"], ["423"], "", ["42"]),
    ],
)
def test_low_scores_count_where_they_are_read(sure, likely, read, expected):
    as_numbers = ([Number(tuple(number(text))) for text in texts] for texts in (sure, likely))
    assert [found.text for found in numbers_read(PHOTO, *as_numbers, Reader(read))] == expected


def test_a_surer_reading_of_the_sure_digits_alone_counts_more():
    class Unlike(Reader):
        def read(self, photo, region):
            short = region.box[2] - region.box[0] < 50
            self.text, self.score = ("42", 0.99) if short else ("423", 0.95)
            return super().read(photo, region)

    given = [Number(tuple(number("42")))], [Number(tuple(number("423")))]
    assert [found.text for found in numbers_read(PHOTO, *given, Unlike(""))] == ["42"]


def test_the_finder_asks_about_unsure_numbers_of_small_photos_only(monkeypatch):
    finder = Finder(config=FinderConfig(text_reader="none"))
    for given, reader, photo, expected in [
        (number("17"), Reader("11"), PHOTO, "11"),
        (number("17", 0.99, 0.99), Reader("11"), PHOTO, "17"),
        (number("17"), None, PHOTO, "17"),
        (number("17"), Reader("11"), np.zeros((200, 200, 3), np.uint8), "17"),
    ]:
        findings = Findings(tuple(given), numbers=(Number(tuple(given)),))
        monkeypatch.setitem(finder.__dict__, "text_reader", reader)
        monkeypatch.setattr(Finder, "judge", lambda self, known, findings=findings: findings)
        monkeypatch.setattr(Finder, "_sure", lambda self, *_, findings=findings, **__: findings)
        monkeypatch.setattr(Finder, "_likely", lambda self, *_, findings=findings, **__: findings)
        assert finder.read_number(photo).text == expected
