"""The two folders of a job: that of the photos that come out, and that of the files which tell about them."""

import os

from svhn.errors import InputError
from svhn.files import ensure_folder, printable
from svhn.jobs.output.folder import OutputFolder
from svhn.jobs.output.ledger import ledger_files
from svhn.jobs.output.storage import is_remote
from svhn.jobs.tasks import ReportLine, Task

# A report names the numbers, masks say where they were, the page shows the originals: for their owner's eyes.
PRIVATE = 0o700


class JobFolders:
    """Where the outputs of a job go, and where its side files (report, masks, page) go: the same folder, or two.

    Parameters
    ----------
    output_dir : str
        Folder or URL of the outputs.
    report_dir : str, optional
        Folder or URL of the side files, where it is another one.
    owner : str
        Name of the part of the job.

    Attributes
    ----------
    outputs, side : OutputFolder
    output_dir : str or None
        What a line of the report says of where the outputs are; None where they lie beside it.
    """

    def __init__(self, output_dir: str, report_dir: str | None = None, owner: str = "job"):
        self.outputs = OutputFolder(output_dir, owner)
        apart = report_dir is not None and place_of(report_dir) != place_of(output_dir)
        self.side = OutputFolder(report_dir, owner) if report_dir is not None and apart else self.outputs
        self.output_dir = place_of(output_dir) if apart else None

    def prepare(self) -> None:
        """Create the folders and remove what a killed job left unfinished in them."""
        for folder in {self.outputs, self.side}:
            folder.prepare()

    def is_full(self) -> bool:
        """Tell whether there is hardly any space left in one of them."""
        return self.outputs.is_full() or self.side.is_full()

    def finish(self) -> None:
        """Remove what was staged only."""
        for folder in {self.outputs, self.side}:
            folder.finish()

    def stage(self, task: Task, content: bytes, mask: bytes | None) -> None:
        """Write a photo and its mask where they wait for their line, or under a URL in place.

        Raises
        ------
        WriteError
            When they cannot be written.
        """
        if task.mask and mask is not None:
            self.side.stage(task.mask, mask, task.photo)
        self.outputs.stage(task.output, content, task.photo)

    def place(self, line: ReportLine) -> None:
        """Put mask and photo in place; the photo comes last, so that it is never there without its mask.

        Raises
        ------
        WriteError
            When that is not possible.
        """
        if line.mask:
            self.side.place(line.mask)
        if line.output:
            self.outputs.place(line.output)

    def withdraw(self, task: Task) -> None:
        """Remove output and mask of a photo that an earlier job left, also under names that they had then.

        Raises
        ------
        WriteError
            When one of them cannot be removed.
        """
        for name in filter(None, (task.output, *task.old_outputs)):
            self.outputs.withdraw(name)
        for name in filter(None, (task.mask, *task.old_masks)):
            self.side.withdraw(name)


def make_private_folder(folder: str) -> None:
    """Create a folder of side files for their owner's eyes only; one that is there keeps its permissions."""
    if not is_remote(folder) and not os.path.exists(folder):
        ensure_folder(folder).chmod(PRIVATE)


def check_apart(output_dir: str, report_dir: str | None) -> None:
    """Raise InputError where reports lie in the output folder already, but new ones shall go to another."""
    if report_dir is None or place_of(report_dir) == place_of(output_dir):
        return
    if found := ledger_files(output_dir):
        raise InputError(
            f"{printable(found[0])}: earlier jobs kept their report here; move report*.jsonl and masks to "
            f"{printable(report_dir)} first, or leave --report-dir out"
        )


def place_of(folder: str) -> str:
    """Return the same text for all spellings of a folder or URL."""
    return folder.rstrip("/") if is_remote(folder) else os.path.realpath(folder)
