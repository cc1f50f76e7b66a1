"""What of a folder is no photo is said, in the list, while the job runs and in its report."""

import json
import os

import pytest
from click.testing import CliRunner
from PIL import Image

from svhn.commands import cli
from svhn.commands.progress import JsonLines, totals
from svhn.errors import InputError
from svhn.jobs.config import RunConfig, Shard
from svhn.jobs.listing.left_out import left_out_text
from svhn.jobs.listing.sources import list_photos
from svhn.jobs.page import write_page
from svhn.jobs.tasks import LEFT_OUT

SIDE_FILES = ("boxes.json", "digitStruct.mat", "report.jsonl", "report.html", "Thumbs.db", ".hidden")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with one photo, files that are none, and a folder in it."""
    monkeypatch.chdir(tmp_path)
    os.makedirs("in/deep")
    for name in ("a.MOV", "b.mov", "notes.txt", "noname", *SIDE_FILES, "deep/c.txt"):
        (tmp_path / "in" / name).write_bytes(b"{}")
    Image.new("RGB", (9, 9)).save("in/photo.png")
    return tmp_path


def test_a_listing_is_a_sequence_that_says_what_was_left_out(folder):
    listing = list_photos(["in"])
    assert [photo.path for photo in listing] == ["in/photo.png"] and len(listing) == 1
    assert listing.left_out == {"in": {".mov": 2, ".txt": 1, "no suffix": 1, "folders": 1}}
    assert list_photos(["in"], recursive=True).left_out == {"in": {".mov": 2, ".txt": 2, "no suffix": 1}}
    assert list_photos(["in/photo.png"]).left_out == {}


def test_the_output_folder_is_not_missed(folder):
    (folder / "in" / "deep" / "c.txt").rename(folder / "c.txt")
    assert "folders" not in list_photos(["in"], leave_out="in/deep").left_out["in"]


def test_a_store_says_it_too(folder):
    url = (folder / "in").as_uri()
    assert list_photos([url]).left_out[url] == {".mov": 2, ".txt": 1, "no suffix": 1}


def test_no_photo_at_all_says_what_there_was(folder):
    (folder / "in" / "photo.png").unlink()
    with pytest.raises(
        InputError, match=r"\(4 files left out: \.mov \(2\), \.txt \(1\), no suffix \(1\); 1 folder not"
    ):
        list_photos(["in"])


def test_the_words():
    assert left_out_text({".heic": 2, ".txt": 1}) == "3 files left out: .heic (2), .txt (1)"
    assert left_out_text({"folders": 2}) == "2 folders not looked into (--recursive)"
    assert left_out_text({}) == ""
    assert "\x1b" not in left_out_text({".\x1b[31m": 1})


def test_the_command_that_reads_says_it_on_the_other_stream(folder):
    (folder / "in" / "photo.png").write_bytes(b"no photo, so that nothing has to be looked for")
    result = CliRunner().invoke(cli, ["read", "in", "--workers", "1"])
    assert "4 files left out: .mov (2)" in result.stderr and "left out" not in result.stdout


def test_a_hundred_kinds_are_not_named_one_by_one(tmp_path):
    for number in range(100):
        (tmp_path / f"file.{number}").write_bytes(b"")
    Image.new("RGB", (9, 9)).save(tmp_path / "photo.png")
    (kinds,) = list_photos([tmp_path]).left_out.values()
    assert len(kinds) == 13 and kinds["others"] == 88


def test_it_is_in_the_report_on_the_page_and_in_the_summary(folder, capsys):
    from job_tools import job, lines_of

    (folder / "boxes").mkdir()
    (folder / "in" / "boxes.json").write_text(
        json.dumps({"images": [{"id": 1, "file_name": "photo.png", "width": 9, "height": 9}], "annotations": []})
    )
    (folder / "in" / "digitStruct.mat").unlink()
    summary = job("in", folder / "out")
    assert "4 files left out: .mov (2), .txt (1), no suffix (1); 1 folder not looked into" in totals(summary)
    (line,) = (line for line in lines_of(folder / "out") if line["status"] == LEFT_OUT)
    assert line["photo"] == "in" and line["left_out"][".mov"] == 2
    JsonLines("out").end(summary)
    assert json.loads(capsys.readouterr().out)["summary"]["left_out"][".mov"] == 2
    page = write_page(str(folder / "out")).read_text(encoding="utf-8")
    assert "4 files left out: .mov (2)" in page
    again = RunConfig(workers=0, resume=True)
    assert job("in", folder / "out", again).counts == {"unchanged": 1}
    second = RunConfig(workers=0, shard=Shard(2, 2))
    assert job("in", folder / "second", second).left_out[".mov"] == 2
    assert not [line for line in lines_of(folder / "second") if line["status"] == LEFT_OUT]
