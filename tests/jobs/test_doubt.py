"""Photos of which nobody is sure: nothing was found but perhaps there is a digit, or perhaps one is left."""

from dataclasses import replace

import numpy as np
import pytest
from job_tools import job, lines_of

import svhn
from svhn.boxes import Box
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.finder import Finder, Findings, FoundDigit
from svhn.jobs import page as job_page
from svhn.jobs.config import RunConfig
from svhn.jobs.page import write_page
from svhn.jobs.tasks import ReportLine
from svhn.photos import encode_rgb

AGAIN = RunConfig(workers=0, resume=True)
CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold",), layouts=("straight",))
BELOW = 40
EIGHT = FoundDigit(Box(4, 4, 14, 20), 8, 0.5, tuple(np.eye(10)[8].tolist()))


def below(photo):
    """An 8 of which nobody is sure, below the number."""
    return replace(EIGHT, box=EIGHT.box.shift(0, photo.shape[0] - 25))


@pytest.fixture(scope="module")
def scene():
    """A number, with wall below it."""
    one = render_photo(1, replace(CLEAR, digit_height=(28, 40), texts=("50",)))
    return replace(one, photo=np.pad(one.photo, ((0, BELOW), (0, 0), (0, 0)), mode="edge"))


@pytest.fixture
def photos(tmp_path, scene):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "0.png").write_bytes(encode_rgb(scene.photo))
    return tmp_path / "photos"


@pytest.fixture
def nothing_sure(monkeypatch):
    """Nothing is found, but perhaps there is an 8."""
    see_also(monkeypatch, lambda found, photo: Findings(unsure=(below(photo),)))


@pytest.fixture
def one_unsure(monkeypatch):
    """The 5 is found, and perhaps there is an 8, which stays."""
    see_also(monkeypatch, lambda found, photo: replace(found, unsure=(below(photo),)))


def see_also(monkeypatch, change):
    """Let the finder say `change(what it found, photo)`, whether it searches or looks again."""

    def changed(method):
        return lambda finder, photo, *more, **options: change(method(finder, photo, *more, **options), photo)

    for name in ("_sure", "_likely"):
        monkeypatch.setattr(Finder, name, changed(getattr(Finder, name)))


def one_line(folder):
    (line,) = lines_of(folder)
    return line


def test_a_doubtful_photo_is_copied_and_said_to_be_doubtful(photos, tmp_path, nothing_sure):
    summary = job(photos, tmp_path / "out")
    assert summary.counts == {"doubtful": 1} and summary.exit_code == 0
    line = one_line(tmp_path / "out")
    assert line["unsure"][0]["text"] == "8" and line["output"] == "0.png" and line["numbers"] == []
    assert (tmp_path / "out" / "0.png").exists()
    assert job(photos, tmp_path / "out", AGAIN).counts == {"unchanged": 1}


def test_strict_does_not_write_it_not_even_when_it_is_resumed(photos, tmp_path, nothing_sure):
    for run in (RunConfig(workers=0), AGAIN):
        summary = job(photos, tmp_path / "out", run, strict=True)
        assert summary.counts == {"doubtful": 1} and summary.exit_code == 5 and summary.refused == {"doubtful": 1}
        line = lines_of(tmp_path / "out")[-1]
        assert line["output"] is None and "perhaps a digit is left (8 at " in line["error"]
        assert list((tmp_path / "out").glob("*.png")) == []


@pytest.mark.parametrize("strict", [False, True])
def test_skip_writes_nothing_of_it(photos, tmp_path, nothing_sure, strict):
    summary = job(photos, tmp_path / "out", nothing_found="skip", strict=strict)
    assert summary.counts == {"doubtful": 1} and summary.exit_code == (5 if strict else 0)
    assert one_line(tmp_path / "out")["unsure"] and list((tmp_path / "out").glob("*.png")) == []


def test_where_nothing_found_is_an_error_it_fails(photos, tmp_path, nothing_sure):
    assert job(photos, tmp_path / "out", nothing_found="error").counts == {"error": 1}


def test_a_dry_run_says_it_too(photos, tmp_path, nothing_sure):
    assert job(photos, tmp_path / "out", dry_run=True).counts == {"doubtful": 1}


def test_a_digit_that_is_perhaps_left_is_said(photos, tmp_path, one_unsure):
    summary = job(photos, tmp_path / "out")
    assert summary.counts == {"ok": 1} and summary.perhaps_left == 1 and summary.exit_code == 0
    line = one_line(tmp_path / "out")
    assert line["perhaps_left"] and line["numbers"] and line["unsure"][0]["text"] == "8" and line["output"] == "0.png"
    strict = job(photos, tmp_path / "strict", strict=True)
    assert strict.counts == {"perhaps_left": 1} and strict.exit_code == 5
    assert list((tmp_path / "strict").glob("*.png")) == []


def test_where_somebody_listed_all_digits_there_is_no_doubt(photos, tmp_path, scene, one_unsure):
    from svhn.data.formats.coco import write_coco

    boxes = tmp_path / "boxes.json"
    write_coco(boxes, {"0.png": (*scene.photo.shape[1::-1], scene.digits)})
    assert job(photos, tmp_path / "out", boxes=str(boxes), strict=True).counts == {"ok": 1}


def test_what_lies_in_the_filled_part_is_no_doubt(photos, tmp_path, monkeypatch, scene):
    within = replace(EIGHT, box=scene.digits[0].box)
    see_also(monkeypatch, lambda found, photo: replace(found, unsure=(within, below(photo))))
    job(photos, tmp_path / "out")
    assert len(one_line(tmp_path / "out")["unsure"]) == 1


def test_regions_count_for_doubt_too(photos, tmp_path, nothing_sure):
    from svhn.jobs.choice import Area, Scope

    nowhere = Scope(exclude_region=(Area(0, 0, 1, 1),))
    assert job(photos, tmp_path / "out", scope=nowhere, strict=True).counts == {"no_digits": 1}


def test_the_page_shows_the_place(photos, tmp_path, nothing_sure):
    job(photos, tmp_path / "out")
    page = write_page(str(tmp_path / "out")).read_text(encoding="utf-8")
    assert "<b>1</b>doubtful" in page and '<u class="seen"' in page and "<h2>Doubtful" in page


def test_photos_with_a_digit_perhaps_left_come_first_on_the_page(photos, tmp_path, one_unsure):
    job(photos, tmp_path / "out")
    page = write_page(str(tmp_path / "out")).read_text(encoding="utf-8")
    assert "perhaps a digit is left" in page and "<b>1</b>perhaps one left" in page
    line = ReportLine.from_dict(one_line(tmp_path / "out"))
    assert job_page.doubt(line) >= 1 > job_page.doubt(replace(line, unsure=()))


def test_remove_warns_of_doubt(scene, nothing_sure):
    with pytest.warns(svhn.PerhapsLeft, match="perhaps a digit is left"):
        assert np.array_equal(svhn.remove(scene.photo), scene.photo)
    assert issubclass(svhn.PerhapsLeft, svhn.StillLegible)
