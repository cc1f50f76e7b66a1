"""Where photos are read from and results go: folders, or URLs of any file system that fsspec knows."""

import os

from svhn.errors import InputError
from svhn.files import printable


def is_remote(path: str) -> bool:
    """Tell URLs such as s3://bucket/photo.jpg from paths."""
    return "://" in path


def plain_folder(folder: str) -> str:
    """Return the path that a file:// URL means, so that a folder of this machine is treated as one; others stay."""
    return folder.removeprefix("file://") if folder.startswith("file:///") else folder


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


class RealPaths:
    """The same path for all spellings of one: absolute, and without links in its folder; a URL of a store stays.

    The last part stays as it is: a link to a photo, and the photo, are two. Folders are looked at once.
    """

    def __init__(self) -> None:
        self._folders: dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return the real path of a photo, also of one that is not there."""
        path = plain_folder(path)
        if is_remote(path):
            return path
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)
