"""Names that earlier jobs gave to photos which a new job does not do: their files stay, so the names are not free."""

import os
from collections.abc import Iterable, Iterator

from svhn.files import sha256
from svhn.jobs.output.job_folders import place_of
from svhn.jobs.output.ledger import ledgers_in
from svhn.jobs.output.storage import RealPaths, is_remote
from svhn.jobs.tasks import ReportLine, Task

# A name in the folder of the outputs or in that of the masks -> path and hash of the photo whose line gave it last.
_Owners = dict[str, tuple[str, str | None]]


class Claims:
    """Names in the folders of a job that belong to photos which are not in it.

    Parameters
    ----------
    folder : str
        Where the ledgers lie.
    output_dir : str
        Where the outputs of the new job go.
    tasks : iterable of Task
        The whole job, not only a part.
    """

    def __init__(self, folder: str, output_dir: str, tasks: Iterable[Task]):
        paths = RealPaths()
        self._own = {task.real_path or paths.of(task.photo) for task in tasks}
        self._outputs: _Owners = {}
        self._masks: _Owners = {}
        self._moved: dict[tuple[str, str], bool] = {}
        for path, line in _last_lines(folder, paths):
            if line.output and line.output_dir in (None, place_of(output_dir)):
                self._outputs[line.output] = path, line.sha256
            if line.mask:
                self._masks[line.mask] = path, line.sha256

    def has_output(self, name: str, task: Task) -> bool:
        """Tell whether an output belongs to another photo than that of a task, and to none of its job."""
        return self._has(self._outputs, name, task)

    def has_mask(self, name: str, task: Task) -> bool:
        """Tell the same of a mask."""
        return self._has(self._masks, name, task)

    def _has(self, owners: _Owners, name: str, task: Task) -> bool:
        path, digest = owners.get(name, ("", None))
        return bool(path) and path not in self._own and not self._was_moved(path, digest, task.photo)

    def _was_moved(self, path: str, digest: str | None, photo: str) -> bool:
        """Tell whether a photo lay elsewhere when it was done: it is gone there.

        Of all photos that would have gone from one folder to another the content of the first decides.
        """
        if is_remote(path) or is_remote(photo) or os.path.lexists(path):
            return False
        folders = os.path.dirname(path), os.path.dirname(photo)
        if folders not in self._moved:
            self._moved[folders] = digest is not None and _has_content(photo, digest)
        return self._moved[folders]


def _last_lines(folder: str, paths: RealPaths) -> Iterator[tuple[str, ReportLine]]:
    """Yield the last line of each photo in each ledger with the photo's real path, in the order of the lines."""
    for lines in ledgers_in(folder):
        last: dict[str, ReportLine] = {}
        for line in lines:
            path = line.real_path or paths.of(line.photo)
            last.pop(path, None)
            last[path] = ReportLine(line.photo, line.output, line.mask, line.output_dir, sha256=line.sha256)
        yield from last.items()


def _has_content(photo: str, digest: str) -> bool:
    """Tell whether a file has a hash; one that cannot be read has not."""
    try:
        return os.path.isfile(photo) and sha256(photo) == digest
    except OSError:
        return False
