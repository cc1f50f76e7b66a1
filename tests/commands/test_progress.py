import json
from collections import Counter

import pytest

from svhn.commands.progress import JsonLines, Live, Quiet, TextLines, choose_display
from svhn.jobs.removal import Summary
from svhn.jobs.tasks import Task, report_line

NUMBER = {"read_before": "47"}
LINES = [
    report_line(Task("a.png", "a.png"), 0.5, status="ok", output="a.png", numbers=[NUMBER, {"read_before": "3"}]),
    report_line(Task("b.png", "b.png"), 0.1, status="no_digits", output="b.png"),
    report_line(Task("bad\x1b\n.png", "x"), 0.1, error="bad\x1b\n.png: the file is empty"),
]


def shown(display, capsys, **end):
    summary = Summary(5, "out/report.jsonl", seconds=2.0)
    with display:
        for line in LINES:
            summary.counts[line["status"]] += 1
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
    assert lines == LINES
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
