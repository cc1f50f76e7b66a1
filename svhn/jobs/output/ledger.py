"""The ledger: a line of JSON for every photo that is finished, and what can be learned from it after a crash.

A line is written by one system call to a file opened for appending, so that a killed process leaves whole lines; only a
machine that dies can tear the last one, and then it is cut off when the job goes on. The file is synchronised every
few seconds and at the end, not for every line: what a power cut may take is the end of the ledger, and a photo
without a line is simply done again. Outputs are not synchronised one by one either; the ledger holds their hashes, and
`--resume` does a photo again whose output is not the one described.

Object stores cannot append. There the ledger is a row of numbered parts, each written whole.
"""

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from svhn.errors import InputError
from svhn.files import ensure_folder, printable
from svhn.jobs.output.storage import file_system, is_remote, join
from svhn.jobs.tasks import ReportLine, Task

SYNC_SECONDS = 5.0
PART_LINES = 1000
_LEDGER = re.compile(r"report(\.\d+-of-\d+)?(\.\d+)?\.jsonl")


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


def open_ledger(output_dir: str, name: str, resume: bool) -> Ledger:
    """Open a ledger for appending, empty unless `resume`.

    Raises
    ------
    InputError
        When another job holds it, or it cannot be written.
    """
    return RemoteLedger(output_dir, name, resume) if is_remote(output_dir) else LocalLedger(output_dir, name, resume)


class NoLedger:
    """For a job that leaves nothing behind."""

    name: str | None = None

    def append(self, line: ReportLine) -> None:
        pass

    def close(self) -> None:
        pass


class LocalLedger:
    """A ledger in a folder; it is locked, so that no two jobs write to it."""

    def __init__(self, output_dir: str, name: str, resume: bool):
        path = ensure_folder(output_dir) / name
        self.name = str(path)
        try:
            self.file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(
                f"{printable(path)}: cannot write this report ({error.strerror}); choose another --output-dir"
            ) from error
        try:
            _lock(self.file, path)
            self.end = _end_of_last_line(self.file) if resume else 0
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

    def __init__(self, output_dir: str, name: str, resume: bool):
        self.name = join(output_dir, name)
        self.fs, base = file_system(self.name)
        self.stem = base.removesuffix(".jsonl")
        self.fs.makedirs(base.rpartition("/")[0], exist_ok=True)
        parts = self.fs.glob(f"{self.stem}.*.jsonl")
        if not resume and parts:
            self.fs.rm(parts)
        self.part = 0 if not resume else len(parts)
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


def read_ledgers(output_dir: str) -> Iterator[ReportLine]:
    """Yield the lines of all ledgers in an output folder, oldest first within each; what is no line is left out."""
    for data in _ledger_lines(output_dir):
        with contextlib.suppress(ValueError):
            yield ReportLine.from_dict(json.loads(data))


def last_lines(output_dir: str) -> dict[str, ReportLine]:
    """Return what happened last to each photo, by its path, merged from the ledgers of all parts of a job."""
    lines: dict[str, ReportLine] = {}
    for line in read_ledgers(output_dir):
        if line.photo not in lines or lines[line.photo].finished <= line.finished:
            lines[line.photo] = line
    return lines


def done_before(output_dir: str, tasks: Mapping[str, Task]) -> dict[str, ReportLine]:
    """Return what the ledgers say, but for the numbers, of those of the given tasks that need not be done again."""
    done: dict[str, ReportLine] = {}
    for line in read_ledgers(output_dir):
        if line.photo in tasks:
            done.pop(line.photo, None)
            if line.is_done:
                done[line.photo] = replace(line, numbers=())
    return done


def _ledger_lines(output_dir: str) -> Iterator[bytes]:
    if is_remote(output_dir):
        fs, base = file_system(output_dir)
        paths = [path for path in fs.glob(f"{base.rstrip('/')}/report*.jsonl") if _is_ledger(path)]
        for path in sorted(paths):
            yield from fs.cat_file(path).splitlines()
        return
    for name in sorted(os.listdir(output_dir)) if os.path.isdir(output_dir) else []:
        if _is_ledger(name):
            with open(os.path.join(output_dir, name), "rb") as file:
                yield from (line for line in file if line.endswith(b"\n"))  # else it is torn


def _is_ledger(path: str) -> bool:
    return _LEDGER.fullmatch(path.rsplit("/", 1)[-1]) is not None


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
