"""What is to be done to a photo, what was done to it as a line of the report, and why a job may have to stop."""

import dataclasses
import datetime
from dataclasses import dataclass
from typing import Any

from svhn.errors import InputError

# Where boxes come from: --boxes, a file beside the photo, the finder, --plan.
GIVEN, BESIDE, FOUND, IN_PLAN = "given", "beside", "found", "plan"
OK, NO_DIGITS, ERROR, UNCHANGED, PLANNED = "ok", "no_digits", "error", "unchanged", "planned"
# Nothing was found, and perhaps there is a digit; `JobConfig.strict` refused what was made, since perhaps one is left.
DOUBTFUL, PERHAPS_LEFT = "doubtful", "perhaps_left"
UNTOUCHED, UNSURE = (NO_DIGITS, DOUBTFUL), (DOUBTFUL, PERHAPS_LEFT)
LEFT_OUT = "left_out"  # a line about a folder: what in it was not looked at


@dataclass(frozen=True)
class Task:
    """A photo with the names, relative to the output folder and with "/", of what is made of it.

    Attributes
    ----------
    photo : str
        Path or URL.
    output, mask : str
    error : str or None
        Why it cannot even be tried, for example an unreadable folder.
    real_path : str
        The same for all spellings of the photo's path, see `svhn.jobs.output.RealPaths`; "" where nobody asked.
    place : str or None
        Where it lies below the folder that was given, with "/"; None where that is not known, or the same for
        several photos of the job.
    alone : bool
        No other photo of the job has its file name, so that the name tells which photo is meant.
    old_outputs, old_masks : tuple of str
        What earlier jobs called them and no photo calls its own now: withdrawn with the others.
    """

    photo: str
    output: str
    mask: str | None = None
    error: str | None = None
    real_path: str = ""
    place: str | None = None
    alone: bool = True
    old_outputs: tuple[str, ...] = ()
    old_masks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadDigit:
    """A digit that was found or given: label 0..9 and confidence 0..1 where they are known, box in pixels."""

    label: int | None
    confidence: float | None
    box: list[int]


@dataclass(frozen=True)
class ReadNumber:
    """A number that was found or given; boxes are [left, top, right, bottom], right and bottom exclusive.

    `text` has its digits only, `written` also the letters and signs that were read with them: "54-56"; None where there
    are none.
    """

    text: str
    confidence: float | None
    box: list[int]
    digits: tuple[ReadDigit, ...]
    written: str | None = None

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "ReadNumber":
        """Make a number from its JSON."""
        return cls(**(content | {"digits": tuple(ReadDigit(**digit) for digit in content["digits"])}))


@dataclass(frozen=True)
class RemovedNumber:
    """A number that was removed, or could not be.

    Attributes
    ----------
    boxes : list of [left, top, right, bottom]
        Its digits, in pixels of the upright photo.
    read_before, read_after : str
        What the surest reader read; after the removal it is a guess.
    confidence_before, confidence_after : list of float, 0..1
        How sure it was of each digit.
    rounds : int
        How often the mask had to be widened.
    legible_after : bool
        Whether a digit can be read still.
    text : str, optional
        The number as it was found or listed, with "?" for digits that nobody knows; "192 194" when it was several.
    confidence : float, optional
        How sure it was that there is a number, 0 to 1, see `number_confidence`; None when it was listed.
    """

    boxes: list[list[int]]
    read_before: str
    confidence_before: list[float]
    read_after: str
    confidence_after: list[float]
    rounds: int
    legible_after: bool
    text: str | None = None
    confidence: float | None = None

    @property
    def name(self) -> str:
        """The number as it was found or listed, or where nobody knows its digits, as it was read."""
        return self.read_before if self.text is None or "?" in self.text else self.text


