"""Scores of found digits: matching, precision and recall, average precision."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from svhn.boxes import Box, DigitBox
from svhn.tf_models.finder.scores import Tally, match, text_of


def digit(left: int, label: int, width: int = 10) -> DigitBox:
    return DigitBox(Box(left, 0, left + width, 20), label)


TRUTH = [digit(0, 1), digit(12, 2), digit(24, 3)]


def test_everything_right_scores_one():
    tally = Tally()
    tally.add(TRUTH, TRUTH, [0.9, 0.8, 0.7], "123")
    report = tally.report()
    names = ("whole_number", "nothing_else", "precision", "recall", "f1", "ap", "f1_any_label", "ap_any_label")
    assert [report[name] for name in names] == pytest.approx([1] * len(names))


def test_a_wrong_label_counts_as_found_but_not_as_right():
    tally = Tally()
    tally.add(TRUTH, [digit(0, 1), digit(12, 7)], [0.9, 0.8], "17")
    report = tally.report()
    assert report["whole_number"] == 0
    assert (report["precision"], report["recall"]) == (1 / 2, pytest.approx(1 / 3))
    assert (report["precision_any_label"], report["recall_any_label"]) == (1, pytest.approx(2 / 3))


def test_each_digit_is_matched_once_by_the_surest():
    rows = match(TRUTH[:1], [digit(1, 1), digit(0, 1)], [0.5, 0.9])
    assert rows == [(0.9, True, True), (0.5, False, False)]


def test_half_of_the_union_is_enough():
    assert match([digit(0, 1, 10)], [digit(0, 1, 20)], [0.9])[0][1]
    assert not match([digit(0, 1, 10)], [digit(0, 1, 21)], [0.9])[0][1]


def test_a_box_drawn_otherwise_is_at_the_right_place():
    tally = Tally()
    tally.add(TRUTH[:2], [digit(0, 1, 25), digit(12, 7)], [0.9, 0.8], "17")
    report = tally.report()
    assert (report["f1"], report["f1_any_label"], report["f1_iou30"]) == (0, pytest.approx(0.5), pytest.approx(0.5))


def test_average_precision_of_a_monotone_curve_is_that_of_scikit_learn():
    confidences = np.linspace(0.9, 0.1, 6)
    right = np.array([True, True, True, False, False, False])
    tally = Tally(detections=[(c, bool(r), bool(r)) for c, r in zip(confidences, right, strict=True)], digits=3)
    tally.exact, tally.sole = [False], [False]
    assert tally.report()["ap"] == pytest.approx(average_precision_score(right, confidences))


def test_missed_digits_lower_average_precision():
    tally = Tally(exact=[False], sole=[False], detections=[(0.9, True, True)], digits=4)
    assert tally.report()["ap"] == pytest.approx(0.25)


def test_the_text_follows_the_reading_order():
    assert text_of(TRUTH[::-1]) == "123"
