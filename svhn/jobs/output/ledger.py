"""The ledger: a line of JSON for every photo that is finished, and what can be learned from it after a crash.

A line is written by one system call to a file opened for appending, so that a killed process leaves whole lines; only a
machine that dies can tear the last one, and then it is cut off when the job goes on. The file is synchronised every
few seconds and at the end, not for every line: what a power cut may take is the end of the ledger, and a photo
without a line is simply done again. Outputs are not synchronised one by one either; the ledger holds their hashes, and
`--resume` does a photo again whose output is not the one described.

Lines are added, never taken away: the last line about a photo counts, by its place in the file and not by the clock.

Object stores cannot append. There the ledger is a row of numbered parts, each written whole.
"""

import contextlib
import errno
import itertools
import json
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from svhn.errors import InputError
from svhn.files import ensure_folder, printable
from svhn.jobs.output.storage import file_system, is_remote, join
from svhn.jobs.tasks import ReportLine

SYNC_SECONDS = 5.0
PART_LINES = 1000
_LEDGER = re.compile(r"report(\.\d+-of-\d+)?(\.\d+)?\.jsonl")
# The end of the name of one part of a ledger in an object store.
_PART = re.compile(r"\.\d{6,}\.jsonl$")


class Ledger(Protocol):
    """Where finished photos are written down; `name` says where."""

    @property
    def name(self) -> str | None: ...

    def append(self, line: ReportLine) -> None:
        """Add one line; raise OSError when that is not possible, and then nothing was added."""

    def close(self) -> None:
        """Make everything durable."""


def ledger_name(shard: int, shards: int) -> str:
    """Return the file name of the ledger of one part of a job."""
    return "report.jsonl" if shards == 1 else f"report.{shard:0{len(str(shards))}}-of-{shards}.jsonl"


def open_ledger(folder: str, name: str) -> Ledger:
    """Open a ledger for appending.

    Raises
    ------
    InputError
        When another job holds it, it cannot be written, or it is a link or another file's second name.
    """
    return RemoteLedger(folder, name) if is_remote(folder) else LocalLedger(folder, name)


class LocalLedger:
    """A ledger in a folder; it is locked, so that no two jobs write to it."""

    def __init__(self, folder: str, name: str):
        path = ensure_folder(folder) / name
        self.name = str(path)
        self.file = _open_own_file(path)
        try:
            _lock(self.file, path)
            self.end = _end_of_last_line(self.file)
            os.ftruncate(self.file, self.end)
        except BaseException:
            os.close(self.file)
            raise
        self.synced = time.monotonic()

    def append(self, line: ReportLine) -> None:
        data = json.dumps(line.to_dict()).encode() + b"\n"
        try:
            if os.write(self.file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            os.ftruncate(self.file, self.end)  # on a full disk a part of the line may be there
            raise
        self.end += len(data)
        if time.monotonic() - self.synced > SYNC_SECONDS:
            os.fsync(self.file)
            self.synced = time.monotonic()

    def close(self) -> None:
        os.fsync(self.file)
        os.close(self.file)


class RemoteLedger:
    """A ledger in an object store, in parts of up to `PART_LINES` lines or `SYNC_SECONDS` seconds."""

    def __init__(self, folder: str, name: str):
        self.name = join(folder, name)
        self.fs, base = file_system(self.name)
        self.stem = base.removesuffix(".jsonl")
        self.fs.makedirs(base.rpartition("/")[0], exist_ok=True)
        names = (path.rpartition("/")[2] for path in self.fs.glob(f"{self.stem}.*.jsonl"))
        parts = (int(found.split(".")[-2]) for found in names if _whole_name(found) == name != found)
        self.part = max(parts, default=-1) + 1
        self.lines: list[str] = []
        self.synced = time.monotonic()

    def append(self, line: ReportLine) -> None:
        self.lines.append(json.dumps(line.to_dict()) + "\n")
        if len(self.lines) >= PART_LINES or time.monotonic() - self.synced > SYNC_SECONDS:
            self.close()

    def close(self) -> None:
        if self.lines:
            self.fs.pipe_file(f"{self.stem}.{self.part:06}.jsonl", "".join(self.lines).encode())
            self.part += 1
        self.lines, self.synced = [], time.monotonic()


def read_ledgers(folder: str) -> Iterator[ReportLine]:
    """Yield the lines of all ledgers in a folder or under a URL, oldest first within each; see `ledgers_in`."""
    return itertools.chain.from_iterable(ledgers_in(folder))


def ledgers_in(folder: str) -> Iterator[Iterator[ReportLine]]:
    """Yield the lines of each ledger in a folder or under a URL, oldest first; what is no line is left out.

    Raises
    ------
    InputError
        When a ledger is a pipe, a device or unreadable.
    """
    for _, paths in itertools.groupby(ledger_files(folder), key=_whole_name):
        yield _lines(folder, list(paths))


def ledger_files(folder: str) -> list[str]:
    """Return the paths of the ledgers in a folder or under a URL, sorted; of all their parts."""
    if is_remote(folder):
        fs, base = file_system(folder)
        return sorted(path for path in fs.glob(f"{base.rstrip('/')}/report*.jsonl") if _is_ledger(path))
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(os.path.join(folder, name) for name in names if _is_ledger(name))


def _lines(folder: str, paths: Sequence[str]) -> Iterator[ReportLine]:
    for path in paths:
        for data in _remote_data(folder, path) if is_remote(folder) else _local_data(path):
            with contextlib.suppress(ValueError):
                yield ReportLine.from_dict(json.loads(data))


def _remote_data(folder: str, path: str) -> list[bytes]:
    fs, _ = file_system(folder)
    return fs.cat_file(path).splitlines()


def _local_data(path: str) -> Iterator[bytes]:
    with _naming(path, "read"):
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{printable(path)}: expected a report, received a folder, pipe or device; remove it")
        with open(path, "rb") as lines:
            yield from (line for line in lines if line.endswith(b"\n"))  # else it is torn


def _is_ledger(path: str) -> bool:
    return _LEDGER.fullmatch(path.rsplit("/", 1)[-1]) is not None


def _whole_name(path: str) -> str:
    """Return the name of the ledger that a file is, or is a part of."""
    return _PART.sub(".jsonl", path)


def _open_own_file(path: Path) -> int:
    """Open a ledger for appending; what else bears its name is refused, since a line would be written into it."""
    with _naming(path, "written"):
        if path.is_symlink():
            raise InputError(f"{printable(path)}: a link, expected a report of its own; remove the link")
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        return file
    os.close(file)
    if stat.S_ISREG(found.st_mode):
        raise InputError(
            f"{printable(path)}: this file has other names too (hard links), and adding to it would change them; put a "
            "copy in its place"
        )
    raise InputError(f"{printable(path)}: expected a report, received a pipe or device; remove it")


@contextlib.contextmanager
def _naming(path: str | os.PathLike, what: str) -> Iterator[None]:
    """Turn an OSError about a ledger into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{printable(path)}: this report cannot be {what} ({error.strerror}); choose another folder or see to its "
            "permissions"
        ) from error


def _lock(file: int, path: os.PathLike) -> None:
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise InputError(
            f"{printable(path)}: another job is writing here; wait for it, or choose another --output-dir"
        ) from error
    except OSError:
        pass  # a file system without locks


def _end_of_last_line(file: int) -> int:
    """Return where the last whole line ends."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - (1 << 16))
        block = os.pread(file, end - start, start)
        if (position := block.rfind(b"\n")) >= 0:
            return start + position + 1
        end = start
    return 0
