"""Numbers of which the networks are unsure are read again by the text reader."""

import numpy as np
import pytest

from svhn.boxes import Box, Number
from svhn.finder.config import FinderConfig
from svhn.finder.digits import Findings, FoundDigit
from svhn.finder.evidence.rereading import is_unsure, reread
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


def read(digits, reader, photo=PHOTO):
    """Return what is found where these digits were, and where perhaps there is one."""
    findings = reread(photo, Findings.of([Number(tuple(digits))] if digits else []), reader)
    texts = [one.text for one in findings.numbers]
    assert "".join(texts) == "".join(str(one.label) for one in sorted(findings.digits, key=lambda one: one.box.left))
    return findings


def test_it_is_asked_where_the_product_of_the_confidences_is_low():
    assert is_unsure(number("12")) and not is_unsure(number("12", 0.99, 0.99))
    assert is_unsure(number("1234", 0.95, 0.95))  # each alone is surer than that


def test_other_names_and_the_same_places():
    before = number("17")
    (after,) = read(before, Reader("11")).numbers
    assert after.text == "11" and [digit.box for digit in after.digits] == [digit.box for digit in before]
    assert [digit.presence for digit in after.digits] == [0.9, 0.9]
    sure = after.digits[1]
    assert sure.reading_confidence == pytest.approx(0.9 * 0.95) and sum(sure.probabilities) == pytest.approx(1)


def test_what_it_sees_is_the_number_and_a_little_more_within_the_photo():
    reader = Reader("1")
    read(number("12"), reader)
    np.testing.assert_allclose(reader.asked[0], [25, 15, 71, 50])
    read(number("12"), reader, PHOTO[:46, :67])
    np.testing.assert_allclose(reader.asked[1], [25, 15, 67, 46])


@pytest.mark.parametrize("before, text, expected", [("79", "123", "123"), ("79", "1", "1"), ("798", "12a", "12")])
def test_more_or_fewer_digits_get_places_as_high_as_those_before(before, text, expected):
    (after,) = read(number(before), Reader(text)).numbers
    assert after.text == expected
    assert {(digit.box.top, digit.box.bottom) for digit in after.digits} == {(20, 45)}
    lefts = [digit.box.left for digit in after.digits]
    assert lefts == sorted(lefts) and all(digit.presence == 0.9 for digit in after.digits)


def test_a_digit_that_is_not_read_is_unsure():
    class Narrow(Reader):
        def read(self, photo, region):
            left, top, _, bottom = region.box
            return super().read(photo, TextRegion(np.array([left, top, left + 22, bottom]), 1.0))

    findings = read(number("17"), Narrow("1"))
    assert [one.text for one in findings.numbers] == ["1"] and [one.label for one in findings.unsure] == [7]
    sure = read(number("17", presence=0.93), Narrow("1"))
    assert [one.text for one in sure.numbers] == ["17"] and not sure.unsure


@pytest.mark.parametrize("reader", [Reader(""), Reader("15", 0.89), Reader("BUS", 0.89), Reader("ABC1"), Reader("B")])
def test_where_it_is_unsure_itself_nothing_changes(reader):
    findings = read(number("17"), reader)
    assert [one.text for one in findings.numbers] == ["17"] and not findings.unsure


@pytest.mark.parametrize("text, left", [("SUBV", 0), ("SO", 1), ("B", 1), ("12a", 1), ("", 1)])  # S and O may be digits
def test_what_is_read_as_a_word_is_no_number_and_unsure(text, left):
    findings = read(number("51"), Reader(text))
    assert len(findings.numbers) == left and len(findings.unsure) == 2 * (not left)


def test_sure_numbers_are_not_asked_about():
    reader = Reader("SUBV")
    assert read(number("17", 0.99, 0.99), reader).numbers and read([], reader) == Findings() and not reader.asked


def test_the_finder_asks_about_unsure_numbers_of_small_photos_only(monkeypatch):
    finder = Finder(config=FinderConfig(text_reader="none"))
    for given, reader, photo, expected in [
        (number("17"), Reader("11"), PHOTO, "11"),
        (number("17", 0.99, 0.99), Reader("11"), PHOTO, "17"),
        (number("17"), None, PHOTO, "17"),
        (number("17"), Reader("11"), np.zeros((200, 200, 3), np.uint8), "17"),
    ]:
        findings = Findings.of([Number(tuple(given))])
        monkeypatch.setitem(finder.__dict__, "text_reader", reader)
        monkeypatch.setattr(Finder, "judge", lambda self, known, findings=findings: findings)
        monkeypatch.setattr(Finder, "_sure", lambda self, *_, findings=findings, **__: findings)
        monkeypatch.setattr(Finder, "_likely", lambda self, *_, findings=findings, **__: findings)
        assert finder.read_number(photo).text == expected
