"""What of its path tells a photo from the others of a job: the ground on which box files name it."""

import pytest

from svhn.jobs.listing.naming import name_outputs
from svhn.jobs.listing.sources import ListedPhoto


def tasks_of(*photos):
    return [(task.place, task.alone) for task in name_outputs([ListedPhoto(path, name) for path, name in photos])]


def test_a_name_of_its_own_is_enough():
    assert tasks_of(("/p/a.png", "a.png"), ("/p/b.png", "b.png")) == [("a.png", True), ("b.png", True)]


def test_one_name_in_two_folders_is_told_by_the_place_below_the_given_one():
    assert tasks_of(("/p/a.png", "a.png"), ("/p/x/a.png", "x/a.png")) == [("a.png", False), ("x/a.png", False)]


def test_two_photos_of_one_place_have_none():
    assert tasks_of(("/p/a.png", "a.png"), ("/q/a.png", "a.png")) == [(None, False)] * 2


@pytest.mark.parametrize("form", ["Gr\u00f6\u00dfe.png", "Gro\u0308\u00dfe.png"])
def test_unicode_forms_of_a_name_are_one_name(form):
    assert tasks_of(("/p/1", "Gr\u00f6\u00dfe.png"), ("/p/x/2", f"x/{form}"))[0] == ("Gr\u00f6\u00dfe.png", False)


def test_a_photo_that_cannot_be_tried_has_no_place():
    (task,) = name_outputs([ListedPhoto("/p", "p", error="no folder")])
    assert (task.place, task.alone, task.output, task.error) == (None, True, "", "no folder")
