"""Reading what may lie behind a URL: held in memory, limited in size and time, and never left behind anywhere."""

import contextlib
import io
import os
import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from svhn.errors import InputError
from svhn.files import printable, read_regular_file
from svhn.jobs.output.storage import file_system, is_remote

# For one file, and for one look at a server's listing; aiohttp's own limit for a request.
FETCH_SECONDS = 300.0
BLOCK = 1 << 20  # bytes between two looks at the clock

Answer = TypeVar("Answer")


def read_bytes(path: str, max_bytes: int, seconds: float = FETCH_SECONDS) -> bytes:
    """Return the content of a file or URL, read once.

    Parameters
    ----------
    path : str
    max_bytes : int
    seconds : float
        A URL that takes longer is given up; a file has no limit here.

    Raises
    ------
    InputError
        When there is no such file, it cannot be read, or it holds more than `max_bytes`.
    """
    if not is_remote(path):
        return read_regular_file(path, max_bytes)
    fs, name = file_system(path)
    if "file" in fs.protocol:
        return read_regular_file(name, max_bytes, name=path)
    kept = _Kept(path, max_bytes, time.monotonic() + seconds)
    return within(seconds, path, lambda: _read(fs, name, kept))


@contextlib.contextmanager
def fetched_file(url: str, max_bytes: int) -> Iterator[Path]:
    """Yield a path, with the name of `url`, at which its content can be opened while the block runs.

    For what a library reads bit by bit from a file; never for photos, since a kill within the block leaves the file.

    Raises
    ------
    InputError
        As `read_bytes`.
    """
    content = read_bytes(url, max_bytes)
    with contextlib.ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="svhn-"))
            path = Path(folder) / os.path.basename(urlsplit(url).path)
            path.write_bytes(content)
        except OSError as error:
            raise InputError(
                f"{printable(url)}: cannot be kept in a temporary folder while it is read ({error.strerror}); make "
                "room there, or set TMPDIR to another folder"
            ) from error
        yield path


def within(seconds: float, url: str, work: Callable[[], Answer]) -> Answer:
    """Return what `work` returns, which asks the server of `url` for something.

    It is done in a thread of its own, which is left behind when it takes too long; signals are answered meanwhile.

    Raises
    ------
    InputError
        When it takes longer than `seconds`, or anything goes wrong on the way; it names the URL.
    """
    outcome: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_put_outcome, args=(outcome, work), daemon=True).start()
    try:
        answer, error = outcome.get(timeout=seconds)
    except queue.Empty:
        answer, error = None, TimeoutError()
    if isinstance(error, InputError):
        raise error
    if error is not None:
        raise InputError(f"{printable(url)}: {_words(error, seconds)}") from error
    return answer


def _put_outcome(outcome: queue.SimpleQueue, work: Callable[[], Any]) -> None:
    try:
        outcome.put((work(), None))
    except Exception as error:  # of whatever library speaks to the server
        outcome.put((None, error))


def _words(error: Exception, seconds: float) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such photo; check the path"
    if isinstance(error, TimeoutError):
        return f"not there after {seconds:g} seconds; check the server and the network, and try again"
    detail = printable(f"{type(error).__name__}: {error}".rstrip(": "))
    return f"cannot be fetched ({detail}); check the URL and the server"


class _Kept(io.BytesIO):
    """What has arrived so far; TimeoutError and InputError end the transfer when it is too late or too much."""

    def __init__(self, url: str, max_bytes: int, until: float):
        super().__init__()
        self.url, self.max_bytes, self.until = url, max_bytes, until

    def write(self, block: Any) -> int:
        if time.monotonic() > self.until:
            raise TimeoutError
        if self.tell() + len(block) > self.max_bytes:
            raise InputError(
                f"{printable(self.url)}: more than {self.max_bytes:,} bytes, expected at most that; check the URL, or "
                "save the photo smaller"
            )
        return super().write(block)


def _read(fs: Any, name: str, kept: _Kept) -> bytes:
    """Return the content of a remote file."""
    if "http" in fs.protocol:
        fs.get_file(name, kept)  # one request for all of it, where an open file makes one for each block
        return kept.getvalue()
    with fs.open(name, "rb") as file:
        while block := file.read(BLOCK):
            kept.write(block)
    return kept.getvalue()
