"""Each rule by which the finder's candidates and what a text reader sees become one answer."""

import numpy as np
import pytest

from svhn.finder.candidates import Candidates
from svhn.finder.config import FinderConfig
from svhn.finder.digits import in_sure_numbers, to_digits
from svhn.finder.evidence.fusion import (
    SURE,
    SURE_BESIDE,
    Evidence,
    add_read,
    add_rows,
    complete,
    drop_bare,
    drop_letters,
    drop_lone,
    drop_others,
    drop_surplus,
    drop_unread,
    drop_zeros,
    fuse_sources,
    is_other_number,
    reads_number,
)
from svhn.finder.evidence.geometry import in_line
from svhn.finder.evidence.writing import Character, TextRegion, split_words

HEIGHT, WIDTH, PHOTO = 40, 24, (600, 800)


def found(*digits):
    """Make candidates of (label, presence, left[, top[, scale]]), 40 pixels high at scale 1."""
    boxes, labels = [], []
    for label, _, left, *more in digits:
        top, scale = (*more, 200, 1.0)[0], (*more, 1.0)[1] if len(more) > 1 else 1.0
        boxes.append([left, top, left + scale * WIDTH, top + scale * HEIGHT])
        labels.append(label)
    presence = np.array([digit[1] for digit in digits], np.float32)
    return Candidates(np.array(boxes, np.float32).reshape(-1, 4), presence, np.eye(10, dtype=np.float32)[labels])


def written(text, left, top=200, score=0.95):
    """Make a region in which a text is read, with characters of the size of `found`'s digits."""
    characters, x = [], float(left)
    for character in text:
        if character != " ":
            characters.append(Character(character, score, np.array([x, top, x + WIDTH, top + HEIGHT], np.float32)))
        x += WIDTH
    return TextRegion(np.array([left, top, x, top + HEIGHT], np.float32), score, split_words(text, characters))


def known(candidates, *regions, look=None, **config):
    return Evidence(candidates, regions, PHOTO, FinderConfig(**{"min_confidence": 0.5} | config), look)


def text_of(digits):
    """Return the labels from left to right."""
    order = np.argsort(digits.boxes[:, 0])
    return "".join(str(label) for label in digits.probabilities[order].argmax(axis=1))


@pytest.mark.parametrize("text", ["13:00", "-23:00", "02/05/2013", "4.12.2020", "(812)", "400-20-80"])
def test_what_lies_in_a_time_a_date_or_a_telephone_number_is_dropped(text):
    region = written(text, 100)
    digits = found((1, 0.99, 100), (3, 0.99, 100 + (len(text) - 2) * WIDTH), (5, 0.9, 700))
    assert text_of(drop_others(digits, known(digits, region))) == "5"
    assert not reads_number(region.words[0])
    unsure = written(text, 100, score=0.6)
    assert text_of(drop_others(digits, known(digits, unsure))) == "135"


@pytest.mark.parametrize("text", ["54-56", "192/194", "15/2", "12a", "18813"])
def test_a_house_number_is_no_other_number(text):
    assert not is_other_number(written(text, 100).words[0])


def test_what_lies_in_a_word_of_letters_is_dropped():
    digits = found((0, 0.99, 124), (5, 0.9, 400))
    assert text_of(drop_letters(digits, known(digits, written("HOTEL", 100)))) == "5"
    assert text_of(drop_letters(digits, known(digits, written("3AKPBIT", 100)))) == "5"  # Cyrillic
    for text in ("H0T", "12A", "HAUS12", "lO", "H"):  # a digit in it; may be 10; a letter alone
        assert text_of(drop_letters(digits, known(digits, written(text, 110)))) == "05", text
    assert text_of(drop_letters(digits, known(digits, written("HOTEL", 100, score=0.3)))) == "05"


def test_zeros_need_another_digit_beside_them():
    digits = found((0, 0.99, 100), (0, 0.9, 126), (0, 0.99, 300), (1, 0.9, 274))
    assert text_of(drop_zeros(digits, known(digits))) == "10"


def test_what_lies_where_nothing_is_written_is_dropped_unless_it_needs_no_writing():
    bare, sure, large = (3, 0.9, 50), (4, 0.98, 150), (5, 0.7, 300, 200, 4.0)
    pair = (1, 0.8, 500, 200, 0.2), (2, 0.8, 506, 200, 0.2)
    low_pair = (8, 0.8, 600, 200, 0.2), (9, 0.6, 606, 200, 0.2)
    digits = found(bare, sure, large, *pair, *low_pair)
    assert text_of(drop_bare(digits, known(digits))) == "4512"
    assert text_of(drop_bare(digits, known(digits, written("??", 45)))) == "34512"


