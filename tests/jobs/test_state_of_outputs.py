"""What stands in the output folder after jobs that follow each other: what the ledger vouches for, and nothing else."""

import os
import shutil

import pytest
from job_tools import ROOT, job, lines_of
from PIL import Image

from svhn.boxes import Box, DigitBox
from svhn.data.formats.coco import write_coco
from svhn.errors import InputError
from svhn.jobs.config import RunConfig, Shard
from svhn.jobs.listing.naming import refuse_overwriting
from svhn.jobs.output.folder import OutputFolder
from svhn.jobs.output.history import last_lines
from svhn.jobs.page import write_page
from svhn.jobs.tasks import ERROR, Task

AGAIN = RunConfig(workers=0, resume=True)


def pictures(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*.png"))


def test_a_photo_that_fails_keeps_no_output_of_an_earlier_job(empty_photos, tmp_path):
    photos, out = empty_photos(4), tmp_path / "out"
    job(photos, out)
    for name in ("000.png", "001.png"):
        (photos / name).write_bytes(b"half")
    (photos / "boxes.json").unlink()
    outside = [DigitBox(Box(30, 2, 40, 12), 1)]
    listed = {f"{number:03}.png": (24, 16, outside if number == 2 else []) for number in range(4)}
    write_coco(photos / "boxes.json", listed)
    for run in (RunConfig(workers=0), RunConfig(workers=1), AGAIN):
        assert job(photos, out, run).counts["error"] == 3
        assert pictures(out) == ["003.png"]


def test_a_photo_that_vanished_keeps_no_output(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    job(photos, out)
    (photos / "000.png").unlink()
    assert job([photos / "000.png"], out).counts == {"error": 1}
    assert pictures(out) == ["001.png"]


def test_a_failure_in_a_bucket_keeps_no_output(empty_photos, tmp_path):
    import fsspec

    photos, fs = empty_photos(2), fsspec.filesystem("memory")
    job(photos, "memory://state")
    (photos / "000.png").write_bytes(b"half")
    assert job(photos, "memory://state").counts == {"no_digits": 1, "error": 1}
    assert [path for path in fs.find("/state") if path.endswith(".png")] == ["/state/001.png"]
    assert len(last_lines("memory://state")) == 2
    fs.rm("/state", recursive=True)


def test_a_dry_run_takes_nothing_away(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    job(photos, out)
    (photos / "000.png").write_bytes(b"half")
    job(photos, out, dry_run=True)
    assert pictures(out) == ["000.png", "001.png"] and len(lines_of(out)) == 2


def test_photos_that_are_not_given_keep_their_lines_and_outputs(empty_photos, tmp_path):
    photos, out = empty_photos(5), tmp_path / "out"
    job(photos, out)
    job([photos / "002.png"], out)
    assert len(lines_of(out)) == 6 and len(last_lines(str(out))) == 5 and len(pictures(out)) == 5
    assert job(photos, out, AGAIN).counts == {"unchanged": 5}
    assert "<b>5</b>photos" in write_page(str(out)).read_text()


def test_an_output_under_an_old_name_goes(empty_photos, tmp_path):
    first, second, out = empty_photos(2, "first"), empty_photos(2, "second"), tmp_path / "out"
    job(first, out)
    assert pictures(out) == ["000.png", "001.png"]
    (first / "001.png").write_bytes(b"half")
    job([first, second], out)  # equal names: now they have folders in them
    assert pictures(out) == ["first/000.png", "second/000.png", "second/001.png"]
    assert job([first / "000.png"], out).counts == {"no_digits": 1}
    assert pictures(out) == ["000.png", "second/000.png", "second/001.png"]


def test_an_old_name_that_is_another_photos_now_stays(empty_photos, tmp_path):
    first, second, out = empty_photos(1, "first"), tmp_path / "second", tmp_path / "out"
    job(first, out)
    first.rename(second)
    job(second, out)  # the photo was moved: it keeps its name
    assert set(last_lines(str(out))) == {str(second / "000.png")} and pictures(out) == ["000.png"]
    shutil.copytree(second, first)
    shutil.copytree(first, tmp_path / "third" / "first")
    Image.new("RGB", (24, 16), (9, 9, 9)).save(second / "000.png")
    job(second, out)
    job([first / "000.png", tmp_path / "third" / "first" / "000.png"], out)
    assert (out / "000.png").read_bytes() == (second / "000.png").read_bytes()


def test_another_photo_of_the_same_name_does_not_take_the_place_of_an_output(empty_photos, tmp_path):
    first, second, out = empty_photos(1, "first"), empty_photos(1, "second"), tmp_path / "out"
    Image.new("RGB", (24, 16), (9, 9, 9)).save(second / "000.png")
    job(first, out)
    for expected in ("no_digits", "unchanged"):
        assert job(second, out, AGAIN).counts == {expected: 1}
        assert job(first, out, AGAIN).counts == {"unchanged": 1}
    lines = last_lines(str(out))
    written = {photo: (out / lines[str(photo / "000.png")].output).read_bytes() for photo in (first, second)}
    assert written[first] != written[second] and len(pictures(out)) == 2
    (first / "000.png").unlink()  # gone, but the other one is not it
    assert job(second, out, AGAIN).counts == {"unchanged": 1} and len(pictures(out)) == 2


@pytest.mark.parametrize("spelled", ["relative", "dotted", "linked", "url"])
def test_all_spellings_of_a_path_are_one_photo(empty_photos, tmp_path, monkeypatch, spelled):
    photos, out = empty_photos(2), tmp_path / "out"
    (tmp_path / "link").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    path = {"relative": "plain", "dotted": "./link/../plain", "linked": tmp_path / "link", "url": f"file://{photos}"}[
        spelled
    ]
    assert job([path, photos], out).counts == {"no_digits": 2}
    assert all(line["photo"].startswith(str(path)) for line in lines_of(out))
    for again in (path, photos, path):
        assert job(again, out, AGAIN).counts == {"unchanged": 2}
    (photos / "000.png").write_bytes(b"half")
    job(photos, out)
    lines = last_lines(str(out))
    assert len(lines) == 2 and lines[str(photos / "000.png")].status == ERROR and pictures(out) == ["001.png"]


def test_one_relative_path_may_mean_two_photos(empty_photos, tmp_path, monkeypatch):
    out = tmp_path / "out"
    for number, name in enumerate(("here", "there")):
        empty_photos(1, f"{name}/photos")
        Image.new("RGB", (24, 16), (9, 9, number)).save(tmp_path / name / "photos" / "000.png")
        for _ in range(2):
            monkeypatch.chdir(tmp_path / name)
            job("photos", out, AGAIN)
    monkeypatch.chdir(tmp_path)
    assert len(last_lines(str(out))) == 2 and len(pictures(out)) == 2 and len(lines_of(out)) == 2
    assert "<b>2</b>photos" in write_page(str(out)).read_text()


def test_a_folder_that_was_moved_with_its_outputs_goes_on(empty_photos, tmp_path, monkeypatch):
    empty_photos(2, "here/photos")
    monkeypatch.chdir(tmp_path / "here")
    job("photos", "out")
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir(tmp_path / "there")
    assert job("photos", "out", AGAIN).counts == {"unchanged": 2}


def test_masks_that_are_not_wanted_any_more_go(folder, tmp_path):
    out = tmp_path / "out"
    job(folder / "0.png", out, save_masks=True)
    assert pictures(out) == ["0.png", "masks/0.png"]
    (folder / "0.png").write_bytes(b"half")
    job(folder / "0.png", out)
    assert pictures(out) == []


def test_the_ledger_comes_first(empty_photos, tmp_path, monkeypatch):
    """At the moment when a file is put in place its line can be read."""
    photos, out, seen = empty_photos(3), tmp_path / "out", []
    place = OutputFolder.place

    def watched(self, name):
        seen.append(name in {line["output"] for line in lines_of(out)} and not (out / name).exists())
        place(self, name)

    monkeypatch.setattr(OutputFolder, "place", watched)
    job(photos, out, RunConfig(workers=1))
    assert seen == [True] * 3 and len(pictures(out)) == 3


def test_an_output_that_cannot_be_put_in_place_is_an_error(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    (out / "000.png" / "kept").mkdir(parents=True)
    assert job(photos, out).counts == {"error": 1, "no_digits": 1}
    line = last_lines(str(out))[str(photos / "000.png")]
    assert line.status == ERROR and line.output is None and "cannot be written" in line.error
    assert job(photos, out, AGAIN).counts == {"error": 1, "unchanged": 1}


# Stands in for a decoder that crashes, as soon as a worker process opens such a photo.
POISON = """
import os, signal, sys
def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("in/001.png"):
        os.kill(os.getpid(), signal.SIGKILL)
if "--multiprocessing-fork" in sys.argv:
    sys.addaudithook(hook)
"""


@pytest.mark.slow
def test_a_photo_whose_worker_died_keeps_no_output(empty_photos, tmp_path, monkeypatch):
    photos, out = empty_photos(3, "in"), tmp_path / "out"
    job(photos, out)
    (tmp_path / "sitecustomize.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    assert job([photos / "001.png"], out, RunConfig(workers=1)).counts == {"error": 1}
    assert pictures(out) == ["000.png", "002.png"]


def test_strict_does_not_believe_a_job_that_was_not(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    job(photos, out)
    assert job(photos, out, AGAIN, strict=True).counts == {"no_digits": 2}
    assert job(photos, out, AGAIN, strict=True).counts == {"unchanged": 2}


def test_a_clock_that_was_set_back_does_not_matter(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    (photos / "000.png").write_bytes(b"half")
    job(photos, out)
    ledger = out / "report.jsonl"
    ledger.write_text(ledger.read_text().replace('"finished": "20', '"finished": "30'))
    shutil.copy(photos / "001.png", photos / "000.png")
    assert job(photos, out, AGAIN).counts == {"no_digits": 1, "unchanged": 1}
    assert {line.status for line in last_lines(str(out)).values()} == {"no_digits"}


def test_among_parts_the_line_counts_whose_output_stands_there(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    (photos / "000.png").write_bytes(b"half")
    job(photos, out)
    ledger = out / "report.jsonl"
    ledger.write_text(ledger.read_text().replace('"finished": "20', '"finished": "30'))
    shutil.copy(photos / "001.png", photos / "000.png")
    for shard in (1, 2):
        job(photos, out, RunConfig(workers=0, shard=Shard(shard, 2)))
    assert {line.status for line in last_lines(str(out)).values()} == {"no_digits"}
    assert job(photos, out, AGAIN).counts == {"unchanged": 2}


def test_what_becomes_of_photos_in_which_nothing_is_found(empty_photos, tmp_path):
    photos, out = empty_photos(2), tmp_path / "out"
    assert job(photos, out).counts == {"no_digits": 2}
    summary = job(photos, out, AGAIN, nothing_found="skip")
    assert summary.counts == {"no_digits": 2} and summary.exit_code == 0 and pictures(out) == []
    assert [line["output"] for line in lines_of(out)[2:]] == [None, None]
    assert job(photos, out, AGAIN, nothing_found="skip").counts == {"unchanged": 2}
    shutil.copy(photos / "000.png", out / "000.png")  # nobody vouches for it
    assert job(photos, out, AGAIN, nothing_found="skip").counts == {"unchanged": 1, "no_digits": 1}
    assert pictures(out) == []
    for dry_run in (True, False):
        summary = job(photos, out, AGAIN, nothing_found="error", dry_run=dry_run)
        assert summary.counts == {"error": 2} and summary.exit_code == 1
    assert "--nothing-found" in lines_of(out)[-1]["error"]


def test_side_files_may_have_a_folder_of_their_own(folder, tmp_path):
    out, side = tmp_path / "out", tmp_path / "private"
    photos = [folder / f"{number}.png" for number in range(3)]
    job(photos, out, report_dir=str(side), save_masks=True)
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png"]
    assert sorted(path.name for path in side.iterdir()) == ["masks", "report.jsonl"]
    assert side.stat().st_mode & 0o777 == 0o700
    assert job(photos, out, AGAIN, report_dir=str(side), save_masks=True).counts == {"unchanged": 3}
    page = write_page(str(side))
    assert page == side / "report.html" and page.read_text().count('type="range"') == 3
    (folder / "0.png").write_bytes(b"half")
    job(photos[:1], out, report_dir=str(side), save_masks=True)
    assert pictures(out) == ["1.png", "2.png"] and pictures(side) == ["masks/1.png", "masks/2.png"]
    with pytest.raises(InputError, match="earlier jobs kept their report here"):
        job(photos, tmp_path / "other", save_masks=True)
        job(photos, tmp_path / "other", report_dir=str(side))


def test_side_files_of_a_bucket_may_lie_in_another(empty_photos):
    import fsspec

    photos, fs = empty_photos(2), fsspec.filesystem("memory")
    for expected in ("no_digits", "unchanged"):
        assert job(photos, "memory://public", AGAIN, report_dir="memory://private").counts == {expected: 2}
    assert fs.find("/public") == ["/public/000.png", "/public/001.png"]
    assert {line.output_dir for line in last_lines("memory://private").values()} == {"memory://public"}
    with pytest.raises(InputError, match="earlier jobs kept their report here"):
        job(photos, "memory://private", report_dir="memory://elsewhere")
    fs.rm(["/public", "/private"], recursive=True)


def test_folders_that_cannot_be_used_are_named_and_let_go(empty_photos, tmp_path):
    photos = empty_photos(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output folder"):
        job(photos, tmp_path / "out", report_dir=str(tmp_path / "file"))
    for _ in range(2):  # the report's lock is not held by the first one
        with pytest.raises(InputError, match="output folder"):
            job(photos, tmp_path / "file", report_dir=str(tmp_path / "private"))
    assert job(photos, tmp_path / "out", report_dir=str(tmp_path / "private")).counts == {"no_digits": 1}


def test_one_report_folder_may_tell_of_two_output_folders(empty_photos, tmp_path):
    photos, side = empty_photos(2), str(tmp_path / "private")
    first, second = tmp_path / "first", tmp_path / "second"
    job(photos, first, report_dir=side)
    job(photos, second, AGAIN, report_dir=side)
    assert pictures(first) == pictures(second) == ["000.png", "001.png"]
    assert {line.output_dir for line in last_lines(side).values()} == {str(second)}


def test_masks_never_take_the_place_of_inputs(tmp_path):
    photo, out = tmp_path / "private" / "masks" / "0.png", str(tmp_path / "out")
    tasks = [Task(str(photo), "1.png", "masks/1.png"), Task("elsewhere/0.png", "0.png", "masks/0.png")]
    refuse_overwriting(tasks, out)
    with pytest.raises(InputError, match="overwrite"):
        refuse_overwriting(tasks, out, str(tmp_path / "private"))


def test_a_folder_named_by_a_url_is_a_folder(empty_photos, tmp_path):
    photos, out, away = empty_photos(2), tmp_path / "out", tmp_path / "away"
    out.mkdir()
    away.write_bytes(b"kept")
    (out / "000.png").symlink_to(away)
    job(photos, f"file://{out}")
    assert sorted(path.name for path in out.iterdir()) == ["000.png", "001.png", "report.jsonl"]
    assert away.read_bytes() == b"kept" and not (out / "000.png").is_symlink()
    assert job(photos, out, AGAIN).counts == {"unchanged": 2}
    assert write_page(f"file://{out}") == out / "report.html"


def test_a_report_that_somebody_else_wrote_leads_nowhere(empty_photos, tmp_path):
    photos, out, away = empty_photos(1), tmp_path / "out", tmp_path / "away.png"
    job(photos, out)
    shutil.copy(photos / "000.png", away)
    ledger = out / "report.jsonl"
    line = ledger.read_text()
    for name in ('"../away.png"', f'"{away}"', "5", '["a"]'):
        ledger.write_text(line + line.replace('"output": "000.png"', f'"output": {name}'))
        write_page(str(out))
        (photos / "000.png").write_bytes(b"half")
        assert job(photos, out, AGAIN).counts == {"error": 1}
        shutil.copy(away, photos / "000.png")
    assert away.exists()
