"""Servers that fail, hang, never end or lie: each costs one line, and nothing of a photo stays anywhere else."""

import io
import os
import signal
import threading
import time

import fsspec
import pytest
from job_tools import command, job, lines_of

from svhn.data.formats import open_annotations
from svhn.errors import InputError
from svhn.jobs.engines.stopping import Interrupted, StopSignals
from svhn.jobs.output import fetching
from svhn.jobs.output.fetching import fetched_file, read_bytes, within


class Endless(io.RawIOBase):
    """Bytes without an end."""

    def readable(self):
        return True

    def read(self, size=-1):
        return bytes(size)


class Hostile(fsspec.AbstractFileSystem):
    """A store whose files do what their names say."""

    protocol = "hostile"

    def isdir(self, path):
        return path.endswith("folder") and self._do(path) is not None

    def isfile(self, path):
        return False

    def _open(self, path, mode="rb", **options):
        return self._do(path)

    def _do(self, path):
        if "refused" in path:
            raise ConnectionRefusedError("nobody\x1b[31m listens")
        if "odd" in path:
            raise RuntimeError("500, message='Internal Server Error'")
        if "stalled" in path:
            time.sleep(60)
        return Endless() if "endless" in path else io.BytesIO(b"content")


fsspec.register_implementation("hostile", Hostile, clobber=True)


@pytest.mark.parametrize(
    "name, words",
    [
        ("refused", r"cannot be fetched \(ConnectionRefusedError: nobody\\x1b\[31m listens\)"),
        ("odd", r"cannot be fetched \(RuntimeError: 500"),
        ("stalled", r"not there after 0\.2 seconds"),
        ("endless", r"more than 5,000,000 bytes"),
    ],
)
def test_what_goes_wrong_on_the_way_is_one_sentence(name, words):
    with pytest.raises(InputError, match=rf"^hostile://{name}\.png: {words}"):
        read_bytes(f"hostile://{name}.png", 5_000_000, 0.2)


def test_a_transfer_that_drips_is_cut_and_its_thread_ends():
    before = set(threading.enumerate())
    with pytest.raises(InputError, match=r"0\.1 seconds"):
        read_bytes("hostile://endless.png", 1 << 50, 0.1)
    until = time.monotonic() + 10
    while set(threading.enumerate()) - before and time.monotonic() < until:
        time.sleep(0.01)
    assert not set(threading.enumerate()) - before


def test_local_urls_are_read_as_files_and_pipes_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"content")
    os.mkfifo(tmp_path / "pipe.png")
    assert read_bytes(f"file://{tmp_path}/a.png", 100) == b"content"
    with pytest.raises(InputError, match=r"^file://.*pipe\.png: expected a file, received a pipe"):
        read_bytes(f"file://{tmp_path}/pipe.png", 100)


def test_signals_are_answered_while_a_server_hangs():
    began = time.monotonic()
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with StopSignals() as signals, pytest.raises(Interrupted) as caught, signals.answering_at_once():
        within(60, "hostile://stalled", lambda: time.sleep(60))
    assert caught.value.number == signal.SIGTERM and time.monotonic() - began < 30


def test_a_server_that_fails_costs_its_line_only(empty_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("svhn.jobs.listing.sources.FETCH_SECONDS", 0.2)
    photos = empty_photos(2)
    given = [str(photos), "hostile://refused.png", "hostile://odd-folder", "hostile://stalled-folder"]
    summary = job(given, tmp_path / "out", finder=None)
    assert summary.counts == {"no_digits": 2, "error": 3}
    errors = [line["error"] for line in lines_of(tmp_path / "out") if line["error"]]
    assert [error.split(":")[1] for error in errors] == ["//refused.png", "//odd-folder", "//stalled-folder"]


def test_a_fetched_file_keeps_its_name_and_is_gone_afterwards(empty_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    boxes = empty_photos(1) / "boxes.json"
    fsspec.filesystem("memory").pipe_file("/bucket/boxes.json", boxes.read_bytes())
    with fetched_file("memory://bucket/boxes.json", 1 << 20) as path:
        assert path.name == "boxes.json" and dict(open_annotations(path)) == {"000.png": []}
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_temporary_folder_that_is_missing_is_one_clear_line(tmp_path, monkeypatch):
    fsspec.filesystem("memory").pipe_file("/bucket/boxes.json", b"{}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with (
        pytest.raises(InputError, match=r"^memory://bucket/boxes.json: .*\(No such file or directory\).*set TMPDIR"),
        fetched_file("memory://bucket/boxes.json", 1 << 20),
    ):
        pass


@pytest.mark.slow
def test_nothing_of_a_remote_photo_is_left_after_a_kill(empty_photos, tmp_path, monkeypatch):
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    photos = empty_photos(40)
    process = command(f"file://{photos}", "--output-dir", tmp_path / "out", "--workers", "0", "--no-finder")
    ledger, until = tmp_path / "out" / "report.jsonl", time.monotonic() + 60
    while not (ledger.exists() and ledger.stat().st_size) and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    assert ledger.stat().st_size
    assert [path for path in (tmp_path / "temporary").rglob("*") if path.is_file()] == []


def test_the_clock_is_looked_at_between_blocks():
    kept = fetching._Kept("hostile://a.png", 10, time.monotonic() - 1)
    with pytest.raises(TimeoutError):
        kept.write(b"late")
