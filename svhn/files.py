"""Reading files that may be anything, and writing them so that nobody ever sees half of one."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from svhn.errors import InputError

# What the names of unfinished files begin with: hidden, and known to `remove_leftovers`.
TEMPORARY_PREFIX = ".svhn-unfinished-"
# Nothing here takes as long to write as this; an older unfinished file belongs to a process that was killed.
LEFTOVER_SECONDS = 3600


class WriteError(InputError):
    """An output that cannot be written; `errno` is that of the OSError, for example ENOSPC."""

    errno: int | None = None


def printable(text: object) -> str:
    r"""Return `text` on one line: control characters and odd bytes of a file name as \n, \x1b, \udcff."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


def json_line(content: Any, encoding: str = "utf-8") -> str:
    r"""Return `content` as JSON on one line that can be shown and stored wherever `encoding` can.

    Letters stay readable; what is none, control characters and odd bytes of file names, is written as \u001b, \udcff.
    """
    text = json.dumps(content, ensure_ascii=False)
    text = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
    try:
        text.encode(encoding)
    except (UnicodeError, LookupError):
        return json.dumps(content)
    return text


def read_regular_file(path: str | Path, max_bytes: int, name: str | Path | None = None) -> bytes:
    """Return the content of a regular file; pipes and devices are refused, so that nothing ever hangs.

    Parameters
    ----------
    path : str or Path
    max_bytes : int
    name : str or Path, optional
        What errors call it, for example the URL that it was fetched from; the path by default.

    Raises
    ------
    InputError
        When there is no such file, it is none, it cannot be read, or it holds more than `max_bytes`.
    """
    name = printable(path if name is None else name)
    try:
        with open(path, "rb", opener=_open_without_waiting) as file:
            found = os.fstat(file.fileno())
            regular, fits = stat.S_ISREG(found.st_mode), found.st_size <= max_bytes
            content = file.read(found.st_size) if regular and fits else b""
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such photo; check the path") from error
    except IsADirectoryError as error:
        raise InputError(f"{name}: expected a file, received a folder; name the files in it") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror}); check the path and its permissions") from error
    except ValueError as error:  # a null character, or what the file system's encoding does not have
        raise InputError(f"{name}: not a possible file name ({error}); check the path") from error
    if not regular:
        raise InputError(f"{name}: expected a file, received a pipe or device; check the path")
    if not fits:
        raise InputError(
            f"{name}: {found.st_size:,} bytes, expected at most {max_bytes:,} for a photo; save it smaller or raise "
            "the pixel limit"
        )
    return content


def ensure_folder(folder: str | Path) -> Path:
    """Create `folder` with its parents and return it; raise InputError when it cannot be written to."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{printable(folder)}: cannot create this output folder ({error.strerror}); choose another one"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{printable(folder)}: this output folder is not writable; choose another one")
    return folder


def write_whole(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all; raise WriteError when the disk is full or the name impossible."""
    with naming_write_errors(path), replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def naming_write_errors(path: str | Path) -> Iterator[None]:
    """Turn an OSError inside the block into a WriteError that names `path`, what was to be written."""
    try:
        yield
    except OSError as error:
        failure = WriteError(
            f"{printable(path)}: cannot be written ({error.strerror}); make room, or choose another folder or name"
        )
        failure.errno = error.errno
        raise failure from error


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name begins with `TEMPORARY_PREFIX` and ends in the suffix of `path`, so that writers which look
    at it still work. On an error nothing is left behind and an existing `path` keeps its content; after a kill the
    temporary file stays, see `remove_leftovers`.
    """
    path = Path(path)
    ensure_folder(path.parent)
    temporary = _temporary_name(path)
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block succeeds."""
    path = Path(path)
    ensure_folder(path.parent)
    temporary = _temporary_name(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_leftovers(folder: str | Path, older_than: float = LEFTOVER_SECONDS) -> list[Path]:
    """Remove unfinished files and folders that killed processes left in `folder`; return what was removed.

    Parameters
    ----------
    folder : str or Path
    older_than : float
        Seconds since the last change; younger ones may belong to a process that is still at work.
    """
    removed = []
    for path in Path(folder).glob(f"{TEMPORARY_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process may be cleaning too
            if time.time() - path.lstat().st_mtime < older_than:
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
            removed.append(path)
    return removed


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _temporary_name(path: Path) -> Path:
    return path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}{path.suffix[-20:]}")


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a pipe that nobody writes to without waiting for a writer."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, default=_plain) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Turn what JSON does not know into what it knows: NumPy's numbers and arrays, else a string."""
    return value.tolist() if hasattr(value, "tolist") else str(value)
