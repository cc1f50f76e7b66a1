"""The neighbours' small numbers on both sides of a number on its plate."""

from dataclasses import replace

import numpy as np
from test_fusion import found, known, text_of

from svhn.finder.evidence.asking import look_closer
from svhn.finder.evidence.fusion import SURE, add_beside
from svhn.finder.evidence.plates import ENLARGED, HIGHEST

SMALL = 0.2  # digits of 8 pixels
NUMBER = found((3, 0.9, 300, 200, 0.5), (1, 0.9, 313, 200, 0.5))  # of 20 pixels
BESIDE = (4, 0.9, 260, 206, SMALL), (7, 0.5, 265, 206, SMALL)


def closer(*seen):
    """Make evidence whose finder sees these candidates whatever part is enlarged."""
    return replace(known(NUMBER), closer=lambda box, scale: found(*seen))


def test_small_digits_in_line_with_a_number_are_added():
    added = add_beside(NUMBER, closer(*BESIDE))
    assert text_of(added) == "4731"  # the 7 is vouched for by the 4
    assert added.presence.min() == np.float32(SURE)  # as sure as the rules ask of a digit
    assert text_of(add_beside(NUMBER, closer(BESIDE[1]))) == "31"


def test_what_is_above_or_as_high_as_the_number_or_part_of_it_is_not():
    above, high, same = (4, 0.9, 260, 180, SMALL), (4, 0.9, 260, 200, 0.5), (7, 0.9, 302, 206, SMALL)
    assert text_of(add_beside(NUMBER, closer(above, high, same))) == "31"


def test_the_part_around_a_number_is_enlarged():
    asked = []
    add_beside(NUMBER, replace(known(NUMBER), closer=lambda *part: asked.append(part) or found()))
    ((box, scale),) = asked
    assert box.tolist() == [200, 196, 425, 224] and scale == ENLARGED / 20


def test_high_numbers_and_large_photos_are_left_alone():
    high = found((3, 0.9, 300, 200, (HIGHEST + 1) / 40))
    for evidence in (replace(known(high), closer=None), replace(known(high), closer=lambda box, scale: 1 / 0)):
        assert add_beside(high, evidence) is high


def test_candidates_of_an_enlarged_part_lie_in_the_photo():
    shapes = []

    def search(part):
        shapes.append(part.shape)
        return found((1, 0.9, 30, 15, 0.25))

    seen = look_closer(np.zeros((50, 80, 3), np.uint8), search, np.array([50.4, 30.2, 90, 90]), 3)
    assert shapes == [(60, 90, 3)]
    np.testing.assert_allclose(seen.boxes, [[60, 35, 62, 38 + 1 / 3]], rtol=1e-6)
