"""What a job shows while it runs: a live line on a terminal, a line per photo elsewhere, JSON for scripts."""

import datetime
import json
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from svhn.files import json_line, printable
from svhn.jobs import DOUBTFUL, ERROR, NO_DIGITS, OK, PLANNED, UNCHANGED, join, left_out_text

if TYPE_CHECKING:
    from svhn.jobs import PhotoReading, ReadNumber, RemovedNumber, ReportLine, Summary

REFRESH_PER_SECOND = 4
# Seconds between two states of a live line, and between two lines in a log.
LIVE_PAUSE, LINE_PAUSE = 0.25, 30.0


def choose_display(output_dir: str, quiet: bool = False, as_json: bool = False, dry_run: bool = False) -> "Quiet":
    """Return the display for the user's options and the kind of standard output; it is a context manager."""
    if as_json:
        return JsonLines(output_dir)
    if quiet:
        return Quiet(output_dir)
    return Live(output_dir) if sys.stdout.isatty() and not dry_run else TextLines(output_dir)


class Quiet:
    """Shows errors only, on standard error."""

    def __init__(self, output_dir: str):
        self.output_dir = output_dir

    def __enter__(self) -> "Quiet":
        return self

    def __exit__(self, *exception) -> None:
        pass

    def show(self, line: "ReportLine", summary: "Summary") -> None:
        """Show a line of the report."""
        if line.error:
            self.complain(f"Error: {printable(line.error)}")

    def end(self, summary: "Summary") -> None:
        """Show what became of the job."""
        if summary.stopped:
            self.complain(f"Stopped: {printable(summary.stopped)}")

    def complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class TextLines(Quiet):
    """Shows a line per photo and the totals."""

    def show(self, line: "ReportLine", summary: "Summary") -> None:
        super().show(line, summary)
        place = self._place(line.output) if line.output else printable(line.photo)
        numbers = ", ".join(map(_number_text, line.numbers))
        fitted = f"; {line.fitted}" if line.fitted else ""
        perhaps = "; ".join(_perhaps_text(number) for number in line.unsure)
        if line.error:
            return
        if line.status == OK:
            left = f"; perhaps left: {perhaps}" if perhaps else "; still legible" if line.perhaps_left else ""
            self.say(f"{place}: removed {numbers} ({line.seconds:.2f} s){fitted}{left}")
        elif line.status == PLANNED:
            self.say(f"{place}: would remove {numbers}{fitted}" + (f"; perhaps also {perhaps}" if perhaps else ""))
        elif line.status == DOUBTFUL:
            self.say(f"{place}: doubtful, nothing sure found, perhaps {perhaps}")
        elif line.status == NO_DIGITS:
            self.say(f"{place}: nothing found")

    def end(self, summary: "Summary") -> None:
        super().end(summary)
        self.say(totals(summary))
        if summary.advice:
            self.say(f"Note: {summary.advice}")

    def say(self, text: str) -> None:
        print(text, flush=True)

    def _place(self, output: str) -> str:
        return printable(join(self.output_dir, output))


class Live(TextLines):
    """Shows a bar with rate, time left and counts; errors scroll by above it."""

    def __enter__(self) -> "Live":
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
        counts = TextColumn("{task.fields[counts]}")
        self.progress = Progress(*columns, counts, refresh_per_second=REFRESH_PER_SECOND)
        self.bar = self.progress.add_task("photos", total=None, rate="", counts="starting")
        self.progress.start()
        return self

    def __exit__(self, *exception) -> None:
        self.progress.stop()

    def show(self, line: "ReportLine", summary: "Summary") -> None:
        Quiet.show(self, line, summary)
        speed = self.progress.tasks[0].speed
        self.progress.update(
            self.bar,
            total=summary.photos,
            completed=summary.counts.total(),
            rate=f"{speed:.1f}/s" if speed else "",
            counts=counts_text(summary),
        )

    def complain(self, text: str) -> None:
        self.progress.console.print(text, style="red", markup=False, highlight=False)

    def end(self, summary: "Summary") -> None:
        self.progress.stop()
        super().end(summary)


class ReadingLines:
    """Shows what `read` reads: JSON on standard output, or only the totals where the JSON goes into a file."""

    def __init__(self, output: Path | None, left_out: Mapping[str, int], advice: str = ""):
        self.output, self.left_out, self.advice = output, left_out, advice
        self.failed = 0

    def show(self, line: "PhotoReading") -> None:
        """Show what was read in a photo, or why it could not be."""
        if line.error:
            self.failed += 1
            print(f"Error: {printable(line.error)}", file=sys.stderr, flush=True)
        if not self.output:
            print(json_line(line.to_dict(), sys.stdout.encoding), flush=True)

    def end(self, lines: "list[PhotoReading]") -> None:
        """Show where the lines are, and what of the folders is no photo."""
        for text in filter(None, (left_out_text(self.left_out), self.advice)):
            print(text, file=sys.stderr, flush=True)
        if self.output:
            print(f"{printable(self.output)}: {len(lines)} photos, {self.failed} failed", flush=True)


