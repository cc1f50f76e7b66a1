"""Nobody ever sees half of a file."""

import hashlib
import os
import stat

import pytest

from svhn.errors import InputError
from svhn.files import ensure_folder, replacing, replacing_folder, sha256


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