def test_digits_that_are_read_are_added_with_the_finders_box_where_it_has_one():
    own = found((4, 0.9, 100), (7, 0.1, 126))
    accepted = own.take(own.presence > 0.5)
    added = add_read(accepted, known(own, written("471", 100)))
    assert text_of(added) == "471"
    assert added.boxes[added.presence.argsort()][:, 0].tolist() != [100, 124, 148]  # 7 has the finder's box
    assert sorted(added.boxes[:, 0].tolist()) == [100, 126, 148]


@pytest.mark.parametrize(
    ("text", "score", "is_number"),
    [
        ("12", 0.9, True),
        ("12a", 0.9, True),
        ("54-56", 0.9, True),
        ("B12C", 0.9, True),
        ("12", 0.7, False),
        ("It'11", 0.95, False),
        ("3AOA", 0.9, False),
        ("12ABC", 0.9, False),
        ("19537196720", 0.95, False),
        ("a", 0.9, False),
    ],
)
def test_which_words_read_as_a_house_number(text, score, is_number):
    assert reads_number(written(text, 0, score=score).words[0]) == is_number


def reader_of(*words):
    """Return what reads the words (text, left, score) whose middle is looked at, and the boxes that it was shown."""
    regions = [written(text, left, score=score) for text, left, score in words]
    asked = []

    def look(box):
        asked.append(box.tolist())
        seen = [region for region in regions if box[0] < (region.box[0] + region.box[2]) / 2 < box[2]]
        return [word for region in seen for word in region.words]

    return look, asked


@pytest.mark.parametrize(
    ("text", "score", "left_over"),
    [
        ("34", 0.6, "34"),
        ("31", 0.99, "34"),  # what they are called is the finder's
        ("3A", 0.99, "3"),  # as many as are read, the surest
        ("3A", 0.6, "34"),  # not surely
        ("34", 0.4, ""),
        ("MA", 0.99, ""),
        ("3EA", 0.99, ""),
    ],
)
def test_a_number_that_nothing_reads_is_looked_at_alone(text, score, left_over):
    digits = found((3, 0.9, 100), (4, 0.8, 126))
    look, asked = reader_of((text, 100, score))
    assert text_of(drop_unread(digits, known(digits, look=look))) == left_over
    surely_all = score >= 0.9 and sum(character.isdigit() for character in text) >= 2
    assert len(asked) == (1 if surely_all else 2) and all(box[0] < 100 and box[2] > 126 + WIDTH for box in asked)


def test_what_is_read_or_sure_is_not_looked_at_again():
    digits = found((3, 0.9, 100), (4, 0.97, 300), (5, 0.8, 326), (6, 0.9, 600))
    look, asked = reader_of()
    assert text_of(drop_unread(digits, known(digits, written("3", 100), look=look))) == "345"
    assert len(asked) == 2 and asked[0][0] > 500
    unsure = known(digits, written("3", 100, score=0.8), look=look)
    assert text_of(drop_unread(digits, unsure)) == "45"
    assert text_of(drop_unread(digits, known(digits))) == "3456"  # there is nobody to look
    assert not len(drop_unread(found(), known(found(), look=look)).presence)


def test_digits_of_a_column_are_looked_at_one_by_one():
    digits = found((3, 0.9, 100, 100), (4, 0.8, 100, 145))
    look, asked = reader_of(("3", 100, 0.9))
    assert text_of(drop_unread(digits, known(digits, look=look))) == "34"
    assert all(box[3] - box[1] < 2 * HEIGHT for box in asked)
    assert not len(drop_unread(digits, known(digits, look=reader_of()[0])).presence)


def test_words_of_a_line_are_judged_each_for_itself():
    none = found()
    added = add_read(none, known(none, written("1610 Marsh Rd", 100)))
    assert text_of(added) == "1610" and added.boxes[:, 0].max() < 200


def test_a_single_digit_that_is_read_needs_the_finders_support():
    none, support = found(), found((7, 0.06, 100))
    assert text_of(add_read(none, known(support, written("7", 100)))) == "7"
    assert text_of(add_read(none, known(none, written("7", 100)))) == ""
    assert text_of(add_read(none, known(support, written("7", 100, score=0.8)))) == ""


def test_what_a_surely_read_number_does_not_name_is_dropped():
    twice = found((4, 0.99, 100), (4, 0.8, 160), (3, 0.97, 124))
    fused = drop_surplus(twice, known(twice, written("43-", 100)))
    assert text_of(fused) == "43"
    sure = found((4, 0.99, 100), (4, 0.96, 160))
    assert text_of(drop_surplus(sure, known(sure, written("43-", 100)))) == "44"


def test_lone_digits_have_to_be_surer_or_read():
    digits = found((1, 0.8, 100), (2, 0.8, 126), (7, 0.8, 400), (9, 0.95, 600))
    assert text_of(drop_lone(digits, known(digits))) == "129"
    assert text_of(drop_lone(digits, known(digits, written("7", 400)))) == "1279"