class JsonLines(Quiet):
    """Prints every line of the report as JSON, and the summary as the last line."""

    def show(self, line: "ReportLine", summary: "Summary") -> None:
        print(json.dumps(line.to_dict()), flush=True)

    def end(self, summary: "Summary") -> None:
        content = {
            "photos": summary.photos,
            "removed": summary.counts[OK],
            "perhaps_left": summary.perhaps_left,
            "doubtful": summary.counts[DOUBTFUL],
            "nothing_found": summary.counts[NO_DIGITS],
            "planned": summary.counts[PLANNED],
            "failed": summary.counts[ERROR],
            "still_legible": summary.legible,
            "refused_in_doubt": summary.refused.total(),
            "saying_where": summary.located,
            "left_out": dict(summary.left_out),
            "unchanged": summary.counts[UNCHANGED],
            "boxes_beside": summary.beside,
            "boxes_fitted": summary.fitted,
            "seconds": round(summary.seconds, 3),
            "report": summary.report,
            "stopped": summary.stopped,
            "exit_code": summary.exit_code,
        }
        print(json.dumps({"summary": content}), flush=True)


def _number_text(number: "RemovedNumber | ReadNumber") -> str:
    """Return a removed number as "24", one of a dry run as "24 at 17,9 to 40,31 (97% sure)"."""
    if hasattr(number, "name"):
        return number.name
    left, top, right, bottom = number.box
    sure = "" if number.confidence is None else f" ({number.confidence:.0%} sure)"
    return f"{number.text} at {left},{top} to {right},{bottom}{sure}"


def _perhaps_text(number: "ReadNumber") -> str:
    """Return a place of doubt as "8 at 17,9 to 40,31", without how sure it is, which nobody measured."""
    left, top, right, bottom = number.box
    return f"{number.text} at {left},{top} to {right},{bottom}"


def counts_text(summary: "Summary") -> str:
    """Return the counts as "5 removed, 1 nothing found, 0 failed", with doubts and what was done before if any."""
    counts, refused = summary.counts, summary.refused
    done = f"{counts[PLANNED]} to do" if counts[PLANNED] else f"{counts[OK]} removed"
    text = done + (f" ({summary.perhaps_left} of them perhaps not wholly)" if summary.perhaps_left else "")
    text += f", {counts[DOUBTFUL]} doubtful" if counts[DOUBTFUL] else ""
    text += f", {counts[NO_DIGITS]} nothing found, {counts[ERROR]} failed"
    text += f" ({summary.legible} of them still legible)" if summary.legible else ""
    text += f", {refused.total()} not written in doubt (--strict)" if refused.total() else ""
    return text + (f", {counts[UNCHANGED]} done before" if counts[UNCHANGED] else "")


def boxes_text(summary: "Summary") -> str:
    """Return a word on boxes that nobody gave on the command line, and on those that had to be changed, or nothing."""
    text = f"boxes beside {summary.beside} of the photos were used; " if summary.beside else ""
    return text + (f"boxes of {summary.fitted} were of another picture size; " if summary.fitted else "")


def totals(summary: "Summary") -> str:
    """Return what became of a job in one line."""
    rate = summary.counts.total() / summary.seconds if summary.seconds else 0.0
    missing = summary.photos - summary.counts.total()
    text = f"{summary.photos} photos: {counts_text(summary)}"
    text += f", {missing} not done (go on with --resume)" if missing else ""
    text += f"; {summary.located} say where they were taken (--metadata no-location)" if summary.located else ""
    text += f"; {left_out}" if (left_out := left_out_text(summary.left_out)) else ""
    text += f"; {rate:.1f} photos/s; {boxes_text(summary)}"
    return text + (
        f"details, also the numbers, in {printable(summary.report)}"
        if summary.report
        else "nothing was written (--dry-run)"
    )


def show_line(line: str, stays: bool) -> None:
    """Print a line that stays, or one that the next replaces, which only a terminal gets to see."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns
        click.echo(f"\r{line if stays else line[: width - 1]}\x1b[K", nl=stays)
    elif stays:
        click.echo(line)


class Steps:
    """Shows how far long work has come, with the time left.

    On a terminal a live line, elsewhere a line every half minute; and one at the end of each part of the work.

    Parameters
    ----------
    scale, unit : float, str
        What counts are divided by, and what they are then: 1e6 and "MB" for bytes.
    clock : callable
        Returns seconds.
    """

    def __init__(self, scale: float = 1, unit: str = "", clock: Callable[[], float] = time.monotonic):
        self.scale, self.unit, self.clock = scale, unit, clock
        self.what = ""
        self.first = 0
        self.began = self.shown = clock()

    def show(self, done: int, total: int, what: str) -> None:
        """Show that `done` of `total` steps of this part are done; `svhn.data` calls it."""
        now = self.clock()
        if what != self.what:
            self.what, self.first, self.began, self.shown = what, done, now, now
        pause = LIVE_PAUSE if sys.stdout.isatty() else LINE_PAUSE
        if done == total or now - self.shown >= pause:
            self.shown = now
            show_line(self._line(done, total, now), stays=done == total or not sys.stdout.isatty())

    def _line(self, done: int, total: int, now: float) -> str:
        counts = (f"{count / self.scale:,.{0 if self.scale == 1 else 1}f}" for count in (done, total))
        line = f"{self.what}: {' of '.join(counts)} {self.unit}".rstrip()
        if not self.first < done < total:
            return line
        seconds = (now - self.began) * (total - done) / (done - self.first)
        return f"{line}, {datetime.timedelta(seconds=round(seconds))} left"
