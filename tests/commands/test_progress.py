import json
from collections import Counter

import pytest

from svhn.commands.progress import JsonLines, Live, Quiet, Steps, TextLines, choose_display
from svhn.jobs.removal import Summary
from svhn.jobs.tasks import RemovedNumber, ReportLine

NUMBERS = tuple(RemovedNumber([], text, [], "", [], 0, False) for text in ("47", "3"))
LINES = [
    ReportLine("a.png", "a.png", status="ok", numbers=NUMBERS).finished_now(0.5),
    ReportLine("b.png", "b.png", status="no_digits").finished_now(0.1),
    ReportLine("bad\x1b\n.png", error="bad\x1b\n.png: the file is empty").finished_now(0.1),
]


def shown(display, capsys, **end):
    summary = Summary(5, "out/report.jsonl", seconds=2.0)
    with display:
        for line in LINES:
            summary.count(line)
            display.show(line, summary)
        for name, value in end.items():
            setattr(summary, name, value)
        display.end(summary)
    return capsys.readouterr()


def test_text_has_a_line_for_each_photo_and_the_totals(capsys):
    output = shown(TextLines("out"), capsys)
    assert "out/a.png: removed 47, 3 (0.50 s)\nout/b.png: nothing found\n" in output.out
    assert (
        "5 photos: 1 removed, 1 nothing found, 1 failed, 2 not done (go on with --resume); 1.5 photos/s" in output.out
    )
    assert output.err == "Error: bad\\x1b\\n.png: the file is empty\n"


def test_quiet_shows_errors_and_why_it_stopped(capsys):
    output = shown(Quiet("out"), capsys, stopped="out: no space left")
    assert output.out == "" and output.err.splitlines()[1:] == ["Stopped: out: no space left"]


def test_json_is_the_report_and_a_summary(capsys):
    *lines, last = map(json.loads, shown(JsonLines("out"), capsys, signal=15).out.splitlines())
    assert [ReportLine.from_dict(line) for line in lines] == LINES
    summary = last["summary"]
    assert summary["removed"] == summary["nothing_found"] == summary["failed"] == 1 and summary["exit_code"] == 143


def test_the_live_bar_shows_counts_and_lets_errors_pass(capsys):
    output = shown(Live("out"), capsys)
    assert "3/5" in output.out and "1 removed, 1 nothing found, 1 failed" in output.out
    assert "the file is empty" in output.out + output.err


@pytest.mark.parametrize("options, kind", [({"quiet": True}, Quiet), ({"as_json": True}, JsonLines), ({}, TextLines)])
def test_choice_where_output_is_no_terminal(capsys, options, kind):
    assert type(choose_display("out", **options)) is kind


@pytest.mark.parametrize(
    "counts, stopped, signal, code",
    [({"ok": 2}, None, None, 0), ({"error": 1}, None, None, 1), ({"error": 1}, "full", None, 3), ({}, "full", 2, 130)],
)
def test_exit_codes(counts, stopped, signal, code):
    assert Summary(2, "r", Counter(counts), 1.0, stopped, signal).exit_code == code


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def stepped(capsys, steps, seconds, scale=1, unit=""):
    """Return what is shown when steps are reported one after the other, `seconds` apart."""
    clock = Clock()
    display = Steps(scale, unit, clock)
    for step in steps:
        display.show(*step)
        clock.now += seconds
    return capsys.readouterr().out


def test_in_a_log_steps_are_a_line_every_half_minute_and_at_the_end(capsys):
    steps = [(done, 20, "photos") for done in range(1, 21)]
    assert stepped(capsys, steps, 7).splitlines() == [
        "photos: 6 of 20, 0:01:38 left",
        "photos: 11 of 20, 0:01:03 left",
        "photos: 16 of 20, 0:00:28 left",
        "photos: 20 of 20",
    ]


def test_each_part_of_the_work_has_its_own_time(capsys):
    steps = [(1, 2, "train"), (2, 2, "train"), (50, 100, "test"), (60, 100, "test")]
    assert stepped(capsys, steps, 30).splitlines() == ["train: 2 of 2", "test: 60 of 100, 0:02:00 left"]


def test_on_a_terminal_steps_are_one_line_that_is_written_over(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    shown = stepped(capsys, [(1, 3, "photos"), (2, 3, "photos"), (3, 3, "photos")], 1.0)
    assert shown == "\rphotos: 2 of 3, 0:00:01 left\x1b[K\rphotos: 3 of 3\x1b[K\n"


def test_bytes_are_shown_in_megabytes(capsys):
    steps = [(1_500_000, 3_000_000, "a.mat"), (3_000_000, 3_000_000, "a.mat")]
    assert stepped(capsys, steps, 1, 1e6, "MB") == "a.mat: 3.0 of 3.0 MB\n"
