"""Which numbers count by where they are and how tall: a number is in or out as a whole."""

import pytest

from svhn.boxes import Box, DigitBox
from svhn.errors import InputError
from svhn.jobs.choice import Area, Scope

# Two numbers of a photo of 200 x 100 pixels: 20 pixels tall on the left, 8 on the right.
LEFT = [DigitBox(Box(20, 40, 32, 60), 4), DigitBox(Box(34, 40, 46, 60), 7)]
RIGHT = [DigitBox(Box(150, 50, 155, 58), 1), DigitBox(Box(156, 50, 161, 58), 2)]
SIZE = (200, 100)


@pytest.mark.parametrize(
    "scope, kept",
    [
        (Scope(), LEFT + RIGHT),
        (Scope(only_region=(Area.parse("0,0,0.5,1"),)), LEFT),
        (Scope(only_region=(Area.parse("0,0,100,100"),)), LEFT),
        (Scope(exclude_region=(Area.parse("0,0,0.5,1"),)), RIGHT),
        (Scope(only_region=(Area.parse("0,0,0.1,1"), Area.parse("0.5,0,1,1"))), RIGHT),
        (Scope(only_region=(Area.parse("0,0,1,1"),), exclude_region=(Area.parse("140,0,200,100"),)), LEFT),
        (Scope(min_height=20), LEFT),
        (Scope(min_height=21), []),
    ],
)
def test_numbers_in_and_out(scope, kept):
    assert scope.digits(LEFT + RIGHT, *SIZE) == kept


def test_a_region_never_cuts_a_number():
    """Its edge goes through the left number, whose middle is at 33."""
    assert Scope(only_region=(Area(0, 0, 34, 100),)).digits(LEFT, *SIZE) == LEFT
    assert Scope(only_region=(Area(0, 0, 33, 100),)).digits(LEFT, *SIZE) == []


@pytest.mark.parametrize(
    "text", ["", "1,2,3", "a,b,c,d", "5,5,5,9", "0,0.5,1,0.2", "-1,0,1,1", "nan,0,1,1", "0,0,inf,1"]
)
def test_what_is_no_region_is_refused(text):
    with pytest.raises(InputError, match="expected"):
        Area.parse(text)
