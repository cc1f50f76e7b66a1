"""What a training shows: a line per interval, and on a terminal a live one in between."""

import sys

import pytest

from svhn.commands.training_line import show_progress, text_of
from svhn.runs.progress import Progress

LEARNING = Progress(1200, 12_000, {"loss": 0.27134, "accuracy": 0.9}, 3.0)
MEASURED = Progress(1200, 12_000, {"loss": 0.25}, 3.0, {"whole_number": 0.912, "f1": 0.9})


def test_the_line_says_how_long_it_still_takes():
    assert text_of(LEARNING) == "iteration 1,200/12,000  loss 0.2713  accuracy 90.00%  3.0/s  1:00:00 left"
    assert "1 day, 3:46:40 left" in text_of(Progress(0, 100_000, {}, 1.0))


def test_scores_stand_at_the_end_of_an_interval():
    assert text_of(MEASURED).endswith("left  validation: whole number 91.20%  f1 90.00%")


@pytest.mark.parametrize("terminal, lines", [(False, 1), (True, 1)])
def test_only_measurements_stay(capsys, monkeypatch, terminal, lines):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    for progress in (LEARNING, LEARNING, MEASURED):
        show_progress(progress)
    output = capsys.readouterr().out
    assert output.count("\n") == lines and output.count("loss 0.2713") == (2 if terminal else 0)
