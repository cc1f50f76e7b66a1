"""Large photos: where the finder looks, and which places and regions it and the text reader are asked about."""

import cv2
import numpy as np
import pytest

from svhn.boxes import Box
from svhn.finder import Finder, FinderConfig
from svhn.finder.candidates import Candidates
from svhn.finder.evidence import worth_asking
from svhn.finder.evidence.asking import LARGE_LOOK, LARGE_READING, ask, worth_reading
from svhn.finder.evidence.writing import TextRegion
from svhn.finder.halves import Halves
from svhn.finder.places import BLOCK, RIM, detail, find_places, mark_writing, seen_in, windows

CONFIG = FinderConfig()


def smooth_wall(height, width):
    """Return a wall of soft spots, as an enlarged photo has."""
    spots = np.random.default_rng(0).integers(60, 160, (height // 40, width // 40, 3)).astype(np.uint8)
    return cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)


def with_number(text, left, bottom, shape=(1600, 2000)):
    """Return a wall with a number whose digits are 15 pixels high."""
    wall = smooth_wall(*shape)
    cv2.rectangle(wall, (left - 12, bottom - 28), (left + 60, bottom + 12), (20, 40, 110), -1)
    cv2.putText(wall, text, (left, bottom), cv2.FONT_HERSHEY_DUPLEX, 0.7, (245, 245, 245), 1, cv2.LINE_AA)
    return wall


def some(*rows):
    """Rows of (left, top, height, presence)."""
    boxes = np.array([[left, top, left + height / 2, top + height] for left, top, height, _ in rows], np.float32)
    presence = np.array([row[3] for row in rows], np.float32)
    return Candidates(boxes.reshape(-1, 4), presence, np.eye(10, dtype=np.float32)[[4] * len(rows)])


def test_only_what_halving_loses_is_detail():
    wall = with_number("4718", 1000, 800)
    interest = detail(wall, Halves(wall).level(1))
    rows, columns = np.nonzero(interest > 0.01)
    assert interest.shape == (1600 // BLOCK, -(-2000 // BLOCK)) and 0 < len(rows) < 12
    assert (abs(BLOCK * rows - 790) < 60).all() and (abs(BLOCK * columns - 1020) < 90).all()


def test_windows_hold_the_most_interesting_blocks_and_stay_in_the_picture():
    interest = np.zeros((50, 63), np.float32)
    interest[0, 0], interest[30, 62], interest[20, 20] = 0.2, 0.3, 0.5
    found = windows(interest, (1600, 2000), CONFIG)
    assert [
        seen_in(np.array([[x, y, x, y]]), [place])[0] for place, (x, y) in zip(found[:1], [(656, 656)], strict=True)
    ]
    assert found[1].right == 2000 and found[2] == Box(0, 0, CONFIG.window, CONFIG.window)
    assert len(windows(interest, (1600, 2000), FinderConfig(most_windows=2))) == 2
    assert windows(np.full((50, 63), 0.001, np.float32), (1600, 2000), CONFIG) == []


def test_windows_together_see_every_interesting_block():
    interest = np.full((20, 24), 0.1, np.float32)
    found = windows(interest, (640, 768), FinderConfig(most_windows=99))
    y, x = (BLOCK * axis.ravel() + BLOCK // 2 for axis in np.mgrid[0:20, 0:24])
    inner = (x > RIM) & (x < 768 - RIM) & (y > RIM) & (y < 640 - RIM)
    assert seen_in(np.stack([x, y, x, y], axis=1)[inner], found).all() and len(found) < 20


def test_writing_comes_first_where_it_has_detail_and_fits():
    interest = np.full((10, 10), 0.05, np.float32)
    interest[4] = 0.0
    mark_writing(interest, [np.array([64, 64, 120, 90]), np.array([0, 130, 60, 150]), np.array([0, 0, 300, 200])])
    assert (interest > 1).sum() == 2 and (interest[2, 2:4] > 1).all()


def test_a_small_picture_is_searched_everywhere():
    photo = smooth_wall(400, 600)
    assert find_places(photo, Halves(photo).level(1), [], CONFIG) == [Box(0, 0, 600, 400)]


def test_a_small_number_in_a_large_photo_is_found_in_its_window():
    photo = with_number("4718", 1411, 977)
    finder = Finder(config=FinderConfig(min_confidence=0.5))
    found = finder.candidates(photo, lines=[])
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    near = (abs(centres[:, 0] - 1435) < 40) & (abs(centres[:, 1] - 970) < 15)
    assert (
        near.sum() == 4
        and "".join(map(str, found.probabilities[near].argmax(axis=1)[centres[near, 0].argsort()])) == "4718"
    )


def test_places_are_looked_at_again_that_can_become_digits():
    found = some((10, 10, 30, 0.5), (28, 10, 30, 0.2), (200, 10, 30, 0.2), (300, 10, 30, 0.2), (400, 10, 150, 0.2))
    line = np.array([190, 0, 240, 50], np.float32)
    assert worth_asking(found, [line], (600, 800)).tolist() == [True, True, True, False, True]
    assert worth_asking(found, [], (600, 800)).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("score", "candidates", "read"), [(0.6, (), True), (0.4, (), False), (0.4, ((12, 12, 20, 0.1),), True)]
)
def test_regions_are_read_that_can_matter(score, candidates, read):
    region = TextRegion(np.array([10, 10, 60, 40], np.float32), score)
    assert worth_reading(region, some(*candidates)) is read


def test_in_large_photos_a_region_needs_a_surer_candidate():
    region = TextRegion(np.array([10, 10, 60, 40], np.float32), 0.99)
    assert not worth_reading(region, some((12, 12, 20, 0.2)), LARGE_READING, LARGE_LOOK)
    assert worth_reading(region, some((12, 12, 20, 0.4)), LARGE_READING, LARGE_LOOK)


class Sees:
    """A reader that sees one region, and reads nothing."""

    region = TextRegion(np.array([10, 10, 60, 40], np.float32), 0.9)

    def find(self, photo):
        return [self.region]

    def read(self, photo, region):
        return region


def test_the_search_is_told_where_writing_is():
    told = []

    def search(photo, lines):
        told.extend(line.tolist() for line in lines)
        return some()

    known = ask(np.zeros((100, 100, 3), np.uint8), Sees(), search, lambda part: some(), CONFIG)
    assert told == [[10, 10, 60, 40]] and known.regions == [Sees.region]


@pytest.mark.parametrize(("shape", "heights"), [((1600, 2000, 3), [20, 800]), ((600, 800, 3), [800])])
def test_in_large_photos_a_high_false_digit_does_not_hide_a_small_one(shape, heights, monkeypatch):
    finder = Finder(config=FinderConfig(text_reader="none"))
    both = some((10, 10, 800, 0.6), (100, 300, 20, 0.5))
    monkeypatch.setattr(finder._search, "levels", lambda halves, lines: [both])
    found = finder.candidates(np.zeros(shape, np.uint8), refiners=0, least=0.1, lines=[])
    assert sorted(found.boxes[:, 3] - found.boxes[:, 1]) == heights
