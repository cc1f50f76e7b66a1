"""Nobody ever sees half of a file."""

import errno
import hashlib
import os
import pickle
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from svhn.errors import InputError
from svhn.files import (
    TEMPORARY_PREFIX,
    WriteError,
    ensure_folder,
    printable,
    read_regular_file,
    remove_leftovers,
    replacing,
    replacing_folder,
    sha256,
    write_whole,
)

ROOT = Path(__file__).parents[1]


def test_replacing_writes_the_file_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "new" / "folder" / "result.json"
    with replacing(target) as temporary:
        assert temporary.suffix == ".json"
        temporary.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_replacing_keeps_the_old_file_on_an_error(tmp_path, error):
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(error), replacing(target) as temporary:
        temporary.write_text("half")
        raise error
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_leaves_no_file_where_there_was_none(tmp_path):
    with pytest.raises(RuntimeError), replacing(tmp_path / "result.json") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_written_files_have_the_usual_permissions(tmp_path):
    plain = tmp_path / "plain"
    plain.write_text("")
    with replacing(tmp_path / "replaced") as temporary:
        temporary.write_text("")
    assert stat.S_IMODE((tmp_path / "replaced").stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_replacing_folder_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    with replacing_folder(target) as temporary:
        (temporary / "new").write_text("new")
        assert (target / "old").exists()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_replacing_folder_keeps_the_old_one_on_an_error(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").write_text("old")
    with pytest.raises(RuntimeError), replacing_folder(target) as temporary:
        (temporary / "new").write_text("new")
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


KILLED = """
import sys, time
from svhn.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_bytes(b"half")
    print("written", flush=True)
    time.sleep(60)
"""


def kill_while_writing(target: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(target)], stdout=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_a_kill_leaves_the_old_file_and_one_that_is_known_as_unfinished(tmp_path):
    target = tmp_path / "photo.jpg"
    target.write_text("old")
    kill_while_writing(target)
    assert target.read_text() == "old"
    (left,) = set(tmp_path.iterdir()) - {target}
    assert left.name.startswith(TEMPORARY_PREFIX)
    assert remove_leftovers(tmp_path) == []  # it may belong to a process that is still writing
    assert remove_leftovers(tmp_path, older_than=0) == [left]
    assert list(tmp_path.iterdir()) == [target]


def test_leftovers_are_told_by_name_and_age(tmp_path):
    old, young, folder = (tmp_path / f"{TEMPORARY_PREFIX}{name}" for name in ("old.png", "young.png", "folder"))
    others = [tmp_path / name for name in ("photo.png", ".hidden", f"not{TEMPORARY_PREFIX}")]
    for path in (old, young, *others):
        path.write_text("")
    folder.mkdir()
    (folder / "inside").write_text("")
    for path in (old, folder, *others):
        os.utime(path, (0, 0))
    assert set(remove_leftovers(tmp_path)) == {old, folder}
    assert set(tmp_path.iterdir()) == {young, *others}
    assert remove_leftovers(tmp_path / "missing") == []


def test_a_leftover_link_does_not_lead_out(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / f"{TEMPORARY_PREFIX}link").symlink_to(tmp_path / "kept")
    assert len(remove_leftovers(tmp_path / "out", older_than=-1)) == 1
    assert (tmp_path / "kept").is_dir()


def test_write_errors_carry_their_number_between_processes(tmp_path):
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(WriteError, match=r"folder\.png: cannot be written \(Is a directory\)") as caught:
        write_whole(tmp_path / "folder.png", b"content")
    assert os.listdir(tmp_path) == ["folder.png"]
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (str(copied), copied.errno) == (str(caught.value), errno.EISDIR)


def test_regular_files_are_read_up_to_a_size(tmp_path):
    (tmp_path / "file").write_bytes(b"123")
    assert read_regular_file(tmp_path / "file", 3) == b"123"
    with pytest.raises(InputError, match="3 bytes, expected at most 2"):
        read_regular_file(tmp_path / "file", 2)


def test_names_are_printed_on_one_line_and_stay_readable():
    assert printable("plain größe 七.jpg") == "plain größe 七.jpg"
    assert printable(Path("two\nlines\t\x1b[0m")) == "two\\nlines\\t\\x1b[0m"
    assert printable(os.fsdecode(b"odd \xff")) == "odd \\udcff"


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_where_a_folder_should_be(tmp_path, below):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match=r"taken.*choose another"):
        ensure_folder(tmp_path / "taken" / below)


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_write_permission(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    with pytest.raises(InputError, match=r"locked.*not writable.*choose another"):
        ensure_folder(locked)
    with pytest.raises(InputError, match=r"locked.*choose another"), replacing(locked / "below" / "file"):
        pass


def test_sha256_of_small_and_large_files(tmp_path):
    for content in (b"", b"abc", bytes(range(256)) * 10_000):
        (tmp_path / "file").write_bytes(content)
        assert sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
