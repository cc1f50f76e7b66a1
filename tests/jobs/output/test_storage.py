"""Photos and results behind URLs: fsspec's memory file system within a process, its local one with worker processes."""

import fsspec
import pytest
from job_tools import essence, job, lines_of

from svhn.errors import InputError
from svhn.jobs.config import RunConfig
from svhn.jobs.output.fetching import read_bytes
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


def test_what_is_too_large_is_not_read(memory, tmp_path):
    memory.pipe_file("/bucket/large.png", bytes(1000))
    assert len(read_bytes("memory://bucket/large.png", 1000)) == 1000
    with pytest.raises(InputError, match=r"^memory://bucket/large\.png: more than 999 bytes"):
        read_bytes("memory://bucket/large.png", 999)
    with pytest.raises(InputError, match=r"^memory://bucket/none\.png: no such photo"):
        read_bytes("memory://bucket/none.png", 999)


def test_photos_behind_urls_are_read_too(memory, folder):
    lines = read_photos(["memory://bucket/0.png", "memory://bucket/none.png"], workers=1)
    (local,) = read_photos([folder / "0.png"], workers=1)
    assert lines[0].numbers == local.numbers and lines[0].error is None
    assert lines[1].error == "memory://bucket/none.png: no such photo; check the path"
