import io
import os
import sys

import pytest
from PIL import Image

from svhn.errors import InputError
from svhn.jobs.listing.sources import list_photos
from svhn.jobs.tasks import ERROR


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A folder with photos, folders, links that go round, hidden files and things that are no photos."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/b.png", "in/a.JPG", "in/deep/c.webp", "in/deep/deeper/d.tif", "in/.hidden.png", "in/notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "in/deep/round").symlink_to(tmp_path / "in")
    (tmp_path / "in/deep/self").symlink_to("self")
    (tmp_path / "in/link.png").symlink_to("b.png")
    (tmp_path / "in/gone.png").symlink_to("nowhere.png")
    os.mkfifo(tmp_path / "in/pipe.png")
    return tmp_path


def found(*given, **options):
    return [source.path for source in list_photos(given, **options)]


def test_folders_are_listed_by_name_and_hidden_files_left_out(tree):
    assert found("in") == ["in/a.JPG", "in/b.png", "in/gone.png", "in/link.png"]


def test_recursion_ends_in_a_loop_of_links_and_keeps_the_structure(tree):
    sources = list_photos(["in"], recursive=True)
    names = ["a.JPG", "b.png", "gone.png", "link.png", "deep/c.webp", "deep/deeper/d.tif"]
    assert [source.name for source in sources] == names
    assert [source.path for source in sources] == [f"in/{name}" for name in names]


def test_the_output_folder_is_not_an_input(tree):
    assert found("in", recursive=True, leave_out="in/deep") == found("in")


def test_globs_files_and_folders_keep_their_order_and_come_once(tree):
    assert found("in/b.png", "in/*.png", "./in/b.png", "missing.png") == [
        "in/b.png",
        "in/gone.png",
        "in/link.png",
        "in/pipe.png",
        "missing.png",
    ]
    assert found("in/**/*.tif") == ["in/deep/deeper/d.tif"]
    with pytest.raises(InputError, match="no file matches"):
        found("in/*.gif")


def test_a_name_that_looks_like_a_glob_is_a_name_where_there_is_such_a_file(tree):
    (tree / "[1].png").write_bytes(b"x")
    assert found("[1].png") == ["[1].png"]


@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"\0"])
def test_lists_from_a_file_and_from_standard_input(tree, monkeypatch, separator):
    names = [b"in/b.png", b"in/*.png", b"odd\xff.png"] + ([b"two\nlines.png"] if separator == b"\0" else [])
    content = separator.join(names) + separator
    (tree / "list").write_bytes(content)
    expected = [os.fsdecode(name) for name in names]
    assert found(from_file="list") == expected
    for arguments in ({"given": ["-"]}, {"given": [], "from_file": "-"}):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert [source.path for source in list_photos(**arguments)] == expected


def test_marks_of_editors_before_a_list(tree):
    names = "in/b.png\r\nin/größe 東.png\r\n"
    expected = ["in/b.png", "in/größe 東.png"]
    for coding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        (tree / "list").write_bytes(names.encode(coding))
        assert found(from_file="list") == expected, coding
    (tree / "list").write_bytes(names.encode("utf-16")[:-1])
    with pytest.raises(InputError, match=r"list: looks like a list in UTF-16, but breaks off .*; save it as UTF-8"):
        found(from_file="list")


@pytest.mark.parametrize("folder", ["[2024] trip", "a[b", "what?", "star*", "deep/[x]/[y]"])
def test_folders_with_brackets_in_a_pattern(tree, folder):
    (tree / folder).mkdir(parents=True)
    (tree / folder / "a.png").write_bytes(b"x")
    assert found(f"{folder}/*.png") == [f"{folder}/a.png"]
    assert found(f"{tree}/{folder}/*.png") == [f"{tree}/{folder}/a.png"]


def test_brackets_behind_a_star_and_brackets_that_choose(tree):
    (tree / "in/[7]").mkdir()
    (tree / "in/[7]/a.png").write_bytes(b"x")
    assert found("*/[7]/*.png") == ["in/[7]/a.png"]
    assert found("in/[ab].*") == ["in/a.JPG", "in/b.png"]
    assert found((tree / "in").as_uri() + "/[7]/*.png") == [(tree / "in/[7]/a.png").as_uri().replace("%5B7%5D", "[7]")]


def test_nothing_to_do_is_an_error(tree):
    (tree / "empty").mkdir()
    for given, options in (([], {}), (["empty"], {}), ([], {"from_file": "nowhere"})):
        with pytest.raises(InputError):
            list_photos(given, **options)


def test_an_unreadable_folder_is_reported_and_the_others_are_done(tree, monkeypatch):
    from job_tools import job, lines_of

    scandir = os.scandir

    def refuse(folder):
        if str(folder).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    for path in ("in/b.png", "in/a.JPG"):
        Image.new("RGB", (9, 9)).save(path, "PNG")
    job("in", tree / "out", recursive=True)
    lines = {line["photo"]: line for line in lines_of(tree / "out")}
    assert lines["in/deep"]["status"] == ERROR and "Permission denied" in lines["in/deep"]["error"]
    assert len(lines) == 5 + 1  # the last one says that notes.txt was left out
