"""What the page about a finished job shows: the doubtful photos first. `svhn.figures` draws it."""

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from svhn.boxes import Box
from svhn.errors import InputError
from svhn.figures import Failure, JobPage, ShownNumber, ShownPhoto, check_page, write_job_page
from svhn.files import printable
from svhn.jobs.listing import left_out_text
from svhn.jobs.output import is_remote, last_lines, output_path, plain_folder, read_bytes
from svhn.jobs.tasks import DOUBTFUL, ERROR, LEFT_OUT, NO_DIGITS, OK, RemovedNumber, ReportLine
from svhn.photos import PhotoConfig, byte_limit, decode_photo

# What the page says of a photo in doubt.
_PERHAPS = "perhaps a digit is left"


def write_page(folder: str, page: str | Path | None = None, most: int = 60) -> Path:
    """Write the page about the job whose ledgers lie in a folder; those of all shards are merged.

    Parameters
    ----------
    folder : str
        Folder or URL: the job's `output_dir`, or its `report_dir` where it has one.
    page : str or Path, optional
        The file to write; `report.html` in the folder, or here for a URL.
    most : int
        Photos to show of those that were changed, and of those in which nothing was found.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    InputError
        When there is no ledger, or the page would take the place of anything but an earlier page.
    """
    folder = plain_folder(folder)
    lines = list(last_lines(folder).values())
    left_out = sum((Counter(line.left_out) for line in lines if line.left_out), Counter())
    lines = [line for line in lines if line.status != LEFT_OUT]
    if not lines:
        raise InputError(
            f"{printable(folder)}: no report.jsonl here; expected the --output-dir of a remove-digits job, or its "
            "--report-dir"
        )
    page = Path(page or ("report.html" if is_remote(folder) else output_path(folder, "report.html")))
    check_page(page)
    write_job_page(page, _describe(lines, folder, most, left_out_text(left_out)))
    return page


def doubt(line: ReportLine) -> float:
    """Return how unsure the removal in a photo is: 0 to 1, more where perhaps a digit is left or is legible still.

    It is the largest, over all digits, of how unsure the classifier was that there is this digit (a box may be
    wrong) and of how sure it is afterwards that the same digit is there.
    """
    return max((_doubt(number) for number in _removed(line)), default=0.0) + (1.0 if line.unsure else 0.0)


def _doubt(number: RemovedNumber) -> float:
    digits = zip(number.read_before, number.read_after, number.confidence_after, strict=True)
    still = max((sure for before, after, sure in digits if before == after), default=0.0)
    unsure = max(1 - min(number.confidence_before, default=1.0), still)
    return unsure + (1.0 if number.legible_after else 0.0)


def _describe(lines: Sequence[ReportLine], folder: str, most: int, left_out: str) -> JobPage:
    written = [line for line in lines if not line.error]
    changed = sorted((line for line in written if line.status == OK), key=lambda line: (-doubt(line), line.photo))
    doubtful = [line for line in written if line.status == DOUBTFUL]
    untouched = [line for line in written if line.status == NO_DIGITS]
    failed = sorted((line for line in lines if line.error), key=lambda line: (not line.is_legible, line.photo))
    seconds = [line.seconds for line in changed]
    return JobPage(
        folder=folder,
        totals=_totals(lines),
        ended=max(line.finished for line in lines)[:16].replace("T", " "),
        seconds=statistics.median(seconds) if seconds else None,
        failures=[Failure(line.photo, _reason(line)) for line in failed],
        changed=(_changed_photo(line, folder) for line in changed[:most]),
        changed_count=len(changed),
        doubtful=(_untouched_photo(line) for line in doubtful[:most]),
        doubtful_count=len(doubtful),
        untouched=(_untouched_photo(line) for line in untouched[:most]),
        untouched_count=len(untouched),
        left_out=left_out,
        failed=(_failed_photo(line) for line in failed[:most]),
    )


def _totals(lines: Sequence[ReportLine]) -> dict[str, int]:
    counts = Counter(line.status for line in lines)
    return {
        "photos": len(lines),
        "removed": counts[OK],
        "perhaps one left": sum(line.perhaps_left is True for line in lines),
        "doubtful": counts[DOUBTFUL],
        "nothing found": counts[NO_DIGITS],
        "failed": counts[ERROR],
        "numbers": sum(len(line.numbers) for line in lines),
        "legible still": sum(number.legible_after for line in lines for number in _removed(line)),
    }


def _removed(line: ReportLine) -> Iterator[RemovedNumber]:
    return (number for number in line.numbers if isinstance(number, RemovedNumber))


def _changed_photo(line: ReportLine, folder: str) -> ShownPhoto:
    numbers = [_shown(number) for number in _removed(line)]
    try:
        before = _read(line.real_path or line.photo, line.sha256)
        after = _read(output_path(line.output_dir or folder, line.output or ""), line.output_sha256)
    except Exception as error:  # the photo may have been moved since: the page is about the job all the same
        return ShownPhoto(
            line.photo, numbers=numbers, problem=str(error), state=_PERHAPS if line.perhaps_left else None
        )
    boxes = [Box(*box) for number in _removed(line) for box in number.boxes]
    return ShownPhoto(
        line.photo, before, after, boxes, numbers, _places(line), state=_PERHAPS if line.perhaps_left else None
    )


def _untouched_photo(line: ReportLine) -> ShownPhoto:
    try:
        return ShownPhoto(line.photo, _read(line.real_path or line.photo, line.sha256), seen=_places(line))
    except Exception as error:  # as in `_changed_photo`
        return ShownPhoto(line.photo, problem=str(error))


def _failed_photo(line: ReportLine) -> ShownPhoto:
    """Return a photo that failed, where it can be shown, with what was removed and what can be read still."""
    shown = _untouched_photo(line)
    numbers = [_shown(number) for number in _removed(line)]
    boxes = [Box(*box) for number in _removed(line) for box in number.boxes]
    return replace(shown, numbers=numbers, boxes=boxes, reason=_reason(line))


def _places(line: ReportLine) -> list[Box]:
    """Return where a digit can be read still, or perhaps there is one."""
    return [Box(*digit.box) for number in (*line.seen, *line.unsure) for digit in number.digits]


def _read(photo: str, digest: str | None) -> np.ndarray:
    """Decode what the ledger tells of, and not what may have come in its place since."""
    content = read_bytes(photo, byte_limit(PhotoConfig.max_pixels))
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise InputError(f"{printable(photo)}: it has changed since the job, so it is not shown")
    return decode_photo(content, photo).rgb


def _shown(number: RemovedNumber) -> ShownNumber:
    return ShownNumber(number.name, number.confidence, number.legible_after)


def _reason(line: ReportLine) -> str:
    """Return why a photo failed, without its name, so that equal reasons are counted together."""
    name = printable(line.photo)
    return (line.error or "").removeprefix(f"{name}: ").replace(name, "the photo")
