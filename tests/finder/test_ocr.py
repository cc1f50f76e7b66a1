"""The general text reader: what it reads in rendered writing, and where; and how the finder asks it."""

import importlib.util
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from svhn.errors import InputError
from svhn.finder import Finder, FinderConfig, advice_on_reader, reader_version
from svhn.finder.candidates import Candidates
from svhn.finder.evidence import ocr
from svhn.finder.evidence.ocr import GeneralReader, cut_line, reader_scale, spans_of, text_reader
from svhn.finder.evidence.writing import Character, TextRegion, split_words


def wall(*texts, size=(480, 640)):
    """Return a photo with texts (text, left, bottom, scale) in white on gray."""
    photo = np.full((*size, 3), 90, np.uint8)
    for text, left, bottom, scale in texts:
        cv2.putText(photo, text, (left, bottom), cv2.FONT_HERSHEY_DUPLEX, scale, (235, 235, 235), 3, cv2.LINE_AA)
    return cv2.GaussianBlur(photo, (0, 0), 0.8)


@pytest.fixture(scope="module")
def reader():
    return GeneralReader()


def read_all(reader, photo):
    return [reader.read(photo, region) for region in reader.find(photo)]


def test_words_are_read_where_they_are(reader):
    regions = read_all(reader, wall(("4718", 60, 150, 2.5), ("BAKERY", 250, 400, 2.0)))
    words = {word.text: word for region in regions for word in region.words}
    assert set(words) == {"4718", "BAKERY"}
    number = words["4718"]
    (width, height), _ = cv2.getTextSize("4718", cv2.FONT_HERSHEY_DUPLEX, 2.5, 3)
    assert np.abs(number.box - [60, 150 - height, 60 + width, 150]).max() < 20
    centres = [(character.box[0] + character.box[2]) / 2 for character in number.characters]
    expected = 60 + width * (np.arange(4) + 0.5) / 4
    assert np.abs(np.array(centres) - expected).max() < width / 12
    assert all(region.score > 0.3 for region in regions) and number.score > 0.9


def test_writing_that_runs_down_is_read_turned(reader):
    lying = wall(("4718", 60, 150, 2.5), size=(240, 640))
    turned = np.ascontiguousarray(np.rot90(lying, -1))
    words = [word for region in read_all(reader, turned) for word in region.words]
    assert [word.text for word in words] == ["4718"]
    tops = [character.box[1] for character in words[0].characters]
    assert tops == sorted(tops) and tops[-1] - tops[0] > 100


@pytest.mark.parametrize(("last", "read"), [(7, "PARIS"), (20, "")])
def test_the_last_character_may_reach_beyond_the_line_but_not_stand_there(reader, monkeypatch, last, read):
    """What PP-OCR said of a line of 114 x 96 pixels, and what it says where it reads the filled up right of a line."""
    place = SimpleNamespace(line_txt_len=7.125, word_cols=[[1, 2, 4, 5, last]], confs=[0.99] * 5)
    answer = SimpleNamespace(txts=("PARIS",), scores=(0.99,), word_results=[place])
    monkeypatch.setattr(reader, "_engine", lambda *_, **__: answer)
    region = TextRegion(np.array([0, 0, 114, 96], np.float32), 0.9)
    (*words,) = reader.read(wall(), region).words
    assert [word.text for word in words] == ([read] if read else [])
    assert all(0 <= character.box[0] < character.box[2] <= 115 for word in words for character in word.characters)


def test_an_empty_wall_holds_no_writing(reader):
    assert reader.find(wall()) == []


def test_a_photo_is_enlarged_at_most_twice_for_the_detector():
    assert reader_scale((480, 1920, 3)) == 0.5 and reader_scale((100, 200)) == 2.0


def test_where_characters_start_and_end():
    assert spans_of(np.array([])) == [] and spans_of(np.array([0.3])) == [(0.0, 1.0)]
    assert np.allclose(spans_of(np.array([0.2, 0.4, 0.8])), [(0.1, 0.3), (0.3, 0.6), (0.6, 1.0)])


def test_a_line_is_cut_out_upright_and_its_points_map_back():
    photo = wall(("47", 60, 150, 2.5))
    quad = np.array([[50, 80], [200, 100], [195, 165], [45, 145]], np.float32)
    line, to_photo = cut_line(photo, quad)
    corners = np.array([[[0, 0], [line.shape[1], 0], [line.shape[1], line.shape[0]], [0, line.shape[0]]]], float)
    assert np.abs(cv2.perspectiveTransform(corners, to_photo)[0] - quad).max() < 0.01
    assert min(line.shape[:2]) <= ocr.HIGHEST_LINE


def test_a_reading_is_split_at_its_spaces():
    characters = [Character(text, 0.5 + 0.1 * i, np.array([i, 0, i + 1, 2])) for i, text in enumerate("12Rd")]
    first, second = split_words("12 Rd", characters)
    assert (first.text, first.digits, first.letters) == ("12", 2, 0) and first.score == pytest.approx(0.55)
    assert (second.text, second.digits, second.letters) == ("Rd", 0, 2) and second.box.tolist() == [2, 0, 4, 2]
    assert split_words("", ()) == ()


class Told:
    """A reader that sees the same in every photo, and counts how often it is asked."""

    def __init__(self, *regions):
        self.regions, self.asked = list(regions), 0

    def find(self, photo):
        self.asked += 1
        return self.regions

    def read(self, photo, region):
        return region


def finder_with(reader, monkeypatch, candidates, **config):
    finder = Finder(config=FinderConfig(**config))
    monkeypatch.setattr("svhn.finder.finder.text_reader", lambda name: None if name == "none" else reader)
    monkeypatch.setattr(finder, "candidates", lambda photo, least=None, lines=None: candidates)
    return finder


def test_the_finder_asks_about_larger_photos_only(monkeypatch):
    boxes = np.array([[100, 100, 130, 150]], np.float32)
    window = Candidates(boxes, np.array([0.9], np.float32), np.eye(10, dtype=np.float32)[[3]])
    reader = Told()
    finder = finder_with(reader, monkeypatch, window)
    street, close = np.zeros((400, 400, 3), np.uint8), np.zeros((180, 200, 3), np.uint8)
    assert finder.find(street) == [] and finder.find_numbers(street) == [] and reader.asked == 2
    assert [digit.label for digit in finder.find(close)] == [3] and reader.asked == 2
    assert finder_with(reader, monkeypatch, window, text_reader="none").find(street)
    characters = [Character("3", 0.99, boxes[0])]
    told = Told(TextRegion(boxes[0], 0.9, split_words("3", characters)))
    assert [number.text for number in finder_with(told, monkeypatch, window).find_numbers(street)] == ["3"]


def test_a_sign_that_the_finder_alone_takes_for_a_number_is_left_alone():
    """Letters that look like digits: the finder alone sees 1 and 0 in them."""
    photo = wall(("BOOLIS SOLO", 30, 260, 2.6))
    assert Finder(config=FinderConfig(min_confidence=0.5, text_reader="none")).find(photo)
    assert not Finder(config=FinderConfig(min_confidence=0.5)).find(photo)


def test_without_the_packages_auto_does_without_and_says_so(monkeypatch):
    assert reader_version().startswith("rapidocr ") and advice_on_reader("auto") == ""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rapidocr" else found(name))
    assert text_reader("auto") is None and text_reader("none") is None and reader_version() == ""
    assert "svhn[ocr]" in advice_on_reader("auto") and advice_on_reader("none") == ""
    with pytest.raises(InputError, match=r"needs rapidocr; install it: pip install 'svhn\[ocr\]'"):
        text_reader("ocr")
