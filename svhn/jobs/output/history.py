"""What the ledgers tell of earlier jobs in a folder: which line counts, what holds, which outputs have old names.

Within one ledger the place of a line decides, never the clock. Ledgers of several parts of a job have no common order;
among their last lines about a photo the one counts whose output stands in the folder as it was written. Where none
does, or several do, it is the one that finished last by its clock, which then changes no more than what is told.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from svhn.jobs.output.folder import OutputFolder
from svhn.jobs.output.job_folders import place_of
from svhn.jobs.output.ledger import ledgers_in
from svhn.jobs.output.paths import stays_inside
from svhn.jobs.tasks import ReportLine, Task


def last_lines(folder: str) -> dict[str, ReportLine]:
    """Return the line that counts of each photo, by its path, merged from the ledgers of all parts of a job.

    A photo whose output was replaced by that of another photo is left out.

    Parameters
    ----------
    folder : str
        Folder or URL where the ledgers lie.
    """
    found: dict[str, list[ReportLine]] = {}
    for lines in ledgers_in(folder):
        for photo, line in {line.photo: line for line in lines}.items():
            found.setdefault(photo, []).append(line)
    counting = [_counting(lines, folder) for lines in found.values()]
    return {line.photo: line for line in _owners(counting, folder)}


def _counting(lines: list[ReportLine], folder: str) -> ReportLine:
    """Return the line that counts of several in different ledgers, or about the same output."""
    if len(lines) == 1:
        return lines[0]
    return max(lines, key=lambda line: (_stands(line, folder), line.finished))


def _stands(line: ReportLine, folder: str) -> bool:
    if line.output is None or not stays_inside(line.output):
        return False
    return OutputFolder(line.output_dir or folder).holds(line.output, line.output_bytes, line.output_sha256)


def _owners(lines: Iterable[ReportLine], folder: str) -> Iterable[ReportLine]:
    """Return the lines without those whose output belongs to another photo now."""
    by_output: dict[tuple[str, str], list[ReportLine]] = {}
    for line in lines:
        if line.output is None:
            yield line
        else:
            by_output.setdefault((line.output_dir or folder, line.output), []).append(line)
    yield from (_counting(claims, folder) for claims in by_output.values())


@dataclass
class History:
    """What a new job needs of the earlier ones.

    Attributes
    ----------
    done : dict
        Photo -> the line that a photo may be skipped for; the numbers are kept only where one is legible.
    old_outputs, old_masks : dict
        Photo -> names that its output and mask had, but that are not theirs or any other photo's now.
    """

    done: dict[str, ReportLine] = field(default_factory=dict)
    old_outputs: dict[str, list[str]] = field(default_factory=dict)
    old_masks: dict[str, list[str]] = field(default_factory=dict)

    def prepare(self, task: Task) -> Task:
        """Return a task that also says which old files of its photo are to be withdrawn."""
        outputs, masks = self.old_outputs.get(task.photo, ()), self.old_masks.get(task.photo, ())
        return replace(task, old_outputs=tuple(outputs), old_masks=tuple(masks)) if outputs or masks else task


def read_history(
    folder: str, output_dir: str, tasks: Mapping[str, Task], taken: Collection[str], resume: bool
) -> History:
    """Read the ledgers in a folder for the tasks of a new job.

    Parameters
    ----------
    folder : str
        Where the ledgers lie.
    output_dir : str
        Where the outputs of the new job go; lines about outputs elsewhere do not concern it.
    tasks : mapping
        Photo -> task, of the part of the job that is to be done.
    taken : collection of str
        Names of all outputs and masks of the whole job.
    resume : bool
        Whether photos may be skipped.
    """
    outputs, masks, own = _OldNames(taken), _OldNames(taken), (None, place_of(output_dir))
    done: dict[str, ReportLine] = {}
    for lines in ledgers_in(folder):
        last: dict[str, ReportLine] = {}
        for line in lines:
            if line.output_dir not in own:
                continue
            outputs.note(line.photo, line.output, line.photo in tasks)
            masks.note(line.photo, line.mask, line.photo in tasks)
            if resume and line.photo in tasks:
                last[line.photo] = line if line.is_legible else replace(line, numbers=())
        _keep_done(done, last)
    return History(done, outputs.by_photo(), masks.by_photo())


def _keep_done(done: dict[str, ReportLine], last: Mapping[str, ReportLine]) -> None:
    """Add the photos that one ledger says are done; of several ledgers the line that finished later is tried."""
    for photo, line in last.items():
        if line.is_done and (photo not in done or done[photo].finished <= line.finished):
            done[photo] = line


class _OldNames:
    """Names that photos had in earlier jobs; a name belongs to the photo whose line gave it last."""

    def __init__(self, taken: Collection[str]):
        self.taken = taken
        self.owners: dict[str, str] = {}

    def note(self, photo: str, name: str | None, concerns: bool) -> None:
        if name is None or name in self.taken or not stays_inside(name):
            return
        if concerns:
            self.owners[name] = photo
        else:
            self.owners.pop(name, None)

    def by_photo(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, photo in self.owners.items():
            found.setdefault(photo, []).append(name)
        return found
