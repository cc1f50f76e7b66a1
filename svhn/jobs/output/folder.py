"""The output folder: a file is staged first, and put in place when the ledger vouches for it."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import time
import uuid
from pathlib import Path

from svhn.files import LEFTOVER_SECONDS, ensure_folder, naming_write_errors, replacing, sha256
from svhn.jobs.output.paths import has_link, make_folders, output_path, remove_link
from svhn.jobs.output.storage import file_system, is_remote

# Files on their way to the output folder; a job that starts removes what a killed one left there.
STAGING = ".svhn-staging"
# Less room than this, in bytes, is none: a file system keeps a little back.
_HARDLY_ANY = 1 << 20
_PERMISSIONS = 0o666  # to read and to write


class OutputFolder:
    """Where a job's results go.

    A worker stages a file, the process that keeps the ledger puts it in place: both find it by its name. Under a URL
    nothing can be renamed, so there a worker puts it in place at once.

    Parameters
    ----------
    root : str
        Folder or URL; a folder is created.
    owner : str
        Name of the part of the job that writes here; several parts may share a folder.
    """

    def __init__(self, root: str, owner: str = "job"):
        self.root, self.owner, self.remote = root, owner, is_remote(root)
        self.staging = Path(root) / STAGING / owner
        if self.remote:
            self.fs, _ = file_system(root)

    def prepare(self) -> None:
        """Create the folder and remove what a killed job left unfinished; called once, before the work starts."""
        if not self.remote:
            ensure_folder(self.root)
            self._remove_staging()
            self._remove_stale()

    def finish(self) -> None:
        """Remove the staging folder."""
        if not self.remote:
            self._remove_staging()
            with contextlib.suppress(OSError):  # other parts of the job may still use it
                self.staging.parent.rmdir()

    def stage(self, name: str, content: bytes, photo: str | None = None) -> None:
        """Write a file whole, ready for `place`; under a URL put it in place.

        Parameters
        ----------
        name : str
        content : bytes
        photo : str, optional
            Path of the photo that it is made of: the file gets its time of modification, and its permissions as far as
            they are not wider than those of other new files.

        Raises
        ------
        WriteError
            When it cannot be written, for example on a full disk.
        """
        target = output_path(self.root, name)
        with naming_write_errors(target):
            if self.remote:
                self._put(target, content)
            else:
                self._write(self._staged(name), content, photo)

    def place(self, name: str) -> None:
        """Put a staged file in place; a link that stands there is replaced, never written through.

        Raises
        ------
        WriteError
            When that is not possible.
        """
        if self.remote:
            return
        with naming_write_errors(output_path(self.root, name)):
            _move(self._staged(name), make_folders(self.root, name))

    def withdraw(self, name: str) -> None:
        """Remove an output, where there is one; of a link only the link.

        Raises
        ------
        WriteError
            When it is there and cannot be removed.
        """
        target = output_path(self.root, name)
        with naming_write_errors(target), contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            if self.remote:
                self.fs.rm(file_system(target)[1])
            else:
                self._remove_links_on_the_way(name)
                os.unlink(target)

    def holds(self, name: str, size: int | None, digest: str | None) -> bool:
        """Tell whether a file is here as it was written, not by a link; a remote one is judged by its size."""
        target = output_path(self.root, name)
        try:
            if self.remote:
                return self.fs.size(target) == size
            found = os.lstat(target)
            same_kind = stat.S_ISREG(found.st_mode) and not has_link(self.root, name)
            return same_kind and found.st_size == size and sha256(target) == digest
        except OSError:
            return False

    def has(self, name: str) -> bool:
        """Tell whether something is here by this name."""
        target = output_path(self.root, name)
        return self.fs.exists(file_system(target)[1]) if self.remote else os.path.lexists(target)

    def is_full(self) -> bool:
        """Tell whether there is hardly any space left for results."""
        if self.remote:
            return False
        with contextlib.suppress(OSError):
            return shutil.disk_usage(self.root).free < _HARDLY_ANY
        return False

    def _staged(self, name: str) -> Path:
        """Return where a file waits to be put in place."""
        return self.staging / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}{Path(name).suffix[-20:]}"

    def _write(self, staged: Path, content: bytes, photo: str | None) -> None:
        """Write a staged file under a name of its own first: a photo may be done by two workers at a time."""
        make_folders(self.root, f"{STAGING}/{self.owner}/{staged.name}")
        temporary = staged.with_name(f"svhn-{uuid.uuid4().hex}{staged.suffix}")
        try:
            temporary.write_bytes(content)
            if photo is not None:
                _take_over(temporary, photo)
            os.replace(temporary, staged)
        finally:
            temporary.unlink(missing_ok=True)

    def _put(self, target: str, content: bytes) -> None:
        _, path = file_system(target)
        self.fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(path, content)

    def _remove_links_on_the_way(self, name: str) -> None:
        folder = self.root
        for part in name.split("/")[:-1]:
            folder = os.path.join(folder, part)
            remove_link(folder)

    def _remove_staging(self) -> None:
        for folder in (self.staging.parent, self.staging):
            remove_link(str(folder))
        shutil.rmtree(self.staging, ignore_errors=True)

    def _remove_stale(self) -> None:
        """Remove what other parts of jobs staged so long ago that nobody can be at work there any more."""
        with contextlib.suppress(OSError):
            for folder in self.staging.parent.iterdir():
                if time.time() - folder.lstat().st_mtime > LEFTOVER_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)


def _take_over(path: Path, photo: str) -> None:
    """Give a new file time and permissions of a photo, none that it would not have otherwise."""
    with contextlib.suppress(OSError, ValueError):  # a URL, or a photo that is gone: then it is an ordinary new file
        like = os.stat(photo)
        path.chmod(path.stat().st_mode & like.st_mode & _PERMISSIONS)
        os.utime(path, ns=(like.st_atime_ns, like.st_mtime_ns))


def _move(staged: Path, target: str) -> None:
    """Rename a file, or copy it beside its place first where that is on another file system."""
    try:
        os.replace(staged, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(target) as temporary:
            shutil.copy2(staged, temporary)
        staged.unlink()
