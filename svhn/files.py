"""Writing files so that nobody ever sees half of one."""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from svhn.errors import InputError


def ensure_folder(folder: str | Path) -> Path:
    """Create `folder` with its parents and return it; raise InputError when it cannot be written to."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot create this output folder ({error.strerror}); choose another one"
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: this output folder is not writable; choose another one")
    return folder


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` when the block ends without an error.

    The temporary name ends in the suffix of `path`, so that writers which look at it still work. On an error
    nothing is left behind and an existing `path` keeps its content.
    """
    path = Path(path)
    ensure_folder(path.parent)
    handle, name = tempfile.mkstemp(prefix=".", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield an empty temporary folder beside `path`; it takes the place of `path` when the block succeeds."""
    path = Path(path)
    ensure_folder(path.parent)
    temporary = Path(tempfile.mkdtemp(prefix=".", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
