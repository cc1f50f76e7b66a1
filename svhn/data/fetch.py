"""Download, verify and unpack the official SVHN files; nothing in the project does this unasked."""

import contextlib
import gzip
import http.client
import json
import os
import re
import socket
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from svhn.data.sources import BASE_URL, OFFICIAL_FILES, OfficialFile, official_files
from svhn.errors import InputError
from svhn.files import ensure_folder, printable, replacing_folder, sha256

Progress = Callable[[str, int, int], None]

WEB = ("http://", "https://")
MARKER = ".fetched.json"
BLOCK = 1 << 20
TIMEOUT = 60.0
LONGEST_PAUSE = 30.0
# Python 3.10 and 3.11 have the filter from 3.10.12 and 3.11.4 on; our own check of names does not rely on it.
FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


class _Interrupted(Exception):
    """The transfer stopped in a way that another try may cure."""


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirections to other web addresses only, not to files or FTP servers."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith(WEB):
            raise urllib.error.HTTPError(req.full_url, code, f"redirects to {printable(newurl)}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch_files(
    splits: str | Iterable[str],
    folder: str | Path,
    format: str = "both",
    base_url: str = BASE_URL,
    files: Sequence[OfficialFile] = OFFICIAL_FILES,
    progress: Progress | None = None,
    keep_archives: bool = False,
    attempts: int = 5,
    pause: float = 1.0,
) -> list[Path]:
    """Bring official SVHN files into `folder`, in the layout that the readers expect.

    A file arrives as `<name>.part` and gets its name once size and SHA-256 match; a later call goes on where
    an interrupted one stopped. Archives become `folder/<split>/1.png ... digitStruct.mat`. What is in place
    is not downloaded again: a .mat file when its hash is right; a folder when the marker in it, written after
    the last file, names the right archive and no file has gone since (the photos' content is not read again).

    Parameters
    ----------
    splits : str or iterable of str
        One or more of "train", "test", "extra".
    folder : str or Path
        Created when missing. What is there under an official name but differs is an error, never replaced.
    format : str
        "photos" (archives), "crops" (.mat files) or "both".
    base_url : str
        Where the files lie; the hashes must match whatever the place.
    files : sequence of OfficialFile
        The table to choose from.
    progress : callable, optional
        Called as progress(file_name, done_bytes, total_bytes) after each received block.
    keep_archives : bool
        False deletes an archive once it is unpacked: it takes as much room as its photos (2 GB for extra)
        and no later call needs it. One that was in `folder` before the call is the user's and always stays.
    attempts : int
        Tries in a row that may fail without getting `BLOCK` bytes further.
    pause : float
        Seconds before the second try; doubled for each further one, up to `LONGEST_PAUSE`.

    Returns
    -------
    list of Path
        The .mat files and the folders of photos.

    Raises
    ------
    InputError
        Something cannot be downloaded, verified or stored; the message says what to do.
    """
    if not base_url.startswith(WEB):
        raise InputError(f"expected an address that starts with http:// or https://, received {base_url}")
    folder = ensure_folder(folder)
    chosen = official_files(splits, format, files)
    missing = [file for file in chosen if not _in_place(file, folder)]
    for file in missing:
        kept = keep_archives or (folder / file.name).exists()
        if not (folder / file.name).exists():
            _download(file, folder, base_url, progress or _silent, attempts, pause)
        if file.format == "photos":
            _unpack(file, folder)
            if not kept:
                (folder / file.name).unlink()
    return [_result(file, folder) for file in chosen]


def _silent(name: str, done: int, total: int) -> None:
    """Report nothing."""


def _result(file: OfficialFile, folder: Path) -> Path:
    return folder / (file.split if file.format == "photos" else file.name)


def _in_place(file: OfficialFile, folder: Path) -> bool:
    """Tell whether nothing is left to do for `file`; refuse to go on where something else holds its place."""
    result, download = _result(file, folder), folder / file.name
    if file.format == "photos" and _is_unpacked(file, result):
        return True
    if download.exists() and not _is_official(file, download):
        raise InputError(
            f"{download}: this is not the official file (expected {file.size:,} bytes with SHA-256 "
            f"{file.sha256}, found {download.stat().st_size:,} bytes); move it away or choose another folder"
        )
    return file.format == "crops" and download.exists()


def _is_official(file: OfficialFile, path: Path) -> bool:
    return path.is_file() and path.stat().st_size == file.size and sha256(path) == file.sha256


def _is_unpacked(file: OfficialFile, target: Path) -> bool:
    """Tell whether `target` holds the unpacked archive; raise InputError when it holds something else."""
    if not target.exists() or (target.is_dir() and not os.listdir(target)):
        return False
    try:
        note = json.loads((target / MARKER).read_text())
        if note["sha256"] == file.sha256 and len(os.listdir(target)) > note["files"]:
            return True
    except (OSError, ValueError, LookupError, TypeError):
        pass  # an unreadable marker proves nothing
    raise InputError(
        f"{target}: expected a folder that this command unpacked from {file.name}, found other or fewer "
        "files; move it away or choose another folder"
    )


