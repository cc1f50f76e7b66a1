"""What a training shows while it goes on."""

import datetime
from typing import Any

import click

from svhn.commands.progress import Steps, show_line
from svhn.runs import Progress, format_values


def shown() -> dict[str, Any]:
    """Return the callbacks of a training: it shows its data in the making, then its progress, line by line."""
    return {"report": show_progress, "steps": Steps().show, "say": click.echo}


def show_progress(progress: Progress) -> None:
    """Print a line per interval and, on a terminal, a live line in between that stays on its line."""
    show_line(text_of(progress), stays=progress.scores is not None)


def text_of(progress: Progress) -> str:
    """Return where a run is: iteration, means of training, rate, time left, and scores where there are any."""
    left = datetime.timedelta(seconds=round(progress.seconds_left))
    line = (
        f"iteration {progress.iteration:,}/{progress.iterations:,}  {format_values(progress.means)}  "
        f"{progress.rate:.1f}/s  {left} left"
    )
    return line if progress.scores is None else f"{line}  validation: {format_values(progress.scores)}"
