"""Where photos are read from and results go: folders, or URLs of any file system that fsspec knows."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from svhn.errors import InputError
from svhn.files import ensure_folder, naming_write_errors, printable, read_regular_file, sha256

# Files on their way to the output folder; a job that starts removes what a killed one left there.
STAGING = ".svhn-staging"


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


class OutputFolder:
    """Where a job's results go. A file is staged first and then put in place whole, never half.

    Parameters
    ----------
    root : str
        Folder or URL; a folder is created.
    owner : str
        Name of the part of the job that writes here; several parts may share a folder.
    """

    def __init__(self, root: str, owner: str = "job"):
        self.root, self.remote = root, is_remote(root)
        if self.remote:
            self.fs, _ = file_system(root)
            self.staging = Path(tempfile.gettempdir())
        else:
            self.staging = Path(root) / STAGING / owner

    def prepare(self) -> None:
        """Create the folder and remove what a killed job left unfinished; called once, before the work starts."""
        if not self.remote:
            ensure_folder(self.root)
            shutil.rmtree(self.staging, ignore_errors=True)

    def finish(self) -> None:
        """Remove the staging folder."""
        if not self.remote:
            shutil.rmtree(self.staging, ignore_errors=True)
            with contextlib.suppress(OSError):  # other parts of the job may still use it
                self.staging.parent.rmdir()

    def put(self, name: str, content: bytes) -> None:
        """Put a file with this content in place under its name in this folder, whole or not at all.

        Raises
        ------
        WriteError
            When it cannot be written, for example on a full disk.
        """
        target = join(self.root, name)
        with naming_write_errors(target):
            staged = self._stage(name)
            try:
                staged.write_bytes(content)
                self._publish(staged, target)
            finally:
                staged.unlink(missing_ok=True)

    def _stage(self, name: str) -> Path:
        """Return where to write a file before it is put in place; another path each time."""
        self.staging.mkdir(parents=True, exist_ok=True)
        return self.staging / f"svhn-{uuid.uuid4().hex}{Path(name).suffix[-20:]}"

    def _publish(self, staged: Path, target: str) -> None:
        if self.remote:
            self.fs.put_file(str(staged), target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.replace(staged, target)

    def holds(self, name: str, size: int | None, digest: str | None) -> bool:
        """Tell whether a file is here as it was written; a remote one is judged by its size."""
        target = join(self.root, name)
        try:
            if self.remote:
                return self.fs.size(target) == size
            return os.path.getsize(target) == size and sha256(target) == digest
        except OSError:
            return False

    def is_full(self) -> bool:
        """Tell whether there is hardly any space left for results."""
        if self.remote:
            return False
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.root).free < 1 << 20
        return False
