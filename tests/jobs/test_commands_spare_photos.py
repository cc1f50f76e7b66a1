"""No command that writes something beside the job ever overwrites a photo."""

import os

import pytest
from click.testing import CliRunner
from job_tools import job
from PIL import Image

from svhn.commands import cli
from svhn.errors import InputError
from svhn.jobs.page import write_page
from svhn.jobs.reading import read_photos

pytestmark = pytest.mark.slow


@pytest.fixture
def photos(tmp_path):
    """Two photos of one stem, a link and a hard link to the first, and a picture that nobody gives."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.png", "a.jpg", "other.png"):
        Image.new("RGB", (24, 16), (9, 40, 90)).save(folder / name)
    (folder / "link").symlink_to(folder / "a.png")
    os.link(folder / "a.png", folder / "hard")
    return folder


@pytest.fixture
def unharmed(photos):
    """Check at the end that every photo is as it was."""
    before = {path: (path.read_bytes(), path.is_symlink()) for path in photos.iterdir()}
    yield
    assert {path: (path.read_bytes(), path.is_symlink()) for path in photos.iterdir()} == before


@pytest.mark.parametrize("name", ["a.png", "../photos/a.png", "link", "hard", "other.png", "new.jpg"])
def test_what_read_writes(photos, unharmed, name):
    with pytest.raises(InputError, match=r"overwrite|name of a picture"):
        read_photos([photos / "a.png", photos / "a.jpg"], output=photos / name)


def test_what_read_draws(photos, unharmed, tmp_path):
    with pytest.raises(InputError, match="overwrite an input"):
        read_photos([photos / "a.png", photos / "a.jpg"], draw=photos)
    with pytest.raises(InputError, match="overwrite a picture"):
        read_photos([photos / "a.jpg"], draw=photos)
    (tmp_path / "drawn").symlink_to(photos)
    with pytest.raises(InputError, match="overwrite an input"):
        read_photos([photos / "a.png"], draw=tmp_path / "drawn")


def test_drawings_have_names_of_their_own_inside_their_folder(tmp_path):
    long = "x" * 251
    for name in ("a.png", "a.jpg", "A.bmp", f"{long}.png", f"{long}.jpg"):
        Image.new("RGB", (24, 16)).save(tmp_path / name)
    given = [tmp_path / name for name in ("a.png", "a.jpg", "A.bmp", f"{long}.png", f"{long}.jpg")]
    for _ in range(2):  # drawings may be drawn again
        assert not any(line.error for line in read_photos(given, draw=tmp_path / "drawn"))
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names[:3] == ["A-3.png", "a-2.png", "a.png"] and len(names) == 5


def test_what_the_report_writes(photos, unharmed, tmp_path):
    job(photos / "a.png", tmp_path / "out", finder=None)
    job(photos / "a.png", tmp_path / "out")
    ledger = (tmp_path / "out" / "report.jsonl").read_bytes()
    for name in (photos / "a.png", photos / "hard", photos / "new.png", tmp_path / "out" / "a.png"):
        with pytest.raises(InputError, match=r"no page|page's name"):
            write_page(str(tmp_path / "out"), name)
    with pytest.raises(InputError, match="page's name"):
        write_page(str(tmp_path / "out"), tmp_path / "out" / "report.jsonl")
    with pytest.raises(InputError, match="report of a job"):
        read_photos([photos / "a.png"], output=tmp_path / "out" / "report.jsonl")
    assert (tmp_path / "out" / "report.jsonl").read_bytes() == ledger
    for _ in range(2):
        write_page(str(tmp_path / "out"))


def test_what_explain_and_inpaint_write(photos, unharmed, tmp_path):
    Image.new("L", (24, 16)).save(tmp_path / "mask.png")
    for name in ("a.png", "hard", "other.png"):
        output = ["--output", str(photos / name)] if name != "hard" else ["--output", str(tmp_path / "hard.png")]
        os.path.exists(tmp_path / "hard.png") or os.link(photos / "a.png", tmp_path / "hard.png")
        for command in (["explain"], ["inpaint", "--mask", str(tmp_path / "mask.png")]):
            result = CliRunner().invoke(cli, [*command, str(photos / "a.png"), *output])
            assert result.exit_code == 1 and "overwrite" in result.output, result.output


def test_the_page_shows_no_photo_that_came_later(tmp_path):
    Image.new("RGB", (24, 16)).save(tmp_path / "a.png")
    (tmp_path / "boxes.json").write_text('{"images": [{"id": 1, "file_name": "a.png"}], "annotations": []}')
    job(tmp_path / "a.png", tmp_path / "out")
    assert "has changed since" not in write_page(str(tmp_path / "out")).read_text()
    Image.new("RGB", (24, 16), (200, 0, 0)).save(tmp_path / "a.png")
    assert "has changed since" in write_page(str(tmp_path / "out")).read_text()
