"""What a training shows while it goes on."""

import datetime
import shutil
import sys

import click

from svhn.runs import Progress, format_values


def show_progress(progress: Progress) -> None:
    """Print a line per interval and, on a terminal, a live line in between that stays on its line."""
    line, stays = text_of(progress), progress.scores is not None
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(f"\r{line if stays else line[: width - 1]}\x1b[K", nl=stays)
    elif stays:
        click.echo(line)


def text_of(progress: Progress) -> str:
    """Return where a run is: iteration, means of training, rate, time left, and scores where there are any."""
    left = datetime.timedelta(seconds=round(progress.seconds_left))
    line = (
        f"iteration {progress.iteration:,}/{progress.iterations:,}  {format_values(progress.means)}  "
        f"{progress.rate:.1f}/s  {left} left"
    )
    return line if progress.scores is None else f"{line}  validation: {format_values(progress.scores)}"
