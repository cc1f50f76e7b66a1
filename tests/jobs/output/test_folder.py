"""The output folder: staged, then put in place; nothing is written through links, and nothing leaves it."""

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from job_tools import ROOT

from svhn.errors import InputError
from svhn.files import WriteError
from svhn.jobs.output.folder import STAGING, OutputFolder


@pytest.fixture
def folder(tmp_path):
    folder = OutputFolder(str(tmp_path / "out"), "part")
    folder.prepare()
    return folder


def put(folder, name, content):
    folder.stage(name, content)
    folder.place(name)


def test_a_file_is_not_there_until_it_is_put_in_place(folder, tmp_path):
    folder.stage("deep/1.png", b"a photo")
    assert not (tmp_path / "out" / "deep").exists()
    folder.place("deep/1.png")
    assert (tmp_path / "out" / "deep" / "1.png").read_bytes() == b"a photo"
    folder.withdraw("deep/1.png")
    folder.withdraw("deep/1.png")
    folder.finish()
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["deep"]


def test_a_staged_file_is_never_seen_half_and_leftovers_go(folder, tmp_path, monkeypatch):
    write_bytes = Path.write_bytes

    def killed(path, content):
        write_bytes(path, content[:4])
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(Path, "write_bytes", killed)
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # as after SIGKILL
        folder.stage("deep/1.png", b"a whole photo")
    (left,) = (tmp_path / "out").rglob("*.png")
    assert left.parts[-3:-1] == (STAGING, "part") and left.read_bytes() == b"a wh"
    folder.prepare()
    assert not left.exists()
    for content in (b"a whole photo", b"another one"):
        put(folder, "deep/1.png", content)
        assert (tmp_path / "out" / "deep" / "1.png").read_bytes() == content


def test_what_other_parts_left_long_ago_goes_too(folder, tmp_path):
    places = {name: tmp_path / "out" / STAGING / name for name in ("long-ago", "at-work")}
    for place in places.values():
        place.mkdir(parents=True)
        (place / "1.png").write_bytes(b"a photo")
    os.utime(places["long-ago"], (0, 0))
    folder.prepare()
    assert not places["long-ago"].exists() and (places["at-work"] / "1.png").exists()


def test_an_output_that_cannot_be_written_is_named(folder, tmp_path):
    put(folder, "1.png", b"a photo")
    folder.stage("1.png/2.png", b"another one")
    with pytest.raises(WriteError, match=r"out/1\.png/2\.png: cannot be written \("):
        folder.place("1.png/2.png")


def test_links_are_replaced_and_what_they_lead_to_stays(folder, tmp_path):
    out, away = tmp_path / "out", tmp_path / "away"
    away.mkdir()
    (away / "kept").write_bytes(b"kept")
    (away / "2.png").write_bytes(b"kept")
    (out / "1.png").symlink_to(away / "kept")
    (out / "sub").symlink_to(away)
    os.link(away / "kept", out / "3.png")
    for name in ("1.png", "sub/2.png", "3.png"):
        put(folder, name, b"new")
        assert (out / name).read_bytes() == b"new"
    assert not (out / "1.png").is_symlink() and not (out / "sub").is_symlink()
    assert [path.read_bytes() for path in sorted(away.iterdir())] == [b"kept"] * 2


def test_what_is_withdrawn_or_compared_is_not_behind_a_link(folder, tmp_path):
    out, away = tmp_path / "out", tmp_path / "away"
    away.mkdir()
    (away / "1.png").write_bytes(b"kept")
    (out / "sub").symlink_to(away)
    (out / "1.png").symlink_to(away / "1.png")
    digest = hashlib.sha256(b"kept").hexdigest()
    assert OutputFolder(str(away)).holds("1.png", 4, digest)
    assert not any(folder.holds(name, 4, digest) for name in ("sub/1.png", "1.png"))
    folder.withdraw("sub/1.png")
    folder.withdraw("1.png")
    assert (away / "1.png").read_bytes() == b"kept" and not list(out.glob("*"))


def test_a_link_in_place_of_the_staging_folder_is_not_followed(tmp_path):
    (tmp_path / "out").mkdir(), (tmp_path / "away" / "part").mkdir(parents=True)
    (tmp_path / "away" / "part" / "kept").write_bytes(b"kept")
    (tmp_path / "out" / STAGING).symlink_to(tmp_path / "away")
    folder = OutputFolder(str(tmp_path / "out"), "part")
    folder.prepare()
    put(folder, "1.png", b"new")
    folder.finish()
    assert [path.name for path in (tmp_path / "away").rglob("*")] == ["part", "kept"]


LEADING_OUT = ["../1.png", "a/../../1.png", "/1.png", "a//1.png", "..\\1.png", "C:/1.png", "a\0.png"]


@pytest.mark.parametrize("name", LEADING_OUT)
def test_names_that_lead_out_of_the_folder_are_refused(folder, tmp_path, name):
    for use in (lambda: folder.stage(name, b""), lambda: folder.place(name), lambda: folder.withdraw(name)):
        with pytest.raises(InputError, match="relative path"):
            use()
    with pytest.raises(InputError, match="relative path"):
        folder.holds(name, 0, "")
    with pytest.raises(InputError, match="relative path"):
        OutputFolder("memory://out").stage(name, b"")


VOLUME = """
import sys
from svhn.jobs.output.folder import OutputFolder
folder = OutputFolder(sys.argv[1], "part")
folder.prepare()
for name in ("sub/1.png", "2.png", "sub/1.png"):
    folder.stage(name, b"a photo")
    folder.place(name)
folder.finish()
"""


def test_a_part_of_the_folder_may_be_another_file_system(tmp_path):
    (tmp_path / "out" / "sub").mkdir(parents=True)
    script = f"""
        mount -t tmpfs -o size=600k tmpfs {tmp_path}/out/sub || exit 77
        PYTHONPATH={ROOT} {sys.executable} -c '{VOLUME}' {tmp_path}/out && cd {tmp_path}/out && find . -type f
    """
    result = subprocess.run(["unshare", "-rm", "sh", "-c", script], capture_output=True, text=True, timeout=60)
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("no right to mount a small disk")
    assert result.stdout.split() == ["./sub/1.png", "./2.png"] or result.stdout.split() == ["./2.png", "./sub/1.png"]


@pytest.mark.parametrize(("photo_mode", "expected"), [(0o600, 0o600), (0o444, 0o444), (0o777, 0o644), (0o640, 0o640)])
def test_an_output_has_the_photos_time_and_no_more_permissions(folder, tmp_path, photo_mode, expected):
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"photo")
    photo.chmod(photo_mode)
    os.utime(photo, (1_000_000_000, 1_000_000_000))
    umask = os.umask(0o022)
    try:
        folder.stage("a.png", b"content", str(photo))
        folder.place("a.png")
        folder.stage("b.png", b"content", str(tmp_path / "gone.png"))
        folder.place("b.png")
    finally:
        os.umask(umask)
    found = os.stat(os.path.join(folder.root, "a.png"))
    assert found.st_mtime == 1_000_000_000 and found.st_mode & 0o777 == expected
    assert os.stat(os.path.join(folder.root, "b.png")).st_mode & 0o777 == 0o644
