"""Which name in a box file means a photo."""

import unicodedata

import pytest

from svhn.data.formats.names import NameIndex, PhotoName
from svhn.errors import InputError

NFC, NFD = (unicodedata.normalize(form, "Größe.png") for form in ("NFC", "NFD"))


def found(names, path, suffixes=True, **photo):
    return NameIndex(names, suffixes).find(PhotoName(path, **photo))


@pytest.mark.parametrize(
    "name",
    [
        "a.png",
        "p/a.png",
        "images/a.png",
        "images\\a.png",
        "C:\\data\\p\\a.png",
        "../../a.png",
        "./p//a.png",
        "/elsewhere/a.png",
        "images/1a2b3c4d-a.png",
        "/data/upload/3/1a2b3c4d-a.png",
        "/data/local-files/?d=images/a.png",
        "images/%61.png",
    ],
)
def test_spellings_of_one_photo(name):
    assert found(["other.png", name], "/T/p/a.png") == name


@pytest.mark.parametrize(
    "name", ["b.png", "a.jpg", "aa.png", "a.png/b.png", "x-a.png", "1A2B3C4D-a.png", "A.png", "", "/"]
)
def test_names_of_other_photos(name):
    assert found([name], "/T/p/a.png") is None


@pytest.mark.parametrize(("listed", "stored"), [(NFC, NFD), (NFD, NFC), (f"x/{NFD}", f"x/{NFC}")])
def test_unicode_forms_are_one_name(listed, stored):
    assert found([listed], f"/T/{stored}", alone=False, place=stored) == listed


def test_a_percent_sign_in_a_name_is_itself_first():
    assert found(["100%25.png"], "/T/100%25.png") == "100%25.png"
    assert found(["100%25.png"], "/T/100%.png") == "100%25.png"


def test_the_path_tells_photos_of_one_name_apart():
    names = ["x/a.png", "y/a.png", "deep/x/a.png"]
    for path, name in (("/T/x/a.png", "x/a.png"), ("/T/y/a.png", "y/a.png"), ("/T/deep/x/a.png", "deep/x/a.png")):
        assert found(names, path, alone=False) == name
    assert found(names, "/T/z/a.png", alone=False) is None


def test_a_bare_name_means_no_photo_where_two_have_it():
    for path in ("/T/x/a.png", "/T/y/a.png"):
        with pytest.raises(InputError, match=r"several photos are called a\.png.*without a folder.*expected its path"):
            found(["a.png"], path, alone=False)


def test_a_bare_name_is_the_photo_at_that_place():
    names = ["a.png", "sub/a.png"]
    assert found(names, "/T/photos/a.png", alone=False, place="a.png") == "a.png"
    assert found(names, "/T/photos/sub/a.png", alone=False, place="sub/a.png") == "sub/a.png"


def test_other_folders_count_only_where_no_other_photo_could_be_meant():
    assert found(["images/a.png"], "/T/x/a.png", alone=False) is None
    assert found(["images/1a2b3c4d-a.png"], "/T/x/a.png", alone=False) is None


@pytest.mark.parametrize(
    "names",
    [
        ["train/a.png", "val/a.png"],
        ["p/a.png", "p\\a.png"],
        ["1a2b3c4d-a.png", "2a2b3c4d-a.png"],
        [f"q/{NFC}", f"r/{NFD}"],
    ],
)
def test_several_names_that_could_mean_a_photo_are_refused(names):
    photo = NFC if "Gr" in names[0] else "a.png"
    with pytest.raises(
        InputError, match=r"2 names could mean this photo \(.*\); expected its path, and only once"
    ) as caught:
        found(names, f"/T/p/{photo}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("label", "photo"),
    [
        ("a", "/T/p/a.jpg"),
        ("labels/a", "/T/images/a.jpg"),
        ("labels/train/a", "/T/images/train/a.jpg"),
        ("train/labels/a", "/T/train/images/a.jpg"),
        ("obj_train_data/x/a", "/T/x/a.png"),
        ("labels/1a2b3c4d-a", "/T/images/a.jpg"),
        ("labels/a.b", "/T/a.b.jpg"),
    ],
)
def test_labels_are_beside_the_photos_or_in_a_twin_folder(label, photo):
    assert found([label, "labels/other"], photo, suffixes=False) == label


def test_twin_folders_do_not_hide_which_part_a_photo_is_of():
    names = ["labels/train/a", "labels/val/a"]
    assert found(names, "/T/images/val/a.jpg", suffixes=False, alone=False) == "labels/val/a"
    assert found(names, "/T/images/test/a.jpg", suffixes=False, alone=False) is None


def test_a_name_leads_nowhere():
    """Names are compared only: one that climbs out of its folder means the photo of that name, or none."""
    assert found(["../../../etc/passwd"], "/T/p/passwd") == "../../../etc/passwd"
    assert found(["../../../etc/passwd"], "/T/p/a.png") is None
