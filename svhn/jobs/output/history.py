"""What the ledgers tell of earlier jobs in a folder: which line counts, what holds, which outputs have old names.

Within one ledger the place of a line decides, never the clock. Ledgers of several parts of a job have no common order;
among their last lines about a photo the one counts whose output stands in the folder as it was written. Where none
does, or several do, it is the one that finished last by its clock, which then changes no more than what is told.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from svhn.jobs.output.folder import OutputFolder
from svhn.jobs.output.job_folders import place_of
from svhn.jobs.output.ledger import ledgers_in
from svhn.jobs.output.paths import stays_inside
from svhn.jobs.output.storage import RealPaths
from svhn.jobs.tasks import ReportLine, Task


def last_lines(folder: str) -> dict[str, ReportLine]:
    """Return the line that counts of each photo, by its path, merged from the ledgers of all parts of a job.

    Several spellings of a path are one photo; it goes by the last. A photo whose output was replaced by that of another
    photo is left out.

    Parameters
    ----------
    folder : str
        Folder or URL where the ledgers lie.
    """
    found: dict[str, list[ReportLine]] = {}
    paths = RealPaths()
    for lines in ledgers_in(folder):
        for path, line in {line.real_path or paths.of(line.photo): line for line in lines}.items():
            found.setdefault(path, []).append(line)
    counting = [_counting(lines, folder) for lines in found.values()]
    by_photo: dict[str, ReportLine] = {}
    for line in _owners(counting, folder):  # one relative path may have been two photos, of two current folders
        by_photo[line.photo if line.photo not in by_photo else line.real_path or line.photo] = line
    return by_photo


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
    who, replaced_by = _Photos(tasks.values()), {task.output: task.photo for task in tasks.values()}
    done: dict[str, ReportLine] = {}
    for lines in ledgers_in(folder):
        last: dict[str, ReportLine] = {}
        for line in lines:
            if line.output_dir not in own:
                continue
            photo = who.of(line)
            outputs.note(photo, line.output)
            # Without its output, which goes, the mask of another photo is nobody's.
            masks.note(photo or replaced_by.get(line.output or ""), line.mask)
            if resume and photo is not None:
                last[photo] = line if line.is_legible else replace(line, numbers=())
        _keep_done(done, last)
    return History(done, outputs.by_photo(), masks.by_photo())


def _keep_done(done: dict[str, ReportLine], last: Mapping[str, ReportLine]) -> None:
    """Add the photos that one ledger says are done; of several ledgers the line that finished later is tried."""
    for photo, line in last.items():
        if line.is_done and (photo not in done or done[photo].finished <= line.finished):
            done[photo] = line


class _Photos:
    """Knows which photo of a job a line is about, however the path was spelled then."""

    def __init__(self, tasks: Iterable[Task]):
        self.paths = RealPaths()
        self.photos = {task.real_path or self.paths.of(task.photo): task.photo for task in tasks}

    def of(self, line: ReportLine) -> str | None:
        """Return the photo as the job spells it, None where it is not in the job.

        Photos that are no longer where they were may have been moved, with the folder to which their path is relative.
        """
        path = self.paths.of(line.photo)
        if line.real_path is None or line.real_path == path:
            return self.photos.get(path)
        return self.photos.get(path if path in self.photos and not os.path.lexists(line.real_path) else line.real_path)


class _OldNames:
    """Names that photos had in earlier jobs; a name belongs to the photo whose line gave it last."""

    def __init__(self, taken: Collection[str]):
        self.taken = taken
        self.owners: dict[str, str] = {}

    def note(self, photo: str | None, name: str | None) -> None:
        """Give a name to a photo; None for one that is not in this part of the job."""
        if name is None or name in self.taken or not stays_inside(name):
            return
        if photo is not None:
            self.owners[name] = photo
        else:
            self.owners.pop(name, None)

    def by_photo(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name, photo in self.owners.items():
            found.setdefault(photo, []).append(name)
        return found