@dataclass(frozen=True)
class ReportLine:
    """What happened to one photo.

    Attributes
    ----------
    photo : str
        Path or URL, as it was given.
    real_path : str or None
        Absolute path without links in its folder, where `photo` is another spelling of it.
    output, mask : str or None
        What was made of it, relative to the output folder; the mask, to that of the report.
    output_dir : str or None
        The output folder or URL, where the report lies in another one.
    status : str
        `OK`, `NO_DIGITS`, `ERROR`; `DOUBTFUL` where nothing is found but perhaps there is a digit, `PERHAPS_LEFT` where
        digits could be removed and the result is not written, since perhaps one is left; `UNCHANGED` where what was
        done before still holds; `PLANNED` in a dry run where there is something to remove.
    numbers : tuple
        `RemovedNumber`s, in a dry run `ReadNumber`s.
    error : str or None
        Why it failed, what was expected and what to do.
    look : str or None
        Which look was made at the finished photo; None without `JobConfig.strict`.
    seen : tuple of ReadNumber
        What that look could read; such a photo is not written.
    unsure : tuple of ReadNumber
        Where perhaps there is a digit in what is written, or would be.
    perhaps_left : bool or None
        True where digits were removed and perhaps one is left, or can be read still.
    boxes : str or None
        Where its boxes come from: `IN_PLAN`, `GIVEN`, `BESIDE` or `FOUND`; `GIVEN` or `BESIDE` with "+found" where the
        finder added to them.
    fitted : str or None
        What was done to listed boxes so that they are in the pixels of this photo: scaled, turned.
    size : (int, int) or None
        Width and height of the upright photo in pixels; in a dry run.
    bytes, sha256, settings, output_bytes, output_sha256
        What a later job compares: content of the photo, all that the result depends on besides, content of the output.
    says_where : bool or None
        True where the output still says where the photo was taken.
    left_out : dict of str to int, or None
        Of a folder (status `LEFT_OUT`) how many files in it are no photos, by their suffix.
    seconds : float
        Time spent on it.
    finished : str
        When, UTC in ISO 8601.
    """

    photo: str
    output: str | None = None
    mask: str | None = None
    output_dir: str | None = None
    status: str = ERROR
    numbers: tuple[RemovedNumber | ReadNumber, ...] = ()
    error: str | None = None
    look: str | None = None
    seen: tuple[ReadNumber, ...] = ()
    unsure: tuple[ReadNumber, ...] = ()
    perhaps_left: bool | None = None
    boxes: str | None = None
    fitted: str | None = None
    size: tuple[int, int] | None = None
    bytes: int | None = None
    sha256: str | None = None
    settings: str | None = None
    output_bytes: int | None = None
    output_sha256: str | None = None
    says_where: bool | None = None
    left_out: dict[str, int] | None = None
    real_path: str | None = None
    seconds: float = 0.0
    finished: str = ""

    def finished_now(self, seconds: float) -> "ReportLine":
        """Return the line with the time that the photo took, and the present one."""
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        return dataclasses.replace(self, seconds=round(seconds, 4), finished=now)

    @property
    def is_legible(self) -> bool:
        """Whether a digit can be read still."""
        return bool(self.seen) or any(
            number.legible_after for number in self.numbers if isinstance(number, RemovedNumber)
        )

    @property
    def is_done(self) -> bool:
        """Whether a later job can compare with this: there is an output, or there shall be none for want of digits."""
        skipped = self.status in UNTOUCHED and self.output is None
        known = all(getattr(self, name) is not None for name in (_COMPARED if skipped else (*_COMPARED, *_OF_OUTPUT)))
        return self.error is None and self.status in (OK, *UNTOUCHED) and known

    def to_dict(self) -> dict[str, Any]:
        """Return the line as it stands in the ledger; of boxes and of what is compared only what is known."""
        content = dataclasses.asdict(self)
        return {name: value for name, value in content.items() if value is not None or name not in _OPTIONAL}

    @classmethod
    def from_dict(cls, content: Any) -> "ReportLine":
        """Make a line from its JSON; ValueError where it is none."""
        try:
            numbers = tuple(
                RemovedNumber(**number) if "boxes" in number else ReadNumber.from_dict(number)
                for number in content["numbers"]
            )
            required = {name: content[name] for name in ("photo", "status", "finished")}
            optional = {field.name: content[field.name] for field in dataclasses.fields(cls) if field.name in content}
            _check_texts(optional)
            places = {
                name: tuple(ReadNumber.from_dict(number) for number in content.get(name, ()))
                for name in ("seen", "unsure")
            }
            return cls(**(optional | required | {"numbers": numbers} | places))
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"not a line of a report ({type(error).__name__}: {error})") from error


def _check_texts(content: dict[str, Any]) -> None:
    """Raise TypeError where something else stands for a text: reports are files, and anybody may have written them."""
    for name in ("photo", "status", "finished"):
        if not isinstance(content.get(name), str):
            raise TypeError(f"{name} is no text")
    for name in ("output", "mask", "output_dir", "error", "real_path"):
        if not isinstance(content.get(name), str | None):
            raise TypeError(f"{name} is no text")


_OF_OUTPUT = ("output", "output_bytes", "output_sha256")
_COMPARED = ("bytes", "sha256", "settings")
# What does not stand in the ledger where it is not known.
_OPTIONAL = (
    *_COMPARED,
    *_OF_OUTPUT[1:],
    "output_dir",
    "perhaps_left",
    "says_where",
    "left_out",
    "boxes",
    "fitted",
    "size",
    "real_path",
)

# A task, and what the ledger says of the photo where it was done before.
Order = tuple[Task, ReportLine | None]


class StopJob(Exception):
    """No further photo can be done, for example on a full disk."""


class CannotStart(StopJob, InputError):
    """What every photo needs is missing or damaged."""
