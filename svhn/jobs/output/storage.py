"""Where photos are read from and results go: folders, or URLs of any file system that fsspec knows."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from svhn.errors import InputError
from svhn.files import printable, read_regular_file


def is_remote(path: str) -> bool:
    """Tell URLs such as s3://bucket/photo.jpg from paths."""
    return "://" in path


def file_system(url: str):
    """Return the fsspec file system of a URL and the path in it.

    Raises
    ------
    InputError
        When fsspec, or the package for this kind of URL, is not installed.
    """
    try:
        import fsspec

        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise InputError(
            f"{printable(url)}: {error}; install svhn[remote] and fsspec's package for this URL"
        ) from error


def join(folder: str, name: str) -> str:
    """Return the path of `name` in a folder or under a URL."""
    return f"{folder.rstrip('/')}/{name}" if is_remote(folder) else os.path.join(folder, name)


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[Path]:
    """Yield a path on this machine: `path` itself, or a download that is deleted afterwards."""
    if not is_remote(path):
        yield Path(path)
        return
    fs, name = file_system(path)
    with tempfile.TemporaryDirectory(prefix="svhn-") as folder:
        target = Path(folder) / (os.path.basename(name) or "photo")
        try:
            fs.get_file(name, str(target))
        except FileNotFoundError as error:
            raise InputError(f"{printable(path)}: no such photo; check the path") from error
        yield target


def read_bytes(path: str, max_bytes: int) -> bytes:
    """Return the content of a file or URL, read once.

    Raises
    ------
    InputError
        When there is no such file, it cannot be read, or it holds more than `max_bytes`.
    """
    with local_copy(path) as local:
        return read_regular_file(local, max_bytes, name=path)
