"""What the process that keeps the ledger does with a finished photo: write it down, then put it in place."""

from dataclasses import replace

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.output.folder import OutputFolder
from svhn.jobs.output.ledger import open_ledger
from svhn.jobs.tasks import ERROR, UNCHANGED, ReportLine, Task


class Results:
    """The ledger and the files of a part of a job, which nobody else writes to meanwhile.

    Parameters
    ----------
    output_dir : str
        Folder or URL.
    owner : str
        Name of this part of the job: that of its ledger.

    Raises
    ------
    InputError
        When another job holds the ledger, or the folder cannot be written to.
    """

    def __init__(self, output_dir: str, owner: str):
        self.folder = OutputFolder(output_dir, owner)
        self.ledger = open_ledger(output_dir, owner)
        self.folder.prepare()
        self.name = self.ledger.name

    def record(self, line: ReportLine, task: Task) -> ReportLine:
        """Write down what became of a photo, then put its files in place, or see to it that it has none.

        Parameters
        ----------
        line : ReportLine
        task : Task
            What was to be done.

        Returns
        -------
        ReportLine
            The line that counts: of an error where the files cannot be put in place.

        Raises
        ------
        OSError, InputError
            When the ledger cannot be written, or an old output cannot be removed: the job has to stop.
        """
        if line.status == UNCHANGED:
            return line
        if line.status != ERROR:
            self.ledger.append(line)
            try:
                self._place(line)
                return line
            except InputError as error:
                line = replace(line, output=None, mask=None, status=ERROR, error=f"{printable(line.photo)}: {error}")
        withdraw(task, self.folder)
        self.ledger.append(line)
        return line

    def _place(self, line: ReportLine) -> None:
        """Put mask and photo in place; the photo comes last, so that it is never there without its mask."""
        for name in filter(None, (line.mask, line.output)):
            self.folder.place(name)

    def close(self) -> None:
        """Remove what was staged only and make the ledger durable; raise OSError when that is not possible."""
        self.folder.finish()
        self.ledger.close()


class NoResults:
    """For a job that leaves nothing behind."""

    name: str | None = None

    def record(self, line: ReportLine, task: Task) -> ReportLine:
        return line

    def close(self) -> None:
        pass


def withdraw(task: Task, folder: OutputFolder) -> None:
    """Remove output and mask of a photo that an earlier job left, also under names that they had then.

    Raises
    ------
    WriteError
        When one of them cannot be removed.
    """
    for name in filter(None, (task.output, task.mask, *task.old_outputs, *task.old_masks)):
        folder.withdraw(name)
