"""Downloads from a server of our own on 127.0.0.1 that misbehaves on demand; nothing leaves the machine."""

import errno
import hashlib
import io
import os
import random
import re
import socket
import subprocess
import sys
import tarfile
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from svhn.data import fetch as fetch_module
from svhn.data.fetch import MARKER, fetch_files
from svhn.data.sources import OFFICIAL_FILES, OfficialFile, official_files
from svhn.errors import InputError

CROPS = random.Random(0).randbytes(50_000)
PHOTOS = {"train/1.png": b"first photo", "train/2.png": b"second photo", "train/digitStruct.mat": b"boxes"}


@dataclass
class Site:
    """What the server holds, how its next answers go wrong, and what it was asked for.

    Each list in `faults` is used up from the front, one entry per request; None is a request that goes well.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    statuses: list[int | None] = field(default_factory=list)
    cuts: list[int | None] = field(default_factory=list)
    ranges_work: bool = True
    range_shift: int = 0
    length_header: bool = True
    stall: threading.Event | None = None
    moved_to: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    sent: int = 0
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        site, name = self.server.site, self.path.rsplit("/", 1)[-1]
        asked = self.headers.get("Range")
        site.requests.append((name, asked))
        if site.moved_to:
            self.send_response(302)
            self.send_header("Location", site.moved_to)
            return self.end_headers()
        status = site.statuses.pop(0) if site.statuses else None
        if status or name not in site.content:
            return self.send_error(status or 404)
        content = site.content[name]
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and site.ranges_work else 0
        if start and start >= len(content):
            return self.send_error(416)
        self.send_start(site, start and start + site.range_shift, len(content))
        self.send_body(site, content[start:])

    def send_start(self, site, start, size):
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        if site.length_header:
            self.send_header("Content-Length", str(size - start))
        self.end_headers()

    def send_body(self, site, body):
        cut = site.cuts.pop(0) if site.cuts else None
        sent = body[:cut]
        site.sent += len(sent)  # before the client can have it
        self.wfile.write(sent)
        if cut is not None and site.stall:
            site.stall.wait(5)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site(url=f"http://127.0.0.1:{server.server_port}/files")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server.site
    server.shutdown()
    server.server_close()
    thread.join()


def entry(content: bytes, name="train_32x32.mat", split="train") -> OfficialFile:
    format = "crops" if name.endswith(".mat") else "photos"
    return OfficialFile(name, split, format, len(content), hashlib.sha256(content).hexdigest())


def make_archive(members: dict[str, bytes], special=()) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        folder = tarfile.TarInfo("train/")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for info in special:
            tar.addfile(info)
    return stream.getvalue()


def get(site, folder, content=CROPS, name="train_32x32.mat", **options):
    """Fetch one file that should have `content`, without waiting between tries."""
    files = [entry(content, name)]
    return fetch_files(["train"], folder, base_url=site.url, files=files, **{"pause": 0, **options})


def get_photos(site, folder, archive, **options):
    site.content.setdefault("train.tar.gz", archive)
    return get(site, folder, archive, "train.tar.gz", **options)


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


class TestSources:
    def test_choice_by_split_and_format(self):
        chosen = official_files(["extra", "train"], "both")
        assert [file.name for file in chosen] == [
            "train.tar.gz",
            "extra.tar.gz",
            "train_32x32.mat",
            "extra_32x32.mat",
        ]
        assert [file.name for file in official_files("test", "photos")] == ["test.tar.gz"]
        assert [file.name for file in official_files("test", "crops")] == ["test_32x32.mat"]

    def test_table_is_consistent(self):
        assert len({file.name for file in OFFICIAL_FILES}) == len({file.sha256 for file in OFFICIAL_FILES}) == 6
        assert sum(file.size for file in OFFICIAL_FILES) == 4_211_782_059
        for file in OFFICIAL_FILES:
            ending = {"photos": ".tar.gz", "crops": "_32x32.mat"}[file.format]
            assert file.name == file.split + ending
            assert re.fullmatch("[0-9a-f]{64}", file.sha256)

    def test_unknown_split_or_format(self):
        with pytest.raises(InputError, match=r"train, test, extra.*received validation"):
            official_files(["train", "validation"])
        with pytest.raises(InputError, match=r"photos, crops, both.*received png"):
            official_files("train", "png")


class TestDownload:
    def test_both_formats_in_the_layout_of_the_readers(self, site, tmp_path):
        archive = make_archive(PHOTOS)
        site.content = {"train.tar.gz": archive, "train_32x32.mat": CROPS}
        files = [
            entry(archive, "train.tar.gz"),
            entry(CROPS),
            entry(b"not asked for", "test_32x32.mat", "test"),
        ]
        folder = tmp_path / "new" / "svhn"
        paths = fetch_files(["train"], folder, base_url=site.url + "/", files=files)
        assert paths == [folder / "train", folder / "train_32x32.mat"]
        assert paths[1].read_bytes() == CROPS
        for name, data in PHOTOS.items():
            assert (folder / name).read_bytes() == data
        assert names(folder) == ["train", "train_32x32.mat"]
        assert names(folder / "train") == [MARKER, "1.png", "2.png", "digitStruct.mat"]

    def test_finished_files_are_not_asked_for_again(self, site, tmp_path):
        archive = make_archive(PHOTOS)
        site.content = {"train.tar.gz": archive, "train_32x32.mat": CROPS}
        files = [entry(archive, "train.tar.gz"), entry(CROPS)]
        first = fetch_files("train", tmp_path, base_url=site.url, files=files)
        assert len(site.requests) == 2
        assert fetch_files("train", tmp_path, base_url=site.url, files=files) == first
        assert len(site.requests) == 2

    def test_progress_counts_up_to_the_size(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.cuts = [20_000]
        seen = []
        get(site, tmp_path, progress=lambda *report: seen.append(report))
        assert {(name, total) for name, _, total in seen} == {("train_32x32.mat", len(CROPS))}
        counts = [done for _, done, _ in seen]
        assert counts == sorted(set(counts))
        assert 20_000 in counts
        assert counts[-1] == len(CROPS)

    def test_bad_address(self, tmp_path):
        with pytest.raises(InputError, match="received ufldl"):
            fetch_files("train", tmp_path, base_url="ufldl.stanford.edu/housenumbers/")

    def test_needs_no_heavy_library(self):
        heavy = "{'numpy', 'h5py', 'cv2', 'scipy'}"
        code = f"import sys, svhn.data.fetch; sys.exit(bool({heavy} & set(sys.modules)))"
        assert subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2]).returncode == 0


class TestResume:
    def test_cut_connections_are_taken_up_where_they_stopped(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.cuts = [10_000, 0, 5_000]
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        asked = [byte_range for _, byte_range in site.requests]
        assert asked == [None, "bytes=10000-", "bytes=10000-", "bytes=15000-"]
        assert site.sent == len(CROPS)

    def test_part_of_an_earlier_call_is_used(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        (tmp_path / "train_32x32.mat.part").write_bytes(CROPS[:49_000])
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == [("train_32x32.mat", "bytes=49000-")]
        assert site.sent == 1_000
        assert names(tmp_path) == ["train_32x32.mat"]

    def test_complete_part_needs_no_request(self, site, tmp_path):
        (tmp_path / "train_32x32.mat.part").write_bytes(CROPS)
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == []

    def test_part_that_is_too_long_starts_over(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        (tmp_path / "train_32x32.mat.part").write_bytes(b"x" * (len(CROPS) + 1))
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == [("train_32x32.mat", None)]

    def test_server_without_ranges_starts_over(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.ranges_work = False
        (tmp_path / "train_32x32.mat.part").write_bytes(b"x" * 30_000)
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == [("train_32x32.mat", "bytes=30000-")]

    def test_refused_range_starts_over(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.statuses = [416]
        (tmp_path / "train_32x32.mat.part").write_bytes(b"x" * 30_000)
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == [("train_32x32.mat", "bytes=30000-"), ("train_32x32.mat", None)]

    def test_answer_with_another_range_starts_over(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.range_shift = 7
        (tmp_path / "train_32x32.mat.part").write_bytes(CROPS[:30_000])
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests == [("train_32x32.mat", "bytes=30000-"), ("train_32x32.mat", None)]

    def test_stalled_connection_is_taken_up_again(self, site, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch_module, "TIMEOUT", 0.3)
        site.content["train_32x32.mat"] = CROPS
        site.cuts, site.stall = [10_000], threading.Event()
        begin = time.monotonic()
        [path] = get(site, tmp_path)
        site.stall.set()
        assert time.monotonic() - begin < 4  # the server would have held the line for 5 seconds
        assert path.read_bytes() == CROPS
        assert site.requests[1] == ("train_32x32.mat", "bytes=10000-")

    def test_stopped_by_the_user_goes_on_in_the_next_call(self, site, tmp_path):
        reached = []

        def stop(name, done, total):
            reached.append(done)
            raise KeyboardInterrupt

        site.content["train_32x32.mat"] = CROPS
        site.cuts = [10_000]
        with pytest.raises(KeyboardInterrupt):
            get(site, tmp_path, progress=stop)
        [path] = get(site, tmp_path)
        assert path.read_bytes() == CROPS
        assert site.requests[1] == ("train_32x32.mat", f"bytes={reached[0]}-")


class TestGivingUp:
    def test_bounded_tries_keep_what_arrived(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.cuts = [1_000, 500, 0]
        with pytest.raises(InputError, match=r"train_32x32\.mat: gave up at 1,500 of 50,000 bytes .*again later"):
            get(site, tmp_path, attempts=3)
        assert len(site.requests) == 3
        assert names(tmp_path) == ["train_32x32.mat.part"]
        assert get(site, tmp_path)[0].read_bytes() == CROPS
        assert site.sent == len(CROPS)

    def test_tries_that_get_on_are_not_counted(self, site, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch_module, "BLOCK", 5_000)
        site.content["train_32x32.mat"] = CROPS
        site.cuts = [5_000] * 9
        assert get(site, tmp_path, attempts=2)[0].read_bytes() == CROPS

    def test_server_without_ranges_cannot_keep_us_for_ever(self, site, tmp_path, monkeypatch):
        monkeypatch.setattr(fetch_module, "BLOCK", 5_000)
        site.content["train_32x32.mat"] = CROPS
        site.ranges_work = False
        site.cuts = [30_000, 10_000] * 20
        with pytest.raises(InputError, match="gave up"):
            get(site, tmp_path, attempts=3)
        assert len(site.requests) == 3

    def test_pauses_double_up_to_a_limit(self, site, tmp_path, monkeypatch):
        pauses = []
        monkeypatch.setattr(time, "sleep", pauses.append)
        site.statuses = [503] * 9
        with pytest.raises(InputError, match=r"503 Service Unavailable"):
            get(site, tmp_path, attempts=6, pause=3.0)
        assert pauses == [3, 6, 12, 24, 30]

    def test_busy_server_is_asked_again(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        site.statuses = [503, 429]
        assert get(site, tmp_path)[0].read_bytes() == CROPS

    def test_missing_file_is_not_asked_for_twice(self, site, tmp_path):
        with pytest.raises(InputError, match=r"/files/train_32x32\.mat: the server answered 404 .*mirror"):
            get(site, tmp_path)
        assert len(site.requests) == 1
        assert names(tmp_path) == []

    @pytest.mark.parametrize("scheme", ["file", "ftp", "FILE"])
    def test_a_redirection_away_from_the_web_is_not_followed(self, scheme, site, tmp_path):
        (tmp_path / "secret").write_bytes(CROPS)
        site.moved_to = f"{scheme}://localhost{tmp_path}/secret"
        with pytest.raises(InputError, match=rf"the server answered 302 .*{scheme}://localhost/"):
            get(site, tmp_path / "data")
        assert names(tmp_path / "data") == []

    def test_a_redirection_that_leads_nowhere_ends(self, site, tmp_path):
        site.moved_to = f"{site.url}/train_32x32.mat"
        with pytest.raises(InputError, match="the server answered 302"):
            get(site, tmp_path)
        assert 1 < len(site.requests) < 20

    def test_unknown_server(self, site, tmp_path, monkeypatch):
        def resolve(*args, **options):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        with pytest.raises(InputError, match=r"cannot find this server \(Name or service not known\); check"):
            fetch_files("train", tmp_path, base_url="http://nowhere.invalid/", files=[entry(CROPS)])

    def test_nobody_listens(self, site, tmp_path):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            site.url = f"http://127.0.0.1:{free.getsockname()[1]}"
            with pytest.raises(InputError, match=r"gave up at 0 of 50,000 bytes .*refused"):
                get(site, tmp_path, attempts=2)

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    def test_full_disk_while_downloading(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        (tmp_path / "train_32x32.mat.part").symlink_to("/dev/full")
        with pytest.raises(InputError, match=r"train_32x32\.mat\.part: cannot write \(No space left.*make room"):
            get(site, tmp_path)


class TestWrongContent:
    def test_altered_file_is_refused_and_removed(self, site, tmp_path):
        altered = CROPS[:-1] + bytes([CROPS[-1] ^ 1])
        site.content["train_32x32.mat"] = altered
        with pytest.raises(InputError) as caught:
            get(site, tmp_path)
        assert hashlib.sha256(CROPS).hexdigest() in str(caught.value)
        assert hashlib.sha256(altered).hexdigest() in str(caught.value)
        assert "train_32x32.mat" in str(caught.value)
        assert names(tmp_path) == []
        site.content["train_32x32.mat"] = CROPS
        assert get(site, tmp_path)[0].read_bytes() == CROPS

    def test_altered_part_is_noticed(self, site, tmp_path):
        site.content["train_32x32.mat"] = CROPS
        (tmp_path / "train_32x32.mat.part").write_bytes(b"x" * 30_000)
        with pytest.raises(InputError, match=r"expected SHA-256 .* received .* start over"):
            get(site, tmp_path)
        assert names(tmp_path) == []

    @pytest.mark.parametrize("held", [0, 10_000])
    def test_truncated_file_is_refused_before_its_body(self, site, tmp_path, held):
        site.content["train_32x32.mat"] = CROPS[:20_000]
        if held:
            (tmp_path / "train_32x32.mat.part").write_bytes(CROPS[:held])
        with pytest.raises(InputError, match=r"expected 50000 bytes, the server offers 20000;"):
            get(site, tmp_path)
        assert len(site.requests) == 1
        assert not (tmp_path / "train_32x32.mat").exists()
        site.content["train_32x32.mat"] = CROPS
        assert get(site, tmp_path)[0].read_bytes() == CROPS

    def test_answer_of_unknown_length_is_refused(self, site, tmp_path):
        site.content["train_32x32.mat"] = b"<html>please log in</html>"
        site.length_header = False
        with pytest.raises(InputError, match=r"an unknown number.*login page"):
            get(site, tmp_path)
        assert names(tmp_path) == []

    def test_a_users_own_file_is_never_replaced(self, site, tmp_path):
        own = tmp_path / "train_32x32.mat"
        own.write_bytes(b"a subset")
        with pytest.raises(InputError, match=r"not the official file .*found 8 bytes.*move it away"):
            get(site, tmp_path)
        assert own.read_bytes() == b"a subset"
        assert site.requests == []


class TestUnpack:
    def test_archive_is_deleted_by_default(self, site, tmp_path):
        get_photos(site, tmp_path, make_archive(PHOTOS))
        assert names(tmp_path) == ["train"]

    def test_archive_can_be_kept(self, site, tmp_path):
        archive = make_archive(PHOTOS)
        get_photos(site, tmp_path, archive, keep_archives=True)
        assert (tmp_path / "train.tar.gz").read_bytes() == archive

    def test_archive_of_the_user_is_used_and_stays(self, site, tmp_path):
        archive = make_archive(PHOTOS)
        (tmp_path / "train.tar.gz").write_bytes(archive)
        assert get_photos(site, tmp_path, archive) == [tmp_path / "train"]
        assert site.requests == []
        assert names(tmp_path) == ["train", "train.tar.gz"]

    def test_altered_archive_in_the_folder_is_refused(self, site, tmp_path):
        (tmp_path / "train.tar.gz").write_bytes(b"something else")
        with pytest.raises(InputError, match=r"train\.tar\.gz: this is not the official file"):
            get_photos(site, tmp_path, make_archive(PHOTOS))
        assert names(tmp_path) == ["train.tar.gz"]

    def test_a_users_own_folder_is_never_replaced(self, site, tmp_path):
        (tmp_path / "train").mkdir()
        (tmp_path / "train" / "mine.png").write_bytes(b"mine")
        with pytest.raises(InputError, match=r"train: expected a folder .*move it away"):
            get_photos(site, tmp_path, make_archive(PHOTOS))
        assert names(tmp_path / "train") == ["mine.png"]
        assert site.requests == []

    def test_empty_folder_is_filled(self, site, tmp_path):
        (tmp_path / "train").mkdir()
        get_photos(site, tmp_path, make_archive(PHOTOS))
        assert "1.png" in names(tmp_path / "train")

    @pytest.mark.parametrize("damage", ["photo gone", "other archive", "unreadable marker", "marker of a list"])
    def test_marker_is_not_believed_blindly(self, site, tmp_path, damage):
        archive = make_archive(PHOTOS)
        get_photos(site, tmp_path, archive)
        marker = tmp_path / "train" / MARKER
        if damage == "photo gone":
            (tmp_path / "train" / "2.png").unlink()
        elif damage == "other archive":
            archive = make_archive({**PHOTOS, "train/3.png": b"third"})
        else:
            marker.write_text("{" if damage == "unreadable marker" else "[]")
        with pytest.raises(InputError, match="move it away"):
            get_photos(site, tmp_path, archive)
        assert len(site.requests) == 1

    def test_additional_files_do_no_harm(self, site, tmp_path):
        archive = make_archive(PHOTOS)
        get_photos(site, tmp_path, archive)
        (tmp_path / "train" / "notes.txt").write_text("mine")
        get_photos(site, tmp_path, archive)
        assert len(site.requests) == 1

    @pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
    def test_interrupted_unpack_leaves_nothing(self, site, tmp_path, monkeypatch, stop):
        extract, archive = tarfile.TarFile.extract, make_archive(PHOTOS)

        def extract_one(tar, member, path, **options):
            if Path(member.name).name == "2.png":
                assert any(Path(path).rglob("1.png"))
                raise stop
            extract(tar, member, path, **options)

        with monkeypatch.context() as patch:
            patch.setattr(tarfile.TarFile, "extract", extract_one)
            with pytest.raises((KeyboardInterrupt, InputError)) as caught:
                get_photos(site, tmp_path, archive)
        if isinstance(stop, OSError):
            assert re.search(r"train: cannot write \(No space left on device\); make room", str(caught.value))
        assert names(tmp_path) == ["train.tar.gz"]
        get_photos(site, tmp_path, archive)
        assert (tmp_path / "train" / "2.png").read_bytes() == b"second photo"
        assert len(site.requests) == 1

    def test_files_beside_the_split_are_left_out(self, site, tmp_path):
        archive = make_archive({**PHOTOS, "._train": b"x", "other/1.png": b"x", "./train/3.png": b"third"})
        get_photos(site, tmp_path, archive)
        assert names(tmp_path) == ["train"]
        assert names(tmp_path / "train") == [MARKER, "1.png", "2.png", "3.png", "digitStruct.mat"]

    def test_archive_without_the_split(self, site, tmp_path):
        with pytest.raises(InputError, match=r"expected files in train/, found none"):
            get_photos(site, tmp_path, make_archive({"test/1.png": b"x"}))
        assert names(tmp_path) == ["train.tar.gz"]

    @pytest.mark.parametrize("broken", [b"no archive", make_archive(PHOTOS)[:80]], ids=["no archive", "cut"])
    def test_broken_archive(self, site, tmp_path, broken):
        with pytest.raises(InputError, match=r"train\.tar\.gz: expected a sound tar\.gz archive"):
            get_photos(site, tmp_path, broken)
        assert names(tmp_path) == ["train.tar.gz"]


def special(type: bytes, linkname: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo("train/special")
    info.type, info.linkname = type, linkname
    return info


EVIL = {
    "parent": make_archive({**PHOTOS, "../evil": b"x"}),
    "parent inside": make_archive({**PHOTOS, "train/../../evil": b"x"}),
    "parent that stays": make_archive({**PHOTOS, "train/../train/evil": b"x"}),
    "absolute": make_archive({**PHOTOS, "/tmp/svhn-test-evil": b"x"}),
    "drive": make_archive({**PHOTOS, "C:evil": b"x"}),
    "backslashes": make_archive({**PHOTOS, "train\\..\\..\\evil": b"x"}),
    "symbolic link": make_archive(PHOTOS, [special(tarfile.SYMTYPE, "/etc/passwd")]),
    "link inside": make_archive(PHOTOS, [special(tarfile.SYMTYPE, "1.png")]),
    "hard link": make_archive(PHOTOS, [special(tarfile.LNKTYPE, "train/1.png")]),
    "device": make_archive(PHOTOS, [special(tarfile.CHRTYPE)]),
    "pipe": make_archive(PHOTOS, [special(tarfile.FIFOTYPE)]),
}


@pytest.mark.filterwarnings("ignore:Python 3.14")  # what Python 3.12 and 3.13 say about a missing filter
@pytest.mark.parametrize("name", EVIL)
@pytest.mark.parametrize("filter", [fetch_module.FILTER, {}], ids=["filter", "no filter"])
def test_evil_member_is_refused(site, tmp_path, monkeypatch, name, filter):
    monkeypatch.setattr(fetch_module, "FILTER", filter)
    folder = tmp_path / "data"
    with pytest.raises(InputError, match=r"train\.tar\.gz: its member .* would leave the folder"):
        get_photos(site, folder, EVIL[name])
    assert names(folder) == ["train.tar.gz"]
    assert names(tmp_path) == ["data"]
    assert not os.path.exists("/tmp/svhn-test-evil")


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="needs tarfile's filters")
def test_data_filter_is_in_use(site, tmp_path, monkeypatch):
    extract, seen = tarfile.TarFile.extract, []

    def watch(tar, member, path, **options):
        seen.append((member.name, options))
        extract(tar, member, path, **options)

    monkeypatch.setattr(tarfile.TarFile, "extract", watch)
    get_photos(site, tmp_path, make_archive(PHOTOS))
    assert seen == [(name, {"filter": "data"}) for name in ("1.png", "2.png", "digitStruct.mat")]
