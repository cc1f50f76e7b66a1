"""What the benchmarks on photos of streets count."""

import numpy as np
import pytest

from benchmarks.street.calibration import calibration_error, log_loss
from benchmarks.street.whole import characters, digits_read, summarise


def test_the_calibration_error_is_how_far_shares_are_from_what_is_said():
    right = np.array([1.0] * 8 + [0.0] * 2)
    assert calibration_error(np.full(10, 0.8), right) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.95), right) == pytest.approx(0.15)
    assert log_loss(np.full(10, 0.8), right) < log_loss(np.full(10, 0.95), right)


def test_characters_are_cut_evenly_out_of_a_line():
    quad = np.array([[10, 0], [50, 20], [50, 40], [10, 20]], float)
    np.testing.assert_allclose(characters(quad, "12"), [[20, 15], [40, 25]])


def test_a_digit_is_read_when_its_label_is_read_at_its_place():
    digits = [{"label": 1, "box": [10, 10, 20, 40]}, {"label": 2, "box": [20, 10, 30, 40]}]
    assert digits_read(digits, [("1", (15, 25)), ("2", (25, 25))]) == 2
    assert digits_read(digits, [("7", (15, 25)), ("2", (90, 25))]) == 0


def test_a_photo_counts_as_left_when_a_digit_is_read_or_not_covered():
    clean = {"digits": 2, "read_before": 2, "read_after": 0, "uncovered": 0, "warned": False}
    result = summarise([clean, clean | {"read_after": 1}, clean | {"uncovered": 1, "warned": True}, clean])
    assert result["photos_with_a_digit_left"] == 0.5 and result["photos_with_a_digit_read"] == 0.25
    assert result["left_without_a_warning"] == 0.25 and result["warned_of"] == 0.25
    assert result["read_before"] == 1 and result["read_after"] == pytest.approx(1 / 8)
