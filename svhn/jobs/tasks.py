"""What is to be done to a photo, what was done to it, and why a job may have to stop."""

import datetime
from dataclasses import dataclass
from typing import Any

from svhn.errors import InputError

OK, NO_DIGITS, ERROR, UNCHANGED, PLANNED = "ok", "no_digits", "error", "unchanged", "planned"


@dataclass(frozen=True)
class Task:
    """A photo with the names, relative to the output folder and with "/", of what is made of it.

    `error` says why it cannot even be tried, for example an unreadable folder.
    """

    photo: str
    output: str
    mask: str | None = None
    error: str | None = None


@dataclass(frozen=True)
class Done:
    """What the ledger says of a photo that was done before; see `PhotoWorker` for the fields."""

    status: str
    bytes: int
    sha256: str
    settings: str
    output: str
    output_bytes: int
    output_sha256: str
    mask: str | None


Order = tuple[Task, Done | None]


class StopJob(Exception):
    """No further photo can be done, for example on a full disk."""


class CannotStart(StopJob, InputError):
    """What every photo needs is missing or damaged."""


def report_line(task: Task, seconds: float, **found: Any) -> dict[str, Any]:
    """Return a photo's line of the report: an error unless `found` says otherwise."""
    line = {"photo": task.photo, "output": None, "mask": None, "status": ERROR, "numbers": [], "error": None}
    finished = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return line | found | {"seconds": round(seconds, 4), "finished": finished}
