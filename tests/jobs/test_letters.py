"""Letters that are read with a number: read, and removed with it where that is wanted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from job_tools import job, lines_of

from svhn.boxes import Box, Letter, Number
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.finder import Finder, Findings, FoundDigit
from svhn.jobs import read_photos
from svhn.photos import encode_rgb

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold",), layouts=("straight",))


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A photo in which a 5 and the letter beside it, in truth a 0, are seen."""
    scene = render_photo(1, replace(CLEAR, digit_height=(28, 40), texts=("50",)))
    five, letter = scene.digits
    digit = FoundDigit(five.box, 5, 0.99, tuple(np.eye(10)[5].tolist()))
    number = Number((digit,), (Letter(letter.box, "O"),))
    see(monkeypatch, Findings((digit,), numbers=(number,)))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.png").write_bytes(encode_rgb(scene.photo))
    return tmp_path / "photos"


def see(monkeypatch, findings):
    """Let the finder find something in every photo."""
    for name in ("_sure", "_likely"):
        monkeypatch.setattr(Finder, name, lambda *asked, **options: findings)


def test_read_says_how_a_number_is_written(photo, tmp_path):
    read_photos([photo / "0.png"], output=tmp_path / "read.jsonl")
    (number,) = json.loads((tmp_path / "read.jsonl").read_text())["numbers"]
    assert (number["text"], number["written"], len(number["digits"])) == ("5", "5O", 1)


def test_without_letters_written_is_null(photo, monkeypatch):
    see(monkeypatch, Findings(numbers=(Number((alone(),)),)))
    (line,) = read_photos([photo / "0.png"])
    assert line.numbers[0].text == "7" and line.numbers[0].written is None


def alone():
    return FoundDigit(Box(2, 2, 12, 30), 7, 0.99, tuple(np.eye(10)[7].tolist()))


@pytest.mark.parametrize("with_letters", [False, True])
def test_letters_are_removed_where_that_is_wanted(photo, tmp_path, with_letters):
    assert job(photo, tmp_path / "out", with_letters=with_letters).counts == {"ok": 1}
    (line,) = lines_of(tmp_path / "out")
    assert sum(len(number["boxes"]) for number in line["numbers"]) == 1 + with_letters