def _download(file: OfficialFile, folder: Path, base_url: str, progress: Progress, attempts: int, pause: float) -> None:
    """Bring `file` into `folder` under its own name, in as many tries as it takes."""
    url = f"{base_url.rstrip('/')}/{file.name}"
    part = folder / f"{file.name}.part"
    failures, furthest = 0, 0
    while (done := _usable_size(part, file.size)) < file.size:
        furthest = max(furthest, done)
        try:
            _receive(url, file, part, done, progress)
        except _Interrupted as interruption:
            reached = _usable_size(part, file.size)
            failures = 1 if reached >= furthest + BLOCK else failures + 1
            if failures >= attempts:
                raise InputError(
                    f"{url}: gave up at {reached:,} of {file.size:,} bytes ({interruption}); run the command "
                    "again later, it goes on from there"
                ) from interruption
            time.sleep(min(pause * 2 ** (failures - 1), LONGEST_PAUSE))
    _verify(url, file, part)
    with _writing(part):
        part.replace(folder / file.name)


def _usable_size(part: Path, size: int) -> int:
    """Return how many bytes `part` holds; one that is too long cannot be right and is removed."""
    if part.exists() and part.stat().st_size > size:
        part.unlink()
    return part.stat().st_size if part.exists() else 0


def _receive(url: str, file: OfficialFile, part: Path, done: int, progress: Progress) -> None:
    """Append to `part`, which holds `done` bytes, until it is complete, or raise _Interrupted."""
    with contextlib.closing(_open(url, done, part)) as response:
        start = _body_start(response, url, file)
        if start not in (0, done):
            part.unlink(missing_ok=True)
            raise _Interrupted(f"asked for the bytes from {done:,} on, received those from {start:,} on")
        with _writing(part), open(part, "ab" if start else "wb") as output:
            while start < file.size:
                block = _read(response, min(BLOCK, file.size - start))
                output.write(block)
                start += len(block)
                progress(file.name, start, file.size)


def _open(url: str, done: int, part: Path) -> http.client.HTTPResponse:
    """Ask for the bytes from `done` on; the server may still answer with all of them."""
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        return urllib.request.build_opener(_WebOnly).open(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the server knows no such bytes, so the part is none of this file
            part.unlink(missing_ok=True)
        elif error.code < 500 and error.code not in (408, 429):
            raise InputError(
                f"{url}: the server answered {error.code} {error.reason}; check the address or try another mirror"
            ) from error
        raise _Interrupted(f"the server answered {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None)
        if isinstance(reason, socket.gaierror):
            raise InputError(
                f"{url}: cannot find this server ({reason.strerror}); check the address and the network"
            ) from error
        raise _Interrupted(f"no answer: {error}") from error


def _body_start(response: http.client.HTTPResponse, url: str, file: OfficialFile) -> int:
    """Return the position in the file at which the body starts; refuse a file of another size."""
    start, total = "0", response.headers.get("Content-Length")
    if response.status == 206:
        pattern = r"bytes (\d+)-\d+/(\d+)"
        found = re.fullmatch(pattern, response.headers.get("Content-Range", ""))
        start, total = found.groups() if found else ("0", None)
    if total != str(file.size):
        raise InputError(
            f"{url}: expected {file.size} bytes, the server offers {total or 'an unknown number'}; check the "
            "address and that the network does not answer with a login page, or try another mirror"
        )
    return int(start)


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Return what has arrived, at most `limit` bytes and at least one."""
    try:
        block = response.read1(limit)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"the connection failed: {error}") from error
    if not block:
        raise _Interrupted("the connection was cut")
    return block


def _verify(url: str, file: OfficialFile, part: Path) -> None:
    received = sha256(part)
    if received != file.sha256:
        part.unlink()
        raise InputError(
            f"{url}: expected SHA-256 {file.sha256}, received {received}; the download was removed, run the "
            "command again to start over, and try another mirror if that does not help"
        )


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Turn a failure of the disk into an InputError."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path}: cannot write ({error.strerror or error}); make room or choose another folder, and run "
            "the command again"
        ) from error


def _unpack(file: OfficialFile, folder: Path) -> None:
    """Unpack a verified archive into `folder/<split>`, wholly or not at all."""
    archive, target = folder / file.name, folder / file.split
    with _writing(target), replacing_folder(target) as temporary:
        try:
            with tarfile.open(archive, "r:gz") as tar:
                for member in tar:
                    _extract(tar, member, file, temporary)
        except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise InputError(
                f"{archive}: expected a sound tar.gz archive ({error}); delete it and try another mirror"
            ) from error
        count = len(os.listdir(temporary))
        if not count:
            raise InputError(f"{archive}: expected files in {file.split}/, found none; try another mirror")
        note = {"archive": file.name, "sha256": file.sha256, "files": count}
        (temporary / MARKER).write_text(json.dumps(note) + "\n")


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, file: OfficialFile, target: Path) -> None:
    """Write one file of `<split>/` below `target`; leave out what lies elsewhere in the archive."""
    # Windows rules know every separator and drive letter, so that what is safe by them is safe everywhere.
    name = PureWindowsPath(member.name)
    if name.anchor or ".." in name.parts or not (member.isfile() or member.isdir()):
        raise InputError(
            f"{file.name}: its member {member.name!r} is a link or a device or would leave the folder; "
            "nothing was unpacked, delete the archive and try another mirror"
        )
    if member.isfile() and len(name.parts) > 1 and name.parts[0] == file.split:
        member.name = "/".join(name.parts[1:])
        tar.extract(member, target, **FILTER)
