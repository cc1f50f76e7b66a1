"""Photos and results behind URLs: fsspec's memory file system within a process, its local one with worker processes."""

import os
import signal
from pathlib import Path

import fsspec
import pytest
from job_tools import essence, job, lines_of

from svhn.errors import InputError
from svhn.files import WriteError
from svhn.jobs.config import RunConfig
from svhn.jobs.output.storage import STAGING, OutputFolder, read_bytes
from svhn.jobs.page import write_page
from svhn.jobs.reading import read_photos


@pytest.fixture
def memory(folder):
    """The rendered photos in memory, in a bucket with a folder in it."""
    fs = fsspec.filesystem("memory")
    fs.store.clear()
    for path in folder.iterdir():
        fs.pipe_file(f"/bucket/{'deep/' if path.name == '9.png' else ''}{path.name}", path.read_bytes())
    fs.copy("/bucket/digitStruct.mat", "/bucket/deep/digitStruct.mat")
    yield fs
    fs.store.clear()


@pytest.mark.slow
def test_a_job_in_a_bucket_equals_one_in_folders(memory, folder, tmp_path):
    (folder / "deep").mkdir()
    (folder / "9.png").rename(folder / "deep" / "9.png")
    (folder / "deep" / "digitStruct.mat").write_bytes((folder / "digitStruct.mat").read_bytes())
    local = job(folder, tmp_path / "out", recursive=True, save_masks=True)
    remote = job("memory://bucket", "memory://results", recursive=True, save_masks=True)
    assert remote.counts == local.counts == {"ok": 10}
    files, lines = essence(tmp_path / "out")
    stored = {path.removeprefix("/results/"): memory.cat_file(path) for path in memory.find("/results")}
    assert {name: data for name, data in stored.items() if not name.endswith(".jsonl")} == files
    found = {line["output"]: line for line in lines_of("memory://results")}
    assert {line["output"]: line["output_sha256"] for line in lines.values()} == {
        name: line["output_sha256"] for name, line in found.items()
    }
    again = RunConfig(workers=0, resume=True)
    for counts in ({"unchanged": 10}, {"unchanged": 9, "ok": 1}):
        assert job("memory://bucket", "memory://results", again, recursive=True, save_masks=True).counts == counts
        memory.rm("/results/1.png")
    job("memory://bucket/1.png", "memory://results", again, save_masks=True)
    page = write_page("memory://results", tmp_path / "page.html").read_text()
    assert page.count('type="range"') == 10


def test_globs_missing_photos_and_overwriting_in_a_bucket(memory, tmp_path):
    summary = job(["memory://bucket/[01].png", "memory://bucket/none.png"], tmp_path / "out")
    assert summary.counts == {"ok": 2, "error": 1}
    assert "no such photo" in lines_of(tmp_path / "out")[2]["error"]
    for output in ("memory://bucket", "memory:///bucket/"):
        with pytest.raises(InputError, match="overwrite"):
            job("memory://bucket", output)
    with pytest.raises(InputError, match="fsspec"):
        job("nonsense://bucket/1.png", tmp_path / "out")


def test_worker_processes_read_and_write_urls(empty_photos, tmp_path):
    photos = empty_photos(5)
    summary = job(f"file://{photos}", f"file://{tmp_path}/out", RunConfig(workers=2))
    assert summary.counts == {"no_digits": 5}
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {path.name for path in photos.glob("*.png")}


def test_a_staged_file_is_never_seen_half_and_leftovers_go(tmp_path, monkeypatch):
    folder = OutputFolder(str(tmp_path / "out"), "part")
    folder.prepare()
    write_bytes = Path.write_bytes

    def killed(path, content):
        write_bytes(path, content[:4])
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "write_bytes", killed)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # as after SIGKILL
        folder.put("deep/1.png", b"a whole photo")
    (left,) = (tmp_path / "out").rglob("*.png")
    assert left.parts[-3:-1] == (STAGING, "part") and left.read_bytes() == b"a wh"
    folder.prepare()
    assert not left.exists()
    for content in (b"a whole photo", b"another one"):
        folder.put("deep/1.png", content)
        assert read_bytes(str(tmp_path / "out" / "deep" / "1.png"), 100) == content
    folder.finish()
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["deep", "1.png"]


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    folder = OutputFolder(str(tmp_path / "out"), "part")
    folder.prepare()
    folder.put("1.png", b"a photo")
    with pytest.raises(WriteError, match=r"out/1\.png/2\.png: cannot be written \("):
        folder.put("1.png/2.png", b"another one")
    assert [path.name for path in (tmp_path / "out" / STAGING / "part").iterdir()] == []


def test_what_is_too_large_is_not_read(memory, tmp_path):
    memory.pipe_file("/bucket/large.png", bytes(1000))
    assert len(read_bytes("memory://bucket/large.png", 1000)) == 1000
    with pytest.raises(InputError, match=r"^memory://bucket/large\.png: 1,000 bytes, expected at most 999"):
        read_bytes("memory://bucket/large.png", 999)
    with pytest.raises(InputError, match=r"^memory://bucket/none\.png: no such photo"):
        read_bytes("memory://bucket/none.png", 999)


def test_photos_behind_urls_are_read_too(memory, folder):
    lines = read_photos(["memory://bucket/0.png", "memory://bucket/none.png"], workers=1)
    (local,) = read_photos([folder / "0.png"], workers=1)
    assert lines[0].numbers == local.numbers and lines[0].error is None
    assert lines[1].error == "memory://bucket/none.png: no such photo; check the path"