def test_a_number_is_completed_along_its_line_and_its_column():
    line = found((4, 0.9, 100), (7, 0.4, 126), (1, 0.35, 152), (8, 0.2, 178))
    accepted = line.take(line.presence > 0.5)
    completed = complete(accepted, known(line))
    assert text_of(completed) == "471" and completed.presence.min() == np.float32(SURE_BESIDE)
    column = found((4, 0.9, 100, 100), (7, 0.4, 101, 145))
    assert len(complete(column.take(np.array([0])), known(column)).presence) == 2
    unsure = found((4, 0.75, 100), (7, 0.4, 126))
    assert text_of(complete(unsure.take(np.array([0])), known(unsure))) == "4"
    in_letters = found((4, 0.9, 100), (0, 0.4, 126))
    assert text_of(complete(in_letters.take(np.array([0])), known(in_letters, written("OR", 126)))) == "4"


def test_boxes_in_a_line_are_of_about_one_height():
    def moved(right, down, lower=0):
        return np.array([100 + right, 200 + down, 124 + right, 240 + down + lower], np.float32)

    box = moved(0, 0)
    assert in_line(box, moved(26, 0)) and in_line(box, moved(0, 45))
    assert not in_line(box, moved(26, 20))  # neither beside nor below
    assert not in_line(box, moved(26, 0, lower=15))  # higher
    assert not in_line(box, moved(80, 0))  # too far


def small(text, *sure, left=100, top=200):
    """Make candidates of 10 pixels, which the reader is too blind to find, but reads when it looks there alone."""
    places = range(left, left + 7 * len(sure), 7)
    return found(*((int(label), s, x, top, 0.25) for label, s, x in zip(text, sure, places, strict=True)))


def reads(text, score=0.95):
    return lambda box: written(text, 100, score=score).words


def test_rows_too_small_to_be_found_by_the_reader_are_added_when_it_reads_them_alone():
    row, nothing = small("471", 0.55, 0.6, 0.5), found()
    added = add_rows(nothing, known(row, look=reads("471")))
    assert text_of(added) == "471" and added.presence.min() == np.float32(SURE_BESIDE)
    for other in ("47", "4711", "47a", "HOT"):
        assert not len(add_rows(nothing, known(row, look=reads(other))).presence)
    assert not len(add_rows(nothing, known(row, look=reads("471", 0.8))).presence)
    assert not len(add_rows(nothing, known(row)).presence)  # nobody to ask


def test_rows_are_no_rows_where_the_reader_finds_writing_or_nothing_stands_in_line():
    row = small("471", 0.55, 0.6, 0.5)
    assert not len(add_rows(found(), known(row, written("PHONE", 90), look=reads("471"))).presence)
    for other in (
        small("4", 0.6),  # alone
        small("47", 0.6, 0.4),  # too unsure
        Candidates.join([small("4", 0.6), small("7", 0.6, left=107, top=205)]),  # on a slope
        found((4, 0.6, 100), (7, 0.6, 126)),  # large enough to be found
    ):
        assert not len(add_rows(found(), known(other, look=reads("47"))).presence)


def test_a_low_line_is_drawn_higher_than_its_digits():
    """The detector sees 12 megapixels at a quarter: around digits of 16 pixels it draws boxes of 50 to 60."""
    shape, digits = (3000, 4000), found((4, 0.3, 106, 212, 0.4), (7, 0.3, 130, 212, 0.4))
    read = add_read(found(), Evidence(digits, (written("47", 100),), shape))
    assert (read.boxes == digits.boxes).all()
    high = add_read(found(), known(found((4, 0.3, 106, 212, 0.2), (7, 0.3, 130, 212, 0.2)), written("47", 100)))
    assert (high.boxes[:, 3] - high.boxes[:, 1] == HEIGHT).all()


def test_all_rules_together():
    own = found((1, 0.9, 100), (2, 0.4, 126), (0, 0.8, 424), (5, 0.7, 700))
    regions = written("12", 100), written("HOTEL", 400)
    assert text_of(fuse_sources(known(own, *regions))) == "12"
    assert text_of(fuse_sources(known(own, *regions), [])) == "105"  # the finder alone


def test_nobody_sees_anything():
    assert len(fuse_sources(known(found())).presence) == 0
    assert len(fuse_sources(known(found(), written("HOTEL", 10))).presence) == 0


def test_the_least_confidence_that_was_asked_for_holds():
    own = found((1, 0.9, 100), (2, 0.9, 126))
    region = written("??", 100)
    evidence = known(own, region, min_confidence=0.95)
    digits = to_digits(fuse_sources(evidence), evidence.shape)
    assert len(digits) == 2 and in_sure_numbers(digits, 0.95) == [] and in_sure_numbers(digits, 0.85) == digits
    assert SURE > 0.5 and text_of(fuse_sources(known(found((1, 0.6, 100), (2, 0.6, 126)), region))) == ""
