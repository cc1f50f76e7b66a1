"""What the process that keeps the ledger does with a finished photo: write it down, then put it in place."""

from dataclasses import replace

from svhn.errors import InputError
from svhn.files import printable
from svhn.jobs.output.job_folders import JobFolders, check_apart, make_private_folder
from svhn.jobs.output.ledger import open_ledger
from svhn.jobs.tasks import ERROR, UNCHANGED, ReportLine, Task


class Results:
    """The ledger and the files of a part of a job, which nobody else writes to meanwhile.

    Parameters
    ----------
    output_dir : str
        Folder or URL of the outputs.
    report_dir : str or None
        Folder or URL of the ledger and the masks, where it is another one.
    owner : str
        Name of this part of the job: that of its ledger.

    Raises
    ------
    InputError
        When another job holds the ledger, a folder cannot be written to, or an earlier job has its report in
        `output_dir` though `report_dir` is another folder.
    """

    def __init__(self, output_dir: str, report_dir: str | None, owner: str):
        check_apart(output_dir, report_dir)
        if report_dir is not None:
            make_private_folder(report_dir)
        self.folders = JobFolders(output_dir, report_dir, owner)
        self.ledger = open_ledger(self.folders.side.root, owner)
        try:
            self.folders.prepare()
        except BaseException:
            self.ledger.close()
            raise
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
        if task.real_path != task.photo:
            line = replace(line, real_path=task.real_path or None)
        if line.error is None:
            self.ledger.append(line)
            try:
                self.folders.place(line)
                return line
            except InputError as error:
                line = replace(line, output=None, mask=None, status=ERROR, error=f"{printable(line.photo)}: {error}")
        self.folders.withdraw(task)
        self.ledger.append(line)
        return line

    def note(self, line: ReportLine) -> None:
        """Write down a line that is about no photo; raise OSError where the ledger cannot be written."""
        self.ledger.append(line)

    def close(self) -> None:
        """Remove what was staged only and make the ledger durable; raise OSError when that is not possible."""
        self.folders.finish()
        self.ledger.close()


class NoResults:
    """For a job that leaves nothing behind."""

    name: str | None = None

    def record(self, line: ReportLine, task: Task) -> ReportLine:
        return line

    def note(self, line: ReportLine) -> None:
        pass

    def close(self) -> None:
        pass
