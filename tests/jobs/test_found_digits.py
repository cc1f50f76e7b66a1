"""Jobs on photos without boxes: the finder says where the digits are, and looks whether they are gone."""

from dataclasses import replace

import numpy as np
import pytest
from job_tools import job, lines_of

from svhn.boxes import Box
from svhn.data.formats.coco import write_coco
from svhn.data.render.synthetic import SyntheticSettings, render_photo
from svhn.finder import Finder, FinderReader
from svhn.jobs.config import RunConfig
from svhn.photos.photo import read_rgb, write_rgb

CLEAR = SyntheticSettings(degradation=0.2, typefaces=("DejaVuSans-Bold", "Aileron"), layouts=("straight",))
TEXTS = ("36", "507", "8")


@pytest.fixture(scope="module")
def scenes():
    return [render_photo(i, replace(CLEAR, digit_height=(28, 40), texts=(text,))) for i, text in enumerate(TEXTS)]


@pytest.fixture
def photos(tmp_path, scenes):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, scene in enumerate(scenes):
        write_rgb(folder / f"{number}.png", scene.photo)
    return folder


@pytest.fixture
def boxes(tmp_path, scenes):
    sizes = {f"{i}.png": (*scene.photo.shape[1::-1], scene.digits) for i, scene in enumerate(scenes)}
    write_coco(tmp_path / "boxes.json", sizes)
    return str(tmp_path / "boxes.json")


def test_numbers_are_found_removed_and_not_found_again(photos, scenes, tmp_path):
    assert job(photos, tmp_path / "out").counts == {"ok": 3}
    for line, text, scene in zip(lines_of(tmp_path / "out"), TEXTS, scenes, strict=True):
        (number,) = line["numbers"]
        assert number["read_before"] == text and not number["legible_after"]
        for box, digit in zip(number["boxes"], scene.digits, strict=True):
            assert Box(*box).iou(digit.box) > 0.4  # SVHN's boxes are looser than the rendered ones
        after = read_rgb(tmp_path / "out" / line["output"]).astype(float)
        error, before = (np.abs(picture - scene.clean).mean() for picture in (after, scene.photo.astype(float)))
        assert error < before
    assert job(tmp_path / "out", tmp_path / "again").counts["ok"] <= 1


def test_boxes_beside_a_photo_win(photos, tmp_path):
    write_coco(photos / "boxes.json", {f"{number}.png": (10, 10, []) for number in range(3)})
    assert job(photos, tmp_path / "out").counts == {"no_digits": 3}


def test_a_photo_is_done_again_when_the_finder_is_asked_for_more(photos, tmp_path):
    job(photos, tmp_path / "out")
    resumed = RunConfig(workers=0, resume=True)
    assert job(photos, tmp_path / "out", resumed).counts == {"unchanged": 3}
    assert job(photos, tmp_path / "out", resumed, min_confidence=0.4).counts == {"ok": 3}


def test_a_dry_run_lists_and_writes_nothing(photos, boxes, tmp_path, capsys):
    from svhn.commands.progress import TextLines

    display, seen = TextLines(str(tmp_path / "out")), []

    def show(line, summary):
        seen.append(line)
        display.show(line, summary)

    summary = job(photos, tmp_path / "out", show=show, dry_run=True)
    display.end(summary)
    assert summary.counts == {"planned": 3} and summary.exit_code == 0
    assert [line.numbers[0].text for line in seen] == list(TEXTS)
    assert all(line.output is None and 0 < line.numbers[0].confidence <= 1 for line in seen)
    text = capsys.readouterr().out
    assert "would remove 36 at" in text and "% sure)" in text and "3 to do" in text and "nothing was written" in text
    job(photos, tmp_path / "out", show=show, dry_run=True, boxes=boxes)
    assert seen[-1].numbers[0].confidence is None and not (tmp_path / "out").exists()


@pytest.mark.parametrize("boxed", [False, True])
def test_strict_writes_nothing_that_stays_legible(photos, boxes, tmp_path, monkeypatch, boxed):
    from svhn.torch_inpaint.removal.rounds import Removal

    monkeypatch.setattr(Removal, "is_legible", lambda number, config: len(number.boxes) == 2)
    settings = {"boxes": boxes if boxed else None}
    summary = job(photos, tmp_path / "out", strict=True, **settings)
    assert summary.counts == {"ok": 2, "error": 1} and summary.legible == 1 and summary.exit_code == 4
    (failed,) = (line for line in lines_of(tmp_path / "out") if line["status"] == "error")
    assert "still legible" in failed["error"] and failed["output"] is None and failed["numbers"][0]["legible_after"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["1.png", "2.png"]
    lax = job(photos, tmp_path / "lax", **settings)
    assert lax.counts == {"ok": 3} and lax.perhaps_left == 1 and lax.exit_code == 0


def test_strict_is_content_with_what_is_gone(photos, tmp_path):
    summary = job(photos, tmp_path / "out", strict=True)
    assert summary.counts == {"ok": 3} and summary.exit_code == 0


@pytest.mark.parametrize(
    ("boxed", "settings", "looks", "loads"),
    [
        (False, {}, True, 1),
        (False, {"strict": True}, True, 1),
        (True, {}, False, 0),
        (True, {"strict": True}, True, 1),
        (True, {"strict": True, "finder": None}, False, 1),  # it looks at the whole picture
        (False, {"strict": True, "min_confidence": 0.8}, True, 2),  # as little must be seen as `read` would read
    ],
)
def test_the_finder_is_loaded_once_and_looks_at_what_it_found_and_with_strict_at_all(
    photos, boxes, tmp_path, monkeypatch, boxed, settings, looks, loads
):
    loaded, looked, load = [], [], Finder.__init__

    def count(self, *arguments):
        loaded.append(arguments)
        load(self, *arguments)

    def look(self, image, boxes):
        looked.append(boxes)
        return np.zeros(len(boxes), int), np.zeros(len(boxes))

    monkeypatch.setattr(Finder, "__init__", count)
    monkeypatch.setattr(FinderReader, "__call__", look)
    job([photos / "0.png", photos / "1.png"], tmp_path / "out", boxes=boxes if boxed else None, **settings)
    assert bool(looked) == looks and len(loaded) == loads
